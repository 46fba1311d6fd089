"""Addresses: what stands in a path's place and leads elsewhere, and what of it may be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from neural_phylogeny.errors import UnreadableFileError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")

_SPECIAL = re.compile(r"refs/(?:pr|convert)/[^/]+")
"""Revisions with slashes in them that need no escape: those of pull requests and conversions."""

REMEDY = "Write hf://organisation/name@revision, or hf://organisation/name@revision/file."


LONGEST_PART, LONGEST_PATH = 200, 1000
"""Bytes of a name of a file or folder, and of a path, that somebody else wrote."""


def is_address(path: object) -> bool:
    """Whether a path is an address, as ``hf://org/name``; ``file://`` counts as one.

    Examples
    --------
    >>> [is_address(path) for path in ("hf://org/name", "s3://bucket/a.safetensors", "models/a.pt", "C://a.pt")]
    [True, True, False, False]
    """
    return isinstance(path, str) and _SCHEME.match(path) is not None


def scheme_of(address: str) -> str:
    """The scheme of an address, in lower case."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def public(address: str) -> str:
    """An address as it may be shown: without a user, a password, a query or a fragment.

    Examples
    --------
    >>> public("https://me:secret@host:8080/a.gguf?X-Amz-Signature=abc")
    'https://host:8080/a.gguf'
    """
    if "::" in address:
        return "::".join(public(part) for part in address.split("::"))
    try:
        parts = urlsplit(address)
    except ValueError:
        return scheme_of(address) + "://"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) if parts.netloc else address


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository of models on a hub, a revision of it, and a path inside of it; the path may be a pattern."""

    repository: str
    revision: str
    path: str

    @classmethod
    def of(cls, address: str) -> HubAddress:
        """Take an ``hf://`` address apart; a revision may follow the name, the default is the main branch.

        A name without an organisation is one where a revision follows it, or nothing.

        Raises UnreadableFileError for anything else.

        Examples
        --------
        >>> HubAddress.of("hf://org/name@v1.0/unet/model.safetensors")
        HubAddress(repository='org/name', revision='v1.0', path='unet/model.safetensors')
        >>> HubAddress.of("hf://gpt2"), HubAddress.of("hf://models/org/name@refs/pr/3")
        (HubAddress(repository='gpt2', revision='main', path=''), \
HubAddress(repository='org/name', revision='refs/pr/3', path=''))
        """
        rest = _SCHEME.sub("", address, count=1).strip("/").removeprefix("models/")
        if rest.startswith(("datasets/", "spaces/")):
            raise UnreadableFileError("not a repository of models", path=address, remedy=REMEDY)
        first, _, others = rest.partition("/")
        if "@" not in first and others:
            second, _, inner = others.partition("/")
            first, others = f"{first}/{second}", inner
        name, at, revision = first.partition("@")
        if at:
            special = _SPECIAL.match(f"{revision}/{others}")
            if special:
                revision, others = special[0], f"{revision}/{others}"[special.end() + 1 :]
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or (at and not revision) or ".." in name:
            raise UnreadableFileError("not the address of a repository", path=address, remedy=REMEDY)
        return cls(name, unquote(revision) or "main", others)


def safe_parts(path: str) -> list[str] | None:
    """The parts of a path that somebody else wrote; None where it leaves its folder or cannot be a path here.

    Examples
    --------
    >>> safe_parts("unet/model.bin"), safe_parts("../a"), safe_parts("/etc/passwd")
    (['unet', 'model.bin'], None, None)
    """
    try:
        length = len(path.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    parts = path.split("/")
    bad = any(
        part in ("", ".", "..") or "\0" in part or "\\" in part or len(part.encode()) > LONGEST_PART for part in parts
    )
    return None if bad or os.path.isabs(path) or length > LONGEST_PATH else parts
