"""Where the model is: which dicts count as state dicts, and which comes first."""

from typing import Any

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.pytorch import modules
from neural_phylogeny.formats.pytorch.inert import Inert, LeftOut, Mapping, Storage, TensorRecord
from neural_phylogeny.formats.pytorch.state_dicts import find_state_dicts


def tensor(dtype: str = "<f4") -> TensorRecord:
    return TensorRecord(Storage("0", np.dtype(dtype), 4), 0, (4,), (1,))


def weights(*names: str) -> dict[str, Any]:
    return {name: tensor() for name in names or ("a.weight", "a.bias")}


def module(**state: Any) -> Inert:
    record = Inert()
    record.state = {"_parameters": {}, "_buffers": {}, "_modules": {}} | state
    return record


def choices(root: Any) -> list[str]:
    return list(find_state_dicts(root))


def test_a_bare_state_dict_has_no_name():
    assert find_state_dicts(weights("a.b")).keys() == {""}


@pytest.mark.parametrize(
    "key", ["state_dict", "model", "model_state_dict", "net", "params", "params_ema", "ema", "generator", "whatever"]
)
def test_nested_dicts_are_found_under_any_key(key):
    assert choices({"epoch": 3, key: weights(), "name": "x"}) == [key]
    assert choices({"deep": [{"er": {key: weights()}}]}) == [f"deep/0/er/{key}"]


@pytest.mark.parametrize(
    "key",
    ["optimizer", "optim", "opt", "lr_schedulers", "optimizer_states", "grad_scaler", "replay_buffer", "rng_states",
     "losses", "train_metrics", "callbacks", "hyper_parameters", "loss_history", "AMP"],
)  # fmt: skip
def test_what_surrounds_training_is_not_a_model(key):
    assert choices({"model": weights(), key: {"x": weights()}}) == ["model"]


@pytest.mark.parametrize("key", ["examples", "upsample", "closest", "optimal_model", "blog", "semantic", "stamp"])
def test_keys_that_only_contain_such_a_word_count(key):
    assert choices({"a_model": weights(), key: weights()}) == ["a_model", key]


def test_an_optimiser_is_known_by_its_structure():
    adam = {"state": {0: weights("exp.avg")}, "param_groups": [{"lr": 1}]}
    pickled = Inert()
    pickled.state = adam
    assert choices({"model": weights(), "x": adam, "y": pickled}) == ["model"]


def test_the_average_comes_first_then_the_usual_keys_then_the_stored_order():
    root = {key: weights() for key in ("zeta", "critic", "policy", "net", "model", "state_dict", "ema_model", "alpha")}
    assert choices(root) == ["ema_model", "state_dict", "model", "net", "policy", "critic", "zeta", "alpha"]
    assert choices({"semantic": weights(), "demand": weights()}) == ["semantic", "demand"]


def test_siblings_are_components():
    assert choices({"actor": weights(), "critic": weights()}) == ["actor", "critic"]
    assert choices({"actor": weights("w", "b"), "critic": weights("w", "b")}) == ["actor", "critic"]
    assert choices({"model": weights("w"), "model_ema": weights("w")}) == ["model_ema", "model"]


def test_dicts_of_dicts_without_dots_are_the_layers_of_one_network():
    layers = {"dense_0": weights("kernel", "bias"), "dense_1": weights("kernel")}
    assert list(find_state_dicts(layers)[""]) == ["dense_0.kernel", "dense_0.bias", "dense_1.kernel"]
    nested = find_state_dicts({"params": layers, "params_ema": layers | {"scale": tensor()}})
    assert list(nested) == ["params_ema", "params"]
    assert "dense_1.kernel" in nested["params"]


def test_loose_tensors_beside_a_state_dict_are_no_component():
    assert choices({"model": weights(), "loss": tensor(), "temperature": tensor()}) == ["model"]


def test_integers_alone_are_no_weights():
    assert choices({"ids.x": tensor("<i8"), "mask.x": tensor("?")}) == []
    assert choices({"left.out": LeftOut("sparse"), "n": np.float32(1), "a": np.zeros(())}) == []


def test_a_list_of_tensors_counts_where_there_is_no_dict():
    assert list(find_state_dicts([tensor(), np.zeros(3)])[""]) == ["0", "1"]
    assert choices([weights(), tensor()]) == ["0"]


def test_modules_give_parameters_then_buffers_then_submodules():
    inner = module(_parameters={"weight": tensor(), "bias": None})
    net = module(
        _modules={"fc": inner, "gone": None},
        _buffers={"mean": tensor(), "scratch": tensor()},
        _parameters={"scale": tensor()},
        _non_persistent_buffers_set=["scratch"],
    )
    assert list(find_state_dicts({"model": net})["model"]) == ["scale", "mean", "fc.weight"]


def test_containers_that_contain_themselves_are_searched_once():
    root: dict[str, Any] = {"model": weights()}
    root["self"] = root
    record = Inert()
    record.state = {"me": record, "root": root}
    root["record"] = [record]
    assert choices(root) == ["model"]


def test_modules_without_end_are_damage():
    net = module(_parameters={"w": tensor()})
    net.state["_modules"] = {"again": net}
    with pytest.raises(DamagedFileError) as caught:
        find_state_dicts(net, "x.pt")
    assert str(caught.value) == "x.pt: its modules contain each other without end. Save the model's state dict."


def test_modules_that_double_at_every_level_are_damage(monkeypatch):
    monkeypatch.setattr(modules, "VISITS", 20_000)
    net = module(_parameters={"w": tensor()})
    for _ in range(40):
        net = module(_modules={"left": net, "right": net})
    with pytest.raises(DamagedFileError, match="without end"):
        find_state_dicts(net)


def test_keys_that_are_no_names_are_passed_over():
    assert choices(Mapping({("a", "b"): weights(), None: tensor(), 0: weights()})) == ["0"]
