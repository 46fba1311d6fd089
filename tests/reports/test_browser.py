"""The report in a real browser: what is shown is what the result says, and names are never run."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reports.synthetic import synthetic

from neural_phylogeny.records import (
    CredibleRoots,
    Edge,
    ModelRecord,
    Phylogeny,
    RelatedPair,
    SharedComponent,
    SimilarityTable,
)
from neural_phylogeny.reports.formats import find_format
from neural_phylogeny.reports.json import to_json
from neural_phylogeny.wording import percent

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

CANARY = "window.canary = 1"
HOSTILE = (
    f"</script><script>{CANARY}</script>",
    f"<img src=x onerror='{CANARY}'>",
    f'"><svg onload="{CANARY}">.pt',
    f"javascript:{CANARY}",
    "line\nbreak\ttab\r.pt",
    "back\u202ewards\u200f.pt",
    "quote'\"`${alert(1)}\\.pt",
    "x" * 300 + "<b>",
    "-->]]><!--",
    "&lt;b&gt;&amp;",
)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open the report of a result from disk; errors and requests to anywhere else fail the test."""
    troubles: list[str] = []
    pages = []

    def go(result: Phylogeny, **options):
        target = tmp_path / "report.html"
        result.save_html(target)
        page = browser.new_page(
            viewport={"width": 1300, "height": 900}, offline=True, reduced_motion="reduce", **options
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("request", lambda one: None if one.url.startswith("file:") else troubles.append(one.url))
        page.goto(target.as_uri())
        page.wait_for_selector("html[data-ready]")
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()
    assert troubles == []


@pytest.fixture(scope="module")
def result() -> Phylogeny:
    return synthetic(30, 3, seed=5)


def node(page, name: str):
    return page.locator(f'#canvas .node[aria-label^="{name}"]').first


def test_a_click_on_a_model_shows_what_the_result_says_of_it(visit, result):
    page = visit(result)
    content = json.loads(to_json(result))
    child = next(edge["child"] for edge in content["edges"])
    node(page, child).click()
    details = page.locator("#details").inner_text()
    model = next(one for one in content["models"] if one["name"] == child)
    edge = next(one for one in content["edges"] if one["child"] == child)
    assert model["sha256"] in details.replace("\n", "")
    assert model["path"] in details.replace("\n", "")
    assert edge["parent"] in details
    assert percent(edge["p_parent"]) in details
    assert page.locator("#details [aria-label^=Evidence]").count() == sum(
        child in (one["parent"], one["child"]) for one in content["edges"]
    ) + sum(child in (one["a"], one["b"]) for one in content["undirected"])


def test_a_click_on_a_line_shows_its_evidence_and_layers(visit, result):
    page = visit(result)
    edge = next(one for one in result.edges if one.evidence)
    page.locator("#claims button", has_text=Path(edge.child).name).first.click()
    page.wait_for_timeout(50)
    details = page.locator("#details")
    text = details.inner_text()
    assert edge.parent in text
    assert all(each.statement in text for each in edge.evidence)
    assert all(percent(share) in text for share in (edge.p_parent, edge.p_direction) if share is not None)
    assert details.locator(".layers li").count() == len(edge.layers)
    widths = details.locator(".layers .track i").evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    most = max(layer.change for layer in edge.layers)
    assert widths == pytest.approx([100 * layer.change / most for layer in edge.layers], abs=0.01)
    for name, favoured in (("for", True), ("against", False)):
        shown = details.locator(f".evidence.{name} tr").count()
        expected = sum(
            each.strength > 0
            and each.favours != "neither"
            and (each.favours == "related" or each.model == edge.parent) == favoured
            for each in edge.evidence
        )
        assert shown == expected
    page.locator("#canvas .edge .hit").first.dispatch_event("click")
    assert details.locator("h3").inner_text()


def test_search_and_fold(visit, result):
    page = visit(result)
    nodes = page.locator("#canvas .node:not([display=none])")
    before = nodes.count()
    page.locator("#fold").click()
    tops = nodes.count()
    assert tops < before
    child = result.edges[-1].child
    page.locator("#search").fill(child.split("/")[-1].removesuffix(".safetensors"))
    assert "1 found" in page.locator("#hits").inner_text()
    page.locator("#search").press("Enter")
    assert node(page, child).is_visible()
    assert child in page.locator("#details").inner_text()
    page.locator("#unfold").click()
    assert nodes.count() == before
    page.locator("#search").fill("nothing is called so")
    assert page.locator("#hits").inner_text() == "none found"
    boxes = page.locator("#canvas .node .box").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().toJSON())"
    )
    for k, a in enumerate(boxes):
        for b in boxes[:k]:
            apart = (
                a["right"] <= b["left"] or b["right"] <= a["left"] or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]
            )
            assert apart
    labels = page.locator("#canvas .node").evaluate_all(
        "all => all.map(one => [one.querySelector('.label').getBBox(), one.querySelector('.box').getBBox()]"
        ".map(box => box.x + box.width))"
    )
    assert all(label <= box for label, box in labels)


