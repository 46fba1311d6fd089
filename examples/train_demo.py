"""Train the family of checkpoints that ships with the package (``nphylo demo``).

    python examples/train_demo.py [FOLDER]

The recipe, fixed before any answer was looked at: multilayer perceptrons 64-64-48-10 on the 8 x 8 digits of
scikit-learn, 1,200 of them for training and the rest held out. Two trees of the same architecture, data and recipe,
from different seeds. A root is trained from its own random initialisation; every other model starts from its
parent's weights, trains on its own task, and is kept whatever it looks like. Each must end at least 20 points above
chance on its task, or the script stops. Code names are dealt by a fixed seed, so that they tell nothing.

Needs torch, scikit-learn and safetensors. The bits can differ between versions of torch; the lineage does not.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.ndimage import rotate, shift
from sklearn.datasets import load_digits
from torch import nn

BIRDS = (
    "avocet bittern curlew dunlin egret finch godwit heron ibis jackdaw kestrel lapwing merlin nightjar osprey plover"
).split()


@dataclass(frozen=True)
class Run:
    """One model: its parent (None for a root) and how it was trained."""

    parent: str | None
    task: str
    optimiser: str
    rate: float
    steps: int
    shots: int | None = None
    saved_as: str = "safetensors"


RECIPE = {
    "A": Run(None, "upright", "sgd", 5e-2, 1500),
    "A1": Run("A", "rotated", "adamw", 1e-3, 600),
    "A2": Run("A", "inverted", "sgd", 2e-2, 600),
    "A3": Run("A", "shifted", "sgd", 2e-2, 100, shots=5),
    "A4": Run("A", "parity", "adamw", 1e-3, 400, saved_as="pth"),
    "A11": Run("A1", "noisy", "sgd", 2e-2, 400),
    "A12": Run("A1", "first five", "adamw", 5e-4, 300, saved_as="bf16"),
    "A21": Run("A2", "inverted and shifted", "sgd", 2e-2, 500),
    "B": Run(None, "upright", "sgd", 5e-2, 1500),
    "B1": Run("B", "rotated", "sgd", 3e-2, 800),
    "B2": Run("B", "parity", "sgd", 2e-2, 400, saved_as="npz"),
    "B3": Run("B", "wrong labels", "adamw", 1e-3, 300),
    "B11": Run("B1", "noisy", "adamw", 1e-3, 600),
    "B12": Run("B1", "shifted", "sgd", 2e-2, 60, shots=10),
}


def digits(task: str, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """All digits, altered for a task: images (n, 64) in [0, 1] and labels (n,)."""
    data = load_digits()
    images, labels = data.images / 16.0, data.target.copy()
    if task == "rotated":
        images = np.clip(rotate(images, 20, axes=(1, 2), reshape=False, order=1), 0, 1)
    if "inverted" in task:
        images = 1.0 - images
    if "shifted" in task:
        images = shift(images, (0, 1, 1), order=0)
    if task == "noisy":
        images = np.clip(images + rng.normal(0, 0.25, images.shape), 0, 1)
    if task == "parity":
        labels = labels % 2
    if task == "wrong labels":
        wrong = rng.random(len(labels)) < 0.1
        labels[wrong] = rng.integers(0, 10, wrong.sum())
    if task == "first five":
        images, labels = images[labels < 5], labels[labels < 5]
    return torch.tensor(images.reshape(len(images), 64), dtype=torch.float32), torch.tensor(labels)


def network(classes: int) -> nn.Sequential:
    """A dense network for images of 8 x 8 pixels."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, classes))


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Share of the images that a network classifies rightly."""
    with torch.no_grad():
        return float((net(x).argmax(1) == y).float().mean())


def train(run: Run, start: dict[str, torch.Tensor] | None, seed: int) -> tuple[nn.Sequential, dict[str, float]]:
    """Train one model; returns it and its accuracy on held-out digits before and after."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, y = digits(run.task, rng)
    order = torch.from_numpy(rng.permutation(len(x)))
    n_train = 1200 * len(x) // 1797
    train_set, held_out = order[:n_train], order[n_train:]
    classes = 2 if run.task == "parity" else 10
    if run.shots:
        train_set = torch.cat([train_set[y[train_set] == c][: run.shots] for c in range(classes)])
    net = network(classes)
    if start is not None:
        own = net.state_dict()
        net.load_state_dict({k: start[k] if start[k].shape == v.shape else v for k, v in own.items()})
    before = accuracy(net, x[held_out], y[held_out])
    if run.optimiser == "sgd":
        optimiser: torch.optim.Optimizer = torch.optim.SGD(net.parameters(), lr=run.rate, momentum=0.9)
    else:
        optimiser = torch.optim.AdamW(net.parameters(), lr=run.rate, weight_decay=1e-2)
    for _ in range(run.steps):
        batch = train_set[torch.randint(len(train_set), (64,))]
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    after = accuracy(net, x[held_out], y[held_out])
    chance = float(torch.bincount(y[held_out]).max() / len(held_out))
    if after < chance + 0.2:
        raise SystemExit(f"{run} ended at {after:.2f}, chance is {chance:.2f}")
    return net, {"accuracy_before": round(before, 3), "accuracy": round(after, 3)}


def save(folder: Path, bird: str, state: dict[str, torch.Tensor], saved_as: str) -> str:
    """Write a state dict in the given format; returns the file's name."""
    if saved_as == "pth":
        torch.save(state, folder / f"{bird}.pth")
        return f"{bird}.pth"
    if saved_as == "npz":
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in state.items()}
        np.savez(folder / f"{bird}.npz", **arrays)
        return f"{bird}.npz"
    if saved_as == "bf16":
        state = {name: tensor.to(torch.bfloat16) for name, tensor in state.items()}
    save_file(state, folder / f"{bird}.safetensors")
    return f"{bird}.safetensors"


def main() -> None:
    """Train the families and write the checkpoints and their truth."""
    default = Path(__file__).parents[1] / "src" / "neural_phylogeny" / "demo" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    birds = dict(zip(RECIPE, np.random.default_rng(7).permutation(BIRDS), strict=False))
    states: dict[str, dict[str, torch.Tensor]] = {}
    files: dict[str, str] = {}
    models = {}
    for seed, (key, run) in enumerate(RECIPE.items(), start=100):
        net, result = train(run, states[run.parent] if run.parent else None, seed)
        states[key] = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        files[key] = save(folder, str(birds[key]), states[key], run.saved_as)
        models[files[key]] = {"task": run.task, "optimiser": run.optimiser, "steps": run.steps, **result}
        print(files[key], models[files[key]])
    truth = {
        "group": "demo",
        "architecture": "MLP 64-64-48-10, ReLU",
        "basis": "trained by examples/train_demo.py",
        "complete": True,
        "roots": [files[key] for key, run in RECIPE.items() if run.parent is None],
        "edges": [
            {
                "parent": files[run.parent],
                "child": files[key],
                "kind": "finetune",
                "certainty": "documented (examples/train_demo.py)",
            }
            for key, run in RECIPE.items()
            if run.parent
        ],
        "unrelated": [],
        "siblings": [],
        "copies": [],
        "models": models,
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main()
