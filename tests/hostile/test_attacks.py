"""Small hostile inputs are read or refused, soon, in little memory, and nothing else comes of them."""

import resource
import time

import pytest
from tests.fuzz.targets import TARGETS, refused
from tests.hostile.corpus.attacks import attacks

INPUTS = list(attacks())


@pytest.mark.parametrize("target", sorted({target for _, target, _ in INPUTS}))
def test_attacks_on_a_reader(target, tmp_path):
    bad = []
    for number, (label, _, content) in enumerate(one for one in INPUTS if one[1] == target):
        folder = tmp_path / str(number)
        folder.mkdir()
        begin, peak = time.thread_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            reason = refused(TARGETS[target], folder, content)
        except Exception as error:
            bad.append(f"{label}: {type(error).__name__}: {error}")
            continue
        if len(reason) > 5_000:
            bad.append(f"{label}: {len(reason)} letters")
        if time.thread_time() - begin > 3:
            bad.append(f"{label}: {time.thread_time() - begin:.1f} s")
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak > 300_000:
            bad.append(f"{label}: memory")
    assert not bad, "\n".join(bad)
