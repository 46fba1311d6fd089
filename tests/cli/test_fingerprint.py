import json
from pathlib import Path

from neural_phylogeny import demo


def test_fingerprints_stand_for_their_models(run, tmp_path: Path) -> None:
    done = run("fingerprint", demo.folder() / "godwit.safetensors", "-o", tmp_path / "godwit.nphylo")
    assert "values" in done.stderr
    done = run("compare", tmp_path / "godwit.nphylo", demo.folder() / "heron.safetensors", "--format", "json")
    assert json.loads(done.stdout)["verdict"] == "parent"
    done = run("inspect", tmp_path / "godwit.nphylo")
    assert "a fingerprint of godwit.safetensors (safetensors)" in done.stdout.replace("\n", " ")


def test_several_models_go_to_a_folder(run, tmp_path: Path) -> None:
    paths = [demo.folder() / f"{name}.safetensors" for name in ("godwit", "heron")]
    run("fingerprint", *paths, "-o", tmp_path / "prints", "--size", "64KiB", "-q")
    assert sorted(path.name for path in (tmp_path / "prints").iterdir()) == [
        "godwit.safetensors.nphylo",
        "heron.safetensors.nphylo",
    ]
    done = run("fingerprint", *paths, "-o", tmp_path / "one.nphylo", "-q", code=2)
    assert "name a folder" in done.stderr


def test_names_below_a_root_do_not_depend_on_what_else_is_given(run, tmp_path: Path) -> None:
    root = demo.folder().parent
    run("fingerprint", demo.folder() / "heron.safetensors", "--root", root, "-o", tmp_path / "prints", "-q")
    assert [path.name for path in (tmp_path / "prints").iterdir()] == [
        f"{demo.folder().name}__heron.safetensors.nphylo"
    ]


def test_what_cannot_be_read_is_named(run, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"{" * 100)
    done = run("fingerprint", tmp_path, "-o", tmp_path / "prints", code=3)
    assert "bad.safetensors" in done.stderr
