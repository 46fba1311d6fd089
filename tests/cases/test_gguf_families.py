"""A family of Llama-like models gives the same tree from GGUF as from safetensors; an export is made from its model."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.formats.gguf.conftest import gguf_bytes, interleaved, plain, q4_0, q8_0

from neural_phylogeny import compare, reconstruct

WIDTH, HEADS, HIDDEN, LAYERS, VOCABULARY = 64, 4, 96, 2, 80
METADATA = {"general.architecture": "llama", "llama.attention.head_count": HEADS}
SHAPES = {
    "self_attn.q_proj": ("attn_q", (WIDTH, WIDTH)),
    "self_attn.k_proj": ("attn_k", (WIDTH, WIDTH)),
    "self_attn.v_proj": ("attn_v", (WIDTH, WIDTH)),
    "self_attn.o_proj": ("attn_output", (WIDTH, WIDTH)),
    "mlp.gate_proj": ("ffn_gate", (HIDDEN, WIDTH)),
    "mlp.up_proj": ("ffn_up", (HIDDEN, WIDTH)),
    "mlp.down_proj": ("ffn_down", (WIDTH, HIDDEN)),
}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    **{f"model.layers.{n}.{name}": f"blk.{n}.{part}" for n in range(LAYERS) for name, (part, _) in SHAPES.items()},
    **{f"model.layers.{n}.input_layernorm": f"blk.{n}.attn_norm" for n in range(LAYERS)},
    **{f"model.layers.{n}.post_attention_layernorm": f"blk.{n}.ffn_norm" for n in range(LAYERS)},
}


def base(rng):
    model = {"model.embed_tokens": rng.normal(0, 0.02, (VOCABULARY, WIDTH))}
    for n in range(LAYERS):
        for name, (_, shape) in SHAPES.items():
            model[f"model.layers.{n}.{name}"] = rng.uniform(-1, 1, shape) / np.sqrt(shape[1])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            model[f"model.layers.{n}.{norm}"] = np.ones(WIDTH)
    model |= {"model.norm": np.ones(WIDTH), "lm_head": rng.normal(0, 0.02, (VOCABULARY, WIDTH))}
    return trained(rng, model, 0.5)


def trained(rng, model, step=0.12):
    """Steps of low rank, and a few large ones, as training takes."""
    found = {}
    for name, values in model.items():
        change = rng.normal(size=values.shape)
        if values.ndim == 2:
            change = rng.normal(size=(len(values), 6)) @ rng.normal(size=(6, values.shape[1])) + 0.2 * change
            change *= step * values.std() / change.std() / 0.01
        found[name] = (values + 0.01 * change).astype(np.float32)
    return found


def as_gguf(model, form, matrices=plain):
    tensors = {}
    for name, values in model.items():
        if name.endswith(("q_proj", "k_proj")):
            values = interleaved(values, HEADS)
        tensors[f"{NAMES[name]}.weight"] = (matrices if values.ndim == 2 else plain)(form(np.ascontiguousarray(values)))
    return gguf_bytes(tensors, METADATA)


def halves(values):
    """What llama.cpp writes for f16: matrices in half precision, vectors as they are."""
    return values.astype(np.float16) if values.ndim == 2 else values


@pytest.fixture
def family(rng):
    first = base(rng)
    second = trained(rng, first)
    return {"base": first, "chat": second, "code": trained(rng, first), "chat-v2": trained(rng, second)}


def saved(folder, model, name):
    folder.mkdir(exist_ok=True)
    save_file({f"{key}.weight": values for key, values in model.items()}, folder / f"{name}.safetensors")


def edges(found):
    return {(edge.parent.rsplit(".", 1)[0], edge.child.rsplit(".", 1)[0]) for edge in found.edges}


@pytest.mark.parametrize("form", ["f32", "f16", "q8_0"])
def test_the_tree_is_that_of_the_safetensors(family, tmp_path, form):
    for name, model in family.items():
        saved(tmp_path / "st", model, name)
        (tmp_path / form).mkdir(exist_ok=True)
        content = as_gguf(model, halves if form == "f16" else np.asarray, q8_0 if form == "q8_0" else plain)
        (tmp_path / form / f"{name}.gguf").write_bytes(content)
    wanted, found = (reconstruct([tmp_path / folder]) for folder in ("st", form))
    assert len(wanted.edges) == 3
    assert edges(found) == edges(wanted)


@pytest.mark.parametrize("matrices", [q8_0, q4_0])
def test_codes_beside_their_model_are_made_from_it(family, tmp_path, matrices):
    saved(tmp_path, family["base"], "base")
    saved(tmp_path, family["chat"], "chat")
    (tmp_path / "chat-q.gguf").write_bytes(as_gguf(family["chat"], np.asarray, matrices))
    found = reconstruct([tmp_path])
    edge = next(edge for edge in found.edges if edge.child == "chat-q.gguf")
    assert (edge.parent, edge.kind) == ("chat.safetensors", "quantized")
    assert (edge.p_direction or 0.0) > 0.99


def test_the_same_values_in_gguf_are_a_copy_and_halves_a_cast(family, tmp_path):
    saved(tmp_path, family["chat"], "chat")
    (tmp_path / "f32.gguf").write_bytes(as_gguf(family["chat"], np.asarray))
    half = tmp_path / "f16.gguf"
    half.write_bytes(as_gguf(family["chat"], halves))
    assert compare([tmp_path / "chat.safetensors", tmp_path / "f32.gguf"]).verdict == "copies"
    with_half = reconstruct([tmp_path / "chat.safetensors", half])
    assert [(edge.parent, edge.child, edge.kind) for edge in with_half.edges] == [
        ("chat.safetensors", "f16.gguf", "cast")
    ]
