"""A sample of the weights: the same in every model and format, and nothing else is read."""

import zipfile

import numpy as np
import pytest

from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.spans import SpanFile
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.statistics.sampling import FEWEST, ROWS, Part, part_of, shares
from neural_phylogeny.tensors import layouts
from neural_phylogeny.tensors.alignment import AlignedTensor, align
from neural_phylogeny.tensors.roles import Role

SHAPES = {
    "rows": ((3000, 400), 0),
    "wide rows": ((64, 40_000), 0),
    "huge rows": ((40, 30, 1000), 0),
    "units last": ((400, 3000), 1),
    "units last, convolution": ((3, 3, 200, 256), 3),
    "units in the middle": ((300, 200, 16), 1),
}


def box(shape, axis=0, name="w", role=Role.KERNEL, start=None):
    start = start or (0,) * len(shape)
    stop = tuple(low + length for low, length in zip(start, shape, strict=True))
    return AlignedTensor(
        name, role, start, stop, axis, (0, 1), (TensorInfo(name=name, shape=stop, dtype="float32"),) * 2
    )


def part_at(tensor: AlignedTensor, share: float) -> Part:
    part = part_of(tensor, share)
    assert isinstance(part, Part)
    return part


def positions(part):
    return np.concatenate([np.arange(*run) for run in part.runs(0, part.tensor.size)])


