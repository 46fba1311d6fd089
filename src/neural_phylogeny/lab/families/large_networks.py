"""Large kinds of networks as libraries build them: decoders, experts, encoders, vision, waves, U-Nets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families import large_parts, parts
from neural_phylogeny.lab.families.architectures import TensorSpec
from neural_phylogeny.lab.families.composed import Network
from neural_phylogeny.lab.families.large_prior import LargeNetworks
from neural_phylogeny.lab.families.parts import Part, Seen, Tensors
from neural_phylogeny.lab.families.prior import between, between_in_log, draw
from neural_phylogeny.lab.families.varied_prior import Shape

Generator = np.random.Generator

TRIES = 60
"""Networks of which the one nearest to the size that was drawn is taken."""

CHANNELS = 3
"""Of images."""


@dataclass(frozen=True)
class _Drawn:
    """What a builder needs."""

    rng: Generator
    own: LargeNetworks
    width: int
    depth: int
    classes: int

    def one(self, *choices: str) -> str:
        return draw(self.rng, choices)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    @property
    def heads(self) -> int:
        return next(heads for heads in (draw(self.rng, (2, 4, 8)), 4, 2) if self.width % (2 * heads) == 0)


Built = tuple[Shape, list[Part], int]
"""What goes in, the parts, and how many outputs there are of each place or vector."""


def draw_large(rng: Generator, own: LargeNetworks, kind: str | None = None) -> Network:
    """A network of a given kind or any, near a size within the bounds on the number of parameters."""
    kind = kind or draw(rng, own.kinds)
    size = between_in_log(rng, own.parameters)
    drawn = [_drawn(rng, own, kind) for _ in range(TRIES)]
    return min(drawn, key=lambda network: abs(np.log(network.parameters / size)))


def _drawn(rng: Generator, own: LargeNetworks, kind: str) -> Network:
    drawn = _Drawn(rng, own, draw(rng, own.widths[kind]), between(rng, own.depth[kind]), draw(rng, own.classes))
    inputs, body, outputs = BUILDERS[kind](drawn)
    words = f"{kind} {inputs.what} {'x'.join(map(str, inputs.shape))} {drawn.width} {drawn.depth} {outputs}"
    return Network(kind, inputs, outputs, "gelu", words, parts.chain(body))


def _decoder(drawn: _Drawn, *, mixture: bool = False) -> Built:
    """In the manner of Llama, Qwen, GPT-2 or Mixtral."""
    rows, places, width = draw(drawn.rng, drawn.own.rows), draw(drawn.rng, drawn.own.places), drawn.width
    style = "mixtral" if mixture else drawn.one("llama", "qwen", "gpt2", "gpt2")
    is_old = style == "gpt2"
    names = [f"self_attn.{which}_proj" for which in "qkvo"] if not is_old else ["attn.c_attn", "attn.c_proj"]
    stem, layers = ("transformer", "h") if is_old else ("model", "layers")
    table = f"{stem}.wte" if is_old else f"{stem}.embed_tokens"
    body = [parts.embedding(table, rows, width, 0)]
    body += [parts.positions(f"{stem}.wpe.weight", places, width, 0)] if is_old else []
    kind, heads, inner = "layer" if is_old else "rms", drawn.heads, draw(drawn.rng, (2, 8 / 3, 4))
    wide, layer = int(inner * width) // 8 * 8, 1
    shared = 1 if is_old or heads < 4 else draw(drawn.rng, (1, 2))
    before, after = ("ln_1", "ln_2") if is_old else ("input_layernorm", "post_attention_layernorm")
    number = draw(drawn.rng, (3, 4))
    for k in range(drawn.depth):
        name = f"{stem}.{layers}.{k}"
        attends = large_parts.self_attention(
            [f"{name}.{one}" for one in names],
            width,
            heads,
            layer,
            shared=shared,
            causal=True,
            rotary=not is_old,
            bias=style in ("qwen", "gpt2"),
            bias_out=is_old,
        )
        if mixture:
            thinks = large_parts.experts(f"{name}.block_sparse_moe", width, wide // 2, number, layer + 2)
        elif is_old:
            thinks = _two(f"{name}.mlp", ("c_fc", "c_proj"), width, wide, layer + 2)
        else:
            gates = [f"{name}.mlp.{one}_proj" for one in ("gate", "up", "down")]
            thinks = large_parts.gated(gates, width, wide, layer + 2)
        for normed, part in ((before, attends), (after, thinks)):
            own = parts.norm(kind, f"{name}.{normed}", width, layer, images=False)
            body.append(parts.residual(parts.chain([own, part])))
        layer += 4
    body.append(parts.norm(kind, f"{stem}.ln_f" if is_old else f"{stem}.norm", width, layer, images=False))
    is_tied = drawn.chance(0.6 if not mixture else 0.2)
    last = parts.linear("lm_head", width, rows, layer + 1, False)
    body.append(large_parts.tied(f"{table}.weight") if is_tied else last)
    return Shape("text", (rows, places)), body, rows


def _two(name: str, layers: tuple[str, str], width: int, inner: int, layer: int) -> Part:
    """Two linear layers with GELU between them."""
    up = parts.linear(f"{name}.{layers[0]}", width, inner, layer)
    return parts.chain([up, parts.activation("gelu"), parts.linear(f"{name}.{layers[1]}", inner, width, layer + 1)])


def _layers(drawn: _Drawn, name: str, names: tuple[str, ...], width: int, first: int, *, before: bool) -> list[Part]:
    """Layers of an encoder; ``names`` of four projections, of two layers, and of two norms."""
    heads, inner, found, layer = drawn.heads, draw(drawn.rng, (2, 3, 4)) * width, list[Part](), first
    for k in range(drawn.depth):
        own = f"{name}.{k}"
        attends = large_parts.self_attention([f"{own}.{one}" for one in names[:-4]], width, heads, layer)
        thinks = _two(own, (names[-4], names[-3]), width, inner, layer + 2)
        for normed, part in zip(names[-2:], (attends, thinks), strict=True):
            norm = parts.norm("layer", f"{own}.{normed}", width, layer, images=False)
            inside = parts.residual(parts.chain([norm, part]) if before else part)
            found += [inside] if before else [inside, norm]
        layer += 4
    return found


BERT = (
    *(f"attention.self.{which}" for which in ("query", "key", "value")),
    *("attention.output.dense", "intermediate.dense", "output.dense", "attention.output.LayerNorm", "output.LayerNorm"),
)
DISTILBERT = (
    *(f"attention.{which}_lin" for which in "qkv"),
    *("attention.out_lin", "ffn.lin1", "ffn.lin2", "sa_layer_norm", "output_layer_norm"),
)
TIMM = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2", "norm1", "norm2")

MASKED_HEAD, CLASS_HEAD = "cls.", "classifier."
"""Beginnings of the names of the heads of an encoder, of which a model has one."""


def _encoder(drawn: _Drawn) -> Built:
    """In the manner of BERT: scores of tokens at each place, and of classes as one place more, of the first token."""
    rows, places, width = draw(drawn.rng, drawn.own.rows), draw(drawn.rng, drawn.own.places), drawn.width
    names, stem = (BERT, "bert.encoder.layer") if drawn.chance(0.6) else (DISTILBERT, "bert.transformer.layer")
    words, layer = "bert.embeddings.word_embeddings", 1 + 4 * drawn.depth
    body = [parts.embedding(words, rows, width, 0)]
    body.append(parts.positions("bert.embeddings.position_embeddings.weight", places, width, 0))
    body.append(parts.norm("layer", "bert.embeddings.LayerNorm", width, 0, images=False))
    body += _layers(drawn, stem, names, width, 1, before=False)
    score = parts.chain(
        [
            parts.linear(f"{MASKED_HEAD}predictions.transform.dense", width, width, layer),
            parts.activation("gelu"),
            parts.norm("layer", f"{MASKED_HEAD}predictions.transform.LayerNorm", width, layer, images=False),
            large_parts.tied(f"{words}.weight", f"{MASKED_HEAD}predictions.bias", rows, layer),
        ]
    )
    classes = parts.chain(
        [
            parts.linear(f"{CLASS_HEAD}dense", width, width, layer + 1),
            parts.activation("tanh"),
            parts.linear(f"{CLASS_HEAD}out_proj", width, drawn.classes, layer + 1),
        ]
    )

    def heads(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        named = functional.pad(classes.run(p, x[:, :, 0], seen), (0, rows - drawn.classes), value=-1e9)
        return torch.cat([score.run(p, x, seen), named.unsqueeze(2)], 2)

    return Shape("masked", (rows, places)), [*body, Part((*score.specs, *classes.specs), heads)], rows


def _vit(drawn: _Drawn) -> Built:
    """Patches of images, a token of the class or the mean."""
    side, width = draw(drawn.rng, drawn.own.sides), drawn.width
    patch = draw(drawn.rng, (2, 4) if side <= 12 else (4,))
    cut = large_parts.convolution(
        "patch_embed.proj", CHANNELS, width, 0, size=(patch, patch), stride=patch, padded=False
    )
    body = [parts.as_images((CHANNELS, side, side)), cut, large_parts.images_as_rows(width)]
    has_token = drawn.chance(0.5)
    body += [large_parts.token_first("cls_token", width, 0)] if has_token else []
    body.append(parts.positions("pos_embed", (side // patch) ** 2 + has_token, width, 0))
    names = TIMM if drawn.chance(0.5) else (*BERT[:6], "layernorm_before", "layernorm_after")
    body += _layers(drawn, "blocks", names, width, 1, before=True)
    layer = 1 + 4 * drawn.depth
    body += [parts.norm("layer", "norm", width, layer, images=False)]
    body += [parts.plain((lambda x: x[:, :, 0]) if has_token else (lambda x: x.mean(2)))]
    body += [parts.linear("head", width, drawn.classes, layer + 1)]
    return Shape("images", (CHANNELS, side, side)), body, drawn.classes


def _convnext(drawn: _Drawn) -> Built:
    """Patches, then depthwise convolutions and two dense layers with factors, narrower between stages."""
    side, width, layer = draw(drawn.rng, drawn.own.sides), drawn.width, 1
    size = (2, 2)
    body = [parts.as_images((CHANNELS, side, side))]
    body += [large_parts.convolution("stem.0", CHANNELS, width, 0, size=size, stride=2, padded=False)]
    body += [parts.norm("layer", "stem.1", width, 0, images=True)]
    for stage in range(2):
        if stage:
            wider = width * 3 // 2 // 4 * 4
            body.append(parts.norm("layer", "stages.1.downsample.0", width, layer, images=True))
            name = "stages.1.downsample.1"
            body.append(large_parts.convolution(name, width, wider, layer, size=size, stride=2, padded=False))
            width, layer = wider, layer + 1
        for k in range(max(1, (drawn.depth + stage) // 2)):
            name = f"stages.{stage}.blocks.{k}"
            deep = parts.convolution(f"{name}.conv_dw", width, width, layer, size=(7, 7), depthwise=True)
            inner = [
                deep,
                parts.norm("layer", f"{name}.norm", width, layer, images=True),
                large_parts.images_as_rows(width),
                _two(f"{name}.mlp", ("fc1", "fc2"), width, 4 * width, layer + 1),
                parts.scale(f"{name}.gamma", width, layer + 2),
            ]
            body.append(_on_images(parts.chain(inner), width))
            layer += 3
    body += [parts.mean_of_images(width), parts.norm("layer", "head.norm", width, layer, images=False)]
    body.append(parts.linear("head.fc", width, drawn.classes, layer + 1))
    return Shape("images", (CHANNELS, side, side)), body, drawn.classes


def _on_images(inner: Part, width: int) -> Part:
    """What goes in, plus what comes out as rows."""

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        return x + large_parts.rows_as_images(inner.run(p, x, seen), x.shape[2])

    return Part(inner.specs, run)


def _resnet(drawn: _Drawn) -> Built:
    """Basic blocks with batch or group norms, a projection where a stage is wider."""
    side, width, layer = draw(drawn.rng, drawn.own.sides), drawn.width, 1
    kind = drawn.one("batch", "batch", "batch", "group")

    def normed(name: str, width: int, layer: int) -> Part:
        return parts.norm(kind, name, width, layer, images=True)

    body = [parts.as_images((CHANNELS, side, side))]
    body += [large_parts.convolution("conv1", CHANNELS, width, 0, bias=False), normed("bn1", width, 0)]
    body.append(parts.activation("relu"))
    before = width
    for k in range(drawn.depth):
        name, stride = f"layer{k + 1}.0", 2 if k else 1
        after = min(before * stride, 4 * width)
        inner = [
            large_parts.convolution(f"{name}.conv1", before, after, layer, stride=stride, bias=False),
            normed(f"{name}.bn1", after, layer),
            parts.activation("relu"),
            large_parts.convolution(f"{name}.conv2", after, after, layer + 1, bias=False),
            normed(f"{name}.bn2", after, layer + 1),
        ]
        short = [large_parts.convolution(f"{name}.downsample.0", before, after, layer, size=(1, 1), bias=False)]
        short += [normed(f"{name}.downsample.1", after, layer)]
        body += [_shortened(parts.chain(inner), parts.chain(short) if stride > 1 else None), parts.activation("relu")]
        before, layer = after, layer + 2
    body += [parts.mean_of_images(before), parts.linear("fc", before, drawn.classes, layer)]
    return Shape("images", (CHANNELS, side, side)), body, drawn.classes


def _shortened(inner: Part, short: Part | None) -> Part:
    """What comes out, plus what goes in, or every second place of it projected."""

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        return inner.run(p, x, seen) + (x if short is None else short.run(p, x[:, :, ::2, ::2], seen))

    return Part((*inner.specs, *(short.specs if short else ())), run)


def _waves(drawn: _Drawn) -> Built:
    """Convolutions along a wave, then layers of attention."""
    length, width, layer = draw(drawn.rng, drawn.own.lengths), drawn.width, 3
    channels = width * 2 // 3 // 4 * 4
    body, into = [parts.as_images((1, 1, length))], 1
    for k, (size, stride) in enumerate(((9, 5), (3, 2), (3, 2))):
        name = f"encoder.feature_extractor.conv_layers.{k}"
        one = (1, size)
        bias = drawn.chance(0.5)
        body.append(large_parts.convolution(f"{name}.conv", into, channels, k, size=one, stride=stride, bias=bias))
        kind = "instance" if k == 0 else drawn.one("none", "layer")
        body += [parts.norm(kind, f"{name}.layer_norm", channels, k, images=True), parts.activation("gelu")]
        into = channels
    body += [large_parts.images_as_rows(channels)]
    body += [parts.norm("layer", "encoder.feature_projection.layer_norm", channels, layer, images=False)]
    body += [parts.linear("encoder.feature_projection.projection", channels, width, layer)]
    body += _layers(drawn, "encoder.layers", (*DISTILBERT[:6], "layer_norm", "final_layer_norm"), width, 4, before=True)
    layer = 4 + 4 * drawn.depth
    body += [parts.norm("layer", "encoder.layer_norm", width, layer, images=False), parts.plain(lambda x: x.mean(2))]
    body += [parts.linear("projector", width, width // 2, layer)]
    body += [parts.linear("classifier", width // 2, drawn.classes, layer + 1)]
    return Shape("waves", (1, length)), body, drawn.classes


def _unet(drawn: _Drawn) -> Built:
    """Two resolutions, attention at the lower; the noise of an image from the noisy image and the noise level."""
    side, a, b = draw(drawn.rng, drawn.own.sides) // 2 * 2, drawn.width, draw(drawn.rng, (1, 2)) * drawn.width
    timed, kind = 4 * a, drawn.one("group", "group", "group", "layer")
    level = parts.chain(
        [
            parts.linear("time_embedding.linear_1", a, timed, 0),
            parts.activation("silu"),
            parts.linear("time_embedding.linear_2", timed, timed, 0),
        ]
    )
    first = large_parts.convolution("conv_in", CHANNELS, a, 0)
    down = [large_parts.noisy_block(f"down_blocks.0.resnets.{k}", a, a, timed, 1, kind) for k in range(drawn.depth)]
    lower = large_parts.convolution("down_blocks.0.downsamplers.0.conv", a, b, 3, stride=2)
    middle = [large_parts.noisy_block(f"mid_block.resnets.{k}", b, b, timed, 4 + 6 * k, kind) for k in range(2)]
    norm = parts.norm(kind, "mid_block.attentions.0.group_norm", b, 6, images=True)
    names = [f"mid_block.attentions.0.{one}" for one in ("to_q", "to_k", "to_v", "to_out.0")]
    attends = large_parts.self_attention(names, b, drawn.heads if b % 8 == 0 else 2, 7)
    upper = large_parts.convolution("up_blocks.0.upsamplers.0.conv", b, a, 12)
    up = [
        large_parts.noisy_block(f"up_blocks.0.resnets.{k}", 2 * a if k == 0 else a, a, timed, 13, kind)
        for k in range(drawn.depth)
    ]
    last = parts.norm(kind, "conv_norm_out", a, 15, images=True)
    out = large_parts.convolution("conv_out", a, CHANNELS, 16)
    rows, cut = large_parts.images_as_rows(b), parts.as_images((CHANNELS, side, side))

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        noise = level.run(p, _sines(x[..., -1], a), None)
        h = first.run(p, cut.run(p, x[..., :-1].contiguous(), None), None)
        for _, block in down:
            h = block(p, h, noise)
        kept = h
        h = middle[0][1](p, lower.run(p, h, None), noise)
        attended = attends.run(p, rows.run(p, norm.run(p, h, None), None), None)
        h = middle[1][1](p, h + large_parts.rows_as_images(attended, h.shape[2]), noise)
        h = upper.run(p, h.repeat_interleave(2, 2).repeat_interleave(2, 3), None)
        h = large_parts.joined(h, kept, a)
        for _, block in up:
            h = block(p, h, noise)
        h = out.run(p, functional.silu(last.run(p, h, None)), None)
        return h.reshape(len(h), -1, CHANNELS * side * side).transpose(0, 1)

    pieces = (level, first, lower, norm, attends, upper, last, out)
    specs = [spec for part in pieces for spec in part.specs]
    specs += [spec for own, _ in (*down, *middle, *up) for spec in own]
    return Shape("noise", (CHANNELS, side, side)), [Part(_by_layer(specs), run)], CHANNELS * side * side


def _by_layer(specs: list[TensorSpec]) -> tuple[TensorSpec, ...]:
    return tuple(sorted(specs, key=lambda spec: spec.layer))


def _sines(level: Tensor, width: int) -> Tensor:
    """Noise levels in [0, 1] as sines and cosines (..., width)."""
    half = width // 2
    waves = 1000.0 * large_parts.ROTARY ** (-torch.arange(half, device=level.device) / half)
    angle = level[..., None] * waves
    return functional.pad(torch.cat([angle.sin(), angle.cos()], -1), (0, width - 2 * half))


BUILDERS: dict[str, Callable[[_Drawn], Built]] = {
    "decoder": _decoder,
    "experts": lambda drawn: _decoder(drawn, mixture=True),
    "encoder": _encoder,
    "vit": _vit,
    "convnext": _convnext,
    "resnet": _resnet,
    "waves": _waves,
    "unet": _unet,
}
"""Kinds of networks by name."""
