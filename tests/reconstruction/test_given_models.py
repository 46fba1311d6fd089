"""What may be given as models, and what is refused."""

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.errors import NotFoundError


def tuned(rng, parent, step=0.3):
    return {name: w + rng.laplace(0, step, w.shape) for name, w in parent.items()}


@pytest.fixture
def family(rng):
    parent, lone = ({"fc1": rng.uniform(-1, 1, (64, 48)), "fc2": rng.uniform(-1, 1, (32, 64))} for _ in range(2))
    return {"root": parent, "kid": tuned(rng, parent), "lone": lone}


def edges(answer):
    return {(edge.parent, edge.child) for edge in answer.edges}


def test_a_path_that_is_not_there_is_an_error_and_a_file_that_cannot_be_read_a_remark(family, tmp_path):
    for name, model in family.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    for gone in (tmp_path / "kids.npz", str(tmp_path / "*.pt")):
        for call in (reconstruct, lambda paths: compare(*paths)):
            with pytest.raises(NotFoundError, match=r"Check the spelling\.") as caught:
                call([tmp_path / "kid.npz", gone])
            assert caught.value.path == str(gone)
            assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(NotFoundError, match="Relative paths start at "):
        reconstruct("kids.npz")
    (tmp_path / "link.npz").symlink_to(tmp_path / "nowhere.npz")
    with pytest.raises(NotFoundError, match="the link leads to nothing"):
        reconstruct(tmp_path / "link.npz")
    (tmp_path / "bad.npz").write_bytes(b"")
    for models in (tmp_path, [tmp_path / "kid.npz", tmp_path / "root.npz", tmp_path / "bad.npz"]):
        answer = reconstruct(models)
        assert edges(answer) == {("root.npz", "kid.npz")}
        assert str(tmp_path / "bad.npz") in {skipped.path for skipped in answer.skipped}


def test_models_in_memory_and_in_files_side_by_side(family, tmp_path):
    (tmp_path / "old").mkdir()
    np.savez(tmp_path / "root.npz", **family["root"])
    for name in ("one", "two"):
        np.savez(tmp_path / "old" / f"{name}.npz", **family["lone"])
    models = {"before": tmp_path / "root.npz", "after": family["kid"], "others": tmp_path / "old"}
    answer = reconstruct(models)
    assert edges(answer) == {("before", "after")}
    assert answer.copies == (("others/one.npz", "others/two.npz"),)
    assert [model.name for model in reconstruct(models, include=["*r*"], exclude=["others*"]).models] == [
        "before",
        "after",
    ]
    with pytest.raises(NotFoundError):
        reconstruct({"a": tmp_path / "nowhere", "b": family["kid"]})
