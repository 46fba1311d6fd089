"""What changed between two models, for people."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.records import Changes, TensorChange
from neural_phylogeny.reports.families import count
from neural_phylogeny.reports.json import as_dict, dumps
from neural_phylogeny.reports.labels import DIM
from neural_phylogeny.reports.listing import others, shown
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import percent, small_share

ALIKE = 0.1
"""Below this cosine two models have hardly anything in common."""

NAMED = 5
"""Number of tensors without a counterpart that are named; the others are counted."""

BARS = 100
"""A picture has at most this many bars: those of the largest tensors."""


def render_changes(found: Changes, every: bool = False) -> RenderableType:
    """A summary, then a line for each of the tensors that changed most, or with ``every`` of all."""
    parts: list[RenderableType] = [Text(line, style="bold" if not k else "") for k, line in enumerate(summary(found))]
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("tensor", overflow="fold")
    table.add_column("shape")
    for column in ("change", "effective rank", "equal"):
        table.add_column(column, justify="right")
    table.add_column("")
    rows = shown(
        found.tensors, cells, lambda tensor: math.inf if tensor.changed != tensor.changed else tensor.changed, every
    )
    for tensor, words in rows:
        table.add_row(*map(Text, words), style=DIM if tensor.is_frozen else "")
    more = map(Text, others(len(found.tensors), rows, "none of which changed more"))
    skipped = [Text(f"skipped: {safe(item.path)}  {safe(item.reason)}", style=DIM) for item in found.skipped]
    return Group(*parts, Text(""), table, *more, *skipped)


def summary(found: Changes) -> list[str]:
    """The change in a few lines."""
    tensors = found.tensors
    frozen = sum(tensor.is_frozen for tensor in tensors)
    lines = [
        f"{safe(found.a)} -> {safe(found.b)}: relative change {size_of(found.changed)}",
        f"{frozen} of {count(len(tensors), 'tensor')} frozen, {share(found.equal)} of the entries equal, "
        f"similarity {found.similarity:.3f}",
    ]
    rows = sum(tensor.new_rows for tensor in tensors), sum(tensor.dropped_rows for tensor in tensors)
    lines += [f"{count(n, f'{what} row')}" for n, what in zip(rows, ("new", "dropped"), strict=True) if n]
    for names, model in ((found.only_in_a, found.a), (found.only_in_b, found.b)):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"only in {safe(model)}: {', '.join(map(safe, names[:NAMED]))}{more}")
    if found.similarity < ALIKE:
        lines.append("the two have hardly anything in common: `nphylo compare` says whether they are related")
    return lines


def size_of(changed: float) -> str:
    """A relative change as a percentage.

    Examples
    --------
    >>> size_of(0.0123), size_of(0.0), size_of(12.0), size_of(float("inf")), size_of(float("nan"))
    ('1.2 %', '0', '1200 %', 'from zero', 'not finite')
    """
    if math.isnan(changed):
        return "not finite"
    if math.isinf(changed):
        return "from zero"
    return f"{float(f'{100.0 * changed:.2g}'):g} %" if changed else "0"


def share(equal: float) -> str:
    """The share of equal entries; all and none are said only where it is so."""
    return percent(equal) if equal in (0.0, 1.0) else small_share(equal)


def cells(tensor: TensorChange) -> list[str]:
    """The columns of a tensor: name, shape, change, rank of the step, share of equal entries, remarks."""
    name = safe(tensor.name)
    if tensor.name_in_b != tensor.name:
        name += f" = {safe(tensor.name_in_b)}"
    rank = "" if tensor.effective_rank is None else f"{tensor.effective_rank:.3g} of {tensor.full_rank}"
    notes = ["frozen"] if tensor.is_frozen else []
    notes += [f"{n} {what} rows" for n, what in ((tensor.new_rows, "new"), (tensor.dropped_rows, "dropped")) if n]
    return [
        name,
        " x ".join(map(str, tensor.shape)) or "scalar",
        size_of(tensor.changed),
        rank,
        share(tensor.equal),
        ", ".join(notes),
    ]


def changes_as_dict(found: Changes) -> dict[str, Any]:
    """The changes as plain data: what the JSON holds."""
    frozen = [tensor.name for tensor in found.tensors if tensor.is_frozen]
    return as_dict({"format": "neural-phylogeny-changes", "version": 1, "frozen": frozen, "changes": found})


def changes_to_json(found: Changes) -> str:
    """The changes as JSON."""
    return dumps(changes_as_dict(found))


def changes_picture(found: Changes, form: str) -> bytes:
    """Relative change and effective rank of each matrix as bars, in ``"svg"`` or ``"png"``.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Pictures", "figures") from error
    import io
    import warnings

    largest = sorted(range(len(found.tensors)), key=lambda place: -found.tensors[place].values)[:BARS]
    tensors = [found.tensors[place] for place in sorted(largest)]
    figure = Figure(figsize=(9, 1.2 + 0.22 * len(tensors)), layout="constrained")
    axes, ranks = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    places = range(len(tensors))
    labels = [_label(tensor.name) for tensor in tensors]
    finite = [tensor.changed if math.isfinite(tensor.changed) else 0.0 for tensor in tensors]
    axes.barh(places, [100 * value for value in finite], color="#4477aa")
    axes.set_yticks(places, labels, fontsize=7, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel("relative change, %; no bar: frozen")
    shares = [0.0 if t.effective_rank is None else 100 * t.effective_rank / max(t.full_rank, 1) for t in tensors]
    ranks.barh(places, shares, color="#ee6677")
    ranks.set_xlabel("effective rank of the step, % of full")
    ranks.set_xlim(0, 100)
    figure.suptitle(f"{_label(found.a)} -> {_label(found.b)}", fontsize=9, parse_math=False)
    written = io.BytesIO()
    plain = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters of a name that the font lacks
        figure.savefig(written, format=form, metadata=plain, dpi=120)
    return written.getvalue()


def _label(name: str) -> str:
    shown = safe(name)
    return shown if len(shown) <= 40 else f"{shown[:18]}…{shown[-21:]}"
