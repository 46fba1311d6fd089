"""Repositories of a hub: the revision resolved to a commit, the files with their sizes, and where each lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    LimitError,
    MissingExtraError,
    NotFoundError,
    UnreadableFileError,
)
from neural_phylogeny.formats.limits import check, limit, parsed_json
from neural_phylogeny.sources.remote.addresses import HubAddress
from neural_phylogeny.sources.remote.held import HeldFile
from neural_phylogeny.sources.remote.web import WebFile, document

_PAGE = re.compile(r"/([\w.-]+/[\w.-]+)(?:/(?:tree|blob|resolve)/([^/?#]+)(?:/([^?#]*))?)?/?(?:[?#].*)?")
"""A page of the hub: a repository, its files at a revision, or one of these."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit: its name, 40 digits of the commit, and its files by path."""

    name: str
    commit: str
    files: Mapping[str, HeldFile]

    @property
    def address(self) -> str:
        """The address of exactly this content."""
        return f"hf://{self.name}@{self.commit}"


def repository(wanted: HubAddress, address: str) -> Repository:
    """Look a repository up; costs one request.

    Raises
    ------
    MissingExtraError
        Where huggingface_hub, which knows the hub's address and the user's token, is not installed.
    NotFoundError
        Where there is no such repository or revision, or it is private.
    UnreadableFileError
        Where it is gated, or the hub does not answer.
    DamagedFileError
        Where the answer is none.
    """
    endpoint, token = _account()
    explain = partial(_explained, wanted, address, endpoint)
    url = f"{endpoint}/api/models/{wanted.repository}/revision/{quote(wanted.revision, safe='')}?blobs=true"
    try:
        commit, rows = _rows(document(url, token, explain, limit("header")), address)
    except CheckpointError as error:
        error.path = address
        raise
    files = {}
    check("entries", len(rows), address)
    for name, size, sha256 in rows:
        where = f"{endpoint}/{wanted.repository}/resolve/{commit}/{quote(name, errors='replace')}"
        server = WebFile(where, size, token, explain)
        files[name] = HeldFile(f"hf://{wanted.repository}@{commit}/{name}", size, server, sha256)
    return Repository(wanted.repository, commit, files)


def from_page(address: str) -> str:
    """The ``hf://`` address of a page of the hub, as a browser shows it; the address itself for any other page."""
    try:
        endpoint, _ = _account()
    except MissingExtraError:
        return address
    found = _PAGE.fullmatch(address.removeprefix(endpoint)) if address.startswith(f"{endpoint}/") else None
    if found is None:
        return address
    return f"hf://{found[1]}" + (f"@{found[2]}" if found[2] else "") + (f"/{found[3]}" if found[3] else "")


def _account() -> tuple[str, str]:
    """The hub's address and the user's token, empty where there is none."""
    try:
        from huggingface_hub import constants, get_token
    except ModuleNotFoundError as error:
        raise MissingExtraError("hf:// addresses", "hub") from error
    return constants.ENDPOINT, get_token() or ""


def _rows(content: bytes, address: str) -> tuple[str, list[tuple[str, int, str]]]:
    """The commit, and (path, size, SHA-256 or nothing) of each file, each checked for its type."""
    try:
        answer = parsed_json(content, address)
    except LimitError:
        raise
    except (ValueError, RecursionError):
        raise DamagedFileError("the hub's answer is not JSON", path=address, remedy="Check HF_ENDPOINT.") from None
    commit, siblings = (answer.get("sha"), answer.get("siblings")) if isinstance(answer, dict) else (None, None)
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}", commit) or not isinstance(siblings, list):
        raise DamagedFileError(
            "the hub's answer names no commit or no files", path=address, remedy="Check HF_ENDPOINT."
        )
    check("rows", len(siblings), address, what="files of a repository")  # each becomes a placeholder
    rows = []
    for row in siblings:
        name, size = (row.get("rfilename"), row.get("size")) if isinstance(row, dict) else (None, None)
        lfs = row.get("lfs") if isinstance(row, dict) else None
        digest = lfs.get("sha256") if isinstance(lfs, dict) else None
        is_digest = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) is not None
        if isinstance(name, str) and isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**60:
            rows.append((name, size, str(digest) if is_digest else ""))
    return commit, rows


def _explained(
    wanted: HubAddress, address: str, endpoint: str, status: int, headers: Mapping[str, str]
) -> CheckpointError | None:
    """A hub's refusal as a sentence with its remedy. Without a token it hides what exists behind a 401."""
    code = headers.get("x-error-code", "")
    page = f"{endpoint}/{wanted.repository}"
    if code == "GatedRepo":
        return UnreadableFileError(
            "a gated repository, and your account has no access",
            path=address,
            remedy=f"Accept its conditions at {page}, then log in with `hf auth login` or set HF_TOKEN.",
        )
    if code == "RevisionNotFound":
        return NotFoundError(
            f"the repository has no revision {wanted.revision!r}", path=address, remedy=f"{page} lists them."
        )
    if code == "RepoNotFound" or (status in (401, 404) and code != "EntryNotFound"):
        return NotFoundError(
            "no such repository, or a private one",
            path=address,
            remedy="Check the spelling; for a private one log in with `hf auth login` or set HF_TOKEN.",
        )
    if status == 403:
        return UnreadableFileError(
            "the hub refuses access",
            path=address,
            remedy="Check what your token may do, or log in with `hf auth login`.",
        )
    return None
