"""The formats of a result: name, suffixes, writer, and what each cannot hold. One table; writers load when called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Phylogeny


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of a result.

    Attributes
    ----------
    name : str
        As ``--format`` takes it.
    suffixes : tuple of str
        Ends of file names that stand for it, with their dots; the longest that fits counts.
    writer : str
        Module below ``reports`` and function, ``"exports.nexus:to_nexus"``; takes a ``Phylogeny``, returns text or
        bytes.
    holds : str
        What it is for, and what is lost: second parents, missing ancestors, undetermined edges.
    """

    name: str
    suffixes: tuple[str, ...]
    writer: str
    holds: str

    def write(self, phylogeny: Phylogeny) -> str | bytes:
        """The result in this format; linear in its size.

        Raises
        ------
        MissingExtraError
            When the format needs a library that is not installed.
        """
        module, _, function = self.writer.partition(":")
        found: str | bytes = getattr(import_module(f"neural_phylogeny.reports.{module}"), function)(phylogeny)
        return found


_ROWS = (
    Format(
        name="text",
        suffixes=(".txt",),
        writer="text:to_text",
        holds="The tree as it is drawn on the terminal.",
    ),
    Format(
        name="json",
        suffixes=(".json",),
        writer="json:to_json",
        holds="The result file: everything; the one format that `show` and `Phylogeny.load` read.",
    ),
    Format(
        name="newick",
        suffixes=(".nwk", ".newick", ".tree"),
        writer="newick:to_newick",
        holds="A tree per family. Lost: second parents and confidences. Missing ancestors are inner nodes; "
        "relatives without a direction meet in an unnamed root.",
    ),
    Format(
        name="html",
        suffixes=(".html", ".htm"),
        writer="page:to_page",
        holds="The report: one page that works offline, to look at, to search and to print.",
    ),
    Format(
        name="svg",
        suffixes=(".svg",),
        writer="svg:to_svg",
        holds="The family tree as a picture; families are folded above 300 models.",
    ),
    Format(
        name="nexus",
        suffixes=(".nex", ".nexus"),
        writer="exports.nexus:to_nexus",
        holds="The trees of newick with a block of taxa. Lost: as in newick.",
    ),
    Format(
        name="graphml",
        suffixes=(".graphml",),
        writer="exports.graphs:to_graphml",
        holds="All parents and missing ancestors; an undetermined pair is two edges, related. Lost: evidence.",
    ),
    Format(
        name="node-link",
        suffixes=(".graph.json",),
        writer="exports.graphs:to_node_link",
        holds="As graphml, in the JSON that networkx and d3 read. Lost: evidence.",
    ),
    Format(
        name="dot",
        suffixes=(".dot", ".gv"),
        writer="exports.dot:to_dot",
        holds="A drawing for Graphviz: all parents; missing ancestors and undetermined pairs dashed. Lost: evidence.",
    ),
    Format(
        name="mermaid",
        suffixes=(".mmd", ".mermaid"),
        writer="exports.mermaid:to_mermaid",
        holds="A drawing for Markdown: all parents, missing ancestors, undetermined pairs dotted. Lost: evidence.",
    ),
    Format(
        name="jsonl",
        suffixes=(".jsonl", ".ndjson"),
        writer="exports.json_lines:to_json_lines",
        holds="One record a line: everything that json holds.",
    ),
    Format(
        name="csv",
        suffixes=(".csv",),
        writer="exports.tables:edges_csv",
        holds="Edges, a row each: a second parent is a second row, a missing ancestor a parent. Lost: "
        "undetermined pairs, evidence. Cells that a spreadsheet would run begin with an apostrophe.",
    ),
    Format(
        name="csv-pairs",
        suffixes=(".pairs.csv",),
        writer="exports.tables:pairs_csv",
        holds="The undetermined pairs, a row each.",
    ),
    Format(
        name="csv-models",
        suffixes=(".models.csv",),
        writer="exports.tables:models_csv",
        holds="The models, a row each.",
    ),
    Format(
        name="parquet",
        suffixes=(".parquet",),
        writer="exports.tables:edges_parquet",
        holds="As csv; needs the extra parquet.",
    ),
    Format(
        name="parquet-pairs",
        suffixes=(".pairs.parquet",),
        writer="exports.tables:pairs_parquet",
        holds="As csv-pairs; needs the extra parquet.",
    ),
    Format(
        name="parquet-models",
        suffixes=(".models.parquet",),
        writer="exports.tables:models_parquet",
        holds="As csv-models; needs the extra parquet.",
    ),
    Format(
        name="cyclonedx",
        suffixes=(".cdx.json",),
        writer="exports.cyclonedx:to_cyclonedx",
        holds="CycloneDX 1.6: each model a machine-learning-model with its file's SHA-256; all parents and missing "
        "ancestors as pedigree, undetermined pairs as properties. Lost: evidence.",
    ),
    Format(
        name="spdx",
        suffixes=(".spdx.json",),
        writer="exports.spdx:to_spdx",
        holds="SPDX 3.0.1: each model a package, each edge a relationship descendantOf, missing ancestors packages "
        "without a file. Undetermined pairs and weak edges are left out.",
    ),
    Format(
        name="card",
        suffixes=(".yaml", ".yml"),
        writer="exports.card:to_card",
        holds="base_model and base_model_relation of model cards. Left out: missing ancestors, undetermined pairs, "
        "edges below even odds, relations that the hub has no word for.",
    ),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
"""By name, in the order of the help."""


def find_format(name: str) -> Format:
    """A format by its name. Raises UnknownChoiceError."""
    if name not in FORMATS:
        raise UnknownChoiceError("format", name, FORMATS)
    return FORMATS[name]


def format_of_name(file_name: str, formats: Iterable[Format] = _ROWS) -> Format | None:
    """The format whose suffix ends a file name, the longest suffix first; None where none does.

    Examples
    --------
    >>> format_of_name("bom.cdx.json").name, format_of_name("result.JSON").name, format_of_name("notes.doc")
    ('cyclonedx', 'json', None)
    """
    lowered = file_name.lower()
    fitting = [(len(suffix), form) for form in formats for suffix in form.suffixes if lowered.endswith(suffix)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
