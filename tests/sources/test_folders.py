import os
from pathlib import Path

import pytest

from neural_phylogeny.sources.asides import HIDDEN, HIDDEN_FOLDER, TRAINING
from neural_phylogeny.sources.folders import models_in


def index_of(*files: str) -> dict[str, dict[str, str]]:
    return {"weight_map": {f"tensor{number}": file for number, file in enumerate(files)}}


def test_files_of_known_suffixes_are_models_sorted_by_path(write, walked) -> None:
    for name in ("b.pt", "a.safetensors", "sub/c.PTH", "sub/deep/d.h5", "zip.zip", "README.md", "truth.json", "x.txt"):
        write(name)
    found = walked()
    assert found.order == ["a.safetensors", "b.pt", "sub/c.PTH", "sub/deep/d.h5", "zip.zip"]
    assert found.files == {name: [name] for name in found.order}
    assert found.skipped == {}


def test_hidden_entries_are_no_models_and_are_named_where_they_may_be(write, walked) -> None:
    for name in (".hidden.pt", ".git/model.pt", "seen.pt", "sub/.cache/model.pt", ".old/run/model.pt", ".notes/a.txt"):
        write(name)
    write("._seen.pt", b"\0\x05\x16\x07")
    write(".DS_Store", b"\0\0\0\x01Bud1" + b"\0" * 4000)
    write(".best", b"\x16\0\0\0\0\0\0\0" + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}')
    found = walked()
    assert found.order == ["seen.pt"]
    assert found.kinds == {".best": HIDDEN, ".hidden.pt": HIDDEN, ".old": HIDDEN_FOLDER}


def test_a_hidden_folder_that_is_named_is_walked(write, walked) -> None:
    write(".old/model.pt")
    assert walked(".old").order == ["model.pt"]


def test_trainers_other_files_are_no_models(write, walked) -> None:
    for name in (
        *("optimizer.pt", "optimizer.bin", "optimizer_1.bin", "scheduler.pt", "scaler.pt", "training_args.bin"),
        *("rng_state.pth", "rng_state_0.pth", "sampler_1.bin", "zero_pp_rank_0_mp_rank_00_optim_states.pt"),
    ):
        write(name)
    assert walked().order == []
    assert list(walked().kinds.values()) == [TRAINING] * 10
    for name in ("scheduler_net.pt", "optimizer_of_images.pth", "scaler2x.pt"):
        write(name)
    assert walked().order == ["optimizer_of_images.pth", "scaler2x.pt", "scheduler_net.pt"]


def test_a_loop_of_links_ends_and_each_folder_counts_once(write, walked, tmp_path: Path) -> None:
    write("a/model.pt")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert walked().order == ["a/model.pt"]


def test_folders_may_be_nested_deeper_than_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 1100
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    Path("model.pt").write_bytes(b"x")
    assert [item.path.count("d/") for item in models_in(str(tmp_path))] == [depth]
    os.remove("model.pt")  # what removes the test's folder afterwards is recursive
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")


def test_what_is_no_regular_file_is_reported(walked, tmp_path: Path) -> None:
    (tmp_path / "gone.pt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.pt")
    assert walked().skipped == {
        "gone.pt": "a link to a file that is not here, as of a download that is not complete. Download it again.",
        "pipe.pt": "not a regular file",
    }


def test_a_folder_that_may_not_be_listed_spoils_nothing(write, walked, tmp_path: Path, refuse) -> None:
    write("a/model.pt")
    write("b/model.pt")
    refuse("os.scandir", str(tmp_path / "a"))
    found = walked()
    assert found.files == {"b/model.pt": ["b/model.pt"]}
    assert found.skipped == {"a": "permission denied. Check the path and its permissions."}


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        ("config.json", "model.safetensors"),
        ("config.json", "anything.pth"),
        ("adapter_config.json", "adapter_model.safetensors"),
        ("adapter_config.json", "adapter_model.bin"),
    ],
)
def test_one_weight_file_beside_a_config_is_a_folder_model(write, walked, config: str, weights: str) -> None:
    for name in (config, weights, "optimizer.pt", "tokenizer.json"):
        write(f"m/{name}")
    assert walked().files == {"m": [f"m/{weights}"]}


