"""``nphylo demo``."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import click

from neural_phylogeny.cli import output as out
from neural_phylogeny.evaluation.truth import Truth
from neural_phylogeny.records import Edge, Phylogeny


@click.command("demo")
@click.option("--method", default="auto", show_default=True, metavar="M", help="One of `nphylo methods`.")
def command(method: str) -> int:
    r"""Run on a real family of checkpoints that ships with the package, and hold the answer against the truth.

    Small networks trained on handwritten digits: two unrelated trees, three generations, several formats.

    \b
    Example:
      nphylo demo

    \b
    Exit codes: 0.
    """
    from neural_phylogeny import demo
    from neural_phylogeny.evaluation.metrics import score
    from neural_phylogeny.evaluation.truth import read_truth
    from neural_phylogeny.facade import reconstruct
    from neural_phylogeny.reports.text import render

    folder = demo.folder()
    answer = reconstruct(folder, method=method)
    truth = read_truth(folder / "truth.json")
    out.write("What the weights say\n\n", None)
    out.draw(render(answer), None)
    out.write("\nHow they were made\n\n", None)
    out.draw(render(_as_answer(answer, truth)), None)
    out.write("\nWhat was wrong\n\n", None)
    out.write("".join(f"  {line}\n" for line in mistakes(answer, truth)) or "  nothing\n", None)
    found = score(answer, truth)
    out.write("\n" + "".join(f"  {name:20s} {value}\n" for name, value in found.as_rows()), None)
    return 0


def _as_answer(answer: Phylogeny, truth: Truth) -> Phylogeny:
    """The truth in the shape of an answer, so that the two are drawn alike."""
    parents = {child: parent for parent, child, _ in truth.edges}
    family: dict[str, int] = {root: k for k, root in enumerate(truth.roots)}

    def family_of(name: str) -> int | None:
        while name in parents:
            name = parents[name]
        return family.get(name)

    return Phylogeny(
        models=tuple(replace(model, family=family_of(model.name), remark="") for model in answer.models),
        edges=tuple(Edge(parent, child, "finetune", nan, nan, 1.0) for parent, child, _ in truth.edges),
    )


def mistakes(answer: Phylogeny, truth: Truth) -> list[str]:
    """Every model whose parent was told wrongly, as a sentence."""
    true = {child: parent for parent, child, _ in truth.edges}
    told = {edge.child: edge.parent for edge in answer.edges}
    return [
        f"{model.name}: told {told.get(model.name, 'no parent')}, in truth {true.get(model.name, 'no parent')}"
        for model in answer.models
        if told.get(model.name) != true.get(model.name)
    ]
