"""Measures the page in headless Chromium: how soon it shows and fits a face and sliders answer.

python scripts/maintenance/measure_page.py
python scripts/maintenance/measure_page.py --run runs/small --picture page.png
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time
from typing import Any

from tf_nonlinear3dmm.core import command_line

FLAGS = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"]


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--run", help="run, or file or folder of weights [the shipped ones]")
    parser.add_count("--moves", "of sliders", 20)
    parser.add_argument("--picture", help="file for a picture of the page")
    flags = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright import sync_api
    except ImportError:
        parser.error("needs playwright: pip install playwright")
    if not chromium:
        parser.error("needs chromium or google-chrome on the PATH")
    command = [sys.executable, "-m", "tf_nonlinear3dmm", "explore", "--port", "0"]
    command += ["--run", flags.run] if flags.run else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            addresses = (re.search(r"http://\S+", line) for line in server.stdout or ())
            address = next((match[0] for match in addresses if match), None)
            if address is None:
                parser.error("the page did not start")
            with sync_api.sync_playwright() as play:
                browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
                measure(browser.new_page(viewport={"width": 1280, "height": 800}), address, flags)
                browser.close()
        finally:
            server.terminate()


def measure(tab: Any, address: str, flags: argparse.Namespace) -> None:
    """Prints what a person waits for; the second visit finds the browser's own start done."""
    for visit in ("first", "second"):
        started = time.perf_counter()
        tab.goto(address)
        tab.wait_for_function("document.body.dataset.drawn >= 1")
        print(f"{visit} visit: a face after {time.perf_counter() - started:.2f} s")
    times, sliders = [], tab.locator("#sliders input[type=range]:visible")
    for move in range(flags.moves):
        slider = sliders.nth(move % sliders.count())
        drawn = tab.evaluate("document.body.dataset.drawn")
        slider.press("ArrowRight")
        tab.wait_for_function(f"document.body.dataset.drawn > {drawn}")
        times.append(float(tab.evaluate("document.body.dataset.milliseconds")))
    worst = max(times)
    print(
        f"{flags.moves} moves of sliders: {statistics.median(times):.0f} ms, at most {worst:.0f} ms"
    )
    for fit in ("first", "second"):
        started = time.perf_counter()
        tab.locator("#fit").click()
        tab.locator("#status:not(.busy)").wait_for(timeout=600_000)
        print(f"{fit} fit: {time.perf_counter() - started:.1f} s")
    if flags.picture:
        tab.locator("#reset").click()
        tab.wait_for_timeout(1000)
        tab.screenshot(path=flags.picture)
        print(f"wrote {flags.picture}")


if __name__ == "__main__":
    main()
