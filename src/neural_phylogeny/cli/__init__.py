"""The command line: one file per command; the only place that prints or exits."""

from __future__ import annotations


def main() -> None:
    """Entry point of ``nphylo``."""
    from neural_phylogeny.cli.group import nphylo

    nphylo.main(prog_name="nphylo")
