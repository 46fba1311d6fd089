"""Adapters by the names of their tensors: LoRA and DoRA of PEFT, diffusers, kohya and llama.cpp; LoHa; LoKr; IA3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neural_phylogeny.inputs import TensorInfo

ENDINGS = {
    "lora_A": "a",
    "lora_B": "b",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_down": "a",
    "lora_up": "b",
    "lora.down": "a",
    "lora.up": "b",
    "_lora.down": "a",
    "_lora.up": "b",
    "lora_linear_layer.down": "a",
    "lora_linear_layer.up": "b",
    "alpha": "alpha",
    "lora_magnitude_vector": "magnitude",
    "hada_w1_b": "a",
    "hada_w1_a": "b",
    "hada_w2_b": "a2",
    "hada_w2_a": "b2",
    "lokr_w1": "w1",
    "lokr_w1_a": "w1_a",
    "lokr_w1_b": "w1_b",
    "lokr_w2": "w2",
    "lokr_w2_a": "w2_a",
    "lokr_w2_b": "w2_b",
    "lokr_t2": "t2",
    "ia3_l": "scales",
}
"""What stands behind the name of a module: the inner factor, the outer factor, their scale, lengths of the rows; the
factors of a second product, by which the first is multiplied; the two factors of a Kronecker product, or the factors of
these; scales of the outputs or inputs."""

_ENDINGS = tuple(ending if ending.startswith("_") else f".{ending}" for ending in ENDINGS)

LEAVES = ("weight", "default", "default_0")
"""What may stand behind that."""

WRAPPERS = (
    *("base_model_model_", "lora_unet_", "lora_te1_", "lora_te2_", "lora_te_", "lora_transformer_"),
    *("unet_", "text_encoder_2_", "text_encoder_", "model_", "transformer_", "module_", "bert_", "roberta_"),
)
"""What may stand before it: how a model is wrapped, or which of a pipeline's components it is."""


@dataclass(frozen=True, slots=True)
class Factors:
    """One adapted matrix: names of its factors, ``(r, inputs)`` and ``(outputs, r)``, and what goes with them.

    ``a2`` and ``b2`` are the factors of LoHa's second product. LoKr has ``kronecker`` instead: of each of its two
    factors the name, or the names of two matrices whose product it is. IA3 has ``scales`` alone, a rank of 0, and 1 in
    ``shape`` for the side that is not scaled.
    """

    a: str
    b: str
    shape: tuple[int, int]
    rank: int
    alpha: str = ""
    magnitude: str = ""
    a2: str = ""
    b2: str = ""
    scales: str = ""
    kronecker: tuple[tuple[str, ...], ...] = ()

    @property
    def stored(self) -> tuple[str, ...]:
        """Names of the tensors that change the matrix."""
        named = (self.a, self.b, self.a2, self.b2, self.scales, *(name for one in self.kronecker for name in one))
        return tuple(filter(None, named))


def factors_of(tensors: Mapping[str, TensorInfo]) -> dict[str, Factors]:
    """The adapted matrices of a checkpoint by the plain names of their modules; empty where it is not an adapter.

    It is one where each pair of factors stands without the matrix that it changes.

    Examples
    --------
    >>> names = {"base_model.model.h.q.lora_A.weight": (2, 8), "base_model.model.h.q.lora_B.weight": (6, 2)}
    >>> infos = {name: TensorInfo(name=name, shape=shape, dtype="float32") for name, shape in names.items()}
    >>> found = factors_of(infos)["h_q"]
    >>> found.shape, found.rank
    ((6, 8), 2)
    """
    modules: dict[str, dict[str, str]] = {}
    others = set()
    for name in tensors:
        split = _split(name)
        if split is None:
            others.add(name)
        else:
            modules.setdefault(split[0], {})[split[1]] = name
    found = {}
    for module, names in modules.items():
        if f"{module}.weight" in others or f"{module}.base_layer.weight" in others:
            return {}
        factors = _of_module(names, tensors)
        if factors is not None:
            found[plain(module)] = factors
    return found


