from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.errors import CheckpointError, InvalidOptionError, NotFoundError
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.reconstruction.fingerprints import fingerprint_model, fingerprints


def test_one_path_must_hold_one_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="models instead of one"):
        fingerprint_model(demo.folder())
    with pytest.raises(NotFoundError):
        fingerprint_model(tmp_path / "nothing.pt")
    (tmp_path / "m.safetensors").write_bytes(b"no model")
    with pytest.raises(CheckpointError, match="header"):
        fingerprint_model(tmp_path / "m.safetensors")
    with pytest.raises(InvalidOptionError, match="at least 16384 bytes"):
        fingerprint_model(demo.folder(), size=100)


def test_the_demo_family_has_the_same_tree_from_fingerprints() -> None:
    found = fingerprints([demo.folder()], size=1 << 16)
    prints = {name: one for name, _, one in found if isinstance(one, Fingerprint)}
    edges = [
        {(e.parent, e.child) for e in answer.edges} for answer in (reconstruct(demo.folder()), reconstruct(prints))
    ]
    assert len(edges[0] & edges[1]) >= 0.9 * len(edges[0])
    assert np.mean([len(found.to_bytes()) for found in prints.values()]) < 1 << 16
