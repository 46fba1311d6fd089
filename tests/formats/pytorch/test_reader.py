"""The PyTorch reader against torch itself: every tensor of every kind of file, to the last bit."""

import collections
import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural_phylogeny.errors import UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.pytorch.reader import DEQUANTISED, matches
from neural_phylogeny.formats.spans import SpanFile

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.torch

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
OTHERS = [
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    torch.bool, torch.complex64, torch.complex128,
]  # fmt: skip
LEGACY = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])


def save(obj: Any, path: Path, new: bool = True) -> Path:
    torch.save(obj, path, _use_new_zipfile_serialization=new)
    return path


def raw(tensor: Any) -> bytes:
    """The bytes of a tensor's values in C order."""
    return bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def assert_reads(path: Path, expected: dict[str, Any], component: str | None = None) -> None:
    with open_checkpoint(path, component) as checkpoint:
        assert list(checkpoint.tensors) == list(expected)
        for name, tensor in expected.items():
            info = checkpoint.tensors[name]
            assert info.shape == tuple(tensor.shape)
            values = checkpoint.read(name)
            assert values.dtype.name == info.dtype == str(tensor.dtype).removeprefix("torch.")
            assert values.tobytes() == raw(tensor)
            assert checkpoint.read(name, 1, 3).tobytes() == values[1:3].tobytes()


def small_net() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        collections.OrderedDict(fc=nn.Linear(6, 5), norm=nn.BatchNorm1d(5), inner=nn.Sequential(nn.Linear(5, 3)))
    )


@LEGACY
@pytest.mark.parametrize("dtype", FLOATS + OTHERS, ids=str)
def test_every_dtype_is_read_as_torch_reads_it(tmp_path, dtype, new):
    tensors = {"w.one": torch.arange(12).reshape(3, 4).to(dtype), "w.anchor": torch.ones(2)}
    assert_reads(save(tensors, tmp_path / "x.pt", new), tensors)


@LEGACY
def test_views_of_one_storage_are_read_through_their_strides(tmp_path, new):
    base = torch.randn(6, 8)
    tensors = {
        "a.transposed": base.t(),
        "a.rows": base[2:4],
        "a.columns": base[:, 1:7:2],
        "a.expanded": base[:1, :1].expand(3, 5),
        "a.permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "a.scalar": base[3, 3],
        "a.empty": torch.empty(0, 4),
        "a.whole": base,
    }
    assert_reads(save(tensors, tmp_path / "x.pt", new), tensors)


@LEGACY
def test_tied_weights_stay_both_listed(tmp_path, new):
    weight = nn.Parameter(torch.randn(4, 3))
    tensors = {"embed.weight": weight, "head.weight": weight}
    assert_reads(save(tensors, tmp_path / "x.pt", new), tensors)


@LEGACY
def test_a_pickled_module_gives_the_names_of_its_state_dict(tmp_path, new):
    net = small_net()
    net.inner.register_buffer("scratch", torch.zeros(2), persistent=False)
    net.twin = net.inner
    expected = net.state_dict()
    assert "twin.0.weight" in expected
    assert_reads(save(net, tmp_path / "net.pt", new), expected)


@LEGACY
def test_a_training_checkpoint_gives_its_model_without_the_optimiser(tmp_path, new):
    net = small_net()
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.randn(4, 6)).sum().backward()
    optimiser.step()
    checkpoint = {
        "epoch": 3,
        "args": Namespace(lr=0.1, sizes=[1, 2]),
        "best": np.float64(0.5),
        "state_dict": net.state_dict(),
        "optimizer": optimiser.state_dict(),
        "extra": {"adam": optimiser.state_dict(), "pickled": optimiser},
        "rng_state": torch.get_rng_state(),
        "train_loss": np.zeros(7),
    }
    path = save(checkpoint, tmp_path / "x.ckpt", new)
    assert_reads(path, net.state_dict())
    with open_checkpoint(path) as opened:
        assert opened.components == ()


