"""Large collections: which models could be related at all, by a small sample of each.

All pairs of 2,000 models cannot be compared on every tensor; but unrelated models have a cosine near zero already on a
few thousand values. Groups found here are measured in full, each on its own. `nphylo lab table candidates` measures how
many related pairs are skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.statistics.blocks import BLOCK, Block, read_block
from neural_phylogeny.statistics.sampling import grid_part
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment

SAMPLE = 1 << 15
"""Values of a model in its sample, over all its matrices."""

FEWEST = 256
"""Fewest values taken of a matrix."""

STRETCHES = 4
"""Places of a matrix that they are taken from: rows that were pruned leave zeros in some of them."""

NOISE = 6.0
"""Standard deviations of the cosine of unrelated values that a candidate must exceed, over all matrices. The weakest
of 7,407 related pairs reaches 11.9. At 3, independent trainings on the same data join into groups that hold half of all
pairs, at 6 a twelfth (``docs/tables/candidates.md``)."""

MANY, SAMPLE_OF_MANY = 4096, 1 << 13
"""Of more models fewer values are sampled, in single precision: the table of all pairs takes 800 MB for 10,000."""

AT_ONCE = 1024
"""Models whose products with all are computed together."""

ONE_MATRIX = 0.5
"""Cosine in a single matrix from which on a pair is a candidate, whatever the others say: one identical kernel among
many new ones proves a relation. Unrelated values reach it in 8 standard deviations of ``FEWEST`` of them."""


@dataclass(frozen=True)
class Sampled:
    """What a sample of every model shows of each pair, ``(n_models, n_models)`` each.

    Attributes
    ----------
    product : array
        Inner product of the sampled values, each matrix scaled to a mean square of one.
    common : array
        Number of values that both models have.
    clear : array of bool
        Whether the cosine in some matrix is above ``ONE_MATRIX``.
    contents : list of bytes, (n_models,)
        Equal for models whose sampled values are equal to the last bit.
    """

    product: NDArray[np.floating[Any]]
    common: NDArray[np.signedinteger[Any]]
    clear: NDArray[np.bool_]
    contents: list[bytes]

    def apart(self, rows: Sequence[int]) -> NDArray[np.floating[Any]]:
        """One less the cosine of some models with all, ``(k, n)``; infinite where nothing is compared."""
        product, common = self.product[list(rows)], self.common[list(rows)]
        with np.errstate(all="ignore"):
            found: NDArray[np.floating[Any]] = np.where(common > 0, 1.0 - product / common, np.inf)
        return found


def sample(checkpoints: Sequence[Checkpoint], alignment: Alignment, most: int | None = None) -> Sampled:
    """Compare a few values of every matrix, from ``STRETCHES`` evenly spread places of it.

    Every matrix is scaled to one length, so that none drowns the others. The boxes of pairs are sampled, those of two
    shapes too, so that relatives of other shapes are found.

    A pair is compared on about ``most`` values, or on ``FEWEST`` of each matrix if that is more, whatever the other
    models are. O(n_models^2) a value, half of the products by symmetry.
    """
    n = alignment.n_models
    is_many = n > MANY
    most = (SAMPLE_OF_MANY if is_many else SAMPLE) if most is None else most
    found = Sampled(
        np.zeros((n, n), dtype=np.float32 if is_many else np.float64),
        np.zeros((n, n), dtype=np.int32 if is_many else np.int64),
        np.zeros((n, n), dtype=bool),
        [b""] * n,
    )
    matrices = [tensor for tensor in alignment.tensors if tensor.is_matrix]
    n_matrices = _matrices_of(matrices, n)
    for tensor in matrices:
        each = max(FEWEST, most // max(n_matrices[member] for member in tensor.members))
        values = _read(tensor, each, checkpoints)
        for member, row in zip(tensor.members, values, strict=True):
            found.contents[member] = hashlib.blake2b(found.contents[member] + row.tobytes(), digest_size=16).digest()
        length = np.sqrt(np.array([np.square(row, dtype=np.float64).mean() for row in values]))
        usable: NDArray[np.bool_] = np.isfinite(length) & (length > 0)
        scaled, size = values[usable] / length[usable, None].astype(np.float32), values.shape[1]
        members = np.array(tensor.members)[usable]
        for start in range(0, len(members), AT_ONCE):
            rows, others = members[start : start + AT_ONCE], members[start:]  # the other half is mirrored
            product = np.dot(scaled[start : start + AT_ONCE], scaled[start:].T)
            at = np.ix_(rows, others) if len(members) < n else (slice(start, start + AT_ONCE), slice(start, None))
            found.product[at] += product
            found.common[at] += size
            if size >= FEWEST // 2:
                found.clear[at] |= np.abs(product) > ONE_MATRIX * size
    for table in (found.product, found.common, found.clear):
        _mirror(table)
    return found


def _mirror(table: NDArray[Any]) -> None:
    """Copy what lies above the diagonal of a table ``(n, n)`` below it, a few rows at a time."""
    for start in range(0, len(table), AT_ONCE):
        stop = start + AT_ONCE
        own = table[start:stop, start:stop]
        own[...] = np.where(np.tri(len(own), dtype=bool), own.T, own)
        table[stop:, start:stop] = table[start:stop, stop:].T


def _matrices_of(matrices: Sequence[AlignedTensor], n: int) -> list[int]:
    """How many of each model's matrices are compared with some other model."""
    names = [set[str]() for _ in range(n)]
    for tensor in matrices:
        for member, source in zip(tensor.members, tensor.sources, strict=True):
            names[member].add(source.name)
    return [len(found) for found in names]


def _read(tensor: AlignedTensor, each: int, checkpoints: Sequence[Checkpoint]) -> NDArray[np.float32]:
    """About ``each`` values of every member, ``(n_members, n_values)``."""
    known = grid_part(tensor)
    if known is not None:
        buffer = np.empty(len(tensor.members) * min(known.tensor.size, BLOCK), dtype=np.float32)
        return read_block(tensor, Block(0, 0, min(known.tensor.size, BLOCK)), checkpoints, buffer, {}, known)
    count = min(each, tensor.size, BLOCK)
    stretches = STRETCHES if count < tensor.size else 1
    size = count // stretches
    starts = np.linspace(0, tensor.size - size, stretches).astype(np.int64).tolist()
    buffer = np.empty(len(tensor.members) * size, dtype=np.float32)
    parts = [read_block(tensor, Block(0, at, at + size), checkpoints, buffer, {}).copy() for at in starts]
    return np.concatenate(parts, axis=1)


def candidates(sampled: Sampled, noise: float = NOISE) -> NDArray[np.bool_]:
    """Pairs whose sampled cosine exceeds what unrelated values reach, in all matrices or clearly in one: ``(n, n)``.

    Generous on purpose: an unrelated model that passes costs time, a relative that does not is lost.
    """
    found = sampled.clear.copy()
    for start in range(0, len(found), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        found[rows] |= np.abs(sampled.product[rows]) > noise * np.sqrt(np.maximum(sampled.common[rows], 1))
    np.fill_diagonal(found, False)
    return found
