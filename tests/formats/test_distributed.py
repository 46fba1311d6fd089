"""Distributed checkpoints, written with torch's own records and read without torch."""

import io
import pickle
import warnings

import numpy as np
import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.distributed.checkpoint import metadata as records
    from torch.distributed.checkpoint.filesystem import _StorageInfo

from neural_phylogeny.errors import CheckpointError, UnknownChoiceError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.sources import open_models

pytestmark = pytest.mark.torch


def write(folder, tensors, cuts=(), change=None):
    """A checkpoint of nested names; tensors in ``cuts`` lie in two halves along that axis, one for each rank."""
    folder.mkdir(exist_ok=True)
    files = {0: io.BytesIO(), 1: io.BytesIO()}
    described: dict[str, records.TensorStorageMetadata | records.BytesStorageMetadata] = {}
    stored, paths = {}, {}
    cuts = dict(cuts)
    for path, values in tensors.items():
        name = ".".join(path)
        paths[name] = path
        halves = torch.chunk(values, 2, cuts[name]) if name in cuts else (values,)
        chunks, at = [], 0
        for rank, half in enumerate(halves):
            offsets = [0] * values.dim()
            if name in cuts:
                offsets[cuts[name]] = at
                at += half.shape[cuts[name]]
            chunks.append(records.ChunkStorageMetadata(torch.Size(offsets), half.shape))
            begin = files[rank].tell()
            torch.save(half.contiguous().clone(), files[rank])
            index = records.MetadataIndex(name, torch.Size(offsets), len(chunks) - 1)
            stored[index] = _StorageInfo(f"__{rank}_0.distcp", begin, files[rank].tell() - begin)
        properties = records.TensorProperties(dtype=values.dtype)
        described[name] = records.TensorStorageMetadata(properties, values.shape, chunks)
    described["epoch"] = records.BytesStorageMetadata()
    whole = records.Metadata(described, paths, stored)
    if change:
        change(whole)
    (folder / ".metadata").write_bytes(pickle.dumps(whole))
    for rank, file in files.items():
        (folder / f"__{rank}_0.distcp").write_bytes(file.getvalue())
    return folder


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return {
        ("model", "a.weight"): torch.randn(6, 8),
        ("model", "b.weight"): torch.randn(4, 6).bfloat16(),
        ("model", "c.scale"): torch.tensor(2.0),
        ("ema", "a.weight"): torch.randn(6, 8),
        ("optimizer", "state", "a.weight", "exp_avg"): torch.randn(6, 8),
    }


CUTS = {"model.a.weight": 0, "model.b.weight": 1}


def test_the_pieces_of_all_ranks_are_put_together(tensors, tmp_path):
    folder = write(tmp_path / "run", tensors, CUTS)
    with open_checkpoint(folder / ".metadata", "model") as checkpoint:
        assert set(checkpoint.components) == {"model", "ema"}
        assert list(checkpoint.tensors) == ["a.weight", "b.weight", "c.scale"]
        for name, tensor in checkpoint.tensors.items():
            wanted = tensors["model", name].float().numpy()
            found = checkpoint.read(name)
            assert found.dtype.name == tensor.dtype
            np.testing.assert_array_equal(found.astype(np.float32).reshape(tensor.shape), wanted)
            np.testing.assert_array_equal(checkpoint.read(name, 1, 5), found[1:5])
    with pytest.raises(UnknownChoiceError):
        open_checkpoint(folder / ".metadata", "critic")


def test_a_folder_of_ranks_is_one_model(tensors, tmp_path):
    write(tmp_path / "run", tensors, CUTS)
    opened, skipped = open_models([tmp_path], component="model")
    opened[0][1].close()
    assert ([ref.path for ref, _ in opened], skipped) == ([str(tmp_path / "run")], [])


def test_without_a_plan_the_first_word_of_a_name_is_its_state_dict(tensors, tmp_path):
    folder = write(tmp_path / "run", tensors, CUTS, lambda whole: setattr(whole, "planner_data", None))
    with open_checkpoint(folder / ".metadata") as checkpoint:
        assert list(checkpoint.tensors) == ["a.weight"]
        assert checkpoint.components == ("ema", "model")


