"""Fetch the browser libraries that reports carry: ``python docs/update_vendor.py``; needs npm, reports do not.

Each is the minified file of its package at the pinned version, unchanged, with its licence beside it. The hash of every
package is checked against the one in ``vendor.json``; after a change of a version, ``--accept`` writes the new hashes.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HOME = Path(__file__).parents[1] / "src" / "neural_phylogeny" / "reports" / "page_files" / "vendor"


def main(accept: bool) -> None:
    """Write the files of every library in ``vendor.json``, in the order in which a page needs them."""
    libraries = json.loads((HOME / "vendor.json").read_text(encoding="utf-8"))
    for library in libraries:
        content = packed(f"{library['name']}@{library['version']}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != library["sha256"] and not accept:
            sys.exit(f"{library['name']} {library['version']} has the hash {digest}; --accept takes it")
        library["sha256"] = digest
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            about = json.loads(member(archive, "package/package.json"))
            library["license"] = about["license"]
            (HOME / f"{library['name']}.js").write_bytes(member(archive, f"package/dist/{library['name']}.min.js"))
            (HOME / f"{library['name']}.LICENSE").write_bytes(member(archive, "package/LICENSE"))
    (HOME / "vendor.json").write_text(f"{json.dumps(libraries, indent=2)}\n", encoding="utf-8")


def packed(package: str) -> bytes:
    """The archive of a package from the npm registry."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, package]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        return next(Path(folder).glob("*.tgz")).read_bytes()


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """The content of a file of an archive."""
    file = archive.extractfile(name)
    assert file is not None, name
    return file.read()


if __name__ == "__main__":
    main("--accept" in sys.argv[1:])
