"""Training the detector: batches of like size, cross-entropy over parents, the best epoch kept; needs torch."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.lab.training.examples import Example
from neural_phylogeny.lab.training.network import Detector


@dataclass(frozen=True)
class TrainingRecipe:
    """How a network is trained.

    Attributes
    ----------
    epochs, rate, decay, warm_up :
        Of AdamW, with a linear warm-up over a share of the steps and a cosine to zero.
    tokens : int
        Pairs of a batch, padding included.
    noise : float
        Standard deviations of Gaussian noise on standardised features.
    drop : float
        Chance of each group of features to be left out of a batch.
    drop_unmeasured : float
        The same of those in ``UNMEASURED``.
    missing_weight : float
        Of the loss on missing parents.
    smoothing : float
        Of the truth over all possible parents.
    average : float
        Weights are averaged over about 1 / (1 - average) steps; the average is what is used.
    seed : int
    """

    epochs: int = 16
    rate: float = 1.5e-3
    decay: float = 0.02
    warm_up: float = 0.05
    tokens: int = 2400
    noise: float = 0.1
    drop: float = 0.1
    drop_unmeasured: float = 0.28
    missing_weight: float = 0.4
    smoothing: float = 0.0
    average: float = 0.999
    seed: int = 0


UNMEASURED = ("rows", "vectors")
"""Groups of features that cached statistics of earlier versions lack; they are 0 there, and so is their mean here."""

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Features, triples, which models are real, parents (a model's own number for none, -100 at padding), missing ones."""


