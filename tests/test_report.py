from __future__ import annotations

import base64
import json
import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.codebook import LABELS
from pqnlp.explanation import Explanation
from pqnlp.highlight import mark, visible
from pqnlp.labels import LabelError
from pqnlp.model import Model
from pqnlp.reporting import ReportError
from pqnlp.reporting.answers import fit_texts, pack_texts, text_order
from pqnlp.reporting.page import STEPS

ROOT = Path(__file__).resolve().parent.parent


class Page(HTMLParser):
    """A page taken apart: its elements, and the text of each id."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data):
        if self._inside and self._inside[-1] == "script":
            attrs, text = self.scripts.pop()
            self.scripts.append((attrs, text + data))
        elif "style" not in self._inside:
            self.text += data


def unpack(html: str, name: str) -> tuple[dict, bytes]:
    """Open what the page carries, as the browser does."""
    packed = re.search(rf'id="packed-{name}">([^<]*)<', html).group(1)
    whole = zlib.decompress(base64.b64decode(packed), -15)
    size = int.from_bytes(whole[:4], "little")
    return json.loads(whole[4 : 4 + size]), whole[4 + size :]


def spell(head: dict, codes: bytes) -> list[str]:
    words, k = [], 0
    while k < len(codes):
        code = codes[k]
        if code >= head["one"]:
            k += 1
            code = head["one"] + ((code - head["one"]) << 8) + codes[k]
        words.append(head["words"][code])
        k += 1
    return "".join(words).split("\0")


@pytest.fixture(scope="module")
def made(scored_sample, tmp_path_factory):
    """Return the report of the sample, and what `pqnlp.report` said of it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    summary = pqnlp.report(scored_sample, path, title="Answers <to> questions", min_count=10)
    return path.read_text(encoding="utf-8"), summary


# --- the page ---------------------------------------------------------------------------------------------------------


def test_report_says_how_many_answers_and_texts_it_holds(made, scored_sample):
    html, summary = made
    assert summary["answers"] == summary["texts"] == int(scored_sample["label"].notna().sum())
    assert summary["bytes"] == len(html.encode()) < 1_000_000
    assert f"{summary['answers']} answers" in Page(html).text


def test_page_asks_nothing_of_a_network(made):
    page = Page(made[0])
    for tag, attrs in page.tags:
        assert not (tag in ("img", "iframe", "object", "embed", "video", "audio", "source") and attrs), tag
        assert "src" not in attrs, tag
        if tag == "link":
            assert attrs["href"] == "data:,"
    assert "@import" not in made[0] and "url(" not in made[0]
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_page_says_first_what_the_model_is_and_what_the_figures_are_not_for(made):
    text = " ".join(Page(made[0]).text.split())
    scores = pqnlp.load().manifest["scores"]["model"]
    assert (
        f"On {scores['n']} answers that it had never seen, {100 * scores['accuracy']:.0f} in 100 labels were right"
        in text
    )
    order = [
        "Before you use these figures",
        "What made them",
        "How good it is",
        "may not be used for",
        "All answers By reason",
    ]
    at = [text.index(words) for words in (*order[:4], "By reason")]
    assert at == sorted(at)


@pytest.mark.parametrize(
    "part", ["headline", "by-department", "by-month", "by-house", "by-government", "by-ask", "answers"]
)
def test_page_has_the_part(made, part):
    ids = [attrs.get("id") for tag, attrs in Page(made[0]).tags if tag == "section"]
    assert part in ids


def test_headings_step_down_one_by_one(made):
    levels = [int(tag[1]) for tag, _ in Page(made[0]).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_small_groups_are_marked_and_come_last(made):
    section = made[0].split('<section id="by-department"')[1].split("</section>")[0]
    rows = re.findall(r"<tr( class=\"small\")?><th scope=\"row\">", section)
    assert rows.count(' class="small"') > 0
    assert rows == sorted(rows)


def test_links_in_the_tables_name_what_there_is(made):
    html = made[0]
    head, _ = unpack(html, "table")
    for _, attrs in Page(html).tags:
        if "data-filter" in attrs:
            assert attrs["data-value"] in head["columns"][attrs["data-filter"]]
        if "data-set" in attrs:
            assert attrs["data-set"] in head["sets"]


def test_title_is_text(made):
    assert "<title>Answers &lt;to&gt; questions</title>" in made[0]


# --- hostile text -----------------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "'--></style></script><script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\u2066",
)


