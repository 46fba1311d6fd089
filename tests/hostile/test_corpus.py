"""The command line on hostile inputs beside two sound models, whose answer must survive."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.hostile.corpus import CASES, sound_models

RUNNER = Path(__file__).with_name("run_corpus.py")
COMMAND = "from neural_phylogeny.cli import main; main()"

BEGINNINGS = (
    *("two_", "torch_zip_", "keras_archive_", "archive_", "json_", "index_of", "manifest_of_60", "name_of_20"),
    *("onnx_of", "onnx_names", "zip_", "components_of", "class_of", "storage_kind", "manifest_of_globs", "hdf5_many"),
    *(
        "npz_",
        "folder_of_10000",
        "pickle_of_many",
        "gguf_arrays",
        "gguf_of_empty",
        "gguf_of_many",
        "gguf_stack",
        "stack_of",
    ),
    *("distributed_of", "distributed_metadata", "adapter_of_the", "onnx_of_small", "safetensors_of_", "codes_of_odd"),
    *("manifest_of_many", "manifest_of_long_names", "folders_nested", "many_names", "statistics_is_a_zip"),
    *("kinds_of_layers", "kinds_of_one_matrix", "kinds_of_vocabularies", "kinds_of_equal", "kinds_of_computed"),
    *("kinds_of_matrices", "kinds_of_many", "small_"),
)
LARGE = frozenset(name for name in CASES if name.startswith(BEGINNINGS))
"""Inputs of many megabytes, which take seconds to write."""

OPEN = frozenset(
    {
        "kinds_of_equal_tensors_of_other_names",
        "kinds_of_equal_tensors_in_two_networks",
        "kinds_of_many_matrices_that_grew",
        "distributed_of_20000_larger_pieces",
        "folder_of_10000_models",
        "small_matrices_of_as_many_shapes",
    }
)
"""Inputs that still cost too much: see docs/security.md, "Not reached yet"; ``make hostile`` shows them."""


def run(names: list[str]) -> None:
    done = subprocess.run([sys.executable, RUNNER, *names], capture_output=True, text=True, check=False)
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    assert not bad, "\n".join(bad)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("third", range(3))
def test_small_inputs(third):
    run(sorted(CASES.keys() - LARGE)[third::3])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE - OPEN))
def test_large_inputs(name):
    run([name])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_partial_file(tmp_path, number):
    """The process is stopped while it writes: a writer that waits stands in for a slow disk.

    Where the tests run under ``nohup`` a hangup is ignored, by the tool too, so the default is set again.
    """
    slow = (
        f"import os, signal, time; signal.signal({int(number)}, signal.SIG_DFL)\n"
        "def wait(*a): open('ready', 'w').close(); time.sleep(60)\n"
        "os.replace = wait\n" + COMMAND
    )
    models = sound_models(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    started = subprocess.Popen(
        [sys.executable, "-c", slow, "tree", *models, "-q", "-o", str(out / "r.json")],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    started.send_signal(number)
    _, words = started.communicate(timeout=30)
    assert started.returncode == 128 + number
    assert b"terminated; no output was left incomplete" in words
    assert os.listdir(out) == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_the_letters_of_a_name_gets_them_escaped(tmp_path, encoding):
    first, _ = sound_models(tmp_path)
    renamed = tmp_path / "m\u4e2d\u0301.safetensors"
    os.rename(first, renamed)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "tree", str(tmp_path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u4e2d" in done.stdout


def test_a_file_that_takes_too_long_to_open_is_refused(tmp_path, monkeypatch):
    """The clock of the thread runs ahead by an hour at each look."""
    from neural_phylogeny.errors import LimitError
    from neural_phylogeny.inputs import ModelRef, Part
    from neural_phylogeny.sources.opening import open_model

    (path,) = CASES["onnx_of_empty_nodes"](tmp_path)
    clock = iter(range(0, 3600 * 1000, 3600))
    monkeypatch.setattr(time, "thread_time", lambda: float(next(clock)))
    with pytest.raises(LimitError, match=r"seconds of the processor to open a file.*--limit seconds=31"):
        open_model(ModelRef(name="m", path=path, parts=(Part(file=path),)))


def test_readers_are_switched_off_by_their_option(tmp_path):
    models = sound_models(tmp_path)
    (tmp_path / "x.pt").write_bytes(b"\x80\x02}.")
    arguments = [sys.executable, "-c", COMMAND, "tree", *models, str(tmp_path / "x.pt"), "--formats"]
    done = subprocess.run([*arguments, "safetensors,gguf"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "On are safetensors, gguf: see --formats." in " ".join(done.stdout.split())
    assert "parent" in done.stdout
    wrong = subprocess.run([*arguments, "safetensor"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "safetensors" in wrong.stderr


def test_a_limit_is_raised_by_its_option(tmp_path):
    (tmp_path / "m.csv").write_text("name,path\na,../x.safetensors\n")
    arguments = [sys.executable, "-c", COMMAND, "inspect", str(tmp_path / "m.csv")]
    refused = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert "Raise it with --limit outside=1 if you trust the file" in " ".join(refused.stdout.split())
    allowed = subprocess.run([*arguments, "--limit", "outside=1"], capture_output=True, text=True, check=False)
    assert "no such file" in " ".join(allowed.stdout.split())
    wrong = subprocess.run([*arguments, "--limit", "rows"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "is not NAME=VALUE" in wrong.stderr


def test_what_crashes_the_hdf5_library_costs_its_own_file_alone(monkeypatch):
    from neural_phylogeny.errors import DamagedFileError
    from neural_phylogeny.formats import hdf5_client

    monkeypatch.setattr(hdf5_client, "_COMMAND", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    hdf5_client._end()
    with pytest.raises(DamagedFileError, match="the HDF5 library crashed on it"):
        hdf5_client.ask({"do": "list", "path": "x.h5", "window": None}, "x.h5")
    monkeypatch.undo()
    hdf5_client._end()
