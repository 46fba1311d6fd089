"""Batches of synthetic families on disk: the statistics of a pass over each, and who is whose parent.

A batch is one file of cached statistics: the families lie one after the other, as if their models were one collection
in which nothing is aligned across families. Whatever is trained, fitted or calibrated on a batch starts from the
statistics that ``reconstruct`` starts from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.families.truth import without
from neural_phylogeny.reconstruction.family_data import MeasuredFamily
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.statistics.cache import CachedStatistics, Group, load, save
from neural_phylogeny.statistics.condensed import condense, expand
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import Alignment
from neural_phylogeny.trees.family import Family

FORMAT, VERSION = "neural-phylogeny-batch", 1

ALPHA = 1e-3
"""Of the existence test, as the tool's default."""

FIRST_OF_FITS, LEFT_OUT = 2000, 25
"""Batches of numbers below are for training the detector, less one in this many; those above for fits, without the odd
ones. What is left out is for reports."""

MADE_OF = "prior.json"
"""Says what the batches of a folder are made of."""

_TRUTH = ("parents", "missing", "trees")

About = Mapping[str, str | float]


@dataclass(frozen=True)
class KnownFamily:
    """A measured group of n models with its truth.

    Attributes
    ----------
    statistics : Statistics
        Of all standard statistics.
    parents : (n,)
        -1 where the parent is not here or there is none.
    missing : (n,)
        Whether it shares a missing ancestor with another member.
    trees : (n,)
        Label of its tree: equal with a common ancestor, here or missing, and where trees share an initialisation.
    about : dict
        How the family was made: topology, architecture, tasks, alterations.
    """

    statistics: Statistics
    parents: NDArray[np.int64]
    missing: NDArray[np.bool_]
    trees: NDArray[np.int64]
    about: About

    def __len__(self) -> int:
        return len(self.parents)

    @cached_property
    def measured(self) -> Measurements:
        """What the detector looks at, as the reconstruction derives it. O(m n^2)."""
        return Measurements.of(self.statistics)

    @property
    def n_matrices(self) -> int:
        """Number of matrices that some members share."""
        return sum(tensor.is_matrix for tensor in self.statistics.alignment.tensors)

    @cached_property
    def family(self) -> Family:
        """What the methods of ``trees`` see of it, computed by the code that answers."""
        n = len(self)
        found = Findings.of(self.statistics, existence(self.statistics, ALPHA, n * (n - 1) // 2))
        return Family(MeasuredFamily.of(found, range(n), seed=0))

    def kept(self, keep: NDArray[np.bool_], matrices: Sequence[int] | None = None) -> KnownFamily:
        """Some members, and some matrices: children hang below the nearest kept ancestor.

        Siblings of a lost parent are marked; those that were marked before stay so, though their siblings may be gone.
        """
        left, missed = without(self.parents.tolist(), keep)
        statistics = self.statistics if matrices is None else with_matrices(self.statistics, matrices)
        if not keep.all():
            statistics = statistics.subset(np.flatnonzero(keep).tolist())
        missing = missed | (self.missing[keep] & (left < 0))
        return KnownFamily(statistics, left, missing, self.trees[keep], self.about)

    def without_vectors(self) -> KnownFamily:
        """The same group with its matrices alone."""
        return replace(self, statistics=with_matrices(self.statistics, range(self.n_matrices), vectors=False))

    def related(self) -> Iterator[KnownFamily]:
        """The groups of at least two models that the existence test would keep together."""
        for label in np.unique(self.trees):
            keep = self.trees == label
            if keep.sum() > 1:
                yield self.kept(keep)


def with_matrices(statistics: Statistics, matrices: Sequence[int], *, vectors: bool = True) -> Statistics:
    """The statistics of some of the matrices, by their number among the matrices, and of all ``vectors`` or none."""
    tensors = statistics.alignment.tensors
    numbers = [t for t, tensor in enumerate(tensors) if tensor.is_matrix]
    wanted = {numbers[k] for k in matrices}
    chosen = [t for t, tensor in enumerate(tensors) if t in wanted or (vectors and not tensor.is_matrix)]
    alignment = replace(statistics.alignment, tensors=tuple(tensors[t] for t in chosen))
    return replace(statistics, alignment=alignment, arrays=tuple(statistics.arrays[t] for t in chosen))


def batch_path(folder: Path, number: int) -> Path:
    """Where a batch lies."""
    return folder / f"batch-{number:06d}.npz"


def batch_number(path: Path) -> int:
    """The inverse of ``batch_path``."""
    return int(path.stem.rpartition("-")[2])


def is_left_out(path: Path) -> bool:
    """Whether nothing that ships was trained or fitted on a batch, by its number."""
    number = batch_number(path)
    return number % LEFT_OUT == 0 if number < FIRST_OF_FITS else number % 2 == 1


def batch_paths(folder: Path) -> list[Path]:
    """All batches of a folder in order.

    Raises
    ------
    SavedFileError
        When there is none.
    """
    paths = sorted(folder.glob("batch-*.npz"))
    if not paths:
        raise SavedFileError(
            f"{folder}: expected batches of families here, batch-000000.npz and more; make them with "
            f"nphylo lab families make --out {folder}"
        )
    return paths


def write_batch(path: Path, families: Sequence[KnownFamily]) -> None:
    """Store a batch: about one kilobyte a model."""
    about = {
        "format": FORMAT,
        "version": VERSION,
        "families": [
            {name: getattr(family, name).tolist() for name in _TRUTH} | {"about": dict(family.about)}
            for family in families
        ],
    }
    statistics = condense(_joined([family.statistics for family in families]))
    members = tuple(range(statistics.alignment.n_models))
    with replacing(path) as file:
        save(file, CachedStatistics(tuple(map(str, members)), 0, (Group(members, statistics),), about))


def read_batch(path: Path) -> list[KnownFamily]:
    """The families of a batch.

    Raises
    ------
    SavedFileError
        When the file is missing, damaged or no batch.
    """
    saved = load(path)
    if (saved.about.get("format"), saved.about.get("version")) != (FORMAT, VERSION) or len(saved.groups) != 1:
        raise SavedFileError(f"{path}: not a batch of families of version {VERSION}; make it again")
    statistics = expand(saved.groups[0].statistics)
    try:
        families, start = [], 0
        for entry in saved.about["families"]:
            parents = np.array(entry["parents"], dtype=np.int64)
            missing, trees = np.array(entry["missing"], dtype=bool), np.array(entry["trees"], dtype=np.int64)
            stop = start + len(parents)
            found = statistics.subset(range(start, stop))
            families.append(KnownFamily(found, parents, missing, trees, entry["about"]))
            start = stop
    except (LookupError, TypeError, ValueError) as error:
        raise SavedFileError(f"{path}: its families cannot be read ({error}); make it again") from error
    return families


def read_batches(paths: Iterable[Path]) -> Iterator[KnownFamily]:
    """The families of several batches, one after the other."""
    for path in paths:
        yield from read_batch(path)


def _joined(families: Sequence[Statistics]) -> Statistics:
    """Families side by side: the members of each family follow those of the one before."""
    tensors, arrays, first = [], [], 0
    for statistics in families:
        for tensor, found in statistics:
            tensors.append(replace(tensor, members=tuple(first + member for member in tensor.members)))
            arrays.append(found)
        first += statistics.alignment.n_models
    parameters, in_matrices = (
        np.concatenate([np.zeros(0, dtype=np.int64), *(getattr(found.alignment, name) for found in families)])
        for name in ("parameters", "in_matrices")
    )
    pairwise = frozenset(name for statistics in families for name in statistics.pairwise)
    return Statistics(Alignment(tuple(tensors), parameters, in_matrices, ()), tuple(arrays), pairwise)
