"""One model written by two frameworks is compared tensor by tensor; strangers stay strangers."""

import time

import numpy as np
import pytest
from tests.tensors import ports

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.tensors.alignment import align, align_pairs
from neural_phylogeny.tensors.samples import sampler_of


def aligned(*models, family=True):
    checkpoints = [MemoryCheckpoint(model) for model in models]
    samples = [sampler_of(checkpoint) for checkpoint in checkpoints]
    names = [f"m{k}" for k in range(len(models))]
    return (align if family else align_pairs)([c.tensors for c in checkpoints], names, samples), checkpoints


def pairs(alignment):
    """What is compared with what in the first two models, how it is read, and what paired it."""
    return {
        tuple(source.name for source in tensor.sources): (tensor.layout, tensor.matched_by)
        for tensor in alignment.tensors
    }


@pytest.fixture
def model(rng):
    return ports.network(rng)


WRITTEN = {"keras": ports.as_keras, "flax": ports.as_flax}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
class TestOneNetworkInTwoFrameworks:
    def test_an_exact_port_is_a_copy(self, written, model):
        answer = reconstruct({"torch": model, "port": written(model)})
        assert answer.copies == (("torch", "port"),)

    def test_what_was_trained_on_the_port_is_a_child(self, written, model, rng):
        answer = reconstruct({"torch": model, "port": written(ports.tuned(rng, model))})
        assert [(edge.parent, edge.child) for edge in answer.edges] == [("torch", "port")]
        assert (answer.edges[0].similarity or 0.0) > 0.95
        assert (answer.edges[0].coverage or 0.0) > 0.95

    def test_a_stranger_in_the_other_framework_is_unrelated(self, written, model, rng):
        for _ in range(5):
            answer = reconstruct({"torch": model, "port": written(ports.network(rng))})
            assert not answer.edges
            assert not answer.undirected
            assert {one.family for one in answer.models} == {0, 1}

    def test_the_answer_does_not_depend_on_which_comes_first(self, written, model, rng):
        port = written(ports.tuned(rng, model))
        one, other = aligned(model, port)[0], aligned(port, model)[0]
        assert {frozenset(key) for key in pairs(one)} == {frozenset(key) for key in pairs(other)}

    def test_two_ports_are_compared_as_if_the_first_were_not_there(self, written, model, rng):
        two = [written(ports.tuned(rng, model)) for _ in range(2)]
        alone, beside = aligned(*two, family=False)[0], aligned(model, *two, family=False)[0]
        of_two = {
            (box.start, box.stop, sources)
            for tensor in beside.tensors
            for rows in [[k for k, member in enumerate(tensor.members) if member > 0]]
            if (found := tensor.of(rows)) is not None
            for box in [found[0]]
            for sources in [box.sources]
        }
        assert of_two == {(tensor.start, tensor.stop, tensor.sources) for tensor in alone.tensors}


def test_only_the_values_tell_that_a_square_matrix_is_turned(rng):
    model = {f"{k}.weight": rng.normal(size=shape) for k, shape in enumerate([(64, 32), (64, 64), (64, 64), (10, 64)])}
    other = {name: np.ascontiguousarray(w.T) for name, w in model.items()}
    other["1.weight"] = model["1.weight"]
    found = pairs(aligned(model, other)[0])
    assert [found[name, name][0] for name in model] == ["transposed", "", "transposed", "transposed"]


def test_order_that_misleads_is_corrected_by_values(rng):
    model = {f"a{k}.weight": rng.normal(size=(32, 48)).astype(np.float32) for k in range(6)}
    order = [3, 0, 5, 1, 4, 2]
    other = {f"b{place}": model[f"a{k}.weight"] + np.float32(0.1) for place, k in enumerate(order)}
    found = pairs(aligned(model, other)[0])
    assert set(found) == {(f"a{k}.weight", f"b{place}") for place, k in enumerate(order)}
    assert {by for _, by in found.values()} <= {"values", "order"}


@pytest.mark.parametrize("way", [{}, {"turn": True}, {"rows": 16}, {"name": "query_key_value"}, {"name": "in_proj"}])
class TestFusedProjections:
    def test_parts_are_found_in_the_fused_matrix(self, way, rng):
        model = ports.attention(rng)
        answer = reconstruct({"split": model, "fused": ports.fused(model, **way)})
        assert answer.copies == (("split", "fused"),)

    def test_a_stranger_is_none(self, way, rng):
        answer = reconstruct({"split": ports.attention(rng), "fused": ports.fused(ports.attention(rng), **way)})
        assert {one.family for one in answer.models} == {0, 1}

    def test_a_family_of_both_lies_in_one_space(self, way, rng):
        model = ports.attention(rng)
        fused, tuned = ports.fused(ports.tuned(rng, model), **way), ports.fused(ports.tuned(rng, model), **way)
        alignment = aligned(model, ports.tuned(rng, model), fused, tuned)[0]
        assert alignment.coverage().min() > 0.99
        assert all(len(tensor.members) == 4 for tensor in alignment.tensors)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
@pytest.mark.parametrize("written", [dict, ports.as_keras], ids=["torch", "keras"])
def test_a_batch_norm_is_folded_before_comparing(model, epsilon, written):
    alignment, _ = aligned(model, written(ports.folded(model, epsilon)))
    layouts = [layout for layout, _ in pairs(alignment).values()]
    assert sum("folded norm" in layout for layout in layouts) == 4
    answer = reconstruct({"norm": model, "folded": written(ports.folded(model, epsilon))})
    similarities = [claim.similarity or 0.0 for claim in answer.edges] + [
        r.similarity or 0.0 for r in answer.undirected
    ]
    assert answer.copies or similarities[0] > 0.99999


def test_a_stranger_with_batch_norms_is_not_folded_into_another(model, rng):
    alignment, _ = aligned(model, ports.folded(ports.network(rng)))
    assert not any("folded" in layout for layout, _ in pairs(alignment).values())


def test_vectors_of_a_port_follow_their_matrices_whatever_the_order(model):
    port = dict(sorted(ports.as_keras(model).items()))
    answer = reconstruct({"torch": model, "port": port})
    assert answer.copies == (("torch", "port"),)


def test_values_do_not_make_strangers_related(rng):
    """The best of many pairings and layouts is no evidence: p-values are multiplied by the number of choices."""
    for _ in range(20):
        one, other = ({f"{k}": rng.laplace(size=(24, 24)) for k in range(8)} for _ in range(2))
        order = rng.permutation(8)
        port = {f"x{place}": other[f"{k}"].T.copy() for place, k in enumerate(order)}
        answer = reconstruct({"one": one, "other": port})
        assert {record.family for record in answer.models} == {0, 1}


def test_many_tensors_are_paired_in_linear_time(rng):
    def cost(count):
        model = {f"l.{k}.weight": rng.normal(size=(4, 8)).astype(np.float32) for k in range(count)}
        port = {f"x{k}": w.T.copy() for k, w in enumerate(model.values())}
        start = time.process_time()
        alignment, _ = aligned(model, port, family=False)
        assert len(alignment.tensors) == count
        return time.process_time() - start

    cost(50)
    assert cost(4000) < 16 * cost(1000)
