"""The command line: one file per command; the only place that prints or exits."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of ``nphylo``."""
    from neural_phylogeny.cli.group import nphylo

    sys.exit(nphylo.main(prog_name="nphylo", standalone_mode=False) or 0)
