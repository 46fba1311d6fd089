"""The questions of an audit as functions: was it derived from that one, and is what models say of themselves true?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from neural_phylogeny.claims.declared import from_rows, listed
from neural_phylogeny.claims.derivation import AT_LEAST, LOWEST, derivation
from neural_phylogeny.claims.operating_point import operating_point
from neural_phylogeny.claims.verify import checked, own_claims
from neural_phylogeny.errors import InvalidOptionError
from neural_phylogeny.reconstruction.judged import Judged
from neural_phylogeny.reconstruction.named import judged_and_named, judged_in_memory
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.records import Declared, Derivations, Verification
from neural_phylogeny.sources import ModelLike, Models
from neural_phylogeny.statistics.one_pass import Progress
from neural_phylogeny.trees.prior import DEFAULT as PRIOR
from neural_phylogeny.trees.prior import PriorName

__all__ = ["derived", "verify"]

ALONE = "The models given are all that was read: siblings of a model that was not can look like parent and child."

Claims = str | os.PathLike[str] | Sequence[Declared | Mapping[str, str]]
"""``"card"``, a file of claims, or claims."""


def derived(
    child: ModelLike,
    parents: ModelLike | Sequence[ModelLike],
    *,
    among: Models = (),
    at_least: float = AT_LEAST,
    prior: PriorName = PRIOR,
    alpha: float = 1e-3,
    threads: int | None = None,
    memory: int = 1 << 30,
    seed: int = 0,
    component: str | None = None,
    sample: float | None = None,
    progress: Progress | None = None,
) -> Derivations:
    """Was this model derived from that one, or from one of several? As ``nphylo derived``.

    Parameters
    ----------
    child : path, mapping or torch module
        A model: its path, its tensors by name, or a torch module.
    parents : the same, or a sequence of them
        One candidate or several. Models in memory are called ``child``, ``parent``, or ``parent 1`` and so on.
    among : path, sequence of paths, or mapping from names to models
        Further models of the family. They make the answer safer: two models alone cannot show a missing common parent.
    at_least : float
        Least probability of a descent that counts, and of what excludes one; from 0.9 to below 1.
    prior, alpha, threads, memory, seed, component, sample, progress
        As in ``reconstruct``.

    Returns
    -------
    Derivations
        A verdict for each candidate, with the measured rates of error of the question.

    Raises
    ------
    NotFoundError
        When a path leads to nothing.
    UnreadableFileError
        When the child or a candidate cannot be read; the message has the reason.
    InvalidOptionError
        When a path holds several models, the same model is given twice, or an option is outside its range.

    Notes
    -----
    One read of every compared value. "Not derived" is claimed only where the weights exclude it. Breaks where the
    child was disguised in a way that is not looked for: it is called unrelated.

    Examples
    --------
    >>> from neural_phylogeny import demo, derived
    >>> birds = demo.folder()
    >>> found = derived(birds / "heron.safetensors", birds / "godwit.safetensors", among=birds)
    >>> found.verdict
    'derived'
    >>> print(found.derivations[0])
    heron.safetensors was derived from godwit.safetensors
    """
    level = _checked_level(at_least)
    reading = Reading(*(threads, memory, seed), component=component, progress=progress, sample=sample, alpha=alpha)
    is_one = isinstance(parents, str | os.PathLike | Mapping) or not isinstance(parents, Sequence)
    candidates = [cast(ModelLike, parents)] if is_one else list(cast(Sequence[ModelLike], parents))
    if not candidates:
        raise InvalidOptionError("parents", "at least one model", candidates)
    models = [child, *candidates]
    if all(isinstance(model, str | os.PathLike) for model in models) and not isinstance(among, Mapping):
        paths = [os.fsdecode(cast(Any, model)) for model in models]
        judged, names = judged_and_named(paths, _paths(among), reading, prior)
    else:
        judged, names = judged_in_memory(models, among, reading, prior)
    point = operating_point(level)
    return Derivations(
        child=names[0],
        at_least=level,
        derivations=tuple(derivation(judged, names[0], name, level) for name in names[1:]),
        operating_point=point.as_dict(),
        notes=(*([] if among else [ALONE]), point.sentence()),
    )


def verify(
    models: Models,
    *,
    claims: Claims = "card",
    among: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    at_least: float = AT_LEAST,
    prior: PriorName = PRIOR,
    alpha: float = 1e-3,
    threads: int | None = None,
    memory: int = 1 << 30,
    seed: int = 0,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
    sample: float | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check what models say of their parents against their weights. As ``nphylo verify``.

    Parameters
    ----------
    models : path, sequence of paths, or mapping
        As in ``reconstruct``.
    claims : "card", path, or sequence
        What the models say themselves: cards, configurations, metadata of their files; or a list of claims, in a file
        (CSV or JSON with model, parent and relation) or as mappings with these keys.
    among : path or sequence of paths
        Further models, whose claims are not checked, such as the parents.
    at_least : float
        Least probability of a descent that confirms a claim, and of what contradicts one; from 0.9 to below 1.
    prior, alpha, threads, memory, seed, include, exclude, component, sample, progress
        As in ``reconstruct``.

    Returns
    -------
    Verification
        A verdict for each claim; what is declared never changes one.

    Raises
    ------
    NotFoundError
        When a path leads to nothing.
    SavedFileError
        When a list of claims is none.
    InvalidOptionError
        When an option is outside its range.

    Notes
    -----
    One read of every compared value. Cards need the extra ``cards``.

    Examples
    --------
    >>> from neural_phylogeny import demo, verify
    >>> found = verify(demo.folder(), claims=[{"model": "ibis", "parent": "egret", "relation": "finetune"}])
    >>> found.counts
    {'confirmed': 0, 'contradicted': 1, 'unproven': 0}
    >>> print(found.claims[0])
    ibis from egret: contradicted, the weights show no relation of the two (p = 1 for unrelated models); its \
nearest relative here is dunlin.safetensors
    """
    level = _checked_level(at_least)
    if isinstance(claims, str | os.PathLike):
        given = None if os.fspath(claims) == "card" else listed(os.fsdecode(claims))
    else:
        given = from_rows(claims, "claims")
    reading = Reading(
        *(threads, memory, seed, include, exclude), component=component, progress=progress, sample=sample, alpha=alpha
    )
    own, others = _paths(models), _paths(among)
    if isinstance(models, Mapping):
        judged = Judged.of({**models, **{path: path for path in others}}, reading, prior)
    else:
        judged = Judged.of(list(dict.fromkeys([*own, *others])), reading, prior)
    declared, problems = own_claims(judged, own) if given is None else (given, [])
    problems += [f"{item.path}: {item.reason}" for item in judged.answer.skipped if item.is_model]
    found = tuple(checked(judged, declared, level))
    return Verification(claims=found, at_least=level, problems=tuple(problems))


def _paths(models: Models) -> list[str]:
    """The paths among what was given as models."""
    if isinstance(models, Mapping):
        found: Sequence[Any] = list(models.values())
    else:
        found = [models] if isinstance(models, str | os.PathLike) else models
    return [os.fsdecode(path) for path in found if isinstance(path, str | os.PathLike)]


def _checked_level(at_least: object) -> float:
    if not isinstance(at_least, int | float) or not LOWEST <= at_least < 1.0:
        raise InvalidOptionError("at_least", f"a probability from {LOWEST:g} to below 1", at_least)
    return float(at_least)
