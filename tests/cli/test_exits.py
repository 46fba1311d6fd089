"""What a loaded system refuses is a sentence; what the program does wrong is not hidden behind one."""

import threading

import pytest

from neural_phylogeny.cli.exits import FAULT, SOME_UNREADABLE, exit_code


def test_a_thread_that_cannot_start_is_no_bug(monkeypatch, capsys):
    def refused(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "_start_new_thread", refused)
    assert exit_code(threading.Thread(target=print).start) == SOME_UNREADABLE
    assert "not enough memory" in capsys.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("x"), RecursionError("y"), ImportError("z")])
def test_other_errors_of_the_same_kind_are_bugs(error, capsys):
    def wrong():
        raise error

    assert exit_code(wrong) == FAULT
    assert "Traceback" in capsys.readouterr().err
