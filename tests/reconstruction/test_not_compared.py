"""What cannot be compared is named in the answer, with its share of the weights."""

import numpy as np

from neural_phylogeny import reconstruct


def test_codes_without_their_scales_are_named_in_the_remark(rng):
    head = rng.normal(0, 1, (64, 64)).astype(np.float32)
    codes = rng.integers(-(2**31), 2**31, (64, 64), dtype=np.int64).astype(np.int32)
    answer = reconstruct({"a": {"head.w": head}, "b": {"head.w": head + 0.1, "mid.qweight": codes}})
    remarks = {model.name: model.remark for model in answer.models}
    assert remarks["b"] == ("mid.qweight is not compared, about 89 % of the weights: codes without their scales")
    assert "mid.qweight" not in remarks["a"]
    assert "mid.qweight is not compared" in answer.to_json()
