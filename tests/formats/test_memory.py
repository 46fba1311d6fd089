import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from neural_phylogeny.errors import UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.memory import MemoryCheckpoint

TORCH_DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int8,
    torch.int64,
    torch.bool,
    torch.complex64,
]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", TORCH_DTYPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_torch_tensors_give_what_a_file_of_them_gives(dtype: torch.dtype, transposed: bool, tmp_path: Path) -> None:
    tensor = torch.arange(-6, 6).reshape(3, 4).to(dtype)
    tensor = tensor.t() if transposed else tensor
    save_file({"w": tensor.contiguous()}, tmp_path / "m.safetensors")
    memory = MemoryCheckpoint({"w": tensor})
    with open_checkpoint(tmp_path / "m.safetensors") as file:
        assert memory.tensors == file.tensors
        assert memory.read("w", 2, 9).tobytes() == file.read("w", 2, 9).tobytes()
        ours, theirs = np.empty((2, 12), np.float32)
        memory.read_into("w", 0, ours)
        file.read_into("w", 0, theirs)
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_tensors_of_every_layout_and_state() -> None:
    values = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    tensors = {
        "parameter": torch.nn.Parameter(values),
        "sparse": values.to_sparse(),
        "quantised": torch.quantize_per_tensor(values, 0.5, 0, torch.qint8),
        "conjugate": torch.complex(values, values).conj(),
        "negative": torch.complex(values, -values).conj().imag,
    }
    checkpoint = MemoryCheckpoint(tensors)
    for name in ("parameter", "sparse", "quantised", "negative"):
        assert checkpoint.read(name).tolist() == [1.0, 0.0, 0.5, 2.0]
    assert checkpoint.read("conjugate", 0, 1).tolist() == [1 - 1j]


@pytest.mark.torch
def test_a_state_dict_is_a_model() -> None:
    linear = torch.nn.Linear(2, 3)
    network = torch.nn.Sequential(linear, torch.nn.BatchNorm1d(3))
    checkpoint = MemoryCheckpoint(network.state_dict())
    assert checkpoint.tensors["1.num_batches_tracked"].shape == ()
    assert checkpoint.read("0.weight").tolist() == linear.weight.flatten().tolist()


@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["C", "F"]))
def test_slices_are_slices_of_the_whole(start: int, length: int, order: Any) -> None:
    values = np.arange(30).reshape(5, 6)
    checkpoint = MemoryCheckpoint({"w": np.array(values, order=order)})
    assert checkpoint.read("w", start, start + length).tolist() == values.ravel()[start : start + length].tolist()


def test_contiguous_arrays_are_not_copied() -> None:
    array = np.ones((2, 2), ml_dtypes.bfloat16)
    assert np.shares_memory(MemoryCheckpoint({"w": array}).read("w"), array)
    tensor = torch.ones(3, dtype=torch.bfloat16)
    assert MemoryCheckpoint({"w": tensor}).read("w").__array_interface__["data"][0] == tensor.data_ptr()


def test_plain_numbers_are_arrays_too() -> None:
    checkpoint = MemoryCheckpoint({"gain": 2.5, "list": [1, 2]})
    assert checkpoint.read("gain").tolist() == [2.5]
    assert checkpoint.tensors["list"].shape == (2,)
    assert checkpoint.format == "memory"
    checkpoint.close()


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"w": {"nested": 1}}, "tensor 'w': expected an array of numbers, got dict of dtype object"),
        ({"w": "text"}, "tensor 'w': expected an array of numbers, got str of dtype <U4"),
        ({"w": None}, "tensor 'w': expected an array of numbers, got NoneType of dtype object"),
        ({7: np.ones(2)}, "expected the names of tensors to be strings, got 7"),
    ],
)
def test_what_is_no_array_is_named(arrays: Any, expected: str) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        MemoryCheckpoint(arrays)
    assert str(caught.value) == expected


def test_what_cannot_become_an_array_is_named() -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        MemoryCheckpoint({"w": [[1.0], [1.0, 2.0]]})
    assert str(caught.value).startswith("tensor 'w': expected an array of numbers, got list that is none (")
    with pytest.raises(UnsupportedFormatError) as caught:
        MemoryCheckpoint({"w": torch.ones(3, device="meta")})
    assert str(caught.value).startswith("tensor 'w': expected an array of numbers, got Tensor that is none (")


def test_numpy_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    assert MemoryCheckpoint({"w": np.ones(3)}).read("w").tolist() == [1.0] * 3
    assert "torch" not in sys.modules
