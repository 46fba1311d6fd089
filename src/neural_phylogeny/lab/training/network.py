"""The detector's network: a transformer over ordered pairs of models; needs torch, for training only.

Tokens z_ij stand for "i is the parent of j". They take in each third model k, by the numbers of the triple and
the tokens of its pairs; attention runs along rows (all children of i) and columns (all parents of j), and a gated
product over k closes the triangles. Nothing depends on the order of the models. ``detector.inference`` is the same in
NumPy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neural_phylogeny.detector.config import DetectorConfig

CUT = 6.0
"""Standardised features are cut at this magnitude."""


class Attention(nn.Module):
    """Self-attention along the last axis but one, with padding masked."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, z: Tensor, bias: Tensor) -> Tensor:
        """``z (rows, n, width)``, ``bias (rows, 1, 1, n)`` with -inf at padding."""
        rows, n, width = z.shape
        qkv = self.qkv(self.norm(z)).view(rows, n, 3, self.n_heads, -1)  # (rows, n, 3, heads, width / heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (rows, heads, n, width / heads) each
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        found: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, n, width))  # (rows, n, width)
        return found


class Messages(nn.Module):
    """z_ij hears of each third model: the numbers of the triple and its six tokens, summed, cut at 0 and pooled."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.sides = nn.Linear(config.width, 6 * config.messages)
        self.triple = nn.Linear(config.n_triples, config.messages, bias=False)
        self.out = nn.Linear(2 * config.messages, config.width)

    def forward(self, z: Tensor, triples: Tensor, third: Tensor) -> Tensor:
        """``z (batch, n, n, width)``, ``triples (batch, n, n, n, n_triples)``, ``third (batch, n, n, n, 1)``."""
        ij, ik, kj, ki, jk, ji = self.sides(self.norm(z)).chunk(6, dim=-1)  # (batch, n, n, messages) each
        message = self.triple(triples)  # (batch, n, n, n, messages)
        message = message + (ij + ji.transpose(1, 2))[:, :, :, None]
        message = message + (ik + ki.transpose(1, 2))[:, :, None]
        message = torch.relu(message + (kj.transpose(1, 2) + jk)[:, None]) * third
        mean = message.sum(dim=3) / third.sum(dim=3).clamp(min=1.0)
        found: Tensor = self.out(torch.cat([mean, message.amax(dim=3)], dim=-1))
        return found


class Triangle(nn.Module):
    """z_ij hears the sum over k of a_ik b_kj."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.sides = nn.Linear(config.width, 4 * config.channels)
        self.norm_out = nn.LayerNorm(config.channels)
        self.out = nn.Linear(config.channels, config.width)
        self.gate = nn.Linear(config.width, config.width)

    def forward(self, z: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        """``z (batch, n, n, width)``, ``mask (batch, n, n, 1)`` of real pairs, ``count (batch, 1, 1, 1)``."""
        inner = self.norm(z)
        a, b, gate_a, gate_b = self.sides(inner).chunk(4, dim=-1)  # (batch, n, n, channels) each
        a = (a * torch.sigmoid(gate_a) * mask).permute(0, 3, 1, 2)  # (batch, channels, n, n)
        b = (b * torch.sigmoid(gate_b) * mask).permute(0, 3, 1, 2)
        product = (a @ b).permute(0, 2, 3, 1) / count  # (batch, n, n, channels)
        found: Tensor = torch.sigmoid(self.gate(inner)) * self.out(self.norm_out(product))
        return found


class Mlp(nn.Module):
    """Two layers, each token by itself."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.first = nn.Linear(config.width, config.expansion * config.width)
        self.second = nn.Linear(config.expansion * config.width, config.width)

    def forward(self, z: Tensor) -> Tensor:
        """``(..., width)``."""
        found: Tensor = self.second(torch.relu(self.first(self.norm(z))))
        return found


class Block(nn.Module):
    """Messages, rows, columns, triangle, MLP, each added to the tokens."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.messages = Messages(config) if config.messages else None
        self.rows = Attention(config) if config.attends else None
        self.columns = Attention(config) if config.attends else None
        self.triangle = Triangle(config) if config.triangles else None
        self.mlp = Mlp(config)

    def forward(self, z: Tensor, triples: Tensor, third: Tensor, real: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        """Shapes as above; ``real (batch, n)``."""
        if self.messages is not None:
            z = z + self.messages(z, triples, third)
        batch, n, _, width = z.shape
        bias = torch.zeros_like(real, dtype=z.dtype).masked_fill(~real, -1e9)
        bias = bias[:, None, :].expand(batch, n, n).reshape(batch * n, 1, 1, n)
        if self.rows is not None and self.columns is not None:
            z = z + self.rows(z.reshape(batch * n, n, width), bias).view(batch, n, n, width)
            turned = z.transpose(1, 2).reshape(batch * n, n, width)
            z = z + self.columns(turned, bias).view(batch, n, n, width).transpose(1, 2)
        if self.triangle is not None:
            z = z + self.triangle(z, mask, count)
        found: Tensor = z + self.mlp(z)
        return found


class Detector(nn.Module):
    """Features of all pairs of a group to logits of parents and of a missing parent."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.n_features))
        self.register_buffer("deviation", torch.ones(config.n_features))
        self.encoder = nn.Linear(config.n_features, config.hidden)
        self.token = nn.Linear(config.hidden, config.width)
        self.own = nn.Parameter(torch.zeros(config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.parent = nn.Linear(config.width, 1)
        self.none = nn.Linear(config.width, 1)
        self.hidden = nn.Linear(config.width, 1)

    def forward(self, features: Tensor, triples: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of groups padded to n models.

        Parameters
        ----------
        features : (batch, n, n, n_features)
        triples : (batch, n, n, n, n_triples)
        real : (batch, n)
            False at padding.

        Returns
        -------
        (batch, n, n), (batch, n)
            ``[b, i, j]``: i is the parent of j, on the diagonal: j has none here; -1e9 at padding. Then, of each model:
            its parent is missing and a sibling is here.
        """
        n = real.shape[1]
        self_pair = torch.eye(n, dtype=features.dtype, device=features.device)[None, :, :, None]  # (1, n, n, 1)
        mask = (real[:, :, None] & real[:, None, :])[..., None].to(features.dtype)  # (batch, n, n, 1)
        third = third_models(real).to(features.dtype)
        count = real.sum(dim=1).to(features.dtype).view(-1, 1, 1, 1)
        x = ((features - self.mean) / self.deviation).clamp(-CUT, CUT)
        z = self.token(torch.relu(self.encoder(x))) + self.own * self_pair  # (batch, n, n, width)
        for block in self.blocks:
            z = block(z, triples, third, real, mask, count)
        z = self.norm(z)
        own = z.diagonal(dim1=1, dim2=2).transpose(1, 2)  # (batch, n, width)
        scores = self.parent(z).squeeze(-1)
        logits = torch.where(self_pair[..., 0] > 0, torch.diag_embed(self.none(own).squeeze(-1)), scores)
        return logits.masked_fill(~real[:, :, None], -1e9), self.hidden(own).squeeze(-1)


def third_models(real: Tensor) -> Tensor:
    """Which k counts for which pair: a real model, and neither of the two; ``(batch, n) -> (batch, n, n, n, 1)``."""
    other = ~torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
    return (real[:, None, None, :] & other[None, :, None, :] & other[None, None])[..., None]