@pytest.fixture(scope="module")
def hostile(scored_sample, tmp_path_factory):
    frame = scored_sample[scored_sample["label"].notna()].head(7).copy()
    for k, text in enumerate(HOSTILE):
        at = frame.index[k]
        for name in ("heading", "department", "question", "answer", "evidence", "id", "uin", "house"):
            frame.loc[at, name] = text + " how many."
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    pqnlp.report(frame, path, title=HOSTILE[2])
    return path.read_text(encoding="utf-8")


def test_hostile_text_adds_no_element(hostile, made):
    page = Page(hostile)
    assert [attrs.get("id") for attrs, _ in page.scripts] == ["packed-table", "packed-texts", None]
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "hacked" not in page.scripts[2][1]
    assert not any(tag == "img" for tag, _ in page.tags)


def test_hostile_text_is_shown_as_it_is(hostile):
    text = Page(hostile).text
    assert HOSTILE[0] in text and "{{ 7 * 7 }}" in text and "49" not in re.findall(r"\{\{.*?\}\}", text)
    assert "[U+202E]evil" in text and "\u202e" not in text


# --- what the page carries --------------------------------------------------------------------------------------------


def test_texts_come_out_as_they_went_in(made, scored_sample):
    frame = scored_sample[scored_sample["label"].notna()].reset_index(drop=True)
    head, codes = unpack(made[0], "texts")
    texts = spell(head, codes)
    for k, row in enumerate(head["rows"]):
        assert texts[2 * k] == frame["question"][row]
        assert texts[2 * k + 1] == frame["answer"][row]
        found = [
            texts[2 * k + 1][a : a + n]
            for a, n in zip(head["marks"][k][1][::2], head["marks"][k][1][1::2], strict=True)
        ]
        assert " […] ".join(found) == frame["evidence"][row]


def test_table_comes_out_as_it_went_in(made, scored_sample):
    frame = scored_sample[scored_sample["label"].notna()].reset_index(drop=True)
    head, blocks = unpack(made[0], "table")
    n, names = head["n"], list(head["columns"])
    at = 2 * n * names.index("label")
    codes = [low | high << 8 for low, high in zip(blocks[at : at + n], blocks[at + n : at + 2 * n], strict=True)]
    assert [head["columns"]["label"][code] for code in codes] == frame["label"].tolist()
    assert head["id"].split("\n") == frame["id"].tolist()
    percent = blocks[2 * n * len(names) :][:n]
    assert list(percent) == (frame["p_direct"] * 100).round().astype(int).tolist()


def test_spans_are_counted_as_browsers_count():
    frame = pd.DataFrame({"question": ["😀 How many?"], "answer": ["😀😀 Two. They sail."], "evidence": ["They sail."]})
    head, codes = unpack(f'<x id="packed-texts">{pack_texts(frame, [0])}<', "texts")
    asks, evidence, _, begin = head["marks"][0]
    units = spell(head, codes)[1].encode("utf-16-le")
    assert units[2 * evidence[0] : 2 * sum(evidence)].decode("utf-16-le") == "They sail."
    assert begin == asks[0] == 3


def texts_of(n: int) -> pd.DataFrame:
    words = ["heron", "lock", "tide", "pier", "quay", "ferry", "sluice", "barge"]
    answers = [" ".join(words[(k * j + j * j) % 8] + str(k * j % 97) for j in range(40)) for k in range(n)]
    return pd.DataFrame({"id": [str(k) for k in range(n)], "question": "How many?", "answer": answers, "evidence": ""})


@pytest.mark.parametrize("room", [0, 3000, 20_000, 10**7])
def test_as_many_texts_go_in_as_fit(room):
    frame = texts_of(600)
    packed, count = fit_texts(frame, range(600), room)
    assert count == 0 or len(packed) <= room
    if room == 20_000:
        assert 0 < count < 600 and len(packed) > 0.8 * room
    if room == 10**7:
        assert count == 600


