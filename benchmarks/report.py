"""Measure the report of a scored table: seconds to build, size of the page, seconds to open it in a browser.

    python benchmarks/report.py SCORED [--no-findings] [--loads 5]

Besides, what the charts weigh, and what the coding of words saves. Opening needs Chromium and Playwright (``pip install '.[test]'``); without them only the first two are told. A page is open when
the list of answers is shown and every text can be searched.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import vl_convert

import pqnlp
from pqnlp.findings import read_scored
from pqnlp.reporting.answers import pack_texts

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SAMPLE = 8000


def load_times(page_file: Path, loads: int) -> list[float]:
    """Return the seconds until the page is open, each time in a browser context of its own; none without a browser."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        return []
    from playwright.sync_api import sync_playwright

    seconds = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=arguments)
        for _ in range(loads):
            page = browser.new_context().new_page()
            began = time.monotonic()
            page.goto(page_file.as_uri())
            page.wait_for_selector("html[data-ready=yes]")
            seconds.append(time.monotonic() - began)
            page.context.close()
        browser.close()
    return seconds


def packed_sizes(scored: str) -> tuple[int, int]:
    """Return the bytes that the texts of some answers take, as the page packs them and deflated as they are."""
    frame = read_scored(scored)
    frame = frame[frame["label"].notna()].reset_index(drop=True)
    frame = frame.sample(min(SAMPLE, len(frame)), random_state=0).reset_index(drop=True)
    bare = frame.assign(evidence="").drop(columns="entities", errors="ignore")
    by_words = len(base64.b64decode(pack_texts(bare, range(len(bare)))))
    texts = (frame["answer"] + "\0" + frame["question"]).sort_values()
    return by_words, len(zlib.compress("\0".join(texts).encode("utf-8", "replace"), 9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scored", help="table that 'pqnlp score' wrote")
    parser.add_argument("--no-findings", action="store_true")
    parser.add_argument("--loads", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "report.html"
        began = time.monotonic()
        summary = pqnlp.report(options.scored, page_file, findings=not options.no_findings)
        print(f"answers        {summary['answers']:>10,}")
        print(f"with texts     {summary['texts']:>10,}")
        print(f"build          {time.monotonic() - began:>10.1f} s")
        print(f"size           {summary['bytes'] / 1e6:>10.2f} MB")
        html = page_file.read_text(encoding="utf-8")
        pictures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
        print(f"{len(pictures):>3} charts, SVG {sum(map(len, pictures)):>10,} bytes")
        print(f"Vega to draw them {len(vl_convert.javascript_bundle().encode()):>7,} bytes")
        words, plain = packed_sizes(options.scored)
        print(f"{SAMPLE:,} texts packed by words {words / 1e6:.2f} MB, by deflate alone {plain / 1e6:.2f} MB")
        seconds = load_times(page_file, options.loads)
        if seconds:
            print(f"open in Chromium {statistics.median(seconds):>8.2f} s (median of {len(seconds)})")


if __name__ == "__main__":
    main()
