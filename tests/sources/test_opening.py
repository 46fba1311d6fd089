import os
import sys
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    MissingExtraError,
    UnreadableFileError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.safetensors import SafetensorsFile
from neural_phylogeny.inputs import ModelRef, Part, Skipped, TensorInfo
from neural_phylogeny.sources import discover, from_memory, open_all, open_model, opening
from neural_phylogeny.sources.opening import format_of


def one_file(path: str, component: str | None = None) -> ModelRef:
    return ModelRef(name=os.path.basename(path), path=path, parts=(Part(file=path),), component=component)


def test_one_file_without_a_prefix_gives_its_own_reader(write) -> None:
    path = write("a.safetensors", {"w": [1.0, 2.0]})
    with open_model(one_file(path)) as opened:
        assert type(opened) is SafetensorsFile
        assert format_of(opened) == "safetensors"


def test_shards_are_read_as_one_model(write, tmp_path: Path) -> None:
    parts = (Part(file=write("1.safetensors", {"w": [1.0, 2.0, 3.0]})), Part(file=write("2.safetensors", {"v": [4.0]})))
    with open_model(ModelRef(name="m", path=str(tmp_path), parts=parts)) as opened:
        assert list(opened.tensors.values()) == [
            TensorInfo(name="w", shape=(3,), dtype="float32"),
            TensorInfo(name="v", shape=(1,), dtype="float32"),
        ]
        assert opened.read("w", 1).tolist() == [2.0, 3.0]
        assert opened.read("v").tolist() == [4.0]
        out = np.empty(2, np.float32)
        opened.read_into("w", 0, out)
        assert out.tolist() == [1.0, 2.0]
        assert format_of(opened) == "safetensors"


def test_components_are_read_under_their_prefixes(write, tmp_path: Path) -> None:
    parts = (
        Part(file=write("u.safetensors", {"w": [1.0]}), prefix="unet."),
        Part(file=write("v.safetensors", {"w": [2.0]}), prefix="vae."),
    )
    with open_model(ModelRef(name="m", path=str(tmp_path), parts=parts)) as opened:
        assert {name: opened.read(name).tolist() for name in opened.tensors} == {"unet.w": [1.0], "vae.w": [2.0]}
        assert [tensor.name for tensor in opened.tensors.values()] == ["unet.w", "vae.w"]


def test_a_tensor_in_two_shards_is_damage(write, tmp_path: Path) -> None:
    first, second = write("1.safetensors", {"w": [1.0]}), write("2.safetensors", {"w": [1.0]})
    with pytest.raises(DamagedFileError) as caught:
        open_model(ModelRef(name="m", path=str(tmp_path), parts=(Part(file=first), Part(file=second))))
    assert str(caught.value) == f"{second}: tensor 'w': two shards hold this tensor. Download them again."


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")
def test_closing_a_model_and_failing_to_open_one_leave_no_file_open(write, tmp_path: Path) -> None:
    first, second = write("1.safetensors", {"w": [1.0]}), write("2.safetensors", {"w": [1.0]})
    before = descriptors()
    with pytest.raises(DamagedFileError):
        open_model(ModelRef(name="m", path=str(tmp_path), parts=(Part(file=first), Part(file=second))))
    opened = open_model(
        ModelRef(name="m", path=str(tmp_path), parts=(Part(file=first, prefix="a."), Part(file=second, prefix="b.")))
    )
    assert descriptors() == before + 2
    opened.close()
    opened.close()
    assert descriptors() == before


def test_an_error_in_a_shard_names_the_shard(write, tmp_path: Path) -> None:
    bad = write("2.safetensors", b"\xff" * 20)
    with pytest.raises(DamagedFileError) as caught:
        open_model(ModelRef(name="m", path=str(tmp_path), parts=(Part(file=write("1.safetensors")), Part(file=bad))))
    assert caught.value.path == bad


def test_what_cannot_be_opened_is_reported_and_the_rest_goes_on(write, tmp_path: Path) -> None:
    good, text, empty = write("a.safetensors"), write("b.txt", "hello"), write("c.pt", "")
    gone = str(tmp_path / "d.pt")
    sharded = ModelRef(
        name="m", path=str(tmp_path), parts=(Part(file=good), Part(file=write("e.safetensors", b"\xff" * 20)))
    )
    refs = [one_file(good), one_file(text), one_file(empty), one_file(gone), sharded, one_file(good, "ema")]
    opened, skipped = open_all(refs)
    with opened[0][1] as checkpoint:
        assert [ref for ref, _ in opened] == [one_file(good)]
        assert len(checkpoint.tensors) == 1
    assert [item.path for item in skipped] == [text, empty, gone, str(tmp_path), good]
    assert [item.reason.split(". ")[0] for item in skipped] == [
        "not a checkpoint of a known format",
        "the file is empty",
        "no such file or directory",
        "e.safetensors: the header claims 18446744073709551615 bytes in a file of 20",
        "unknown component 'ema'",
    ]


