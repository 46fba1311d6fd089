"""Reported publicly: quantised files that were read in part, without their scales, or not at all."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import reconstruct

SHAPES = {f"layers.{k}.weight": shape for k, shape in enumerate([(64, 96), (128, 64), (64, 128), (64, 64)])}
FP8 = ml_dtypes.float8_e4m3fn


def scaled(model):
    """A number a matrix, and the mark that image models carry."""
    found = {"scaled_fp8": np.zeros(2, FP8)}
    for name, w in model.items():
        scale = np.abs(w).max() / 448
        found |= {name: (w / scale).astype(FP8), name.removesuffix("weight") + "scale_weight": np.float32(scale)}
    return found


def by_block(model, size=32):
    found: dict[str, Any] = {}
    for name, w in model.items():
        cut = w.reshape(w.shape[0] // size, size, w.shape[1] // size, size)
        scale = np.abs(cut).max((1, 3)) / 448
        found[name] = (cut / scale[:, None, :, None]).reshape(w.shape).astype(FP8)
        found[f"{name}_scale_inv"] = scale.astype(np.float32)
    return found


def codes_of(w, group=32):
    cut = w.reshape(w.shape[0], -1, group)
    scale = np.maximum(np.abs(cut).max(2) / 7, 1e-8)
    return np.clip(np.round(cut / scale[..., None]) + 8, 0, 15).astype(np.uint32).reshape(w.shape), scale


def packed(codes):
    """Eight codes in an int32, along the last axis."""
    eight = codes.reshape(*codes.shape[:-1], -1, 8)
    return (eight << (4 * np.arange(8, dtype=np.uint32))).sum(-1, dtype=np.uint32).view(np.int32)


def gptq(model, group=32):
    found: dict[str, Any] = {}
    for name, w in model.items():
        (codes, scale), stem = codes_of(w), name.removesuffix("weight")
        found |= {
            f"{stem}qweight": packed(codes).T.copy(),
            f"{stem}scales": scale.T.astype(np.float16),
            f"{stem}qzeros": np.full((w.shape[1] // group, w.shape[0] // 8), 0x77777777, np.int32),
            f"{stem}g_idx": np.arange(w.shape[1], dtype=np.int32) // group,
        }
    return found


def compressed(model):
    found: dict[str, Any] = {}
    for name, w in model.items():
        (codes, scale), stem = codes_of(w), name.removesuffix("weight")
        found |= {
            f"{stem}weight_packed": packed(codes),
            f"{stem}weight_scale": scale.astype(ml_dtypes.bfloat16),
            f"{stem}weight_shape": np.array(w.shape),
        }
    return found


STYLES = {"fp8 with a scale a matrix": scaled, "fp8 with a scale a block": by_block, "gptq": gptq, "packed": compressed}


@pytest.mark.parametrize("style", STYLES)
def test_a_quantised_copy_comes_from_the_model(style, trained):
    quantise = STYLES[style]
    base, stranger = trained(shapes=SHAPES), trained(shapes=SHAPES)
    tuned = trained(base)
    models = {"base": base, "tuned": tuned, "stranger": stranger}
    answer = reconstruct(models | {f"a-{name}-q": quantise(model) for name, model in models.items()})
    found = {(e.parent, e.child): e for e in answer.edges}
    assert {pair for pair in found if pair[1].startswith("a-")} == {(name, f"a-{name}-q") for name in models}
    for name in models:
        edge = found[name, f"a-{name}-q"]
        assert edge.kind in ("quantized", "cast")
        assert (edge.similarity or 0.0) > 0.98
    families = {model.name: model.family for model in answer.models}
    assert families["base"] == families["a-tuned-q"]
    assert families["base"] != families["stranger"]
    assert all(model.compared == 1.0 for model in answer.models)


@pytest.mark.parametrize("style", STYLES)
def test_strangers_quantised_alike_stay_strangers(style, trained):
    """One recipe writes the same zero points and group indices into all of them."""
    answer = reconstruct({name: STYLES[style](trained(shapes=SHAPES)) for name in "abc"})
    assert not answer.edges
    assert not answer.undirected
    assert not answer.copies


def test_codes_that_cannot_be_read_are_named_with_their_share(trained):
    base = trained(shapes=SHAPES)
    codes = {f"{name}.quant_codes": np.zeros((64, 48), np.uint8) for name in ("one", "two")}
    lost = {name.replace("weight", "qweight"): np.zeros((8, 64), np.int32) for name in list(SHAPES)[2:]}
    kept = {name: base[name] for name in list(SHAPES)[:2]}
    answer = reconstruct({"base": base, "half": trained(kept, 0.05) | codes | lost})
    remark = next(model.remark for model in answer.models if model.name == "half")
    assert "not compared" in remark
    assert "qweight" in remark
    assert len(answer.edges) + len(answer.undirected) == 1


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_scripted_integer_network_is_read_whole(tmp_path):
    torch = pytest.importorskip("torch")
    from torch import nn
    from torch.ao import quantization

    torch.manual_seed(0)
    make = lambda: nn.Sequential(  # noqa: E731
        quantization.QuantStub(), nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 24), quantization.DeQuantStub(),
    )  # fmt: skip
    for name in ("float", "stranger"):
        net = make().eval()
        torch.jit.save(torch.jit.script(net), tmp_path / f"{name}.pt")
        net.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
        prepared = quantization.prepare(net)
        prepared(torch.randn(8, 3, 8, 8))
        torch.jit.save(torch.jit.script(quantization.convert(prepared)), tmp_path / f"{name}_int8.pt")
    answer = reconstruct(str(tmp_path))
    assert {(e.parent, e.child, e.kind) for e in answer.edges} == {
        ("float.pt", "float_int8.pt", "quantized"),
        ("stranger.pt", "stranger_int8.pt", "quantized"),
    }
    weights = 16 * 27 + 32 * 144 + 24 * 512
    assert all(model.parameters >= weights for model in answer.models)


def test_an_onnx_file_of_integer_operators(tmp_path, rng):
    pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    def write(path, nodes, arrays):
        protos = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
        path.write_bytes(helper.make_model(helper.make_graph(nodes, "g", [], [], protos)).SerializeToString())

    shapes = {"a": (24, 3, 5, 5), "b": (32, 24, 3, 3), "c": (32, 32, 3, 3)}
    for name in ("base", "stranger"):
        floats = {key: rng.uniform(-0.3, 0.3, shape).astype(np.float32) for key, shape in shapes.items()}
        arrays: dict[str, Any] = {}
        nodes, before, coded = [], "x", []
        for key, w in floats.items():
            nodes.append(helper.make_node("Conv", [before, key], [f"{key}_out"]))
            scale = np.abs(w).max((1, 2, 3)).astype(np.float32) / 127
            arrays |= {
                f"{key}_quantized": np.round(w / scale[:, None, None, None]).astype(np.int8),
                f"{key}_scale": scale,
                f"{key}_zero_point": np.zeros(len(w), np.int8),
                f"{key}_in_scale": np.float32(0.02),
                f"{key}_in_zero": np.uint8(0),
            }
            x = [before, f"{key}_in_scale", f"{key}_in_zero"]
            y = [f"{key}_in_scale", f"{key}_in_zero"]
            w_inputs = [f"{key}_quantized", f"{key}_scale", f"{key}_zero_point"]
            coded.append(helper.make_node("QLinearConv", [*x, *w_inputs, *y], [f"{key}_out"]))
            before = f"{key}_out"
        write(tmp_path / f"{name}.onnx", nodes, floats)
        write(tmp_path / f"{name}_int8.onnx", coded, arrays)
    answer = reconstruct(str(tmp_path))
    assert {(e.parent, e.child, e.kind) for e in answer.edges} == {
        (f"{name}.onnx", f"{name}_int8.onnx", "quantized") for name in ("base", "stranger")
    }
