"""Write docs/images: the report of the demo and of synthetic families; needs Chromium and poppler-utils."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.reports.synthetic import synthetic  # noqa: E402

from neural_phylogeny import Phylogeny, demo, reconstruct  # noqa: E402

IMAGES = ROOT / "docs" / "images"

SHOTS = {
    "report": (14, "light", "claim"),
    "report-dark": (50, "dark", "model"),
    "report-5": (5, "light", ""),
    "report-50": (50, "light", ""),
    "report-500": (500, "dark", ""),
    "report-2000": (2000, "light", ""),
}
"""By name of the picture: which result, which theme, what is chosen."""

DEMO = 14
"""Models of the demo."""

FAMILIES = {5: 1, 50: 4, 500: 24, 2000: 120}


def main() -> None:
    """Draw every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (which, theme, chosen) in SHOTS.items():
            result = reconstruct([demo.folder()], hashes=True) if which == DEMO else synthetic(which, FAMILIES[which])
            page = opened(browser, result, Path(folder), theme)
            if chosen:
                page.locator(f"#{chosen}s tbody tr:nth-child(4) td button").click()
            page.evaluate("document.querySelector('#drawing').scrollIntoView({behavior: 'instant'})")
            page.locator("#fit").click()
            page.wait_for_timeout(300)
            save(page.screenshot(), IMAGES / f"{name}.png")
            if which in (DEMO, 50) and theme == "light":
                printed(page, Path(folder), "print-demo" if which == DEMO else "print-50")
            page.close()
        browser.close()


def opened(browser: Any, result: Phylogeny, folder: Path, theme: str) -> Any:
    """The report of a result in the browser."""
    target = folder / "report.html"
    result.save_html(target)
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    page.goto(target.as_uri())
    page.wait_for_selector("html[data-ready]")
    return page


def printed(page: Any, folder: Path, name: str) -> None:
    """The first two printed pages side by side."""
    (folder / "report.pdf").write_bytes(page.pdf(prefer_css_page_size=True))
    subprocess.run(["pdftoppm", "-r", "84", "-l", "3", "-png", "report.pdf", "page"], cwd=folder, check=True)
    pages = [Image.open(path) for path in sorted(folder.glob("page*.png"))]
    whole = Image.new("RGB", (sum(one.width for one in pages) + 12 * (len(pages) - 1), pages[0].height), "#888888")
    x = 0
    for one in pages:
        whole.paste(one, (x, 0))
        x += one.width + 12
    content = io.BytesIO()
    whole.save(content, "png")
    save(content.getvalue(), IMAGES / f"{name}.png")
    for path in folder.glob("page*.png"):
        path.unlink()


def save(content: bytes, path: Path) -> None:
    """A picture of less than 300 kB, with fewer colours where it must be."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > 300_000:
        image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
