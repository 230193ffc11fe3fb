"""The report in Chromium: every test here also fails on a console message, a script error or a request."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

# The package comes with the test extra; the browser may be missing, and then the tests are skipped (conftest.py).
from playwright.sync_api import expect

STATUS = "#status"
LIST = "#list tbody tr:not(.opened)"


def count(page) -> int:
    return int(re.match(r"([\d,]+|No)", page.inner_text(STATUS)).group().replace(",", "").replace("No", "0"))


def test_every_answer_is_listed(open_page, scored_sample):
    page = open_page()
    assert count(page) == int(scored_sample["label"].notna().sum())
    assert page.locator(LIST).count() == 25
    assert page.inner_text("#page") == "Page 1 of 4"


@pytest.mark.parametrize("label", ["direct", "evasive", "policy_restating"])
def test_filter_by_label(open_page, scored_sample, label):
    page = open_page()
    page.select_option("#f-label", index=1 + ["direct", "evasive", "policy_restating"].index(label))
    assert count(page) == int((scored_sample["label"] == label).sum())
    assert {row.split("\t")[0] for row in page.locator("#list td[data-name=Label]").all_inner_texts()} == {
        label.replace("_", " ")
    }


def test_filters_narrow_each_other_and_can_be_cleared(open_page, scored_sample):
    page = open_page()
    everything = count(page)
    page.select_option("#f-house", label=page.locator("#f-house option").nth(1).inner_text())
    house = count(page)
    page.check("#sure")
    assert count(page) < house < everything
    page.click("button[type=reset]")
    expect(page.locator(STATUS)).to_have_text(f"{everything} of {everything} answers.")
    assert not page.is_checked("#sure")


def test_search_finds_words_of_question_and_answer(open_page, scored_sample):
    page = open_page()
    everything = count(page)
    page.fill("#q", "REVOKED firearm")
    whole = (scored_sample["question"] + " " + scored_sample["answer"] + " " + scored_sample["heading"]).str.lower()
    wanted = (whole.str.contains("firearm") & whole.str.contains("revoked") & scored_sample["label"].notna()).sum()
    assert 0 < wanted < len(scored_sample)
    expect(page.locator(STATUS)).to_have_text(f"{wanted} of {everything} answers.")
    page.fill("#q", "zeppelinitis")
    expect(page.locator(STATUS)).to_have_text("No answer passes these filters.")


def test_order_by_day(open_page):
    page = open_page()
    page.select_option("#order", "new")
    days = page.locator("#list td[data-name=Answered]").all_inner_texts()
    assert days == sorted(days, reverse=True) and len(set(days)) > 1


def test_pages_of_the_list(open_page):
    page = open_page()
    first = page.locator(LIST).first.inner_text()
    assert page.locator("#previous").is_disabled()
    page.click("#next")
    assert page.inner_text("#page") == "Page 2 of 4"
    assert page.locator(LIST).first.inner_text() != first


def test_an_answer_opens_with_texts_marks_and_link(open_page, scored_sample):
    page = open_page("#id-sample-012")
    row = scored_sample.set_index("id").loc["sample-012"]
    opened = page.locator("#list tr.opened")
    assert count(page) == 1
    assert [text.strip() for text in opened.locator("h3").all_inner_texts()] == [
        "Question",
        "Answer",
        "Named",
        "Probabilities",
    ]
    said = page.evaluate("""() => [...document.querySelectorAll('.opened .text')].map((p) => {
        const copy = p.cloneNode(true); copy.querySelectorAll('.say').forEach((s) => s.remove()); return copy.textContent; })""")
    assert said == [row["question"], row["answer"]]
    marked = page.evaluate("""() => [...document.querySelectorAll('.opened .text .evidence')].map((s) => {
        const copy = s.cloneNode(true); copy.querySelectorAll('.say').forEach((x) => x.remove()); return copy.textContent; }).join('')""")
    assert "".join(marked.split()) == "".join(
        "".join(sorted(row["evidence"].split(" […] "), key=row["answer"].find)).split()
    )
    assert opened.locator(".ask").count() >= 1
    assert opened.locator("a", has_text="on the official site").get_attribute("href") == (
        f"https://questions-statements.parliament.uk/written-questions/detail/{row['tabled']}/{row['uin']}"
    )
    shares = opened.locator(".shares li").all_inner_texts()
    assert f"{round(100 * row['p_direct'])} %" in shares[0]


@pytest.mark.parametrize(
    ("identity", "address"),
    [
        ("1700001", "https://questions-statements-api.parliament.uk/api/writtenquestions/questions/1700001"),
        ("1700002", "https://questions-statements-api.parliament.uk/api/writtenquestions/questions/1700002"),
        ("a/../b", None),
    ],
)
def test_without_number_and_day_the_record_is_found_by_id(open_page, identity, address):
    page = open_page("#id-" + quote(identity, safe=""))
    assert count(page) == 1
    links = page.locator("#list tr.opened a", has_text="on the official site")
    assert [link.get_attribute("href") for link in links.all()] == [address] * (address is not None)


def test_figures_lead_to_their_answers(open_page, scored_sample):
    page = open_page()
    link = page.locator("a[data-filter=reason]").first
    reason = link.get_attribute("data-value")
    link.click()
    assert count(page) == int((scored_sample["reason"] == reason).sum())


def test_findings_lead_to_their_answers(open_page):
    page = open_page()
    links = page.locator("a[data-set]")
    assert links.count() > 0
    links.first.click()
    assert "Only:" in page.inner_text("#shown")
    assert count(page) >= 1
    page.click("text=Show all again")
    assert page.inner_text("#shown") == ""


def test_page_works_by_keyboard(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("#q")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f-label"
    page.locator("#list button.open").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#list tr.opened").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('tr').className") == "opened"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert page.locator("#list tr.opened").count() == 0


def test_hostile_text_is_shown_as_text(open_page):
    page = open_page()
    page.fill("#q", "mischief")
    expect(page.locator(STATUS)).to_have_text("4 of 100 answers.")
    for button in page.locator("#list button.open").all():
        button.click()
    text = page.inner_text("#list")
    assert "<script>window.hacked = 1</script> mischief" in text
    assert '"><img src=x onerror="window.hacked = 1"> mischief' in text
    assert "[U+202E]evil[U+2066]" in text
    assert page.locator("#list script, #list img").count() == 0
    assert page.evaluate("document.body.innerText.includes('\\u202e')") is False


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_sideways(open_page, width):
    page = open_page(viewport={"width": width, "height": 800})
    page.locator("#list button.open").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_violation(open_page, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.locator("#list button.open").nth(4).click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    assert not [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]


def test_dark_mode_changes_the_charts_too(open_page):
    colours = {
        scheme: open_page(color_scheme=scheme).evaluate(
            "getComputedStyle(document.querySelector('.chart svg [fill*=\"--direct\"]')).fill"
        )
        for scheme in ("light", "dark")
    }
    assert colours["light"] != colours["dark"]


def test_paper_shows_the_tables_and_leaves_out_the_filters(open_page):
    page = open_page()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0
