"""The detector at work: its network in NumPy, from a safetensors file; no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import pair_features
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.triples import everyone, thirds, triple_features
from neural_phylogeny.errors import NeuralPhylogenyError, SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.files.cores import in_rows

Array = NDArray[np.float32]
Weights = Mapping[str, Array]

FORMAT, VERSION = "neural-phylogeny-detector", 2

CUT = 6.0
PARENTLESS = 2.0
"""Log-odds by which training shows more models without a parent than collections have. It hides members, so that a
quarter of its models has none, against a ninth in complete families of nine; on families of other generators and on
the suites 2 is better than what that alone gives, 1 (``docs/detector.md``)."""

CHUNK = 1 << 17
"""Numbers of a temporary array, or those of one row: what a processor's nearer cache holds."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a network for a group of n models.

    Attributes
    ----------
    pairs : (n, n, n_features)
        ``[i, j]``: is i the parent of j? A network reads as many of them as it was trained on, the first ones.
    triples : (n, n, K, n_triples)
        The same question, and a third model.
    thirds : (n, K)
        Which third models are looked at beside i.
    """

    pairs: NDArray[np.floating[Any]]
    triples: NDArray[np.float16]
    thirds: NDArray[np.int64]

    @classmethod
    def of(cls, measured: Measurements) -> Self:
        """From the measurements of a group. O(n^3) a matrix."""
        chosen = thirds(measured)
        return cls(pair_features(measured), triple_features(measured, chosen), chosen)

    @classmethod
    def empty(cls, n: int, config: DetectorConfig) -> Self:
        """Zeros, for a network to be tried on."""
        pairs = np.zeros((n, n, config.n_features), dtype=np.float32)
        return cls(pairs, np.zeros((n, n, n, config.n_triples), dtype=np.float16), everyone(n))


@dataclass(frozen=True)
class Probabilities:
    """The detector's probabilities for a group of n models.

    Attributes
    ----------
    parent : (n, n)
        ``[i, j]``: probability that i is the parent of j; on the diagonal that j has no parent here. Columns add up to
        1.
    missing : (n,)
        Probability that the parent of j is missing while a sibling is here.
    """

    parent: NDArray[np.float64]
    missing: NDArray[np.float64]


@dataclass(frozen=True)
class TrainedDetector:
    """An ensemble of networks and how it was trained; ``load`` reads it, ``probabilities`` applies it.

    Attributes
    ----------
    config : DetectorConfig
    networks : sequence of weights by name
    features : names of the features, in the order of training
    about : recipe, seed, data, accuracy
    temperature : logits are divided by it
    """

    config: DetectorConfig
    networks: Sequence[Weights]
    features: tuple[str, ...]
    about: Mapping[str, Any]
    temperature: float = 1.0
    missing_temperature: float = 1.0

    def probabilities(self, inputs: Inputs) -> Probabilities:
        """Mean probabilities of the ensemble for a group of n models. O(n^3)."""
        n = len(inputs.pairs)
        parent, missing = np.zeros((n, n)), np.zeros(n)
        for logits, missing_logits in zip(*together(self.config, self._stacked, inputs), strict=True):
            parent += softmax(logits.astype(np.float64) / self.temperature - PARENTLESS * np.eye(n))
            missing += 1.0 / (1.0 + np.exp(-missing_logits.astype(np.float64) / self.missing_temperature))
        return Probabilities(parent / len(self.networks), missing / len(self.networks))

    @cached_property
    def _stacked(self) -> Weights:
        """The weights of all networks, by name."""
        return stacked(self.networks)

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> Self:
        """Read a detector.

        Raises
        ------
        SavedFileError
            When the file is missing, damaged, of another version, or not the one whose hash is expected.
        """
        from neural_phylogeny.formats.safetensors import SafetensorsFile

        try:
            content = path.read_bytes()
            if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
                raise SavedFileError(
                    f"{path}: not the detector that was shipped (wrong SHA-256); install the package again"
                )
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length].decode())
            stored = header.get("__metadata__", {})
            if (stored.get("format"), stored.get("version")) != (FORMAT, str(VERSION)):
                raise SavedFileError(f"{path}: not a detector of version {VERSION}; train it again")
            about = json.loads(stored["about"])
            config = DetectorConfig(**about.pop("config"))
            checkpoint = SafetensorsFile(path)
            networks: list[dict[str, Array]] = [{} for _ in range(int(about["networks"]))]
            for name, tensor in checkpoint.tensors.items():
                number, _, inner = name.partition(".")
                values = np.asarray(checkpoint.read(name), dtype=np.float32)
                networks[int(number)][inner] = values.reshape(tensor.shape)
            _check(config, networks)
            temperatures = float(about.pop("temperature")), float(about.pop("hidden_temperature"))
            return cls(config, networks, tuple(map(_current, about.pop("features"))), about, *temperatures)
        except SavedFileError:
            raise
        except (OSError, ValueError, LookupError, TypeError, AttributeError, NeuralPhylogenyError) as error:
            raise SavedFileError(
                f"{path}: cannot be read as a detector ({error}); train or install it again"
            ) from error

    def save(self, path: Path) -> str:
        """Write a file that ``load`` reads; returns its SHA-256."""
        about = {
            **self.about,
            "config": asdict(self.config),
            "networks": len(self.networks),
            "features": self.features,
            "temperature": self.temperature,
            "hidden_temperature": self.missing_temperature,
        }
        header: dict[str, Any] = {
            "__metadata__": {"format": FORMAT, "version": str(VERSION), "about": json.dumps(about)}
        }
        arrays = [
            (f"{k}.{name}", np.ascontiguousarray(array, dtype=np.float16))
            for k, weights in enumerate(self.networks)
            for name, array in weights.items()
        ]
        start = 0
        for name, array in arrays:
            header[name] = {"dtype": "F16", "shape": array.shape, "data_offsets": [start, start + array.nbytes]}
            start += array.nbytes
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        content = len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for _, array in arrays)
        with replacing(path) as file:
            file.write(content)
        return hashlib.sha256(content).hexdigest()


EARLIER = {"votes": "signs", "root_votes": "root_signs", "lasting": "retained"}
"""Words in names of features of networks that were saved earlier, and today's."""


