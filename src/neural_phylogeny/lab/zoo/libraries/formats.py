"""The same families in every format and layout: an answer must not depend on how models are written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neural_phylogeny.errors import MissingExtraError, SavedFileError, UnknownChoiceError
from neural_phylogeny.files.json_fields import parse
from neural_phylogeny.lab.bench.cached import TRUTH
from neural_phylogeny.lab.zoo.libraries.networks import State, library
from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, known_library_recipes, read_library_recipe

Weights = Mapping[str, torch.Tensor]
Write = Callable[[Weights, Mapping[str, Any], Path], str]
"""Writes a state dict, with the configuration of its network, as a path without a suffix; returns the model's name."""

OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
BLOCK = {
    **{"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v"},
    **{"self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up"},
    **{"mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"},
}
"""Llama's names in GGUF."""


def _safetensors(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    from safetensors.torch import save_file

    path = stem.with_suffix(".safetensors")
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    return path.name


def _sharded(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    from safetensors.torch import save_file

    stem.mkdir()
    shards = [dict(list(weights.items())[k::3]) for k in range(3)]
    names = [f"model-{k + 1:05d}-of-00003.safetensors" for k in range(3)]
    for name, shard in zip(names, shards, strict=True):
        save_file({key: tensor.contiguous() for key, tensor in shard.items()}, stem / name)
    index = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
    text = json.dumps({"metadata": {}, "weight_map": index})
    (stem / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    return stem.name


def _halved(precision: str) -> Write:
    def write(weights: Weights, config: Mapping[str, Any], stem: Path) -> str:
        to = getattr(torch, precision)
        return _safetensors({n: t.to(to) if t.is_floating_point() else t for n, t in weights.items()}, config, stem)

    return write


def _pickled(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    path = stem.with_suffix(".bin")
    torch.save(dict(weights), path)
    return path.name


def _parallel(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    """A training checkpoint of distributed data parallel."""
    content = {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in weights.items()}}
    path = stem.with_suffix(".pt")
    torch.save(content, path)
    return path.name


def _npz(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in weights.items()}
    path = stem.with_suffix(".npz")
    np.savez(path, **arrays)
    return path.name


def _keras(weights: Weights, _: Mapping[str, Any], stem: Path) -> str:
    """Keras's names and layouts: inputs first, then outputs; a kernel's height and width before both."""
    import h5py

    path = stem.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        for name, tensor in weights.items():
            layer, leaf = name.replace(".", "/").rsplit("/", 1)
            values = tensor.numpy()
            if leaf == "weight" and "embed" in layer:
                leaf = "embeddings"
            elif leaf == "weight" and values.ndim > 1:
                leaf, values = "kernel", np.moveaxis(values, (0, 1), (-1, -2))
            elif leaf == "weight":
                leaf = "gamma"
            file.create_dataset(f"{layer}/{leaf}:0", data=np.ascontiguousarray(values))
    return path.name


def _gguf(kind: str) -> Write:
    def write(weights: Weights, config: Mapping[str, Any], stem: Path) -> str:
        gguf = library("gguf")
        wanted = getattr(gguf.GGMLQuantizationType, kind)
        path = stem.with_suffix(".gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_head_count_kv(_heads(config)["k_proj"])
        for name, tensor in weights.items():
            values = permuted(name, tensor.float().numpy(), config)
            is_matrix = values.ndim > 1
            fits = is_matrix and values.shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0] == 0
            used = wanted if fits else gguf.GGMLQuantizationType.F16 if is_matrix else gguf.GGMLQuantizationType.F32
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(values, used), raw_dtype=used)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.name

    return write


def gguf_name(name: str) -> str:
    """GGUF's name of a tensor of Llama.

    Examples
    --------
    >>> gguf_name("model.layers.3.mlp.up_proj.weight"), gguf_name("lm_head.weight")
    ('blk.3.ffn_up.weight', 'output.weight')
    """
    stem, _, leaf = name.rpartition(".")
    if stem in OUTER:
        return f"{OUTER[stem]}.{leaf}"
    layer, _, part = stem.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{BLOCK[part]}.{leaf}"


def permuted(name: str, values: np.ndarray[Any, Any], config: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Queries and keys in the order of rows that llama.cpp wants; other tensors as they are."""
    heads = _heads(config)
    part = name.split(".")[-2]
    if part not in heads or values.ndim < 2:
        return values
    of_head = values.reshape(heads[part], 2, len(values) // heads[part] // 2, -1)
    return np.ascontiguousarray(of_head.swapaxes(1, 2).reshape(values.shape))


def _heads(config: Mapping[str, Any]) -> dict[str, int]:
    """Heads of queries and of keys; as many where the configuration does not say."""
    queries = int(config["num_attention_heads"])
    return {"q_proj": queries, "k_proj": int(config.get("num_key_value_heads", queries))}


FORMATS: dict[str, Write] = {
    "safetensors": _safetensors,
    "sharded": _sharded,
    "float16": _halved("float16"),
    "bfloat16": _halved("bfloat16"),
    "pytorch": _pickled,
    "ddp": _parallel,
    "npz": _npz,
    "keras": _keras,
    "gguf-f16": _gguf("F16"),
    "gguf-q8": _gguf("Q8_0"),
}
"""Every format and layout by name."""

ON_ANY_NETWORK = ("safetensors", "sharded", "float16", "bfloat16", "pytorch", "ddp", "npz", "keras")
"""Those that are not of Llama alone."""

LOSSLESS = ("safetensors", "sharded", "pytorch", "ddp", "npz", "keras")
"""Those that keep every bit."""

MIXED, ROUNDED = "mixed", "mixed-rounded"
"""One collection in lossless formats in turn, and one in all. A model that was trained from the unrounded parent is no
descendant of a rounded file of it, so the truth of the second is that of the models, not of the files."""


def write_formats(collection: Path, states: Mapping[str, State], config: Mapping[str, Any], out: Path) -> list[Path]:
    """Write a finished collection of plain models in every format, one collection each, and two with formats mixed.

    Parameters
    ----------
    collection : path
        A collection as ``make_collections`` leaves it.
    states : mapping
        Weights of the models by the names that they have there, in float32.
    config : mapping
        Configuration of the network; that of Llama adds GGUF.
    out : path
        ``OUT/NAME-FORMAT/SEED/`` is written.
    """
    is_llama = any(".self_attn.q_proj." in name for state in states.values() for name in state)
    formats = tuple(FORMATS) if is_llama else ON_ANY_NETWORK
    found = []
    for title, cycle in {**{form: (form,) for form in formats}, MIXED: LOSSLESS, ROUNDED: formats}.items():
        folder = out / f"{collection.parent.name}-{title}" / collection.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        truth = (collection / TRUTH).read_text(encoding="utf-8")
        for k, (name, state) in enumerate(states.items()):
            weights = {key.partition("|")[2]: tensor for key, tensor in state.items()}
            write = FORMATS[cycle[k % len(cycle)]]
            truth = truth.replace(f'"{name}"', json.dumps(write(weights, config, folder / name)))
        (folder / TRUTH).write_text(truth, encoding="utf-8")
        found.append(folder)
    return found


def formats_of_collection(recipe: LibraryRecipe, made: Path, out: Path, *, seed: int = 0) -> list[Path]:
    """``write_formats`` of a collection that ``make_collections`` made in ``made``; returns the folders.

    Raises
    ------
    MissingExtraError
        When safetensors, h5py or gguf is not installed.
    UnknownChoiceError
        When the models of the recipe are pipelines of components.
    SavedFileError
        When ``made`` does not hold the collection of this seed, or not the runs that it was made from.
    """
    if any(find_spec(name) is None for name in ("safetensors", "h5py", "gguf")):
        raise MissingExtraError("Collections in every format", "zoo")
    if recipe.is_pipeline:
        plain = (name for name in known_library_recipes() if not read_library_recipe(name).is_pipeline)
        raise UnknownChoiceError("recipe of plain models", recipe.name, plain)
    from safetensors.torch import load_file

    collection = made / recipe.name / str(seed)
    runs = made / ".runs" / f"{recipe.name}-{seed}"
    if not (collection / TRUTH).exists():
        raise SavedFileError(f"{collection}: expected a finished collection of {recipe.name!r} here, and found none")
    truth = parse((collection / TRUTH).read_text(encoding="utf-8"), "truth file")
    states = {}
    for name, facts in sorted(truth.mapping("models").items()):
        path = runs / f"{facts['key']}.safetensors"
        if not path.exists():
            raise SavedFileError(f"{path}: expected the weights of {name} here; make the collection again")
        states[name] = {key: t.float() if t.is_floating_point() else t for key, t in load_file(path).items()}
    return write_formats(collection, states, recipe.network["model"].config, out)
