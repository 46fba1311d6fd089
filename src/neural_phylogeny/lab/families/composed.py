"""Networks composed of parts: convolutions with every norm, transformers, recurrent cells, residual perceptrons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from neural_phylogeny.lab.families import parts
from neural_phylogeny.lab.families.architectures import TensorSpec, last_layer, learnt_first
from neural_phylogeny.lab.families.parts import Part
from neural_phylogeny.lab.families.prior import between, between_in_log, draw
from neural_phylogeny.lab.families.varied_prior import Inputs, Networks, Shape

Generator = np.random.Generator

TRIES = 200
"""Networks that are drawn before the bounds on their size are given up."""


@dataclass(frozen=True)
class Network:
    """A network on one kind of inputs, as ``Architecture`` is one on grey images.

    Attributes
    ----------
    inputs : what an example is, and its shape
    part : its tensors, and how it runs
    described : its sizes in words
    """

    kind: str
    inputs: Shape
    classes: int
    activation: str
    described: str
    part: Part = field(compare=False, repr=False)

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """All tensors, learnt ones first."""
        return learnt_first(self.part.specs)

    @property
    def head(self) -> frozenset[str]:
        """Names of the tensors of the last layer."""
        return last_layer(self.tensors)

    @property
    def parameters(self) -> int:
        """Entries of all tensors."""
        return sum(t.size for t in self.tensors)


@dataclass(frozen=True)
class _Drawn:
    """What a builder needs: the prior, and what was drawn of it."""

    rng: Generator
    own: Networks
    inputs: Shape
    width: int
    depth: int
    activation: str
    norm: str

    @property
    def act(self) -> Part:
        return parts.activation(self.activation)

    def normed(self, name: str, width: int, layer: int, *, images: bool) -> Part:
        return parts.norm(self.norm, name, width, layer, images=images)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


Body = tuple[list[Part], int]
"""Parts up to the head, and the width that they leave as a vector."""


def draw_network(rng: Generator, own: Networks, kind: str | None = None) -> Network:
    """A network of a given kind or any, within the bounds on the number of parameters where that is possible."""
    kind = kind or draw(rng, own.kinds)
    size = between_in_log(rng, own.parameters)
    best: Network | None = None
    for _ in range(TRIES):
        found = _drawn(rng, own, kind)
        nearer = best is None or abs(np.log(found.parameters / size)) < abs(np.log(best.parameters / size))
        best = found if nearer or best is None else best
        if abs(np.log(best.parameters / size)) < own.near:
            break
    assert best is not None
    return best


def _drawn(rng: Generator, own: Networks, kind: str) -> Network:
    inputs = _shaped(rng, draw(rng, own.inputs[kind]))
    classes = draw(rng, own.classes)
    drawn = _Drawn(
        rng, own, inputs, draw(rng, own.widths[kind]), between(rng, own.depth[kind]), draw(rng, own.activations), ""
    )
    drawn = _Drawn(**{**vars(drawn), "norm": draw(rng, own.norms[kind])})
    body, width = BUILDERS[kind](drawn)
    last = 1 + max((t.layer for part in body for t in part.specs), default=-1)
    whole = parts.chain([*body, parts.linear("head", width, classes, last, bias=not drawn.chance(own.no_bias))])
    shape = "x".join(map(str, inputs.shape))
    words = f"{kind} {inputs.what} {shape} {drawn.width} {drawn.depth} {classes} {drawn.activation} {drawn.norm}"
    return Network(kind, inputs, classes, drawn.activation, words, whole)


def _shaped(rng: Generator, inputs: Inputs) -> Shape:
    """With one value of every list, and none of 0."""
    shape: list[int] = []
    for one in inputs.shape:
        shape.append((one if isinstance(one, int) else draw(rng, one)) or shape[-1])
    return Shape(inputs.what, tuple(shape))


def _as_images(shape: tuple[int, ...]) -> Part:
    channels, height, width = shape if len(shape) == 3 else (shape[0], 1, shape[1])
    return parts.as_images((channels, height, width))


def _convolutional(drawn: _Drawn, *, residual: bool, depthwise: bool) -> Body:
    """Convolutions on images, or on signals as images of height 1, with a stride now and then."""
    shape, signal = drawn.inputs.shape, len(drawn.inputs.shape) == 2
    size = (draw(drawn.rng, (3, 5)),) if signal else (3, 3)
    bias = drawn.norm == "none"
    width, layer = drawn.width, 1
    body = [_as_images(shape), parts.convolution("stem", shape[0], width, 0, size=size, bias=bias)]
    body += [drawn.normed("stem_norm", width, 0, images=True), drawn.act]
    stride = 2 if shape[-1] >= 10 or not drawn.chance(0.5) else 1
    for k in range(drawn.depth):
        after = width if residual else min(2 * width, 4 * drawn.width) if k % 2 == 0 else width
        name = f"blocks.{k}"
        block = []
        if depthwise:
            block.append(parts.convolution(f"{name}.dw", width, width, layer, size=size, depthwise=True, bias=bias))
            block.append(drawn.normed(f"{name}.norm", width, layer, images=True))
            one = (1,) * len(size)
            inner = draw(drawn.rng, drawn.own.multiples) * width
            block.append(parts.convolution(f"{name}.pw1", width, inner, layer + 1, size=one))
            block += [drawn.act, parts.convolution(f"{name}.pw2", inner, after, layer + 2, size=one)]
            layer += 3
        else:
            step = 1 if residual else stride
            block.append(parts.convolution(f"{name}.conv1", width, after, layer, size=size, stride=step, bias=bias))
            block += [drawn.normed(f"{name}.norm1", after, layer, images=True), drawn.act]
            layer += 1
            if residual:
                block.append(parts.convolution(f"{name}.conv2", after, after, layer, size=size, bias=bias))
                block.append(drawn.normed(f"{name}.norm2", after, layer, images=True))
                layer += 1
        is_residual = residual or (depthwise and after == width)
        body.append(parts.residual(parts.chain(block)) if is_residual else parts.chain(block))
        if residual and k == 0:
            wider = 2 * width
            body += [drawn.act, parts.convolution("down", width, wider, layer, size=size, stride=2, bias=bias)]
            after, layer = wider, layer + 1
        body.append(drawn.act)
        width = after
    return [*body, parts.mean_of_images(width)], width


def _places(drawn: _Drawn, inputs: Shape) -> Body:
    """Sequences of vectors: tokens from a table, patches of an image, samples of a signal."""
    if inputs.what == "tokens":
        rows, _ = inputs.shape
        return [parts.embedding("embed", rows, drawn.width, 0)], drawn.width
    if len(inputs.shape) == 3:
        channels, height, width = inputs.shape
        side = next(side for side in (4, 5, 7, 3, 2) if height % side == 0 and width % side == 0)

        def cut(x: Tensor) -> Tensor:
            m, b, _ = x.shape
            tiles = x.view(m, b, channels, height // side, side, width // side, side).permute(0, 1, 3, 5, 2, 4, 6)
            return tiles.reshape(m, b, (height // side) * (width // side), channels * side * side)

        return [parts.plain(cut)], channels * side * side
    channels, places = inputs.shape
    return [parts.plain(lambda x: x.view(*x.shape[:2], channels, places).transpose(2, 3))], channels


def _number_of_places(inputs: Shape) -> int:
    if len(inputs.shape) == 3:
        _, height, width = inputs.shape
        side = next(side for side in (4, 5, 7, 3, 2) if height % side == 0 and width % side == 0)
        return (height // side) * (width // side)
    return inputs.shape[1]


def _transformer(drawn: _Drawn) -> Body:
    """Blocks with the norm before or after, positions learnt or none, one projection or three, scales now and then."""
    body, into = _places(drawn, drawn.inputs)
    width, own = drawn.width, drawn.own
    if drawn.inputs.what != "tokens":
        body.append(parts.linear("patches", into, width, 0))
    if drawn.chance(own.positions):
        body.append(parts.positions("positions", _number_of_places(drawn.inputs), width, 0))
    fused, bias, before = drawn.chance(0.5), not drawn.chance(own.no_bias), drawn.chance(0.75)
    heads, scaled = draw(drawn.rng, (1, 2, 4)), drawn.chance(0.15)
    inner, layer = draw(drawn.rng, own.multiples) * width, 1
    for k in range(drawn.depth):
        name = f"blocks.{k}"
        first, second = (drawn.normed(f"{name}.norm{n}", width, layer + n - 1, images=False) for n in (1, 2))
        attends = [parts.attention(f"{name}.attn", width, heads, layer, fused=fused, bias=bias)]
        up = parts.linear(f"{name}.fc1", width, inner, layer + 2, bias)
        thinks = [up, drawn.act, parts.linear(f"{name}.fc2", inner, width, layer + 3, bias)]
        if scaled:
            attends.append(parts.scale(f"{name}.ls1", width, layer))
            thinks.append(parts.scale(f"{name}.ls2", width, layer + 2))
        for one, normed in ((attends, first), (thinks, second)):
            inside = parts.chain([normed, *one] if before else one)
            body += [parts.residual(inside)] if before else [parts.residual(inside), normed]
        layer += 4
    if before:
        body.append(drawn.normed("norm", width, layer, images=False))
    return [*body, parts.plain(lambda x: x.mean(2))], width


def _recurrent(cell: str) -> Callable[[_Drawn], Body]:
    def body(drawn: _Drawn) -> Body:
        found, into = _places(drawn, drawn.inputs)
        found.append(parts.recurrent("rnn", cell, into, drawn.width, 1))
        last = drawn.chance(0.5)
        found.append(parts.plain(lambda x: x[:, :, -1] if last else x.mean(2)))
        found.append(drawn.normed("norm", drawn.width, 2, images=False))
        if drawn.chance(0.3):
            found += [parts.linear("fc", drawn.width, drawn.width, 3), drawn.act]
        return found, drawn.width

    return body


def _bag(drawn: _Drawn) -> Body:
    """The mean of the embeddings, then a perceptron."""
    body, into = _places(drawn, drawn.inputs)
    rest, width = _perceptron_from(drawn, into, residual=False)
    return [*body, parts.plain(lambda x: x.mean(2)), *rest], width


def _filters(drawn: _Drawn) -> Body:
    """Convolutions along tokens."""
    body, into = _places(drawn, drawn.inputs)
    size = (draw(drawn.rng, (3, 5)),)
    body.append(parts.rows_as_images(into))
    for k in range(drawn.depth):
        body.append(parts.convolution(f"convs.{k}", into if k == 0 else drawn.width, drawn.width, k + 1, size=size))
        body += [drawn.normed(f"norms.{k}", drawn.width, k + 1, images=True), drawn.act]
    return [*body, parts.mean_of_images(drawn.width)], drawn.width


def _perceptron_from(drawn: _Drawn, into: int, *, residual: bool) -> Body:
    body: list[Part] = []
    width = into
    if residual:
        body.append(parts.linear("stem", into, drawn.width, 0))
        width = drawn.width
        inner = draw(drawn.rng, drawn.own.multiples) * width
        for k in range(drawn.depth):
            layer = 1 + 2 * k
            up = parts.linear(f"blocks.{k}.fc1", width, inner, layer)
            down = parts.linear(f"blocks.{k}.fc2", inner, width, layer + 1)
            normed = drawn.normed(f"blocks.{k}.norm", width, layer, images=False)
            body.append(parts.residual(parts.chain([normed, up, drawn.act, down])))
        return [*body, drawn.normed("norm", width, 1 + 2 * drawn.depth, images=False)], width
    narrows = drawn.chance(0.4)
    for k in range(drawn.depth):
        after = max(8, drawn.width // 2**k) if narrows else drawn.width
        body.append(parts.linear(f"layers.{k}", width, after, k + 1))
        body += [drawn.normed(f"norms.{k}", after, k + 1, images=False), drawn.act]
        width = after
    return body, width


BUILDERS: dict[str, Callable[[_Drawn], Body]] = {
    "cnn": lambda drawn: _convolutional(drawn, residual=False, depthwise=False),
    "residual-cnn": lambda drawn: _convolutional(drawn, residual=True, depthwise=False),
    "depthwise-cnn": lambda drawn: _convolutional(drawn, residual=False, depthwise=True),
    "transformer": _transformer,
    "gru": _recurrent("gru"),
    "lstm": _recurrent("lstm"),
    "elman": _recurrent("elman"),
    "bag": _bag,
    "filters": _filters,
    "perceptron": lambda drawn: _perceptron_from(drawn, drawn.inputs.shape[0], residual=False),
    "residual-perceptron": lambda drawn: _perceptron_from(drawn, drawn.inputs.shape[0], residual=True),
}
"""Kinds of networks by name."""
