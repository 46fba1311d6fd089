"""``nphylo index add``."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.fingerprint import fingerprint_options, name_skipped


@click.command("add")
@click.argument("index", metavar="INDEX")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--resume",
    is_flag=True,
    help="Do not read what lies at a path or address that the index has, whether or not it was changed since.",
)
@fingerprint_options
def command(
    index: str,
    paths: tuple[str, ...],
    resume: bool,
    quiet: bool,
    **reading: Any,
) -> int:
    """Add models to an index, which is made where there is none.

    PATH is what `nphylo tree` takes, or a fingerprint. A model that is there already, with the same content and the
    same name or path, is not added again, so that a run that was interrupted can be repeated; with --resume it is not
    read again either. Models are safe in groups of up to 64. Two models of one name and different content are both
    kept. In families of more than 32 models the new ones are then asked for their children, from the fingerprints.

    \b
    Examples:
      nphylo index add hub.index uploads/ hf://org/name
      nphylo index add hub.index uploads/ --resume --cluster tcp://10.0.0.1:8786

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  some inputs could not be read, or the disk is full; the others are there
    """
    from neural_phylogeny.formats.fingerprint import Fingerprint
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.reconstruction.fingerprints import fingerprints, place_of
    from neural_phylogeny.reconstruction.placed import place

    failed = added = known = 0

    def read(places: Container[str]) -> Iterator[tuple[str, str, Fingerprint]]:
        nonlocal failed
        for name, path, found in fingerprints(paths, **reading, known=places):
            if isinstance(found, Fingerprint):
                yield (found.source.name if name.endswith(".nphylo") else name), place_of(path), found
            else:
                failed += name_skipped(found, quiet)

    with Index(index, is_new=True) as opened, sink.progress_bar(quiet):
        for _, is_new in opened.add(read(opened.places() if resume else ())):
            added, known = added + is_new, known + (not is_new)
        place(opened)
        total = len(opened)
    if not quiet:
        exits.talk(f"{index}: {added:,} added, {known:,} there already, {total:,} in all")
    return exits.SOME_UNREADABLE if failed else exits.OK
