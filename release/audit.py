"""Look up what is pinned among known vulnerabilities: ``python release/audit.py REQUIREMENTS``, by pip-audit.

Exit status: 0 where all was looked up and nothing is known, 1 where something is, 3 where the registry does not answer
for all of it, as behind a mirror.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def judged(output: str) -> tuple[int, str]:
    """The exit status and a text for what pip-audit prints in JSON; no JSON is no answer.

    >>> judged('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}')
    (0, '1 of 1 packages looked up: nothing is known against them.')
    >>> judged("")[0]
    3
    """
    try:
        rows = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 3, "The registry gives no answer here: no package was looked up among known vulnerabilities."
    known = [
        f"{row['name']} {row['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for row in rows
        for one in row.get("vulns", ())
    ]
    if known:
        return 1, "\n".join(known)
    left = [row["name"] for row in rows if "skip_reason" in row]
    if len(left) == len(rows):
        return 3, f"The registry gives no answers here: none of {len(rows)} packages was looked up."
    if left:
        return 3, f"The registry gives no answer for {len(left)} of {len(rows)} packages: {', '.join(left)}."
    return 0, f"{len(rows)} of {len(rows)} packages looked up: nothing is known against them."


def main(requirements: str) -> int:
    """Run pip-audit of this Python's environment and say what came of it."""
    tool = Path(sys.executable).with_name("pip-audit")
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [str(tool), "--requirement", requirements, *options], check=False, capture_output=True, text=True
    )
    status, words = judged(done.stdout)
    print(words)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
