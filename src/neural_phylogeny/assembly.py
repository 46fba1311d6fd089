"""From what was measured to the records of an answer: existence, copies, families, a method's forest, evidence."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import neural_phylogeny
from neural_phylogeny.findings import Examined, Findings, examine
from neural_phylogeny.measures.collection import Collection
from neural_phylogeny.measures.saved import Group
from neural_phylogeny.measures.statistics import Statistics
from neural_phylogeny.records import (
    Comparison,
    Edge,
    Evidence,
    Hidden,
    Kinship,
    ModelRecord,
    Phylogeny,
    Skipped,
    TensorComparison,
)
from neural_phylogeny.tensors.components import components
from neural_phylogeny.trees.methods import METHODS, Forest, Method

UNDECIDED = 0.05
"""An edge whose direction is less than this far from even odds is reported without a direction."""


@dataclass(frozen=True)
class Answer:
    """A method's forest over the rows of a group: all that could be judged, one of each set of copies."""

    group: Group
    found: Findings
    rows: list[int]
    forest: Forest


def phylogeny(
    collection: Collection, method: Method, alpha: float, seed: int, examined: Examined | None = None
) -> Phylogeny:
    """The answer for a collection by one method; ``examined`` saves asking the relations again for each method."""
    n = len(collection.refs)
    answers = examine(collection, alpha) if examined is None else examined
    kin = np.zeros((n, n), dtype=bool)
    remarks = ["there is no other model to compare it with" if n == 1 else ""] * n
    for group, found in answers:
        kin[np.ix_(group.members, group.members)] = found.kin()
        for row, model in enumerate(group.members):
            remarks[model] = _remark(found, row)
    settled = kin.any(axis=1) | np.array([remark == "" or remark.startswith(_PARTLY) for remark in remarks], dtype=bool)
    labels = components(kin)
    forests = _forests(answers, labels, settled, method, seed)
    labels = _relabelled(labels, forests)
    families = {label: k for k, label in enumerate(dict.fromkeys(labels[settled].tolist()))}
    edges, undirected = _claims(collection, forests)
    names = [ref.name for ref in collection.refs]
    _note_starts(remarks, names, forests)
    hidden, from_hidden = _hidden_ancestors(names, forests, {int(k): families[k] for k in families}, labels)
    return Phylogeny(
        models=tuple(
            _model(collection, k, families[int(labels[k])] if settled[k] else None, remarks[k]) for k in range(n)
        ),
        edges=(*edges, *from_hidden),
        undirected=tuple(undirected),
        hidden=tuple(hidden),
        copies=tuple(
            tuple(names[group.members[row]] for row in rows) for group, found in answers for rows in found.copies
        ),
        skipped=(*collection.skipped, *_partly_read(collection)),
        provenance=_provenance(collection, method, alpha, seed),
    )


def comparison(collection: Collection, alpha: float) -> Comparison:
    """Everything known of the two models of a collection."""
    found = Findings.of(collection.groups[0].statistics, alpha, 1)
    remarks = [_remark(found, row) for row in (0, 1)]
    kin, conclusive = bool(found.kin()[0, 1]), bool(found.existence.conclusive[0, 1])
    log_odds_ab = float(found.direction[0, 1] + found.directed([0, 1])[0, 1])
    probability = 1.0 / (1.0 + np.exp(-abs(log_odds_ab)))
    if found.copies:
        verdict, confidence = "copies", 1.0
    elif not kin:
        verdict, confidence = ("unrelated" if conclusive else "not comparable"), _kin_probability(found, 0, 1)
    elif probability < 0.5 + UNDECIDED:
        verdict, confidence = "related", _kin_probability(found, 0, 1)
    else:
        verdict, confidence = ("parent" if log_odds_ab > 0 else "child"), float(probability)
    families = (0, 0) if kin else (0, 1) if conclusive else (None, None)
    a, b = (_model(collection, k, families[k], remarks[k]) for k in (0, 1))
    return Comparison(
        a,
        b,
        verdict,
        confidence,
        _similarity(found, 0, 1),
        float(found.coverage[0, 1]),
        found.evidence(0, 1, (a.name, b.name)),
        tuple(_tensor_comparisons(found.statistics)),
        (*collection.skipped, *_partly_read(collection)),
    )


