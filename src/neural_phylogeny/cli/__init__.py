"""The command line: one file per command; the only place that prints or exits."""

from __future__ import annotations

import gc
import os
import sys

GARBAGE = 50_000
"""New objects after which unreachable cycles are looked for: a command imports some hundred modules, and makes few."""


def main() -> None:
    """Entry point of ``nphylo``."""
    _fill_closed_streams()
    gc.set_threshold(GARBAGE)
    from neural_phylogeny.cli.group import nphylo

    nphylo.main(prog_name="nphylo")


def _fill_closed_streams() -> None:
    """The null device in place of a closed stream, or the next file that is opened would be taken for it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode, flag = ("w", os.O_WRONLY) if number else ("r", os.O_RDONLY)
            opened = os.open(os.devnull, flag)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))