@LEGACY
def test_tensors_inside_unknown_classes_are_found(tmp_path, new):
    tensors = {"layer.weight": torch.randn(3, 2)}
    assert_reads(save(Namespace(model=Namespace(weights=tensors), note="x"), tmp_path / "x.pt", new), tensors)


@LEGACY
def test_numpy_arrays_are_tensors_and_numbers_are_not(tmp_path, new):
    arrays = {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a.fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "a.big_endian": np.arange(3, dtype=">f4"),
        "a.none": np.zeros((0, 2)),
        "a.text": np.array(["x"]),
        "a.number": 3.5,
    }
    with open_checkpoint(save(arrays, tmp_path / "x.pt", new)) as checkpoint:
        assert list(checkpoint.tensors) == ["a.weight", "a.fortran", "a.big_endian", "a.none"]
        for name in checkpoint.tensors:
            array = arrays[name]
            assert isinstance(array, np.ndarray)
            np.testing.assert_array_equal(checkpoint.read(name).reshape(array.shape), array)


@pytest.mark.filterwarnings("ignore::UserWarning")
@LEGACY
def test_quantised_tensors_are_read_as_the_weights_they_stand_for(tmp_path, new):
    weight = torch.randn(4, 3)
    tensors = {
        "q.tensor": torch.quantize_per_tensor(weight, 0.05, 3, torch.quint8),
        "q.channel": torch.quantize_per_channel(
            weight, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, -2]), 1, torch.qint8
        ),
    }
    with open_checkpoint(save(tensors, tmp_path / "x.pt", new)) as checkpoint:
        assert checkpoint.notes == (DEQUANTISED,)
        for name, tensor in tensors.items():
            assert checkpoint.tensors[name].dtype == "float32"
            values = checkpoint.read(name).reshape(4, 3)
            np.testing.assert_allclose(values, tensor.dequantize().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("what", ["state_dict", "module", "script"])
def test_dynamically_quantised_layers_have_weight_and_bias_again(tmp_path, what):
    net = torch.ao.quantization.quantize_dynamic(small_net().eval(), {nn.Linear}, dtype=torch.qint8)
    path = tmp_path / "x.pt"
    if what == "script":
        torch.jit.trace(net, torch.zeros(1, 6)).save(path)
    else:
        save(net.state_dict() if what == "state_dict" else net, path)
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.notes == (DEQUANTISED,)
        for layer, linear in (("fc", net.fc), ("inner.0", net.inner[0])):
            weight = linear.weight().dequantize().numpy()
            read = checkpoint.read(f"{layer}.weight").reshape(weight.shape)
            np.testing.assert_allclose(read, weight, rtol=1e-6, atol=1e-7)
            np.testing.assert_array_equal(checkpoint.read(f"{layer}.bias"), linear.bias().detach().numpy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_archives_are_read_without_their_code(tmp_path):
    net = small_net().eval()
    torch.jit.script(net).save(tmp_path / "x.pt")
    assert_reads(tmp_path / "x.pt", net.state_dict())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_kinds_that_are_not_read_are_left_out_with_a_note(tmp_path):
    tensors = {
        "a.sparse": torch.eye(3).to_sparse(),
        "a.csr": torch.eye(3).to_sparse_csr(),
        "a.meta": torch.empty(3, device="meta"),
        "a.weight": torch.ones(2),
        "a.conjugated": torch.zeros(3, dtype=torch.complex64).conj(),
        "a.half_complex": torch.zeros(3, dtype=torch.complex32),
    }
    with open_checkpoint(save(tensors, tmp_path / "x.pt")) as checkpoint:
        assert list(checkpoint.tensors) == ["a.weight"]
        assert checkpoint.notes == (
            "tensor 'a.sparse' is sparse and left out",
            "tensor 'a.csr' is sparse and left out",
            "tensor 'a.meta' is without values (on the meta device) and left out",
            "tensor 'a.conjugated' is conjugated and left out",
            "tensor 'a.half_complex' is of an unknown number type and left out",
        )


@LEGACY
def test_several_state_dicts_are_components_with_the_average_first(tmp_path, new):
    raw_weights, averaged, critic = ({"a.weight": torch.randn(2, 2)} for _ in range(3))
    path = save({"critic_state": critic, "model": raw_weights, "model_ema": averaged}, tmp_path / "x.pt", new)
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.components == ("model_ema", "model", "critic_state")
    assert_reads(path, averaged)
    assert_reads(path, critic, "critic_state")
    with pytest.raises(UnknownChoiceError, match=r"unknown component 'modle'; did you mean 'model'\?"):
        open_checkpoint(path, "modle")


def test_contiguous_float32_is_read_into_the_callers_buffer(tmp_path, monkeypatch):
    weight = torch.randn(100, 7)
    path = save({"a.weight": weight}, tmp_path / "x.pt")
    with open_checkpoint(path) as checkpoint:
        monkeypatch.setattr(type(checkpoint), "read", None)  # a slice must not be read first and copied then
        out = np.empty(50, np.float32)
        checkpoint.read_into("a.weight", 20, out)
        np.testing.assert_array_equal(out, weight.reshape(-1)[20:70].numpy())


def test_only_the_shown_part_of_a_storage_is_read(tmp_path, monkeypatch):
    base = torch.randn(1000, 10)
    path = save({"a.all": base, "a.columns": base[500:503].t()}, tmp_path / "x.pt")
    amounts: list[int] = []
    read_bytes = SpanFile.read_bytes

    def counted(self: SpanFile, offset: int, count: int, tensor: str = "") -> bytes:
        amounts.append(count)
        return read_bytes(self, offset, count, tensor)

    with open_checkpoint(path) as checkpoint:
        monkeypatch.setattr(SpanFile, "read_bytes", counted)
        np.testing.assert_array_equal(checkpoint.read("a.columns"), base[500:503].t().reshape(-1).numpy())
    assert amounts == [30 * 4]


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_state_dict_pickled_without_torchs_help_is_read_too(tmp_path, protocol):
    net = small_net()
    (tmp_path / "x.pt").write_bytes(pickle.dumps(net.state_dict(), protocol))
    assert_reads(tmp_path / "x.pt", net.state_dict())


def test_a_file_without_weights_is_reported_so(tmp_path):
    path = save({"steps": [1, 2, 3]}, tmp_path / "x.pt")
    with pytest.raises(UnsupportedFormatError) as caught:
        open_checkpoint(path)
    assert caught.value.reason == "no state dict with floating-point tensors in it, only a dict"


def test_a_bare_tensor_is_a_model_of_one_tensor(tmp_path):
    tensor = torch.randn(3)
    assert_reads(save(tensor, tmp_path / "x.pt"), {"tensor": tensor})


def test_what_is_offered_to_this_reader():
    assert matches(b"PK\x03\x04", Path("x"))
    assert matches(b"\x80\x02", Path("x"))
    assert matches(b"\x80\x05", Path("x"))
    assert not matches(b"\x80\x20", Path("x"))
    assert not matches(b"\x89HDF", Path("x"))


@pytest.mark.wild
def test_every_public_checkpoint_opens_and_is_what_torch_loads(wild):
    paths = sorted(path for path in wild.glob("*/*") if path.suffix in (".pt", ".pth", ".zip"))
    assert paths
    for path in paths:
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.tensors, path
            expected = _loaded(path)
            for name, info in checkpoint.tensors.items():
                values = checkpoint.read(name)
                assert (values.size, values.dtype.name) == (info.size, info.dtype)
                if expected is not None and torch.is_tensor(expected.get(name)) and not expected[name].is_quantized:
                    assert values.tobytes() == raw(expected[name]), (path, name)


def _loaded(path: Path) -> dict[str, Any] | None:
    """The state dict as torch loads it, where it is one and torch dares to."""
    if path.suffix == ".zip":
        return None
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch itself refuses or no longer knows the class: nothing to compare with
        return None
    return loaded if isinstance(loaded, dict) else None
