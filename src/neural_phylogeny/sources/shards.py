"""Shard indexes: which files make up a model that was too large for one."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError, UnsafeFileError
from neural_phylogeny.records import Part
from neural_phylogeny.sources.documents import read_json

INDEX_SUFFIX = ".index.json"

_SHARD = re.compile(r"-\d{5}-of-\d{5}\.\w+$")

_LONGEST_QUOTE = 200


def is_index(path: str) -> bool:
    """Whether a file is called as shard indexes are."""
    return path.endswith(INDEX_SUFFIX)


def looks_like_shard(name: str) -> bool:
    """Whether a file is called as the shards of a model are.

    Examples
    --------
    >>> looks_like_shard("model-00001-of-00003.safetensors"), looks_like_shard("model-1.safetensors")
    (True, False)
    """
    return _SHARD.search(name) is not None


def shards(index: str) -> tuple[Part, ...]:
    """The shards that an ``*.index.json`` names, in its order, each proven to be a file inside the index's folder.

    A shard may be a link that leads elsewhere, as in a hub's cache: the folder's owner put it there, the index
    did not.

    Raises
    ------
    DamagedFileError
        When the file is not an index.
    UnsafeFileError
        When it names a path that leaves its folder.
    UnreadableFileError
        When it cannot be read, or a shard is missing.
    """
    folder = os.path.dirname(index)
    names = _listed(index)
    for name in names:
        shown = repr(name[:_LONGEST_QUOTE])
        if not name or os.path.isabs(name) or PurePath(name).drive or ".." in re.split(r"[/\\]", name):
            raise UnsafeFileError(
                f"the shard index points outside its folder ({shown})", path=index, remedy="Do not trust this folder."
            )
        if not os.path.isfile(os.path.join(folder, name)):
            raise UnreadableFileError(
                f"shard {shown} is missing", path=index, remedy="Download it into the same folder."
            )
    return tuple(Part(file=os.path.join(folder, name)) for name in names)


def _listed(index: str) -> list[str]:
    """The file names in an index, each once."""
    remedy = "Download the index again."
    content = read_json(index, remedy)
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise DamagedFileError("the shard index has no weight_map of tensors to files", path=index, remedy=remedy)
    if not weight_map:
        raise DamagedFileError("the shard index names no shard", path=index, remedy=remedy)
    return list(dict.fromkeys(weight_map.values()))
