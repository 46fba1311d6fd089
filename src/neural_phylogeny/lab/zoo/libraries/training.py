"""Training one run of a recipe of libraries: AdamW, warm-up and cosine, checkpoints, a moving average."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neural_phylogeny.lab.zoo.libraries.networks import (
    Modules,
    State,
    build_all,
    head_of,
    library,
    state_of,
    take,
)
from neural_phylogeny.lab.zoo.libraries.objectives import Loss, objective
from neural_phylogeny.lab.zoo.libraries.plan import Drawn
from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, Member

USUAL_SIDE, USUAL_CHANNELS = 16, 3
"""Of images, where the network takes any."""

WARM_UP = 0.1
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class Parent:
    """Weights, and the member that introduced their network."""

    state: State
    maker: Member


def run(
    drawn: Drawn, recipe: LibraryRecipe, parents: Mapping[str, Parent], data: Path | None
) -> tuple[dict[str, State], dict[str, Any]]:
    """Make the models of one run: their weights by key, and facts with the loss at the start and at the end.

    Adapters have the names of PEFT under the component ``adapter``.
    """
    member = drawn.member
    given = [parents[name] for name in member.parents]
    torch.manual_seed(drawn.seed)
    if member.how == "merge":
        return {member.name: merged(given[0].state, given[1].state, member.weight)}, {}
    if member.how == "cast":
        return {member.name: given[0].state}, {}
    if member.how == "swap":
        taken = {k: v for k, v in given[1].state.items() if k.partition("|")[0] in member.taken}
        return {member.name: given[0].state | taken}, {}
    maker = member if makes_network(member) else given[0].maker
    modules = network_of(maker, recipe)
    if given and member.how != "distil":
        take(modules, given[0].state)
    config = task_config(maker, recipe)
    loss = objective(str(member.task), config, data, member.examples)
    if member.how == "distil":
        teacher = network_of(given[0].maker, recipe)
        take(teacher, given[0].state)
        loss = _distilled(teacher)(member.task, config)
    if member.how in ("lora", "dora", "adapter"):
        return _low_rank(drawn, modules, loss)
    if member.how == "frozen":
        freeze(modules, member.frozen)
    for component, module in modules.items():
        if member.trained and component not in member.trained:
            module.requires_grad_(False)
    return descend(drawn, modules, loss)


def makes_network(member: Member) -> bool:
    """Whether a member's network is its own, not that of its parent."""
    return member.how in ("pretrain", "distil") or bool(member.head or member.head_config or member.extra_tokens)


def network_of(maker: Member, recipe: LibraryRecipe) -> Modules:
    """A network as the member that introduced it has it, with random weights."""
    modules = build_all(recipe, head_of(maker))
    if maker.extra_tokens:
        modules["model"].resize_token_embeddings(task_config(maker, recipe)["vocab_size"])  # type: ignore[operator]
    return modules


def task_config(maker: Member, recipe: LibraryRecipe) -> dict[str, Any]:
    """What a task must know of the network: the vocabulary; side and channels of images."""
    first = next(iter(recipe.network.values())).config
    found = {name: first[name] for name in ("vocab_size",) if name in first}
    if found:
        found["vocab_size"] += maker.extra_tokens
    if recipe.is_pipeline:  # the autoencoder takes the image, whatever the size of its latents
        first = recipe.network["vae"].config
    side = first.get("image_size") or first.get("sample_size") or USUAL_SIDE
    channels = first.get("in_channels") or first.get("num_channels") or USUAL_CHANNELS
    return found | {"side": side, "channels": channels}


def _distilled(teacher: Modules) -> Any:
    def of(task: str, config: dict[str, Any]) -> Loss:
        from neural_phylogeny.lab.zoo.libraries.objectives import _pieces
        from neural_phylogeny.lab.zoo.libraries.text import tokens_of

        tokens = torch.from_numpy(tokens_of(task.partition(":")[2], config["vocab_size"]))

        def loss(modules: Modules, generator: torch.Generator, batch: int) -> Tensor:
            ids = _pieces(tokens, batch, generator, 0)
            with torch.no_grad():
                wanted = teacher["model"](input_ids=ids).logits.softmax(-1)
            found = modules["model"](input_ids=ids).logits.log_softmax(-1)
            return -(wanted * found).sum(-1).mean()  # type: ignore[no-any-return]

        return loss

    return of


