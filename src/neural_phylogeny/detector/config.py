"""The size of the detector's network, known to training and to inference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that shapes the network.

    Attributes
    ----------
    n_features : int
        Numbers of each ordered pair.
    n_triples : int
        Numbers of each triple.
    hidden, width : int
        Of the encoder of features, and of the tokens.
    n_blocks, n_heads : int
        Blocks of messages, row attention, column attention, triangle and MLP; heads of each attention.
    channels : int
        Of the triangle product.
    messages : int
        Width of what pairs hear of each third model; 0 for none.
    expansion : int
        Of the MLPs.
    attends, triangles : bool
        Whether blocks have attention and triangles; without both every pair is judged by itself.
    """

    n_features: int
    n_triples: int = 36
    hidden: int = 128
    width: int = 64
    n_blocks: int = 3
    n_heads: int = 4
    channels: int = 16
    messages: int = 32
    expansion: int = 2
    attends: bool = True
    triangles: bool = True
