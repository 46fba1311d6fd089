"""From what was measured to the records of an answer: copies, families, a method's forest, its claims."""

from __future__ import annotations

import platform
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import neural_phylogeny
from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.claim import (
    Answer,
    common_remarks,
    disguised_copies,
    missing_ancestors,
    shared_components,
    similarity_tables,
    undecided_groups,
)
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.reconstruction.hang import hung, remark, without_adapters
from neural_phylogeny.reconstruction.placing import placing
from neural_phylogeny.records import CredibleRoots, Kind, ModelRecord, Phylogeny
from neural_phylogeny.relations.explanations.whole import DISGUISES
from neural_phylogeny.trees.methods import METHODS, Method, Options
from neural_phylogeny.trees.rooting import credible_set

EXISTENCE = "existence"
"""The clustering of methods that take the families of the relatedness test, each on its own."""


def phylogeny(
    collection: Collection,
    method: Method,
    alpha: float,
    seed: int,
    examined: Examined | None = None,
    draws: int = 0,
) -> Phylogeny:
    """The answer for a collection by one method; ``examined`` avoids computing the relations again for each method."""
    n = len(collection.refs)
    found = examine(collection, alpha) if examined is None else examined
    settled, remarks = found.settled, list(found.remarks)
    labels = components(found.related)
    answers = found.whole if method.options.clustering != EXISTENCE else found.families
    names = [ref.name for ref in collection.refs]
    with placing(collection, answers, labels, settled, method, seed=seed, draws=draws) as placed:
        forests = placed.forests()
        edges, undirected = placed.claims(forests)
    labels = _relabelled(labels, forests)
    undirected += disguised_copies(names, found.families)
    edges, undirected, bases = hung(names, collection.adapters, labels, edges, undirected)
    for one in collection.adapters:
        remarks[one.model] = remark(names, one, labels, bases.get(one.model))
    _join(labels, settled, bases)
    families = {label: k for k, label in enumerate(dict.fromkeys(labels[settled].tolist()))}
    undecided = undecided_groups(names, forests)
    common = common_remarks(undecided)
    remarks = _joined(remarks, map(common.get, names), found.notes)
    alone = {k for k in range(n) if names[k] in common and np.count_nonzero(labels == labels[k]) == 1}
    missing, from_missing = without_adapters(
        {names[k] for k in bases}, *missing_ancestors(names, forests, {int(k): families[k] for k in families}, labels)
    )
    copies = _copies(names, found.copies, {pair.b for pair in undirected if pair.kind in DISGUISES})
    kinds = _copy_kinds(names, copies, found.converted)
    odds = {name: _of_models(forests, name, bases) for name in ("p_root", "p_rooted")}
    rootstraps = _rootstraps(forests)
    models = tuple(
        collection.record(
            k,
            families[int(labels[k])] if settled[k] and k not in alone else None,
            remarks[k],
            int(found.compared[k]),
            odds["p_root"].get(k),
            rootstraps.get(k),
            kinds.get(k),
        )
        for k in range(n)
    )
    return Phylogeny(
        models=models,
        credible_roots=tuple(_credible_roots(models, odds["p_rooted"])),
        edges=(*edges, *from_missing),
        undirected=tuple(undirected),
        missing=tuple(missing),
        undecided=tuple(undecided),
        components=tuple(shared_components(names, found.tested.components)),
        copies=copies,
        similarities=tuple(similarity_tables(names, forests, labels)),
        skipped=collection.left_out(),
        provenance=_provenance(collection, method, alpha, seed),
    )


def _joined(*remarks: Iterable[str | None]) -> list[str]:
    """What there is to say of each model, from several sources."""
    return ["; ".join(filter(None, parts)) for parts in zip(*remarks, strict=True)]


def _join(labels: NDArray[np.int64], settled: NDArray[np.bool_], bases: Mapping[int, int]) -> None:
    """Put adapters into the families of their bases."""
    for adapter, base in bases.items():
        labels[labels == labels[adapter]] = labels[base]
        settled[[adapter, base]] = True


def _copy_kinds(names: Sequence[str], copies: Sequence[Sequence[str]], converted: set[int]) -> dict[int, Kind]:
    """What each copy is of the first of them."""
    copied = {name for group in copies for name in group[1:]}
    return {k: "converted" if k in converted else "copy" for k, name in enumerate(names) if name in copied}