def test_several_files_without_an_index_are_several_models(write, walked) -> None:
    for name in ("config.json", "epoch1.safetensors", "epoch2.safetensors"):
        write(name)
    found = walked()
    assert found.files == {name: [name] for name in ("epoch1.safetensors", "epoch2.safetensors")}


def test_subfolders_of_a_folder_model_are_walked_too(write, walked) -> None:
    for folder in ("run", "run/checkpoint-10", "run/checkpoint-20"):
        write(f"{folder}/config.json")
        write(f"{folder}/model.safetensors")
    assert walked().order == ["run", "run/checkpoint-10", "run/checkpoint-20"]


def test_a_model_and_its_adapter_are_not_the_same_model(write, walked) -> None:
    for name in ("config.json", "adapter_config.json", "model.safetensors", "adapter_model.safetensors"):
        write(name)
    found = walked()
    assert sorted(found.files) == ["adapter_model.safetensors", "model.safetensors"]
    assert found.skipped == {}


def test_without_a_config_equal_looking_files_are_models_of_their_own(write, walked) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        write(name)
    assert walked().order == ["model.safetensors", "pytorch_model.bin"]


def test_a_sharded_model_is_one_model(write, walked) -> None:
    names = [f"model-{k:05}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        write(f"m/{name}")
    write("m/model.safetensors.index.json", index_of(*names))
    assert walked().files == {"m": [f"m/{name}" for name in names]}


def test_a_sharded_model_keeps_its_folder_when_other_models_lie_beside_it(write, walked) -> None:
    write("m/model-00001-of-00001.safetensors")
    write("m/model.safetensors.index.json", index_of("model-00001-of-00001.safetensors"))
    write("m/value_head.pt")
    assert walked().files == {
        "m": ["m/model-00001-of-00001.safetensors"],
        "m/value_head.pt": ["m/value_head.pt"],
    }


def test_two_sharded_models_in_a_folder_are_called_by_their_indexes(write, walked) -> None:
    for stem in ("actor", "critic"):
        write(f"{stem}-00001-of-00001.safetensors")
        write(f"{stem}.safetensors.index.json", index_of(f"{stem}-00001-of-00001.safetensors"))
    assert walked().files == {
        f"{stem}.safetensors.index.json": [f"{stem}-00001-of-00001.safetensors"] for stem in ("actor", "critic")
    }


def test_a_stale_shard_is_reported(write, walked) -> None:
    write("model-00001-of-00001.safetensors")
    write("model-00003-of-00003.safetensors")
    write("model.safetensors.index.json", index_of("model-00001-of-00001.safetensors"))
    found = walked()
    assert found.files == {".": ["model-00001-of-00001.safetensors"]}
    assert found.skipped == {"model-00003-of-00003.safetensors": "a shard that no index in its folder names"}


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (
            index_of("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
            "shard 'model-00002-of-00002.safetensors' is missing. Download it into the same folder.",
        ),
        (
            index_of("model-00001-of-00002.safetensors", "../other.safetensors"),
            "the shard index points outside its folder ('../other.safetensors'). Do not trust this folder.",
        ),
        ({"weight_map": 3}, "the shard index has no weight_map of tensors to files. Download the index again."),
    ],
)
def test_a_model_with_a_bad_index_is_reported_once(write, walked, index: object, reason: str) -> None:
    write("m/config.json", {})
    write("m/model-00001-of-00002.safetensors")
    write("m/model.safetensors.index.json", index)
    write("other.safetensors")
    found = walked()
    assert found.files == {"other.safetensors": ["other.safetensors"]}
    assert found.skipped == {"m/model.safetensors.index.json": reason}


def test_a_whole_file_is_read_where_the_shards_of_the_other_format_are_missing(write, walked) -> None:
    write("config.json", {})
    write("model.safetensors")
    write("pytorch_model.bin.index.json", index_of("pytorch_model-00001-of-00001.bin"))
    found = walked()
    assert found.files == {".": ["model.safetensors"]}
    assert list(found.skipped) == ["pytorch_model.bin.index.json"]
