"""From batches of families to a detector: an ensemble is trained, its confidence fitted on what was left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import groups as feature_groups
from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import TrainedDetector, forward, softmax
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.families.batches import LEFT_OUT, MADE_OF, batch_paths, is_left_out
from neural_phylogeny.lab.training.assessment import assess
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples

Report = Callable[[str], None]

JUDGE = "apart"
"""The prior of families on which a detector is judged, and nothing else."""


def divided(folders: Path | Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Batches to train on, and those left out, of one folder or of several, one for each generator.

    Raises
    ------
    SavedFileError
        When there are too few.
    """
    folders = [folders] if isinstance(folders, Path) else folders
    paths = [path for folder in folders for path in batch_paths(folder)]
    left_out = [path for path in paths if is_left_out(path)]
    chosen = [path for path in paths if not is_left_out(path)]
    if not chosen or not left_out:
        named = ", ".join(map(str, folders))
        raise SavedFileError(
            f"{named}: expected batches with and without numbers that {LEFT_OUT} divides, to train on and to be left "
            f"out; make more with nphylo lab families make tiny --out {folders[0]}"
        )
    return chosen, left_out


def is_judge(folder: Path) -> bool:
    """Whether a folder holds families that no detector may be trained on."""
    made_of = folder / MADE_OF
    return made_of.exists() and json.loads(made_of.read_text(encoding="utf-8")).get("prior") == JUDGE


def refuse_judge(folders: Sequence[Path]) -> None:
    """Raise SavedFileError where a folder holds families that no detector may be trained on."""
    for folder in folders:
        if is_judge(folder):
            raise SavedFileError(
                f"{folder}: families of the prior {JUDGE!r} are for judging only; leave this folder out"
            )


def by_generator(
    paths: Sequence[Path], losses: Losses | None = None, seed: int = 0, most: int = 0
) -> dict[str, list[Example]]:
    """Examples of batches by the name of their folder, the generator; a random ``most`` of each, 0 for all."""
    found: dict[str, list[Example]] = {}
    for name in dict.fromkeys(path.parent.name for path in paths):
        own = [path for path in paths if path.parent.name == name]
        examples = read_examples(own, losses, seed)
        order = np.random.default_rng(seed).permutation(len(examples))
        found[name] = [examples[k] for k in order[: most or None]]
    return found


def train_ensemble(
    folders: Path | Sequence[Path],
    networks: int,
    recipe: Any,
    config: DetectorConfig | None = None,
    losses: Losses | None = None,
    start: TrainedDetector | None = None,
    without: Sequence[str] = (),
    most: int = 0,
    states: Path | None = None,
    about: Mapping[str, Any] | None = None,
    report: Report = lambda text: None,
    device: str = "cpu",
) -> TrainedDetector:
    """Train an ensemble on the batches of folders; needs torch.

    The epoch that is kept, and the temperatures, are the best on what is left out, each generator counting alike.

    Parameters
    ----------
    folders : path or sequence of path
        Of ``nphylo lab families make``, one for each generator, by whose names they are called.
    networks : int
        Of the ensemble; their seeds follow that of the recipe.
    recipe : TrainingRecipe
    config : DetectorConfig, optional
    losses : Losses, optional
        How groups are also shown with members missing; never without.
    start : TrainedDetector, optional
        Go on from its networks instead of from nothing; features that they do not know begin at weights of zero.
    without : sequence of str
        Generators to be judged on, not to train on.
    most : int
        Groups of each generator to train on, at most; 0 for all.
    states : path, optional
        Folder from which an interrupted training goes on.
    about : dict, optional
        What else the file should hold.
    report : callable
        Called with a line now and then.
    device : str
        Where, as the framework names it.
    """
    from neural_phylogeny.lab.training.train import train

    refuse_judge([folders] if isinstance(folders, Path) else folders)
    chosen, left_out_files = divided(folders)
    seen = by_generator([path for path in chosen if path.parent.name not in without], losses, recipe.seed, most)
    examples = [example for found in seen.values() for example in found]
    left_out = by_generator(left_out_files, None, recipe.seed)
    report("  ".join(f"{name} {len(found)}" for name, found in seen.items()) + " groups to train on")
    config = config or DetectorConfig(n_features=len(names()))
    if start is not None:
        config = replace(start.config, n_features=len(names()))
    groups = feature_groups()
    trained = []
    for k in range(networks):
        state = states / f"network-{k}" if states is not None else None

        def report_epoch(row: dict[str, float], k: int = k) -> None:
            report(f"network {k}  " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))

        begun = None if start is None else start.networks[k % len(start.networks)]
        own = replace(recipe, seed=recipe.seed + k)
        trained.append(train(examples, left_out, config, own, groups, begun, state, report_epoch, device))
    groups_of = {name: len(found) for name, found in seen.items()}
    known = {"recipe": asdict(recipe), "groups": len(examples), "generators": groups_of, **(about or {})}
    whole = TrainedDetector(config, trained, names(), known)
    return calibrated(whole, [example for found in left_out.values() for example in found])


def calibrated(detector: TrainedDetector, examples: Sequence[Example]) -> TrainedDetector:
    """With the temperatures of least negative log-likelihood on examples; a search over a grid of logarithms."""
    found = [
        [forward(detector.config, weights, example.inputs) for weights in detector.networks] for example in examples
    ]

    def nll(temperature: float) -> float:
        total, models = 0.0, 0
        for example, logits in zip(examples, found, strict=True):
            n = len(example.parents)
            probability = np.mean([softmax(one.astype(np.float64) / temperature) for one, _ in logits], axis=0)
            truth = np.where(example.parents < 0, np.arange(n), example.parents)
            total -= float(np.log(np.maximum(probability[truth, np.arange(n)], 1e-12)).sum())
            models += n
        return total / max(models, 1)

    def nll_of_missing(temperature: float) -> float:
        total = 0.0
        for example, logits in zip(examples, found, strict=True):
            probability = np.mean([1.0 / (1.0 + np.exp(-one / temperature)) for _, one in logits], axis=0)
            right = np.where(example.missing, probability, 1.0 - probability)
            total -= float(np.log(np.maximum(right, 1e-12)).sum())
        return total

    grid = np.exp(np.linspace(np.log(0.5), np.log(3.0), 37)).tolist()
    return replace(
        detector,
        temperature=min(grid, key=nll),
        missing_temperature=min(grid, key=nll_of_missing),
    )


def assessment_lines(detector: TrainedDetector, examples: Sequence[Example], by: str = "topology") -> list[str]:
    """A line for all examples and for each value of what is known of them."""
    lines = []
    for title, found in assess(detector, examples, by).items():
        missing = f"{found.found} of {found.orphans} found, {found.alarms} of {found.complete} false"
        lines.append(
            f"{title:12s} {found.groups:5d} groups  overall {found.overall:.3f}  direction {found.direction:.3f}  "
            f"exact {found.exact / max(found.groups, 1):.3f}  calibration error {found.calibration_error:.3f}  "
            f"missing parents {missing}"
        )
    return lines