def _current(name: str) -> str:
    return ".".join(EARLIER.get(word, word) for word in name.split("."))


def stacked(networks: Sequence[Weights]) -> Weights:
    """The weights of networks of one form by name, ``(networks, ...)``; matrices as ``(networks, inputs, outputs)``."""
    return {
        name: np.ascontiguousarray(
            np.stack([np.swapaxes(one[name], -1, -2) if one[name].ndim > 1 else one[name] for one in networks])
        )
        for name in networks[0]
    }


def forward(config: DetectorConfig, weights: Weights, inputs: Inputs) -> tuple[Array, Array]:
    """Logits of one network for one group: ``(n, n)``, the diagonal for "no parent", and ``(n,)`` for missing ones."""
    logits, missing = together(config, stacked([weights]), inputs)
    return logits[0], missing[0]


def together(config: DetectorConfig, weights: Weights, inputs: Inputs) -> tuple[Array, Array]:
    """The same of ``stacked`` networks: ``(networks, n, n)`` and ``(networks, n)``.

    All at once: a small group costs as many calls as one network, and the triples of a large one are unpacked once.
    """
    n = len(inputs.pairs)
    every = np.arange(n)
    z = _tokens(config, weights, inputs)
    z[:, every, every] += weights["own"][:, None]
    for k in range(config.n_blocks):
        name = f"blocks.{k}"
        if config.messages:
            z += _messages(config, weights, f"{name}.messages", z, inputs)
        if config.attends:
            z += _attention(config, weights, f"{name}.rows", z)
            z += np.swapaxes(_attention(config, weights, f"{name}.columns", np.swapaxes(z, 1, 2)), 1, 2)
        if config.triangles:
            z += _triangle(weights, f"{name}.triangle", z)
        _add_mlp(config, weights, f"{name}.mlp", z)
    z = _norm(weights, "norm", z)
    own = z[:, every, every]
    logits = _linear(weights, "parent", z)[..., 0]
    logits[:, every, every] = _linear(weights, "none", own)[..., 0]
    return logits, _linear(weights, "hidden", own)[..., 0]


