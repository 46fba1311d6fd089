"""Quantised checkpoints: codes are read as the weights they stand for, a file per scheme.

``dequantised`` wraps an opened checkpoint. A scheme's module says what its tensors are called, how they are packed and
what they stand for; a row in ``schemes.SCHEMES`` switches it on. Formats that say in their own structure what is
quantised (PyTorch's quantised tensors, the nodes of an ONNX graph) are decoded by their readers.
"""

from __future__ import annotations

from collections.abc import Sequence

from neural_phylogeny.formats.base import Checkpoint

__all__ = ["dequantised"]


def dequantised(checkpoint: Checkpoint, files: Sequence[tuple[str, str]] = ()) -> Checkpoint:
    """The checkpoint with its codes read as weights; itself where there are none.

    ``files`` are the prefix of each weight file's tensors and its path: settings are looked for beside them. Costs a
    look at names and shapes, and a read of small tensors where there are codes. What does not fit a scheme is in
    ``unread``, and its tensors are named in ``notes``.
    """
    if not any(_is_code(tensor.dtype) for tensor in checkpoint.tensors.values()):
        return checkpoint
    from neural_phylogeny.formats.quantised.schemes import decoded  # most models have none

    return decoded(checkpoint, files)


def _is_code(dtype: str) -> bool:
    return dtype in ("int8", "uint8", "int32", "uint32") or dtype.startswith("float8")
