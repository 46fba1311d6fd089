"""What a notebook shows: folded, escaped, without colours of its own for text and ground."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import (
    Comparison,
    Edge,
    Evidence,
    ModelRecord,
    Phylogeny,
    Reasons,
    TensorComparison,
)
from neural_phylogeny.reports.html import to_html

EMPTY = {"br", "hr", "img", "input", "meta", "link"}
ALLOWED = {"div", "style", "details", "summary", "ul", "li", "span", "b", "i", "p", "table", "thead", "tbody"} | {
    *("tr", "th", "td", "h4")
}


class Page(HTMLParser):
    """The elements of a page, each closed again, and the text outside of styles."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.folds: list[bool] = []
        self.depth = self.deepest = 0
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, tag
        assert {name for name, _ in attrs} <= {"class", "open", "title", "colspan"}
        self.open.append(tag)
        self.tags.append(tag)
        if tag == "details":
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
            self.folds.append("open" in dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.depth -= tag == "details"

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def large(n_families, per_family):
    """Families of three generations."""
    models, edges = [], []
    for family in range(n_families):
        names = [f"family{family}/model-{k:03}.safetensors" for k in range(per_family)]
        models += [
            ModelRecord(name=name, path=name, format="safetensors", parameters=1_000, family=family) for name in names
        ]
        edges += [
            Edge(parent=names[(k - 1) // 6], child=names[k], kind="finetune", p_parent=0.9, similarity=0.9)
            for k in range(1, per_family)
        ]
    return Phylogeny(models=tuple(models), edges=tuple(edges))


def test_it_holds_all_that_the_text_holds(everything):
    page = Page(to_html(everything))
    for words in ("14 models, 2 families, 12 edges", "Family 1", "10 models", "lost", "not in the collection"):
        assert words in page.text
    for words in ("also from b", "= copy", "~ u2", "lone", "not enough evidence", "models/bad.pt", "the file is empty"):
        assert words in page.text
    assert "similarity: cosine of the compared weights" in page.text
    assert all(model.name in page.text for model in everything.models if model.name.isprintable())


def test_names_are_data(everything):
    html = to_html(everything)
    assert r"evil\x1b[31m\u202e[bold]x&lt;/code&gt;" in html
    assert html.isprintable() or set(re.findall(r"[^ -~]", html)) <= {"\n", *"▸▾×●–"}
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    record = ModelRecord(name=bad, path=bad, format=bad, parameters=1, family=0, remark=bad)
    other = ModelRecord(name="b", path="b", format="npz", parameters=1, family=0)
    evidence = Evidence(feature=bad, value=1.0, favours="related", strength=1.0, statement=bad)
    edge = Edge(parent=bad, child="b", kind="finetune", p_parent=0.5, evidence=(evidence,))
    answer = Phylogeny(
        models=(record, other), edges=(edge,), copies=((bad, bad + "2"),), skipped=(Skipped(path=bad, reason=bad),)
    )
    tensor = TensorComparison(name=bad, name_in_b=bad, role=bad, cosine=1.0, coverage=1.0)
    pair = Comparison(a=record, b=other, verdict="related", evidence=(evidence,), tensors=(tensor,))
    for shown in (to_html(answer), *(one._repr_html_() for one in (answer.explain(bad), answer.explain("b"), pair))):
        assert bad in Page(shown).text


def test_it_takes_the_colours_of_the_notebook(everything):
    style = re.search(r"<style>(.*?)</style>", to_html(everything), re.DOTALL)
    assert style
    assert "background" not in style[1]
    assert not re.search(r"(?<![-\w])color\s*:\s*(?:#|rgb|black|white)", style[1].split("/* dots */")[0])
    rules = re.findall(r"([^{}]+)\{[^}]*\}", style[1].replace("/* dots */", ""))
    assert all(part.strip().startswith("div.nphylo") for rule in rules for part in rule.split(","))


@pytest.mark.parametrize(("n_families", "per_family"), [(20, 10), (1, 200), (100, 2)])
def test_a_large_collection_is_folded_and_small(n_families, per_family):
    html = to_html(large(n_families, per_family))
    page = Page(html)
    assert not all(page.folds)
    assert page.folds[0]
    assert len(html) < 120_000
    assert shown_lines(html) < 80


def test_a_small_one_is_open(everything):
    assert all(Page(to_html(everything)).folds)


def test_a_run_of_checkpoints_does_not_march_to_the_right():
    names = [f"step{k:03}" for k in range(60)]
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=9, family=0) for name in names)
    edges = tuple(Edge(parent=a, child=b, kind="finetune") for a, b in pairwise(names))
    assert Page(to_html(Phylogeny(models=models, edges=edges))).deepest <= 3


def test_a_very_deep_tree_is_no_trouble():
    names = [f"m{k}" for k in range(3000)]
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=9, family=0) for name in names)
    edges = tuple(Edge(parent=names[max(k - 2 - k % 2, 0)], child=names[k], kind="finetune") for k in range(1, 3000))
    answer = Phylogeny(models=models, edges=edges)
    assert Page(to_html(answer)).deepest > 1000
    assert len(answer.to_networkx()) == 3000


def shown_lines(html):
    """Rows outside of closed folds."""
    closed, rows, stack = 0, 0, []
    for tag in re.findall(r"<details[^>]*>|</details>|class=\"row[^>]*>", html):
        if tag.startswith("<details"):
            stack.append(" open" not in tag)
            closed += stack[-1]
        elif tag.startswith("</"):
            closed -= stack.pop()
        else:
            rows += not closed
    return rows


def test_nothing_at_all():
    assert "0 models, 0 families, 0 edges" in Page(to_html(Phylogeny())).text


def test_a_comparison_and_an_explanation(everything):
    evidence = Evidence(
        feature="kurtosis", value=0.5, favours="parent", model="base", strength=0.6, statement="base has lighter tails"
    )
    a, b = everything.models[:2]
    tensor = TensorComparison(name="fc1.weight", name_in_b="w1", role="kernel", cosine=0.75, coverage=0.5)
    pair = Comparison(
        a=a,
        b=b,
        verdict="parent",
        p_parent=0.9,
        similarity=0.8,
        coverage=0.5,
        evidence=(evidence,),
        reasons=Reasons(supporting=(evidence,)),
        what_would_change=("A sibling.",),
        tensors=(tensor,),
    )
    text = Page(pair._repr_html_()).text
    for words in ("a was made from base (parent 90 %)", "similarity 0.800 on 50 % of the weights", "base has lighter"):
        assert words in text
    for words in ("For it", "A sibling.", "fc1.weight", "w1", "0.7500"):
        assert words in text
    text = Page(everything.explain("b")._repr_html_()).text
    for words in ("b was made from base", "For it", "kurtosis", "What would change it"):
        assert words in text
    assert repr(everything.explain("b")) == "<Explanation: b was made from base (direction 60 %)>"
    assert repr(everything.explain("lone")).startswith("<Explanation: lone is related to no other model here")
