"""A phylogeny as a notebook shows it: families and branches that fold, numbers in columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.drawing import Place, plan
from neural_phylogeny.reports.families import Family, count, families, is_related, summary
from neural_phylogeny.reports.labels import cosine, size_of
from neural_phylogeny.reports.markup import dim, escaped, fold, leaf, listed, page
from neural_phylogeny.reports.text import legend, sections
from neural_phylogeny.wording import p_value, percent, small_share

OPEN_ROWS = 40
"""Number of rows that are shown at once; the others are folded."""

COMPARED = "compared: share of the weights, where not all could be compared"

HEADINGS = ("kind", "similarity", "parent", "direction", "support", "concordance", "compared")


def to_html(phylogeny: Phylogeny) -> str:
    """A phylogeny as a piece of a page, without scripts; names are escaped. Linear in the size of the result."""
    parts = [f"<p><b>{escaped(summary(phylogeny))}</b></p>"]
    if phylogeny.share_read < 1.0:
        parts.append(f'<p class="dim">{small_share(phylogeny.share_read)} of the weights were read</p>')
    shown = 0
    related = [family for family in families(phylogeny) if is_related(family)]
    models = {model.name: model for model in phylogeny.models}
    for number, family in enumerate(related, start=1):
        is_open = number == 1 or shown + family.size <= OPEN_ROWS
        shown += family.size if is_open else 1
        parts.append(_family(Drawn.of(family, models), number, is_open))
    for title, rows in sections(phylogeny):
        is_open = shown + len(rows) <= OPEN_ROWS
        shown += len(rows) if is_open else 1
        lines = "\n".join(f"<li>{leaf(_named(name, words))}</li>" for name, words in rows)
        parts.append(fold(f"<b>{title}</b> {dim(f'{len(rows):,}')}", listed(lines), is_open=is_open))
    parts += [f'<p class="dim">{escaped(words)}</p>' for words in legend(phylogeny, COMPARED)]
    return page(parts)


@dataclass(frozen=True)
class Drawn:
    """A family with the places of its models, the columns that hold anything, and the sizes of its branches."""

    family: Family
    models: dict[str, ModelRecord]
    places: list[Place]
    has_branches: list[bool]
    loose: dict[str, list[RelatedPair]]
    columns: tuple[str, ...]
    sizes: list[int]

    @classmethod
    def of(cls, family: Family, models: dict[str, ModelRecord]) -> Drawn:
        made = plan(family)
        has_branches = [False] * len(made.places)
        sizes = [1] * len(made.places)
        for k in range(len(made.places) - 1, -1, -1):
            above = made.places[k].above
            if above >= 0:
                has_branches[above] = True
                sizes[above] += sizes[k]
        loose: dict[str, list[RelatedPair]] = {}
        for name, pair in made.loose:
            loose.setdefault(name, []).append(pair)
        cells = [_cells(place.claim) for place in made.places if place.claim is not None]
        used = tuple(heading for heading in HEADINGS if any(row.get(heading) for row in cells))
        return cls(family, models, made.places, has_branches, loose, used, sizes)

    @property
    def n_models(self) -> int:
        """Models of the collection in it, copies included."""
        return self.family.size - sum(1 for name in self.family.names if name not in self.models)


def _named(name: str, words: str) -> str:
    return f'<span class="name"><b>{escaped(name)}</b> {dim(words)}</span>'


def _family(drawn: Drawn, number: int, is_open: bool) -> str:
    depth = 99 if drawn.family.size <= OPEN_ROWS else 1
    cells = "".join(f'<span class="cell">{heading}</span> ' for heading in drawn.columns)
    head = f'<div class="row head leaf"><span class="name"></span> {cells}</div>' if cells else ""
    body = head + listed(_branches(drawn, depth), "tree top")
    title = f"<b>Family {number}</b> {dim(count(drawn.n_models, 'model'))}"
    return fold(title, body, is_open=is_open)


def _branches(drawn: Drawn, depth: int) -> str:
    """The models, each with what was made from it below; branches deeper than ``depth`` are folded. Linear."""
    parts: list[str] = []
    above: list[int] = []
    for k, place in enumerate(drawn.places):
        while above and above[-1] != place.above:
            above.pop()
            parts.append("</ul></details></li>")
        row, notes = _row(drawn, k, len(above) < depth), _notes_of(drawn, place)
        if drawn.has_branches[k]:
            is_open = " open" if len(above) < depth else ""
            parts.append(f'<li><details{is_open}><summary class="row">{row}</summary>{notes}<ul class="tree">')
            above.append(k)
        else:
            parts.append(f"<li>{leaf(row)}{notes}</li>")
    parts += ["</ul></details></li>"] * len(above)
    return "\n".join(parts)


def _row(drawn: Drawn, k: int, is_open: bool) -> str:
    """A model with what is known of the claim that puts it there."""
    place = drawn.places[k]
    name = f"{escaped(place.mark)}<b>{escaped(place.name)}</b>"
    if place.name not in drawn.models:
        name = f"<i>{escaped(place.name)}</i> {dim('(not in the collection)')}"
    elif place.claim is None:
        name += f" {dim(size_of(drawn.models[place.name]))}"
    if drawn.has_branches[k] and not is_open:
        name += f" {dim(f'{drawn.sizes[k] - 1:,} below')}"
    known = _cells(place.claim)
    cells = "".join(f' <span class="cell">{known.get(heading, "")}</span>' for heading in drawn.columns)
    return f'<span class="name">{name}</span>{cells}'


def _notes_of(drawn: Drawn, place: Place) -> str:
    return "".join(f'<div class="note dim">{escaped(line)}</div>' for line in _notes(drawn, place))


def _cells(claim: Edge | RelatedPair | None) -> dict[str, str]:
    """What is known of a claim, by heading."""
    if claim is None:
        return {}
    found = {"similarity": "" if claim.similarity is None else cosine(claim.similarity)}
    if claim.coverage is not None and claim.coverage < 0.995:
        found["compared"] = percent(claim.coverage) + (f" ({escaped(claim.part)})" if claim.part else "")
    if isinstance(claim, RelatedPair):
        test = "" if claim.p_value is None else p_value(claim.p_value)
        return found | {"kind": "related", "direction": escaped(test)}
    dots = {"parent": claim.p_parent, "direction": claim.p_direction}
    shares = {**dots, "support": claim.support, "concordance": claim.concordance}
    found |= {heading: escaped(percent(share)) for heading, share in shares.items() if share is not None}
    first = next((heading for heading, share in dots.items() if share is not None), None)
    if first is not None:
        found[first] = f"{_dot(claim.confidence)}{found[first]}{' ?' if claim.is_weak else ''}"
    return found | {"kind": escaped(claim.kind)}


def _dot(p: float | None) -> str:
    level = "high" if (p or 0.0) >= 0.9 else "middle" if (p or 0.0) >= 0.7 else "low"
    return f'<span class="dot {level}">●</span>'


def _notes(drawn: Drawn, place: Place) -> Iterator[str]:
    """What stands below a name: copies, remarks, further parents, pairs that hang nowhere."""
    for copy in drawn.family.copies.get(place.name, ()):
        yield f"= {copy}"
    model = drawn.models.get(place.name)
    if model is not None and model.remark:
        yield f"note: {model.remark}"
    for edge in drawn.family.further.get(place.name, ()):
        yield f"also from {edge.parent}{_numbers(edge)}"
    for pair in drawn.loose.get(place.name, ()):
        yield f"~ {pair.b if place.name == pair.a else pair.a}{_numbers(pair)}"


def _numbers(claim: Edge | RelatedPair) -> str:
    similarity = "" if claim.similarity is None else f", similarity {cosine(claim.similarity)}"
    if isinstance(claim, RelatedPair):
        return similarity + ("" if claim.p_value is None else f", {p_value(claim.p_value)}")
    return similarity + ("" if claim.confidence is None else f", {percent(claim.confidence)}")
