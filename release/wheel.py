"""Build the wheel twice and compare the bytes: ``python release/wheel.py [FOLDER]``.

The time in it is ``SOURCE_DATE_EPOCH``, or that of the last commit.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def epoch() -> str:
    """Seconds since 1970 that stand in the wheel as its time."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "1767225600"


def build(folder: Path) -> Path:
    """A wheel in a folder."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch()}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def digest(wheel: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def main(target: Path) -> int:
    """Build twice; put the wheel where it is wanted if both are the same."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, second = build(Path(one)), build(Path(other))
        if digest(first) != digest(second):
            print("the two wheels differ")
            return 1
        with zipfile.ZipFile(first) as archive:
            if not any(name.endswith(".dist-info/sboms/sbom.cdx.json") for name in archive.namelist()):
                print("the wheel has no bill of materials")
                return 1
        target.mkdir(parents=True, exist_ok=True)
        (target / first.name).write_bytes(first.read_bytes())
        print(f"{digest(first)}  {target / first.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"))
