"""The search for a disguise leaves strangers early, and nothing else."""

import tracemalloc

import numpy as np
from safetensors.numpy import save_file

from neural_phylogeny import reconstruct
from neural_phylogeny.relations import assigning, disguises
from neural_phylogeny.relations.axes import restored
from neural_phylogeny.relations.parts import part_of


def _brute(x, y):
    cosines = [np.abs(assigning.cosines(x[:, part::2], y[:, part::2])) for part in (0, 1)]
    return assigning.beyond_chance(cosines[1], assigning.assignment(cosines[0]))


def test_an_agreement_is_that_of_the_assignment_wherever_it_counts(rng):
    for noise in (0.0, 0.3, 0.6, 0.9, 1.2, 3.0):
        x = rng.normal(size=(24, 40))
        y = x[rng.permutation(24)] + noise * rng.normal(size=x.shape)
        expected, found = _brute(x, y), disguises._agreement(x, y, 0.6)
        assert (found == expected) if expected >= 0.6 else (found < 0.6)


def test_strangers_are_left_without_an_assignment(rng, monkeypatch):
    monkeypatch.setattr(disguises, "assignment", None)
    assert disguises._agreement(rng.normal(size=(60, 80)), rng.normal(size=(60, 80)), 0.6) == 0.0


def test_a_matrix_is_tried_again_only_with_new_orders(rng, monkeypatch):
    first, second = ({"a": rng.normal(size=(20, 40)), "b": rng.normal(size=(20, 20))} for _ in range(2))
    tried, matched = [], disguises._matched

    def counted(a, b, search, whole):
        tried.append(a.shape)
        return matched(a, b, search, whole)

    monkeypatch.setattr(disguises, "_matched", counted)
    assert disguises.find_disguise(first, second, {name: values.shape for name, values in first.items()}) is None
    assert len(tried) == 2


def test_of_a_long_matrix_a_part_is_compared(rng, tmp_path):
    """The cosines of all pairs of its 30,000 rows would take 7 GB."""
    order = rng.permutation(48)
    base = {"embed": rng.normal(size=(30_000, 48)), "up": rng.normal(size=(96, 48)), "down": rng.normal(size=(48, 96))}
    moved = {"embed": base["embed"][:, order], "up": base["up"][:, order], "down": base["down"][order]}
    paths = []
    for name, arrays in (("a", base), ("b", moved)):
        paths.append(tmp_path / f"{name}.safetensors")
        save_file(
            {f"{key}.weight": np.ascontiguousarray(value, np.float32) for key, value in arrays.items()}, paths[-1]
        )
    tracemalloc.start()
    found = reconstruct(paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert any("permuted" in note for note in found.provenance["notes"])
    assert peak < 150_000_000


def test_a_matrix_whose_parts_are_no_whole_axis_is_left():
    rows, columns = part_of((1 << 15, 1 << 15))
    assert (len(rows), columns) == (1536, 1 << 14)
    whole = (90, 80, 1)
    part = np.ones((60, 40, 1))
    assert disguises._matched(part, part, disguises._Search(), whole) is None


def test_thousands_of_permuted_units_are_matched_by_sketches(rng):
    """Trained on, rescaled, with units that read nothing; the order is found once and then known."""
    hidden, width = 900, 600
    order, scale = rng.permutation(hidden), np.exp2(rng.uniform(-2, 2, size=hidden))
    up, down, gate = (
        rng.normal(size=(hidden, width)),
        rng.normal(size=(width, hidden)),
        rng.normal(size=(hidden, width)),
    )
    up[:5], gate[:5] = 0.0, 0.0
    first = {"up": up, "down": down, "gate": gate}
    tuned = {name: values + 0.4 * rng.normal(size=values.shape) * (values != 0) for name, values in first.items()}
    second = {"up": tuned["up"][order] * scale[:, None], "down": tuned["down"][:, order] / scale}
    second["gate"] = tuned["gate"][order]
    found = disguises.find_disguise(first, second, {name: values.shape for name, values in first.items()})
    assert found is not None
    assert set(found.kinds) == {"permuted", "rescaled"}
    assert found.agreement > 0.8
    for name in first:
        rows, columns = found.axes[name]
        back = restored(second[name], rows, columns)
        off = back - tuned[name] if name != "down" else (back - tuned[name]).T
        alive = np.abs(first["up"]).sum(axis=1) > 0  # no order of units without weights can be known
        assert np.sqrt(np.square(off[alive]).mean()) < 0.1


def test_large_matrices_of_strangers_are_not_matched(rng):
    first, second = ({"up": rng.normal(size=(900, 600)), "down": rng.normal(size=(600, 900))} for _ in range(2))
    assert disguises.find_disguise(first, second, {name: values.shape for name, values in first.items()}) is None


def test_many_rows_are_screened_by_a_few(rng):
    x = rng.normal(size=(600, 40))
    y = x[rng.permutation(600)] + 0.5 * rng.normal(size=(600, 40))
    assert abs(disguises._agreement(x, y, disguises.AGREE) - _brute(x, y)) < 2e-3
    assert disguises._agreement(x, rng.normal(size=(600, 40)), disguises.AGREE) < 0.1
