"""Links in a folder that a stranger made: they may not show what lies elsewhere on the machine."""

from __future__ import annotations

import os

from neural_phylogeny.formats.limits import limit

BLOBS, SNAPSHOTS = "blobs", "snapshots"
"""Subfolders of a repository in a hub's cache: the contents by hash, and for each revision links to them by name."""


def leads_outside(path: str, root: str) -> bool:
    """Whether a path is a link to something that lies neither below ``root`` nor among the blobs of its repository.

    In a hub's cache the names of a snapshot are links to the blobs of the same repository. Broken links and loops lead
    nowhere and are left to others. Costs a look at the entry, and at the target of a link.
    """
    if not os.path.islink(path) or limit("links"):
        return False
    try:
        target, inside = os.path.realpath(path), os.path.realpath(root)
    except (OSError, ValueError):
        return False
    if not os.path.exists(target) or _is_below(target, inside):
        return False
    parts = os.path.realpath(os.path.dirname(path)).split(os.sep)
    if SNAPSHOTS in parts:
        at = len(parts) - 1 - parts[::-1].index(SNAPSHOTS)
        return not _is_below(target, os.sep.join([*parts[:at], BLOBS]))
    return True


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
