"""Card fields that the weights support, as changes to the cards of a collection."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neural_phylogeny.claims.answers import Answers
from neural_phylogeny.claims.cards import BASE, RELATION, Card, read_card, with_fields
from neural_phylogeny.claims.declared import CARD, folder_of
from neural_phylogeny.claims.derivation import AT_LEAST, derivation
from neural_phylogeny.claims.matching import is_weights, meant
from neural_phylogeny.claims.verify import is_below
from neural_phylogeny.errors import CheckpointError, shown
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.records import Edge


@dataclass(frozen=True)
class Change:
    """The new text of a card, and why."""

    path: str
    before: str
    after: str
    reason: str
    is_new: bool = False
    """Whether there is no card yet."""


@dataclass(frozen=True)
class Proposal:
    """Changes to cards, and what was left as it is, a sentence each."""

    changes: tuple[Change, ...]
    left: tuple[str, ...]
    broken: bool = False
    """Whether a card could not be read."""


class KeptError(Exception):
    """A card stays as it is, for this reason."""


def proposal(
    judged: Answers,
    paths: Sequence[str],
    lines: Mapping[str, Mapping[str, list[str]]],
    at_least: float = AT_LEAST,
) -> Proposal:
    """Changes to the cards of the models at or below some paths. Nothing is written.

    Parameters
    ----------
    judged : Answers
        The collection.
    paths : sequence of str
        Where cards may be changed.
    lines : mapping
        By model, the lines of the fields that its edges support.
    at_least : float
        Edges of less probability are left out.
    """
    refs = judged.refs
    folders = Counter(os.path.realpath(folder_of(ref)) for ref in refs if ref.path)
    changes: list[Change] = []
    left: list[str] = []
    broken = False
    for ref in refs:
        if not ref.path or not is_below(ref.path, paths):
            continue
        try:
            if folders[os.path.realpath(folder_of(ref))] > 1:
                raise KeptError("several models share its folder, so that no card speaks of it alone")
            changes.append(_change(judged, ref, lines, at_least))
        except KeptError as reason:
            left.append(f"{ref.name}: {reason}")
        except CheckpointError as error:
            left.append(str(error))
            broken = True
    return Proposal(tuple(changes), tuple(left), broken)


def _change(judged: Answers, ref: ModelRef, lines: Mapping[str, Mapping[str, list[str]]], at_least: float) -> Change:
    """What to change in the card of one model. Raises KeptError."""
    path = os.path.join(folder_of(ref), CARD)
    if shown(path) != path:
        raise KeptError("it lies elsewhere: download it to change its card")
    is_new = not os.path.lexists(path)
    if is_new and not _has_its_own_folder(ref):
        raise KeptError("it has no card, and its folder may hold more than this model")
    if not is_new and not os.path.isfile(path):
        raise KeptError(f"its {CARD} is no file")
    card = Card(path, "", 0, 0, {}) if is_new else read_card(path)
    edges = [edge for edge in judged.answer.edges if edge.child == ref.name]
    if not edges or not all(_is_sure(judged, edge, at_least) for edge in edges) or ref.name not in lines:
        raise KeptError("no parent here is sure enough")
    wanted = dict(lines[ref.name])
    if card.bases():
        wanted = _beside_what_is_declared(judged, card, edges, wanted)
    after = with_fields(card, wanted)
    if after == card.text:
        raise KeptError("its card says so already")
    reason = f"{ref.name} was made from {', '.join(edge.parent for edge in edges)}"
    return Change(path, card.text, after, reason, is_new)


def _has_its_own_folder(ref: ModelRef) -> bool:
    """Whether a model is a folder, or a file beside which no other weights lie: a new card speaks of it alone."""
    if os.path.isdir(ref.path):
        return True
    try:
        names = os.listdir(folder_of(ref))
    except OSError:
        return False
    return not any(is_weights(name) and name != os.path.basename(ref.path) for name in names)


def _beside_what_is_declared(
    judged: Answers, card: Card, edges: Sequence[Edge], wanted: dict[str, list[str]]
) -> dict[str, list[str]]:
    """The fields that remain to be written where a card names parents already. Raises KeptError."""
    named = [meant(parent, judged.refs) for parent in card.bases()]
    if not all(named):
        raise KeptError(f"it declares {', '.join(card.bases())}, which is not here")
    if {ref.name for refs in named for ref in refs} >= {edge.parent for edge in edges}:
        del wanted[BASE]
        if card.relation():
            wanted.pop(RELATION, None)
        if not wanted:
            raise KeptError("its card says so already")
    return wanted


def _is_sure(judged: Answers, edge: Edge, at_least: float) -> bool:
    if edge.parent not in {ref.name for ref in judged.refs}:
        return False
    return derivation(judged, edge.child, edge.parent, at_least).verdict == "derived"
