"""Hostile PyTorch files, written as bytes: nothing runs, nothing explodes, every error is one of ours."""

import io
import os
import pickle
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.errors import CheckpointError, DamagedFileError, LimitError, UnknownChoiceError, UnsafeFileError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.limits import raised
from neural_phylogeny.formats.pytorch import unpickler
from neural_phylogeny.formats.pytorch.unpickler import MAGIC

VALUES = np.arange(12, dtype=np.float32)


def storage(key: str = "0", size: int = 12, kind: str = "FloatStorage", view: str = "") -> str:
    return f"(Vstorage\nctorch\n{kind}\nV{key}\nVcpu\nI{size}\n{view}tQ"


def tensor(stored: str = storage(), offset: int = 0, shape: str = "I3\nI4\n", strides: str = "I4\nI1\n") -> str:
    return f"ctorch._utils\n_rebuild_tensor_v2\n({stored}I{offset}\n({shape}t({strides}t\x89NtR"


def state_dict(record: str) -> bytes:
    return f"(Vlayer.weight\n{record}d.".encode("latin-1")


def zip_file(path: Path, data: bytes, compression: int = zipfile.ZIP_STORED, values: bytes = VALUES.tobytes()) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", values)
    return path


def legacy_file(path: Path, data: bytes, count: int = 12, keys: object = ("0",)) -> Path:
    keys = list(keys) if isinstance(keys, tuple) else keys
    head = pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    path.write_bytes(head + data + pickle.dumps(keys, 2) + struct.pack("<q", count) + VALUES.tobytes())
    return path


def bare_pickle(path: Path, data: bytes) -> Path:
    path.write_bytes(data if data[:1] == b"\x80" else b"\x80\x02" + data)
    return path


WRITERS = pytest.mark.parametrize("write", [zip_file, legacy_file, bare_pickle])


def refused(path: Path) -> DamagedFileError:
    with pytest.raises(DamagedFileError) as caught:
        read_all(path)
    assert caught.value.path == str(path)
    assert caught.value.remedy
    return caught.value


def read_all(path: Path, component: str | None = None) -> None:
    with open_checkpoint(path, component) as checkpoint:
        for name, info in checkpoint.tensors.items():
            assert checkpoint.read(name).size == info.size


def nested(data: bytes) -> bytes:
    """A pickle that holds a whole old file, as plain pickle writes a storage."""
    content = pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + data + pickle.dumps(["0"], 2)
    content += struct.pack("<q", 12) + VALUES.tobytes()
    return b"ctorch.storage\n_load_from_bytes\n(B" + struct.pack("<I", len(content)) + content + b"tR."


@pytest.fixture
def tripwire(tmp_path: Path) -> Path:
    """A path that must not exist in the end."""
    return tmp_path / "tripped"


