"""A browser for the tests of pages, and the report that they open in it."""

from __future__ import annotations

import shutil

import pytest

import pqnlp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium():
    """Return a browser, or skip the test where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install it (Debian: apt-get install chromium) to run these tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report_file(scored_sample, tmp_path_factory):
    """Return the report of the sample, with hostile texts in its first rows."""
    frame = scored_sample.copy()
    labelled = frame.index[frame["label"].notna()]
    texts = (
        "<script>window.hacked = 1</script>",
        '"><img src=x onerror="window.hacked = 1">',
        "</script><script>window.hacked = 1</script>",
        "\u202eevil\u2066 javascript:window.hacked=1",
    )
    for at, text in zip(labelled, texts, strict=False):
        for name in ("heading", "department", "question", "answer", "evidence", "id"):
            frame.loc[at, name] = f"{text} mischief"
    # A number alone is used again in the next session; an id with a slash is nobody's.
    for k, values in {
        5: ("1700001", None, None),
        6: ("1700002", "4321", None),
        7: ("a/../b", "../1", "2024-10-09"),
    }.items():
        frame.loc[labelled[k], ["id", "uin", "tabled"]] = values
    path = tmp_path_factory.mktemp("page") / "report.html"
    pqnlp.report(frame, path)
    return path


@pytest.fixture
def open_page(chromium, report_file):
    """Return a function that opens the report; it fails the test when the page errs or asks for anything."""
    contexts, troubles = [], []

    def open_report(fragment: str = "", **options):
        context = chromium.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        address = report_file.as_uri()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: request.url.split("#")[0] != address and troubles.append(f"request: {request.url}"),
        )
        page.goto(address + fragment)
        page.wait_for_selector("html[data-ready=yes]")
        return page

    yield open_report
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.hacked") is None
        context.close()
    assert not troubles
