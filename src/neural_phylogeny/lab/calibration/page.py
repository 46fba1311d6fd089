"""The page and pictures of ``nphylo lab calibrate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from neural_phylogeny.evaluation.rates import Calibration, calibration
from neural_phylogeny.lab.bench.plots import rejected, reliability
from neural_phylogeny.lab.bench.tables.base import Page
from neural_phylogeny.lab.calibration.claims import BY, KINDS, PARENT, Answer, Claim, PairTest, by
from neural_phylogeny.lab.calibration.scaling import best_temperature, without_each
from neural_phylogeny.lab.markdown import table

SURE = 0.95
"""Probability from which a claim counts as sure."""

CURVES = 6
"""Curves of a picture, at most."""

LEVELS = (0.1, 0.01, 1e-3, 1e-4, 1e-6)
"""Levels of the relatedness test that have a column."""

TITLES = {"generator": "left-out families of", "size": "members", "step": "size of the step", "network": "network"}

INTRODUCTION = (
    "Every probability is that of `auto` on families that the detector was not trained on, computed by the code that "
    "answers. *This parent*: P(parent) of each edge; *if it is here*: the same given that the parent is among the "
    "models, of models whose parent is; *this direction*: P(direction) of each edge between a parent and "
    "its child; *a root*: P(root) of each model. The error is the expected calibration error, ten bins of equal width. "
    "Steps are distances to the claimed parent over its norm, for roots to the nearest relative."
)


def page(claims: Sequence[Claim], tests: Sequence[PairTest], command: str) -> Page:
    """All tables, and a picture for each field by which they are cut."""
    parts = ["# Calibration", f"Made by `{command}`.", INTRODUCTION]
    pictures: dict[str, Callable[[Path], None]] = {}
    for key in BY:
        name = f"calibration-{key}.png"
        found = {kind: by(claims, key, kind) for kind in KINDS}
        parts += [f"## By {TITLES[key]}", rows(TITLES[key], found), f"![reliability by {TITLES[key]}]({name})"]
        pictures[name] = partial(reliability, {kind: curves(answers) for kind, answers in found.items()})
    parts += ["## One more temperature", scaling(claims), "## P(related)", RELATED, related(tests)]
    parts.append("![share of pairs below a p-value](calibration-related.png)")
    unrelated = {name: ps for name, ps in p_values(tests, related=False).items() if len(ps)}
    pictures["calibration-related.png"] = partial(rejected, unrelated)
    return Page("\n\n".join(parts), pictures)


def curves(answers: Mapping[str, Sequence[Answer]]) -> dict[str, Calibration]:
    """A curve for each value; the smaller ones, beyond ``CURVES``, are left to the table."""
    largest = sorted(answers, key=lambda name: -len(answers[name]))[:CURVES]
    return {name: calibration(found) for name, found in answers.items() if name in largest}


def rows(title: str, found: Mapping[str, Mapping[str, Sequence[Answer]]]) -> str:
    """A row for each value, with the error, the share of sure claims and the share of these that is right."""
    names = list(dict.fromkeys(name for answers in found.values() for name in answers))
    cells = [[name, *(cell for kind in KINDS for cell in _cells(found[kind].get(name, ())))] for name in names]
    header = [title, *(f"{kind}: {what}" for kind in KINDS for what in ("claims", "error", "sure", "right"))]
    return table(header, cells)


def _cells(answers: Sequence[Answer]) -> list[str]:
    sure = [right for probability, right in answers if probability >= SURE]
    error = calibration(answers).error
    shares = (f"{len(sure) / len(answers):.2f}" if answers else "–", f"{np.mean(sure):.3f}" if sure else "–")
    return [str(len(answers)), _shown(error), *shares]


def scaling(claims: Sequence[Claim]) -> str:
    """Whether one temperature for all families would mend what is off: fitted without each generator."""
    parents = [claim for claim in claims if claim.kind == PARENT]
    cells = [
        [name, f"{temperature:.2f}", _shown(before), _shown(after)]
        for name, temperature, before, after in without_each(parents)
    ]
    chosen = best_temperature([claim for claim in parents if claim.half == 0])
    header = ["generator left out", "temperature by the others", "error as it is", "error with it"]
    return f"By one half of all families it would be {chosen:.2f}.\n\n{table(header, cells)}"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


RELATED = (
    "The relatedness test gives a p-value, no probability: of unrelated pairs at most the level should lie below it. "
    "Pairs of all collections, before any correction for their number; pairs that share an initialisation count as "
    "related."
)


def p_values(tests: Sequence[PairTest], *, related: bool) -> dict[str, list[float]]:
    """The p-values of related or unrelated pairs, by generator."""
    found: dict[str, list[float]] = {}
    for test in tests:
        if test.related == related:
            found.setdefault(test.generator, []).append(float(np.exp(min(test.log_p, 0.0))))
    return found


def related(tests: Sequence[PairTest]) -> str:
    """Shares of unrelated and of related pairs below each level."""
    cells = []
    for title, chosen in (("unrelated", False), ("related", True)):
        for name, ps in p_values(tests, related=chosen).items():
            shares = [f"{float(np.mean(np.array(ps) <= level)):.4f}" for level in LEVELS]
            cells.append([title, name, str(len(ps)), *shares])
    return table(["pairs", "generator", "number", *(f"p <= {level:g}" for level in LEVELS)], cells)


def summary(claims: Sequence[Claim]) -> str:
    """A line for each kind of probability, over all generators."""
    lines = []
    for kind in KINDS:
        own = calibration([claim.answer for claim in claims if claim.kind == kind])
        if own.error is not None:
            lines.append(f"{kind}: {own.number:,} claims, error {own.error:.3f}")
    return "; ".join(lines)
