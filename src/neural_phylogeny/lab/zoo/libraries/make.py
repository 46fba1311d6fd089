"""Making collections of a recipe of libraries; resumable, run by run.

OUT/.runs/RECIPE-SEED/RUN.safetensors, RUN.json    each model as soon as its run is over
OUT/RECIPE/SEED/NAME/, truth.json                  a collection, once all of its runs are there
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neural_phylogeny.errors import MissingExtraError, SavedFileError
from neural_phylogeny.lab.zoo.libraries.plan import Drawn, Model, plan
from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, Member
from neural_phylogeny.lab.zoo.make import Progress, runs_folder, write_json
from neural_phylogeny.lab.zoo.plan import model_names

LEARNT = 0.97
"""A run from random weights has learnt when its loss fell below this share of what it was."""


def make_collections(
    recipe: LibraryRecipe,
    out: Path,
    *,
    collections: int = 1,
    seed: int = 0,
    data: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Train the collections of a recipe with one thread; returns their folders.

    Raises
    ------
    MissingExtraError
        When torch, transformers, peft, diffusers or timm is not installed.
    SavedFileError
        When data are missing or wrong; when ``out`` holds runs of another recipe; when a root learnt nothing.
    """
    if any(find_spec(name) is None for name in ("torch", "transformers", "peft", "diffusers", "timm")):
        raise MissingExtraError("Families of transformers, peft, diffusers and timm", "zoo")
    import torch

    torch.set_num_threads(1)  # the bits must not depend on the number of cores
    folders = []
    for number in range(seed, seed + collections):
        runs = plan(recipe, number)
        kept = runs_folder(out, recipe, number, data)
        _train_all(recipe, runs, kept, data, progress)
        folders.append(_collect(recipe, number, runs, out, kept))
    return folders


def _train_all(
    recipe: LibraryRecipe, runs: Sequence[Drawn], folder: Path, data: Path | None, progress: Progress | None
) -> None:
    from neural_phylogeny.lab.zoo.libraries.saving import rounded
    from neural_phylogeny.lab.zoo.libraries.training import Parent, run

    makers = makers_of(runs)
    for done, drawn in enumerate(runs):
        if progress:
            progress(done, len(runs))
        record = folder / f"{drawn.member.name}.json"
        if record.exists():
            continue
        parents = {name: Parent(_load(folder, name), makers[name]) for name in drawn.member.parents}
        started = time.perf_counter()
        states, facts = run(drawn, recipe, parents, data)
        if drawn.member.how == "pretrain" and facts["loss_at_end"] > LEARNT * facts["loss_at_start"]:
            raise SavedFileError(
                f"{recipe.name}: the loss of {drawn.member.name} went from {facts['loss_at_start']} to "
                f"{facts['loss_at_end']} only; give it more steps or another rate"
            )
        for key, state in states.items():
            _save(folder, key, rounded(state, drawn.member.precision))
        write_json(record, asdict(drawn.member) | facts | {"seconds": round(time.perf_counter() - started, 2)})


def _network_maker(member: Member, made_by: dict[str, Member]) -> Member:
    """The member that says what the network is: the nearest ancestor with a head or vocabulary of its own."""
    from neural_phylogeny.lab.zoo.libraries.training import makes_network

    while not makes_network(member):
        member = made_by[member.parents[0]]
    return member


def makers_of(runs: Sequence[Drawn]) -> dict[str, Member]:
    """The member that introduced the network of each model, by the model's key; of those that are not shown too."""
    made_by = {model.key: drawn.member for drawn in runs for model in drawn.models}
    made_by |= {drawn.member.name: drawn.member for drawn in runs}
    return {key: _network_maker(member, made_by) for key, member in made_by.items()}


def _load(folder: Path, key: str) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / f"{key}.safetensors")


def _save(folder: Path, key: str, state: Any) -> None:
    from safetensors.torch import save_file

    part = folder / f"{key}.part"
    save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, part)
    os.replace(part, folder / f"{key}.safetensors")


def _collect(recipe: LibraryRecipe, seed: int, runs: Sequence[Drawn], out: Path, kept: Path) -> Path:
    """Write the models under names that tell nothing, and the truth."""
    from neural_phylogeny.lab.zoo.libraries.saving import save
    from neural_phylogeny.lab.zoo.libraries.training import network_of

    folder = out / recipe.name / str(seed)
    models = [(model, drawn.member) for drawn in runs for model in drawn.models]
    makers = makers_of(runs)
    names = {
        model.key: name for (model, _), name in zip(models, model_names(len(models), seed, recipe.name), strict=True)
    }
    if not (folder / "truth.json").exists():
        for model, member in models:
            modules = network_of(makers[model.key], recipe)
            save(_load(kept, model.key), modules, recipe, member, folder / names[model.key])
    components = [(drawn.member.name, drawn.member.parents[1]) for drawn in runs if drawn.member.how == "swap"]
    truth = _truth(recipe, seed, [model for model, _ in models], names, kept)
    write_json(folder / "truth.json", truth | {"siblings": [_sibling(names[a], names[b]) for a, b in components]})
    return folder


def _sibling(a: str, b: str) -> dict[str, str]:
    return {"a": a, "b": b, "kind": "shared component", "certainty": "documented (trained)"}


def _truth(
    recipe: LibraryRecipe, seed: int, models: Sequence[Model], names: dict[str, str], kept: Path
) -> dict[str, Any]:
    facts = {m.run: json.loads((kept / f"{m.run}.json").read_text(encoding="utf-8")) for m in models}
    return {
        "group": f"{recipe.name}/{seed}",
        "basis": f"trained by `nphylo lab zoo make {recipe.name} --seed {seed}`",
        "use": recipe.use,
        "complete": True,
        "roots": sorted(names[model.key] for model in models if not model.parents),
        "edges": [
            {
                "parent": names[parent],
                "child": names[model.key],
                "kind": model.kind,
                "certainty": "documented (trained)",
            }
            for model in models
            for parent in model.parents
        ],
        "unrelated": [],
        "siblings": [],
        "copies": [],
        "models": {names[m.key]: {"key": m.key, "how": m.how, "settings": facts[m.run]} for m in models},
    }
