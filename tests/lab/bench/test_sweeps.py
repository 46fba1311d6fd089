"""Tables of baselines, of one property at a time, of fake initialisations and of what makes a parent hard to find."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite
from neural_phylogeny.lab.bench.tables import baselines, cells, clusters, cost, fakes, sweeps
from neural_phylogeny.lab.bench.tables.base import Sources
from neural_phylogeny.relations.direction import norm_score
from neural_phylogeny.relations.tables import mean_sign
from neural_phylogeny.trees.methods import METHODS


@pytest.fixture(scope="module")
def quick():
    return cached_collections(find_suite("quick"), data_folder(), 1)


def test_values_of_cells_stand_in_the_order_of_numbers():
    names = ["sweep-steps-sgd-100", "sweep-steps-sgd-3", "sweep-steps-adamw-1", "sweep-side-8-tree"]
    collections = [SimpleNamespace(cell=name) for name in names]
    assert list(sweeps.cells_of(collections, "sweep-steps-sgd-")) == ["3", "100"]
    assert list(sweeps.cells_of(collections, r"sweep-side-(\d+)-tree")) == ["8"]


def test_every_sweep_of_the_table_has_its_cells():
    suite = [SimpleNamespace(cell=path.name) for path in (data_folder() / "sweeps").iterdir()]
    found = [len(sweeps.cells_of(suite, pattern)) for pattern in sweeps.SWEEPS.values()]
    assert min(found) > 1


@pytest.mark.parametrize(
    ("left", "number"),
    [("all", 4), ("without heads", 2), ("heads alone", 2), ("without the largest", 3), ("the largest alone", 1)],
)
def test_layers_are_taken_away(quick, left, number):
    group = sweeps.with_layers(quick[0], left).collection.groups[0]
    tensors = group.statistics.alignment.tensors
    assert len(tensors) == number
    assert all(tensor.is_matrix for tensor in tensors)


def test_two_shards_are_all_matrices_once(quick):
    def names(left):
        return [
            one.name for one in sweeps.with_layers(quick[0], left).collection.groups[0].statistics.alignment.tensors
        ]

    first, second = names("the first shard of two"), names("the second shard of two")
    assert first
    assert second
    assert sorted([*first, *second]) == sorted(names("all"))


def test_one_component_of_a_pipeline_is_left():
    pipelines = cached_collections(find_suite("diffusion"), data_folder(), 1)
    [kept] = [kept for kept in pipelines if kept.cell == "stable"]
    [group] = sweeps.with_component(kept, "vae").collection.groups
    assert {one.name.split(".")[0] for one in group.statistics.alignment.tensors} == {"vae"}


def test_seeds_are_a_range_about_their_mean(quick):
    other = replace(quick[0], seed=1)
    found = sweeps.spreads([quick[0], other], {"star": baselines.ROWS["star"]})["star"]
    assert found.low <= found.overall <= found.high
    assert found.seeds == 2
    assert str(sweeps.Spread(0.5, 0.25, 0.4, 0.6, 2)) == "0.50 [0.40, 0.60] / 0.25"
    assert str(sweeps.Spread(0.5, 0.25, 0.5, 0.5, 1)) == "0.50 / 0.25"


def test_every_method_has_a_cost(quick, monkeypatch):
    monkeypatch.setattr(cost, "METHODS", {name: METHODS[name] for name in ("auto", "star")})
    monkeypatch.setattr(cost, "SIDES", (10, 20))
    found = dict(cost.column(quick[0]))
    assert list(found) == [cost.RELATIONS, "auto", "star"]
    assert all(float(part) >= 0.0 for field in found.values() for part in field.split("/"))
    assert [row[0] for row in cost.by_parameters()] == ["100", "400"]


def test_figures_that_are_stored_are_not_computed_again(quick, tmp_path, monkeypatch):
    store, row = sweeps.Store(tmp_path), {"star": baselines.ROWS["star"]}
    first = sweeps.spreads(quick[:1], row, store, "Pixels of a side-8")
    assert [path.name for path in tmp_path.iterdir()] == ["pixels-of-a-side-8-0.json"]
    monkeypatch.setattr(sweeps, "rows_of", None)
    assert sweeps.spreads(quick[:1], row, store, "Pixels of a side-8") == first


def test_each_row_counts_the_models_of_the_suite(quick):
    found = baselines.rows_of("quick", quick[:1], {"star": baselines.ROWS["star"], "mother": baselines.STAGES})
    assert set(found) == {"star", "mother"}
    assert all(0.0 <= figure <= 1.0 for figures in found.values() for figure in figures)
    single = [baselines.rows_of("quick", quick[:1], {"one": (stage,)})["one"][0] for stage in baselines.STAGES]
    assert found["mother"][0] == max(single)


def test_clusterings_decide_what_a_family_is(quick):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    variants = dict(clusters.variants())
    assert variants["kmeans, number by eigengap"].options.n_clusters == "eigengap"
    assert all(method.options.decides_families for name, method in variants.items() if "," in name)
    [(text, seconds)] = clusters.column(quick[:1], [variants["the relatedness test"]])
    assert text == "1.00 / 0.00"
    assert seconds > 0


def test_what_alpha_costs_is_counted_in_rounds(quick):
    row = clusters.costs("quick", quick[:1]).splitlines()[2]
    first, half = (float(field.split("/")[0]) for field in np.array(row.split("|"))[[2, 4]])
    assert 2.0 <= first < half


def test_a_draw_with_a_mean_is_that_of_its_definition(measured, rng):
    """The distances to many draws with a mean, against the closed form."""
    weights = [rng.normal(0.2, 1.0, (6, 5)).astype(np.float32) for _ in range(3)]
    statistics = measured(*({"w": w} for w in weights))
    assert np.array_equal(fakes.shifted(statistics, 0.0), mean_sign(norm_score(statistics)))
    scale = np.sqrt(np.mean([np.mean(w.astype(np.float64) ** 2) for w in weights]))
    exact = [float(((w.astype(np.float64) - 2.0 * scale) ** 2).sum()) for w in weights]
    found = fakes.shifted(statistics, 2.0)
    for i in range(3):
        for j in range(3):
            assert found[i, j] == np.sign(exact[j] - exact[i])


def test_a_training_away_from_zero_is_ordered_rightly():
    steps = [[np.full((2, 2), 1.0 + k)] for k in range(4)]
    found = fakes.distances(steps)
    assert fakes.ordered(found["the true one"]) == 1.0
    assert fakes.ordered(found["fake, mean 0"]) == 1.0
    assert fakes.ordered([3.0, 2.0, 1.0]) == 0.0


def test_properties_of_edges(quick):
    known = cells.properties(quick[0], cells.facts_of(Sources(), "quick", quick[0]))
    assert set(known) == {edge.child for edge in quick[0].truth.edges}
    assert all(row.shape == (len(cells.PROPERTIES),) and np.isfinite(row).all() for row in known.values())


@pytest.mark.parametrize("kind", fakes.KINDS)
def test_draws_have_their_deviation_and_order_a_training_away_from_zero(kind, rng):
    like = 0.3 * rng.normal(size=(200, 300))
    found = fakes.drawn(kind, like, 1.0, rng)
    wanted = {"kaiming": (2 / 300) ** 0.5, "xavier": (2 / 500) ** 0.5, "orthogonal": (1 / 300) ** 0.5}
    assert found.std() == pytest.approx(wanted.get(kind.partition("-")[0], 0.3), rel=0.02)
    assert abs(found.mean()) < 0.01
    steps = [[(1.0 + k) * like] for k in range(3)]
    assert fakes.ordered_by_draws([steps], kind, 1.0) == 1.0


def test_truncated_draws_end_at_two_deviations(rng):
    found = fakes.drawn("truncated normal", np.ones((100, 100)), 1.0, rng)
    assert np.abs(found).max() <= 2.0 / 0.8796
