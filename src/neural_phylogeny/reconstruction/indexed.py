"""Questions to an index: who are the relatives of a model among all that is there, and the tree of it all.

Near models are found by their sketches, see ``beside.py``; only those are compared in full, from fingerprints, as
``reconstruct`` would.
The level of each test is that for all models of the index, those that were not compared among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from neural_phylogeny.files.activity import announced
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.index.store import Entry, Index
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.reconstruction.beside import compared_with
from neural_phylogeny.records import (
    STANDINGS,
    ModelRecord,
    Phylogeny,
    Relative,
    Relatives,
    Standing,
)

NEAREST, FAMILY = 32, 200
"""Contents that are compared in full with a model, and for the tree of its family."""


def relatives(
    index: Index, name: str, model: Fingerprint, *, nearest: int = NEAREST, alpha: float = 1e-3, **options: Any
) -> Relatives:
    """The relatives of a model among all of an index.

    Parameters
    ----------
    index : Index
        Opened.
    name : str
        What the model is called; a model of the index with this name and content is the model itself.
    model : Fingerprint
        Its fingerprint.
    nearest : int
        Near contents that are compared in full; in a family of more at least half of them, and models that are known to
        have many children.
    alpha : float
        Probability that any unrelated model of the index is reported as a relative.
    options
        As those of ``reconstruct``.

    Notes
    -----
    A look at every sketch, 30 ms in 100,000, and then what ``reconstruct`` takes for ``nearest`` fingerprints. A
    relative whose values correlate by less than 0.07 with the model's, as one in disguise, is not among those. Models
    with many children are known where ``placed.place`` was called after the last ones were added.
    """
    near = compared_with(index, model, nearest)
    others = [entry for entry in near if (entry.name, entry.digest) != (name, model.digest)]
    labels = _labels(others)
    own = name if name not in labels.values() else f"{name} (the model itself)"
    given = _given(index, others, labels) | {own: model}
    n = max(1, len(index))
    tree = reconstruct(given, alpha=_level(alpha, len(given), n), **options)
    tree = _at(tree, {labels[entry.id]: entry for entry in others})
    found = sorted(_relatives(tree, own, n), key=lambda one: (STANDINGS.index(one.relation), -(one.similarity or 0.0)))
    return Relatives(model=own, searched=len(index), compared=len(others), relatives=tuple(found), tree=tree)


def tree_of(index: Index, *, alpha: float = 1e-3, **options: Any) -> Phylogeny:
    """The tree of all models of an index, from their fingerprints.

    Groups of models that may be related are reconstructed one after the other, so that memory is that of the largest;
    parameters as of ``relatives``.
    """
    entries = index.entries()
    labels = _labels(entries)
    by_digest: dict[str, list[Entry]] = {}
    for entry in entries:
        by_digest.setdefault(entry.digest, []).append(entry)
    groups = [[entry for digest in group for entry in by_digest.get(digest, ())] for group in index.groups()]
    chosen = [sorted(group, key=lambda entry: entry.id) for group in groups if len(group) > 1]
    alone = [group[0] for group in groups if len(group) == 1]
    parts = [Phylogeny(models=tuple(_alone(entry, labels, family) for family, entry in enumerate(alone)))]
    for group in announced("placing", chosen, [f"{labels[g[0].id]} and {len(g) - 1:,} more" for g in chosen]):
        given = _given(index, group, labels)
        answer = reconstruct(given, alpha=_level(alpha, len(given), len(entries) * (len(entries) - 1) // 2), **options)
        parts.append(_at(answer, {labels[entry.id]: entry for entry in group}))
    return _joined(parts, [labels[entry.id] for entry in entries])


def _level(alpha: float, n: int, tests: int) -> float:
    """The level at which all pairs of ``n`` models must be tested so that it is ``alpha`` for so many tests."""
    return alpha * min(1.0, max(1, n * (n - 1) // 2) / max(1, tests))


def _labels(entries: Sequence[Entry]) -> dict[int, str]:
    """A name for each model: its own, with the beginning of its digest where several have it."""
    count: dict[str, int] = {}
    for entry in entries:
        count[entry.name] = count.get(entry.name, 0) + 1
    return {e.id: e.name if count[e.name] == 1 else f"{e.name} ({e.digest[:8]})" for e in entries}


def _given(index: Index, entries: Sequence[Entry], labels: Mapping[int, str]) -> dict[str, Fingerprint]:
    """Models with their fingerprints, each content read once."""
    prints = {digest: index.fingerprint(digest) for digest in dict.fromkeys(entry.digest for entry in entries)}
    return {labels[entry.id]: prints[entry.digest] for entry in entries}


def _at(answer: Phylogeny, entries: Mapping[str, Entry]) -> Phylogeny:
    """The answer with the places and formats that the models had when they were added."""
    models = tuple(
        replace(model, path=entries[model.name].path, format=entries[model.name].format)
        if model.name in entries
        else model
        for model in answer.models
    )
    return replace(answer, models=models)


def _alone(entry: Entry, labels: Mapping[int, str], family: int) -> ModelRecord:
    """A model without a near one, as a family of its own."""
    return ModelRecord(
        name=labels[entry.id],
        path=entry.path,
        format=entry.format,
        parameters=entry.parameters,
        family=family,
        remark="no model of the index is near it",
    )


def _relatives(tree: Phylogeny, name: str, n: int) -> Iterator[Relative]:
    """Each relative of a model, once: by what joins it and the model or, if it is a copy, the first of its copies."""
    paths = {model.name: model.path for model in tree.models}
    copies = next((group for group in tree.copies if name in group), (name,))
    found: dict[str, Relative] = {copy: Relative(name=copy, relation="copy", similarity=1.0) for copy in copies}
    for edge in tree.edges:
        if copies[0] in (edge.parent, edge.child):
            known = {key: getattr(edge, key) for key in ("p_parent", "p_direction", "similarity")}
            is_child = edge.child == copies[0]
            other, p = (edge.parent if is_child else edge.child), _corrected(edge.p_value, n)
            relation: Standing = "parent" if is_child else "child"
            found.setdefault(other, Relative(name=other, relation=relation, kind=edge.kind, p_value=p, **known))
    for pair in tree.undirected:
        if copies[0] in (pair.a, pair.b):
            other, p = (pair.b if pair.a == copies[0] else pair.a), _corrected(pair.p_value, n)
            one = Relative(name=other, relation="related", kind=pair.kind or "", similarity=pair.similarity, p_value=p)
            found.setdefault(other, one)
    for group in tree.undecided:
        for other in group.models if copies[0] in group.models else ():
            found.setdefault(other, Relative(name=other, relation="initialisation"))
    for part in tree.components:
        if copies[0] in (part.a, part.b):
            other = part.b if part.a == copies[0] else part.a
            found.setdefault(other, Relative(name=other, relation="component", p_value=_corrected(part.p_value, n)))
    for other in tree.family_of(name):
        found.setdefault(other, Relative(name=other, relation="family"))
    for other, one in found.items():
        if other != name:
            yield replace(one, path=paths.get(other, ""))


def _corrected(p_value: float | None, n: int) -> float | None:
    return None if p_value is None else min(1.0, p_value * n)


def _joined(parts: Sequence[Phylogeny], names: Sequence[str]) -> Phylogeny:
    """Answers about models that have nothing in common as one, the models in the given order."""
    shifted, families, ancestors = list[Phylogeny](), 0, 0
    for part in parts:
        shifted.append(_renumbered(part, families, ancestors))
        families += 1 + max((model.family for model in part.models if model.family is not None), default=-1)
        ancestors += len(part.missing)
    place = {name: k for k, name in enumerate(names)}
    fields = ("edges", "undirected", "missing", "undecided", "components", "copies", "credible_roots", "similarities")
    every: dict[str, Any] = {name: tuple(one for part in shifted for one in getattr(part, name)) for name in fields}
    models = sorted((model for part in shifted for model in part.models), key=lambda model: place[model.name])
    notes = [note for part in shifted for note in part.provenance.get("notes", ())]
    provenance = dict(next((part.provenance for part in shifted[1:]), {}))
    if provenance:
        provenance["notes"] = list(dict.fromkeys(notes))
    return Phylogeny(models=tuple(models), provenance=provenance, **every)


def _renumbered(part: Phylogeny, families: int, ancestors: int) -> Phylogeny:
    """The same answer with other numbers of families and of missing ancestors."""
    called = {one.name: f"missing ancestor {ancestors + k}" for k, one in enumerate(part.missing, start=1)}
    models = (
        model if model.family is None else replace(model, family=model.family + families) for model in part.models
    )
    return replace(
        part,
        models=tuple(models),
        missing=tuple(replace(one, name=called[one.name], family=one.family + families) for one in part.missing),
        edges=tuple(replace(edge, parent=called.get(edge.parent, edge.parent)) for edge in part.edges),
        credible_roots=tuple(replace(one, family=one.family + families) for one in part.credible_roots),
    )
