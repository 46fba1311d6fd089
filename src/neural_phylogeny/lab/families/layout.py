"""Where each tensor of an architecture lies in one flat array of all its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.architectures import NetworkShape, TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Slices of a flat array; the ``learnt`` first entries are moved by gradients, the others are statistics."""

    specs: tuple[TensorSpec, ...]
    slices: tuple[slice, ...]
    learnt: int
    head: slice

    @classmethod
    def of(cls, architecture: NetworkShape) -> Layout:
        """The layout of an architecture."""
        specs, start, slices = architecture.tensors, 0, []
        for spec in specs:
            slices.append(slice(start, start + spec.size))
            start += spec.size
        head = [part for spec, part in zip(specs, slices, strict=True) if spec.name in architecture.head]
        learnt = sum(spec.size for spec in specs if spec.is_learnt)
        return cls(specs, tuple(slices), learnt, slice(head[0].start, head[-1].stop))

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Tensors (n, ...) by name that share the memory of a flat tensor (n, n_entries)."""
        return {
            spec.name: flat[:, part].view(len(flat), *spec.shape)
            for spec, part in zip(self.specs, self.slices, strict=True)
        }

    def model(
        self, flat: NDArray[np.float32], leave_out: frozenset[str] = frozenset()
    ) -> dict[str, NDArray[np.float32]]:
        """Arrays by name, like a state dict, of flat entries (n_entries,)."""
        return {
            spec.name: flat[part].reshape(spec.shape).copy()
            for spec, part in zip(self.specs, self.slices, strict=True)
            if spec.name not in leave_out
        }

    def unfrozen(self, layers: int) -> NDArray[np.bool_] | None:
        """Which learnt entries (n_learnt,) lie behind this many first layers; None for all."""
        if not layers:
            return None
        mask = np.ones(self.learnt, dtype=bool)
        for spec, part in zip(self.specs, self.slices, strict=True):
            if spec.is_learnt and spec.layer < layers:
                mask[part] = False
        return mask


def pruned(flat: NDArray[np.float32], layout: Layout, share: float) -> NDArray[np.bool_]:
    """Which learnt entries (n_learnt,) stay when a share of each matrix, the smallest magnitudes, becomes zero."""
    keep = np.ones(layout.learnt, dtype=bool)
    for spec, part in zip(layout.specs, layout.slices, strict=True):
        if spec.role == "weight":
            size = np.abs(flat[part])
            smallest = np.argpartition(size, int(share * (size.size - 1)))[: int(share * size.size)]
            keep[part][smallest] = False
    return keep
