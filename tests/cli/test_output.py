"""The sink, on a terminal."""

import os
import pty
import select
import subprocess
import sys

import pytest

COMMAND = "from neural_phylogeny.cli import main; main()"


def on_terminal(*arguments: str, **environment: str) -> str:
    """What a command prints when stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "180", "LINES": "50", **environment}
    env = {key: value for key, value in env.items() if value}
    started = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = bytearray()
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert started.wait(30) == 0
    return shown.decode()


@pytest.fixture
def saved(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "r.json")
    return str(tmp_path / "r.json")


def test_a_terminal_gets_colours(saved):
    assert "\x1b[" in on_terminal("show", saved, NO_COLOR="")


def test_no_color_means_no_escapes_at_all(saved):
    assert "\x1b" not in on_terminal("show", saved, NO_COLOR="1")


def test_the_demo_stands_beside_the_truth_where_there_is_room():
    shown = on_terminal("demo", "--quiet", NO_COLOR="1")
    assert any("RESULT FROM THE WEIGHTS" in line and "GROUND TRUTH" in line for line in shown.splitlines())


def test_a_terminal_gets_a_progress_bar_and_quiet_takes_it_away(folder):
    assert "opening models" in on_terminal("tree", str(folder), NO_COLOR="")
    assert "opening models" not in on_terminal("tree", str(folder), "--quiet", NO_COLOR="")


def test_a_full_disk_leaves_the_old_file(run, folder, tmp_path):
    """A limit on the size of files stands for the disk; the system refuses the write in the middle."""
    resource = pytest.importorskip("resource", reason="no limits on file sizes here")
    saved, target = tmp_path / "r.json", tmp_path / "bom.cdx.json"
    run("tree", folder, "-q", "-o", saved)
    target.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, limits[1]))
    try:
        result = run("show", saved, "-o", target, code=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot write" in result.stderr
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bom.cdx.json", "models", "r.json"]
