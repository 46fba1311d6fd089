"""Reported publicly: a tune of one part, saved in fewer bits. The untouched part is the base's, rounded: proof."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import reconstruct

UNET = {"unet.in.weight": (48, 32), "unet.mid.weight": (48, 48), "unet.out.weight": (32, 48)}
TEXT = {"text_encoder.0.weight": (48, 40), "text_encoder.1.weight": (40, 48)}
TYPES = {
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "fp8": ml_dtypes.float8_e4m3fn,
}


def saved(model, dtype):
    return {name: w.astype(dtype) for name, w in model.items()}


@pytest.mark.parametrize("dtype", TYPES)
def test_the_untouched_part_decides(dtype, trained):
    unet, text = trained(shapes=UNET), trained(shapes=TEXT)
    tuned = saved(trained(unet, 0.05) | text, TYPES[dtype])
    answer = reconstruct({"a-tuned": tuned, "base": unet | text})
    [edge] = answer.edges
    assert (edge.parent, edge.child) == ("base", "a-tuned")
    assert (edge.p_direction or 0.0) >= 0.95
    assert any(evidence.feature == "rounded-layer" for evidence in edge.evidence)


def test_parts_of_two_types(trained):
    """One part in bfloat16, the other in fp8, a third in full: each is weighed by itself."""
    unet, text, vae = trained(shapes=UNET), trained(shapes=TEXT), trained(shapes={"vae.0.weight": (32, 32)})
    child = saved(trained(unet, 0.05), np.float32) | saved(text, ml_dtypes.float8_e4m3fn) | saved(vae, np.float16)
    [edge] = reconstruct({"child": child, "parent": unet | text | vae}).edges
    assert (edge.parent, edge.child) == ("parent", "child")
    assert (edge.p_direction or 0.0) >= 0.95


def test_two_tunes_of_a_rounded_base(trained):
    """Nothing leads back to the base, and no tune is made from another."""
    unet, text = trained(shapes=UNET), trained(shapes=TEXT)
    tunes = {f"tune{k}": saved(trained(unet, 0.1) | text, ml_dtypes.bfloat16) for k in range(2)}
    answer = reconstruct({"base": unet | text, **tunes})
    assert not [e for e in answer.edges if e.child == "base"]
    assert {e.parent for e in answer.edges} == {"base"}


def test_what_is_in_few_bits_on_both_sides_decides_nothing(trained):
    unet, text = trained(shapes=UNET), trained(shapes=TEXT)
    models = {
        "one": saved(unet | text, ml_dtypes.bfloat16),
        "two": saved(trained(unet, 0.1) | text, ml_dtypes.bfloat16),
    }
    answer = reconstruct(models)
    assert len(answer.edges) + len(answer.undirected) == 1
    every = [evidence for edge in answer.edges for evidence in edge.evidence]
    assert not any(evidence.feature == "rounded-layer" for evidence in every)


def test_a_component_that_was_not_touched_decides_for_the_whole_pipeline(trained):
    """Of two tunes with one U-Net, one has the base's text encoder, rounded: the base is its parent, certainly."""
    unet, text = trained(shapes=UNET), trained(shapes=TEXT)
    tuned = trained(unet, 0.05)
    models = {
        "base": unet | text,
        "a-both": saved(tuned | trained(text, 0.05), ml_dtypes.bfloat16),
        "b-unet": saved(tuned | text, ml_dtypes.bfloat16),
    }
    found = {(e.parent, e.child): e.p_direction or 0.0 for e in reconstruct(models).edges}
    assert found["base", "b-unet"] >= 0.95
    assert not [child for _, child in found if child == "base"]
