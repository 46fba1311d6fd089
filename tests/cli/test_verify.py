"""``nphylo verify`` and ``nphylo annotate`` on models that tell the truth, a lie, or nothing."""

import io
import json
import shutil
import stat
import xml.etree.ElementTree as ET

import pytest

from neural_phylogeny import demo

pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read")

TRUE = "---\nlicense: mit   # keep\nbase_model: org/godwit\nbase_model_relation: finetune\n---\n# Heron\n"
FALSE = "---\nbase_model: org/godwit\n---\n"
GONE = "---\nbase_model: org/absent\n---\n"


@pytest.fixture
def hub(tmp_path):
    """Three models in folders of their own; one tells the truth, one lies, one names a parent that is not there."""
    for bird in ("godwit", "heron", "egret", "curlew"):
        folder = tmp_path / "hub" / bird
        folder.mkdir(parents=True)
        shutil.copy(demo.folder() / f"{bird}.safetensors", folder / "model.safetensors")
        (folder / "config.json").write_text("{}")
    (tmp_path / "hub" / "heron" / "README.md").write_text(TRUE)
    (tmp_path / "hub" / "egret" / "README.md").write_text(FALSE)
    (tmp_path / "hub" / "curlew" / "README.md").write_text(GONE)
    return tmp_path / "hub"


def test_a_planted_false_claim_fails_and_a_true_one_passes(run, hub):
    text = run("verify", hub, "--among", demo.folder(), code=1).stdout
    assert text.startswith("3 claims: 1 confirmed, 1 contradicted, 1 unproven")
    assert "the parent org/absent is not at hand" in text
    true = run("verify", hub / "heron", "--among", demo.folder(), "--among", hub)
    assert true.stdout.startswith("1 claim: 1 confirmed")
    assert run("verify", hub / "curlew", "--among", hub, "--fail-on", "unproven", code=4).stdout


def test_the_nearest_relative_is_named(run, tmp_path):
    (tmp_path / "claims.csv").write_text("model,parent,relation\nheron.safetensors,egret,finetune\nheron,none,\n")
    found = run("verify", demo.folder(), "--claims", tmp_path / "claims.csv", "--format", "json", code=1)
    claims = json.loads(found.stdout)["claims"]
    assert [one["verdict"] for one in claims] == ["contradicted", "unproven"]
    assert claims[0]["reason"].endswith("its nearest relative here is godwit.safetensors")
    assert found.stderr == "nphylo: 2 claims: 1 contradicted, 1 unproven\n"


def test_what_is_declared_never_changes_the_verdict(run, hub):
    """The same models with and without their cards: the same result but for the claims."""
    claimed = json.loads(run("verify", hub, "--format", "json", code=None).stdout)["claims"]
    before = run("tree", hub, "--format", "csv").stdout
    for card in hub.glob("*/README.md"):
        card.unlink()
    assert run("tree", hub, "--format", "csv").stdout == before
    lie = next(one for one in claimed if "egret" in one["declared"]["model"])
    assert lie["verdict"] == "contradicted"


def test_formats_of_pipelines(run, hub, tmp_path):
    run("verify", hub, "-q", "-o", tmp_path / "v.xml", code=1)
    (suite,) = ET.parse(tmp_path / "v.xml").getroot()
    assert suite.get("failures") == "1"
    run("verify", hub, "-q", "-o", tmp_path / "v.sarif", code=1)
    (report,) = json.loads((tmp_path / "v.sarif").read_text())["runs"]
    assert {"pass", "fail", "open"} >= {one["kind"] for one in report["results"]} >= {"fail"}


def test_hostile_claims_are_escaped(run, hub):
    lie = '---\nbase_model: "<b>\\e[31m\\u202e\\n\' x"\n---\n'
    (hub / "egret" / "README.md").write_text(lie)
    for form in ("text", "json", "junit", "sarif"):
        shown = run("verify", hub / "egret", "--format", form).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        if form == "junit":
            ET.fromstring(shown)


def test_a_broken_card_is_named_and_left(run, hub):
    card = hub / "egret" / "README.md"
    card.write_text("---\nbase_model: [a\n---\n")
    result = run("verify", hub / "egret", code=3)
    assert "no claims found" in result.stdout
    assert "the front matter of the card is not YAML" in result.stdout
    result = run("annotate", hub, "--write", code=3)
    assert "egret/README.md: the front matter of the card is not YAML" in result.stderr
    assert card.read_text() == "---\nbase_model: [a\n---\n"


