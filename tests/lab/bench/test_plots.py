import pytest

from neural_phylogeny.lab.bench.runs import Result

pytest.importorskip("matplotlib")

from neural_phylogeny.lab.bench.plots import heat_map


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
