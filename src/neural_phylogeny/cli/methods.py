"""``nphylo methods``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import output as out


@click.command("methods")
def command() -> int:
    r"""List the methods, with their references and costs.

    \b
    Example:
      nphylo methods

    \b
    Exit codes: 0.
    """
    from neural_phylogeny.trees.methods import METHODS

    for method in METHODS.values():
        needs = f"  needs pip install 'neural-phylogeny[{method.extra}]'\n" if method.extra else ""
        out.write(f"{method.name}\n  {method.summary}\n  {method.reference}; {method.cost}\n{needs}", None)
    return 0
