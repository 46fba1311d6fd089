"""`compare` of two models says what `reconstruct` says of the two: one verdict, whatever asks for it."""

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import Phylogeny, compare, reconstruct
from neural_phylogeny.errors import NothingToCompareError
from neural_phylogeny.lab.topologies import TOPOLOGIES, draw_parents


def verdict_of(answer: Phylogeny, a: str, b: str) -> str:
    """What an answer for two models says of them, in the words of ``compare``."""
    if answer.copies:
        return "copies"
    if answer.components:
        return "shares a component"
    for edge in answer.edges:
        if {edge.parent, edge.child} == {a, b}:
            return "parent" if edge.parent == a else "child"
    if answer.undirected:
        return "related"
    if answer.undecided or answer.missing:
        return "undecided"
    return "unrelated" if all(model.family is not None for model in answer.models) else "not judged"


def disagreements(models: dict[str, object]) -> list[tuple[str, str, str, str]]:
    """Pairs of which the two differ."""
    found = []
    for a, b in combinations(models, 2):
        pair = {a: models[a], b: models[b]}
        answer = reconstruct(pair)  # type: ignore[arg-type]
        alone = compare(pair)
        one, other = verdict_of(answer, a, b), str(alone.verdict)
        if other not in ("parent", "child", "related", "copies", "unrelated", "undecided", "shares a component"):
            other = "not judged"
        numbers = {(edge.p_direction, edge.similarity) for edge in answer.edges}
        if one != other or (numbers and numbers != {(alone.p_direction, alone.similarity)}):
            found.append((a, b, one, other))
    return found


def grown(parents, trained):
    """A family of a topology, and a stranger: trained on, every third model pruned and rounded, too."""
    models: list[dict[str, np.ndarray]] = []
    for k, parent in enumerate(parents):
        model = trained(None if parent < 0 else models[parent])
        if k % 3 == 2:
            model = {name: np.where(np.abs(w) < 0.2, 0, w).astype(np.float16) for name, w in model.items()}
        models.append(model)
    return {f"m{k}": model for k, model in enumerate([*models, trained()])}


@pytest.mark.parametrize("topology", TOPOLOGIES[:1])
def test_two_of_a_collection(topology, trained, rng):
    parents = [-1, *draw_parents(topology, 3, rng, depth=3)]
    assert not disagreements(grown(parents, trained))


@pytest.mark.slow
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_two_of_a_larger_collection(topology, trained, rng):
    parents = [-1, *draw_parents(topology, 9, rng, depth=4)]
    assert not disagreements(grown(parents, trained))


@pytest.mark.slow
def test_two_of_every_folder_of_cases():
    """All pairs of the folders of made cases, where there are any: ``NPHYLO_CASES``."""
    root = os.environ.get("NPHYLO_CASES", "")
    if not root:
        pytest.skip("NPHYLO_CASES does not name a folder of cases")
    found: list[tuple[str, str, str, str]] = []
    n = 0
    for folder in sorted(Path(root).iterdir()):
        paths = {model.name: model.path for model in reconstruct(folder).models}
        for a, b in combinations(paths.values(), 2):
            try:
                alone = compare(a, b)
            except NothingToCompareError:
                continue
            one = verdict_of(reconstruct([a, b]), alone.a.name, alone.b.name)
            n += 1
            if one != alone.verdict and one != "not judged":
                found.append((a, b, one, alone.verdict))
    print(f"{n} pairs")
    assert n
    assert not found
