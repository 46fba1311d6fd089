import subprocess
import sys

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")


def test_a_file_left_open_does_not_crash_the_interpreter_at_its_end(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("dense/kernel", data=np.ones((4, 4), np.float32), chunks=(2, 2))
    code = f"from neural_phylogeny.formats import open_checkpoint\nkept = open_checkpoint({str(tmp_path / 'm.h5')!r})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
