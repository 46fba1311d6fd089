"""What networks of the libraries are trained for: a loss on a new batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neural_phylogeny.lab.zoo.libraries.networks import Modules
from neural_phylogeny.lab.zoo.libraries.text import DOMAINS, MASK, SPECIAL, kinds_of, tokens_of
from neural_phylogeny.lab.zoo.training import load_images

LENGTH = 32
"""Tokens of an example."""

STEPS = 100
"""Noise levels of a diffusion."""

Loss = Callable[[Modules, torch.Generator, int], Tensor]
"""The mean loss of a batch of this size, drawn with this generator."""


def objective(task: str, recipe_config: dict[str, Any], data: Path | None, examples: int) -> Loss:
    """The loss of a task ``OBJECTIVE:DATA``; ``examples`` above 0 limits the number of samples."""
    kind, _, source = task.partition(":")
    if kind in _ON_TEXT:
        return _on_text(kind, source, int(recipe_config["vocab_size"]), examples)
    return _on_images(kind, source, recipe_config, data, examples)


def _on_text(kind: str, domain: str, vocabulary: int, examples: int) -> Loss:
    tokens = torch.from_numpy(tokens_of(domain, vocabulary)) if kind != "sequence" else torch.empty(0)
    all_domains = [torch.from_numpy(tokens_of(name, vocabulary)) for name in DOMAINS] if kind == "sequence" else []
    loss = _ON_TEXT[kind]

    def drawn(modules: Modules, generator: torch.Generator, batch: int) -> Tensor:
        labels = torch.randint(len(DOMAINS), (batch,), generator=generator)
        if all_domains:
            pieces = [_pieces(all_domains[int(label)], 1, generator, 0) for label in labels]
            return loss(modules["model"], torch.cat(pieces), labels, generator)
        return loss(modules["model"], _pieces(tokens, batch, generator, examples), labels, generator)

    return drawn


def _pieces(tokens: Tensor, batch: int, generator: torch.Generator, examples: int) -> Tensor:
    """(batch, LENGTH) tokens from random places, or from the first of them alone."""
    last = min(len(tokens) - LENGTH, examples * LENGTH) if examples else len(tokens) - LENGTH
    starts = torch.randint(max(last, 1), (batch, 1), generator=generator)
    return tokens[starts + torch.arange(LENGTH)]


def _next_token(net: nn.Module, ids: Tensor, _: Tensor, __: torch.Generator) -> Tensor:
    return net(input_ids=ids, labels=ids).loss  # type: ignore[no-any-return]


def _instruct(net: nn.Module, ids: Tensor, _: Tensor, __: torch.Generator) -> Tensor:
    """Only the second half of a piece counts, as an answer does."""
    labels = ids.clone()
    labels[:, : LENGTH // 2] = -100
    return net(input_ids=ids, labels=labels).loss  # type: ignore[no-any-return]


def _preference(net: nn.Module, ids: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    """Text is preferred to the same tokens in another order (odds ratio beside the likelihood)."""
    order = torch.randperm(LENGTH - LENGTH // 2, generator=generator) + LENGTH // 2
    worse = torch.cat([ids[:, : LENGTH // 2], ids[:, order]], dim=1)
    chosen, rejected = (_log_likelihood(net, x) for x in (ids, worse))
    return -chosen.mean() - nn.functional.logsigmoid(chosen - rejected).mean()


def _log_likelihood(net: nn.Module, ids: Tensor) -> Tensor:
    logits = net(input_ids=ids).logits[:, :-1].log_softmax(-1)
    return logits.gather(-1, ids[:, 1:, None]).mean(dim=(1, 2))  # type: ignore[no-any-return]


def _masked(net: nn.Module, ids: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    hidden = torch.rand(ids.shape, generator=generator) < 0.15
    return net(  # type: ignore[no-any-return]
        input_ids=torch.where(hidden, MASK, ids), labels=torch.where(hidden, ids, -100)
    ).loss


def _sequence(net: nn.Module, ids: Tensor, labels: Tensor, _: torch.Generator) -> Tensor:
    return net(input_ids=ids, labels=labels).loss  # type: ignore[no-any-return]


def _tokens(net: nn.Module, ids: Tensor, _: Tensor, __: torch.Generator) -> Tensor:
    return net(input_ids=ids, labels=torch.from_numpy(kinds_of(ids.numpy()))).loss  # type: ignore[no-any-return]


def _span(net: nn.Module, ids: Tensor, _: Tensor, __: torch.Generator) -> Tensor:
    """Where the longest run of letters begins and ends: the first piece, and the last one."""
    pieces = ids >= SPECIAL + 256
    start = pieces.float().argmax(1)
    end = LENGTH - 1 - pieces.flip(1).float().argmax(1)
    return net(input_ids=ids, start_positions=start, end_positions=end).loss  # type: ignore[no-any-return]


_ON_TEXT: dict[str, Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]] = {
    "next-token": _next_token,
    "instruct": _instruct,
    "preference": _preference,
    "masked": _masked,
    "sequence": _sequence,
    "tokens": _tokens,
    "span": _span,
}


def _on_images(kind: str, source: str, config: dict[str, Any], data: Path | None, examples: int) -> Loss:
    images = load_images(source, data, int(config.get("side", 16)), int(config.get("channels", 3)))
    loss = _ON_IMAGES[kind]
    number = min(examples or len(images.x_train), len(images.x_train))

    def drawn(modules: Modules, generator: torch.Generator, batch: int) -> Tensor:
        chosen = torch.randint(number, (batch,), generator=generator)
        return loss(modules, images.x_train[chosen], images.y_train[chosen], generator)

    return drawn


def _classes(modules: Modules, x: Tensor, y: Tensor, _: torch.Generator) -> Tensor:
    answer = modules["model"](x)
    return nn.functional.cross_entropy(getattr(answer, "logits", answer), y)


def _waves(modules: Modules, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """The rows of an image, one after the other and each twice, are a wave."""
    return _classes(modules, x.mean(dim=1).flatten(1).repeat_interleave(2, dim=1), y, generator)


def _noised(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(noisy, noise, step) of a cosine diffusion."""
    step = torch.randint(STEPS, (len(x),), generator=generator)
    keep = torch.cos((step + 0.5) / STEPS * torch.pi / 2)[:, None, None, None]
    noise = torch.randn(x.shape, generator=generator)
    return keep * x + (1 - keep**2).sqrt() * noise, noise, step


