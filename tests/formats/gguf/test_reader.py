"""GGUF files under the names, shapes and row orders that their models had before the export."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.gguf.conftest import gguf_bytes, interleaved, plain, q4_0, q8_0

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.gguf.names import architecture, architectures, place_of
from neural_phylogeny.sources import open_models

LLAMA = {"general.architecture": "llama", "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2}
EMBEDDING = "model.embed_tokens.weight"
QUERY, KEY = (f"model.layers.0.self_attn.{part}_proj.weight" for part in "qk")


def read(path):
    with open_checkpoint(path) as checkpoint:
        found = {name: checkpoint.read(name).reshape(t.shape) for name, t in checkpoint.tensors.items()}
        for name, tensor in checkpoint.tensors.items():
            assert found[name].dtype.name == tensor.dtype
    return found


def llama(rng, dtype=np.float32):
    return {
        EMBEDDING: rng.normal(size=(10, 32)).astype(dtype),
        QUERY: rng.normal(size=(32, 32)).astype(dtype),
        KEY: rng.normal(size=(16, 32)).astype(dtype),
    }


def exported(model, form=plain):
    return {
        "token_embd.weight": form(model[EMBEDDING]),
        "blk.0.attn_q.weight": form(interleaved(model[QUERY], 4)),
        "blk.0.attn_k.weight": form(interleaved(model[KEY], 2)),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_names_shapes_and_rows_are_those_of_the_model(write, rng, dtype):
    model = llama(rng, dtype)
    found = read(write(exported(model), LLAMA))
    assert list(found) == list(model)
    for name, values in model.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(("form", "error"), [(q8_0, 0.02), (q4_0, 0.4)])
def test_codes_are_read_as_weights(write, rng, form, error):
    model = llama(rng)
    path = write(exported(model, form), LLAMA)
    found = read(path)
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors[QUERY].code_bits == (8 if form is q8_0 else 4)
        assert checkpoint.tensors[QUERY].codes.startswith("gguf Q")
        assert any("quantised tensors are read as" in note for note in checkpoint.notes)
    for name, values in model.items():
        assert np.abs(found[name] - values).max() < error


@given(st.integers(0, 1024), st.integers(0, 1024), st.sampled_from([plain, q8_0]))
def test_slices_are_slices_of_the_whole(tmp_path_factory, start, stop, form):
    path = tmp_path_factory.mktemp("slices") / "m.gguf"
    path.write_bytes(gguf_bytes(exported(llama(np.random.default_rng(0)), form), LLAMA))
    with open_checkpoint(path) as checkpoint:
        for name in (EMBEDDING, QUERY, KEY):
            np.testing.assert_array_equal(checkpoint.read(name, start, stop), checkpoint.read(name)[start:stop])


def test_heads_of_an_unknown_architecture_are_distinguished_by_the_norms_of_their_rows(write, rng):
    norms = np.tile(np.exp(rng.normal(0, 1, 4)), 2)
    model = llama(rng)
    model[QUERY] *= np.tile(norms, 4)[:, None].astype(np.float32)
    model[KEY] *= np.tile(norms, 2)[:, None].astype(np.float32)
    other = {key.replace("llama", "newllama"): value for key, value in LLAMA.items()} | {
        "general.architecture": "newllama"
    }
    straight = {**exported(model), "blk.0.attn_q.weight": plain(model[QUERY]), "blk.0.attn_k.weight": plain(model[KEY])}
    for tensors in (exported(model), straight):
        np.testing.assert_array_equal(read(write(tensors, other))[QUERY], model[QUERY])


def test_biases_of_interleaved_heads_are_put_back_too(write, rng):
    bias = rng.normal(size=32).astype(np.float32)
    found = read(write({"blk.0.attn_q.bias": plain(interleaved(bias, 4))}, LLAMA))
    np.testing.assert_array_equal(found[QUERY.replace("weight", "bias")], bias)


def test_what_gpt_2_keeps_inputs_first_is_read_so(write, rng):
    weight = rng.normal(size=(8, 24)).astype(np.float32)
    found = read(write({"blk.0.attn_qkv.weight": plain(weight.T.copy())}, {"general.architecture": "gpt2"}))
    np.testing.assert_array_equal(found["transformer.h.0.attn.c_attn.weight"], weight)


def test_gemma_s_norms_are_read_without_the_one_that_is_added(write, rng):
    norm = rng.normal(0, 0.1, 32).astype(np.float32)
    found = read(write({"blk.0.attn_norm.weight": plain(norm + 1)}, {"general.architecture": "gemma"}))
    np.testing.assert_allclose(found["model.layers.0.input_layernorm.weight"], norm, atol=1e-7)


def test_a_stack_of_experts_is_a_matrix_for_each(write, rng):
    stack = rng.normal(size=(3, 4, 32)).astype(np.float32)
    tensors = {"blk.1.ffn_up_exps.weight": plain(stack), "blk.1.ffn_gate_exps.weight": q8_0(stack)}
    found = read(write(tensors, {"general.architecture": "qwen3moe"}))
    np.testing.assert_array_equal(found["model.layers.1.mlp.experts.2.up_proj.weight"], stack[2])
    np.testing.assert_allclose(found["model.layers.1.mlp.experts.1.gate_proj.weight"], stack[1], atol=0.05)


def test_tensors_without_a_name_in_the_table_keep_theirs(write):
    tensors = {
        "rope_freqs.weight": plain(np.ones(4, np.float32)),
        "x": plain(np.full((), 2, np.float32)),
        "e": plain(np.ones((0, 3), np.float32)),
    }
    found = read(write(tensors, LLAMA))
    assert {name: values.shape for name, values in found.items()} == {"rope_freqs.weight": (4,), "x": (), "e": (0, 3)}


def test_a_file_has_no_components(write):
    with pytest.raises(UnknownChoiceError):
        open_checkpoint(write({}, LLAMA), "ema")


def test_a_split_file_is_one_model_and_has_the_names_of_its_first_part(write, rng, tmp_path):
    model = llama(rng)
    parts = list(exported(model).items())
    for number, tensors in enumerate([parts[:1], parts[1:2], parts[2:]]):
        reported = {**(LLAMA if number == 0 else {}), "split.no": number, "split.count": 3}
        write(dict(tensors), reported, name=f"split/m-{number + 1:05}-of-00003.gguf")
    opened, skipped = open_models([tmp_path / "split"])
    assert (len(opened), skipped) == (1, [])
    with opened[0][1] as checkpoint:
        for name, values in model.items():
            np.testing.assert_array_equal(checkpoint.read(name).reshape(values.shape), values)
    (tmp_path / "split" / "m-00002-of-00003.gguf").unlink()
    assert "shard 2 of the 3 of 'm.gguf' is missing" in open_models([tmp_path / "split"])[1][0].reason


def test_every_architecture_names_what_it_must():
    for name in architectures():
        row = architecture(name)
        assert row is not None
        assert "token_embd" in row.outer
        assert "{n}" in row.layer
        for part in ("attn_output", "ffn_down"):
            assert place_of(f"blk.7.{part}.weight", row)
        assert all("{e}" in target for target in row.experts.values())
        assert row.transposed <= row.block.keys()
    assert architecture("unheard of") is None


def test_names_are_those_that_the_package_gives():
    constants = pytest.importorskip("gguf.constants", reason="needs the gguf package, as the oracle")
    known = {form.format(bid=0).removeprefix("blk.0.") for form in constants.TENSOR_NAMES.values()}
    for name in architectures():
        row = architecture(name)
        assert row is not None
        assert {*row.outer, *row.block, *row.experts} <= known, name
