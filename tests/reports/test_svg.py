"""The drawing as SVG, PNG and PDF."""

import xml.etree.ElementTree as ET

import pytest
from tests.reports.synthetic import synthetic

from neural_phylogeny.records import KINDS, Phylogeny
from neural_phylogeny.reports.palette import HUES, KIND_HUES, SURFACES, variables
from neural_phylogeny.reports.svg import to_svg

NS = "{http://www.w3.org/2000/svg}"


def groups(root: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in root.iter(f"{NS}g") if name in (one.get("class") or "").split()]


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_the_file_is_xml_and_holds_every_model_and_claim(everything, theme):
    root = ET.fromstring(to_svg(everything, theme=theme))
    assert len(groups(root, "node")) == len(everything.models) + len(everything.missing) - 1
    assert len(groups(root, "edge")) == len(everything.edges) + len(everything.undirected)
    assert len(groups(root, "pair")) == len(everything.undirected)
    assert len(groups(root, "missing")) == 1
    assert not list(root.iter(f"{NS}script"))
    style = root.findtext(f"{NS}style") or ""
    assert ("var(--" in style) == (theme == "auto")


def test_what_is_surer_has_a_wider_line(everything):
    root = ET.fromstring(to_svg(everything))
    widths = {float(one.get("stroke-width", "")) for one in root.iter(f"{NS}path") if one.get("class") == "line"}
    assert len(widths) > 2
    assert min(widths) >= 1.0
    assert max(widths) <= 4.0


def test_an_empty_result_is_a_picture_too():
    assert ET.fromstring(to_svg(Phylogeny())).tag == f"{NS}svg"


def contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(a), light(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_readable_on_every_ground(theme):
    surfaces = SURFACES[theme]
    inks = [surfaces[name] for name in ("ink", "dim", "accent", "good", "fair", "poor")] + list(HUES[theme])
    for ground in ("page", "card", "panel"):
        assert min(contrast(ink, surfaces[ground]) for ink in inks) >= 4.5
    assert set(SURFACES["light"]) == set(SURFACES["dark"])
    assert variables(theme).count(":") == len(surfaces) + len(HUES[theme])


def test_every_kind_has_a_colour():
    assert set(KINDS) < set(KIND_HUES)


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_figures(tmp_path, form):
    pytest.importorskip("matplotlib")
    from neural_phylogeny.reports.figure import save_figure

    target = tmp_path / f"tree.{form}"
    save_figure(synthetic(12, 2), target, dpi=48)
    assert target.read_bytes()[:4] == {"png": b"\x89PNG", "pdf": b"%PDF"}[form]
    first = target.read_bytes()
    save_figure(synthetic(12, 2), target, dpi=48)
    assert target.read_bytes() == first
