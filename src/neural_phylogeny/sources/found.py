"""A model that was found in a folder, before it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass

from neural_phylogeny.inputs import ModelRef, Part, Skipped
from neural_phylogeny.sources.asides import Aside
from neural_phylogeny.sources.shards import index_of, unnumbered

PREFERENCE = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".h5", ".keras", ".npz", ".onnx", ".gguf", ".zip")
"""When a folder holds the same model in several formats, the first of these is read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model that was found: the path it is called by, the files behind it, and their shard index if there is one."""

    path: str
    parts: tuple[Part, ...]
    index: str = ""

    @classmethod
    def of_file(cls, path: str) -> Found:
        """A model in one file."""
        return cls(path, (Part(file=path),))

    @property
    def is_sharded(self) -> bool:
        """Whether it is made of shards."""
        return bool(self.index) or len(self.parts) > 1

    @property
    def file_name(self) -> str:
        """The name to call its file by: that of the index, or of the first file."""
        return os.path.basename(self.index or self.parts[0].file)

    @property
    def weights_name(self) -> str:
        """The name that the weights would have in one file."""
        return index_of(self.index) if self.index else unnumbered(self.file_name)

    def ref(self, found_in: str, name: str = "", component: str | None = None) -> ModelRef:
        """The record of it that crosses rooms."""
        return ModelRef(
            name=name, path=self.path, parts=self.parts, component=component, found_in=found_in, index=self.index
        )


Item = Found | Skipped | Aside
"""What looking into a folder gives."""


def liking(model: Found) -> tuple[int, int, str]:
    """Sorts the plainest name first, then the format that is preferred."""
    stem, suffix = os.path.splitext(model.weights_name.lower())
    is_variant = bool(model.index) and not model.index.endswith(".index.json")
    place = PREFERENCE.index(suffix) if suffix in PREFERENCE else len(PREFERENCE)
    return stem.count(".") + is_variant, place, model.path