def _tokens(config: DetectorConfig, weights: Weights, inputs: Inputs) -> Array:
    """The token of each pair, a few rows at a time: ``(networks, n, n, width)``."""
    n, networks = len(inputs.pairs), len(weights["own"])
    mean, deviation = weights["mean"][:, None, None], weights["deviation"][:, None, None]
    z = np.empty((networks, n, n, config.width), dtype=np.float32)

    def of_rows(rows: slice) -> None:
        x = np.clip((inputs.pairs[rows, :, : config.n_features] - mean) / deviation, -CUT, CUT).astype(np.float32)
        inner = _linear(weights, "encoder", x)
        z[:, rows] = _linear(weights, "token", np.maximum(inner, 0.0, out=inner))

    in_rows(of_rows, n, CHUNK // (networks * n * config.n_features))
    return z


def _messages(config: DetectorConfig, weights: Weights, name: str, z: Array, inputs: Inputs) -> Array:
    """Messages of third models to each pair, a few rows at a time; ``z (networks, n, n, width)``."""
    n, k = inputs.thirds.shape
    every, of_triples = np.arange(n), weights[f"{name}.triple.weight"]
    sides = np.split(_linear(weights, f"{name}.sides", _norm(weights, f"{name}.norm", z)), 6, axis=-1)
    own, near, far = (
        side + np.swapaxes(back, 1, 2)
        for side, back in ((sides[0], sides[5]), (sides[1], sides[3]), (sides[2], sides[4]))
    )
    found = np.empty_like(z)

    def of_rows(rows: slice) -> None:
        pooled = np.empty((len(z), len(every[rows]), n, 2 * config.messages), dtype=np.float32)
        chosen, here = inputs.thirds[rows], every[rows][:, None]
        triples = inputs.triples[rows].swapaxes(1, 2).astype(np.float32)  # third models before j: sums are over rows
        counts = (chosen != here).sum(axis=1)[:, None] - _is_among(chosen, here, n)
        of_itself = np.nonzero(chosen == here)
        for e in range(len(z)):
            message = (triples.reshape(-1, triples.shape[-1]) @ of_triples[e]).reshape(*triples.shape[:-1], -1)
            message += far[e][chosen]
            message += near[e][here, chosen][:, :, None]
            message += own[e, rows][:, None]
            np.maximum(message, 0.0, out=message)
            message[of_itself] = 0.0
            message[np.arange(len(chosen))[:, None], np.arange(k), chosen] = 0.0
            pooled[e, ..., : config.messages] = message.sum(axis=1) / np.maximum(counts, 1)[..., None]
            pooled[e, ..., config.messages :] = message.max(axis=1)
        found[:, rows] = _linear(weights, f"{name}.out", pooled)

    in_rows(of_rows, n, CHUNK // (config.messages * n * k))
    return found


def _is_among(chosen: NDArray[np.int64], here: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Whether each of n models is a third model of a row other than the row itself: ``(rows, n)``."""
    found = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(found, chosen, True, axis=1)
    np.put_along_axis(found, here, False, axis=1)
    return found


def _attention(config: DetectorConfig, weights: Weights, name: str, z: Array) -> Array:
    """Along the third axis of ``z (networks, n, n, width)``, a few rows at a time."""
    networks, n, _, width = z.shape
    size = width // config.n_heads
    found = np.empty_like(z)

    def of_rows(rows: slice) -> None:
        part = z[:, rows]
        mixed = np.empty(part.shape, dtype=np.float32)
        qkv = _linear(weights, f"{name}.qkv", _norm(weights, f"{name}.norm", part))
        split = qkv.reshape(*part.shape[:3], 3, config.n_heads, size)
        q, k, v = (split[:, :, :, each].swapaxes(2, 3) for each in range(3))  # (networks, rows, heads, n, size)
        for e in range(networks):
            scores = (q[e] / np.float32(np.sqrt(size))) @ np.swapaxes(k[e], -1, -2)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            values = scores @ v[e] / scores.sum(axis=-1, keepdims=True)
            mixed[e] = np.swapaxes(values, 1, 2).reshape(*part.shape[1:])
        found[:, rows] = _linear(weights, f"{name}.out", mixed)

    in_rows(of_rows, n, CHUNK // (networks * config.n_heads * n * n))
    return found


def _add_mlp(config: DetectorConfig, weights: Weights, name: str, z: Array) -> None:
    """To ``z (networks, n, n, width)``, a few rows at a time."""
    networks, n, _, width = z.shape

    def of_rows(rows: slice) -> None:
        inner = _linear(weights, f"{name}.first", _norm(weights, f"{name}.norm", z[:, rows]))
        z[:, rows] += _linear(weights, f"{name}.second", np.maximum(inner, 0.0, out=inner))

    in_rows(of_rows, n, CHUNK // (networks * n * width * config.expansion))


def _triangle(weights: Weights, name: str, z: Array) -> Array:
    inner = _norm(weights, f"{name}.norm", z)
    a, b, gate_a, gate_b = np.split(_linear(weights, f"{name}.sides", inner), 4, axis=-1)
    a, b = (np.moveaxis(side * _sigmoid(gate), 3, 1) for side, gate in ((a, gate_a), (b, gate_b)))
    product = np.moveaxis(a @ b, 1, 3) / np.float32(z.shape[1])  # of (networks, channels, n, n)
    gate = _sigmoid(_linear(weights, f"{name}.gate", inner))
    gate *= _linear(weights, f"{name}.out", _norm(weights, f"{name}.norm_out", product))
    return gate


def _linear(weights: Weights, name: str, x: Array) -> Array:
    """Of ``(networks, ..., inputs)``; one product of matrices for each network."""
    matrix = weights[f"{name}.weight"]
    found: Array = x.reshape(len(x), -1, x.shape[-1]) @ matrix
    found += weights[f"{name}.bias"][:, None]
    return found.reshape(*x.shape[:-1], matrix.shape[-1])


def _norm(weights: Weights, name: str, x: Array) -> Array:
    """Of ``(networks, ..., width)``."""
    found: Array = x - x.mean(axis=-1, keepdims=True)
    squares = np.einsum("...i,...i->...", found, found)[..., None]
    found /= np.sqrt(squares / np.float32(x.shape[-1]) + np.float32(1e-5))
    shape = (len(x), *(1,) * (x.ndim - 2), -1)
    found *= weights[f"{name}.weight"].reshape(shape)
    found += weights[f"{name}.bias"].reshape(shape)
    return found


def _sigmoid(x: Array) -> Array:
    found: Array = np.negative(np.clip(x, -60.0, 60.0))
    np.exp(found, out=found)
    found += np.float32(1.0)
    return np.reciprocal(found, out=found)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the first axis."""
    powers = np.exp(logits - logits.max(axis=0, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=0, keepdims=True)
    return found


def _check(config: DetectorConfig, networks: Sequence[Weights]) -> None:
    """Raise ValueError unless every network answers for the features it says it was trained on."""
    if not networks or config.width % config.n_heads:
        raise ValueError("it has no network, or heads that do not divide the width")
    for weights in networks:
        if weights["own"].shape != (config.width,) or weights["encoder.weight"].shape != (
            config.hidden,
            config.n_features,
        ):
            raise ValueError("its weights are not of the sizes it says")
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise ValueError("its weights are not finite")
        forward(config, weights, Inputs.empty(2, config))
