"""Fingerprints of models wherever they lie, one model after the other."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from neural_phylogeny.errors import CheckpointError, InvalidOptionError, shown
from neural_phylogeny.files.activity import announced
from neural_phylogeny.formats.fingerprint import Fingerprint, from_bytes
from neural_phylogeny.inputs import ModelRef, Skipped
from neural_phylogeny.reconstruction.cluster import on_cluster
from neural_phylogeny.reconstruction.workers import shared_out
from neural_phylogeny.sources import check_paths, discover
from neural_phylogeny.sources.asides import summarise
from neural_phylogeny.sources.far import released
from neural_phylogeny.sources.given import AnyPath
from neural_phylogeny.sources.opening import open_each
from neural_phylogeny.statistics.fingerprints import VALUES, fingerprint

FEWEST = 1 << 12
"""Fewest values of a fingerprint: one matrix of 64 x 64."""


def fingerprint_model(path: AnyPath, *, size: int = 4 * VALUES, component: str | None = None) -> Fingerprint:
    """The fingerprint of one model: a few of its values, of at most about ``size`` bytes.

    Parameters
    ----------
    path : path
        A file, folder or address that holds one model.
    size : int
        Bytes of single precision; half-precision models and compression make the file smaller.
    component : str, optional
        Which state dict to take from a file that holds several.

    Raises
    ------
    NotFoundError
        When the path leads to nothing.
    CheckpointError
        When it does not hold exactly one readable model.
    InvalidOptionError
        When the size is below 16,384 bytes.

    Notes
    -----
    What is kept of a tensor depends on its name and shape, on the number of the model's tensors and on ``size``.
    It can be given to ``reconstruct`` and ``compare`` in a mapping, or saved: ``Path(...).write_bytes(f.to_bytes())``.
    Without all values equality is that of the kept ones, and disguises are not looked for.

    Examples
    --------
    >>> from neural_phylogeny import demo, reconstruct
    >>> names = ["godwit.safetensors", "heron.safetensors"]
    >>> models = {name: fingerprint_model(demo.folder() / name) for name in names}
    >>> [len(model.to_bytes()) < 262144 for model in models.values()], len(reconstruct(models).edges)
    ([True, True], 1)
    """
    found = list(fingerprints([path], size=size, component=component))
    made = [one for *_, one in found if isinstance(one, Fingerprint)]
    if len(made) == 1:
        return made[0]
    reasons = [item.reason for *_, item in found if isinstance(item, Skipped)]
    raise CheckpointError("; ".join(reasons) or f"{len(made)} models instead of one", path=path)


def fingerprints(
    paths: Sequence[AnyPath],
    *,
    size: int = 4 * VALUES,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
    workers: int = 1,
    cluster: str = "",
    root: str = "",
    known: Container[str] = frozenset(),
) -> Iterator[tuple[str, str, Fingerprint | Skipped]]:
    """The fingerprint of each model behind some paths, or why there is none; one model is open at a time.

    Parameters and errors as those of ``discover`` and ``fingerprint_model``. Each comes with the name and the path of
    the model. With several ``workers``, processes that read one model each at a time, or on a ``cluster`` (see
    ``on_cluster``), they come as they are done; a model two workers died of is skipped. With a ``root``, models below
    that folder are called by their paths in it. Models at ``known`` places, see ``place_of``, are left out.
    """
    if size < 4 * FEWEST:
        raise InvalidOptionError("size", f"at least {4 * FEWEST} bytes", size)
    check_paths(paths)
    refs, skipped = discover(paths, include=include, exclude=exclude, component=component)
    if root:
        root = os.path.realpath(root)
        refs = [_below(ref, root) for ref in refs]
    refs = [ref for ref in refs if place_of(ref.path) not in known]
    yield from ((item.path, item.path, item) for item in skipped)
    if cluster or workers > 1:
        work = partial(_in_worker, size=size)
        for ref, made in on_cluster(refs, work, cluster, workers) if cluster else shared_out(refs, work, workers):
            reason = "two workers died of it: left out"
            for name, path, found in made or [(ref.name, shown(ref.path), Skipped(path=ref.path, reason=reason))]:
                yield name, path, from_bytes(found, path, is_kept=True) if isinstance(found, bytes) else found
        return
    for ref in announced("reading", refs, [ref.name for ref in refs]):
        yield from _of(ref, size // 4)


def place_of(path: str) -> str:
    """Where a model lies, as an index keeps it: an absolute path, or an address."""
    known = shown(path)
    return os.path.abspath(path) if known == path and os.path.exists(path) else known


def _below(ref: ModelRef, root: str) -> ModelRef:
    """The model by its path below a folder without links, if it lies there: the same name, whatever else was given."""
    path = os.path.relpath(os.path.realpath(ref.path), root)
    is_there = not path.startswith(os.pardir) and path != os.curdir and shown(ref.path) == ref.path
    return replace(ref, name=path.replace(os.sep, "/")) if is_there else ref


def _of(ref: ModelRef, values: int) -> Iterator[tuple[str, str, Fingerprint | Skipped]]:
    opened, skipped, asides = open_each([ref])
    yield from ((item.path, item.path, item) for item in chain(skipped, summarise(asides)))
    for known, checkpoint in opened:
        try:
            found: Fingerprint | Skipped = fingerprint(known, checkpoint, values)
        except CheckpointError as error:
            found = Skipped(path=ref.path, reason=str(error))
        finally:
            checkpoint.close()
            released([ref])
        yield known.name, shown(known.path), found


def _in_worker(ref: ModelRef, size: int) -> list[tuple[str, str, bytes | Skipped]]:
    """The same in another process, which knows nothing of addresses that were looked up in this one."""
    refs = [ref]
    if shown(ref.path) != ref.path or not os.path.exists(ref.path):
        found, _ = discover([shown(ref.path)], component=ref.component)
        refs = [replace(one, name=ref.name) for one in found if len(found) == 1 or one.name == ref.name]
    return [
        (name, path, made.to_bytes() if isinstance(made, Fingerprint) else made)
        for one in refs
        for name, path, made in _of(one, size // 4)
    ]
