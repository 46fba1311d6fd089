"""Which workers of a cluster are nearest to the bytes of a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import neural_phylogeny
from neural_phylogeny.errors import shown
from neural_phylogeny.inputs import ModelRef

if TYPE_CHECKING:
    from distributed import Client

FOLDERS = 1000
"""Most folders that every worker is asked about; where models lie in more, their parents are."""

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "fuse"})
"""File systems of other machines, by their names in ``/proc/mounts``; of ``fuse.sshfs`` what stands before the dot."""

UNSEEN, FAR, NEAR = 0, 1, 2
"""How near a folder is to a process: not seen, over a network, on a disk of its own."""


@dataclass(frozen=True)
class Nearest:
    """Hosts whose workers should read what lies below a folder; a folder that all see alike is not among them."""

    of: Mapping[str, tuple[str, ...]]

    @classmethod
    def among(cls, client: Client, refs: Sequence[ModelRef]) -> Nearest:
        """Ask each worker which folders it sees; one question for all models. Models at addresses are near to all."""
        folders = sorted(_parents({os.path.dirname(os.path.abspath(r.path)) for r in refs if shown(r.path) == r.path}))
        hosts = {worker: known["host"] for worker, known in client.scheduler_info()["workers"].items()}
        seen = {hosts[worker]: found for worker, found in client.run(reach, folders).items() if worker in hosts}
        of = {}
        for k, folder in enumerate(folders):
            best = max((found[k] for found in seen.values()), default=UNSEEN)
            chosen = tuple(sorted(host for host, found in seen.items() if found[k] == best))
            if best != UNSEEN and len(chosen) < len(seen):
                of[folder] = chosen
        return cls(of)

    def hosts(self, ref: ModelRef) -> list[str] | None:
        """The hosts that should read a model; None for any."""
        folder = os.path.dirname(os.path.abspath(ref.path)) if self.of else ""
        while folder and folder not in self.of:
            parent = os.path.dirname(folder)
            folder = parent if parent != folder else ""
        return list(self.of[folder]) if folder else None


def reach(folders: Sequence[str]) -> list[int]:
    """How near each folder is to this process: not seen, over a network, on a disk of its own."""
    mounts = _mounts()
    return [UNSEEN if not os.path.isdir(folder) else _reach(os.path.realpath(folder), mounts) for folder in folders]


def version() -> str:
    """The version of this package, where it is called."""
    return neural_phylogeny.__version__


def _parents(folders: set[str]) -> set[str]:
    """The folders, or as many levels above them as it takes for there to be few."""
    while len(folders) > FOLDERS:
        longest = max(folder.count(os.sep) for folder in folders)
        folders = {os.path.dirname(folder) if folder.count(os.sep) == longest else folder for folder in folders}
    return folders


def _mounts() -> dict[str, str]:
    """The kind of each mounted file system by its folder; empty where the system does not say."""
    try:
        with open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split(" ") for line in file]
    except OSError:
        return {}
    return {row[1].replace("\\040", " "): row[2].split(".")[0] for row in rows if len(row) > 2}


def _reach(folder: str, mounts: Mapping[str, str]) -> int:
    while folder not in mounts and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return FAR if mounts.get(folder, "") in NETWORK else NEAR
