"""How large must a fingerprint be? Trees from fingerprints against the trees from all weights; and does an index miss
relatives of some kind among its near models?
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.evaluation.truth import read_truth
from neural_phylogeny.formats.fingerprint import Fingerprint, from_bytes
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.lab.bench.stored import read, store
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.kinds.collections import REPORTING, collections, worlds
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.reconstruction.fingerprints import fingerprints
from neural_phylogeny.reconstruction.indexed import NEAREST
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.statistics.fingerprints import VALUES, fingerprint

SIZES = (1 << 16, 4 * VALUES, 1 << 20)
"""Bytes of values that are kept."""

SURE = 0.7
"""Probability from which on an edge from all weights counts as sure."""


@dataclass(frozen=True)
class Row:
    """One collection from fingerprints of one size: edges from all weights, those found again, others, right ones."""

    collection: str
    size: int
    file: int
    edges: int
    kept: int
    other: int
    sure: int
    sure_kept: int
    right: int
    right_whole: int
    true: int
    same_families: bool
    kinds: int


def page(sources: Sources) -> Page:
    """Read every collection whole and from fingerprints; minutes for each, kept in ``work`` as they are done."""
    folders = sorted(path.parent for path in sources.needed("checkpoints").rglob("truth.json"))
    rows = [row for folder in folders for row in _rows(folder, sources)]
    with tempfile.TemporaryDirectory() as temporary:
        found = recall(folders, Path(temporary))
    return Page(text_of(rows, found, recall_of_kinds()))


def label_of(folder: Path) -> str:
    """CELL/SEED of a collection."""
    return "/".join(folder.parts[-2:])


def _rows(folder: Path, sources: Sources) -> list[Row]:
    """The rows of a collection, those of an earlier run where there are any."""
    name = label_of(folder)
    known = None if sources.work is None else sources.work / f"{name.replace('/', '-')}.json"
    if known is not None and known.is_file():
        return [Row(**row) for row in read(known)]
    rows = list(compared(name, folder))
    if known is not None:
        store(known, [asdict(row) for row in rows])
    sources.progress(f"{name}: {', '.join(f'{row.kept} of {row.edges}' for row in rows)}")
    return rows


def compared(name: str, folder: Path, sizes: Sequence[int] = SIZES) -> Iterator[Row]:
    """One collection from fingerprints of every size, held against the answer from all weights."""
    true = {(edge.parent, edge.child) for edge in read_truth(folder / "truth.json").edges}
    whole = reconstruct(folder, threads=1)
    reference = _edges(whole)
    sure = {edge for edge, p in reference.items() if p >= SURE}
    kinds = {(edge.parent, edge.child, edge.kind) for edge in whole.edges}
    for size in sizes:
        files = {n: f.to_bytes() for n, _, f in fingerprints([folder], size=size) if isinstance(f, Fingerprint)}
        answer = reconstruct({name: from_bytes(content, name) for name, content in files.items()}, threads=1)
        found = _edges(answer)
        yield Row(
            name,
            size,
            max(map(len, files.values()), default=0),
            len(reference),
            len(found.keys() & reference.keys()),
            len(found.keys() - reference.keys()),
            len(sure),
            len(sure & found.keys()),
            len(true & found.keys()),
            len(true & reference.keys()),
            len(true),
            _families(answer) == _families(whole),
            len({(edge.parent, edge.child, edge.kind) for edge in answer.edges} & kinds),
        )


def _edges(answer: Phylogeny) -> dict[tuple[str, str], float]:
    return {(edge.parent, edge.child): edge.confidence or 0.0 for edge in answer.edges}


def _families(answer: Phylogeny) -> set[frozenset[str]]:
    found: dict[int, set[str]] = {}
    for model in answer.models:
        if model.family is not None:
            found.setdefault(model.family, set()).add(model.name)
    return {frozenset(names) for names in found.values()}


Found = Mapping[str, tuple[int, int]]
"""By kind of relation how many were among the near models, of how many."""


def recall(folders: Sequence[Path], work: Path) -> Found:
    """Of all collections in one index: is a parent, by the truth, among the models that are compared in full?"""
    with Index(work / "index", is_new=True) as index:
        for folder in folders:
            label, made = label_of(folder), fingerprints([folder])
            list(index.add((f"{label}:{n}", str(folder), f) for n, _, f in made if isinstance(f, Fingerprint)))
        pairs = [
            (edge.kind, f"{label_of(folder)}:{edge.parent}", f"{label_of(folder)}:{edge.child}")
            for folder in folders
            for edge in read_truth(folder / "truth.json").edges
        ]
        return _recalled(index, pairs)


def recall_of_kinds() -> Found:
    """The same of small networks with one relation of each kind, disguises among them (``lab/kinds``); trains 24."""
    with tempfile.TemporaryDirectory() as work, Index(Path(work) / "index", is_new=True) as index:
        pairs = []
        for world in worlds(REPORTING):
            for one in collections(world):
                label = f"{world.architecture.name}/{one.name}"
                list(index.add(_printed(label, one.models)))
                pairs += [(r.variant, f"{label}:{p}", f"{label}:{r.child}") for r in one.relations for p in r.parents]
        return _recalled(index, pairs)


def _printed(label: str, models: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, str, Fingerprint]]:
    for name, state in models.items():
        try:
            found = fingerprint(ModelRef(name=name, path="", parts=()), MemoryCheckpoint(state))
        except CheckpointError:
            continue
        yield f"{label}:{name}", "", found


def _recalled(index: Index, pairs: Sequence[tuple[str, str, str]]) -> dict[str, tuple[int, int]]:
    names = {entry.name: entry for entry in index.entries()}
    found: dict[str, tuple[int, int]] = {}
    for kind, parent, child in pairs:
        if parent in names and child in names:
            near = index.candidates(index.fingerprint(names[child].digest), NEAREST + 1)
            hit, total = found.get(kind, (0, 0))
            is_near = names[parent].digest in {one.entry.digest for one in near}
            found[kind] = hit + is_near, total + 1
    return found


def text_of(rows: Sequence[Row], found: Found, of_kinds: Found) -> str:
    """The page: all collections together by size, then each, then the recall of near models by kind."""
    names = list(dict.fromkeys(row.collection for row in rows))
    sizes = sorted({row.size for row in rows})
    intro = (
        f"{len(names)} collections, by `nphylo lab table fingerprint --checkpoints FOLDER --work FOLDER`; method "
        "`auto`. *Edges as from all* is the share of the edges from all weights that fingerprints of this size give "
        f"too, *sure* the same for those with a probability of {SURE:.0%} and more, *other* those from fingerprints "
        "alone, *kinds* the share with the same kind, *right* the exact parents that are right of all in the truth, "
        "beside those from all weights."
    )
    header = ["values", "largest file", "edges as from all", "sure", "other", "kinds", "same families", "right", "all"]
    cells = [[_bytes(size), *_line([row for row in rows if row.size == size])] for size in sizes]
    by_both = {(row.collection, row.size): f"{row.kept}/{row.edges}, {row.right}/{row.true}" for row in rows}
    by_collection = [[name, *(by_both.get((name, size), "") for size in sizes)] for name in names]
    parts = [
        "# Trees from fingerprints",
        intro,
        table(header, cells),
        "By collection, edges as from all weights and right parents:",
        table(["collection", *map(_bytes, sizes)], by_collection),
        f"All of them in one index of fingerprints of {_bytes(4 * VALUES)}: is the parent of a model among the "
        f"{NEAREST} near models that are compared in full? By kind of relation, as the truth names it:",
        _by_kind(found),
        "The same for small networks with relations of every kind ([kinds](kinds.md)), all in one index:",
        _by_kind(of_kinds),
    ]
    return "\n\n".join(parts)


def _by_kind(found: Found) -> str:
    rows = [[kind, f"{hit}/{total}", f"{hit / total:.3f}"] for kind, (hit, total) in sorted(found.items())]
    return table(["kind", "near", "recall"], rows)


def _bytes(size: int) -> str:
    return f"{size >> 10:,} KiB"


def _line(rows: Sequence[Row]) -> list[str]:
    def total(field: str) -> int:
        return int(sum(getattr(row, field) for row in rows))

    def share(field: str, of: str) -> str:
        return f"{total(field) / max(1, total(of)):.3f} ({total(field)}/{total(of)})"

    return [
        f"{max(row.file for row in rows) / 1024:,.0f} KiB",
        share("kept", "edges"),
        share("sure_kept", "sure"),
        f"{total('other')}",
        share("kinds", "edges"),
        f"{total('same_families')}/{len(rows)}",
        share("right", "true"),
        share("right_whole", "true"),
    ]