def _forests(
    answers: list[tuple[Group, Findings]],
    labels: NDArray[np.int64],
    settled: NDArray[np.bool_],
    method: Method,
    seed: int,
) -> list[Answer]:
    """The method's forest for each group of at least two models that can be judged."""
    forests = []
    for group, found in answers:
        doubles = {row for rows in found.copies for row in rows[1:]}
        rows = [row for row, model in enumerate(group.members) if settled[model] and row not in doubles]
        if len(rows) < 2:
            continue
        problem = found.problem(rows, labels[[group.members[row] for row in rows]], seed)
        forests.append(Answer(group, found, rows, method.solve(problem)))
    return forests


def _relabelled(labels: NDArray[np.int64], forests: list[Answer]) -> NDArray[np.int64]:
    """Families by the methods that decide them; a copy stays with the first of its kind."""
    labels = labels.copy()
    for answer in forests:
        if answer.forest.families is None:
            continue
        members = answer.group.members
        fresh = labels.max() + 1
        for row, family in zip(answer.rows, np.unique(answer.forest.families, return_inverse=True)[1], strict=True):
            labels[members[row]] = fresh + family
        for first, *others in (rows for rows in answer.found.copies if rows[0] in answer.rows):
            labels[[members[row] for row in others]] = labels[members[first]]
    return labels


def _claims(collection: Collection, forests: list[Answer]) -> tuple[list[Edge], list[Kinship]]:
    """Directed and undirected claims of all groups."""
    edges: list[Edge] = []
    undirected: list[Kinship] = []
    for answer in forests:
        group, found, rows, forest = answer.group, answer.found, answer.rows, answer.forest
        for k, above in enumerate(forest.parents.tolist()):
            if above < 0:
                continue
            parent, child = rows[above], rows[k]
            pair = (collection.refs[group.members[parent]].name, collection.refs[group.members[child]].name)
            probability = float(forest.probability[k])
            shared = (_similarity(found, parent, child), float(found.coverage[parent, child]))
            reasons = found.evidence(parent, child, pair)
            if forest.parenthood is not None:
                reasons = (reasons[0], _parenthood(float(forest.parenthood[k]), pair), *reasons[1:])
            if probability < 0.5 + UNDECIDED:
                undirected.append(Kinship(*pair, _kin_probability(found, parent, child), *shared, reasons))
            else:
                edges.append(Edge(*pair, "finetune", probability, *shared, reasons))
    return edges, undirected


def _hidden_ancestors(
    names: list[str], forests: list[Answer], families: dict[int, int], labels: NDArray[np.int64]
) -> tuple[list[Hidden], list[Edge]]:
    """One ancestor for the siblings of each family whose parent is not here, and its edges.

    The likeness of such an edge is that of the siblings among each other.
    """
    hidden: list[Hidden] = []
    edges: list[Edge] = []
    for answer in forests:
        if answer.forest.hidden is None:
            continue
        siblings: dict[int, list[int]] = {}
        for k in np.flatnonzero(answer.forest.hidden > 0).tolist():
            siblings.setdefault(int(labels[answer.group.members[answer.rows[k]]]), []).append(k)
        for label, rows in siblings.items():
            name = f"hidden ancestor {len(hidden) + 1}"
            while name in names:
                name = f"({name})"
            hidden.append(Hidden(name, families[label]))
            found = [answer.rows[k] for k in rows]
            for k, row in zip(rows, found, strict=True):
                others = [other for other in found if other != row]
                likeness = float(np.mean([_similarity(answer.found, row, other) for other in others]))
                coverage = float(np.mean([answer.found.coverage[row, other] for other in others]))
                child, sure = names[answer.group.members[row]], float(answer.forest.hidden[k])
                edges.append(Edge(name, child, "finetune", sure, likeness, coverage, (_orphan(child, sure),)))
    return hidden, edges


NAMED = 3
"""So many models of one start are named in a remark, the others counted."""


