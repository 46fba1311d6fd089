"""The files of one folder: formats of one model, shards, what cannot be read."""

from pathlib import Path

import numpy as np

from neural_phylogeny.sources import open_models
from neural_phylogeny.sources.asides import NO_WEIGHTS, TRAINING

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"


def index_of(*files: str) -> dict[str, dict[str, str]]:
    return {"weight_map": {f"tensor{number}": file for number, file in enumerate(files)}}


def weights(seed: int, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 25)).astype(np.float32)


def test_a_readable_format_is_taken_where_another_cannot_be_read(write, walked, tmp_path: Path) -> None:
    write("m/config.json", {})
    write("m/model.safetensors", POINTER)
    write("m/pytorch_model.bin")
    found = walked()
    assert found.files == {"m": ["m/pytorch_model.bin"]}
    assert found.skipped == {
        "m/model.safetensors": (
            "a Git LFS pointer, not the weights it stands for. Run git lfs pull where it came from. "
            "'pytorch_model.bin' beside it is read."
        )
    }
    opened, skipped = open_models([str(tmp_path)])
    opened[0][1].close()
    assert (len(opened), [item.is_model for item in skipped]) == (1, [True])


def test_formats_that_hold_the_same_weights_are_one_model(write, walked, arrays) -> None:
    write("m/config.json", {})
    for name in ("model.safetensors", "pytorch_model.bin", "tf_model.h5"):
        write(f"m/{name}", arrays(w=weights(0)))
    found = walked()
    assert found.files == {"m": ["m/model.safetensors"]}
    reason = "the same weights as 'model.safetensors', which is read (all 1,000 values compared)"
    assert found.skipped == {"m/pytorch_model.bin": reason, "m/tf_model.h5": reason}
    assert set(found.is_model.values()) == {False}


def test_formats_that_hold_other_weights_are_models_of_their_own(write, walked, arrays) -> None:
    write("m/config.json", {})
    write("m/model.safetensors", arrays(w=weights(0)))
    write("m/pytorch_model.bin", arrays(w=weights(1)))
    write("m/tf_model.h5", arrays(other=weights(0)))
    found = walked()
    assert list(found.files) == ["m/model.safetensors", "m/pytorch_model.bin", "m/tf_model.h5"]
    assert found.skipped == {}


def test_sharded_weights_are_compared_with_those_in_one_file(write, walked, arrays) -> None:
    a, b = weights(0), weights(1)
    write("m/model.safetensors", arrays(a=a, b=b))
    write("m/pytorch_model-00001-of-00002.bin", arrays(a=a))
    write("m/pytorch_model-00002-of-00002.bin", arrays(b=b))
    places = {name: f"pytorch_model-0000{k}-of-00002.bin" for k, name in ((1, "a"), (2, "b"))}
    write("m/pytorch_model.bin.index.json", {"weight_map": places})
    found = walked()
    assert list(found.files.values()) == [["m/model.safetensors"]]
    assert list(found.skipped) == ["m/pytorch_model.bin.index.json"]
    write("m/model.safetensors", arrays(a=a, b=a))
    assert len(walked().files) == 2


def test_what_is_no_model_does_not_take_the_folders_name(write, walked, arrays) -> None:
    write("m/config.json", {})
    write("m/model.safetensors")
    write("m/state.bin", arrays(**{"w.exp_avg": weights(0), "w.exp_avg_sq": weights(1)}))
    write("m/settings.pt", b"\x80\x02}q\x00.")
    found = walked()
    assert found.files == {"m": ["m/model.safetensors"]}
    assert found.kinds == {"m/state.bin": TRAINING, "m/settings.pt": NO_WEIGHTS}


def test_one_readable_file_of_several_is_what_the_folder_is_about(write, walked) -> None:
    write("m/config.json", {})
    write("m/model.safetensors")
    write("m/damaged.pt", b"PK\x03\x04 and no more")
    found = walked()
    assert found.files == {"m": ["m/model.safetensors"]}
    assert list(found.skipped) == ["m/damaged.pt"]


def test_shards_without_an_index_are_one_model_if_they_are_complete(write, walked) -> None:
    names = [f"model-{k:05}-of-00003.safetensors" for k in (1, 2, 3)]
    for name in names:
        write(f"m/{name}")
    assert walked().files == {"m": [f"m/{name}" for name in names]}


def test_shards_may_be_counted_from_nought(write, walked) -> None:
    names = [f"m.data-{k:05}-of-00002.pt" for k in (0, 1)]
    for name in names:
        write(name)
    assert walked().files == {".": names}


def test_incomplete_shards_are_refused_with_a_sentence(write, walked) -> None:
    for number in (2, 4):
        write(f"m/model-{number:05}-of-00004.safetensors")
    found = walked()
    assert found.files == {}
    assert found.skipped == {
        "m/model-00002-of-00004.safetensors": (
            "shards 1, 3 of the 4 of 'model.safetensors' are missing. Download the rest into the same folder, "
            "or give a shard itself to have it read alone."
        )
    }


def test_two_variants_of_shards_in_one_folder_are_two_models(write, walked) -> None:
    for number in (1, 2):
        write(f"model-{number:05}-of-00002.safetensors")
        write(f"model.fp16-{number:05}-of-00002.safetensors")
    assert walked().files == {
        f"{stem}-00001-of-00002.safetensors": [f"{stem}-{k:05}-of-00002.safetensors" for k in (1, 2)]
        for stem in ("model", "model.fp16")
    }


def test_numbered_files_that_hold_the_same_tensors_are_no_shards(write, walked) -> None:
    for number in (1, 2, 3):
        write(f"fold_{number}_of_3.safetensors", {"w": [float(number)]})
    assert len(walked().files) == 3


def test_complete_shards_overrule_an_index_that_is_out_of_date(write, walked) -> None:
    names = [f"model-{k:05}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        write(f"m/{name}")
    write("m/model.safetensors.index.json", index_of(*(f"model-{k:05}-of-00004.safetensors" for k in (1, 2, 3, 4))))
    found = walked()
    assert found.files == {"m": [f"m/{name}" for name in names]}
    assert found.skipped == {
        "m/model.safetensors.index.json": (
            "out of date: shard 'model-00001-of-00004.safetensors' is missing. Download it into the same folder. "
            "The 2 shards of 'model.safetensors' beside it are complete, and are read instead."
        )
    }
    assert set(found.is_model.values()) == {False}


def test_an_index_that_leaves_its_folder_is_not_overruled(write, walked) -> None:
    for number in (1, 2):
        write(f"m/model-{number:05}-of-00002.safetensors")
    write("m/model.safetensors.index.json", index_of("../x"))
    assert "points outside its folder" in walked().skipped["m/model.safetensors.index.json"]


def test_an_index_and_shards_that_disagree_are_named(write, tmp_path: Path) -> None:
    write("m/a.safetensors", {"a": [1.0]})
    write("m/b.safetensors", {"b": [1.0], "more": [2.0]})
    places = {"a": "a.safetensors", "b": "b.safetensors", "gone": "b.safetensors"}
    write("m/model.safetensors.index.json", {"weight_map": places})
    opened, skipped = open_models([str(tmp_path / "m")])
    opened[0][1].close()
    assert list(opened[0][1].tensors) == ["a", "b", "more"]
    assert [item.reason for item in skipped] == [
        "the index model.safetensors.index.json and its shards disagree: 1 of its tensors are in no shard "
        "('gone' is the first), and 1 tensors of the shards are not in it ('more' is the first)"
    ]
