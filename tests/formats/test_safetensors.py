import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.safetensors import DTYPES, matches

TORCH_CODES: dict[str, Any] = safetensors.torch._TYPES


@pytest.mark.torch
@pytest.mark.parametrize("code", sorted(set(DTYPES) & set(TORCH_CODES)))
def test_every_dtype_that_torch_has_is_read_bit_for_bit(code: str, tmp_path: Path) -> None:
    bits = torch.randint(0, 256, (3, 5, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    tensor = (bits % 2).bool() if code == "BOOL" else bits.view(TORCH_CODES[code])
    safetensors.torch.save_file({"w": tensor}, tmp_path / "m.safetensors")
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        assert checkpoint.tensors["w"].shape == tuple(tensor.shape)
        assert checkpoint.tensors["w"].dtype == DTYPES[code].name
        assert checkpoint.read("w").tobytes() == tensor.contiguous().view(torch.uint8).numpy().tobytes()


@pytest.mark.torch
@pytest.mark.parametrize(
    "code", ["F32", "F64", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8"]
)
def test_conversion_to_float32_agrees_with_torch(code: str, tmp_path: Path) -> None:
    bits = torch.arange(256, dtype=torch.uint8).repeat(8)
    tensor = bits.view(TORCH_CODES[code])
    safetensors.torch.save_file({"w": tensor}, tmp_path / "m.safetensors")
    out = np.empty(tensor.numel() - 3, dtype=np.float32)
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        checkpoint.read_into("w", 3, out)
    np.testing.assert_array_equal(out, tensor.float().numpy()[3:])


def test_scale_only_floats_are_read_too(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F8_E8M0", "shape": [3], "data_offsets": [0, 3]}}).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([126, 127, 128]))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.read("w").astype(np.float32).tolist() == [0.5, 1.0, 2.0]


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([np.float32, np.float16, ml_dtypes.bfloat16]))
def test_slices_are_slices_of_the_whole(tmp_path_factory, start: int, length: int, dtype: type) -> None:
    path = tmp_path_factory.mktemp("slices") / "m.safetensors"
    values: Any = np.arange(60).astype(dtype)
    raw = {"a": np.ones(1, np.uint8), "w": values.view(np.uint8)}
    save_file(raw, path)
    name = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}[values.dtype.name]
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["w"] |= {"dtype": name, "shape": [6, 10]}
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + content[8 + size :])
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.read("w", start, start + length).tolist() == values[start : start + length].tolist()
        assert checkpoint.read("w", start).tolist() == values[start:].tolist()


def test_tensors_come_in_stored_order_with_metadata_apart(tmp_path: Path) -> None:
    save_file({"b": np.zeros(2), "a": np.zeros((0, 3))}, tmp_path / "m.safetensors", metadata={"format": "np"})
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        assert set(checkpoint.tensors) == {"a", "b"}
        assert checkpoint.format == "safetensors"
        assert checkpoint.read("a").size == 0


def test_the_file_needs_no_suffix(tmp_path: Path) -> None:
    save_file({"w": np.ones(2, np.float32)}, tmp_path / "blob")
    with open_checkpoint(tmp_path / "blob") as checkpoint:
        assert checkpoint.format == "safetensors"
    assert not matches(b"\xff" * 8 + b"{", tmp_path / "blob")


def test_there_are_no_components(tmp_path: Path) -> None:
    save_file({"w": np.ones(2)}, tmp_path / "m.safetensors")
    with pytest.raises(UnknownChoiceError, match=r"^unknown component 'ema'\. Known: none$"):
        open_checkpoint(tmp_path / "m.safetensors", "ema")