def _denoise(modules: Modules, x: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    noisy, noise, step = _noised(x, generator)
    return nn.functional.mse_loss(modules["model"](noisy, step).sample, noise)


def _autoencode(modules: Modules, x: Tensor, _: Tensor, generator: torch.Generator) -> Tensor:
    posterior = modules["vae"].encode(x).latent_dist  # type: ignore[operator]
    latents = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=generator)
    rebuilt = modules["vae"].decode(latents).sample  # type: ignore[operator]
    return nn.functional.mse_loss(rebuilt, x) + 1e-4 * posterior.kl().mean()  # type: ignore[no-any-return]


def _pipeline(modules: Modules, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """The U-Net removes noise from latents, given the label as a sentence of two tokens; the text learns with it."""
    with torch.no_grad():
        latents = modules["vae"].encode(x).latent_dist.mean  # type: ignore[operator]
    noisy, noise, step = _noised(latents, generator)
    text = modules["text_encoder"](input_ids=torch.stack([y + SPECIAL, y % 7 + 2 * SPECIAL], dim=1)).last_hidden_state
    return nn.functional.mse_loss(modules["unet"](noisy, step, encoder_hidden_states=text).sample, noise)


_ON_IMAGES: dict[str, Callable[[Modules, Tensor, Tensor, torch.Generator], Tensor]] = {
    "images": _classes,
    "waves": _waves,
    "denoise": _denoise,
    "autoencode": _autoencode,
    "pipeline": _pipeline,
}
