"""The architectures of the recipes, each small enough to be trained by the hundred; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from neural_phylogeny.errors import SavedFileError


class FullyConnected(nn.Module):
    """Pixels -> widths -> classes, with ReLU between."""

    def __init__(self, pixels: int, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        sizes = [pixels, *widths]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)  # type: ignore[no-any-return]


class Convolutional(nn.Module):
    """Strided convolutions without normalisation, one hidden layer, the head."""

    def __init__(self, side: int, channels: int, classes: int, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        sizes = [channels, *widths]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5 if k == 0 else 3, stride=2, padding=2 if k == 0 else 1)
            for k, (a, b) in enumerate(pairwise(sizes))
        )
        for _ in widths:
            side = (side + 1) // 2
        self.hidden = nn.Linear(widths[-1] * side * side, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x).relu()
        return self.head(self.hidden(x.flatten(1)).relu())  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Two convolutions with batch norm, and the shortcut around them."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (inner + self.shortcut(x)).relu()  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A strided stem, one residual block a width, mean over places, the head."""

    def __init__(self, channels: int, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, widths[0], 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(
            _Block(a, b, 1 if k == 0 else 2) for k, (a, b) in enumerate(zip((widths[0], *widths), widths, strict=False))
        )
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.stem(x)).relu()
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _EncoderLayer(nn.Module):
    """Attention and a feed-forward net, each after a layer norm and with a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(n, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 x (n, heads, tokens, width / heads)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, width)
        x = x + self.proj(mixed)
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Square patches, learned positions, encoder layers, mean over tokens, the head."""

    def __init__(self, side: int, channels: int, classes: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.randn(1, (side // patch) ** 2, width) * 0.02)
        self.layers = nn.ModuleList(_EncoderLayer(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions  # (n, tokens, width)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(dim=1))  # type: ignore[no-any-return]


def build(network: Mapping[str, Any], classes: int) -> nn.Module:
    """A network of a recipe's ``[network]`` table, at the framework's own initialisation.

    Raises
    ------
    SavedFileError
        When the kind is unknown or a size is missing.
    """
    sizes = {key: value for key, value in network.items() if key not in ("kind", "side", "channels")}
    side, channels = int(network.get("side", 28)), int(network.get("channels", 1))
    try:
        match network.get("kind"):
            case "fc":
                return FullyConnected(side * side * channels, classes, **sizes)
            case "conv":
                return Convolutional(side, channels, classes, **sizes)
            case "resnet":
                return ResNet(channels, classes, **sizes)
            case "vit":
                return VisionTransformer(side, channels, classes, **sizes)
    except TypeError as error:
        raise SavedFileError(f"a recipe's [network] of kind {network['kind']!r}: {error}") from error
    raise SavedFileError(
        f"a recipe's [network] is of kind {network.get('kind')!r}, which is none of fc, conv, resnet, vit"
    )


INITIALISATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "kaiming-normal": nn.init.kaiming_normal_,
    "kaiming-uniform": nn.init.kaiming_uniform_,
    "xavier-normal": nn.init.xavier_normal_,
    "xavier-uniform": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}
"""What ``initialise`` knows besides ``default``."""


def initialise(net: nn.Module, how: str) -> None:
    """Draw all matrices and kernels anew; ``default`` leaves them as they were built."""
    if how == "default":
        return
    if how not in INITIALISATIONS:
        raise SavedFileError(f"initialisation {how!r} is none of default, {', '.join(INITIALISATIONS)}")
    for parameter in net.parameters():
        if parameter.ndim > 1:
            INITIALISATIONS[how](parameter)
