"""Draw the pictures of ``docs/method.md`` from the demo families: ``python docs/make_pictures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neural_phylogeny import demo
from neural_phylogeny.formats import open_checkpoint

OUT = Path(__file__).with_name("pictures")
STEPS = ("files", "same tensors", "one read", "related?", "which first?", "forest", "claims")


def weights(bird: str) -> NDArray[np.float32]:
    """The first matrix of a model of the demo."""
    with open_checkpoint(demo.folder() / f"{bird}.safetensors") as checkpoint:
        tensor = checkpoint.tensors["0.weight"]
        return np.asarray(checkpoint.read(tensor.name), dtype=np.float32).reshape(tensor.shape)


def steps() -> Figure:
    """Boxes and arrows."""
    figure = Figure(figsize=(9, 1.1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, len(STEPS))
    axes.set_ylim(0, 1)
    for k, step in enumerate(STEPS):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#e8eef7", "edgecolor": "#4477aa"}
        axes.text(k + 0.5, 0.5, step, ha="center", va="center", fontsize=9, bbox=box)
        if k:
            axes.annotate("", (k + 0.1, 0.5), (k - 0.1, 0.5), arrowprops={"arrowstyle": "->", "color": "#4477aa"})
    return figure


def units() -> Figure:
    """Products of centred units of two models, related and not."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    for axes, (a, b, title) in zip(
        figure.subplots(1, 2),
        (("godwit", "heron", "parent and child"), ("godwit", "egret", "strangers")),
        strict=True,
    ):
        x, y = (one - one.mean(axis=1, keepdims=True) for one in (weights(a), weights(b)))
        cosine = x @ y.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
        axes.imshow(cosine, cmap="RdBu", vmin=-1, vmax=1)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("units of the one")
        axes.set_ylabel("units of the other")
    return figure


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for draw in (steps, units):
        draw().savefig(OUT / f"{draw.__name__}.png", dpi=110, metadata={"Software": None})
