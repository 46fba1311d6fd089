"""Reported publicly: mixtures of experts made of dense models. Every expert is compared with the dense feed-forward."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct

D, F, LAYERS = 40, 80, 2


def dense_shapes(prefix="model.layers", norms=True):
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (64, D)}
    for k in range(LAYERS):
        here = f"{prefix}.{k}"
        shapes |= {f"{here}.self_attn.{part}_proj.weight": (D, D) for part in "qkvo"}
        shapes |= {f"{here}.mlp.{part}_proj.weight": (F, D) for part in ("gate", "up")}
        shapes[f"{here}.mlp.down_proj.weight"] = (D, F)
        if norms:
            shapes |= {f"{here}.input_layernorm.weight": (D,), f"{here}.post_attention_layernorm.weight": (D,)}
    return shapes | {"lm_head.weight": (64, D)}


MIXTRAL = {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}


class Maker:
    """Dense models and mixtures of them, in the names of several libraries."""

    def __init__(self, rng):
        self.rng = rng

    def dense(self, **options):
        scale = np.sqrt(D)
        return {
            name: (self.rng.uniform(-1, 1, shape) / scale).astype(np.float32)
            for name, shape in dense_shapes(**options).items()
        }

    def tuned(self, model, step=0.15):
        scale = np.sqrt(D)
        return {name: (w + self.rng.laplace(0, step, w.shape) / scale).astype(np.float32) for name, w in model.items()}

    def mixture(self, experts, shell, style="mixtral"):
        found = {name: w for name, w in shell.items() if ".mlp." not in name}
        for name in (name for name in shell if ".mlp." in name):
            block, inner = name.split(".mlp.")
            part = inner.removesuffix(".weight")
            every = [expert[name] for expert in experts]
            if style == "stacked":
                found[f"{block}.mlp.experts.{part}"] = np.stack(every)
            elif style == "mixtral":
                place = f"{block}.block_sparse_moe.experts"
                found |= {f"{place}.{e}.{MIXTRAL[part]}.weight": w for e, w in enumerate(every)}
            else:
                found |= {f"{block}.mlp.experts.{e}.{inner}": w for e, w in enumerate(every)}
        router = "block_sparse_moe.gate" if style == "mixtral" else "mlp.gate"
        blocks = {name.split(".mlp.")[0] for name in shell if ".mlp." in name}
        return found | {
            f"{block}.{router}.weight": self.rng.normal(0, 0.02, (len(experts), D)).astype(np.float32)
            for block in sorted(blocks)
        }


@pytest.fixture
def maker(rng):
    return Maker(rng)


def edges(answer):
    return {(edge.parent, edge.child): edge.kind for edge in answer.edges}


@pytest.mark.parametrize("style", ["mixtral", "stacked", pytest.param("qwen", marks=pytest.mark.slow)])
def test_upcycled_and_trained_on(style, maker):
    base, stranger = maker.dense(), maker.dense()
    upcycled = maker.mixture([maker.tuned(base, 0.1) for _ in range(4)], maker.tuned(base, 0.1), style)
    models = {
        "base": base,
        "upcycled": upcycled,
        "upcycled-tuned": maker.tuned(upcycled),
        "stranger": stranger,
        "stranger-4x": maker.mixture([maker.tuned(stranger, 0.1) for _ in range(4)], stranger, style),
    }
    answer = reconstruct(models)
    found = edges(answer)
    assert found == {
        ("base", "upcycled"): "grown",
        ("upcycled", "upcycled-tuned"): "finetune",
        ("stranger", "stranger-4x"): "grown",
    }
    assert any("upcycled experts" in e.statement for edge in answer.edges for e in edge.evidence)
    families = {model.name: model.family for model in answer.models}
    assert families["base"] != families["stranger"]
    assert min(model.compared or 0.0 for model in answer.models) > 0.98


def test_experts_that_are_tunes_of_one_base(maker):
    base = maker.dense()
    tunes = {name: maker.tuned(base) for name in ("one", "two")}
    found = edges(reconstruct({"base": base, **tunes, "joined": maker.mixture(list(tunes.values()), base)}))
    assert ("base", "one") in found
    assert ("base", "two") in found
    assert {parent for parent, child in found if child == "joined"} & {"base", *tunes}


def test_two_models_joined_without_their_base(maker):
    """The experts are theirs, unchanged: no training leads to the mean of both in every matrix."""
    base = maker.dense()
    tunes = {name: maker.tuned(base) for name in ("one", "two")}
    answer = reconstruct({**tunes, "joined": maker.mixture(list(tunes.values()), base)})
    [edge] = [edge for edge in answer.edges if edge.child == "joined"]
    assert edge.parent in tunes
    assert edge.kind == "grown"
    assert any(evidence.feature == "joined-experts" for evidence in edge.evidence)


def test_made_of_a_tune(maker):
    base = maker.dense()
    tune = maker.tuned(base)
    models = {"base": base, "tune": tune, "mixture": maker.mixture([maker.tuned(tune, 0.08) for _ in range(4)], tune)}
    assert set(edges(reconstruct(models))) == {("base", "tune"), ("tune", "mixture")}


def test_exact_copies_and_copies_in_bf16(maker):
    """Not a component of the mixture, however many experts make it larger."""
    base = maker.dense()
    same = maker.mixture([base] * 8, base)
    rounded = {name: w.astype(ml_dtypes.bfloat16) for name, w in same.items()}
    for mixture in (same, rounded):
        answer = reconstruct({"base": base, "mixture": mixture})
        assert edges(answer) == {("base", "mixture"): "grown"}
        assert not answer.components
        assert (answer.edges[0].similarity or 0.0) > 0.9999


def test_copies_with_noise(maker, rng):
    base = maker.dense(norms=False)
    noisy = [{name: (w + 0.3 * w.std() * rng.normal(size=w.shape)).astype(np.float32) for name, w in base.items()}] * 2
    found = compare({"base": base, "mixture": maker.mixture(noisy, base)})
    assert found.verdict == "parent"


def test_strangers_with_experts_of_equal_layout(maker):
    models = {"dense": maker.dense()}
    for k in range(2):
        models[f"from strangers {k}"] = maker.mixture([maker.dense() for _ in range(4)], maker.dense())
        models[f"from one {k}"] = maker.mixture([maker.dense()] * 4, maker.dense())
    answer = reconstruct(models)
    assert not answer.edges
    assert not answer.undirected
    assert not answer.components


def test_many_experts_are_no_more_chances_to_be_related(maker):
    """The mean of the experts is one matrix: among strangers p-values are as those of two dense models."""
    p: list[float] = []
    for _ in range(5):
        mixture = maker.mixture([maker.dense() for _ in range(8)], maker.dense())
        found = compare({"dense": maker.dense(), "mixture": mixture})
        assert found.verdict == "unrelated"
        p.append(found.p_value or 0.0)
    assert sum(value < 0.1 for value in p) <= 2  # half of one expected, where the bound is tight
    assert min(p) > 1e-3


def test_many_experts_weigh_no_more_than_one(maker):
    """Eight copies of a feed-forward network count as one."""
    base = maker.dense()
    tune = maker.tuned(base)
    few, many = (maker.mixture([tune] * n, tune) for n in (2, 8))
    similarity = [compare({"base": base, "mixture": mixture}).similarity for mixture in (few, many)]
    assert similarity[0] == pytest.approx(similarity[1], abs=1e-6)
    assert similarity[0] == pytest.approx(compare({"base": base, "tune": tune}).similarity, abs=1e-6)


def test_saved_statistics_know_means(maker, tmp_path):
    base = maker.dense()
    models = {"base": base, "mixture": maker.mixture([maker.tuned(base)] * 2, base, "stacked")}
    saved = tmp_path / "saved.npz"
    first = reconstruct(models, save_stats=saved)
    assert reconstruct(models, stats=saved).edges == first.edges
