"""The calibration of every probability: what is claimed of a family, and the page that is made of it."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("torch")

from neural_phylogeny.lab.calibration.claims import (
    KINDS,
    PARENT,
    SIZES,
    STEPS,
    Claim,
    PairTest,
    by,
    claims_of,
    named,
    unseen,
)
from neural_phylogeny.lab.calibration.page import page, summary
from neural_phylogeny.lab.calibration.scaling import best_temperature, error_at, without_each
from neural_phylogeny.lab.families.batches import MADE_OF, batch_number, batch_path, batch_paths, read_batch


def claims(overconfident=False):
    """Two generators of which seven in ten claims of 0.7 are right; overconfident ones say 0.97."""
    rng = np.random.default_rng(0)
    found = []
    for generator in ("tiny", "stars"):
        for number in range(400):
            right = bool(rng.random() < 0.7)
            p = 0.97 if overconfident else 0.7
            found += [Claim(kind, p, right, generator, "dense", "3", "below 2 %", number % 2) for kind in KINDS]
    return found


def test_bounds_are_inclusive_and_everything_has_a_name():
    assert [named(size, SIZES) for size in (2, 3, 4, 6, 7, 11)] == [
        "2",
        "3",
        "4 to 6",
        "4 to 6",
        "7 to 10",
        "more than 10",
    ]
    assert named(1e6, STEPS) == "60 % and more"


def test_the_page_has_a_row_for_each_value_and_a_picture_for_each_field(tmp_path):
    tests = [PairTest(float(-k), k > 3, "tiny") for k in range(6)]
    found = page(claims(), tests, "nphylo lab calibrate generators/")
    assert "| tiny | 400 | 0.0" in found.text
    assert "| unrelated | tiny | 4 |" in found.text
    assert len(found.pictures) == 5
    found.pictures["calibration-related.png"](tmp_path / "related.png")
    assert (tmp_path / "related.png").stat().st_size > 1000
    assert "this parent: 800 claims, error 0.0" in summary(claims())


def test_a_temperature_is_chosen_on_other_generators():
    parents = [claim for claim in claims(overconfident=True) if claim.kind == PARENT]
    assert best_temperature(parents) == 2.5
    for _, temperature, before, after in without_each(parents):
        assert temperature == 2.5
        assert before is not None
        assert after is not None
        assert after < before
    assert error_at([], 1.0) is None


def test_claims_of_a_batch_are_those_of_auto(batches):
    families = [group for known in read_batch(batch_paths(batches)[0]) for group in known.related()][:2]
    found = [claim for known in families for claim in claims_of(known, "tiny", 0)]
    assert {claim.kind for claim in found} <= set(KINDS)
    assert sum(claim.kind == "a root" for claim in found) == sum(len(known) for known in families)
    assert all(0.0 <= claim.probability <= 1.0 for claim in found)
    assert sum(map(len, by(found, "size", PARENT).values())) == sum(claim.kind == PARENT for claim in found)


def test_all_batches_of_the_judge_count(tmp_path):
    for number in (1, 25):
        batch_path(tmp_path, number).touch()
    assert [batch_number(path) for path in unseen(tmp_path)] == [25]
    (tmp_path / MADE_OF).write_text('{"prior": "apart"}')
    assert [batch_number(path) for path in unseen(tmp_path)] == [1, 25]
