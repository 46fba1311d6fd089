from pathlib import Path

from click.testing import CliRunner

from neural_phylogeny import demo
from neural_phylogeny.cli.group import nphylo


def run(*args: object):
    return CliRunner().invoke(nphylo, list(map(str, args)))


def test_fingerprints_stand_for_their_models(tmp_path: Path) -> None:
    done = run("fingerprint", demo.folder() / "godwit.safetensors", "-o", tmp_path / "godwit.nphylo")
    assert done.exit_code == 0, done.output
    assert "values" in done.stderr
    done = run("compare", tmp_path / "godwit.nphylo", demo.folder() / "heron.safetensors", "--format", "json")
    assert done.exit_code == 0, done.output
    assert '"verdict": "unrelated"' not in done.stdout
    done = run("inspect", tmp_path / "godwit.nphylo")
    assert "a fingerprint of godwit.safetensors (safetensors)" in done.stdout.replace("\n", " ")


def test_several_models_go_to_a_folder(tmp_path: Path) -> None:
    paths = [demo.folder() / f"{name}.safetensors" for name in ("godwit", "heron")]
    done = run("fingerprint", *paths, "-o", tmp_path / "prints", "--size", "64KiB", "-q")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "prints").iterdir()) == [
        "godwit.safetensors.nphylo",
        "heron.safetensors.nphylo",
    ]
    done = run("fingerprint", *paths, "-o", tmp_path / "one.nphylo", "-q")
    assert done.exit_code == 2
    assert "name a folder" in done.stderr


def test_names_below_a_root_do_not_depend_on_what_else_is_given(tmp_path: Path) -> None:
    root = demo.folder().parent
    done = run("fingerprint", demo.folder() / "heron.safetensors", "--root", root, "-o", tmp_path / "prints", "-q")
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "prints").iterdir()] == [
        f"{demo.folder().name}__heron.safetensors.nphylo"
    ]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"{" * 100)
    done = run("fingerprint", tmp_path, "-o", tmp_path / "prints")
    assert done.exit_code == 3
    assert "bad.safetensors" in done.stderr
