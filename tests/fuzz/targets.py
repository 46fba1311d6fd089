"""What is fuzzed: each reader as a function of bytes that may raise the package's errors and nothing else."""

from __future__ import annotations

import functools
import http.client
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz import seeds, several
from tests.fuzz.seeds import SPLIT

from neural_phylogeny.claims.declared import declared_by, listed
from neural_phylogeny.errors import NeuralPhylogenyError
from neural_phylogeny.evaluation.truth import parse_truth
from neural_phylogeny.formats import Checkpoint, open_checkpoint
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import ModelRef, Part
from neural_phylogeny.reconstruction.adapters import find_adapters
from neural_phylogeny.reports.json import from_json
from neural_phylogeny.sources import open_models
from neural_phylogeny.sources.opening import Opened, open_model
from neural_phylogeny.sources.remote import connections, hub, mirror, web
from neural_phylogeny.statistics.cache import load

MOST = 1 << 16
"""Values that are read at each end of a tensor."""

Run = Callable[[Path, bytes], str | None]
"""Called with a folder and an input; may give a sentence on what was left out."""


@dataclass(frozen=True)
class Target:
    """A reader, and valid inputs of it."""

    run: Run
    seeds: Callable[[], list[bytes]]


def read_all(checkpoint: Checkpoint) -> None:
    """Both ends of every tensor, as stored and as float32."""
    for name, tensor in list(checkpoint.tensors.items())[:200]:
        stop = min(tensor.size, MOST)
        assert checkpoint.read(name, 0, stop).size == stop
        checkpoint.read_into(name, tensor.size - stop, np.empty(stop, dtype=np.float32))


_OPEN: dict[str, int] = {}
"""Descriptors of the files that inputs were written to last: to make a file anew takes as long as some readers."""


def _put(path: Path, content: bytes) -> None:
    """Make a file of an input."""
    name = str(path)
    descriptor = _OPEN.get(name)
    if descriptor is None or not os.fstat(descriptor).st_nlink:
        if descriptor is not None or len(_OPEN) >= 16:
            os.close(_OPEN.pop(name if descriptor is not None else next(iter(_OPEN))))
        descriptor = _OPEN[name] = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))


def _file(name: str, folder: Path, content: bytes) -> None:
    path = folder / name
    _put(path, content)
    with open_checkpoint(path) as checkpoint:
        read_all(checkpoint)


def _with(names: tuple[str, ...], folder: Path, content: bytes) -> None:
    """Several files, of which the first is opened."""
    first, *rest = content.split(SPLIT)
    _write(folder, names[1:], rest)
    _file(names[0], folder, first)


def _folder(path: Path) -> None:
    if not os.path.isdir(path):  # a refused mkdir takes ten times as long
        path.mkdir()


def _write(folder: Path, names: tuple[str, ...], parts: list[bytes]) -> None:
    """The files that an input holds, and none of the input before."""
    for name, part in zip(names, parts, strict=False):
        _put(folder / name, part)
    for name in names[len(parts) :]:
        (folder / name).unlink(missing_ok=True)


def _opened(paths: list[Path]) -> str:
    """Open models as the command line does and close them; what was left out."""
    opened, skipped = open_models(paths)
    for _, checkpoint in opened:
        checkpoint.close()
    return "; ".join(item.reason for item in skipped)


def _refs(paths: list[Path]) -> list[ModelRef]:
    """A model for each file, without a search of folders."""
    return [ModelRef(name=path.stem, path=str(path), parts=(Part(file=str(path)),)) for path in paths]


def _model(names: tuple[str, ...], parts: int, folder: Path, content: bytes) -> None:
    """Several files that make a model, of which the first ``parts`` hold weights."""
    _folder(folder / "net")
    _write(folder, names, content.split(SPLIT))
    files = tuple(Part(file=str(folder / name)) for name in names[:parts])
    with open_model(
        ModelRef(name="m", path=files[0].file if parts == 1 else str(folder / "net"), parts=files)
    ) as opened:
        read_all(opened)


def _adapter(folder: Path, content: bytes) -> None:
    _folder(folder / "net")
    names = ("net/adapter_model.safetensors", "net/adapter_config.json", "base.safetensors")
    _write(folder, names, content.split(SPLIT))
    opened: list[Opened] = []
    try:
        for ref in _refs([folder / "net/adapter_model.safetensors", folder / "base.safetensors"]):
            opened.append((ref, open_model(ref)))
        find_adapters(opened)
    finally:
        for _, checkpoint in opened:
            checkpoint.close()


def _list(name: str, folder: Path, content: bytes) -> str:
    """A manifest beside a sound model."""
    sound = folder / "m.safetensors"
    if not sound.exists():
        sound.write_bytes(seeds.safetensors()[0])
    _put(folder / name, content)
    return _opened([folder / name])


def _index(folder: Path, content: bytes) -> str:
    net = folder / "net"
    _folder(net)
    if not (net / "m.safetensors").exists():
        (net / "m.safetensors").write_bytes(seeds.safetensors()[0])
    _put(net / "model.safetensors.index.json", content)
    return _opened([net])


def _claims(folder: Path, content: bytes) -> str:
    """One document on a model's parents, or a list of claims; its name, or a byte that chooses it, comes first."""
    first, found, rest = content.partition(SPLIT)
    names = several.CLAIMS
    name = first.decode("latin-1") if found else ""
    if name not in names:
        name, rest = names[content[0] % len(names)] if content else names[0], content[1:]
    path = folder / name
    _put(path, rest)
    try:
        if name.startswith("claims."):
            listed(str(path))
            return ""
        ref = ModelRef(name="m", path=str(folder), parts=())
        return "; ".join(declared_by(ref, is_alone=True)[1])
    finally:
        path.unlink()


