"""Is the kind of a relation found, through every disguise?"""

from __future__ import annotations

from collections.abc import Sequence

from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.kinds.collections import CHOOSING, REPORTING, collections, worlds
from neural_phylogeny.lab.kinds.scoring import Score, Scored
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.api import reconstruct

MEASURES = ("kin", "exact", "direction", "right_kind")


def shown(value: float | None) -> str:
    """A share in two digits."""
    return "–" if value is None else f"{value:.2f}"


def summary(scores: dict[str, Score]) -> str:
    """One row for the recipes for choosing, one for those for reporting."""
    rows = []
    for use, score in scores.items():
        numbers = [*(score.share(what) for what in MEASURES[:3]), score.macro_f1, score.merge_f1]
        seeds = f"{sum(score.one_seed)} of {len(score.one_seed)}" if score.one_seed else "–"
        false = f"{len(score.false_kin)} of {score.strangers:,}"
        rows.append([use, str(len(score.scored)), *map(shown, numbers), false, seeds])
    header = ["recipes", "relations", "kin", "exact", "direction", "kind, macro F1", "merge parents, F1", "false kin"]
    header += ["one seed"]
    return table(header, rows)


def by(title: str, scored: Sequence[Scored], key: str) -> str:
    """The measures for each value of a key of the relations."""
    values = dict.fromkeys(key_of(one, key) for one in scored)
    rows = []
    for value in values:
        chosen = [one for one in scored if key_of(one, key) == value]
        numbers = [Score(chosen).share(what) for what in MEASURES]
        others = sorted({one.kind for one in chosen if not one.right_kind})
        rows.append([value, str(len(chosen)), *map(shown, numbers), ", ".join(others) or "–"])
    return table([title, "relations", "kin", "exact", "direction", "kind", "called instead"], rows)


def key_of(one: Scored, key: str) -> str:
    """A field of a scored relation, or of its truth."""
    return str(getattr(one, key, None) or getattr(one.relation, key, None))


def page(sources: Sources) -> Page:
    """Fourteen trained worlds of six collections each; some minutes."""
    scores: dict[str, Score] = {}
    for use in (CHOOSING, REPORTING):
        score = scores.setdefault(use, Score())
        for world in worlds(use):
            for collection in collections(world):
                score.add(collection, reconstruct(collection.models))
            sources.progress(f"{use}, {world.architecture.name}: {len(score.scored)} relations")
    return Page(text_of(scores))


def text_of(scores: dict[str, Score]) -> str:
    """The page from scores by use."""
    every = scores[REPORTING].scored
    parts = ["### Kinds of relation", "`nphylo lab table kinds`.", INTRODUCTION, summary(scores)]
    parts += ["Recipes for reporting only, by kind, by variant and by architecture:"]
    parts += [by("kind", every, "true_kind"), by("variant", every, "variant"), by("network", every, "architecture")]
    return "\n\n".join(parts)


INTRODUCTION = (
    "Small networks of seven architectures, each really trained, and what is made of them; operations that keep the "
    "function are checked to keep it. Every collection holds a stranger of the same recipe and a student that was "
    "trained on the base's outputs. *Exact*: the main parent is a true one; of what has no direction, as copies and "
    "permuted copies, that the two are joined. *False kin*: pairs without a common origin in one "
    "family; *one seed*: pairs of one initialisation that a claim of descent joins."
)
