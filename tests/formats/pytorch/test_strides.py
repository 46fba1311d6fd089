"""Views: what NumPy's own slicing makes of an array is the oracle; nothing may leave its storage."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.pytorch.inert import Storage, TensorRecord
from neural_phylogeny.formats.pytorch.strides import prove

STORAGE = Storage("0", np.dtype("<f4"), 12)


def reason(**claims: Any) -> str:
    honest: dict[str, Any] = {"storage": STORAGE, "offset": 0, "shape": (3, 4), "strides": (4, 1)}
    record = TensorRecord(**(honest | claims))
    with pytest.raises(DamagedFileError) as caught:
        prove(record, 48, "x.pt", "w")
    assert (caught.value.path, caught.value.tensor) == ("x.pt", "w")
    return caught.value.reason


@given(data=st.data())
def test_any_view_is_read_or_refused_and_never_leaves_its_storage(data):
    values = np.arange(data.draw(st.integers(0, 40)), dtype=np.float32)
    n_axes = data.draw(st.integers(0, 4))
    shape = tuple(data.draw(st.lists(st.integers(0, 6), min_size=n_axes, max_size=n_axes)))
    strides = tuple(data.draw(st.lists(st.integers(0, 12), min_size=n_axes, max_size=n_axes)))
    offset = data.draw(st.integers(0, 50))
    reached = [offset + int(np.dot(index, strides)) for index in np.ndindex(shape)]
    storage = Storage("0", values.dtype, values.size)
    record = TensorRecord(storage, offset, shape, strides)
    if any(position >= values.size for position in reached):
        with pytest.raises(DamagedFileError):
            prove(record, values.nbytes, "x.pt", "w")
        return
    view = prove(record, values.nbytes, "x.pt", "w")
    shown = view.over(values[offset : offset + view.extent])
    assert shown.shape == shape
    assert [int(value) for value in shown.reshape(-1)] == reached
    if view.contiguous:
        assert reached == list(range(offset, offset + view.size))


@given(st.permutations(range(3)), st.data())
def test_slices_and_transposes_are_what_numpy_makes_of_them(axes, data):
    base = np.arange(4 * 5 * 6, dtype=np.int64).reshape(4, 5, 6)
    index = tuple(slice(data.draw(st.integers(0, n - 1)), n, data.draw(st.integers(1, 3))) for n in base.shape)
    array = base[index].transpose(axes)
    offset = int(array.reshape(-1)[0])
    record = TensorRecord(
        Storage("0", base.dtype, base.size), offset, list(array.shape), [stride // 8 for stride in array.strides]
    )
    view = prove(record, base.nbytes, "x.pt", "w")
    np.testing.assert_array_equal(view.over(base.reshape(-1)[offset : offset + view.extent]), array)


def test_lying_numbers_are_named():
    assert reason(offset=1) == "its last value is number 12 of a storage that holds 12"
    assert reason(shape=(3, 2**61)) == f"its last value is number {8 + 2**61 - 1} of a storage that holds 12"
    assert reason(offset=-1) == "its offset, shape or strides are not non-negative integers"
    assert reason(strides=(4, -1)) == "its offset, shape or strides are not non-negative integers"
    assert reason(shape=(3, 2**62)) == "its offset, shape or strides are not non-negative integers"
    assert reason(shape=(3, True)) == "its offset, shape or strides are not non-negative integers"
    assert reason(shape=(3,)) == "its shape and strides are not sequences of one length"
    assert reason(shape=None) == "its shape and strides are not sequences of one length"
    assert reason(storage=None) == "it refers to no storage"
    assert reason(shape=(2**30, 1), strides=(0, 0)) == "it claims 1073741824 values of a storage that holds 12"
    assert reason(storage=Storage("0", np.dtype("<f4"), 13)) == "its storage claims 13 values and has 48 bytes"
    assert reason(storage=Storage("0", np.dtype("<f4"), -1)).startswith("its offset, shape or strides")
    assert reason(dtype=np.dtype("<f8")) == "its last value is number 11 of a storage that holds 6"
