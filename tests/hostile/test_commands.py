"""Every command on hostile inputs beside two sound models."""

import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("run_commands.py")


def faults(name: str) -> list[str]:
    """The lines of commands that went wrong, those apart that only took long: listings of thousands of tensors do."""
    done = subprocess.run([sys.executable, RUNNER, name], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].endswith(" bad"), done.stderr[-2000:]
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    return [line for line in bad if line.split("B ")[-1].split() != ["slow"]]


def test_values_of_which_numpy_would_warn():
    assert faults("values_that_make_numpy_warn") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "kinds_of_constants_and_what_is_no_number",
        "kinds_of_one_matrix_that_grew",
        "names_of_terminal_commands",
        "pipeline_of_odd_components",
        "two_strides_of_zero",
        "two_npz_c_order",
    ],
)
def test_models_made_against_what_follows_the_pass(name):
    assert faults(name) == []
