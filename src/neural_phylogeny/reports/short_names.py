"""Short names for drawings: without what all names share, cut in the middle where long, and never two the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from neural_phylogeny.reports.names import safe

CUT = "…"

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".npz", ".h5", ".hdf5", ".keras", ".onnx", ".gguf", ".ckpt")
"""File suffixes that say nothing where all models have the same."""


def short_names(names: Iterable[str], width: int, *, suffixes: bool = True) -> tuple[str, dict[str, str]]:
    """The folder that all names share, and by name what remains of it in at most ``width`` characters.

    Different names stay different: of names that would look the same, the part that tells them apart is kept. With
    ``suffixes`` the file suffix is left out where all have the same. Near-linear in the length of all names.

    Examples
    --------
    >>> short_names(["runs/a/model-000100.pt", "runs/a/model-000200.pt"], 9)
    ('runs/a/', {'runs/a/model-000100.pt': 'mode…0100', 'runs/a/model-000200.pt': 'mode…0200'})
    """
    given = list(dict.fromkeys(names))
    shown = [safe(name) for name in given]
    folder = common_folder(shown)
    suffix = common_suffix(shown) if suffixes else ""
    rest = [name[len(folder) : len(name) - len(suffix)] for name in shown]
    if not all(rest) or len(set(rest)) < len(set(shown)):
        rest, folder = shown, ""
    return folder, dict(zip(given, _distinct(rest, width), strict=True))


LONG = 12
"""Letters of a common start that are left out up to a mark, beyond the folder."""


def common_folder(names: Sequence[str]) -> str:
    """The folders that all of several names start with, and a long common start of their last parts; else empty.

    Examples
    --------
    >>> common_folder(["m/a.pt", "m/b.pt"]), common_folder(["trained_models_a.pt", "trained_models_b.pt"])
    ('m/', 'trained_models_')
    """
    if len(names) < 2:
        return ""
    prefix = common_prefix(names)
    folder = prefix[: prefix.rfind("/") + 1]
    start = prefix[: max(prefix.rfind(mark) for mark in "/_-.") + 1]
    return start if len(start) - len(folder) >= LONG else folder


def common_prefix(names: Sequence[str]) -> str:
    """The letters that all of several names start with."""
    first, last = min(names), max(names)
    return first[: next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def common_suffix(names: Sequence[str]) -> str:
    """The file suffix that all names have; empty where they differ."""
    return next((suffix for suffix in SUFFIXES if names and all(name.endswith(suffix) for name in names)), "")


def _distinct(names: Sequence[str], width: int) -> list[str]:
    """Each name in at most ``width`` characters, cut where names do not differ."""
    labels = [middle_cut(name, width) for name in names]
    for _ in range(2):
        for alike in _alike(labels, names):
            for k, label in zip(alike, _made_distinct([names[k] for k in alike], width), strict=True):
                labels[k] = label
    taken: dict[str, str] = {}
    for k, (label, name) in enumerate(zip(labels, names, strict=True)):
        number = 1
        while taken.setdefault(label, name) != name:
            number += 1
            label = f"{labels[k][: max(1, width - 1 - len(str(number)))]}~{number}"
        labels[k] = label
    return labels


def middle_cut(name: str, width: int) -> str:
    """A name in at most ``width`` characters, without its middle.

    Examples
    --------
    >>> middle_cut("a-very-long-name-v2.pt", 12), middle_cut("short.pt", 12)
    ('a-ver…-v2.pt', 'short.pt')
    """
    if len(name) <= width:
        return name
    tail = width // 2
    return f"{name[: width - tail - 1]}{CUT}{name[len(name) - tail :] if tail else ''}"


def _alike(labels: Sequence[str], names: Sequence[str]) -> list[list[int]]:
    """Positions of different names that have the same label."""
    groups: dict[str, list[int]] = defaultdict(list)
    for k, label in enumerate(labels):
        groups[label].append(k)
    return [group for group in groups.values() if len({names[k] for k in group}) > 1]


def _made_distinct(names: Sequence[str], width: int) -> list[str]:
    """Names that look the same when their middles are cut: the part in which they differ, and what fits around it."""
    before = len(common_prefix(names))
    after = len(common_prefix([name[:before:-1] for name in names]))
    first, word_before, word_after = names[0], before, after
    while word_before and first[word_before - 1].isalnum():
        word_before -= 1
    while word_after and first[len(first) - word_after].isalnum():
        word_after -= 1
    if max(map(len, names)) - word_before - word_after <= width - 4:
        before, after = word_before, word_after
    found = []
    for name in names:
        part = name[before : len(name) - after] or name[before - 1 : before]
        room = width - len(part) - 2
        if room >= 2:
            head, tail = min(before, room - room // 2), min(after, room // 2)
            left = f"{name[:head]}{CUT}" if head < before else name[:before]
            right = f"{CUT}{name[len(name) - tail :]}" if tail < after else name[len(name) - after :]
            found.append(f"{left}{part}{right}")
        else:
            found.append(f"{CUT}{middle_cut(part, width - 1)}")
    return found