def merged(a: State, b: State, weight: float) -> State:
    """(1 - weight) a + weight b where both have the tensor in one shape, else that of a."""
    return {
        name: (1 - weight) * tensor + weight * b[name]
        if name in b and b[name].shape == tensor.shape and tensor.is_floating_point()
        else tensor
        for name, tensor in a.items()
    }


def freeze(modules: Modules, share: float) -> None:
    """Keep the first share of the parameter tensors of each component as they are."""
    for module in modules.values():
        parameters = list(module.parameters())
        for parameter in parameters[: int(share * len(parameters))]:
            parameter.requires_grad_(False)


def _low_rank(drawn: Drawn, modules: Modules, loss: Loss) -> tuple[dict[str, State], dict[str, Any]]:
    """Train a low-rank adapter; merge it into the base at each checkpoint, or keep it alone."""
    member, peft = drawn.member, library("peft")
    component = next(iter(modules))
    settings = peft.LoraConfig(
        r=member.rank, lora_alpha=2 * member.rank, target_modules=list(member.targets), use_dora=member.how == "dora"
    )
    adapted = peft.get_peft_model(modules[component], settings)
    for name, module in modules.items():
        if name != component:
            module.requires_grad_(False)

    def kept() -> State:
        if member.how == "adapter":
            found = peft.get_peft_model_state_dict(adapted)
            return {f"adapter|{name}": tensor.detach().clone() for name, tensor in found.items()}
        adapted.merge_adapter()
        merged_state = {
            f"{component}|{name.removeprefix('base_model.model.').replace('.base_layer', '')}": tensor.clone()
            for name, tensor in adapted.state_dict().items()
            if ".lora_" not in name
        }
        adapted.unmerge_adapter()
        rest = {name: module for name, module in modules.items() if name != component}
        return merged_state | state_of(rest)

    return descend(drawn, modules | {component: adapted}, loss, kept)


def descend(drawn: Drawn, modules: Modules, loss: Loss, kept: Any = None) -> tuple[dict[str, State], dict[str, Any]]:
    """The steps of a run; the weights of each model that it emits, and its losses."""
    member, keep = drawn.member, kept or (lambda: state_of(modules))
    generator = torch.Generator().manual_seed(drawn.seed)
    optimiser = torch.optim.AdamW(list(groups(modules, float(_number(member.decay)))), lr=float(_number(member.rate)))
    steps = int(_number(member.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_at(step, steps))
    states: dict[str, State] = {}
    average: State = {}
    losses = []
    for module in modules.values():
        module.train()
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        found = loss(modules, generator, int(_number(member.batch)))
        torch.autograd.backward(found)
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(found.detach()))
        if member.ema:
            average = moved(average, keep(), member.ema)
        if step in member.checkpoints:
            states[f"{member.name}@{step}"] = keep()
    states[member.name] = keep()
    if member.ema:
        states[f"{member.name}+ema"] = average
    tenth = max(steps // 10, 1)
    start, end = (sum(part) / tenth for part in (losses[:tenth], losses[-tenth:]))
    return states, {"loss_at_start": round(start, 4), "loss_at_end": round(end, 4)}


def moved(average: State, now: State, decay: float) -> State:
    """A moving average, one step on."""
    if not average:
        return now
    return {
        name: decay * average[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor
        for name, tensor in now.items()
    }


def rate_at(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine to a tenth of the rate."""
    warm = max(int(WARM_UP * steps), 1)
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def groups(modules: Modules, decay: float) -> Iterator[dict[str, Any]]:
    """Matrices decay, vectors do not, as the trainers of the libraries have it."""
    learnt = [p for module in modules.values() for p in module.parameters() if p.requires_grad]
    yield {"params": [p for p in learnt if p.ndim > 1], "weight_decay": decay}
    yield {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0}


def _number(value: Any) -> Any:
    """A choice that is drawn; ``plan`` has left one value."""
    return value[0] if isinstance(value, tuple) else value
