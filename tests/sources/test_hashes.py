"""Hashes of the files of models, as other tools print them."""

import hashlib
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.inputs import ModelRef, Part
from neural_phylogeny.sources.hashes import file_hashes


def ref(*files: object) -> ModelRef:
    return ModelRef(name="m", path="m", parts=tuple(Part(file=str(file)) for file in files))


def test_the_hash_is_that_of_the_file(tmp_path):
    one = tmp_path / "one"
    one.write_bytes(b"weights")
    assert file_hashes([ref(one), ref()]) == (hashlib.sha256(b"weights").hexdigest(), "")
    assert file_hashes([ref(one, tmp_path / "gone")]) == ("",)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_several_files_have_the_hash_of_what_sha256sum_prints(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    printed = subprocess.run(["sha256sum", "a", "b"], cwd=tmp_path, capture_output=True, check=True).stdout
    found = file_hashes([ref(tmp_path / "b", tmp_path / "a", tmp_path / "b")])
    assert found == (hashlib.sha256(printed).hexdigest(),)


def test_a_result_has_hashes_on_request(rng):
    path = demo.folder() / "heron.safetensors"
    models: dict[str, Any] = {"heron": path, "in memory": {"w": rng.uniform(-1, 1, (32, 32)).astype(np.float32)}}
    assert [model.sha256 for model in reconstruct(models).models] == ["", ""]
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [model.sha256 for model in reconstruct(models, hashes=True).models] == [expected, ""]
