"""Folders of a known layout."""

from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.formats.foreign import FOREIGN
from neural_phylogeny.sources import discover
from neural_phylogeny.sources.asides import kind_of

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"


def index_of(*files: str) -> dict[str, dict[str, str]]:
    return {"weight_map": {f"tensor{number}": file for number, file in enumerate(files)}}


def write_pipeline(write, *extra: str) -> None:
    components = {"unet": ["diffusers", "UNet"], "vae": ["diffusers", "VAE"], "scheduler": ["diffusers", "DDIM"]}
    write("pipe/model_index.json", {"_class_name": "Pipe", "safety_checker": [None, None], **components})
    write("pipe/unet/config.json", {})
    write("pipe/unet/diffusion_pytorch_model.safetensors")
    write("pipe/vae/diffusion_pytorch_model.bin")
    write("pipe/scheduler/scheduler_config.json", {})
    for name in extra:
        write(f"pipe/{name}")


def test_a_pipeline_is_one_model_with_its_components_as_prefixes(write, walked) -> None:
    write_pipeline(write)
    found = walked()
    assert found.files == {
        "pipe": ["pipe/unet/diffusion_pytorch_model.safetensors", "pipe/vae/diffusion_pytorch_model.bin"]
    }
    assert found.prefixes == {"pipe": ["unet.", "vae."]}
    assert found.skipped == {}


def test_variants_of_a_component_that_hold_its_weights_are_read_once(write, walked, arrays) -> None:
    write_pipeline(write)
    weights = np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10)
    write("pipe/unet/diffusion_pytorch_model.safetensors", arrays(w=weights))
    write("pipe/unet/diffusion_pytorch_model.bin", arrays(w=weights))
    write("pipe/unet/diffusion_pytorch_model.fp16.safetensors", arrays(w=weights.astype(np.float16)))
    found = walked()
    assert found.files["pipe"][0] == "pipe/unet/diffusion_pytorch_model.safetensors"
    assert list(found.files) == ["pipe"]
    assert found.skipped == {
        "pipe/unet/diffusion_pytorch_model.fp16.safetensors": (
            "the same weights as 'diffusion_pytorch_model.safetensors' but for rounding, which is read "
            "(all 60 values compared)"
        ),
        "pipe/unet/diffusion_pytorch_model.bin": (
            "the same weights as 'diffusion_pytorch_model.safetensors', which is read (all 60 values compared)"
        ),
    }
    assert set(found.is_model.values()) == {False}


def test_a_variant_of_a_component_with_other_weights_is_a_model_of_its_own(write, walked) -> None:
    write_pipeline(write, "unet/diffusion_pytorch_model.non_ema.bin")
    found = walked()
    assert found.files["pipe"][0] == "pipe/unet/diffusion_pytorch_model.safetensors"
    other = "pipe/unet/diffusion_pytorch_model.non_ema.bin"
    assert (found.files[other], found.skipped) == ([other], {})


def test_a_variant_is_the_component_where_the_plainest_cannot_be_read(write, walked) -> None:
    write_pipeline(write, "unet/diffusion_pytorch_model.fp16.safetensors")
    write("pipe/unet/diffusion_pytorch_model.safetensors", POINTER)
    found = walked()
    assert found.files["pipe"][0] == "pipe/unet/diffusion_pytorch_model.fp16.safetensors"
    assert list(found.skipped) == ["pipe/unet/diffusion_pytorch_model.safetensors"]