def _note_starts(remarks: list[str], names: list[str], forests: list[Answer]) -> None:
    """Adds to the remarks with whom a model shares its initialisation, where that is all its weights tell."""
    for answer in forests:
        for start in answer.forest.starts:
            models = [answer.group.members[answer.rows[k]] for k in start.members]
            for model in models:
                others = [names[other] for other in models if other != model]
                more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
                said = _START[start.certain].format(", ".join(others[:NAMED]) + more)
                remarks[model] = "; ".join(filter(None, (remarks[model], said)))


_START = {
    True: "it shares its initialisation with {}; nothing trained is shared",
    False: "it shares its initialisation with {}, or an ancestor that is not here; the weights do not tell which",
}


def _parenthood(sure: float, pair: tuple[str, str]) -> Evidence:
    statement = f"the detector takes {pair[0]}, of all models here and none, for the parent of {pair[1]} ({sure:.0%})"
    return Evidence("detector", sure, pair[0], sure, statement)


def _orphan(child: str, sure: float) -> Evidence:
    statement = f"the detector sees that {child} and its siblings have a parent that is not here ({sure:.0%})"
    return Evidence("detector", sure, "neither", sure, statement)


_PARTLY = "left out:"


def _remark(found: Findings, row: int) -> str:
    """Why a model could not be judged, or which of its tensors were left out; empty when all is well."""
    tensors = [(tensor, arrays) for tensor, arrays in found.statistics if row in tensor.members]
    broken = [
        tensor.name for tensor, arrays in tensors if not np.isfinite(arrays["gram"][(tensor.members.index(row),) * 2])
    ]
    matrices = [tensor.name for tensor, _ in tensors if tensor.is_matrix]
    if not tensors:
        return "it has no tensor in common with any other model"
    if not matrices:
        return "not enough evidence: it shares no matrices, and vectors prove nothing"
    if set(matrices) <= set(broken):
        return f"its weights are NaN, infinite or unreadable, {broken[0]!r} first"
    if not found.kin()[row].any() and not found.existence.conclusive[row].any():
        return "not enough evidence: so small that even a copy of it could be chance"
    return f"{_PARTLY} NaN, infinite or unreadable values in {', '.join(broken)}" if broken else ""


def _partly_read(collection: Collection) -> tuple[Skipped, ...]:
    """Models whose files gave out in the middle of the pass."""
    return tuple(
        Skipped(collection.refs[group.members[row]].path, f"read in part only: {reason}")
        for group in collection.groups
        for row, reason in group.statistics.failures.items()
    )


def _model(collection: Collection, k: int, family: int | None, remark: str) -> ModelRecord:
    ref = collection.refs[k]
    return ModelRecord(ref.name, ref.path, collection.formats[k], int(collection.parameters[k]), family, remark)


def _similarity(found: Findings, i: int, j: int) -> float:
    cosine = float(found.existence.cosine[i, j])
    return cosine if np.isfinite(cosine) else 0.0


def _kin_probability(found: Findings, i: int, j: int) -> float:
    """One less the p-value of strangers matching so well; certainty where a matrix is identical."""
    return 1.0 if found.existence.identical[i, j] else float(1.0 - np.exp(found.existence.log_p[i, j]))


def _tensor_comparisons(statistics: Statistics) -> Iterator[TensorComparison]:
    for tensor, arrays in statistics:
        gram = arrays["gram"]
        scale = np.sqrt(gram[0, 0] * gram[1, 1])
        cosine = float(gram[0, 1] / scale) if np.isfinite(scale) and scale > 0 else 0.0
        larger = max(source.size for source in tensor.sources)
        a, b = tensor.sources
        yield TensorComparison(a.name, b.name, str(tensor.role), cosine, tensor.size / larger)


def _provenance(collection: Collection, method: Method, alpha: float, seed: int) -> dict[str, Any]:
    """What made this result: software, parameters, environment; nothing that changes from run to run."""
    own = METHODS.get(method.name)
    varied = {} if own is not None and own.options == method.options else {"options": asdict(method.options)}
    return {
        "software": {"name": "neural-phylogeny", "version": neural_phylogeny.__version__},
        "parameters": {"method": method.name, "alpha": alpha, "seed": seed} | varied,
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "system": platform.platform(terse=True),
        },
        "notes": list(collection.notes),
    }
