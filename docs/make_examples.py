"""Write the outputs that README.md and docs/walkthrough.md quote: ``python docs/make_examples.py [FOLDER OF ESL]``.

The tree of the demo follows ``$ nphylo tree models/`` in the README. In the walkthrough a ``text`` block holds what the
``python`` block before it prints, or what the command after its ``$`` prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from neural_phylogeny import demo, reconstruct

ROOT = Path(__file__).parents[1]
COMMAND = "$ nphylo tree models/\n"
STEP = re.compile(
    r"```python\n(?P<code>.*?)```\n\n```text\n(?P<printed>.*?)```|```text\n\$ (?P<call>.*?)\n(?P<rest>.*?)```",
    re.DOTALL,
)


def front_page() -> str:
    """README.md with the first family of the demo as it is printed today."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = reconstruct([demo.folder()]).to_text()
    shown = printed[: printed.index("\n\nFamily 2")]
    before, _, after = text.partition(COMMAND)
    return f"{before}{COMMAND}{shown}\n…\n```{after.partition('```')[2]}"


def walkthrough(models: Path) -> str:
    """docs/walkthrough.md with every output as it is printed today, from the five checkpoints in a folder."""
    text = (ROOT / "docs" / "walkthrough.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        esl = Path(folder) / "esl"
        esl.mkdir()
        for file in models.glob("*.pth"):
            (esl / file.name.removeprefix("models__")).symlink_to(file.resolve())
        os.chdir(folder)
        try:
            return STEP.sub(lambda found: _remade(found, names), text)
        finally:
            os.chdir(here)


def alike(page: str, remade: str) -> bool:
    """Whether two pages differ in last digits alone: other processors round otherwise."""
    number = re.compile(r"\d+(?:\.\d+)?")
    if number.sub("#", page).split() != number.sub("#", remade).split():
        return False
    pairs = zip(map(float, number.findall(page)), map(float, number.findall(remade)), strict=True)
    return all(abs(a - b) <= 0.02 * max(1.0, abs(a)) for a, b in pairs)


def _remade(found: re.Match[str], names: dict[str, Any]) -> str:
    if found["call"] is not None:
        return f"```text\n$ {found['call']}\n{_called(found['call'])}```"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(found["code"], names)
    return f"```python\n{found['code']}```\n\n```text\n{out.getvalue()}```"


def _called(call: str) -> str:
    """What a shell line prints, its ``nphylo`` being the one of this interpreter."""
    command = f"{sys.executable} -c 'from neural_phylogeny.cli import main; main()'"
    line = re.sub(r"^nphylo\b", lambda _: command, call)
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    (ROOT / "README.md").write_text(front_page(), encoding="utf-8")
    if len(sys.argv) > 1:
        page = ROOT / "docs" / "walkthrough.md"
        page.write_text(walkthrough(Path(sys.argv[1])), encoding="utf-8")