def _copies(names: Sequence[str], groups: Sequence[Sequence[int]], disguised: set[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of copies by name, without those that are copies in disguise."""
    found = (
        tuple(names[model] for model in same if model == same[0] or names[model] not in disguised) for same in groups
    )
    return tuple(group for group in found if len(group) > 1)


def _of_models(forests: list[Answer], name: str, children: Container[int]) -> dict[int, float]:
    """A probability of each model as a root, where a method gave it; known ``children`` are none."""
    found = {}
    for answer in forests:
        values = getattr(answer.forest, name)
        if values is not None:
            for row, p in zip(answer.rows, values.tolist(), strict=True):
                if np.isfinite(p) and answer.group.members[row] not in children:
                    found[answer.group.members[row]] = p
    return found


def _rootstraps(forests: list[Answer]) -> dict[int, float]:
    """The share of resamples in which each root with a relative is a root too, where that was asked for."""
    found = {}
    for answer in forests:
        if answer.support is None:
            continue
        labels = answer.forest.families
        for k, row in enumerate(answer.rows):
            share = answer.support.of("roots", k)
            is_alone = labels is not None and np.count_nonzero(labels == labels[k]) == 1
            if share is not None and not is_alone:
                found[answer.group.members[row]] = share
    return found


def _credible_roots(models: Sequence[ModelRecord], rooted: Mapping[int, float]) -> Iterator[CredibleRoots]:
    """The models among which the root of each family lies."""
    for family in dict.fromkeys(model.family for model in models if model.family is not None):
        members = [k for k, model in enumerate(models) if model.family == family and k in rooted]
        if len(members) > 1:
            p = np.array([rooted[k] for k in members])
            p /= p.sum()
            chosen = credible_set(p)
            yield CredibleRoots(
                family=family,
                models=tuple(models[members[k]].name for k in chosen),
                probabilities=tuple(float(p[k]) for k in chosen),
            )


def _relabelled(labels: NDArray[np.int64], forests: list[Answer]) -> NDArray[np.int64]:
    """The families of a method that decides them; a copy has the family of the first of its copies."""
    labels = labels.copy()
    of_parts = int(labels.max(initial=-1)) + 1  # neighbourhoods have labels in common
    unused = of_parts + len(labels)
    for answer in forests:
        if answer.forest.families is None:
            continue
        members = answer.group.members
        if answer.group.core:
            for k in np.flatnonzero(answer.claimed).tolist():
                labels[members[answer.rows[k]]] = of_parts + answer.forest.families[k]
            _label_copies(labels, answer)
            continue
        unused = max(unused, labels.max() + 1)
        for row, family in zip(answer.rows, np.unique(answer.forest.families, return_inverse=True)[1], strict=True):
            labels[members[row]] = unused + family
        _label_copies(labels, answer)
    return labels


def _label_copies(labels: NDArray[np.int64], answer: Answer) -> None:
    """Give copies the family of the first of them."""
    members, rows = answer.group.members, set(answer.rows)
    for first, *others in (copies for copies in answer.found.copies if copies[0] in rows):
        labels[[members[row] for row in others]] = labels[members[first]]


def _provenance(collection: Collection, method: Method, alpha: float, seed: int) -> dict[str, Any]:
    """What made this result: software, parameters, environment; nothing that changes from run to run."""
    usual = METHODS[method.name].options if method.name in METHODS else Options()
    usual = replace(usual, prior=method.options.prior)
    varied = {} if method.options == usual else {"options": asdict(method.options)}
    sample: dict[str, Any] = {"requested": "auto" if collection.sample is None else collection.sample}
    sample["read"] = collection.share_read()
    return {
        "software": {"name": "neural-phylogeny", "version": neural_phylogeny.__version__},
        "parameters": {
            "method": method.name,
            "prior": method.options.prior,
            "alpha": alpha,
            "seed": seed,
            "sample": sample,
        }
        | varied,
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "system": platform.platform(terse=True),
        },
        "notes": [*collection.notes, *_sampled(collection)],
    }


def _sampled(collection: Collection) -> list[str]:
    """The limits of an answer from a sample, as a note."""
    share = collection.share_read()
    if share == 1.0:
        return []
    return [
        f"{100 * share:.2g} % of the compared weights were read, of each model at least: copies are equal in all that "
        "was read, and unread values may differ or be NaN"
    ]
