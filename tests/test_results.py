"""Figures on the page of results, and those of tables on the front page, are those of ``docs/tables``."""

import re
from pathlib import Path

import pytest
from tests.test_readme import WORDS as README
from tests.test_readme import of, rows, text

PAGE = (Path(__file__).parents[1] / "docs" / "results.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())

ACCURACY = ("paper", "mixed", "generations", "wild", "quick", "decoder", "encoder", "vision", "diffusion", "formats")
LEADING = {"wild": "exact parent"}
"""The first of the two figures of a suite, where it is not the overall accuracy."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]


def row(begin: str) -> list[str]:
    """The only row of the page that begins so."""
    [found] = [cells(line) for line in PAGE.splitlines() if line.startswith(begin)]
    return found


METHODS = [re.findall(r"`([\w-]+)`", cell)[0] for cell in row("| suite | `auto`")[1:]]


@pytest.mark.parametrize("suite", ACCURACY)
def test_accuracy_by_suite_and_method(suite):
    own = row(f"| {suite}, ")[1:]
    for method, quoted in zip(METHODS, own, strict=True):
        figures = quoted.replace("*", "").split(" / ")
        assert figures == [of(suite, method, LEADING.get(suite, "overall")), of(suite, method, "tree direction")], (
            method
        )


def test_means_over_the_public_groups():
    header, *others = next(block for block in blocks("wild") if block[0][:2] == ["micro / macro", "exact parent"])
    macro = {one[0]: [f"{float(cell.split(' / ')[1]):.2f}" for cell in one[1:3]] for one in others[1:]}
    assert header[2] == "tree direction"
    [line] = [line for line in PAGE.splitlines() if line.startswith("Mean over the groups")]
    quoted = re.findall(r"`([\w-]+)` ([\d.]+) / ([\d.]+\d)", line)
    assert quoted
    for method, parent, direction in quoted:
        assert macro[method] == [parent, direction]


def blocks(table: str) -> list[list[list[str]]]:
    """The tables of a page in ``docs/tables``, one by one."""
    found: list[list[list[str]]] = [[]]
    for line in text(table).splitlines():
        if line.startswith("|"):
            found[-1].append(cells(line))
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


@pytest.mark.parametrize("suite", ["decoder", "encoder", "vision", "diffusion"])
def test_library_collections(suite):
    """Counts of one collection are the rounded shares of its cell."""
    for metric, column in (("exact parent", 3), ("tree direction", 4), ("overall", 6)):
        header, *others = next(block for block in blocks(suite) if block[0][0] == f"{metric}, by cell")
        shares = {one[0]: one[header.index("auto")].strip("*") for one in others}
        mine = [cells(line) for line in PAGE.splitlines() if line.startswith(f"| {suite} | ")]
        assert mine
        assert {one[1] for one in mine} <= set(shares)
        for one in mine:
            right, n = one[column].split("/")
            assert abs(float(right) / float(n) - float(shares[one[1]])) < 0.0051, (metric, one)


def test_sums_over_library_collections():
    """Together, as the sentence below the table and the goals say."""
    suites = {"decoder", "encoder", "vision", "diffusion"}
    mine = [cells(line) for line in PAGE.splitlines() if line.split(" | ")[0].strip("| ") in suites]
    mine = [one for one in mine if len(one) == 7]
    (parents, n), (directions, m) = (
        [sum(float(one[column].split("/")[k]) for one in mine) for k in (0, 1)] for column in (3, 4)
    )
    assert f"Together {parents:g} of {n:g} exact parents ({parents / n:.2f})" in WORDS
    assert f"and {directions:g} of {m:g} directions ({directions / m:.2f})" in WORDS


def test_goals_that_are_not_reached():
    [line] = [line for line in PAGE.splitlines() if line.startswith("Mean over the groups")]
    mean = re.findall(r"`auto` ([\d.]+) / ([\d.]+\d)", line)[0]
    parent, direction = of("wild", "auto", "exact parent"), of("wild", "auto", "tree direction")
    assert f"mean over groups 0.91, 0.95 | {parent}, {direction}; {', '.join(mean)} |" in PAGE
    assert f"| `innovation-tree` on mixed 0.90 | {of('mixed', 'innovation-tree', 'overall')} |" in PAGE


def test_kinds():
    """Rows of the two tables of trained collections are copied."""
    section = PAGE.split("### Kinds of relation")[1].split("\n### ")[0].splitlines()
    mine = {line for line in section if line.startswith("|") and len(cells(line)) in (7, 9)}
    assert len(mine) > 10
    assert mine <= set(text("kinds").splitlines())


def test_independent_networks():
    theirs = {one[0].lower().split()[0] + one[0][-2:]: one for one in rows("unrelated") if len(one) == 9}
    mine = [cells(line) for line in PAGE.split("## False positives")[1].split("**0 of")[0].splitlines() if "|" in line]
    assert len(mine) > 2
    for name, pairs, called, p, cosine, gaussian in mine[2:]:
        short = name.lower().replace("convolutions", "conv").split()[0] + name[-2:]
        other = theirs[short]
        assert (pairs.replace(",", ""), called, gaussian) == (other[1], other[2], other[8]), name
        assert float(p) in {float(f"{float(other[6]):.{digits}g}") for digits in (1, 2)}, name
        assert float(cosine) == round(float(other[7]), 2), name


def test_collections_joined():
    n, called, bound = {one[0]: one for one in rows("joined")}["all"][1:4]
    assert called == "0"
    assert f"**0 of {n} unrelated pairs**" in WORDS
    compared, own = rows("joined")[3:5]
    assert f"Of the {compared[1]} that were compared the upper 95 % bound is {compared[3].replace('%', ' %')}" in WORDS
    assert f"of the {own[1]} of one recipe and seed {float(own[3].strip('%')):.1f} %" in WORDS
    assert bound == "0.02%"


def test_claims_at_95_percent():
    sure = {one[0]: one[6] for one in rows("confidence") if one[1:2] == ["this parent"]}
    right = {name: f"{int(a):,} of {int(b):,}" for name, (a, b) in ((k, v.split(" of ")) for k, v in sure.items())}
    order = [right["paper"], right["mixed"], right["generations"], right["wild"]]
    claims = "{} on `paper`, {} on `mixed`, {} on `generations`, {} on public checkpoints".format(*order)
    assert f"right in {claims}" in WORDS
    assert f"left-out tiny families, in {right['left-out families']}." in WORDS
    missing = {one[0]: one for one in rows("confidence") if one[1:2] == ["a missing parent"]}
    own, paper = missing["left-out families"], missing["paper"]
    reported = f'"A missing parent" is reported {own[2]} times on left-out families, and is off by {float(own[3]):.2f}'
    assert reported in WORDS
    assert f"all {paper[2]} reports are false" in WORDS


@pytest.mark.parametrize(
    ("title", "name"), [("paper", "paper"), ("mixed", "mixed"), ("training-like, tiny", "left-out families")]
)
def test_families_without_their_root(title, name):
    section = text("confidence").split(f"\n### {name}\n")[1].split("\n### ")[0]
    own = next(cells(line) for line in section.splitlines() if line.startswith("| 0.0 |"))
    quoted = [float(cell.strip("*")) for cell in row(f"| {title} | 0")[1:]]
    assert quoted == [round(float(own[k]), 2) for k in (5, 6, 3)]


def test_samples():
    by_share = {one[0]: one for one in rows("sampling") if len(one) == 10}
    percent = by_share["1.0%"]
    edges, exact = (re.findall(r"\((\d+)/(\d+)\)", percent[k])[0] for k in (4, 9))
    everything = re.findall(r"\((\d+)/", by_share["100.0%"][9])[0]
    sure = re.findall(r"\((\d+)/(\d+)\)", percent[5])[0]
    assert sure[0] == sure[1]
    assert f"all {sure[1]} edges that the full read reports at 70 % and more are found again" in WORDS
    assert f"{edges[0]} of all {edges[1]} ({float(percent[4].split()[0]):.2f})" in WORDS
    assert f"exact parents {exact[0]} of {exact[1]} against {everything}" in WORDS


def test_large_collections():
    page = text("candidates")
    models = re.findall(r"^([\d,]+) models joined", page, re.M)[0]
    related = re.findall(r"full test calls ([\d,]+) related", page)[0]
    default = next(one for one in rows("candidates") if "(default)" in one[1])
    assert default[3] == "0"
    assert f"{models} models joined" in WORDS
    assert f"all {related} pairs that the full test calls related" in WORDS
    assert f"and {float(default[5].strip('%')):.0f} % of all pairs" in WORDS


def test_strangers_of_one_seed_on_the_front_page():
    found, not_found = [one for one in rows("one_seed") if one[0] == "reporting"][:2]
    assert (
        f"{found[3]} pairs of strangers of one seed still share a family ({found[2].split()[0]} without it)" in README
    )
    assert f"where it is not {not_found[3]}" in README


def test_speed_and_memory_on_the_front_page():
    assert f"2,000 models in 200 families take {row('| 2,000 in 200 |')[1]} seconds on two cores" in README
    assert f"A family of 200 took {row('| 200 in 1 |')[4]}." in README
    ratios = [float(row(f"| {name} ({size}")[3].strip("*")) for name, size in (("float32", "3.2"), ("bfloat16", "1.6"))]
    memory = max(
        int(row(f"| {name} ({size}")[6].split()[0]) for name, size in (("float32", "3.2"), ("bfloat16", "1.6"))
    )
    assert f"all read | {ratios[0]:.1f} x (float32), {ratios[1]:.1f} x (bfloat16), in {memory} MB |" in README


def test_rates_of_derived_on_the_pages_of_tasks():
    """At the default level, two models alone and with their family; the lowest level without a stranger."""
    tasks = Path(__file__).parents[1] / "docs" / "tasks"
    table = {one[0]: one for one in rows("derived")}
    alone, family = table["child and true parent"], table["child and true parent, all of their family given"]
    sentence = f"{alone[5]} of {alone[1]} were called derived with two models alone, {family[5]} with the family"
    assert sentence in " ".join((tasks / "audit.md").read_text(encoding="utf-8").split())
    one_seed = table["strangers of one initialisation seed"]
    assert (one_seed[4], one_seed[5]) == ("0", "0")
    sentence = f"at 80 % {one_seed[3]} of {one_seed[1]} pairs of strangers of one seed were"
    assert sentence in " ".join((tasks / "pipeline.md").read_text(encoding="utf-8").split())
