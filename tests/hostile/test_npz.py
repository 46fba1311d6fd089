import io
import pickle
import warnings
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.errors import NoModelError, UnsafeFileError, UnsupportedFormatError

Refused = Callable[..., str]

NAME = "m.npz"

AGAIN = "Copy or download the file again."


def npy(descr: str = "'<f4'", shape: str = "(2,)", data: bytes = bytes(8), version: bytes = b"\1\0") -> bytes:
    """An array file with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return content.getvalue()


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("executed",)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_of_objects_is_never_unpickled(
    refused: Refused, capsys: pytest.CaptureFixture[str], save: Callable[..., None]
) -> None:
    content = io.BytesIO()
    save(content, w=np.array([Payload()], dtype=object))
    assert refused(content.getvalue(), NAME, UnsafeFileError) == (
        "tensor 'w': an array of Python objects, which NumPy would unpickle. Save plain numbers."
    )
    assert capsys.readouterr().out == ""


def test_a_pickle_named_as_an_array(refused: Refused, capsys: pytest.CaptureFixture[str]) -> None:
    reported = refused(archive({"w.npy": pickle.dumps(Payload())}), NAME)
    assert reported.startswith("tensor 'w': its header cannot be read (the magic string is not correct")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (npy(shape="(3,)"), "tensor 'w': its shape and dtype need 80 bytes but it has 76"),
        (npy(shape="(-2,)"), "tensor 'w': no array has the shape its header claims, (-2,)"),
        (npy(shape="(" + "1," * 65 + ")"), None),
        (b"", None),
        (b"\x93NUMPY\1", None),
        (npy(descr="__import__('os').system('true')"), None),
        (npy(descr="((" * 3000), None),
    ],
)
def test_a_header_that_lies(refused: Refused, member: bytes, expected: str | None) -> None:
    reported = refused(archive({"w.npy": member}), NAME)
    if expected is not None:
        assert reported == f"{expected}. {AGAIN}"
    assert reported.startswith("tensor 'w': ")


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (npy("'<U2'", data=bytes(16)), "its dtype <U2 is not a plain number. Save it as float32."),
        (npy("'|V2'", data=bytes(4)), "its dtype |V2 is not a plain number. Save it as float32."),
        (npy("'<M8[s]'", data=bytes(16)), "its dtype datetime64[s] is not a plain number. Save it as float32."),
        (npy(version=b"\3\0"), "array format (3, 0) is for structured arrays"),
    ],
)
def test_arrays_of_other_things(refused: Refused, member: bytes, expected: str) -> None:
    assert refused(archive({"w.npy": member}), NAME, UnsupportedFormatError) == f"tensor 'w': {expected}"


def test_an_archive_without_arrays(refused: Refused) -> None:
    expected = "an .npz file without arrays. Save the weights again."
    assert refused(archive({}), NAME, NoModelError) == expected
    assert refused(archive({"readme.txt": b"hello"}), NAME, NoModelError) == expected


def test_a_name_that_occurs_twice(refused: Refused) -> None:
    content = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(content, "w") as file:
        file.writestr("w.npy", npy())
        file.writestr("w.npy", npy())
    assert refused(content.getvalue(), NAME) == f"its zip directory names a member twice. {AGAIN}"


def test_another_compression_than_numpys(refused: Refused) -> None:
    assert refused(archive({"w.npy": npy()}, zipfile.ZIP_BZIP2), NAME, UnsupportedFormatError) == (
        "tensor 'w': compression method 12, not the one NumPy uses. Save it with numpy.savez_compressed."
    )


def claimed(content: bytes, size: int) -> bytes:
    """The archive, its directory claiming another uncompressed size for its only member."""
    at = content.index(b"PK\1\2") + 24
    return content[:at] + size.to_bytes(4, "little") + content[at + 4 :]


def test_a_zip_bomb_is_not_unpacked(refused: Refused) -> None:
    shape = f"({2**29},)"
    bomb = claimed(archive({"w.npy": npy(shape=shape)}, zipfile.ZIP_DEFLATED), 2**31)
    reported = refused(bomb, NAME)
    assert reported.startswith("its members claim to grow from ")
    assert reported.endswith(f" to {2**31} bytes. This is a zip bomb, or damaged; do not unpack it.")


def test_a_member_shorter_than_it_claims(refused: Refused) -> None:
    member = npy(shape="(12,)")
    content = claimed(archive({"w.npy": member}, zipfile.ZIP_DEFLATED), len(member) + 40)
    assert refused(content, NAME).startswith("tensor 'w': it ")


def test_damaged_compressed_bytes(refused: Refused) -> None:
    content = bytearray(archive({"w.npy": npy(shape="(200,)", data=bytes(range(200)) * 4)}, zipfile.ZIP_DEFLATED))
    content[120:140] = b"\xff" * 20
    assert refused(bytes(content), NAME).startswith("tensor 'w': it cannot be decompressed (")


def test_a_truncated_archive(refused: Refused) -> None:
    assert refused(archive({"w.npy": npy()})[:-10], NAME) == (
        f"its zip directory cannot be read (File is not a zip file). {AGAIN}"
    )


@given(st.data())
def test_a_mutated_file_is_read_or_refused(read_or_refuse, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    content = bytearray(archive({"w.npy": npy(), "b.npy": npy("'<f8'", "(1,)")}, method))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(content), NAME)