def test_the_keyboard_reaches_everything(visit, result):
    page = visit(result)
    first = page.locator("#n0")
    first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    edge = next(one for one in result.edges if one.parent == result.models[0].name)
    assert any(one.child in focused for one in result.edges if one.parent == edge.parent) or "related" in focused
    page.keyboard.press("Enter")
    assert page.locator("#details h3").inner_text() in focused
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    assert first.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Escape")
    assert page.locator("#details").inner_text() == ""


def test_theme_and_colours(visit, result):
    page = visit(result, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.locator("#theme").click()
    light = page.evaluate(ground)
    assert dark != light
    assert page.locator("#theme").inner_text() == "Dark"
    by_family = page.locator("#canvas .node").last.evaluate("one => getComputedStyle(one).color")
    page.locator("#colour").select_option("kind")
    page.locator("#colour").select_option("family")
    assert page.locator("#canvas .node").last.evaluate("one => getComputedStyle(one).color") == by_family


def test_the_tables_sort_and_filter(visit, result):
    page = visit(result)
    rows = page.locator("#claims tbody tr:visible")
    assert rows.count() == len(result.edges) + len(result.undirected)
    page.locator("#claims th button", has_text="parent").last.click()
    shown = page.locator("#claims tbody tr").evaluate_all("all => all.map(one => Number(one.cells[3].dataset.v ?? -1))")
    assert shown == sorted(shown, reverse=True)
    assert sum(v >= 0 for v in shown) == len(result.edges)
    page.locator("#least").fill("90")
    sure = sum(edge.p_parent is not None and edge.p_parent >= 0.9 for edge in result.edges)
    assert rows.count() == sure
    page.locator("#least").fill("0")
    kind = result.edges[0].kind
    page.locator("#filter").fill(kind)
    assert rows.count() == sum(edge.kind == kind for edge in result.edges)


def test_the_map_tells_similarities(visit, result):
    page = visit(result)
    page.locator("#map").scroll_into_view_if_needed()
    page.locator("#map").press("ArrowRight")
    words = page.locator("#cell").inner_text()
    found = re.fullmatch(r"(.*) and (.*): similarity (0\.\d+)", words)
    assert found is not None, words
    table = next(one for one in result.similarities if found[1] in one.models)
    a, b = table.models.index(found[1]), table.models.index(found[2])
    known = {(e.parent, e.child): e.similarity for e in result.edges}
    expected = table.of(a, b) or known[found[1], found[2]]
    assert float(found[3]) == pytest.approx(expected, abs=1e-3)


def test_print_has_the_summary_on_its_own_page(visit, result, tmp_path):
    page = visit(result)
    content = page.pdf(prefer_css_page_size=True)
    assert content[:5] == b"%PDF-"
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: apt-get install poppler-utils")
    import subprocess

    target = tmp_path / "report.pdf"
    target.write_bytes(content)
    text = subprocess.run(["pdftotext", "-layout", target, "-"], capture_output=True, text=True, check=True).stdout
    first, *others = text.split("\f")
    for heading in ("Which of these models", "Answer", "How sure", "Method", "Limits", "Version"):
        assert heading in first
    assert "Family tree" not in first
    squeezed = re.sub(r"\s", "", text)
    assert all(model.sha256 in squeezed for model in result.models)
    assert any("Edges and pairs" in each for each in others)


def test_hostile_names_are_text(visit):
    models = tuple(
        ModelRecord(name=name, path=f"/x/{name}", format="npz", parameters=9, family=0, remark=f"<i>{name}</i>")
        for name in HOSTILE
    )
    edges = tuple(
        Edge(parent=HOSTILE[0], child=name, kind="finetune", p_parent=0.9, part=name) for name in HOSTILE[1:-1]
    )
    pair = RelatedPair(a=HOSTILE[0], b=HOSTILE[-1], p_value=1e-9)
    result = Phylogeny(models=models, edges=edges, undirected=(pair,), provenance={"notes": [f"<b>{HOSTILE[1]}"]})
    page = visit(result)
    for k in range(len(HOSTILE)):
        page.locator(f"#n{k}").dispatch_event("click")
        assert page.locator("#details b, #details img, #details script, #details i").count() == 0
    for k in range(len(edges) + 1):
        page.locator("#claims tbody tr td button").nth(k).dispatch_event("click")
    page.locator("#more").click()
    page.locator("#search").fill("</script>")
    assert page.evaluate("window.canary") is None
    assert page.locator("#canvas script, main img").count() == 0
    assert page.locator("#models tbody tr").count() == len(HOSTILE)


def test_copies_are_found_by_their_own_name(visit, result):
    model = result.models[0]
    twin = replace(model, name="uploads/twin.safetensors")
    page = visit(replace(result, models=(*result.models, twin), copies=((model.name, twin.name),)))
    page.locator("#search").fill("twin")
    page.locator("#search").press("Enter")
    assert twin.name in page.locator("#details").inner_text()


def test_an_empty_result_opens(visit):
    page = visit(Phylogeny())
    assert page.locator("h1").inner_text().startswith("None of the 0 models")


def test_a_folded_forest_opens_at_the_model_that_is_searched(visit):
    result = synthetic(400, 8, seed=2)
    page = visit(result)
    hidden = page.locator("#canvas .node[display=none]")
    assert hidden.count() > 100
    name = hidden.last.get_attribute("aria-label").split(",")[0]
    page.locator("#search").fill(Path(name).name)
    page.locator("#search").press("Enter")
    assert page.locator(f'#canvas .node[aria-label^="{name}"]').is_visible()


def test_mermaid_itself_takes_the_drawing(browser):
    """Mermaid's own parser and renderer, where ``NPHYLO_MERMAID`` names its ``mermaid.min.js``."""
    library = os.environ.get("NPHYLO_MERMAID")
    if not library:
        pytest.skip("NPHYLO_MERMAID names no mermaid.min.js (npm install mermaid)")
    page = browser.new_page(offline=True)
    page.add_script_tag(path=library)
    names = [*HOSTILE, "end", "click", "o--o", "A[b]"]
    models = tuple(ModelRecord(name=name, path="", format="npz", parameters=9, family=0) for name in names)
    edges = tuple(Edge(parent=names[0], child=name, kind="finetune", p_parent=0.9) for name in names[1:])
    for result in (synthetic(50, 4), Phylogeny(models=models, edges=edges)):
        text = find_format("mermaid").write(result)
        drawn = page.evaluate("async text => (await mermaid.render('drawing', text)).svg", text)
        assert drawn.count('class="node ') >= len(result.models)
        assert page.evaluate("window.canary") is None
        if result.models[0].name == HOSTILE[0]:
            assert "<script>" not in drawn
    page.close()


def test_roots_components_and_groups_are_listed(visit):
    base = synthetic(8, 1, seed=1)
    a, b, c = (model.name for model in base.models[:3])
    shared = SharedComponent(a=b, b=c, component="helper.", component_in_b="aux.", share_of_a=0.3, share_of_b=0.2)
    result = replace(
        base,
        models=tuple(replace(model, p_root=0.25) for model in base.models),
        credible_roots=(CredibleRoots(family=0, models=(a, b), probabilities=(0.71, 0.26)),),
        components=(shared,),
        provenance={**base.provenance, "parameters": {"prior": "unlikely"}},
    )
    page = visit(result)
    summary = page.locator("#summary").inner_text().replace("\u00a0", " ")
    assert f"Its root, if it is here: {a} (71 %) or {b} (26 %)." in summary
    assert "parents were assumed to be unlikely" in summary
    node(page, b).click()
    details = page.locator("#details").inner_text()
    assert "Probability to be a root" in details
    assert "26 %" in details
    assert f"helper., the same as in {c}" in details


def test_a_small_tree_has_a_small_field(visit):
    page = visit(synthetic(5, 1))
    field = page.locator(".stage").bounding_box()
    tree = page.locator("#panel0 .card").bounding_box()
    assert 200 <= field["height"] < tree["height"] + 60
    page.locator("#claims tbody button").nth(1).click()
    page.wait_for_selector("#details h3")
    assert page.locator(".stage").bounding_box()["height"] >= 420


def test_many_similarities_are_painted_and_read(visit):
    n = 450
    models = tuple(ModelRecord(name=f"m{k}", path="", format="npz", parameters=9, family=0) for k in range(n))
    edges = tuple(Edge(parent="m0", child=f"m{k}", kind="finetune", p_parent=0.9) for k in range(1, n))
    cosines = tuple((i * 7 + j * 3) % 1000 / 1000 for i in range(n) for j in range(i))
    table = SimilarityTable(models=tuple(model.name for model in models), cosines=cosines)
    page = visit(Phylogeny(models=models, edges=edges, similarities=(table,)))
    page.locator("#map").press("ArrowDown")
    words = page.locator("#cell").inner_text()
    found = re.fullmatch(r"m(\d+) and m(\d+): similarity (.*)", words)
    assert found is not None, words
    assert float(found[3]) == table.of(int(found[1]), int(found[2]))
    assert page.evaluate("document.querySelector('#map').width") > 200