def test_old_variants_are_found_by_their_index_and_by_their_numbers(write, walked) -> None:
    write("pipe/model_index.json", {"text_encoder": ["transformers", "T5"]})
    names = [f"model.fp16-{k:05}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        write(f"pipe/text_encoder/{name}")
    assert walked().files == {"pipe": [f"pipe/text_encoder/{name}" for name in names]}
    write("pipe/text_encoder/model.safetensors.index.fp16.json", index_of(*names))
    assert walked().files == {"pipe": [f"pipe/text_encoder/{name}" for name in names]}


def test_a_component_may_be_sharded(write, walked) -> None:
    write("pipe/model_index.json", {"unet": ["diffusers", "UNet"]})
    names = [f"diffusion_pytorch_model-{k:05}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        write(f"pipe/unet/{name}")
    write("pipe/unet/diffusion_pytorch_model.safetensors.index.json", index_of(*names))
    found = walked()
    assert found.files == {"pipe": [f"pipe/unet/{name}" for name in names]}
    assert found.prefixes == {"pipe": ["unet.", "unet."]}


def test_other_folders_and_files_of_a_pipeline_are_models_of_their_own(write, walked) -> None:
    write_pipeline(write, "checkpoint-10/model.safetensors", "all-in-one.ckpt")
    assert walked().order == ["pipe", "pipe/all-in-one.ckpt", "pipe/checkpoint-10/model.safetensors"]


def test_a_pipeline_whose_component_lacks_a_shard_is_reported(write, walked) -> None:
    write("pipe/model_index.json", {"unet": ["diffusers", "UNet"], "vae": ["diffusers", "VAE"]})
    write("pipe/vae/diffusion_pytorch_model.safetensors")
    write("pipe/unet/diffusion_pytorch_model.safetensors.index.json", index_of("gone.safetensors"))
    found = walked()
    assert found.files == {}
    assert found.skipped == {
        "pipe": "the pipeline's component 'unet' cannot be read",
        "pipe/unet/diffusion_pytorch_model.safetensors.index.json": (
            "shard 'gone.safetensors' is missing. Download it into the same folder."
        ),
    }


def test_a_pipeline_whose_component_may_not_be_listed_is_reported(write, walked, tmp_path: Path, refuse) -> None:
    write_pipeline(write)
    refuse("os.scandir", str(tmp_path / "pipe/vae"))
    found = walked()
    assert found.files == {}
    assert found.skipped == {
        "pipe": "the pipeline's component 'vae' cannot be read",
        "pipe/vae": "permission denied. Check the path and its permissions.",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1", "not JSON (Expecting ',' delimiter: line 1 column 3 (char 2)). Download it again."),
        ([], "the pipeline index is not a JSON object. Download it again."),
    ],
)
def test_a_damaged_pipeline_index_leaves_its_components_as_models(write, walked, content: object, reason: str) -> None:
    write("pipe/model_index.json", content)
    write("pipe/unet/config.json", {})
    write("pipe/unet/diffusion_pytorch_model.safetensors")
    found = walked()
    assert found.files == {"pipe/unet": ["pipe/unet/diffusion_pytorch_model.safetensors"]}
    assert found.skipped == {"pipe/model_index.json": reason}


def hub(tmp_path: Path, repository: str, revision: str, **blobs: str) -> Path:
    """A revision in a hub's cache: names and the blobs they link to."""
    root = tmp_path / "hub" / repository
    snapshot = root / "snapshots" / revision
    snapshot.mkdir(parents=True)
    for name, blob in blobs.items():
        (snapshot / name.replace("__", ".")).symlink_to(Path("../../blobs") / blob)
    return snapshot


def test_a_hubs_cache_is_read_through_its_snapshots(write, walked, tmp_path: Path) -> None:
    write("hub/models--org--net/blobs/0a", None)
    write("hub/models--org--net/blobs/0b", "{}")
    write("hub/models--org--net/blobs/0c.incomplete", bytes(range(256)))
    write("hub/models--org--net/refs/main", "1")
    write("hub/.locks/models--org--net/0a.lock", "")
    write("hub/version.txt", "1")
    hub(tmp_path, "models--org--net", "1", model__safetensors="0a", config__json="0b")
    found = walked()
    snapshot = "hub/models--org--net/snapshots/1"
    assert found.files == {snapshot: [f"{snapshot}/model.safetensors"]}
    unfinished = next(row for row in FOREIGN if ".incomplete" in row.suffixes)
    assert found.kinds == {"hub/models--org--net/blobs/0c.incomplete": kind_of(unfinished)}


def test_every_revision_is_kept_also_where_two_link_to_one_file(write, tmp_path: Path) -> None:
    write("hub/models--org--net/blobs/0a", None)
    write("hub/models--org--net/blobs/0b", "{}")
    write("hub/models--org--net/blobs/0c", None)
    for revision, weights in (("1" * 40, "0a"), ("2" * 40, "0a"), ("3" * 40, "0c")):
        hub(tmp_path, "models--org--net", revision, model__safetensors=weights, config__json="0b")
    for root in ("hub", "hub/models--org--net", "hub/models--org--net/snapshots"):
        models, skipped = discover([tmp_path / root])
        assert [ref.name for ref in models] == [f"org/net@{digit * 8}" for digit in "123"]
        assert skipped == []


def write_universal(write, folder: str, *parameters: str) -> None:
    for parameter in parameters:
        for name in ("fp32.pt", "exp_avg.pt", "exp_avg_sq.pt"):
            write(f"{folder}/{parameter}/{name}")


def test_a_universal_checkpoint_is_one_model(write, walked) -> None:
    write_universal(write, "run/global_step7_universal/zero", "0.bias", "0.weight")
    write("run/global_step7_universal/zero/optimizer_state.pt")
    found = walked()
    model = "run/global_step7_universal"
    assert found.files == {model: [f"{model}/zero/{name}/fp32.pt" for name in ("0.bias", "0.weight")]}
    assert found.tensors == {model: ["0.bias", "0.weight"]}
    assert len(found.kinds) == 5


def test_folders_with_a_file_of_that_name_are_no_universal_checkpoint(write, walked) -> None:
    for run in ("run1", "run2"):
        write(f"{run}/fp32.pt")
    assert list(walked().files) == ["run1/fp32.pt", "run2/fp32.pt"]


def test_the_modules_of_sentence_transformers_are_one_model(write, walked) -> None:
    rows = [{"idx": k, "name": str(k), "path": path} for k, path in enumerate(("", "1_Pooling", "2_Dense"))]
    write("st/modules.json", rows)
    write("st/config.json", {})
    write("st/model.safetensors")
    write("st/1_Pooling/config.json", {})
    write("st/2_Dense/model.safetensors")
    write("st/2_Dense/config.json", {})
    found = walked()
    assert found.files == {"st": ["st/model.safetensors", "st/2_Dense/model.safetensors"]}
    assert found.prefixes == {"st": ["", "2_Dense."]}


def test_a_transformer_whose_other_modules_have_no_weights_is_read_as_such(write, walked) -> None:
    write("st/modules.json", [{"path": "0_Transformer"}, {"path": "1_Pooling"}])
    write("st/0_Transformer/model.safetensors")
    write("st/0_Transformer/config.json", {})
    write("bad/modules.json", {"path": "x"})
    write("bad/a.pt")
    found = walked()
    assert found.files == {"bad/a.pt": ["bad/a.pt"], "st/0_Transformer": ["st/0_Transformer/model.safetensors"]}
    assert found.is_model == {"bad/modules.json": False}


def test_another_precision_beside_a_model_is_one_line(write, walked, arrays) -> None:
    weights = np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10)
    write("m/config.json", {})
    write("m/model.safetensors", arrays(w=weights))
    write("m/model.fp16.safetensors", arrays(w=weights.astype(np.float16)))
    found = walked()
    assert found.files == {"m": ["m/model.safetensors"]}
    assert found.is_model == {"m/model.fp16.safetensors": False}
    assert "the same weights as 'model.safetensors' but for rounding" in found.skipped["m/model.fp16.safetensors"]


def test_a_component_that_a_pipeline_s_index_names_and_that_is_gone_is_a_sentence(write, walked) -> None:
    write(
        "p/model_index.json", {"unet": ["diffusers", "UNet"], "vae": ["diffusers", "VAE"], "s": ["d", "DDIMScheduler"]}
    )
    write("p/unet/diffusion_pytorch_model.safetensors")
    found = walked()
    assert found.files == {"p": ["p/unet/diffusion_pytorch_model.safetensors"]}
    (reason,) = found.skipped.values()
    assert reason == "the pipeline's index names 'vae', which is not there. Download the whole folder again."
