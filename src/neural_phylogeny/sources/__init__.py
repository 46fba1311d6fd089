"""Which models are there: files, folders, globs, manifests, mappings in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.sources.asides import summarise
from neural_phylogeny.sources.discover import discover, search
from neural_phylogeny.sources.opening import Opened, from_memory, open_all, open_each, open_model

__all__ = ["discover", "from_memory", "open_all", "open_model", "open_models"]


def open_models(
    paths: Sequence[str | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
) -> tuple[list[Opened], list[Skipped]]:
    """Find and open the models behind files, folders, globs and manifests; parameters as in ``discover``.

    Costs a read of every header. The caller closes what was opened. What could not be used is in the second list, with
    the reason; it raises no error.
    """
    refs, not_found, beside = search(paths, include=include, exclude=exclude, component=component)
    opened, not_opened, no_models = open_each(refs)
    return opened, [*not_found, *not_opened, *summarise([*beside, *no_models])]
