"""Is a trained ancestor distinguished from a common initialisation, and what other thresholds would give."""

from __future__ import annotations

from itertools import chain

from neural_phylogeny.detector.initialisation import initialisation_test
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths, is_left_out
from neural_phylogeny.lab.fitting.initialisation import Groups, report, rows_of, rows_of_suites

SUITES = ("strangers", "paper")


def page(sources: Sources) -> Page:
    """The shipped test on left-out batches, on strangers that it was not fitted on, and on suites. A few minutes."""
    left_out = [path for path in batch_paths(sources.needed("batches")) if is_left_out(path)]
    strangers = [path for path in batch_paths(sources.needed("strangers")) if is_left_out(path)]
    suites = chain.from_iterable(rows_of_suites(sources.suite(name)) for name in SUITES)
    groups = Groups.of([*rows_of(left_out), *rows_of(strangers), *suites])
    title = "Made by `nphylo lab table initialisation --batches batches/ --strangers strangers/`."
    return Page("\n\n".join(["# Ancestor or initialisation", title, report(groups, initialisation_test())]))