def calls(tripwire: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would create the tripwire, and the name each must be refused for."""
    command = f"touch {tripwire}"
    call = f"(V{command}\ntR."
    python = f"(Vopen({str(tripwire)!r}, 'w')\ntR."
    return {
        "os.system": (f"cos\nsystem\n{call}".encode(), "os.system"),
        "posix": (f"cposix\nsystem\n{call}".encode(), "posix.system"),
        "eval": (f"cbuiltins\neval\n{python}".encode(), "builtins.eval"),
        "python 2 exec": (f"c__builtin__\nexec\n{python}".encode(), "__builtin__.exec"),
        "getattr": (b"cbuiltins\ngetattr\n(cargparse\nos\nVsystem\ntR.", "builtins.getattr"),
        "obj": (f"(csubprocess\nPopen\nV{command}\no.".encode(), "subprocess.Popen"),
        "inst": (f"(V{command}\nios\nsystem\n.".encode(), "os.system"),
        "newobj": (f"csubprocess\nPopen\n(V{command}\nt\x81.".encode("latin-1"), "subprocess.Popen"),
        "computed name": (f"Vos\np0\n0Vsystem\np1\n0g0\ng1\n\x93{call}".encode("latin-1"), "os.system"),
        "torch.load": (f"ctorch\nload\n(V{tripwire}\ntR.".encode(), "torch.load"),
        "nested file": (nested(f"cos\nsystem\n{call}".encode()), "os.system"),
        "nested twice": (nested(nested(b"N.")), "torch.storage._load_from_bytes"),
        "in a tensor": (state_dict(tensor(f"cos\nsystem\n(V{command}\ntR")), "os.system"),
        "never called": (state_dict(tensor())[:-2] + b"Vx\ncos\nsystem\nd.", "os.system"),
    }


@WRITERS
@pytest.mark.parametrize("name", list(calls(Path("x"))))
def test_a_pickle_that_would_run_code_is_refused_by_name(tmp_path, tripwire, name, write):
    data, expected = calls(tripwire)[name]
    with pytest.raises(UnsafeFileError) as caught:
        open_checkpoint(write(tmp_path / "x.pt", data))
    assert caught.value.callable_name == expected
    assert caught.value.reason == f"loading it would hand over to {expected}"
    assert not tripwire.exists()


def test_what_pickle_itself_makes_of_an_object_that_runs_code_is_refused(tmp_path, tripwire):
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {tripwire}",)

    for protocol in range(6):
        with pytest.raises(UnsafeFileError):
            open_checkpoint(zip_file(tmp_path / "x.pt", pickle.dumps({"model": Trap()}, protocol)))
    assert not tripwire.exists()


@pytest.mark.parametrize("write", [zip_file, legacy_file])
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (tensor(offset=1), "its last value is number 12 of a storage that holds 12"),
        (tensor(offset=-1), "its offset, shape or strides are not non-negative integers"),
        (tensor(strides="I-4\nI1\n"), "its offset, shape or strides are not non-negative integers"),
        (tensor(shape=f"I{2**40}\nI4\n", strides="I0\nI1\n"), f"it claims {2**42} values of a storage that holds 12"),
        (tensor(storage(size=10**12)), f"its storage claims {10**12} values and has 48 bytes"),
        (tensor(shape="Vx\nI4\n"), "its offset, shape or strides are not non-negative integers"),
        (tensor(shape="I4\n"), "its shape and strides are not sequences of one length"),
    ],
)
def test_a_tensor_that_lies_is_named(tmp_path, record, reason, write):
    error = refused(write(tmp_path / "x.pt", state_dict(record)))
    assert (error.tensor, error.reason) == ("layer.weight", reason)


def test_a_view_of_an_old_storage_stays_inside_it(tmp_path):
    view = "(V1\nI8\nI4\nt"
    good = tensor(storage(view=view), shape="I4\n", strides="I1\n")
    with open_checkpoint(legacy_file(tmp_path / "x.pt", state_dict(good))) as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("layer.weight"), VALUES[8:])
    beyond = tensor(storage(view=view), offset=1, shape="I4\n", strides="I1\n")
    assert refused(legacy_file(tmp_path / "x.pt", state_dict(beyond))).tensor == "layer.weight"


def test_old_files_that_lie_about_their_storages(tmp_path):
    good, path = state_dict(tensor()), tmp_path / "x.pt"
    read_all(legacy_file(path, good))
    assert refused(legacy_file(path, good, count=13)).reason == "storage '0' claims 13 values, more than the file holds"
    assert refused(legacy_file(path, good, count=-1)).reason == "storage '0' claims -1 values, more than the file holds"
    assert refused(legacy_file(path, good, keys=("1",))).reason == "storage '1' belongs to no tensor"
    assert refused(legacy_file(path, good, keys={})).reason == "its list of storages is missing"
    assert refused(legacy_file(path, good, keys=("0", "0"))).reason == "the file ends before storage '0'"
    assert refused(legacy_file(path, good, keys=())).reason == "its storage is not in the file"


STEPS = 100_000
"""Ten times fewer than in earnest, against bombs that are as much smaller."""


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (storage(size=13), "a storage in the pickle is not as long as it claims"),
        (storage(size=-1), "a storage in the pickle is not as long as it claims"),
        (storage(key="1"), "a storage in the pickle is not a file of torch"),
        ("N", "a storage in the pickle is not a file of torch"),
    ],
)
def test_a_nested_file_that_lies_is_damage(tmp_path, inner, reason):
    data = state_dict(tensor(nested(f"{inner}.".encode())[:-1].decode("latin-1")))
    assert (
        refused(bare_pickle(tmp_path / "x.pt", data)).reason == f"its pickle cannot be read (UnpicklingError: {reason})"
    )


def bombs() -> dict[str, bytes]:
    """Short pickles that would cost gigabytes, ages or the interpreter's stack."""
    big_list = b"](" + b"I0\n" * 2_000 + b"ep0\n0"
    big_dict = b"}(" + b"".join(b"I%d\nN" % index for index in range(2_000)) + b"up0\n0"
    double = b"(tp0\n0" + b"(g0\ng0\ntp0\n0" * 60
    return {
        "byte array": b"\x96" + struct.pack("<Q", 1 << 40) + b".",
        "bytes": b"\x8e" + struct.pack("<Q", 1 << 40) + b".",
        "text": b"\x8d" + struct.pack("<Q", 1 << 50) + b".",
        "frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b".",
        "integer": b"\x8b" + struct.pack("<i", 0x7FFFFFF0) + b".",
        "decimal integer": b"I" + b"9" * 2_500 + b"\n.",
        "memo index": b"Nr\xff\xff\xff\xff.",
        "steps": b"N0" * 60_000 + b".",
        "containers": b"}" * 12_000 + b".",
        "classes": b"".join(b"cm\nf%d\n0" % index for index in range(2_500)) + b".",
        "copied list": big_list + b"cbuiltins\nlist\n(g0\ntR" * 100 + b".",
        "copied dict": big_dict + b"ccollections\nOrderedDict\n(g0\ntR" * 100 + b".",
        "copied state": big_dict + b"cm\nf\n)\x81g0\nb" * 100 + b".",
        "copied arguments": b"(" + b"N" * 2_000 + b"tp0\n0" + b"cm\nf\ng0\nR" * 100 + b".",
        "copied text": b"V" + b"x" * 30_000 + b"\np0\n0" + b"c_codecs\nencode\n(g0\ntR" * 2_000 + b".",
        "key that doubles": double + b"}g0\nNs.",
        "key of a called dict": double + b"ccollections\nOrderedDict\n(((g0\nNtltR.",
        "set that doubles": double + b"\x8f(g0\n\x90.",
        "frozen set that doubles": double + b"(g0\n\x91.",
        "nested tuples": b"N" + b"\x85" * 50_000 + b".",
        "nested records": b"cm\nf\np0\n0N" + b"\x85p1\n0g0\ng1\nR" * 30_000 + b".",
        "nested lists": b"(" * 40_000 + b"l" * 40_000 + b".",
        "shape that doubles": double + state_dict(tensor(shape="g0\ng0\n")),
        "key of a storage that doubles": double + state_dict(tensor(storage().replace("V0\n", "g0\n"))),
        "array shape": b"cnumpy\nndarray\n)\x81(I1\n(I%d\ntcnumpy\ndtype\n(Vf4\ntRI00\nC\x04abcdtb." % (1 << 60),
    }


@WRITERS
@pytest.mark.parametrize("name", list(bombs()))
def test_a_bomb_costs_little_and_is_no_traceback(tmp_path, name, write):
    path = write(tmp_path / "x.pt", bombs()[name])
    began = time.process_time()  # a loaded machine is no fault of the code
    with raised({"steps": STEPS}), pytest.raises(CheckpointError):
        read_all(path)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", ["byte array", "frame", "copied list", "copied dict", "copied state", "copied text"])
def test_a_bomb_does_not_fill_the_memory(name):
    tracemalloc.start()
    try:
        with raised({"steps": STEPS}), pytest.raises((DamagedFileError, LimitError)):
            unpickler.load(io.BytesIO(bombs()[name]), "x.pt")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_state_dict_that_names_one_storage_endlessly_is_refused(tmp_path):
    values = np.zeros(1 << 16, np.float32)
    body = tensor(storage(size=values.size), shape=f"I{values.size}\n", strides="I1\n") + "p0\n0("
    body += "".join(f"Va.{index}\ng0\n" for index in range(20_000)) + "d."
    error = refused(zip_file(tmp_path / "x.pt", body.encode("latin-1"), values=values.tobytes()))
    assert error.reason == f"its tensors claim {20_000 << 16} values of storages that hold {1 << 18} bytes"


def test_a_dict_that_contains_itself_is_searched_once(tmp_path):
    data = b"}p0\n(Vself\ng0\nVmodel\n" + state_dict(tensor())[:-1] + b"u."
    read_all(zip_file(tmp_path / "x.pt", data))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "x.pt"
    deflated = zlib.compress(bytes(1 << 2), 9)[2:-4]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", state_dict(tensor(storage(size=1 << 30))))
        archive.writestr("archive/data/0", bytes(1 << 2))
        archive.infolist()[-1].file_size = 1 << 32
        archive.infolist()[-1].compress_size = len(deflated)
    error = refused(path)
    assert error.reason.startswith("zip member 'archive/data/0' claims to grow from ")
    assert error.remedy == "This is a zip bomb, or damaged; do not unpack it."


@pytest.mark.parametrize("claimed", [47, 1 << 16])
def test_a_member_that_is_not_as_long_as_it_claims_is_refused(tmp_path, claimed):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", state_dict(tensor(shape="I2\n", strides="I1\n", stored=storage(size=8))))
        archive.writestr("archive/data/0", VALUES.tobytes())
        archive.infolist()[-1].file_size = claimed
    assert refused(path).reason.startswith("zip member 'archive/data/0' ")


def test_a_stored_member_must_lie_in_the_file(tmp_path):
    path = zip_file(tmp_path / "x.pt", state_dict(tensor()))
    with zipfile.ZipFile(path, "a") as archive:
        info = archive.getinfo("archive/data/0")
        info.file_size = info.compress_size = 1 << 40
        archive.comment = b"rewritten"
    assert refused(path).reason == "zip member 'archive/data/0' does not lie where the directory says"


def test_a_member_named_twice_is_refused(tmp_path):
    path = zip_file(tmp_path / "x.pt", state_dict(tensor()))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("archive/data/0", bytes(48))
    assert refused(path).reason == "its zip directory names a member twice"


def test_an_encrypted_member_is_refused(tmp_path):
    path = zip_file(tmp_path / "x.pt", state_dict(tensor()))
    content = bytearray(path.read_bytes())
    for position in (content.rfind(b"PK\x01\x02"),):
        content[position + 8] |= 1
    path.write_bytes(content)
    assert refused(path).reason == "zip member 'archive/data/0' does not lie where the directory says"


def seeds(tmp_path: Path) -> list[Path]:
    """Small real files of every kind for the mutations."""
    data = state_dict(tensor())[:-2] + (
        b"Vb.x\n" + tensor(shape="I4\nI3\n", strides="I1\nI4\n").encode("latin-1") + b"d."
    )
    quantised = (
        "ctorch._utils\n_rebuild_qtensor\n("
        + storage()
        + "I0\n(I12\nt(I1\nt(ctorch\nper_tensor_affine\nF0.5\nI3\nt\x89NtR"
    )
    agent = tmp_path / "agent.zip"
    inner = zip_file(tmp_path / "inner.pt", data).read_bytes()
    with zipfile.ZipFile(agent, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.pth", inner)
        archive.writestr("extra.pth", inner)
    return [
        zip_file(tmp_path / "stored.pt", data),
        zip_file(tmp_path / "deflated.pt", data, zipfile.ZIP_DEFLATED),
        zip_file(tmp_path / "quantised.pt", state_dict(quantised)),
        zip_file(tmp_path / "packed.pt", state_dict(quantised.replace("FloatStorage", "QUInt4x2Storage"))),
        legacy_file(tmp_path / "legacy.pt", data),
        bare_pickle(
            tmp_path / "nested.pt", state_dict(tensor(nested(f"{storage()}.".encode())[:-1].decode("latin-1")))
        ),
        bare_pickle(tmp_path / "bare.pt", pickle.dumps({"a.w": np.eye(3), "n": np.float32(1)}, 4)),
        agent,
    ]


def mutated(content: bytes, random_state: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random_state.choice((1, 1, 2, 8))):
        start = random_state.randrange(len(damaged))
        kind = random_state.randrange(4)
        if kind == 0:
            damaged[start] = random_state.randrange(256)
        elif kind == 1:
            damaged[start] ^= 1 << random_state.randrange(8)
        elif kind == 2:
            del damaged[start : start + random_state.randrange(1, 9)]
        else:
            damaged[start:start] = random_state.randbytes(random_state.randrange(1, 5))
    return bytes(damaged[: random_state.randrange(1, len(damaged))] if random_state.random() < 0.2 else damaged)


def test_mutated_files_raise_nothing_but_our_errors(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "system", lambda command: pytest.fail(f"ran {command}"))
    random_state = random.Random(20250423)
    outcomes = {"read": 0, "refused": 0}
    for seed in seeds(tmp_path):
        content = seed.read_bytes()
        read_all(seed)
        for _ in range(100):
            path = tmp_path / f"mutant{seed.suffix}"
            path.write_bytes(mutated(content, random_state))
            try:
                read_all(path)
                outcomes["read"] += 1
            except (CheckpointError, UnknownChoiceError):
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 80


def test_every_truncation_is_an_error_of_ours(tmp_path):
    for seed in seeds(tmp_path):
        content = seed.read_bytes()
        path = tmp_path / f"short{seed.suffix}"
        for length in range(0, len(content), 13):
            path.write_bytes(content[:length])
            with pytest.raises(CheckpointError):
                read_all(path)