def test_a_missing_library_is_reported_and_the_rest_goes_on(write, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_or_miss(path: str, _: str | None = None) -> Checkpoint:
        if path.endswith(".h5"):
            raise MissingExtraError(".h5 files", "keras")
        return SafetensorsFile(Path(path))

    monkeypatch.setattr(opening, "open_checkpoint", open_or_miss)
    keras, good = write("a.h5"), write("b.safetensors")
    opened, skipped = open_all([one_file(keras), one_file(good)])
    opened[0][1].close()
    reason = ".h5 files need an optional library: pip install 'neural-phylogeny[keras]'"
    assert skipped == [Skipped(path=keras, reason=reason)]
    assert len(opened) == 1


def test_a_file_that_may_not_be_read_is_reported(write, refuse) -> None:
    locked, good = write("a.safetensors"), write("b.safetensors")
    refuse("os.open", locked)
    opened, skipped = open_all([one_file(locked), one_file(good)])
    opened[0][1].close()
    assert skipped == [Skipped(path=locked, reason="permission denied. Check the path and its permissions.")]


def test_every_error_of_opening_is_of_this_package(write) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        open_model(one_file(write("a.safetensors") + ".gone"))
    assert isinstance(caught.value, CheckpointError)


def test_models_in_memory_have_no_path(rng: np.random.Generator) -> None:
    weights = rng.normal(size=(3, 4))
    (ref, opened), (other, _) = from_memory({"a": {"w": weights}, "b": {"w": weights.T}})
    assert (ref, other) == (ModelRef(name="a", path="", parts=()), ModelRef(name="b", path="", parts=()))
    assert format_of(opened) == "memory"
    assert opened.read("w").tolist() == weights.reshape(-1).tolist()


def test_a_model_in_memory_that_is_none_is_named() -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        from_memory({"good": {"w": np.zeros(3)}, "bad": {"w": "text"}})
    assert str(caught.value).startswith("model 'bad': tensor 'w': expected an array of numbers, got str")
    with pytest.raises(UnsupportedFormatError) as caught:
        from_memory({"bad": [np.zeros(3)]})
    assert str(caught.value) == (
        "model 'bad': expected a mapping of tensor names to arrays, got list. A torch module is taken too."
    )


class FakeResource:
    """The part of the ``resource`` module that matters, with limits of its own."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, refuses: bool = False) -> None:
        self.limits = (soft, hard)
        self.refuses = refuses

    def getrlimit(self, kind: int) -> tuple[int, int]:
        assert kind == self.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, kind: int, limits: tuple[int, int]) -> None:
        if self.refuses:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("limits", "after"),
    [
        ((1024, 4096), (1256, 4096)),
        ((1024, 1100), (1100, 1100)),
        ((1024, -1), (1256, -1)),
        ((-1, -1), (-1, -1)),
        ((5000, 9000), (5000, 9000)),
    ],
)
def test_the_limit_on_open_files_is_raised_as_far_as_needed(
    write, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], after: tuple[int, int]
) -> None:
    fake = FakeResource(*limits)
    monkeypatch.setitem(sys.modules, "resource", fake)
    ref = one_file(write("a.safetensors") + ".gone")
    assert len(open_all([ref] * 1000)[1]) == 1000
    assert fake.limits == after


@pytest.mark.parametrize("module", [None, FakeResource(1, 2, refuses=True)])
def test_a_system_without_that_limit_opens_files_all_the_same(
    write, monkeypatch: pytest.MonkeyPatch, module: FakeResource | None
) -> None:
    monkeypatch.setitem(sys.modules, "resource", module)
    opened, skipped = open_all([one_file(write("a.safetensors"))])
    opened[0][1].close()
    assert skipped == []


def test_hundreds_of_files_open_where_the_soft_limit_is_low(write) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    refs, _ = discover([write(f"{number:03}.safetensors") for number in range(300)])
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, limits[1]))
    try:
        opened, skipped = open_all(refs)
        for _, checkpoint in opened:
            checkpoint.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (len(opened), skipped) == (300, [])
