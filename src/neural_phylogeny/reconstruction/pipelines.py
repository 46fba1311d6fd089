"""Pipelines as models of components: the main component decides descent, the others are reported by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.sources.opening import format_of

MAIN = ("unet", "transformer", "prior", "denoiser")
"""What makes a pipeline that pipeline: the first of these that it has."""

OTHERS = frozenset(
    """vae vqvae movq text_encoder text_encoder_2 text_encoder_3 image_encoder safety_checker controlnet vocoder
    tokenizer_encoder decoder feature_extractor language_model projection_model bert unet_2 transformer_2 t2i_adapter
    vision_model text_projection""".split()
)
"""Other components of pipelines."""

SINGLE_FILE = {
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "cond_stage_model.": "text_encoder",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
}
"""Components of a Stable Diffusion checkpoint in one file, by how the names of their tensors begin."""

LEAST = 2
"""Fewest pipelines of one kind that are reported by component."""

WORDS = {"unet": "U-Net", "vae": "VAE", "text_encoder": "text encoder", "image_encoder": "image encoder"}
"""Components in words."""


class Component(Checkpoint):
    """Some tensors of an opened model, as a checkpoint of their own; the model is closed by whoever opened it."""

    def __init__(self, inner: Checkpoint, names: Sequence[str]) -> None:
        self.format = format_of(inner)  # type: ignore[misc]
        self.tensors = {name: inner.tensors[name] for name in names}
        self._inner = inner

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        return self._inner.read(name, start, stop)

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        self._inner.read_into(name, start, out)

    def close(self) -> None:
        """Nothing: the model stays open."""


def components_of(names: Iterable[str]) -> dict[str, list[str]]:
    """The tensors of each component of a pipeline, the main one first; empty for any other model.

    A pipeline is known by the first words of its tensors' names: all are those of components, and one is a main one. A
    Stable Diffusion checkpoint in one file is known by its own.

    Examples
    --------
    >>> {name: len(tensors) for name, tensors in components_of(["vae.w", "unet.a.w", "unet.b.w"]).items()}
    {'unet': 2, 'vae': 1}
    >>> components_of(["transformer.wte.weight", "lm_head.weight"])
    {}
    """
    names = list(names)
    found: dict[str, list[str]] = {}
    if any(name.startswith(next(iter(SINGLE_FILE))) for name in names):
        for name in names:  # what is of no component is a schedule, or an average kept beside
            component = next((word for prefix, word in SINGLE_FILE.items() if name.startswith(prefix)), None)
            if component is not None:
                found.setdefault(component, []).append(name)
        return _main_first(found)
    for name in names:
        found.setdefault(name.partition(".")[0], []).append(name)
    return _main_first(found)


def _main_first(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The same components, the main one first; empty where there is none, or anything else than components."""
    main = next((name for name in MAIN if name in found), None)
    if main is None or len(found) < 2 or any(name not in OTHERS and name not in MAIN for name in found):
        return {}
    return {main: found[main], **{name: tensors for name, tensors in found.items() if name != main}}


def pipelines_of(checkpoints: Sequence[Checkpoint]) -> dict[int, dict[str, list[str]]]:
    """The pipelines of a collection and the tensors of their components; empty where there are fewer than ``LEAST``."""
    found = {k: components_of(checkpoint.tensors) for k, checkpoint in enumerate(checkpoints)}
    found = {k: components for k, components in found.items() if components}
    return found if len(found) >= LEAST else {}


def sides(pipelines: Mapping[int, Mapping[str, Sequence[str]]]) -> dict[str, list[int]]:
    """The pipelines that have each component beside the main one, where at least two have it."""
    found: dict[str, list[int]] = {}
    for k, components in pipelines.items():
        for name in list(components)[1:]:
            found.setdefault(name, []).append(k)
    return {name: members for name, members in found.items() if len(members) > 1}


def lines(
    names: Sequence[str],
    mains: Mapping[int, str],
    parents: Mapping[str, str],
    of_sides: Mapping[str, Phylogeny],
) -> dict[str, str]:
    """By the name of each pipeline, one line that joins what is known of its components; only where they differ.

    ``mains`` are the main components, ``parents`` the parents by the answer on these, ``of_sides`` the other answers.

    Examples
    --------
    >>> in_words(["U-Net from a", "VAE the same as that of b"])
    'U-Net from a, VAE the same as that of b'
    """
    found = {}
    for k, main in mains.items():
        name = names[k]
        parent = parents.get(name)
        parts = [f"{word(main)} from {parent}"] if parent else []
        differs = False
        for component, answer in of_sides.items():
            if name not in {model.name for model in answer.models}:
                continue
            source, is_same = _source(answer, name, parent)
            if source is not None:
                whose = f"the same as that of {source}" if is_same else f"from {source}"
                parts.append(f"{word(component)} {whose}")
            differs |= source != parent
        if parent and differs:
            found[name] = in_words(parts)
    return found


def in_words(parts: Sequence[str]) -> str:
    """What is known of the components in one line."""
    return ", ".join(parts)


def word(component: str) -> str:
    """A component in words."""
    return WORDS.get(component, component.replace("_", " "))


def _source(answer: Phylogeny, name: str, parent: str | None) -> tuple[str | None, bool]:
    """Whose component a pipeline has: the same as another's, the parent's before any other's, or made from it."""
    same = next((group for group in answer.copies if name in group), ())
    others = [other for other in same if other != name]
    if others:
        return (parent if parent in others else others[0]), True
    return next((edge.parent for edge in answer.edges if edge.child == name), None), False
