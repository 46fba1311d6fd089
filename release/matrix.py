"""Install the wheel under every Python that is here, with the oldest and the newest dependencies, and use it.

``python release/matrix.py [PYTHON...]`` prints a line for each: what was installed, and whether the demo's tree, an
array of NumPy's and a PyTorch file were read. The oldest are the lower bounds of ``pyproject.toml``; where no wheel of
one exists for a Python, the oldest that has one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")

USE = """
import sys, numpy
from neural_phylogeny import demo, reconstruct
found = reconstruct([demo.folder()])
assert len(found.edges) > 3, found
from pathlib import Path
import tempfile
from neural_phylogeny.formats import open_checkpoint
folder = Path(tempfile.mkdtemp())
numpy.savez(folder / "m.npz", w=numpy.eye(3, dtype="f4"))
with open_checkpoint(folder / "m.npz") as opened:
    assert opened.read("w").tolist() == numpy.eye(3).ravel().tolist()
import zipfile
text = lambda word: b"X" + len(word).to_bytes(4, "little") + word.encode()
storage = text("storage") + b"ctorch\\nFloatStorage\\n" + text("0") + text("cpu") + b"K\\x09tQ"
tensor = b"ctorch._utils\\n_rebuild_tensor_v2\\n((" + storage + b"K\\x00K\\x03K\\x03\\x86K\\x03K\\x01\\x86\\x89}tR"
with zipfile.ZipFile(folder / "m.pt", "w") as archive:
    archive.writestr("m/data.pkl", b"\\x80\\x02}" + text("w") + tensor + b"s.")
    archive.writestr("m/data/0", numpy.eye(3, dtype="f4").tobytes())
with open_checkpoint(folder / "m.pt") as opened:
    assert opened.read("w").tolist() == numpy.eye(3).ravel().tolist()
print("python", sys.version.split()[0], "numpy", numpy.__version__, len(found.edges), "edges")
"""


def pythons() -> list[str]:
    """Interpreters of the versions that are supported, by name or under pyenv."""
    found = []
    for version in VERSIONS:
        named = shutil.which(f"python{version}")
        own = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))
        if own or named:
            found.append(str(own[-1]) if own else str(named))
    return found


def oldest() -> list[str]:
    """The lower bounds of what is always needed, as pins of minor versions."""
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return [re.sub(r">=(\S+)", lambda bound: f"=={bound[1]}.*", line) for line in lines]


def with_a_wheel(pins: list[str], words: str) -> list[str]:
    """The pins, where pip found no wheel of one of them, with the oldest version that has one.

    >>> with_a_wheel(["numpy==2.0.*"], "(from versions: 2.1.0, 2.2.0) ERROR: No matching distribution for numpy==2.0.*")
    ['numpy==2.1.*']
    """
    found = re.search(
        r"from versions: (\d+\.\d+)[^)]*\).*?No matching distribution (?:found )?for ([\w-]+)==", words, re.DOTALL
    )
    if found is None:
        return pins
    return [f"{found[2]}=={found[1]}.*" if pin.startswith(f"{found[2]}==") else pin for pin in pins]


def check(python: str, wheel: Path, pins: list[str]) -> str:
    """What came of one installation."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        own = str(Path(folder) / "bin" / "python")
        install = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
        done = subprocess.run([*install, str(wheel), *pins], capture_output=True, text=True, check=False)
        while done.returncode and (later := with_a_wheel(pins, done.stderr)) != pins:
            pins = later
            done = subprocess.run([*install, str(wheel), *pins], capture_output=True, text=True, check=False)
        if done.returncode:
            return "BAD not installed: " + " ".join(done.stderr.split())[-300:]
        done = subprocess.run([own, "-W", "error", "-c", USE], capture_output=True, text=True, check=False, cwd=folder)
        return f"ok  {done.stdout.strip()}" if not done.returncode else "BAD " + done.stderr.strip()[-400:]


def main(chosen: list[str]) -> int:
    """Check each Python with the newest and the oldest dependencies; the number of those that fail."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, str(ROOT / "release" / "wheel.py"), folder]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        for python in chosen or pythons():
            for label, pins in (("newest", []), ("oldest", oldest())):
                line = check(python, wheel, pins)
                bad += not line.startswith("ok")
                print(f"{label} {line}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
