"""What is known of a collection: the truth file beside a group of checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.json_fields import Fields, parse
from neural_phylogeny.files.regular import read_saved
from neural_phylogeny.records import KINDS, Edge, Phylogeny

DOCUMENTED = "documented"
"""A claim whose certainty starts with this word rests on a source; others were inferred."""


@dataclass(frozen=True, slots=True)
class TrueEdge:
    """``child`` was made from ``parent``; names as in the truth file."""

    parent: str
    child: str
    kind: str
    certainty: str

    @property
    def documented(self) -> bool:
        """Whether a source says so, rather than the weights."""
        return self.certainty.startswith(DOCUMENTED)


@dataclass(frozen=True, slots=True)
class TruePair:
    """Two models known to be unrelated, or known to be siblings."""

    a: str
    b: str
    certainty: str

    @property
    def documented(self) -> bool:
        """Whether a source says so, rather than the weights."""
        return self.certainty.startswith(DOCUMENTED)


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything a truth file says.

    Attributes
    ----------
    edges : tuple of TrueEdge
        A child of a merge stands in several.
    unrelated, siblings : tuple of TruePair
        Known unrelated pairs; known relatives of which neither is the other's parent.
    copies : tuple of (source, copy)
        The two are one model.
    roots : tuple of str
        Models without a parent, where they are listed.
    complete : bool
        Whether every relation of the collection is known, so that a pair that is not listed is unrelated.
    """

    group: str
    edges: tuple[TrueEdge, ...] = ()
    unrelated: tuple[TruePair, ...] = ()
    siblings: tuple[TruePair, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    roots: tuple[str, ...] = ()
    complete: bool = False

    def names(self) -> list[str]:
        """Every model that the file names, each once, in order of appearance."""
        pairs = [(edge.parent, edge.child) for edge in self.edges] + list(self.copies)
        pairs += [(pair.a, pair.b) for pair in (*self.unrelated, *self.siblings)]
        return list(dict.fromkeys([name for pair in pairs for name in pair] + list(self.roots)))


def read_truth(path: str | Path) -> Truth:
    """Read a truth file.

    Raises
    ------
    SavedFileError
        When it cannot be read or contradicts itself; the message names the file and the place in it.
    """
    try:
        text = read_saved(path, "truth file").decode("utf-8")
    except UnicodeDecodeError as error:
        raise SavedFileError(f"{path}: the truth file cannot be read (it is not UTF-8 text)") from error
    try:
        return parse_truth(text, default_group=Path(path).parent.name)
    except SavedFileError as error:
        raise SavedFileError(f"{path}: {error}") from error


def parse_truth(text: str, default_group: str = "") -> Truth:
    """A truth from the text of its file. A missing list is empty, a missing certainty counts as documented.

    Raises
    ------
    SavedFileError
        When the text is not a truth file or its edges form a circle.
    """
    root = parse(text, "truth file")
    truth = Truth(
        group=root.text("group", default=default_group),
        edges=tuple(_edge(item) for item in root.objects("edges", default=())),
        unrelated=tuple(_pair(item) for item in root.objects("unrelated", default=())),
        siblings=tuple(_pair(item) for item in root.objects("siblings", default=())),
        copies=tuple((item.text("source"), item.text("copy")) for item in root.objects("copies", default=())),
        roots=root.texts("roots", default=()),
        complete=root.flag("complete", default=False),
    )
    _refuse_circles(truth.edges)
    return truth


def _edge(item: Fields) -> TrueEdge:
    kind = item.text("kind", default="unknown")
    return TrueEdge(item.text("parent"), item.text("child"), kind, item.text("certainty", default=DOCUMENTED))


def _pair(item: Fields) -> TruePair:
    return TruePair(item.text("a"), item.text("b"), item.text("certainty", default=DOCUMENTED))


def _refuse_circles(edges: Iterable[TrueEdge]) -> None:
    """Take away models without parents until none is left; what remains goes in circles."""
    left = set(edges)
    while left:
        children = {edge.child for edge in left}
        free = {edge for edge in left if edge.parent not in children}
        if not free:
            raise SavedFileError(f"a damaged truth file: its edges form a circle through {min(children)!r}")
        left -= free


def match_names(truth: Truth, phylogeny: Phylogeny) -> dict[str, str]:
    """The model that each name of a truth file means: by exact name, else by the last part of name or path.

    Names that mean no model of the result are left out.

    Raises
    ------
    SavedFileError
        When a name means several models, as when several groups were compared at once.
    """
    exact = {model.name for model in phylogeny.models}
    by_last: dict[str, set[str]] = {}
    for model in phylogeny.models:
        for text in (model.name, model.path):
            by_last.setdefault(PurePath(text).name, set()).add(model.name)
    found = {}
    for name in truth.names():
        candidates = {name} if name in exact else by_last.get(PurePath(name).name, set())
        if len(candidates) > 1:
            raise SavedFileError(
                f"the truth file names {name!r}, which may be any of {', '.join(sorted(candidates))}. "
                "Score each group's own result."
            )
        if candidates:
            found[name] = min(candidates)
    twice = [name for name, times in Counter(found.values()).items() if times > 1]
    if twice:
        raise SavedFileError(f"the truth file names the model {twice[0]!r} in two ways")
    return found


def as_phylogeny(truth: Truth, phylogeny: Phylogeny) -> Phylogeny:
    """A complete truth in the shape of a result on the same models, so that the two can be drawn alike.

    Numbers that a truth does not have are None. Raises SavedFileError as ``match_names`` does.
    """
    matched = match_names(truth, phylogeny)
    links = [(edge.parent, edge.child) for edge in truth.edges] + list(truth.copies)
    family = {model.name: number for number, model in enumerate(phylogeny.models)}
    for _ in links:  # a label travels one link a round at worst
        for a, b in links:
            if a in matched and b in matched:
                family[matched[a]] = family[matched[b]] = min(family[matched[a]], family[matched[b]])
    return Phylogeny(
        models=tuple(replace(model, family=family[model.name], remark="") for model in phylogeny.models),
        edges=tuple(
            Edge(
                parent=matched[edge.parent],
                child=matched[edge.child],
                kind=next((kind for kind in KINDS if kind == edge.kind), "unknown"),
            )
            for edge in truth.edges
            if edge.parent in matched and edge.child in matched
        ),
        copies=tuple((matched[a], matched[b]) for a, b in truth.copies if a in matched and b in matched),
    )
