"""The commands besides ``tree``."""

import json
import shutil

import numpy as np

from neural_phylogeny import demo
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reports.formats import FORMATS


def test_show_redraws_a_saved_result(run, folder, tmp_path):
    saved = tmp_path / "r.json"
    run("tree", folder, "-q", "-o", saved)
    assert run("show", saved).stdout == run("tree", folder).stdout
    assert run("show", saved, "--evidence").stdout == run("tree", folder, "--evidence").stdout
    assert run("show", saved, "--format", "json").stdout == saved.read_text()
    assert run("show", saved, "--format", "newick").stdout == run("tree", folder, "--format", "newick").stdout
    assert run("show", "-", input=saved.read_text()).stdout == run("show", saved).stdout


def test_explanations_are_text_or_json_of_models_or_of_a_result(run, folder, tmp_path):
    saved, name = tmp_path / "r.json", "child[red].npz"
    run("tree", folder, "-q", "-o", saved)
    text = run("tree", folder, "--explain", name).stdout
    assert text.startswith(f"{name} was made from base.npz (parent ")
    assert run("show", saved, "--explain", name).stdout == text
    written = run("tree", folder, "-q", "--explain", name, "--format", "json").stdout
    run("show", saved, "--explain", name, "-o", tmp_path / "why.json")
    assert (tmp_path / "why.json").read_text() == written
    assert json.loads(written)["claims"][0]["other"] == "base.npz"
    assert "text or json, not newick" in run("tree", folder, "--explain", name, "--format", "newick", code=2).stderr
    assert "did you mean" in run("show", saved, "--explain", "chil[red].npz", code=2).stderr


def test_show_refuses_what_is_no_result(run, tmp_path):
    (tmp_path / "x.json").write_text('{"format": "neural-phylogeny", "version": 9}')
    message = run("show", tmp_path / "x.json", code=3).stderr
    assert message.startswith(
        f"nphylo: {tmp_path / 'x.json'}: a result file of version 9; this program reads versions 1 to 2"
    )
    assert "no such file or directory" in run("show", tmp_path / "none.json", code=3).stderr
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    assert "it is not UTF-8 text" in run("show", tmp_path / "x.json", code=3).stderr


def test_compare(run, folder):
    result = run("compare", folder / "base.npz", folder / "child[red].npz")
    assert result.stdout.startswith("child[red].npz was made from base.npz (parent ")
    for words in ("For it:", "What would change it:", "Two models alone cannot show a common ancestor"):
        assert words in result.stdout
    strangers = run("compare", folder / "base.npz", folder / "stranger\x1b[2J.npz")
    assert strangers.stdout.splitlines()[0] == (
        r"base.npz and stranger\x1b[2J.npz are unrelated, as far as their weights show"
    )
    assert "\x1b" not in strangers.output


def test_a_sample_of_the_weights(run, tmp_path):
    rng = np.random.default_rng(0)
    base = rng.uniform(-1, 1, (300, 200)).astype(np.float32)
    np.savez(tmp_path / "a.npz", w=base)
    np.savez(tmp_path / "b.npz", w=base + rng.normal(0, 0.3, base.shape).astype(np.float32))
    assert "7.1 % of the weights were read" in run("tree", tmp_path, "--sample", "1%").stdout
    assert "were read" not in run("tree", tmp_path, "--sample", "all").stdout
    assert "read: 7.1 % of" in run("compare", tmp_path / "a.npz", tmp_path / "b.npz", "--sample", "0.01").stdout
    assert "not a proportion of the weights" in run("tree", tmp_path, "--sample", "0", code=2).stderr


def test_compare_as_json(run, folder, tmp_path):
    run("compare", folder / "base.npz", folder / "child[red].npz", "-o", tmp_path / "c.json")
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["verdict"] == "parent"
    assert found["tensors"][0]["name"] == "w"
    sorted_evidence = [each for group in found["reasons"].values() for each in group]
    assert sorted(map(str, sorted_evidence)) == sorted(map(str, found["evidence"]))
    assert any("odds" in sentence for sentence in found["what_would_change"])


def test_compare_takes_a_folder_of_two(run, folder, tmp_path):
    for name in ("base.npz", "child[red].npz"):
        (tmp_path / "two").mkdir(exist_ok=True)
        (tmp_path / "two" / name).write_bytes((folder / name).read_bytes())
    assert "child[red].npz was made from base.npz" in run("compare", tmp_path / "two").stdout
    assert "3 readable models instead of two" in run("compare", folder, code=1).stderr


def test_compare_what_cannot_be_compared(run, folder, tmp_path):
    assert "no such file" in run("compare", folder / "base.npz", tmp_path / "none", code=2).stderr
    np.savez(tmp_path / "other.npz", w=np.ones((2, 2), np.float32))
    assert "cannot be compared" in run("compare", folder / "base.npz", tmp_path / "other.npz", code=1).stdout


