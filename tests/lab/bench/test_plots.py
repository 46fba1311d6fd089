import numpy as np
import pytest

from neural_phylogeny.lab.bench.runs import Result

pytest.importorskip("matplotlib")

from neural_phylogeny.evaluation.rates import calibration
from neural_phylogeny.lab.bench.plots import Panel, curves, figure_colour, forest, heat_map, reliability


def test_a_picture_has_a_field_for_each_cell_and_method(tmp_path):
    from matplotlib.image import imread

    found = {
        "auto": [
            Result("left", 0, 4, 0.5, {"overall": (4.0, 4.0)}),
            Result("right", 0, 4, 0.5, {"overall": (0.0, 4.0)}),
        ],
        "star": [Result("left", 0, 4, 0.1, {"overall": (4.0, 4.0)})],
    }
    heat_map("suite", found, "overall", tmp_path / "suite.png")
    image = imread(tmp_path / "suite.png")[..., :3]
    green, red = (
        (image - image.mean(axis=2, keepdims=True))[..., 1],
        (image - image.mean(axis=2, keepdims=True))[..., 0],
    )
    # Two fields of four are right (green), one is wrong (red), one is empty (white).
    assert (green > 0.15).sum() == pytest.approx(2 * (red > 0.15).sum(), rel=0.3)
    heat_map("suite", found, "overall", tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "suite.png").read_bytes()


def test_figures_can_be_read_on_every_colour_of_the_scale():
    from matplotlib import colormaps

    def luminance(colour):
        return sum(
            w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
            for w, c in zip(WEIGHTS, colour, strict=True)
        )

    for share in range(101):
        background = colormaps["RdYlGn"](share / 100)
        light = luminance(background[:3]) + 0.05
        contrast = 1.05 / light if figure_colour(background) == "white" else light / 0.05
        assert contrast > 4.5, share


WEIGHTS = (0.2126, 0.7152, 0.0722)


def test_a_forest_is_drawn_with_what_is_wrong_and_what_is_missed(tmp_path):
    from matplotlib.image import imread

    def reds(truth):
        forest("family", found, truth, tmp_path / "forest.png")
        assert (tmp_path / "forest.png").read_bytes()[:4] == b"\x89PNG"
        image = imread(tmp_path / "forest.png")
        return int(((image[..., 0] > 0.7) & (image[..., 1] < 0.4) & (image[..., 2] < 0.4)).sum())

    found = {"b.npz": "a.npz", "c.npz": "b.npz", "e.npz": "d.npz"}
    assert reds({"b.npz": "a.npz", "c.npz": "a.npz", "f.npz": "d.npz"}) > 0
    assert reds(found) == 0


def test_curves_share_one_legend(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    legend, named = Figure.legend, []

    def noted(figure, handles, names, **options):
        named.append(names)
        return legend(figure, handles, names, **options)

    monkeypatch.setattr(Figure, "legend", noted)
    panel = Panel("steps", ["1", "3"], {"auto": [0.5, 1.0], "star": [0.0, 0.2]})
    curves([panel, panel], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert named == [["auto", "star"]]


def test_a_name_has_one_colour_in_all_panels_of_reliability(tmp_path):
    from matplotlib.image import imread

    many = calibration([(0.2, False)] * 60 + [(0.7, True)] * 60)
    alone, beside = {"b": many}, {"a": calibration([]), "b": many}
    reliability({"one": beside, "two": alone}, tmp_path / "reliability.png")
    image = imread(tmp_path / "reliability.png")[..., :3]
    coloured = np.ptp(image, axis=2) > 0.3
    middle = image.shape[1] // 2
    left, right = (image[:, half][coloured[:, half]].mean(axis=0) for half in (slice(middle), slice(middle, None)))
    np.testing.assert_allclose(left, right, atol=0.05)
