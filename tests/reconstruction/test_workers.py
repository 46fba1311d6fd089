"""Real processes and real kills: each pool takes half a second to start."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.formats.limits import limit, raised
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction.fingerprints import fingerprints
from neural_phylogeny.reconstruction.workers import shared_out

REFS = [ModelRef(name=f"m{k}", path=f"/there/m{k}", parts=()) for k in range(7)]


def named(ref: ModelRef, folder: Path) -> tuple[str, int]:
    """m2 kills its worker the first time, m5 always."""
    first = folder / f"{ref.name}.tried"
    if (ref.name == "m2" and not first.exists()) or ref.name == "m5":
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ref.name, limit("rows")


def test_a_killed_worker_costs_its_task_and_a_poisoned_one_is_named(tmp_path: Path) -> None:
    with raised({"rows": 77}):
        found = {ref.name: result for ref, result in shared_out(REFS, partial(named, folder=tmp_path), 2)}
    assert found == {f"m{k}": (f"m{k}", 77) if k != 5 else None for k in range(7)}


@pytest.mark.slow
def test_several_workers_give_the_same_fingerprints() -> None:
    paths = [demo.folder() / f"{name}.safetensors" for name in ("godwit", "heron", "ibis")]
    one, two = ({n: f for n, _, f in fingerprints(paths, workers=workers)} for workers in (1, 2))
    assert one.keys() == two.keys()
    for name, found in one.items():
        other = two[name]
        assert isinstance(found, Fingerprint)
        assert isinstance(other, Fingerprint)
        assert other.digest == found.digest


def test_blas_has_one_thread_whatever_the_environment_says(rng):
    seen = []

    def method(family):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return np.full(len(family), -1)

    base = rng.uniform(-1, 1, (64, 64))
    models = {name: {"w": base + rng.normal(0, 0.1, base.shape)} for name in "abc"}
    with threadpool_limits(limits=2, user_api="blas"):
        reconstruct(models, method=method)
    assert seen
    assert all(found <= {1} for found in seen)


IN_METHOD = """
import numpy as np
from threadpoolctl import threadpool_info
from neural_phylogeny import reconstruct
rng = np.random.default_rng(0)
base = rng.uniform(-1, 1, (64, 64))
def method(family):
    print(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
    return np.full(len(family), -1)
reconstruct({name: {"w": base + rng.normal(0, 0.1, base.shape)} for name in "abc"}, method=method)
"""


def test_an_environment_with_many_blas_threads_changes_nothing():
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "64", "OMP_NUM_THREADS": "64"}
    done = subprocess.run(
        [sys.executable, "-c", IN_METHOD], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["1"]