def test_inspect(run, folder):
    text = run("inspect", folder / "base.npz").stdout
    assert text.splitlines()[0] == "base.npz  npz  2,304 parameters"
    assert ["w", "48", "x", "48", "float32", "kernel"] in [line.split() for line in text.splitlines()]


def test_inspect_as_json_goes_on_after_a_bad_file(run, folder):
    (folder / "broken.npz").write_bytes(b"nothing like it")
    found = json.loads(run("inspect", folder, "--format", "json", code=3).stdout)
    assert [model["name"] for model in found["models"]] == ["base.npz", "child[red].npz", "stranger\x1b[2J.npz"]
    tensor = {"name": "w", "shape": [48, 48], "dtype": "float32", "role": "kernel"}
    assert found["models"][0]["tensors"] == [tensor]
    assert found["skipped"][0]["path"] == str(folder / "broken.npz")


def test_score(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "r.json")
    truth = {"group": "g", "complete": True, "edges": [{"parent": "child[red].npz", "child": "base.npz"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    text = run("score", tmp_path / "r.json", tmp_path / "truth.json").stdout
    assert text.splitlines()[0] == "g: 3 models, copies counted once"
    assert ["overall", "accuracy", "0.333", "(1", "of", "3)"] in [line.split() for line in text.splitlines()]
    assert "  reversed edge: base.npz -> child[red].npz; truth: child[red].npz -> base.npz" in text
    found = json.loads(run("score", tmp_path / "r.json", tmp_path / "truth.json", "--format", "json").stdout)
    assert found["metrics"]["overall"] == {"value": 1 / 3, "right": 1, "total": 3}


def test_score_names_what_it_cannot_use(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "r.json")
    (tmp_path / "truth.json").write_text('{"edges": [{"parent": "a"}]}')
    message = run("score", tmp_path / "r.json", tmp_path / "truth.json", code=3).stderr
    assert message == f"nphylo: {tmp_path / 'truth.json'}: a damaged truth file: edges[0] lacks 'child'\n"


def test_a_suffix_of_another_command_is_wrong_usage(run, tmp_path):
    message = run("methods", "-o", tmp_path / "m.nwk", code=2).stderr
    assert "m.nwk: no format has the suffix .nwk; use .txt or .json, or --format" in message
    assert not list(tmp_path.iterdir())


def test_methods(run):
    text = run("methods").stdout
    found = json.loads(run("methods", "--format", "json").stdout)["methods"]
    assert [row["name"] for row in found] == list(METHODS)
    for method in METHODS.values():
        assert method.summary in text
    assert "pip install 'neural-phylogeny[cluster]'" in text


def test_demo(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = run("demo").stdout
    assert text.splitlines()[-1] == "The report is in nphylo-demo.html: open it in a browser."
    assert "dunlin.safetensors" in (tmp_path / "nphylo-demo.html").read_text()
    reported, made = text.index("RESULT FROM THE WEIGHTS"), text.index("GROUND TRUTH")
    assert reported < made < text.index("tree direction, documented edges") < text.index("mistakes: ")
    for file in demo.folder().glob("*.*"):
        if file.name != "truth.json" and file.suffix != ".py":
            assert text[reported:made].count(file.name) >= 1
            assert text[made:].count(file.name) >= 1


def test_demo_names_every_mistake(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo.folder(), tmp_path / "demo")
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())
    truth |= {"edges": [], "roots": []}
    (tmp_path / "demo" / "truth.json").write_text(json.dumps(truth))
    monkeypatch.setattr(demo, "folder", lambda: tmp_path / "demo")
    text = run("demo").stdout
    counted = int(text.split("mistakes: ")[1].split()[0])
    assert text.count("which has no parent") > 0 < text.count("unrelated models joined: ")
    assert text.count("which has no parent") + text.count("unrelated models joined: ") == counted


def test_help_lists_every_format_and_each_is_written_by_name_and_by_suffix(run, folder, tmp_path):
    saved = tmp_path / "r.json"
    run("tree", folder, "-q", "-o", saved)
    for command in ("tree", "show"):
        shown = run(command, "--help").stdout
        assert all(f"  {form.name}  {' '.join(form.suffixes)}" in shown for form in FORMATS.values())
    for form in FORMATS.values():
        printed = run("show", saved, "--format", form.name).stdout_bytes
        run("show", saved, "-o", tmp_path / f"out{form.suffixes[0]}")
        if form.name != "spdx":  # it holds the time
            assert (tmp_path / f"out{form.suffixes[0]}").read_bytes() == printed
