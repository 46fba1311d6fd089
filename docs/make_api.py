"""Write ``docs/api.md`` from the docstrings of the public names: ``python docs/make_api.py``; a test compares."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neural_phylogeny
import neural_phylogeny.errors as errors
from neural_phylogeny.trees import baselines

HEADER = """\
# Python interface

Generated from the docstrings by `docs/make_api.py`; change the docstrings, not this page. All names are imported from
`neural_phylogeny`. The examples run as tests; `answer` in them is `reconstruct(demo.folder())`, with `demo` imported
from `neural_phylogeny`. The terms are in the [glossary](glossary.md), the files in [result files](result-file.md).
"""

SECTIONS = (
    ("Functions", ("reconstruct", "compare", "derived", "verify", "diff", "fingerprint_model")),
    (
        "Results",
        (
            "Phylogeny",
            "ModelRecord",
            "Edge",
            "RelatedPair",
            "MissingAncestor",
            "SharedComponent",
            "UndecidedGroup",
            "LayerChange",
            "SimilarityTable",
            "CredibleRoots",
            "Skipped",
        ),
    ),
    ("Comparison and explanation", ("Comparison", "TensorComparison", "Explanation", "ExplainedClaim")),
    ("Descent and claims", ("Derivations", "Derivation", "Verification", "CheckedClaim", "Declared")),
    ("Changes", ("Changes", "TensorChange")),
    ("Evidence", ("Evidence", "Reasons")),
    ("Methods", ("METHODS", "Method", "Family", "Forest")),
)

METHODS_TEXT = """\
A mapping from the name of each method to its `Method`. `nphylo methods` prints it.

```python
>>> from neural_phylogeny import METHODS
>>> METHODS["star"].summary
'{summary}'
```
"""

ESTIMATORS = """\
The paper's clusterings and the other baselines are scikit-learn estimators too, on arrays instead of checkpoints. They
need the extra `cluster` and are imported from `neural_phylogeny.trees.baselines`:
"""

HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)


def page() -> str:
    """The page: a section for each public name."""
    return HEADER + "".join(f"\n{block}" for block in blocks())


def blocks() -> Iterator[str]:
    """Sections of the page."""
    for title, names in SECTIONS:
        yield f"## {title}\n"
        for name in names:
            yield from documented(name, getattr(neural_phylogeny, name))
    yield f"## Errors\n\n{tree_of_errors()}"
    yield f"## Estimators\n\n{ESTIMATORS}"
    for name in baselines.__all__:
        yield f"- `{name}`: {first_sentence(getattr(baselines, name))}\n"


def documented(name: str, thing: Any) -> Iterator[str]:
    """A name with its signature, its docstring and its methods."""
    if name == "METHODS":
        yield f"### METHODS\n\n{METHODS_TEXT.format(summary=thing['star'].summary)}"
        return
    yield f"### {name}\n\n```python\n{signature(name, thing)}\n```\n\n{markdown(thing)}"
    if not inspect.isclass(thing):
        return
    for member, value in members(thing):
        shown = f"{name}.{member}"
        if isinstance(value, property | functools.cached_property):
            kind = value.fget if isinstance(value, property) else value.func
            yield f"#### {shown}\n\n{markdown(kind)}"
        else:
            yield f"#### {shown}\n\n```python\n{signature(shown, value)}\n```\n\n{markdown(value)}"


def members(thing: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class, its own and those of its bases, in the order of the source."""
    for base in (thing, *thing.__mro__[1:]):
        if not base.__module__.startswith("neural_phylogeny"):
            continue
        for member, value in vars(base).items():
            plain = value.__func__ if isinstance(value, classmethod) else value
            if not member.startswith("_") and (
                isinstance(plain, property | functools.cached_property) or inspect.isfunction(plain)
            ):
                yield member, plain


def signature(name: str, thing: Any) -> str:
    """A call with its parameters; a record with its fields, a line each where there are many."""
    returned = ""
    if dataclasses.is_dataclass(thing):
        parts = [f"{field.name}: {field.type}{_default(field)}" for field in dataclasses.fields(thing)]
    elif inspect.isclass(thing):
        return name
    else:
        found = inspect.signature(thing)
        parts = []
        for key, parameter in found.parameters.items():
            if key in ("self", "cls"):
                continue
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
                parts.append("*")
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            parts.append(f"{key}: {parameter.annotation}{default}")
        returned = f" -> {found.return_annotation}"
    line = f"{name}({', '.join(parts)}){returned}"
    return line if len(line) <= 100 else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returned}"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    return " = ..." if field.default_factory is not dataclasses.MISSING else ""


def first_sentence(thing: Any) -> str:
    """The first paragraph of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def markdown(thing: Any) -> str:
    """A numpydoc docstring as Markdown."""
    text = inspect.getdoc(thing) or ""
    first, *rest = HEADING.split(text)
    parts = [prose(first)]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        body = body.strip("\n")
        if title == "Examples":
            parts.append(f"**Examples**\n\n{examples(body)}")
        elif title in ("Notes", "References"):
            parts.append(f"**{title}.** {prose(body)}")
        else:
            parts.append(f"**{title}**\n\n{items(body)}")
    return "\n".join(part.rstrip() + "\n" for part in parts)


def prose(text: str) -> str:
    """Paragraphs, with code in single backquotes."""
    return re.sub(r"``(.+?)``", r"`\1`", text.strip(), flags=re.DOTALL) + "\n"


def items(body: str) -> str:
    """Names with their descriptions, as a list."""
    found = []
    for entry in re.split(r"\n(?=\S)", body):
        head, _, said = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        words = " ".join(textwrap.dedent(said).split())
        found.append(
            f"- `{name}`{f' ({prose(kind).strip()})' if kind else ''}{': ' if words else ''}{prose(words).strip()}"
        )
    return "\n".join(found) + "\n"


def examples(body: str) -> str:
    """Code blocks, with the sentences between them."""
    parts = []
    for block in body.split("\n\n"):
        is_code = block.lstrip().startswith(">>>")
        parts.append(f"```python\n{block}\n```" if is_code else prose(block).strip())
    return "\n\n".join(parts).replace("  # doctest: +SKIP", "") + "\n"


def tree_of_errors() -> str:
    """The tree in the docstring of the errors."""
    first, drawn, last = (inspect.getdoc(errors) or "").split("\n\n")
    return f"{prose(first)}\n```text\n{drawn}\n```\n\n{prose(last)}"


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
