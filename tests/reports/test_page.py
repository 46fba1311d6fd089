"""The report as text: self-contained, within its policy, escaped, and of a size that can be sent."""

import base64
import hashlib
import html.parser
import json
import re
import time

import pytest
from tests.reports.synthetic import synthetic

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.page import FOLDER, ROWS, to_page
from neural_phylogeny.reports.record import record


class Reader(html.parser.HTMLParser):
    """Collects elements and the content of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, dict[str, str | None], str]] = []
        self.is_open = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append((tag, dict(attrs), ""))
            self.is_open = True

    def handle_endtag(self, tag):
        self.is_open = False

    def handle_data(self, data):
        if self.is_open:
            tag, attributes, text = self.inside[-1]
            self.inside[-1] = (tag, attributes, text + data)


def test_nothing_comes_from_outside(everything):
    page = Reader(to_page(everything))
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
    styles = "".join(text for tag, _, text in page.inside if tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_policy_allows_what_is_there_and_nothing_else(everything):
    page = Reader(to_page(everything))
    policy = next(found["content"] for tag, found in page.elements if found.get("http-equiv")) or ""
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for tag, key in (("script", "script-src"), ("style", "style-src")):
        contents = [text for name, found, text in page.inside if name == tag and found.get("type") is None]
        digests = [f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in contents]
        assert digests == [rules[key]]


def test_the_data_is_json_that_cannot_end_its_element(everything):
    page = Reader(to_page(everything))
    data = next(json.loads(text) for _, found, text in page.inside if found.get("id") == "data")
    assert len(data["links"]) == len(everything.edges) + len(everything.undirected)
    text = next(text for _, found, text in page.inside if found.get("id") == "data")
    assert not set("<>&") & set(text)
    assert text.isascii()


@pytest.mark.parametrize(("n", "families", "most", "seconds"), [(50, 4, 1.5e6, 1.0), (2000, 120, 20e6, 10.0)])
def test_size_and_time_of_the_processor(n, families, most, seconds):
    result = synthetic(n, families)
    start = time.process_time()
    page = to_page(result)
    assert time.process_time() - start < seconds
    assert len(page.encode()) < most
    rows = re.findall(r"<tr data-e=\d+( hidden)?>", page)
    assert len(rows) == len(result.edges) + len(result.undirected)
    assert rows.count("") == min(ROWS, len(rows))


def test_the_record_answers(everything):
    found = record(everything)
    assert found.answer[0] == (
        "7 of the 14 models were probably made from another model of this collection; the models form 2 families."
    )
    assert any("the common ancestor is not in this collection" in sentence for sentence in found.answer)
    assert any("1 model has the same weights as another model." in sentence for sentence in found.answer)
    assert any("b was made from base, 60 %" in sentence for sentence in found.how_sure)
    assert found.digest == ""
    assert record(synthetic(5, 1)).digest == record(synthetic(5, 1)).digest != ""


def test_an_empty_result_has_a_report():
    page = to_page(Phylogeny())
    assert "None of the 0 models is shown to have been made from another" in page


def test_the_libraries_are_those_that_are_named():
    named = json.loads((FOLDER / "vendor" / "vendor.json").read_text())
    files = {one.name for one in (FOLDER / "vendor").iterdir()} - {"vendor.json"}
    assert files == {f"{one['name']}.{end}" for one in named for end in ("js", "LICENSE")}
    for one in named:
        assert f"v{one['version']} " in (FOLDER / "vendor" / f"{one['name']}.js").read_text()[:120]
        assert one["license"] in ("ISC", "BSD-3-Clause")


def test_saving_leaves_the_old_file_where_it_fails(tmp_path, everything, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")
    monkeypatch.setattr("neural_phylogeny.reports.page.to_page", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        everything.save_html(target)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    monkeypatch.undo()
    everything.save_html(target)
    assert target.read_text(encoding="utf-8") == to_page(everything)
