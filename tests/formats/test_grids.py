import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.formats.grids import LONGEST, RUN, grid_of, kept_axes, kept_of, places_of
from neural_phylogeny.inputs import TensorInfo, View


@given(st.integers(0, 5000), st.integers(0, 600), st.integers(0, 600))
def test_more_places_hold_the_fewer(length: int, few: int, more: int) -> None:
    few, more = sorted((few, more))
    small, large = places_of(length, few), places_of(length, more)
    assert set(small) <= set(large)
    assert len(small) == kept_of(length, few) <= length
    assert np.all(np.diff(small) > 0)
    assert not len(small) or small[-1] < length


def test_an_axis_that_grew_by_a_little_keeps_nearly_all_places() -> None:
    before, after = places_of(50_257, 64), places_of(50_304, 64)
    assert len(set(before) & set(after)) >= 64 - RUN


def test_a_length_that_no_tensor_has_costs_nothing() -> None:
    assert places_of(1 << 60, 64)[-1] < LONGEST
    assert kept_of(1 << 60, 1 << 60) == LONGEST


@pytest.mark.parametrize("shape", [(300, 200), (300, 40), (5, 7)])
def test_a_tensor_and_its_transpose_keep_the_same_values(shape: tuple[int, int]) -> None:
    stored = TensorInfo(name="w", shape=shape, dtype="float32")
    turned = TensorInfo(name="w", shape=shape[::-1], dtype="float32", output_axis=1)
    one, other = (tuple(places_of(*p) for p in zip(t.shape, grid_of(t, 64), strict=True)) for t in (stored, turned))
    assert all(np.array_equal(a, b) for a, b in zip(one, other[::-1], strict=True))


def test_a_cut_of_a_fused_matrix_keeps_what_lies_in_it() -> None:
    view = View(split=(300, 96), axes=(1, 0), layout="fused", sliced=0, start=100, stop=200)
    axes = kept_axes(TensorInfo(name="w", shape=(96, 100), dtype="float32", view=view, grid=(64, 32)))
    assert axes is not None
    kept = places_of(300, 64)
    assert np.array_equal(axes[1], kept[(kept >= 100) & (kept < 200)] - 100)
    assert len(axes[0]) == 32
