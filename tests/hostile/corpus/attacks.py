"""Small hostile inputs for one reader each, as ``tests/fuzz/targets.py`` reads them: (label, target, bytes)."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from tests.formats.gguf.conftest import text
from tests.fuzz import seeds, several
from tests.fuzz.seeds import SPLIT, VALUES
from tests.hostile.corpus.base import field, onnx_model, onnx_tensor, torch_pickle, varint
from tests.hostile.corpus.prints import fingerprints

Attack = tuple[str, str, bytes]


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield from _pickles()
    yield from _safetensors()
    yield from _gguf()
    yield from _arrays()
    yield from _onnx()
    yield from _hdf5()
    yield from _cards()
    yield from _documents()
    yield from _repositories()
    yield from _answers()
    yield from fingerprints()


def _memo(start: bytes, step: bytes, count: int) -> bytes:
    """A pickle in which each object holds the last one twice: 2^count where it is walked as a tree."""
    content = b"\x80\x04" + start + b"q\x00"
    for k in range(count):
        content += b"0" + step.replace(b"?", b"h" + bytes([k])) + b"q" + bytes([k + 1])
    return content


def _pickles() -> Iterator[Attack]:
    tensor = torch_pickle({"w": ("FloatStorage", "0", 12, 0, (3, 4), (4, 1))})[2:-1]
    pair = b"}(X\x01\0\0\0a?X\x01\0\0\0b?u"
    bodies = {
        "lists of lists": _memo(b"](NNe", b"](??e", 59),
        "dicts of dicts": _memo(b"}(X\x01\0\0\0aNu", pair, 59),
        "state dicts of state dicts": _memo(tensor, pair, 40),
        "tuples of tuples": _memo(b"N", b"??\x86", 59),
        "frozen sets": _memo(b"N", b"(??\x86\x91", 39),
        "tuples as a key": _memo(b"N", b"??\x86", 40) + b"0}(h\x28Nu",
        "a cycle": b"\x80\x02}q\x00(X\x01\0\0\0ah\x00X\x01\0\0\0b]q\x01h\x01au",
        "deep tuples": b"\x80\x02N" + b"\x85" * 50_000,
        "deep dicts": b"\x80\x02" + b"}X\x01\0\0\0a" * 20_000 + b"N" + b"s" * 20_000,
        "a deep key": b"\x80\x02}N" + b"\x85" * 50_000 + b"Ns",
        "a far memo": b"\x80\x02Nr\xff\xff\xff\xff",
        "a long number": b"\x80\x02\x8b\xff\xff\xff\x7f" + b"\xff" * 100,
        "a long array": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
        "an extension": b"\x80\x02\x84\xff\xff\xff\x7f",
        "a persistent name": b"\x80\x02Pabc\n",
        "a frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN",
        "a stack that is empty": b"\x80\x02" + b"0" * 1000,
        "a buffer elsewhere": b"\x80\x05\x97\x98",
    }
    for label, body in bodies.items():
        members = {"m/data.pkl": body + b".", "m/data/0": VALUES.tobytes()}
        yield f"pickle of {label}", "pytorch", seeds.zipped(members)
        yield f"pickle of {label} alone", "pytorch", body + b"."
    yield "tar of old", "pytorch", b"x" * 257 + b"ustar\x0000" + bytes(2000)
    for name in (
        "m/code/__torch__.py",
        "m/constants.pkl",
        "m/.data/serialization_id",
        "../data.pkl",
        "m\\data.pkl",
        "m/data.pkl/",
    ):
        yield f"member {name}", "pytorch", seeds.zipped({name: b"x", "m/data.pkl": b"\x80\x02}.", "m/data/0": b"1234"})


def _safetensors() -> Iterator[Attack]:
    rows: dict[str, Any] = {
        "types": {"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}},
        "half bytes": {"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}},
        "bits": {"a": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}},
        "a hole": {"a": {"dtype": "U8", "shape": [1], "data_offsets": [3, 4]}},
        "more keys": {"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4], "x": [[]]}},
        "no list": {"a": []},
        "a number": {"a": 7},
        "metadata": {"__metadata__": {"a": {"b": 1}}, "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}},
        "metadata alone": {"__metadata__": "x"},
        "dimensions": {"a": {"dtype": "U8", "shape": [1] * 5000 + [4], "data_offsets": [0, 4]}},
        "big numbers": {"a": {"dtype": "U8", "shape": [10**400], "data_offsets": [0, 10**400]}},
        "booleans": {"a": {"dtype": "U8", "shape": [True], "data_offsets": [False, True]}},
    }
    for label, header in rows.items():
        content = json.dumps(header).encode()
        yield f"safetensors of {label}", "safetensors", len(content).to_bytes(8, "little") + content + b"1234"
    for label, content in {
        "same name by an escape": b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{}}',
        "NaN": b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,4]}}',
        "spaces": b" " * 100_000 + b"{}",
        "no text": b"\xff\xfe{}",
        "list": b"[" * 10_000,
    }.items():
        yield f"header of {label}", "safetensors", len(content).to_bytes(8, "little") + content + b"1234"
    for number in (0, 1, 2**31, 2**62, 2**63, 2**64 - 1):
        yield f"header of {number} bytes", "safetensors", number.to_bytes(8, "little") + b"{}"


def _gguf() -> Iterator[Attack]:
    def file(tensors: int, pairs: int, body: bytes, version: int = 3) -> bytes:
        return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + body

    def row(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
        return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)

    for version in (0, 1, 2, 4, 2**32 - 1, 0x03000000):
        yield f"version {version}", "gguf", file(1, 0, row("a", (4,)) + bytes(64), version)
    for alignment in (0, 1, 3, 2**31, 2**32 - 1):
        pair = text("general.alignment") + struct.pack("<II", 4, alignment)
        yield f"alignment {alignment}", "gguf", file(1, 1, pair + row("a", (4,)) + bytes(64))
    for label, body in {
        "a name of 2^63": struct.pack("<Q", 2**63) + b"a",
        "arrays of arrays": text("a") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 9, 1) * 20_000,
        "an array of 2^62": text("a") + struct.pack("<IIQ", 9, 4, 2**62),
        "an unknown type": text("a") + struct.pack("<I", 99),
        "a boolean of 7": text("a") + struct.pack("<IB", 7, 7),
    }.items():
        yield f"metadata of {label}", "gguf", file(1, 1, body + bytes(100))
    yield "one key twice", "gguf", file(0, 2, (text("a") + struct.pack("<II", 4, 1)) * 2)
    yield "one tensor twice", "gguf", file(2, 0, row("a", (4,)) * 2 + bytes(100))
    for shape in ((), (2**63, 2), (2**32, 2**32), (0, 2**63), (1,) * 9, (2**64 - 1,)):
        yield f"shape {shape}", "gguf", file(1, 0, row("a", shape) + bytes(100))
    for kind in (4, 5, 31, 36, 39, 2**32 - 1):
        yield f"type {kind}", "gguf", file(1, 0, row("a", (256,), kind) + bytes(500))
    for offset in (1, 2**63, 2**64 - 32):
        yield f"offset {offset}", "gguf", file(1, 0, row("a", (4,), 0, offset) + bytes(100))


def _array(header: str, version: bytes = b"\x01\x00") -> bytes:
    content = header.encode("latin-1", "replace") + b"\n"
    width = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(width, len(content)) + content + VALUES.tobytes()


def _arrays() -> Iterator[Attack]:
    for kind in (
        *("'|O'", "'|V48'", "'<U3'", "'|S48'", "'<M8[ns]'", "[('a','<f4'),('b','|O')]", "('<f4',(3,))", "'<f2,<f2'"),
        *("'<f16'", "'<c32'", "'|b1'", "'x'", "''", "None", "7", "'<f4'*10**6", "[('a','<f4')]*3000", "'(100000,)<f4'"),
        *("__import__('os').system('id')", "(lambda:0)()", "'\\x00'", "'<f4','<f4'", "'<i4'" + "+0" * 3000),
    ):
        header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': (12,), }}"
        yield f"array of {kind[:40]}", "npz", seeds.zipped({"w.npy": _array(header)})
    for shape in (
        "(12",
        "()",
        "(-12,)",
        "(12.0,)",
        "(1,)*12",
        "[12]",
        "(2**70,)",
        "(True,)",
        "(0,)*40",
        "((12,),)",
        "{}",
    ):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        yield f"array of shape {shape}", "npz", seeds.zipped({"w.npy": _array(header)})
    for version in (b"\x00\x00", b"\x02\x00", b"\x03\x00", b"\xff\xff"):
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': (12,), }"
        yield f"array of version {version!r}", "npz", seeds.zipped({"w.npy": _array(header, version)})
    for name in ("../w.npy", "/w.npy", "w", "w.npy.npy", ".npy", "a\0.npy", "w.npy/"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("v.npy", _array("{'descr': '<f4', 'fortran_order': False, 'shape': (12,), }"))
            archive.writestr(name, b"x")
        yield f"member {name!r}", "npz", stream.getvalue()


def _node(kind: bytes, source: bytes, target: bytes) -> bytes:
    return field(1, field(1, source) + field(2, target) + field(4, kind))


def _onnx() -> Iterator[Attack]:
    tensor = onnx_tensor("w", (3, 4), field(9, VALUES.tobytes()))
    graph = b""
    for _ in range(3000):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"))
    yield "graphs in graphs", "onnx", onnx_model(graph)
    yield "negative dimensions", "onnx", onnx_model(field(5, b"\x08" + b"\xff" * 9 + b"\x01\x10\x01" + field(8, b"w")))
    yield "functions", "onnx", onnx_model(tensor) + field(25, field(1, b"f") + field(7, tensor)) * 500
    yield "properties", "onnx", onnx_model(tensor) + field(14, field(1, b"k") + field(2, b"v")) * 5000
    yield (
        "a sparse tensor",
        "onnx",
        onnx_model(field(15, field(1, tensor) + field(2, tensor) + b"\x18" + varint(2**60))),
    )
    chain = b"".join(_node(b"Identity", b"q%d" % k, b"q%d" % (k + 1)) for k in range(3000))
    first = onnx_tensor("q0", (3, 4), field(9, VALUES.tobytes()))
    yield "a chain", "onnx", onnx_model(chain + first)
    yield "a chain of codes", "onnx", onnx_model(chain.replace(b"Identity", b"DequantizeLinear"[:8]) + first)
    loop = _node(b"Transpose", b"a", b"w") + _node(b"Transpose", b"w", b"a")
    yield "a loop", "onnx", onnx_model(loop + tensor)
    for kind in (0, 8, 17, 21, 22, 99):
        row = field(5, b"\x08\x03\x08\x04\x10" + varint(kind) + field(8, b"w") + field(9, VALUES.tobytes()))
        yield f"values of type {kind}", "onnx", onnx_model(row)
    for key, value in (("offset", b"-1"), ("offset", b"1e9"), ("length", b"99999999999"), ("location", b"d.bin\0x")):
        entries = field(13, field(1, b"location") + field(2, b"d.bin"))
        entries += field(13, field(1, key.encode()) + field(2, value)) + b"\x70\x01"
        yield (
            f"external {key} {value!r}",
            "onnx",
            onnx_model(onnx_tensor("w", (3, 4), entries)) + SPLIT + VALUES.tobytes(),
        )
    yield "groups of old", "onnx", b"\x0b" * 5000
    yield "a long number", "onnx", b"\x08" + b"\xff" * 100


def _hdf5() -> Iterator[Attack]:
    import h5py

    def texts(file: Any) -> None:
        file.create_dataset("w", data=np.array(["a" * 1000] * 10, dtype=h5py.string_dtype()))
        file.attrs["layer_names"] = "x" * 60_000

    def kinds(file: Any) -> None:
        file.create_dataset("c", data=np.zeros(3, dtype=[("a", "<f4"), ("b", "<i2")]))
        file.create_dataset("v", shape=(3,), dtype=h5py.vlen_dtype(np.float32))
        file.create_dataset(
            "e", data=np.zeros(3, h5py.enum_dtype({"x": 0}, "i1")), dtype=h5py.enum_dtype({"x": 0}, "i1")
        )
        file.create_dataset("r", shape=(3,), dtype=h5py.ref_dtype)
        file.create_dataset("o", data=np.zeros(3, "V7"))
        file.create_dataset("n", data=h5py.Empty("f4"))
        file.create_dataset("w", data=VALUES)

    def shapes(file: Any) -> None:
        file.create_dataset("many", shape=(1,) * 32, dtype="f4")
        file.create_dataset("none", shape=(0, 5), maxshape=(None, 5), dtype="f4")
        file.create_dataset("scalar", data=np.float32(1))
        file.create_dataset("half", data=VALUES.astype("f2"))
        file.create_dataset("complex", data=VALUES.astype("c8"))

    def lists(file: Any) -> None:
        file.attrs["layer_names"] = np.array([b"..", b"/", b"a\0b", b"a", b"a"])
        file.create_group("a").attrs["weight_names"] = np.zeros((3, 3), "f4")

    for write in (texts, kinds, shapes, lists):
        yield f"HDF5 of {write.__name__}", "hdf5", seeds.h5(write)


def _claims(name: str, content: bytes) -> bytes:
    """A document on parents, as the target ``claims`` takes it."""
    assert name in several.CLAIMS
    return name.encode() + SPLIT + content


def _cards() -> Iterator[Attack]:
    laughs = b"a0: &a0 [x,x]\n" + b"".join(
        b"a%d: &a%d [*a%d,*a%d,*a%d,*a%d]\n" % ((k, k) + (k - 1,) * 4) for k in range(1, 40)
    )
    merged = b"a0: &a0 {x: 1}\n" + b"".join(
        b"a%d: &a%d {<<: [*a%d, *a%d, *a%d, *a%d], y%d: 1}\n" % ((k, k) + (k - 1,) * 4 + (k,)) for k in range(1, 30)
    )
    for label, content in {
        "laughs": laughs + b"base_model: *a39\n",
        "merged laughs": merged + b"base_model: *a29\n",
        "deep lists": b"base_model: " + b"[" * 20_000 + b"]" * 20_000 + b"\n",
        "deep blocks": b"".join(b" " * k + b"a:\n" for k in range(1000)),
        "a date": b"base_model: 2020-99-99\n",
        "digits": b"base_model: " + b"9" * 6000 + b"\n",
        "sixties": b"base_model: " + b"1:" * 3000 + b"59\n",
        "objects": b"base_model: !!python/object/apply:os.system [id]\n",
        "no binary": b"base_model: !!binary =\n",
        "a cycle": b"base_model: &a [*a]\n",
        "a merged cycle": b"a: &a\n  <<: *a\n",
        "a key that is none": b"? {a: 1}\n: 1\n",
        "sets": b"base_model: !!set {a, b}\nx: !!omap [a: 1]\n",
        "a long line": b"base_model: " + b"x" * 1_000_000 + b"\n",
        "half a letter": b'base_model: "\\ud800"\n',
        "keys": b"".join(b"k%d: 1\n" % k for k in range(60_000)),
        "line breaks": b'a: "' + b"\n" * 100_000 + b'"\n',
    }.items():
        yield f"card of {label}", "claims", _claims("README.md", b"---\n" + content + b"---\n")
        yield f"recipe of {label}", "claims", _claims("mergekit_config.yml", content)


def _documents() -> Iterator[Attack]:
    parts = {
        "adapter": (seeds.adapter()[0].split(SPLIT), 1),
        "quantised": (seeds.quantised()[0].split(SPLIT), 1),
        "consolidated": (several.consolidated()[0].split(SPLIT), 2),
    }
    texts = {
        "deep lists": b"[" * 100_000 + b"]" * 100_000,
        "digits": b'{"r":' + b"9" * 6000 + b',"dim":' + b"9" * 6000 + b"}",
        "no numbers": b'{"base_model_name_or_path":NaN,"r":Infinity,"dim":-Infinity}',
        "other letters": '{"r":1}'.encode("utf-16"),
        "a mark": b"\xef\xbb\xbf{}",
        "no text": b'{"a":"\xff"}',
        "null": b"null",
        "a list": b"[]",
        "nothing": b"",
        "half letters": b'{"base_model_name_or_path":"\\ud800","quantization_config":{"quant_method":"\\ud800"}}',
        "a key twice": b'{"a":1,"\\u0061":2}',
    }
    for label, content in texts.items():
        for name in ("config.json", "trainer_state.json", "claims.json"):
            yield f"{name} of {label}", "claims", _claims(name, content)
        for target, (files, place) in parts.items():
            yield f"settings of {label}", target, SPLIT.join([*files[:place], content, *files[place + 1 :]])
        for target in ("index", "manifest_json", "result", "truth", "hub"):
            yield f"document of {label}", target, content


def _repositories() -> Iterator[Attack]:
    for names in (
        *(
            ("a", "a/b"),
            ("a/b", "a"),
            ("\ud800.safetensors",),
            ("é" * 150,),
            ("x" * 201,),
            ("a\nb", "\x1b[2J"),
            ("a", "a"),
        ),
        *(
            (".git/config", "...", ".. "),
            ("/".join(["d" * 190] * 25),),
            ("CON", "a:b"),
            tuple("x/" * 40 + str(k) for k in range(9)),
        ),
    ):
        rows = [{"rfilename": name, "size": 5} for name in names]
        yield f"files {ascii(names)[:40]}", "hub", json.dumps({"sha": "0" * 40, "siblings": rows}).encode()
    many = [{"rfilename": f"{k}.bin", "size": 5} for k in range(100_000)]
    yield "files of 100,000 names", "hub", json.dumps({"sha": "0" * 40, "siblings": many}).encode()
    for size in (2**59, 2**63, -1, 1.5, "4", None):
        row = {"rfilename": "m.safetensors", "size": size}
        yield f"a file of {size}", "hub", json.dumps({"sha": "0" * 40, "siblings": [row]}).encode()


def _answers() -> Iterator[Attack]:
    for place in (
        "http://[::1",
        "http://h:x/",
        "//",
        "",
        "ftp://h/",
        "http://\u0660/",
        "http://h:0/",
        "\x00",
        "http://a b/",
        "/\r\nx: y",
    ):
        head = f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
        yield f"redirect to {place!r}", "web", head.encode("utf-8")
    for head in (
        *("Content-Length: -1", "Content-Length: 1e3", "Content-Length: " + "9" * 5000, "Transfer-Encoding: chunked"),
        *(
            "Content-Range: bytes 0-99/*",
            "Content-Range: bytes 99-0/100",
            "Content-Range: bytes 0-99/99999999999999999999",
        ),
        *("Retry-After: -1", "Retry-After: " + "9" * 50, "X: " + "y" * 70_000, "\x00: \xff", "Content-Encoding: gzip"),
    ):
        for status in ("200 OK", "206 Partial", "429 Busy", "999 x", "100 Continue"):
            yield (
                f"{status} with {head[:30]!r}",
                "web",
                f"HTTP/1.1 {status}\r\n{head}\r\n\r\n".encode("latin-1") + bytes(100),
            )
    for size in ("9" * 5000, "-1", "٩", "1_0", "100" + " " * 5000):
        head = f"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-99/100\r\nContent-Length: {size}\r\n\r\n"
        yield f"a part of length {size[:9]!r}", "web", head.encode("utf-8") + bytes(100)
    for place in ("bytes 0-" + "9" * 5000 + "/1", "bytes ٠-٩/١٠", "bytes 0-99/" + "9" * 18):
        head = f"HTTP/1.1 206 Partial\r\nContent-Range: {place}\r\n\r\n"
        yield f"a part at {place[:20]!r}", "web", head.encode("utf-8") + bytes(100)
    yield "no HTTP", "web", b"SSH-2.0-x\r\n"
    yield "many headers", "web", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"
    yield "a long line", "web", b"HTTP/1.1 200 " + b"x" * 100_000
    for size in ("-9223372036854775808", "-1", "-0x1", "1_0", "٣", " 4", "4;x=y" * 1000):
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(100) + SPLIT
        pieces = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield f"a piece of {size[:30]}", "web", whole + pieces + size.encode() + b"\r\nabcd\r\n0\r\n\r\n" + SPLIT
    yield "sizes of pieces", "web", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"
