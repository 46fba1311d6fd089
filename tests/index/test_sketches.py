import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index.sketches import CLEAR, NOISE, WORDS, marks_of, nearest, sketch_of
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.statistics.fingerprints import fingerprint


def of(model, values: int = 1 << 14):
    return fingerprint(ModelRef(name="m", path="", parts=()), MemoryCheckpoint(model), values)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5, 0.95])
def test_sketches_estimate_the_correlation_of_values(rng: np.random.Generator, correlation: float) -> None:
    one = {f"layer.{k}.weight": rng.normal(size=(90, 80)).astype("f4") for k in range(5)}
    other = {
        name: correlation * values + np.sqrt(1 - correlation**2) * rng.normal(size=values.shape).astype("f4")
        for name, values in one.items()
    }
    sketches = np.stack([sketch_of(of(other))])
    found = [near.correlation for near in nearest(sketches, sketch_of(of(one)), 1)]
    if correlation:
        assert found == [pytest.approx(correlation, abs=4 * NOISE)]
    else:
        assert not found


def test_transposed_weights_of_another_framework_have_the_same_sketch(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(90, 80)).astype("f4")
    ours, theirs = of({"fc.weight": weight}), of({"fc/kernel:0": weight.T.copy()})
    theirs.tensors = {
        name: t.__class__(name=name, shape=t.shape, dtype=t.dtype, output_axis=1) for name, t in theirs.tensors.items()
    }
    assert nearest(np.stack([sketch_of(ours)]), sketch_of(theirs), 1)[0].correlation > 0.7


def test_fewer_kept_values_are_still_near(rng: np.random.Generator) -> None:
    model = {f"layer.{k}.weight": rng.normal(size=(200, 200)).astype("f4") for k in range(5)}
    few, many = of(model, 1 << 13), of(model, 1 << 15)
    assert nearest(np.stack([sketch_of(many)]), sketch_of(few), 1)[0].correlation > 0.12


def test_equal_layers_have_equal_marks_whatever_they_are_called(rng: np.random.Generator) -> None:
    layer = rng.normal(size=(40, 30)).astype("f4")
    one = of({"a.weight": layer, "b.weight": rng.normal(size=(40, 30)).astype("f4")})
    other = of({"c.weight": layer, "zeros.weight": np.zeros((40, 30), dtype="f4")})
    assert len(set(marks_of(one)) & set(marks_of(other))) == 1
    assert len(marks_of(other)) == 1


def test_a_layer_with_permuted_units_has_the_same_mark(rng: np.random.Generator) -> None:
    layer = rng.normal(size=(40, 30)).astype("f4")
    assert marks_of(of({"a.weight": layer})) == marks_of(of({"a.weight": layer[rng.permutation(40)]}))


def test_of_many_strangers_none_is_near(rng: np.random.Generator) -> None:
    every = rng.integers(0, 1 << 63, (3000, WORDS), dtype=np.uint64) * np.uint64(2) + rng.integers(
        0, 2, (3000, WORDS), dtype=np.uint64
    )
    found = nearest(every, every[5], 100)
    assert found[0].row == 5
    assert len(found) <= 3
    assert all(near.correlation < (CLEAR + 1.5) * NOISE for near in found[1:])
    assert nearest(every[:0], every[0], 5) == []