def plain(module: str) -> str:
    """A module's name without wrappers, as kohya writes it.

    Examples
    --------
    >>> plain("base_model.model.model.layers.0.q_proj"), plain("lora_unet_mid_block_to_q"), plain("unet.mid_block.to_q")
    ('layers_0_q_proj', 'mid_block_to_q', 'mid_block_to_q')
    """
    name = module.replace(".", "_")
    stripped = True
    while stripped:
        stripped = False
        for prefix in WRAPPERS:
            if name.startswith(prefix):
                name, stripped = name[len(prefix) :], True
    return name


def _split(name: str) -> tuple[str, str] | None:
    """The module that a tensor of an adapter belongs to, and what it is; None for any other tensor."""
    stem = name
    for _ in range(2):
        for leaf in LEAVES:
            stem = stem.removesuffix(f".{leaf}")
    if not stem.endswith(_ENDINGS):  # nearly every tensor
        return None
    for ending, part in ENDINGS.items():
        if stem.endswith(ending if ending.startswith("_") else f".{ending}"):
            module = stem[: -len(ending)].rstrip(".")
            return (module.replace(".processor.", "."), part) if module else None
    return None


def _of_module(names: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> Factors | None:
    if "scales" in names:
        return _scales(tensors[names["scales"]])
    if {"a", "b"} <= names.keys():
        return _factors(names, tensors)
    return _kronecker(names, tensors)


def _kronecker(names: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> Factors | None:
    """LoKr's two factors, whole or as products; Tucker's ``t2`` is not read."""
    if "t2" in names:
        return None
    pairs, shapes, ranks = [], [], []
    for which in ("w1", "w2"):
        parts = (which,) if which in names else (f"{which}_a", f"{which}_b")
        if not names.keys() >= {*parts}:
            return None
        infos = [tensors[names[part]] for part in parts]
        if any(len(info.shape) < 2 or not info.size for info in infos):
            return None
        first, last = infos[0].shape, infos[-1].shape
        if len(infos) == 2 and (first[1] != last[0] or len(first) != 2):
            return None
        width = infos[-1].size // last[0]
        shapes.append((first[0], width))
        ranks.append(first[1] if len(infos) == 2 else min(first[0], width))
        pairs.append(tuple(info.name for info in infos))
    (rows, columns), (inner_rows, inner_columns) = shapes
    shape = (rows * inner_rows, columns * inner_columns)
    return Factors("", "", shape, ranks[1], names.get("alpha", ""), kronecker=tuple(pairs))


def _factors(names: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> Factors | None:
    a, b = tensors[names["a"]], tensors[names["b"]]
    if len(a.shape) < 2 or len(b.shape) < 2 or not a.size or not b.size:
        return None
    if a.shape[0] != b.shape[1]:  # factors of embeddings are stored the other way round
        return None
    shape = (b.shape[0], a.size // a.shape[0])
    if b.size != b.shape[0] * b.shape[1]:
        return None
    second = {key: names[key] for key in ("a2", "b2") if key in names}
    if second and [tensors[name].shape for name in second.values()] != [a.shape, b.shape]:
        return None
    alpha, magnitude, a2, b2 = (names.get(key, "") for key in ("alpha", "magnitude", "a2", "b2"))
    return Factors(a.name, b.name, shape, a.shape[0], alpha, magnitude, a2, b2)


def _scales(tensor: TensorInfo) -> Factors | None:
    """IA3's scales of outputs, ``(n, 1)``, or of inputs, ``(1, n)``."""
    if len(tensor.shape) < 2 or tensor.size not in tensor.shape[:2] or tensor.size < 2:
        return None
    return Factors("", "", (tensor.shape[0], tensor.shape[1]), 0, scales=tensor.name)
