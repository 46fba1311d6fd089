"""How long a report takes to make, how large it is, when a browser shows it: ``python benchmarks/report_speed.py``.

Synthetic results of 50 and 2,000 models. The browser is Debian's Chromium, driven by Playwright; times are its own,
from the start of the navigation until the page has drawn and answers a click.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reports.synthetic import synthetic

SIZES = ((50, 4, 1.0, 2.0), (2000, 120, 10.0, 5.0))
"""Models, families, seconds to make it and seconds until it answers that are allowed."""

CLICK = """() => {
  const start = performance.now();
  document.querySelector("#n0").dispatchEvent(new MouseEvent("click", {bubbles: true}));
  return new Promise(done => requestAnimationFrame(() => setTimeout(() => done([start, performance.now()]))));
}"""


def main() -> None:
    """Print a line a size; fail where a limit is passed."""
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for n, families, most_made, most_shown in SIZES:
            result, target = synthetic(n, families), Path(folder) / f"{n}.html"
            start = time.perf_counter()
            result.save_html(target)
            made = time.perf_counter() - start
            shown, answered = opened(target)
            known = f"ready after {shown:.2f} s, a click takes {answered:.2f} s" if shown else "no browser"
            print(f"{n:>5} models: {made:.2f} s, {target.stat().st_size / 1e6:.2f} MB; {known}")
            slow = slow or made > most_made or (shown or 0.0) > most_shown
    if slow:
        sys.exit("slower than allowed")


def opened(path: Path) -> tuple[float | None, float]:
    """Seconds until a page is ready in the browser, and that a click takes; None without a browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None, 0.0
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
        start, stop = page.evaluate(CLICK)
        browser.close()
    return ready / 1e3, (stop - start) / 1e3


if __name__ == "__main__":
    main()
