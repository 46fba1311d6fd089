"""Checkpoints of ZeRO-3, written as DeepSpeed writes them and put together without torch."""

import math
import shutil

import numpy as np
import pytest
import torch

from neural_phylogeny.errors import CheckpointError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.sources import open_models

pytestmark = pytest.mark.torch

WORLD = 3


def write(folder, tensors, frozen=(), groups=2):
    """Each rank's part of every tensor, padded to equal lengths; flat groups are cut anywhere."""
    folder.mkdir(parents=True)
    parts: list[dict[str, torch.Tensor]] = [{} for _ in range(WORLD)]
    for name, values in tensors.items():
        size = math.ceil(values.numel() / WORLD)
        flat = torch.cat([values.flatten(), torch.zeros(size * WORLD - values.numel())])
        for rank, part in enumerate(flat.split(size)):
            parts[rank][name] = part.clone()
    shapes = {name: values.shape for name, values in tensors.items()}
    for rank, own in enumerate(parts):
        states = {
            "module": {name: torch.empty(0) for name in tensors} | {"scale": torch.arange(4.0)},
            "buffer_names": ["scale"],
            "param_shapes": [{name: shape for name, shape in shapes.items() if name not in frozen}],
            "frozen_param_shapes": {name: shapes[name] for name in frozen},
            "frozen_param_fragments": {name: own[name] for name in frozen},
        }
        flat = torch.cat([part for name, part in own.items() if name not in frozen])
        optimiser = {"zero_stage": 3, "fp32_flat_groups": [part.clone() for part in flat.chunk(groups)]}
        torch.save(states, folder / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt")
        torch.save({"optimizer_state_dict": optimiser}, folder / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    return folder


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return {"a.weight": torch.randn(7, 5), "a.bias": torch.randn(4), "b.weight": torch.randn(6, 6)}


def first(folder):
    return folder / "zero_pp_rank_0_mp_rank_00_model_states.pt"


@pytest.mark.parametrize("frozen", [(), ("b.weight",)])
def test_the_parts_of_all_ranks_are_put_together(tensors, tmp_path, frozen):
    with open_checkpoint(first(write(tmp_path / "global_step7", tensors, frozen))) as opened:
        assert opened.tensors.keys() == tensors.keys() | {"scale"}
        for name, values in tensors.items():
            flat = values.flatten().numpy()
            assert opened.tensors[name].shape == tuple(values.shape)
            assert np.array_equal(opened.read(name), flat)
            for start, stop in ((0, 1), (2, 4), (len(flat) // 3, len(flat))):
                assert np.array_equal(opened.read(name, start, stop), flat[start:stop])
        assert opened.read("scale").tolist() == [0, 1, 2, 3]


def test_a_folder_of_ranks_is_one_model(tensors, tmp_path):
    write(tmp_path / "run" / "global_step7", tensors)
    opened, skipped = open_models([tmp_path])
    opened[0][1].close()
    assert ([ref.path for ref, _ in opened], skipped) == ([str(tmp_path / "run" / "global_step7")], [])


@pytest.mark.parametrize("kind", ["model", "optim"])
def test_a_rank_that_is_missing_is_named(tensors, tmp_path, kind):
    folder = write(tmp_path / "global_step7", tensors)
    (folder / f"zero_pp_rank_1_mp_rank_00_{kind}_states.pt").unlink()
    with pytest.raises(CheckpointError, match="states of rank 1 are missing"):
        open_checkpoint(first(folder))


def test_parts_of_another_length_are_refused(tensors, tmp_path):
    folder = write(tmp_path / "global_step7", tensors)
    other = write(tmp_path / "other", {"a.weight": torch.randn(7, 5)})
    name = "zero_pp_rank_1_mp_rank_00_optim_states.pt"
    shutil.copy(other / name, folder / name)
    with pytest.raises(CheckpointError, match="rank 1 of 3 holds 12 values where 26 are expected"):
        open_checkpoint(first(folder))


def test_tensor_parallel_parts_are_not_taken_for_the_whole(tensors, tmp_path):
    folder = write(tmp_path / "global_step7", tensors)
    for name in [path.name for path in folder.iterdir()]:
        shutil.copy(folder / name, folder / name.replace("mp_rank_00", "mp_rank_01"))
    with pytest.raises(UnsupportedFormatError, match="cut among 2 tensor-parallel ranks"):
        open_checkpoint(first(folder))
    opened, skipped = open_models([tmp_path])
    assert opened == []
    assert any("ds_to_universal" in one.reason for one in skipped)