def test_annotate_proposes_and_writes_two_fields(run, hub):
    card = hub / "heron" / "README.md"
    card.write_text(TRUE.replace("base_model: org/godwit\nbase_model_relation: finetune\n", ""))
    arguments = ("annotate", hub / "heron", "--among", demo.folder(), "--as", "godwit.safetensors=org/godwit")
    extra = ("--as", "data/godwit.safetensors=org/godwit")
    shutil.rmtree(hub / "godwit")
    result = run(*arguments, *extra)
    assert "+base_model_relation: finetune" in result.stdout
    assert "1 card to change; --write applies" in result.stderr
    assert "base_model" not in card.read_text()
    run(*arguments, *extra, "--write")
    assert card.read_text().replace("base_model_relation", "x").count("base_model: ") == 1
    assert card.read_text().startswith("---\nlicense: mit   # keep\nbase_model: ")
    assert not stat.S_IMODE(card.stat().st_mode) & 0o111
    again = run(*arguments, *extra)
    assert again.stdout == ""
    assert "its card says so already" in again.stderr


def test_annotate_creates_a_card_where_none_is(run, hub):
    (hub / "heron" / "README.md").unlink()
    before = {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()}
    arguments = ("annotate", hub / "heron", "--among", demo.folder(), "--as", "data/godwit.safetensors=org/godwit")
    proposed = run(*arguments)
    assert proposed.stdout.startswith("--- /dev/null\n+++ b/")
    assert {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()} == before
    run(*arguments, "--write")
    card = hub / "heron" / "README.md"
    assert card.read_text().startswith("---\nbase_model: ")
    assert card.read_text().endswith("\nbase_model_relation: finetune\n---\n")
    assert {path: path.read_bytes() for path in hub.rglob("*") if path.is_file() and path != card} == before
    assert "its card says so already" in run(*arguments).stderr


def test_annotate_creates_no_card_beside_other_weights(run, hub, tmp_path):
    shutil.copytree(demo.folder(), tmp_path / "birds")
    result = run("annotate", tmp_path / "birds" / "heron.safetensors", "--among", hub / "godwit", "--write")
    assert "it has no card, and its folder may hold more than this model" in result.stderr
    assert not (tmp_path / "birds" / "README.md").exists()


def test_annotate_leaves_a_parent_that_is_not_here(run, hub):
    card = hub / "heron" / "README.md"
    card.write_text(GONE)
    result = run("annotate", hub / "heron", "--among", hub / "godwit", "--among", demo.folder(), "--write")
    assert "heron: it declares org/absent, which is not here" in result.stderr
    assert card.read_text() == GONE


def test_models_that_share_a_folder_have_no_card_of_their_own(run, tmp_path):
    shutil.copytree(demo.folder(), tmp_path / "birds")
    (tmp_path / "birds" / "README.md").write_text(FALSE)
    assert run("verify", tmp_path / "birds").stdout == "no claims found\n"
    assert "several models share its folder" in run("annotate", tmp_path / "birds").stderr


def test_wrong_usage(run, hub, tmp_path):
    assert "is not NAME=ID" in run("annotate", hub, "--as", "x", code=2).stderr
    (tmp_path / "c.json").write_text("[")
    assert "not JSON" in run("verify", hub, "--claims", tmp_path / "c.json", code=3).stderr
    assert "no such file" in run("verify", hub, "--claims", tmp_path / "none.csv", code=3).stderr


def test_a_narrow_terminal_shows_long_names_whole():
    from rich.console import Console

    from neural_phylogeny.records import CheckedClaim, Declared, Verification
    from neural_phylogeny.reports.verification import render_verification

    name = "folder/" * 12 + "nearest"
    claim = CheckedClaim(
        declared=Declared(model=name, parent=name, source="README.md: base_model"), verdict="contradicted", reason=name
    )
    console = Console(width=80, record=True, quiet=False, file=io.StringIO())
    console.print(render_verification(Verification(claims=(claim,), at_least=0.95)))
    shown = console.export_text()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
