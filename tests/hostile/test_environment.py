"""The command line where the surroundings are hostile: closed streams, no home, no room, few files, odd locales."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from tests.hostile.corpus import sound_models

resource = pytest.importorskip("resource", reason="this system has no limits of a process")

COMMAND = "from neural_phylogeny.cli import main; main()"


def run(models, *more, before=None, env=None, **streams):
    """``nphylo tree``: exit code, output and messages; ``env`` may take variables away by None."""
    found = {**os.environ, **(env or {})}
    found = {name: value for name, value in found.items() if value is not None}
    arguments = [sys.executable, "-c", COMMAND, "tree", *models, *more]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    done = subprocess.run(arguments, env=found, preexec_fn=before, check=False, timeout=120, **streams)
    words = (done.stderr or b"").decode("utf-8", "replace")
    assert done.returncode != 70, words
    assert "Traceback" not in words
    assert "Warning" not in words
    return done.returncode, (done.stdout or b"").decode("utf-8", "replace"), words


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    first, second = sound_models(folder)
    renamed = folder / "child-\u4e2d\u00f6.safetensors"
    shutil.move(second, renamed)
    return [first, str(renamed)]


def closed(*numbers):
    def close():
        for number in numbers:
            os.close(number)

    return close


def limited(kind, most):
    return lambda: resource.setrlimit(kind, (most, most))


def test_closed_streams(models, tmp_path):
    """No file that is opened takes the place of a closed stream."""
    code, out, _ = run(models, before=closed(0, 2))
    assert code == 0
    assert "parent" in out
    code, _, _ = run(models, "--format", "json", "-o", str(tmp_path / "r.json"), before=closed(0, 1, 2))
    assert code == 0
    assert json.loads((tmp_path / "r.json").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(0,), (1,), (1, 2)])
def test_each_closed_stream(models, numbers):
    assert run(models, before=closed(*numbers))[0] == 0


PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [
        {**PLAIN, "LC_ALL": "C", "LANG": "C"},
        {**PLAIN, "LC_ALL": "POSIX"},
        {"LC_ALL": "xx_YY.nothing"},
        {"TERM": "dumb"},
        {"TERM": None, "HOME": None, "USER": None, "LOGNAME": None},
        {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
        {"TMPDIR": "/dev/null"},
        {"COLUMNS": "0", "LINES": "x"},
        {"COLUMNS": "99999999999"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONWARNINGS": "error"},
        {"PYTHONDEVMODE": "1"},
        {"http_proxy": "://", "https_proxy": "x", "TZ": "\x01/../../etc/passwd"},
    ],
    ids=lambda env: "-".join(env),
)
def test_environment_variables(models, env):
    code, out, _ = run(models, env=env)
    assert code == 0
    assert "parent" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [
        limited(resource.RLIMIT_NOFILE, 40),
        limited(resource.RLIMIT_NOFILE, 12),
        limited(resource.RLIMIT_FSIZE, 0),
        limited(resource.RLIMIT_NPROC, 1),
        limited(resource.RLIMIT_STACK, 256 << 10),
    ],
    ids=["40-files", "12-files", "no-room", "one-process", "small-stack"],
)
def test_limits_of_the_process(models, before):
    code, out, _ = run(models, before=before)
    assert code == 0
    assert "parent" in out


@pytest.mark.slow
@pytest.mark.parametrize("most", [250, 400])
def test_little_address_space_is_a_sentence(models, most):
    code, _, words = run(models, before=limited(resource.RLIMIT_AS, most << 20))
    assert code == 0 or (code == 3 and "not enough memory" in words)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["-o", "--save-stats"])
def test_outputs_without_room(models, tmp_path, option):
    code, _, words = run(models, option, str(tmp_path / "x.json"), before=limited(resource.RLIMIT_FSIZE, 100))
    assert code == 3
    assert words
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_folder_that_is_gone(models, tmp_path):
    gone = tmp_path / "gone"

    def leave():
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    assert run(models, before=leave)[0] == 0
    shutil.rmtree(gone, ignore_errors=True)
    assert run(["."], before=leave)[0] in (1, 2, 3)


@pytest.mark.slow
def test_streams_that_are_full(models):
    with open("/dev/full", "wb") as full:
        code, _, words = run(models, stdout=full)
        assert (code, words.strip()) == (3, "nphylo: No space left on device")
        code, out, _ = run(models, stderr=full)
    assert code == 0
    assert "parent" in out
