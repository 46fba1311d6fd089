"""Formats that are recognised and not read: their names, their marks, and the remedy.

A file that no reader takes is looked up here, so that it can be named instead of being passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_READ = "this format is not read yet"

UNPACK = "unpack it and give what is inside"

TAR_MAGIC = slice(257, 262)
"""Where a tar archive has ``ustar``."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """One format: its name with article, its plural, a sentence on it, and how it is recognised.

    ``starts`` are (offset in bytes, bytes); one of them in the head is enough. Where none is, ``suffixes`` of the
    name decide, or ``within``, a part of it. ``is_packed`` marks archives and compressed files, which hold anything.
    """

    one: str
    many: str
    what: str = NOT_READ
    starts: tuple[tuple[int, bytes], ...] = ()
    suffixes: tuple[str, ...] = ()
    within: str = ""
    is_packed: bool = False


FOREIGN = (
    Foreign(
        "a GGML file",
        "GGML files",
        starts=tuple((0, magic) for magic in (b"lmgg", b"fmgg", b"tjgg", b"algg")),
        suffixes=(".ggml",),
    ),
    Foreign("a TensorFlow Lite model", "TensorFlow Lite models", starts=((4, b"TFL3"),), suffixes=(".tflite",)),
    Foreign("an ONNX Runtime model", "ONNX Runtime models", starts=((4, b"ORTM"),), suffixes=(".ort",)),
    Foreign("a Flax msgpack file", "Flax msgpack files", suffixes=(".msgpack",)),
    Foreign("a TensorFlow checkpoint", "TensorFlow checkpoints", within=".data-0"),
    Foreign("a TensorFlow graph", "TensorFlow graphs", suffixes=(".pb",)),
    Foreign("a Core ML model", "Core ML models", suffixes=(".mlmodel",)),
    Foreign("an MXNet parameter file", "MXNet parameter files", starts=((0, b"\x12\x01\0\0\0\0\0\0"),)),
    Foreign("a Torch 7 file", "Torch 7 files", suffixes=(".t7",)),
    Foreign("a Darknet weight file", "Darknet weight files", suffixes=(".weights",)),
    Foreign("a Caffe model", "Caffe models", suffixes=(".caffemodel",)),
    Foreign("an MNN model", "MNN models", suffixes=(".mnn",)),
    Foreign("a Rust tch file", "Rust tch files", suffixes=(".ot",)),
    Foreign("a TensorRT engine", "TensorRT engines", suffixes=(".engine", ".plan", ".trt")),
    Foreign(
        "a part of a distributed checkpoint",
        "parts of distributed checkpoints",
        "they are read by their folder, with the .metadata in it that says what they hold",
        suffixes=(".distcp",),
    ),
    Foreign(
        "a Git LFS pointer",
        "Git LFS pointers",
        "run git lfs pull where it came from",
        ((0, b"version https://git-lfs"),),
    ),
    Foreign(
        "an unfinished download",
        "unfinished downloads",
        "download it again",
        suffixes=(".incomplete", ".crdownload", ".aria2", ".part"),
    ),
    Foreign("a tar archive", "tar archives", UNPACK, ((TAR_MAGIC.start, b"ustar"),), is_packed=True),
    Foreign("a file compressed with gzip", "files compressed with gzip", UNPACK, ((0, b"\x1f\x8b"),), is_packed=True),
    Foreign("a file compressed with bzip2", "files compressed with bzip2", UNPACK, ((0, b"BZh"),), is_packed=True),
    Foreign("a file compressed with xz", "files compressed with xz", UNPACK, ((0, b"\xfd7zXZ\0"),), is_packed=True),
    Foreign(
        "a file compressed with zstd", "files compressed with zstd", UNPACK, ((0, b"\x28\xb5\x2f\xfd"),), is_packed=True
    ),
    Foreign("a 7z archive", "7z archives", UNPACK, ((0, b"7z\xbc\xaf\x27\x1c"),), is_packed=True),
    Foreign("a RAR archive", "RAR archives", UNPACK, ((0, b"Rar!\x1a\x07"),), is_packed=True),
)
"""First match wins: contents before names."""


def foreign_format(head: bytes, name: str) -> Foreign | None:
    r"""The format of a file that no reader takes, from its first bytes or, where these are not text, its name.

    Examples
    --------
    >>> foreign_format(b"lmgg\1\0\0\0", "weights").one, foreign_format(b"{}", "config.json")
    ('a GGML file', None)
    """
    return foreign_by_content(head) or (None if is_text(head) else foreign_by_name(name))


def foreign_by_content(head: bytes) -> Foreign | None:
    """The same by a file's first bytes alone."""
    for row in FOREIGN:
        if any(head[at : at + len(magic)] == magic for at, magic in row.starts):
            return row
    return None


def foreign_by_name(name: str) -> Foreign | None:
    """The same by a file's name alone, which a text may have too."""
    lowered = name.lower()
    return next((row for row in FOREIGN if _is_named(row, lowered)), None)


def is_text(head: bytes) -> bool:
    r"""Whether the first bytes of a file are text in UTF-8, perhaps cut in the middle of a letter.

    Examples
    --------
    >>> is_text(b"a,b\n1,2\n"), is_text(b"\x80\x02}q\0")
    (True, False)
    """
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return not any(character < " " and character not in "\t\n\r\f\x1b" for character in text)


def _is_named(row: Foreign, name: str) -> bool:
    return bool(row.suffixes and name.endswith(row.suffixes)) or bool(row.within and row.within in name)
