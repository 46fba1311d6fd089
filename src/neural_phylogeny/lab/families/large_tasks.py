"""Tasks of large kinds: next tokens and hidden ones, answers, classes of images and waves, noise to be removed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.composed import Network
from neural_phylogeny.lab.families.large_networks import CLASS_HEAD, MASKED_HEAD
from neural_phylogeny.lab.families.pictures import SIDES, Pictures, View, draw_views
from neural_phylogeny.lab.families.prior import PictureViews
from neural_phylogeny.lab.families.synthetic import MAKERS, draw_classes

Generator = np.random.Generator

IGNORED = -100
"""In place of a token that does not count."""

MASK = 0
"""The token in place of one that is hidden."""

HIDDEN = 0.15
"""Share of tokens that are hidden."""


@dataclass(frozen=True)
class Tasks:
    """What the families of a batch are trained on.

    Attributes
    ----------
    views : all tasks
    classes : of each task, 0 where its outputs are not classes
    first : numbers of tasks that a root may have
    """

    views: list[View]
    classes: list[int]
    first: tuple[int, ...]


def draw_large_tasks(
    network: Network,
    number: int,
    examples: int,
    other_classes: float,
    pictures: Pictures,
    prior: PictureViews,
    rng: Generator,
) -> Tasks:
    """A number of tasks for a network; ``other_classes`` is the chance that they differ in their numbers of classes."""
    what, shape = network.inputs.what, network.inputs.shape
    if what in ("text", "masked"):
        return _of_text(network, number, examples, rng)
    if what == "noise":
        views = [_noisy(_images(shape[-1], 10, examples, pictures, prior, rng), rng) for _ in range(number)]
        return Tasks(views, [0] * number, tuple(range(number)))
    most = network.classes
    classes, differ = draw_classes(most, number, other_classes, rng)
    if what == "waves":
        world = MAKERS["signals"](shape, most, rng)
        made = [world.task(one, examples, rng) for one in classes]
        views = [View(f"waves-{k}", np.ascontiguousarray(x, np.float32), y) for k, (x, y) in enumerate(made)]
    else:
        views = [_images(shape[-1], one, examples, pictures, prior, rng) for one in classes]
    return Tasks(views, classes if differ else [0] * number, tuple(range(number)))


def _images(side: int, classes: int, examples: int, pictures: Pictures, prior: PictureViews, rng: Generator) -> View:
    """Coloured textures, or grey images whose channels differ by a factor and a shift."""
    if side not in SIDES or rng.random() < 0.4:
        x, y = MAKERS["textures"]((3, side, side), classes, rng).task(classes, examples, rng)
        return View("textures", np.ascontiguousarray(x, np.float32), y)
    view = draw_views(pictures, side, classes, 1, prior, rng)[0]
    scaled = (view.x - view.x.mean()) / (view.x.std() + 1e-6)
    colours = rng.uniform(0.4, 1.4, (1, 3, 1)) * scaled[:, None] + rng.normal(0.0, 0.3, (1, 3, 1))
    some = rng.permutation(len(view.y))[:examples]
    return replace(view, x=colours.reshape(len(scaled), -1)[some].astype(np.float32), y=view.y[some])


def _noisy(images: View, rng: Generator) -> View:
    """Images at some level of a cosine diffusion, the level behind them; labels are the noise."""
    level = rng.uniform(0.01, 0.99, (len(images.x), 1))
    keep, noise = np.cos(level * np.pi / 2.0), rng.normal(size=images.x.shape)
    noisy = keep * images.x + np.sqrt(1.0 - keep**2) * noise
    x = np.concatenate([noisy, level], axis=1).astype(np.float32)
    return View(f"denoise {images.name}", x, noise.astype(np.float32))


class _Language:
    """A language of this many tokens; its domains share words and what follows what."""

    def __init__(self, rows: int, rng: Generator) -> None:
        self.rows = rows
        order = rng.permutation(rows)
        self.words = -np.log1p(order).astype(np.float32)
        self.pairs = rng.normal(size=(rows, rows)).astype(np.float32)
        self.strength, self.repeats = float(rng.uniform(1.0, 2.5)), float(rng.uniform(0.0, 0.3))

    def domain(self, rng: Generator) -> NDArray[np.float32]:
        """What follows what in one domain, as cumulative chances (rows, rows)."""
        share = float(rng.uniform(0.2, 0.9))
        own = rng.normal(size=self.pairs.shape).astype(np.float32)
        logits = self.words + self.strength * (share * self.pairs + np.float32((1.0 - share**2) ** 0.5) * own)
        unused = rng.random(self.rows) < rng.uniform(0.0, 0.5)
        unused[MASK] = True
        logits[:, unused & (np.arange(self.rows) != 1)] = -np.inf
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: NDArray[np.float32] = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
        return found

    def text(self, domain: NDArray[np.float32], number: int, places: int, rng: Generator) -> NDArray[np.int64]:
        """Pieces (number, places), in which what was before comes again now and then."""
        found = np.ones((number, places), dtype=np.int64)
        back = rng.integers(2, max(3, places // 2), size=number)
        for place in range(1, places):
            chances = domain[found[:, place - 1]]
            drawn = np.minimum((chances < rng.random((number, 1), dtype=np.float32)).sum(axis=1), self.rows - 1)
            again = (rng.random(number) < self.repeats) & (back <= place)
            before = found[np.arange(number), np.maximum(place - back, 0)]
            found[:, place] = np.where(again, before, drawn)
        return found


def _of_text(network: Network, number: int, examples: int, rng: Generator) -> Tasks:
    rows, places = network.inputs.shape
    language = _Language(rows, rng)
    is_masked = network.inputs.what == "masked"
    halves = max(2, number // 2)
    domains = [language.domain(rng) for _ in range(halves)]
    texts = [language.text(domain, examples, places, rng) for domain in domains]
    if is_masked:
        views = [_masked(f"masked-{k}", text, rng) for k, text in enumerate(texts)]
        most = next(spec.shape[0] for spec in network.tensors if spec.name == f"{CLASS_HEAD}out_proj.weight")
        classes = [0] * halves
        while len(views) < number:
            own = int(rng.integers(2, most + 1))
            classes.append(own)
            views.append(_sequences(f"classes-{len(views)}", language, own, examples, places, rng))
        return Tasks(views, classes, tuple(range(halves)))
    views = [_next(f"next-{k}", text) for k, text in enumerate(texts)]
    while len(views) < number:
        k = int(rng.integers(halves))
        views.append(_answers(f"answers-{k}", _next("", language.text(domains[k], examples, places, rng))))
    return Tasks(views, [0] * number, tuple(range(halves)))


def _next(name: str, text: NDArray[np.int64]) -> View:
    y = np.full(text.shape, IGNORED, dtype=np.int64)
    y[:, :-1] = text[:, 1:]
    return View(name, text.astype(np.float32), y)


def _answers(name: str, view: View) -> View:
    """Only the second half of a piece counts."""
    y = view.y.copy()
    y[:, : y.shape[1] // 2] = IGNORED
    return replace(view, name=name, y=y)


def _masked(name: str, text: NDArray[np.int64], rng: Generator) -> View:
    """Some tokens hidden; the place behind the last, of the class, does not count."""
    hidden = rng.random(text.shape) < HIDDEN
    hidden[:, 1] |= ~hidden.any(axis=1)
    y = np.full((len(text), text.shape[1] + 1), IGNORED, dtype=np.int64)
    y[:, :-1] = np.where(hidden, text, IGNORED)
    return View(name, np.where(hidden, MASK, text).astype(np.float32), y, (CLASS_HEAD,))


def _sequences(name: str, language: _Language, classes: int, examples: int, places: int, rng: Generator) -> View:
    """Pieces of as many domains as there are classes."""
    domains = [language.domain(rng) for _ in range(classes)]
    labels = rng.integers(classes, size=examples)
    x = np.empty((examples, places), dtype=np.int64)
    for k, domain in enumerate(domains):
        x[labels == k] = language.text(domain, int((labels == k).sum()), places, rng)
    y = np.full((examples, places + 1), IGNORED, dtype=np.int64)
    y[:, -1] = labels
    return View(name, x.astype(np.float32), y, (MASKED_HEAD,))
