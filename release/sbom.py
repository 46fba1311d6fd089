"""Write ``release/sbom.cdx.json``, the bill of materials that the wheel carries: this package and what it needs.

``python release/sbom.py`` writes it from ``pyproject.toml``; ``--check`` says whether the file is current. There
is no time and no random number in it, so that a wheel has the same bytes whenever it is built.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "release" / "sbom.cdx.json"


def document() -> dict[str, Any]:
    """A CycloneDX document: the package, what it always needs, and what its extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    own = (ROOT / "src" / "neural_phylogeny" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', own, re.MULTILINE)
    assert found is not None
    name, version = project["name"], found[1]
    reference = f"pkg:pypi/{name}@{version}"
    needed = {_name(line): line for line in project["dependencies"]}
    optional = {
        _name(line): line
        for extra, lines in project["optional-dependencies"].items()
        if extra not in ("all", "lab", "zoo")
        for line in lines
    }
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{other}",
            "name": other,
            "purl": f"pkg:pypi/{other}",
            "scope": "required" if other in needed else "optional",
            "properties": [{"name": "neural-phylogeny:requirement", "value": line}],
        }
        for other, line in sorted((optional | needed).items())
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": reference,
                "name": name,
                "version": version,
                "purl": reference,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": reference, "dependsOn": [f"pkg:pypi/{other}" for other in sorted(needed)]}],
    }


def text() -> str:
    """The document as it is written."""
    return json.dumps(document(), indent=1) + "\n"


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text("utf-8") == text() else f"{TARGET} is not current: python release/sbom.py")
    TARGET.write_text(text(), "utf-8")
