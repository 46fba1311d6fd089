import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import ModelRef, TensorInfo
from neural_phylogeny.relations.explanations.together import steps
from neural_phylogeny.statistics.fingerprints import VALUES, chosen, fingerprint
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.statistics.sampling import grid_part
from neural_phylogeny.tensors.alignment import AlignedTensor, align_pairs
from neural_phylogeny.tensors.roles import Role


def model(rng: np.random.Generator, layers: int = 6, width: int = 160) -> dict[str, np.ndarray]:
    return {f"layer.{k}.weight": rng.uniform(-0.1, 0.1, (width, width)).astype("f4") for k in range(layers)}


def tuned(rng: np.random.Generator, parent, scale: float = 0.02):
    return {name: values + rng.normal(0, scale, values.shape).astype("f4") for name, values in parent.items()}


def of(name: str, tensors, values: int = 1 << 14):
    return fingerprint(ModelRef(name=name, path="", parts=()), MemoryCheckpoint(tensors), values)


def is_kept(tensor: TensorInfo) -> bool:
    """Whether values of it are kept: all, or those of a grid."""
    return tensor.grid is None or all(tensor.grid)


@pytest.fixture
def family(rng):
    base, stranger = model(rng), model(rng)
    child = tuned(rng, base)
    return {"base": base, "child": child, "grandchild": tuned(rng, child), "stranger": stranger}


def test_the_tree_of_fingerprints_is_that_of_the_weights(family) -> None:
    whole = reconstruct(family)
    sampled = reconstruct({name: of(name, tensors) for name, tensors in family.items()})
    assert [(e.parent, e.child) for e in sampled.edges] == [(e.parent, e.child) for e in whole.edges]
    assert [model.family for model in sampled.models] == [model.family for model in whole.models]
    assert 0 < sampled.provenance["parameters"]["sample"]["read"] < 0.2


def test_a_fingerprint_is_compared_with_a_whole_model(family) -> None:
    found = compare({"base": of("base", family["base"]), "child": family["child"]})
    assert found.verdict == "parent"
    assert compare({"base": of("base", family["base"]), "stranger": family["stranger"]}).verdict == "unrelated"


def test_models_with_the_weights_transposed_are_compared(family) -> None:
    turned = {name.replace("weight", "kernel"): values.T.copy() for name, values in family["child"].items()}
    found = compare({"base": of("base", family["base"]), "child": of("child", turned)})
    assert found.verdict in ("parent", "related")


def test_of_a_part_the_places_of_kept_values_are_not_known(rng) -> None:
    checkpoints = [MemoryCheckpoint({"w": rng.normal(size=(300, 200)).astype("f4")}) for _ in "ab"]
    alignment = align_pairs([c.tensors for c in checkpoints], ["a", "b"])
    for sample, is_known in ((1.0, True), (0.1, False)):
        (step,) = steps(measure(checkpoints, alignment, sample=sample), 0, 1)
        assert (step.places is not None) is is_known


def test_of_models_with_other_heads_the_same_values_are_kept() -> None:
    tensors = {
        f"layer.{k}.weight": TensorInfo(name=f"layer.{k}.weight", shape=(900, 700), dtype="float32") for k in range(9)
    }
    heads = [TensorInfo(name="head.weight", shape=(n, 700), dtype="float32") for n in (10, 1000)]
    few, many = (chosen(tensors | {"head.weight": head}, 1 << 14) for head in heads)
    both = [name for name in tensors if is_kept(few[name]) and is_kept(many[name])]
    assert len(both) >= 8


def test_a_shape_that_no_model_has_costs_nothing() -> None:
    huge = TensorInfo(name="w", shape=(1 << 40, 64), dtype="float32", grid=(32, 64))
    part = grid_part(AlignedTensor("w", Role.KERNEL, (0, 0), huge.shape, 0, (0, 1), (huge, huge)))
    assert part is not None
    assert part.tensor.shape == (32, 64)
    assert next(part.runs(0, 64))[1] < 1 << 27


def test_a_small_model_is_kept_whole(family) -> None:
    small = of("small", {"w": family["base"]["layer.0.weight"], "b": np.arange(300, dtype="f4")}, VALUES)
    assert all(tensor.grid is None for tensor in small.tensors.values())


def test_the_size_is_kept_whatever_the_model() -> None:
    shapes = {f"w{k}": (4096, 11_008) for k in range(300)} | {f"v{k}": (4096,) for k in range(600)}
    tensors = {name: TensorInfo(name=name, shape=shape, dtype="bfloat16") for name, shape in shapes.items()}
    found = chosen(tensors)
    values = sum(int(np.prod(t.shape if t.grid is None else t.grid)) for t in found.values() if t.grid != (0,) * 2)
    assert VALUES / 2 < values <= VALUES
    assert sum(is_kept(found[name]) for name in shapes if name[0] == "w") > 32


def test_names_of_another_framework_choose_the_same_tensors() -> None:
    shapes = {f"layer.{k}": (800, 800) for k in range(200)}
    ours, theirs = (
        {
            f"{name}.{word}": TensorInfo(name=f"{name}.{word}", shape=shape, dtype="float32")
            for name, shape in shapes.items()
        }
        for word in ("weight", "kernel")
    )
    one = {name.removesuffix(".weight") for name, t in chosen(ours).items() if is_kept(t)}
    other = {name.removesuffix(".kernel") for name, t in chosen(theirs).items() if is_kept(t)}
    assert one == other
    assert 0 < len(one) < 200