def test_the_file_of_a_rank_that_is_missing_is_named(tensors, tmp_path):
    folder = write(tmp_path / "run", tensors, CUTS)
    (folder / "__1_0.distcp").unlink()
    opened, (skipped,) = open_models([folder], component="model")
    assert opened == []
    assert "'__1_0.distcp', the file of a rank, is missing" in skipped.reason


def test_the_file_of_a_rank_alone_says_what_to_give(tensors, tmp_path):
    folder = write(tmp_path / "run", tensors, CUTS)
    with pytest.raises(UnsupportedFormatError, match="Give its folder"):
        open_checkpoint(folder / "__0_0.distcp")
    (folder / ".metadata").unlink()
    assert "by their folder, with the .metadata" in open_models([folder])[1][-1].reason


def _place(change):
    def run(whole):
        for info in whole.storage_data.values():
            change(info)

    return run


def _piece(**changes):
    def run(whole):
        chunk = whole.state_dict_metadata["model.a.weight"].chunks[0]
        for key, value in changes.items():
            setattr(chunk, key, value)

    return run


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_place(lambda info: setattr(info, "relative_path", "../x.distcp")), "points outside its folder"),
        (_place(lambda info: setattr(info, "length", 2**40)), "ends before a piece"),
        (_place(lambda info: setattr(info, "offset", -1)), "no place in a file"),
        (_place(lambda info: setattr(info, "relative_path", 7)), "no place in a file"),
        (_place(lambda info: setattr(info, "transform_descriptors", ["stream.zstd"])), r"compressed \(.*stream.zstd"),
        (_piece(sizes=torch.Size([2, 8])), "its pieces hold 40 of its 48 values"),
        (_piece(sizes=torch.Size([2**61, 8])), "does not fit its shape"),
        (_piece(offsets="x"), "a piece has no place"),
        (lambda whole: whole.storage_data.clear(), "no file is named for its piece"),
        (lambda whole: setattr(whole, "storage_data", None), "not the metadata of a distributed checkpoint"),
        (lambda whole: whole.state_dict_metadata.clear(), "no model in it"),
    ],
)
def test_metadata_that_lies_is_one_sentence(tensors, tmp_path, change, reason):
    folder = write(tmp_path / "run", tensors, CUTS, change)
    with pytest.raises(CheckpointError, match=reason):
        open_checkpoint(folder / ".metadata", "model")


def test_enumerations_as_python_3_11_0_wrote_them_are_read(tensors, tmp_path, monkeypatch):
    monkeypatch.setattr(
        records._MEM_FORMAT_ENCODING, "__reduce_ex__", lambda self, _: (getattr, (self.__class__, self._name_))
    )
    folder = write(tmp_path / "run", tensors, CUTS)
    assert b"getattr" in (folder / ".metadata").read_bytes()
    with open_checkpoint(folder / ".metadata", "model") as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("a.weight"), tensors["model", "a.weight"].numpy().ravel())


ENUMERATION = b"ctorch.distributed.checkpoint.metadata\n_MEM_FORMAT_ENCODING\n"


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\ngetattr\n(cargparse\nos\nVsystem\ntR.",
        b"cbuiltins\ngetattr\n(" + ENUMERATION + b"V__init__\ntR.",
        b"cbuiltins\ngetattr\n(" + ENUMERATION + b"VA.mro\ntR.",
        b"cbuiltins\ngetattr\n(" + ENUMERATION + b"tR.",
        b"cfunctools\npartial\n(cbuiltins\ngetattr\n" + ENUMERATION + b"VA\ntR.",
    ],
)
def test_any_other_attribute_refuses_the_metadata(content, tmp_path):
    (tmp_path / ".metadata").write_bytes(b"\x80\x02" + content)
    with pytest.raises(UnsafeFileError, match=r"hand over to builtins\.getattr"):
        open_checkpoint(tmp_path / ".metadata")


def test_nothing_in_the_metadata_is_run(tmp_path):
    class Call:
        def __reduce__(self):
            return print, ("run",)

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".metadata").write_bytes(pickle.dumps({"a": Call()}))
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path / "run" / ".metadata")
    (tmp_path / "run" / ".metadata").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnsafeFileError, match="hand over to os"):
        open_checkpoint(tmp_path / "run" / ".metadata")