def network(rng):
    shapes = {"a.weight": (900, 600), "a.bias": (900,), "b.weight": (500, 900), "head.weight": (10, 500)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def relatives(rng, n=3):
    base = network(rng)
    return [
        {k: v + rng.normal(0, 0.1 * (i + 1), v.shape).astype(np.float32) for k, v in base.items()} for i in range(n)
    ]


def pass_over(checkpoints, **options):
    order = [{name: c.tensors[name] for name in sorted(c.tensors)} for c in checkpoints]
    return measure(checkpoints, align(order, [str(k) for k in range(len(order))]), **options)


def bits(statistics):
    return [(tensor.name, key, array.tobytes()) for tensor, found in statistics for key, array in found.items()]


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3])
@pytest.mark.parametrize("name", SHAPES)
def test_a_part_is_rows_crossed_with_columns_of_about_the_size_requested(name, share):
    shape, axis = SHAPES[name]
    whole = box(shape, axis)
    part = part_at(whole, share)
    where = positions(part)
    assert (np.diff(where) > 0).all()
    assert 0 <= where[0] <= where[-1] < whole.size
    assert len(where) == part.tensor.size >= max(FEWEST, share * whole.size)
    assert len(where) <= 1.2 * max(FEWEST, share * whole.size)
    assert part.tensor.is_matrix
    units = (where // int(np.prod(shape[axis + 1 :]))) % shape[axis]
    assert len(np.unique(units)) == part.tensor.shape[part.tensor.output_axis or 0] >= ROWS
    np.testing.assert_array_equal(
        positions(part)[100:300], np.concatenate([np.arange(*r) for r in part.runs(100, 300)])
    )


def test_the_values_of_a_part_are_those_of_its_rows_and_columns(rng):
    values = rng.normal(size=(64, 40_000)).astype(np.float32)
    part = part_at(box(values.shape), 0.01)
    rows = part.rows.place(np.arange(len(part.rows)))
    columns = part.columns.place(np.arange(len(part.columns)))
    np.testing.assert_array_equal(values.ravel()[positions(part)], values[np.ix_(rows, columns)].ravel())


def test_every_value_is_as_likely_as_any_other():
    counts = np.zeros((100, 90))
    for k in range(1500):
        part = part_at(box((100, 90), start=(k, 0)), 0.01)
        counts[
            np.ix_(part.rows.place(np.arange(len(part.rows))), part.columns.place(np.arange(len(part.columns))))
        ] += 1
    for axis in (0, 1):
        per_line = counts.mean(axis)
        assert 0.9 < per_line.min() / per_line.mean()
        assert per_line.max() / per_line.mean() < 1.1


def test_the_plan_depends_on_place_and_shape_alone():
    def drawn(**changes):
        return positions(part_at(box(**{"shape": (3000, 400), **changes}), 0.01)).tolist()

    usual = drawn()
    others = AlignedTensor(
        "w",
        Role.KERNEL,
        (0, 0),
        (3000, 400),
        0,
        (2, 3, 9),
        (TensorInfo(name="x", shape=(4000, 400), dtype="bfloat16"),) * 3,
    )
    assert positions(part_at(others, 0.01)).tolist() == usual
    assert drawn(name="v") == usual  # another model may have given the name
    assert drawn(start=(5, 0)) != usual
    assert drawn(shape=(3001, 400)) != usual


def test_small_tensors_and_all_of_them_are_read_whole():
    assert part_of(box((64, 64)), 0.01) is None
    assert part_of(box((5000,), role=Role.VECTOR), 0.01) is None
    assert part_of(box((3000, 400)), 1.0) is None
    assert part_at(box((1_000_000,), role=Role.VECTOR), 0.01).tensor.size < 20_000


def test_by_default_about_so_many_values_of_each_model(monkeypatch):
    monkeypatch.setattr(layouts, "WHOLE", 10_000)
    models = [{"w": TensorInfo(name="w", shape=(rows, 100), dtype="float32")} for rows in (50, 50, 400, 400)]
    assert [shares(align(models[k : k + 2], ["a", "b"]), None) for k in (0, 2)] == [[1.0], [0.25]]
    assert shares(align(models[2:], ["a", "b"]), 0.5) == [0.5]


def test_a_share_of_one_changes_no_bit_and_adds_nothing(rng):
    models = [MemoryCheckpoint(model) for model in relatives(rng)]
    whole = pass_over(models)
    assert bits(whole) == bits(pass_over(models, sample=1.0)) == bits(pass_over(models, sample=None))
    assert not any("sample.read" in found for _, found in whole)
    assert (whole.values_read()[0] == whole.values_read()[1]).all()


def test_every_format_and_number_of_threads_gives_the_same_bits(rng, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    torch = pytest.importorskip("torch")
    models = relatives(rng)
    for k, model in enumerate(models):
        safetensors.save_file(model, tmp_path / f"{k}.safetensors")
        np.savez(tmp_path / f"{k}.npz", **model)
        np.savez_compressed(tmp_path / f"packed{k}.npz", **model)
        torch.save({name: torch.from_numpy(array) for name, array in model.items()}, tmp_path / f"{k}.pt")
    expected = bits(pass_over([MemoryCheckpoint(model) for model in models], sample=0.05))
    for pattern in ("{}.safetensors", "{}.npz", "packed{}.npz", "{}.pt"):
        opened = [open_checkpoint(tmp_path / pattern.format(k)) for k in range(3)]
        assert bits(pass_over(opened, sample=0.05, threads=3)) == expected, pattern


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "pt"])
def test_what_is_not_chosen_is_not_read_from_the_file(suffix, rng, tmp_path, monkeypatch):
    models = relatives(rng, 2)
    for k, model in enumerate(models):
        if suffix == "npz":
            np.savez(tmp_path / f"{k}.npz", **model)
        elif suffix == "pt":
            torch = pytest.importorskip("torch")
            torch.save({name: torch.from_numpy(array) for name, array in model.items()}, tmp_path / f"{k}.pt")
            with zipfile.ZipFile(tmp_path / f"{k}.pt") as archive:
                assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        else:
            pytest.importorskip("safetensors.numpy").save_file(model, tmp_path / f"{k}.safetensors")
    opened = [open_checkpoint(tmp_path / f"{k}.{suffix}") for k in range(2)]
    sizes = {}
    original = SpanFile._read_some

    def counting(self, offset, view):
        got = original(self, offset, view)
        sizes[id(self), offset] = got  # the search for computed tables reads some of the chosen values again
        return got

    monkeypatch.setattr(SpanFile, "_read_some", counting)
    found = pass_over(opened, sample=0.05)
    compared, read = found.values_read()
    assert sum(sizes.values()) == 4 * read.sum() < 0.08 * 4 * compared.sum()