def test_first_go_the_texts_that_the_page_points_at_then_one_of_each_group():
    frame = pd.DataFrame({"id": [str(k) for k in range(8)], "by": ["a"] * 6 + ["b", None]})
    order = text_order(frame, [3], ["by"])
    assert sorted(order) == list(range(8))
    assert order[0] == 3
    assert {6, 7} < set(order[:4])
    assert text_order(frame, [3], ["by"]) == order


def test_too_many_texts_for_the_page_are_told(scored_sample, tmp_path):
    many = pd.concat([scored_sample] * 12, ignore_index=True)
    many["id"] = [str(k) for k in range(len(many))]
    many["answer"] = [f"{text} {k * 7919 % 104729:x} {k * 104729 % 7919:x}" for k, text in enumerate(many["answer"])]
    summary = pqnlp.report(many, tmp_path / "r.html", findings=False, max_megabytes=0.5)
    assert summary["bytes"] <= 500_000
    if summary["texts"] < summary["answers"]:
        assert f"{summary['texts']:,} have question and answer in the page" in (tmp_path / "r.html").read_text(
            encoding="utf-8"
        )


# --- errors and the command -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "report.pdf"}, "end the name .* in .html"),
        ({"output": "nowhere/report.html"}, "no folder"),
        ({"title": " "}, "title is empty"),
        ({"min_count": 0}, "give 1 or more"),
        ({"at": "5 May 2024"}, "write it as YYYY-MM-DD"),
        ({"at": "2024-02-30"}, "write it as YYYY-MM-DD"),
        ({"max_megabytes": 0.1}, "allow 0.5 or more"),
        ({"max_megabytes": float("nan")}, "allow 0.5 or more"),
    ],
)
def test_bad_options_get_an_error_with_the_mend(options, message, scored_sample, tmp_path):
    output = tmp_path / options.pop("output", "report.html")
    with pytest.raises(ReportError, match=message):
        pqnlp.report(scored_sample, output, **options)
    assert not list(tmp_path.iterdir())


def test_a_table_without_labels_says_to_score_it(scored_sample, tmp_path):
    with pytest.raises(ReportError, match="score it first"):
        pqnlp.report(scored_sample.assign(label=None), tmp_path / "report.html")


def test_a_labelled_sample_of_other_answers_is_told(scored_sample, tmp_path):
    sample = pd.DataFrame({"id": ["sample-001", "elsewhere-1"], "label": ["direct", "direct"]})
    with pytest.raises(LabelError, match="1 of 2 labelled ids are not among the answers of the table"):
        pqnlp.report(scored_sample, tmp_path / "report.html", labelled=sample, findings=False)


@pytest.mark.parametrize("library", ["jinja2", "altair", "vl_convert"])
def test_without_its_libraries_the_report_says_what_to_install(library, scored_sample, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ReportError, match=r"pip install 'pqnlp\[report\]'"):
        pqnlp.report(scored_sample, tmp_path / "report.html")


def run(*arguments):
    return CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"}).invoke(app, list(map(str, arguments)))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_command_makes_the_same_report_of_a_file(form, scored_sample, tmp_path, made):
    from pqnlp.output import write_table

    write_table(scored_sample, tmp_path / f"scored.{form}")
    result = run("report", tmp_path / f"scored.{form}", "--output", tmp_path / "report.html", "--title", "Answers <to> questions", "--min-count", 10)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Written" in result.stdout
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == made[0]


def test_command_corrects_by_a_labelled_sample(scored_sample, tmp_path):
    truth = pd.read_json(ROOT / "data" / "sample_answers.jsonl", lines=True, dtype={"id": str})
    scored_sample.to_json(tmp_path / "scored.jsonl", orient="records", lines=True)
    truth.loc[truth["label"].isin(LABELS), ["id", "label"]].sample(60, random_state=0).to_csv(
        tmp_path / "sample.csv", index=False
    )
    result = run("report", tmp_path / "scored.jsonl", "-o", tmp_path / "r.html", "--labelled", tmp_path / "sample.csv", "--no-findings")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "60 answers labelled by hand" in " ".join(
        Page((tmp_path / "r.html").read_text(encoding="utf-8")).text.split()
    )