def train(
    examples: Sequence[Example],
    left_out: Sequence[Example] | Mapping[str, Sequence[Example]],
    config: DetectorConfig,
    recipe: TrainingRecipe,
    groups: Sequence[str],
    start: Mapping[str, np.ndarray[Any, Any]] | None = None,
    folder: Path | None = None,
    report: Callable[[dict[str, float]], None] = lambda row: None,
    device: str = "cpu",
) -> dict[str, np.ndarray[Any, Any]]:
    """Train a network; returns the weights of the epoch with most right parents on what is left out.

    Parameters
    ----------
    examples, left_out : sequences of Example
        What is left out may be given by generator: each then counts alike.
    config, recipe :
        Of the network and its training.
    groups : sequence of str, (n_features,)
        Group of each feature, to be left out together.
    start : dict of arrays, optional
        Weights to begin with; otherwise drawn, and features standardised by the examples. Features that they do not
        know begin at weights of zero.
    folder : path, optional
        Gets ``state.pt`` after each epoch, from which an interrupted training goes on, and ``curve.csv``.
    report : callable, optional
        Called with the figures of each epoch.
    device : str
        Where, as the framework names it.
    """
    torch.manual_seed(recipe.seed)
    model = Detector(config)
    _standardise(model, examples, groups)
    if start is not None:
        _begin_from(model, start)
    model.to(device)
    averaged = torch.optim.swa_utils.AveragedModel(
        model,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    rng = np.random.default_rng(recipe.seed)
    steps = recipe.epochs * len(list(_batches(examples, recipe.tokens, np.random.default_rng(0))))
    progress, made = _Progress(), (asdict(config), asdict(recipe))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        progress.resume(folder, model, averaged, optimiser, rng, made)
    members = _left_out_together(groups, recipe, device)
    judged = left_out if isinstance(left_out, Mapping) else {"all": left_out}
    while progress.epoch < recipe.epochs:
        total, count = 0.0, 0
        model.train()
        for batch in _batches(examples, recipe.tokens, rng):
            optimiser.param_groups[0]["lr"] = recipe.rate * _schedule(progress.step / steps, recipe.warm_up)
            loss = _loss(model, _disturbed(_on(batch, device), model, members, recipe), recipe)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            averaged.update_parameters(model)
            progress.step += 1
            total, count = total + loss.item(), count + 1
        progress.epoch += 1
        row = {"epoch": progress.epoch, "loss": total / max(count, 1), **_judged(averaged.module, judged, recipe)}
        progress.note(row, averaged.module)
        report(row)
        if folder is not None:
            progress.keep(folder, model, averaged, optimiser, rng, made)
    return {name: tensor.cpu().numpy().copy() for name, tensor in progress.best.items()}


def _left_out_together(groups: Sequence[str], recipe: TrainingRecipe, device: str) -> list[tuple[Tensor, float]]:
    """Of each group of features but the size its members (n_features,), and the chance that they are left out."""
    return [
        (
            torch.tensor([g == group for g in groups], device=device),
            recipe.drop_unmeasured if group in UNMEASURED else recipe.drop,
        )
        for group in dict.fromkeys(groups)
        if group != "size"
    ]


def _on(batch: Batch, device: str | torch.device) -> Batch:
    return tuple(tensor.to(device, non_blocking=True) for tensor in batch)  # type: ignore[return-value]


class _Progress:
    """Where a training stands, and its best epoch so far: most right parents.

    The loss would stop overconfident networks too early: a temperature is fitted to them afterwards.
    """

    def __init__(self) -> None:
        self.epoch, self.step = 0, 0
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}

    def note(self, row: dict[str, float], model: torch.nn.Module) -> None:
        if not self.rows or row["right"] >= max(other["right"] for other in self.rows):
            self.best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.rows.append(row)

    def keep(
        self, folder: Path, model: Any, averaged: Any, optimiser: Any, rng: np.random.Generator, made: Any
    ) -> None:
        state = {
            "made": made,
            "epoch": self.epoch,
            "step": self.step,
            "rows": self.rows,
            "best": self.best,
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "optimiser": optimiser.state_dict(),
            "rng": rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        torch.save(state, folder / "state.part")
        (folder / "state.part").replace(folder / "state.pt")
        with open(folder / "curve.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def resume(
        self, folder: Path, model: Any, averaged: Any, optimiser: Any, rng: np.random.Generator, made: Any
    ) -> None:
        if not (folder / "state.pt").exists():
            return
        state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        if tuple(state["made"]) != made:
            raise ValueError(f"{folder}: holds a training of another network or recipe; choose another folder")
        self.epoch, self.step, self.rows, self.best = (state[key] for key in ("epoch", "step", "rows", "best"))
        model.load_state_dict(state["model"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch"])


def _judged(
    model: torch.nn.Module, left_out: Mapping[str, Sequence[Example]], recipe: TrainingRecipe
) -> dict[str, float]:
    """As ``evaluate``, mean over generators, and the share of right parents of each."""
    found = {name: evaluate(model, examples, recipe) for name, examples in left_out.items() if examples}
    means = {key: float(np.mean([row[key] for row in found.values()])) for key in ("left_out", "right")}
    return means | ({f"right {name}": row["right"] for name, row in found.items()} if len(found) > 1 else {})


@torch.no_grad()
def evaluate(model: torch.nn.Module, examples: Sequence[Example], recipe: TrainingRecipe) -> dict[str, float]:
    """Loss and share of right parents (the likeliest of each model, no tree made) on examples."""
    model.eval()
    loss, right, models = 0.0, 0, 0
    for batch in _batches(examples, 4 * recipe.tokens, None):
        features, triples, real, parents, _ = _on(batch, next(model.parameters()).device)
        logits, _ = model(features, triples, real)
        wanted = parents[real]
        columns = logits.transpose(1, 2)[real]
        loss += nn.functional.cross_entropy(columns, wanted, reduction="sum").item()
        right += int((columns.argmax(dim=1) == wanted).sum())
        models += len(wanted)
    return {"left_out": loss / max(models, 1), "right": right / max(models, 1)}


def _loss(model: Detector, batch: Batch, recipe: TrainingRecipe) -> Tensor:
    features, triples, real, parents, missing = batch
    logits, missing_logits = model(features, triples, real)
    columns = logits.transpose(1, 2)[real]  # (models, n): for each model, over its possible parents
    by_parent = nn.functional.cross_entropy(columns, parents[real], label_smoothing=recipe.smoothing)
    by_missing = nn.functional.binary_cross_entropy_with_logits(missing_logits[real], missing[real])
    return by_parent + recipe.missing_weight * by_missing


def _disturbed(batch: Batch, model: Detector, members: Sequence[tuple[Tensor, float]], recipe: TrainingRecipe) -> Batch:
    """With noise, and some groups of features at their mean."""
    features, triples, *rest = batch
    features = features + recipe.noise * model.deviation * torch.randn_like(features)
    for group, chance in members:
        if torch.rand(()) < chance:
            features = torch.where(group, model.mean, features)
    if torch.rand(()) < recipe.drop:
        triples = torch.zeros_like(triples)
    return features, triples, *rest  # type: ignore[return-value]


def _schedule(share: float, warm_up: float) -> float:
    """Factor on the rate after a share of all steps."""
    return min(1.0, share / warm_up + 1e-3) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def _standardise(model: Detector, examples: Sequence[Example], groups: Sequence[str]) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(examples), size=min(len(examples), 1500), replace=False)
    known = model.config.n_features
    rows = np.concatenate([examples[k].features[..., :known].reshape(-1, known) for k in chosen]).astype(np.float32)
    means = np.where(np.isin(np.array(groups), UNMEASURED), np.float32(0.0), rows.mean(axis=0))
    model.mean.copy_(torch.from_numpy(means))
    deviation = np.sqrt(((rows - means) ** 2).mean(axis=0))
    model.deviation.copy_(torch.from_numpy(np.maximum(deviation, 1e-3)))


def _begin_from(model: Detector, start: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Weights of a network that may know fewer features; the others begin at weights of zero."""
    own = model.state_dict()
    for name, array in start.items():
        given, place = torch.from_numpy(np.array(array)), own[name]
        if given.shape == place.shape:
            place.copy_(given)
        elif name in ("mean", "deviation"):
            place[: len(given)] = given
        else:
            place.zero_()
            place[:, : given.shape[1]] = given
    model.load_state_dict(own)


def _batches(examples: Sequence[Example], tokens: int, rng: np.random.Generator | None) -> Iterator[Batch]:
    """Batches of groups of like size, in random order where ``rng`` is given; a group larger than a batch is one."""
    sizes = np.array([len(example.parents) for example in examples])
    jitter = 0.0 if rng is None else rng.random(len(sizes))
    order = np.argsort(sizes + jitter, kind="stable")
    parts: list[list[int]] = [[]]
    for k in order.tolist():
        if parts[-1] and (len(parts[-1]) + 1) * sizes[k] ** 2 > tokens:
            parts.append([])
        parts[-1].append(k)
    for number in range(len(parts)) if rng is None else rng.permutation(len(parts)):
        yield _padded([examples[k] for k in parts[number]])


def _padded(group: Sequence[Example]) -> Batch:
    n = max(len(example.parents) for example in group)
    features = np.zeros((len(group), n, n, group[0].features.shape[2]), dtype=np.float32)
    triples = np.zeros((len(group), n, n, n, group[0].triples.shape[3]), dtype=np.float32)
    real = np.zeros((len(group), n), dtype=bool)
    parents = np.full((len(group), n), -100, dtype=np.int64)
    missing = np.zeros((len(group), n), dtype=np.float32)
    for k, example in enumerate(group):
        size = len(example.parents)
        features[k, :size, :size] = example.features
        triples[k, :size, :size, :size] = example.triples
        real[k, :size] = True
        parents[k, :size] = np.where(example.parents < 0, np.arange(size), example.parents)
        missing[k, :size] = example.missing
    return tuple(map(torch.from_numpy, (features, triples, real, parents, missing)))  # type: ignore[return-value]