def test_a_box_that_cuts_columns_is_sampled_where_it_lies(rng):
    wide, narrow = rng.normal(size=(900, 800)).astype(np.float32), rng.normal(size=(900, 700)).astype(np.float32)
    found = pass_over([MemoryCheckpoint({"w": wide}), MemoryCheckpoint({"w": narrow})], sample=0.02)
    [(tensor, arrays)] = list(found)
    where = positions(part_at(tensor, 0.02))
    X = np.stack([wide[:, :700].ravel()[where], narrow.ravel()[where]]).astype(np.float64)
    np.testing.assert_allclose(arrays["gram"], X @ X.T * tensor.size / len(where), rtol=1e-4)


def test_sums_of_a_sample_are_near_those_of_everything(rng):
    models = [MemoryCheckpoint(model) for model in relatives(rng)]
    whole, part = pass_over(models), pass_over(models, sample=0.05)
    for (tensor, all_), (_, some) in zip(whole, part, strict=True):
        np.testing.assert_allclose(some["gram"], all_["gram"], rtol=0.06, err_msg=tensor.name)
        distance = [np.diag(g["gram"])[:, None] + np.diag(g["gram"]) - 2 * g["gram"] for g in (some, all_)]
        np.testing.assert_allclose(distance[0], distance[1], rtol=0.06, atol=0.5, err_msg=tensor.name)
        mean = [found["moments.square"] / found["moments.count"] for found in (some, all_)]
        np.testing.assert_allclose(mean[0], mean[1], rtol=0.06)
    compared, read = part.values_read()
    assert (read < 0.08 * compared).all()


def test_a_pass_knows_what_it_read(rng):
    found = pass_over([MemoryCheckpoint(model) for model in relatives(rng)], sample=0.05)
    assert found.was_sampled(0.05)
    assert found.subset([2, 0]).was_sampled(0.05)
    assert not found.was_sampled(0.1)
    assert not found.was_sampled(None)
    assert not pass_over([MemoryCheckpoint(model) for model in relatives(rng)]).was_sampled(0.05)


def test_of_a_part_as_many_values_count_as_of_the_whole(rng):
    base = rng.laplace(size=(2000, 1000)).astype(np.float32)
    models = [MemoryCheckpoint({"w": base + rng.laplace(0, 0.1, base.shape).astype(np.float32)}) for _ in range(3)]
    [(_, whole)], [(_, part)] = list(pass_over(models)), list(pass_over(models, sample=0.05))
    assert part["cross.count"][0] > 0.7 * whole["cross.count"][0]
    assert part["moments.count"][0] > 95_000
    np.testing.assert_allclose(
        part["cross.square"] / part["cross.count"][0], whole["cross.square"] / whole["cross.count"][0], rtol=0.03
    )


def test_the_largest_weight_of_a_sample_is_what_it_would_grow_to(rng):
    def largest(values, sample):
        [(_, found)] = list(pass_over([MemoryCheckpoint({"w": values})] * 2, sample=sample))
        return float(found["moments.largest"][0])

    for tails, tolerance in ((rng.laplace, 0.25), (rng.normal, 0.15)):
        ratios = []
        for _ in range(6):
            values = tails(size=(1000, 900)).astype(np.float32)
            ratios.append(largest(values, 0.01) / largest(values, 1.0))
        assert abs(np.mean(ratios) - 1.0) < tolerance / 2
        assert np.ptp(ratios) < 4 * tolerance
    values = rng.uniform(-1, 1, (1000, 900)).astype(np.float32)
    assert abs(largest(values, 0.01) - 1.0) < 0.01