def test_command_tells_a_wrong_file_in_one_line(tmp_path):
    (tmp_path / "plain.csv").write_text("id,question,answer\n1,How many?,Two.\n")
    result = run("report", tmp_path / "plain.csv", "--output", tmp_path / "report.html")
    assert result.exit_code == 1
    assert "score it first" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_progress_tells_of_every_step(scored_sample, tmp_path):
    steps = []
    pqnlp.report(scored_sample.head(9), tmp_path / "r.html", findings=False, progress=steps.append)
    assert sum(steps) == STEPS


# --- marked texts -----------------------------------------------------------------------------------------------------


def test_overlapping_marks_are_cut_where_they_cross():
    html = mark("one two three", [(0, 7, "a", "first"), (4, 13, "b", "")])
    assert (
        html
        == '<span class="a" title="first">one </span><span class="a b" title="first">two</span><span class="b"> three</span>'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        (3, "3"),
        ("a\x00b", "a\ufffdb"),
        ("\u2067x", "[U+2067]x"),
        ("a\tb\nc", "a\tb\nc"),
        ("\ud800", "\ufffd"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_explanation_shows_itself_in_a_notebook():
    html = pqnlp.explain(
        "To ask the Secretary of State for Wales, how many <b>piers</b> there are; and if she will publish a list.",
        "There are 3 piers & 2 quays. Ofcom was told on 3 May 2024.",
    )._repr_html_()
    page = Page(html)
    marked = [attrs["class"] for tag, attrs in page.tags if tag == "span"]
    assert {"pqnlp-ask", "pqnlp-evidence", "pqnlp-entity"} <= {name for names in marked for name in names.split()}
    assert "There are 3 piers & 2 quays." in page.text


def test_explanation_of_hostile_text_stays_text():
    text = "<script>alert(1)</script>\u202e"
    one = Explanation(question=text, answer=text, label=text, reason=text, probabilities={text: 1.0}, unsure=False,
                      asks=[{"start": 0, "end": 8, "text": text[:8], "kind": '"><i>', "verdict": None, "evidence": None}])  # fmt: skip
    page = Page(one._repr_html_())
    assert {tag for tag, _ in page.tags} <= {
        "div",
        "style",
        "p",
        "b",
        "span",
        "details",
        "summary",
        "table",
        "tr",
        "th",
        "td",
    }
    assert "\u202e" not in page.text


# --- labels of one's own ----------------------------------------------------------------------------------------------


@pytest.fixture
def other_model():
    """Return a model that gives two labels of its own, and was never measured."""
    manifest = {"name": "urgency", "version": "2", "labels": ["calm", "urgent now"], "unsure_below": 0.9}
    return Model(SimpleNamespace(classes_=["calm", "urgent now"]), manifest)


def scored_by(model, scored_sample) -> pd.DataFrame:
    frame = scored_sample.drop(columns=[name for name in scored_sample if name.startswith("p_")]).assign(reason=None)
    frame["label"] = frame["label"].map({"direct": "calm", "evasive": "urgent now", "policy_restating": "calm"})
    return frame.assign(p_calm=0.7).assign(**{"p_urgent now": 0.3})


def test_report_takes_labels_of_ones_own(other_model, scored_sample, tmp_path):
    frame = scored_by(other_model, scored_sample)
    summary = pqnlp.report(frame, tmp_path / "r.html", model=other_model)
    text = " ".join(Page((tmp_path / "r.html").read_text(encoding="utf-8")).text.split())
    assert summary["method"] == "naive"
    assert "kinds: calm, urgent now." in text and "How good this model is was never measured" in text
    assert "The shares below are not corrected" in text
    assert "evasive" not in text.split("The answers Every answer")[0].lower()


def test_labels_that_the_model_does_not_give_are_told(other_model, scored_sample, tmp_path):
    with pytest.raises(ReportError, match="'default' does not give .*name the model"):
        pqnlp.report(scored_by(other_model, scored_sample), tmp_path / "r.html")
