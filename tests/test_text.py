from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqnlp.text import clean_text, html_to_text, looks_like_html


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\nTwo."),
        # the API ends many answers with an empty paragraph
        ("<p>One.</p><p>&nbsp;</p>", "One."),
        ("<p>One<br/>two</p>", "One\ntwo"),
        ("<p>a &amp; b &pound;5 &ndash; c</p>", "a & b £5 – c"),
        ("<p>two&nbsp;&nbsp;spaces</p>", "two spaces"),
        ("<ul><li>first</li><li><p>second</p></li></ul>", "• first\n• second"),
        (
            "<table><tbody><tr><td><p>Year</p></td><td>Staff</td></tr><tr><td>2023</td><td>12</td></tr></tbody></table>",
            "Year | Staff\n2023 | 12",
        ),
        # lines within a cell must not break the row
        ("<table><tr><td><p>a</p><p>b</p></td><td>c<br>d</td></tr></table>", "a b | c d"),
        ('<p>See <a href="https://x.gov.uk/a">the page.</a></p>', "See the page (https://x.gov.uk/a)."),
        ('<p><a href="https://x.gov.uk/a">https://x.gov.uk/a</a></p>', "https://x.gov.uk/a"),
        ('<p>Ask <a href="mailto:a@x.uk">a@x.uk</a></p>', "Ask a@x.uk"),
        # an address that a browser would run is not kept
        ('<p><a href="javascript:alert(1)">here</a></p>', "here"),
        ("<p>x</p><script>alert('1')</script><style>p{}</style><p>y</p>", "x\ny"),
        ("<!-- nothing --><p></p>", ""),
        # unclosed and crossed tags are mended as a browser would
        ("<p>one <b>two <i>three</b> four", "one two three four"),
        ("note<sup>1</sup>", "note1"),
    ],
)
def test_html_becomes_lines(source, expected):
    assert clean_text(source) == expected


@pytest.mark.parametrize("text", ["fewer than <5 cases", "if a<b and c>d", "<name withheld>", "no markup at all"])
def test_angle_brackets_of_plain_text_are_kept(text):
    assert not looks_like_html(text)
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\x00b\x07c\x1b[31m", "abc[31m"),
        # an override makes the page show "why" where the text says otherwise
        ("To ask \u202ewhy\u202c", "To ask why"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half\ud800", "half\ufffd"),
        ("non\u2011breaking", "non-breaking"),
        ("a\r\nb\r\rc\n\n\nd", "a\nb\nc\nd"),
        ("line one_x000D_\nline two", "line one\nline two"),
    ],
)
def test_invisible_characters_go(source, expected):
    assert clean_text(source) == expected


def test_deep_nesting_is_refused_and_not_cut():
    with pytest.raises(ValueError, match="nested too deeply"):
        html_to_text("<div>" * 5000 + "the answer")


def test_entity_flood_stays_linear():
    text = clean_text("<p>" + "&amp;&#x41;&nbsp;" * 50_000 + "</p>")
    assert text.count("A") == 50_000


# Characters of plain text, without those that spell markup.
PLAIN = st.text(st.characters(exclude_characters="<&_"), max_size=200)


@given(PLAIN)
def test_cleaning_twice_changes_nothing(text):
    once = clean_text(text)
    assert clean_text(once) == once


@given(PLAIN)
def test_clean_text_has_no_empty_lines_or_loose_spaces(text):
    lines = clean_text(text).split("\n")
    assert lines == [""] or all(line and line == line.strip(" ") for line in lines)


@given(st.text(max_size=300))
def test_any_text_can_be_cleaned_and_written(text):
    clean_text("<p>" + text + "</p>").encode("utf-8")
