"""Which model at hand does a declared name mean?"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from neural_phylogeny.inputs import ModelRef

_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/", re.IGNORECASE)
_SUFFIXES = (".safetensors", ".gguf", ".bin", ".pth", ".pt", ".ckpt", ".onnx", ".npz", ".h5", ".hdf5", ".keras", ".zip")


def meant(declared: str, refs: Sequence[ModelRef]) -> list[ModelRef]:
    """The models that a declared name can mean, best matches only; empty where it is not at hand.

    A path means the model that lies there. ``org/name`` means a model in a folder ``org/name``, in a hub's cache
    ``models--org--name``, or whose folder or file is called ``name``, the best of these that any model fits.

    Examples
    --------
    >>> refs = [ModelRef(name=path, path=path, parts=()) for path in ("x/org/base", "y/base.safetensors", "z/other")]
    >>> [ref.path for ref in meant("org/base", refs)], [ref.path for ref in meant("other", refs)], meant("gone", refs)
    (['x/org/base'], ['z/other'], [])
    """
    real = os.path.realpath(declared)
    exact = [ref for ref in refs if declared == ref.name or (ref.path and os.path.realpath(ref.path) == real)]
    if exact:
        return exact
    wanted = _pieces(_ADDRESS.sub("", declared))
    if not wanted:
        return []
    scores = [(_fit(wanted, ref), ref) for ref in refs]
    best = max((score for score, _ in scores), default=0)
    return [ref for score, ref in scores if score == best and score > 0]


def is_weights(name: str) -> bool:
    """Whether a file is called as a file of weights is."""
    return name.lower().endswith(_SUFFIXES)


def _fit(wanted: Sequence[str], ref: ModelRef) -> int:
    """How many last pieces of a path agree; in a hub's cache, those of the repository."""
    found = _pieces(ref.path or ref.name)
    cached = [piece.split("--")[1:] for piece in found if piece.startswith("models--")]
    return max(_agreeing(wanted, pieces) for pieces in (found, *cached))


def _agreeing(wanted: Sequence[str], found: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(wanted), reversed(found), strict=False):
        if one != other:
            break
        count += 1
    return count


def _pieces(path: str) -> list[str]:
    """The pieces of a path or name, without a suffix of weights, in lower case."""
    pieces = [piece for piece in re.split(r"[/\\]+", path.strip().lower()) if piece not in ("", ".")]
    for suffix in _SUFFIXES:
        if pieces and pieces[-1].endswith(suffix) and len(pieces[-1]) > len(suffix):
            return [*pieces[:-1], pieces[-1].removesuffix(suffix)]
    return pieces
