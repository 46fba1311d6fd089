"""Fits the weights of the evidence beside the detector: ``trees/fusion.json``.

One factor on the log-odds of each exact feature, by the likelihood of the true parents of families that the detector
was not trained on, with a Gaussian prior around the stated log-odds. The evidence is that of ``auto``: computed from
cached statistics by the code that answers. Features that these families never show keep their odds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from neural_phylogeny.detector.shipped import HASHES, weights_path
from neural_phylogeny.evaluation.rates import calibration
from neural_phylogeny.lab.families.batches import KnownFamily, is_left_out, read_batches
from neural_phylogeny.lab.fitting.parameters import Fitted, recipe
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.trees.forest import Matrix
from neural_phylogeny.trees.fusion import LEAST, factors, fused
from neural_phylogeny.trees.likeliest import likeliest_forest

SPREAD = 4.0
"""Standard deviation of fitted log-odds around those that are stated: where families are silent, these stay."""

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """Of one family of n models: the detector's posterior, everything beside it, and each parent.

    Attributes
    ----------
    parent : (n, n)
        As ``Posterior.parent``.
    beside : dict of (n, n)
        As ``auto`` adds it.
    truth : (n,)
        The parent of each model, its own number where there is none here.
    """

    parent: Matrix
    beside: Mapping[str, Matrix]
    truth: NDArray[np.int64]

    @classmethod
    def of(cls, known: KnownFamily) -> Evidence:
        """What ``auto`` adds up for a family. O(n^3) a matrix, 10 ms for ten models."""
        truth = np.where(known.parents < 0, np.arange(len(known)), known.parents)
        return cls(known.family.detector.parent, known.family.exact, truth)

    def posterior(self, weights: Weights) -> Matrix:
        """``Posterior.parent`` with other weights."""
        return fused(self.parent, self.beside, weights)


def judged_groups(known: KnownFamily) -> Iterator[KnownFamily]:
    """The related groups of a family, of two models and more.

    A mean of other models has its parts for parents whatever the weights are; the others are judged without it.
    """
    for group in known.related():
        no_mean = np.logical_not(np.any(group.family.merges, axis=0))
        judged = group if no_mean.all() else group.kept(no_mean)
        if len(judged) > 1:
            yield judged


def evidence_of(families: Iterable[KnownFamily]) -> list[Evidence]:
    """The evidence of all related groups of some families."""
    return [Evidence.of(group) for known in families for group in judged_groups(known)]


def negative_log_likelihood(chosen: Sequence[Evidence], weights: Weights) -> float:
    """Of the true parents, mean over the models."""
    total, models = 0.0, 0
    for one in chosen:
        posterior, n = one.posterior(weights), len(one.truth)
        total -= float(np.log(np.maximum(posterior[one.truth, np.arange(n)], LEAST)).sum())
        models += n
    return total / models


def right_parents(chosen: Sequence[Evidence], weights: Weights) -> float:
    """Share of models whose parent, or lack of one, is right in the likeliest forests."""
    right = models = 0
    for one in chosen:
        forest = likeliest_forest(one.posterior(weights))
        right += int((np.where(forest < 0, np.arange(len(forest)), forest) == one.truth).sum())
        models += len(forest)
    return right / models


def stated_odds(chosen: Sequence[Evidence]) -> dict[str, float]:
    """Largest log-odds of each exact feature that speaks anywhere."""
    names = sorted({name for one in chosen for name, odds in one.beside.items() if odds.any()})
    return {name: max(float(np.abs(one.beside[name]).max(initial=0.0)) for one in chosen) for name in names}


def fitted_weights(chosen: Sequence[Evidence], odds: Mapping[str, float]) -> dict[str, float]:
    """The weights of exact features that make the true parents likeliest, within [0, 2]."""
    models = sum(len(one.truth) for one in chosen)

    def loss(weights: NDArray[np.float64]) -> float:
        moved = ((weight - 1.0) * odds[name] for name, weight in zip(odds, weights, strict=True))
        prior = sum((odd / SPREAD) ** 2 for odd in moved) / 2.0
        named = dict(zip(odds, weights.tolist(), strict=True))
        return float(negative_log_likelihood(chosen, named) + prior / models)

    start, bounds = np.full(len(odds), 1.0), [(0.0, 2.0)] * len(odds)
    best = minimize(loss, start, method="Powell", bounds=bounds, options={"xtol": 0.01, "ftol": 1e-7})
    return dict(zip(odds, (round(float(weight), 3) for weight in best.x), strict=True))


def fit(batches: Sequence[Path]) -> Fitted:
    """The content of ``fusion.json``, and how it does on the batches that are left out of the fit.

    Parameters
    ----------
    batches : sequence of path
        On none of which the detector was trained.

    Notes
    -----
    Five minutes for 3,000 families.
    """
    used = [path for path in batches if not is_left_out(path)]
    chosen = evidence_of(read_batches(used))
    left_out = evidence_of(read_batches(path for path in batches if is_left_out(path)))
    odds = stated_odds(chosen)
    exact = fitted_weights(chosen, odds)
    detector = weights_path().with_name(HASHES).read_text(encoding="ascii").split()[0]
    facts = recipe("fusion", used, families=len(chosen), models=_models(chosen), detector=detector)
    silent = dict.fromkeys(odds, 0.0)
    compared = {
        "the detector alone": silent,
        "stated odds": silent | dict.fromkeys(odds, 1.0),
        "the new weights": exact,
        "the weights that ship": factors(),
    }
    return Fitted({"factors": exact, "recipe": facts}, _report(chosen, left_out, compared, list(odds)))


def _models(chosen: Sequence[Evidence]) -> int:
    return sum(len(one.truth) for one in chosen)


def figures(chosen: Sequence[Evidence], weights: Weights) -> dict[str, float]:
    """How weights do: negative log-likelihood, right parents, tree direction, calibration error of the parents."""
    directed = edges = 0
    claims = []
    for one in chosen:
        posterior = one.posterior(weights)
        forest = likeliest_forest(posterior)
        above = ancestors(forest)
        for child, parent in enumerate(one.truth.tolist()):
            if parent != child:
                edges += 1
                directed += bool(above[parent, child])
            if forest[child] >= 0:
                claims.append((float(posterior[forest[child], child]), bool(forest[child] == parent)))
    error = calibration(claims).error
    return {
        "negative log-likelihood": negative_log_likelihood(chosen, weights),
        "right parents": right_parents(chosen, weights),
        "tree direction": directed / max(edges, 1),
        "calibration error": float("nan") if error is None else error,
    }


def ancestors(forest: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether i is an ancestor of j: ``(n,) -> (n, n)``.

    Examples
    --------
    >>> ancestors(np.array([-1, 0, 1])).astype(int).tolist()
    [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    found = np.zeros((len(forest), len(forest)), dtype=bool)
    for child in range(len(forest)):
        above = int(forest[child])
        while above >= 0:
            found[above, child] = True
            above = int(forest[above])
    return found


def _report(
    chosen: Sequence[Evidence], left_out: Sequence[Evidence], compared: Mapping[str, Weights], names: Sequence[str]
) -> str:
    final, shipped = compared["the new weights"], compared["the weights that ship"]
    rows = []
    for title, weights in compared.items():
        found = figures(left_out, weights)
        rows.append([title, *(f"{figure:.4f}" for figure in found.values())])
    both = [[name, f"{final.get(name, 1.0):.3f}", f"{shipped.get(name, 1.0):.3f}"] for name in names]
    return "\n\n".join(
        [
            f"Fitted on {len(chosen)} families of {_models(chosen)} models; left out: {len(left_out)} of "
            f"{_models(left_out)}.",
            table(["evidence", "new weight", "weight that ships"], both),
            table(["on left-out families", *found], rows),
        ]
    )