class _Answers:
    """A server that gives the parts of an input as its answers, one after the other, and then no more."""

    def __init__(self, content: bytes) -> None:
        self._left = content.split(SPLIT)

    def send(self, _url: str, _headers: object) -> http.client.HTTPResponse:
        if not self._left:
            raise ConnectionResetError
        response = http.client.HTTPResponse(self, method="GET")  # type: ignore[arg-type]
        response.begin()
        return response

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._left.pop(0)))


def _soon(error: web.TransientError, failures: int, shown: str) -> None:
    error.pause = 0.0
    _WAIT(error, failures, shown)


_WAIT = web._wait


@contextmanager
def _instead(*changes: tuple[Any, str, object]) -> Iterator[None]:
    """Attributes of modules, for a while; ``mock.patch`` takes longer than most readers."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, value in changes:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _served(content: bytes, use: Callable[[], object]) -> None:
    answers = _Answers(content)
    own = ((web, "send", answers.send), (web, "_wait", _soon), (web, "PAUSES", (0.0, 0.0)))
    with _instead(*own, (connections, "is_private", "127.0.0.1".__eq__)):
        use()


def _web(_: Path, content: bytes) -> None:
    def use() -> None:
        file = web.WebFile("http://127.0.0.1/x")
        assert len(file.get(0, 100, lambda requests, received: None)) <= 100
        if content.count(SPLIT) > 1:
            web.document("http://127.0.0.1/y", "", lambda status, headers: None, 1000)

    _served(content, use)


def _hub(_: Path, content: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    try:
        with _instead((hub, "_account", lambda *_, **__: ("http://127.0.0.1", ""))):
            _served(answer, lambda: mirror.mirrored("hf://a/b"))
    finally:
        mirror.forget()


def _fingerprint(folder: Path, content: bytes) -> None:
    header, found, values = content.partition(SPLIT)
    _file("m.nphylo", folder, several.fingerprint_file(header, values) if found else content)


def _index_of_fingerprints(folder: Path, content: bytes) -> None:
    """An index that somebody else made: all that is looked up in it."""
    _folder(folder / "segments")
    catalogue, _, segment = content.partition(SPLIT)
    _put(folder / "catalogue.sqlite", catalogue)
    _put(folder / "segments" / several.SEGMENT, segment)
    with Index(folder, is_read_only=True) as index:
        len(index)
        for entry in index.entries()[:2]:
            index.candidates(index.fingerprint(entry.digest), 5)
        index.groups()


def _statistics(folder: Path, content: bytes) -> None:
    _put(folder / "s", content)
    load(folder / "s")


def _text(parse: Callable[[str], object], _: Path, content: bytes) -> None:
    parse(content.decode("utf-8", "replace"))


def _named(name: str) -> Run:
    return functools.partial(_file, name)


TARGETS: dict[str, Target] = {
    "safetensors": Target(_named("m.safetensors"), seeds.safetensors),
    "gguf": Target(_named("m.gguf"), seeds.gguf),
    "npz": Target(_named("m.npz"), seeds.npz),
    "pytorch": Target(_named("m.pt"), seeds.pytorch),
    "archive": Target(_named("m.zip"), seeds.archive),
    "hdf5": Target(_named("m.h5"), seeds.hdf5),
    "keras": Target(_named("m.keras"), seeds.keras),
    "onnx": Target(functools.partial(_with, ("m.onnx", "d.bin")), seeds.onnx),
    "distributed": Target(functools.partial(_with, (".metadata", "__0_0.distcp")), seeds.distributed),
    "quantised": Target(functools.partial(_model, ("net/model.safetensors", "net/config.json"), 1), seeds.quantised),
    "adapter": Target(_adapter, seeds.adapter),
    "manifest_csv": Target(functools.partial(_list, "l.csv"), seeds.manifest_csv),
    "manifest_json": Target(functools.partial(_list, "l.json"), seeds.manifest_json),
    "index": Target(_index, seeds.index),
    "zero": Target(functools.partial(_with, several.ZERO), several.zero),
    "consolidated": Target(
        functools.partial(_model, ("net/consolidated.00.pth", "net/consolidated.01.pth", "net/params.json"), 2),
        several.consolidated,
    ),
    "codes": Target(_named("m.gguf"), several.codes),
    "adapters": Target(_adapter, several.adapters),
    "weight_norm": Target(
        functools.partial(_model, ("net/model.safetensors", "net/config.json"), 1), several.weight_norm
    ),
    "claims": Target(_claims, several.claims),
    "fingerprint": Target(_fingerprint, several.fingerprint),
    "fingerprint_index": Target(_index_of_fingerprints, several.index),
    "web": Target(_web, several.web),
    "hub": Target(_hub, several.hub),
    "statistics": Target(_statistics, seeds.statistics),
    "result": Target(functools.partial(_text, from_json), seeds.result),
    "truth": Target(functools.partial(_text, parse_truth), seeds.truth),
}
"""Every reader of strangers' bytes by its name."""


def refused(target: Target, folder: Path, content: bytes) -> str:
    """Run a target; the sentence where it refuses the input, empty where it takes it. Any other error passes."""
    try:
        return target.run(folder, content) or ""
    except NeuralPhylogenyError as error:
        return str(error)


def scratch() -> str:
    """Where inputs are written: memory, where the system has such a folder."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else ""
