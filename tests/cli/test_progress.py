"""The progress bar: what is worked on by its name, how far it is, and nothing where nobody looks."""

import os
import pty
import subprocess
import sys
import time

import pytest

from neural_phylogeny import demo
from neural_phylogeny.cli import output
from neural_phylogeny.files.activity import announce, listening

HERON, GODWIT = (str(demo.folder() / f"{bird}.safetensors") for bird in ("heron", "godwit"))


RUN = "import sys; from neural_phylogeny.cli import main; sys.exit(main())"


def printed(*arguments: str) -> str:
    """What a command writes to stderr where that is a terminal."""
    ours, theirs = pty.openpty()
    command = (sys.executable, "-c", RUN, *arguments)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert started.wait(60) in (0, 1, 4)
    return shown.decode()


def test_every_command_that_reads_weights_has_a_bar_and_quiet_takes_it_away():
    for arguments in (("inspect", HERON), ("diff", GODWIT, HERON)):
        assert "opening" in printed(*arguments), arguments
    assert printed("diff", GODWIT, HERON, "--quiet") == ""


@pytest.fixture
def lines(monkeypatch):
    """The states of a bar on a terminal, as its tasks have them."""
    from rich import progress

    found: list[tuple[str, str, float, float | None]] = []
    update = progress.Progress.update

    def recorded(self, task_id, **fields):
        update(self, task_id, **fields)
        task = self.tasks[task_id]
        found.append((task.description, task.fields["count"], task.completed, task.total))

    monkeypatch.setattr(progress.Progress, "update", recorded)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    return found


def test_a_bar_names_what_is_worked_on(lines):
    with output.progress_bar(False) as report:
        assert report is not None
        announce("opening", "a\x1b[2J.pt", 2, 14)
        announce("reading", "layer.0.weight of 14 models", 0, 1000)
        report(500, 1000)
        announce("placing", "x" * 100, 0, 3)
    assert ("opening a\\x1b[2J.pt", "3 of 14", 2, 14) in lines
    assert ("reading layer.0.weight of 14 models", "500 of 1.00 k values", 500, 1000) in lines
    assert lines[-1][1:] == ("1 of 3", 0, 3)
    assert max(len(line[0]) for line in lines) <= output.WORK


def test_nothing_listens_outside(lines):
    announce("opening", "a.pt", 0, 1)
    with listening(lambda *what: lines.append(what)):
        announce("opening", "b.pt")
    assert lines == [("opening", "b.pt", 0, 0)]


def test_work_that_reports_nothing_is_shown_once_it_takes_long(monkeypatch, capfd):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with output.waiting(False, "opening r.json"):
        pass
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(output, "PATIENCE", 0.0)
    with output.waiting(False, "opening r.json"):
        time.sleep(0.1)
    assert "opening r.json" in capfd.readouterr().err
