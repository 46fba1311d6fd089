"""What models say of their parents, wherever they say it, and which model at hand they mean."""

import json

import numpy as np
import pytest

from neural_phylogeny.claims.declared import declared_by, listed
from neural_phylogeny.claims.matching import meant
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.inputs import ModelRef, Part


def safetensors(path, **metadata):
    values = np.zeros(4, np.float32).tobytes()
    header = json.dumps(
        {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, len(values)]}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + values)
    return path


def ref(path, file):
    return ModelRef(name=path.name, path=str(path), parts=(Part(file=str(file)),))


def test_every_place(tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read")
    file = safetensors(tmp_path / "model.safetensors", ss_sd_model_name="runwayml/sd", base_model=" ")
    (tmp_path / "README.md").write_text("---\nbase_model: [a/b, c]\nbase_model_relation: merge\n---\n")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/adapted"}')
    (tmp_path / "config.json").write_text('{"_name_or_path": "../start"}')
    (tmp_path / "trainer_state.json").write_text('{"best_model_checkpoint": "out/checkpoint-10", "best_metric": 1}')
    found, problems = declared_by(ref(tmp_path, file), is_alone=True)
    assert problems == []
    assert [(one.parent, one.relation, one.source) for one in found] == [
        ("runwayml/sd", "", "safetensors metadata: ss_sd_model_name"),
        ("a/b", "merge", "README.md: base_model"),
        ("c", "merge", "README.md: base_model"),
        ("org/adapted", "adapter", "adapter_config.json: base_model_name_or_path"),
        ("../start", "", "config.json: _name_or_path"),
        ("out/checkpoint-10", "", "trainer_state.json: best_model_checkpoint"),
    ]
    of_file, _ = declared_by(ref(file, file), is_alone=False)
    assert [one.parent for one in of_file] == ["runwayml/sd"]


def trained(folder, step, log, **more):
    folder.mkdir(parents=True, exist_ok=True)
    safetensors(folder / "model.safetensors")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": log, **more}))
    return declared_by(ref(folder, folder / "model.safetensors"), is_alone=True)[0]


def test_a_checkpoint_claims_the_one_before_it(tmp_path):
    out = tmp_path / "out"
    logs = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.5}]
    assert trained(out / "checkpoint-10", 10, logs[:1]) == []
    (claim,) = trained(out / "checkpoint-20", 20, logs)
    assert (claim.parent, claim.source) == (str(out / "checkpoint-10"), "trainer_state.json: log_history")
    (final,) = trained(out, 20, logs)
    assert final.parent == str(out / "checkpoint-20")
    (best,) = trained(out, 20, logs, best_model_checkpoint="out/checkpoint-10")
    assert (best.parent, best.source) == ("out/checkpoint-10", "trainer_state.json: best_model_checkpoint")
    assert trained(out / "checkpoint-30", 30, [{"step": 10, "loss": 9.0}]) == []


def test_a_recipe_of_mergekit_names_its_parts(tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed: recipes are not read")
    file = safetensors(tmp_path / "model.safetensors")
    recipe = "merge_method: ties\nbase_model: org/base\nmodels:\n- model: org/a\n- model: org/base\n- 3\n"
    (tmp_path / "mergekit_config.yml").write_text(recipe + "slices:\n- sources:\n  - model: org/b\n")
    found, problems = declared_by(ref(tmp_path, file), is_alone=True)
    assert problems == []
    assert [(one.parent, one.relation) for one in found] == [
        ("org/base", "merge"),
        ("org/a", "merge"),
        ("org/b", "merge"),
    ]


def test_broken_files_are_named(tmp_path):
    file = safetensors(tmp_path / "model.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": ')
    (tmp_path / "config.json").write_text('{"_name_or_path": 3}')
    (tmp_path / "trainer_state.json").write_text("[]")
    found, problems = declared_by(ref(tmp_path, file), is_alone=True)
    assert found == []
    (problem,) = problems
    assert "adapter_config.json: not JSON" in problem


def test_gguf_names_its_bases(tmp_path):
    gguf = pytest.importorskip("gguf", reason="the gguf package is not installed: nothing writes the file")
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_base_model_count(2)
    writer.add_base_model_name(0, "Base 7B")
    writer.add_base_model_organization(0, "Org")
    writer.add_base_model_repo_url(1, "https://huggingface.co/org/other")
    writer.add_tensor("output.weight", np.zeros((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found, problems = declared_by(ref(tmp_path / "m.gguf", tmp_path / "m.gguf"), is_alone=False)
    assert problems == []
    assert [one.parent for one in found] == ["Org/Base 7B", "https://huggingface.co/org/other"]


def test_a_list_that_is_no_csv_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("model,parent\ra," + "b" * 200_000, encoding="utf-8")
    with pytest.raises(SavedFileError, match="not CSV"):
        listed(str(path))


def test_lists_of_claims(tmp_path):
    (tmp_path / "c.csv").write_text("model,parent,relation\na,b,finetune\nc,d,\n")
    (tmp_path / "c.json").write_text('{"claims": [{"model": "a", "parent": "b"}]}')
    assert [(one.model, one.parent, one.relation) for one in listed(str(tmp_path / "c.csv"))] == [
        ("a", "b", "finetune"),
        ("c", "d", ""),
    ]
    assert [one.source for one in listed(str(tmp_path / "c.json"))] == ["c.json: claims[0]"]
    (tmp_path / "c.json").write_text('[{"model": "a"}]')
    with pytest.raises(SavedFileError, match="lacks 'parent'"):
        listed(str(tmp_path / "c.json"))
    (tmp_path / "c.json").write_text('{"claims": 3}')
    with pytest.raises(SavedFileError, match="not a list of claims"):
        listed(str(tmp_path / "c.json"))


def refs(*paths: str) -> list[ModelRef]:
    return [ModelRef(name=path, path=path, parts=()) for path in paths]


@pytest.mark.parametrize(
    ("declared", "paths", "found"),
    [
        ("org/base", ["m/org/base", "m/else/base"], ["m/org/base"]),
        ("https://huggingface.co/Org/Base", ["m/org/base"], ["m/org/base"]),
        ("org/base", ["hub/models--org--base/snapshots/1a2b"], ["hub/models--org--base/snapshots/1a2b"]),
        ("base", ["x/base.safetensors"], ["x/base.safetensors"]),
        ("base", ["x/base.safetensors", "y/base"], ["x/base.safetensors", "y/base"]),
        ("org/base", ["x/base-2", "x/rebase"], []),
        ("./x/base.pt", ["x/base.pt", "y/base.pt"], ["x/base.pt"]),
        ("", ["x"], []),
        ("/", ["x"], []),
    ],
)
def test_which_model_is_meant(declared, paths, found):
    assert [one.path for one in meant(declared, refs(*paths))] == found
