"""``nphylo index add``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.fingerprint import fingerprint_options, name_skipped


@click.command("add")
@click.argument("index", metavar="INDEX")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@fingerprint_options
def command(
    index: str,
    paths: tuple[str, ...],
    size: int,
    workers: int,
    root: str,
    component: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    quiet: bool,
) -> int:
    """Add models to an index, which is made where there is none.

    PATH is what `nphylo tree` takes, or a fingerprint. A model that is there already, with the same content and the
    same name or path, is not added again, so that a run that was interrupted can be repeated. Models are safe in
    groups of up to 64. Two models of one name and different content are both kept.

    \b
    Example:
      nphylo index add hub.index uploads/ hf://org/name

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  some inputs could not be read, or the disk is full; the others are there
    """
    from neural_phylogeny.formats.fingerprint import Fingerprint
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.reconstruction.fingerprints import fingerprints

    failed = 0

    def read() -> Iterator[tuple[str, str, Fingerprint]]:
        nonlocal failed
        made = fingerprints(
            paths, size=size, include=include, exclude=exclude, component=component, workers=workers, root=root
        )
        for name, path, found in made:
            if isinstance(found, Fingerprint):
                where = os.path.abspath(path) if os.path.exists(path) else path
                yield (found.source.name if name.endswith(".nphylo") else name), where, found
            else:
                failed += name_skipped(found, quiet)

    added = known = 0
    with Index(index, is_new=True) as opened, sink.progress_bar(quiet):
        for _, is_new in opened.add(read()):
            added, known = added + is_new, known + (not is_new)
        total = len(opened)
    if not quiet:
        exits.talk(f"{index}: {added:,} added, {known:,} there already, {total:,} in all")
    return exits.SOME_UNREADABLE if failed else exits.OK
