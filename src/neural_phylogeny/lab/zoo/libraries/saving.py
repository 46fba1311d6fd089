"""Writing models as their libraries write them: configurations, shards, half precision, adapters, pipelines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from neural_phylogeny.lab.zoo.libraries.networks import Modules, State, library, take
from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, Member

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def rounded(state: State, precision: str) -> State:
    """Weights as a file of this precision gives them back, in float32: what children start from."""
    to = PRECISIONS[precision]
    return {name: t.to(to).to(t.dtype) if t.is_floating_point() else t for name, t in state.items()}


def save(state: State, modules: Modules, recipe: LibraryRecipe, member: Member, folder: Path) -> None:
    """Write a model into a folder of its own, in the precision and shards of its member."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if member.how == "adapter":
        _save_adapter(state, member, folder)
        return
    take(modules, state)
    for component, module in modules.items():
        network = recipe.network[component]
        place = folder / component if recipe.is_pipeline else folder
        cast = module.to(PRECISIONS[member.precision])
        if network.library == "timm":
            from safetensors.torch import save_file

            save_file({n: t.contiguous() for n, t in cast.state_dict().items()}, place / "model.safetensors")
            _write(place / "config.json", {"architecture": network.kind})
        else:
            size = sum(t.numel() * t.element_size() for t in cast.state_dict().values())
            limit = size if member.shards == 1 else size // member.shards
            cast.save_pretrained(place, max_shard_size=max(limit, 1) + 4096)  # type: ignore[operator]
    if recipe.is_pipeline:
        parts = {c: [n.library, n.kind] for c, n in recipe.network.items()}
        _write(folder / "model_index.json", {"_class_name": "StableDiffusionPipeline"} | parts)


def _save_adapter(state: State, member: Member, folder: Path) -> None:
    from safetensors.torch import save_file

    peft = library("peft")
    settings = peft.LoraConfig(r=member.rank, lora_alpha=2 * member.rank, target_modules=list(member.targets))
    settings.save_pretrained(folder)
    tensors = {name.partition("|")[2]: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "adapter_model.safetensors")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
