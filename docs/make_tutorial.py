"""Run ``docs/tutorial.ipynb``, keep its output in it, write ``docs/tutorial.md``: ``python docs/make_tutorial.py``.

The cells hold plain Python, so that no kernel is needed.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).with_name("tutorial.ipynb")


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the output of each cell as it is printed today."""
    names: dict[str, Any] = {"__name__": "tutorial"}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        printed = out.getvalue().splitlines(keepends=True)
        count = 1 + sum(one["cell_type"] == "code" for one in cells)
        outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
        cells.append(cell | {"execution_count": count, "outputs": outputs})
    return notebook | {"cells": cells}


def page(notebook: dict[str, Any]) -> str:
    """The notebook as a page."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += ["```text\n" + "".join(output["text"]) + "```" for output in cell["outputs"]]
    note = "This page is [tutorial.ipynb](tutorial.ipynb), run by `docs/make_tutorial.py`."
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"


if __name__ == "__main__":
    made = executed(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    NOTEBOOK.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    NOTEBOOK.with_suffix(".md").write_text(page(made), encoding="utf-8")
