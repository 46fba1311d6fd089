"""The relatives of a model among all of an index, for people and as JSON."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.records import Relative, Relatives, Standing
from neural_phylogeny.reports.drawing import Style
from neural_phylogeny.reports.families import count
from neural_phylogeny.reports.json import as_dict, dumps
from neural_phylogeny.reports.labels import DIM, NAME
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.text import family_trees
from neural_phylogeny.wording import p_value, percent

WORDS: dict[Standing, str] = {
    "copy": "copy of",
    "parent": "made from",
    "child": "parent of",
    "related": "related to",
    "initialisation": "same initialisation or missing ancestor as",
    "component": "shares a component with",
    "family": "same family as",
}
MOST = 50
"""Relatives that are listed."""


def render_relatives(found: Relatives) -> RenderableType:
    """A line for each relative, the most certain first, how many were searched and compared, and the tree of all."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for one in found.relatives[:MOST]:
        table.add_row(Text(f"  {WORDS[one.relation]}"), Text(safe(one.name), style=NAME), one.kind, *_numbers(one))
    rest = len(found.relatives) - MOST
    title = f"{safe(found.model)}: {count(len(found.relatives), 'relative')} among {count(found.searched, 'model')}"
    place = {model.name: model.family for model in found.tree.models}.get(found.model)
    is_placed = place is not None and len(found.tree.family_of(found.model)) > 1
    trees = family_trees(found.tree, Style(annotated=False), found.model) if is_placed else []
    last = f"{found.compared:,} near ones were compared in full; p-values are for all {found.searched:,}"
    more = [Text(f"  and {rest:,} more")] if rest > 0 else []
    spaced = [part for tree in trees for part in (Text(""), tree)]
    return Group(Text(title, style="bold"), table, *more, Text(last, style=DIM), *spaced)


def relatives_to_json(found: Relatives) -> str:
    """Everything but the tree, which ``nphylo index tree`` gives."""
    whole = as_dict(found)
    return dumps({key: value for key, value in whole.items() if key != "tree"})


def _numbers(one: Relative) -> list[str]:
    return [
        "" if one.similarity is None else f"similarity {one.similarity:.3f}",
        "" if one.p_parent is None else f"parent {percent(one.p_parent)}",
        "" if one.p_direction is None else f"direction {percent(one.p_direction)}",
        "" if one.p_value is None else p_value(one.p_value),
    ]
