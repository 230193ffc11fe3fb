"""The data that strangers see first: the sample pairs and the behavioural cases keep the shape they promise."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import pqnlp.corpus
from pqnlp.codebook import LABEL_OF_REASON, LABELS, REASONS
from pqnlp.text import clean_text, looks_like_html

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample_answers.jsonl"
CASES = ROOT / "tests" / "behaviour" / "cases.jsonl"
BEHAVIOUR_DOC = ROOT / "docs" / "behaviour.md"

FIELDS = ["id", "uin", "house", "department", "heading", "tabled", "answered", "question", "answer"]
KINDS = ("minimum_functionality", "invariance", "directional")


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def sample() -> list[dict]:
    return records(SAMPLE)


@pytest.fixture(scope="module")
def labelled(sample) -> list[dict]:
    return [row for row in sample if "label" in row]


@pytest.fixture(scope="module")
def cases() -> list[dict]:
    return records(CASES)


def words(text: str) -> list[str]:
    return re.findall(r"[\w£%]+", text.lower())


def trigrams(text: str) -> set[tuple[str, ...]]:
    w = words(text)
    return set(zip(w, w[1:], w[2:], strict=False))


# The sample pairs


def test_every_sample_row_has_the_documented_fields(sample):
    for row in sample:
        assert list(row)[: len(FIELDS)] == FIELDS, row["id"]
        assert row["house"] in ("Commons", "Lords"), row["id"]
        assert row["question"].startswith("To ask "), row["id"]


def test_sample_has_a_hundred_labelled_pairs_first(sample, labelled):
    assert len(labelled) == 100
    assert sample[:100] == labelled


def test_sample_labels_and_reasons_are_those_of_the_codebook(labelled):
    for row in labelled:
        assert row["label"] in LABELS, row["id"]
        assert LABEL_OF_REASON[row["reason"]] == row["label"], row["id"]


def test_sample_holds_every_reason_six_times_or_more(labelled):
    counts = Counter(row["reason"] for row in labelled)
    assert set(counts) == {reason for reasons in REASONS.values() for reason in reasons}
    assert min(counts.values()) >= 6, counts


def test_sample_covers_both_houses_and_many_departments(sample):
    assert Counter(row["house"] for row in sample)["Lords"] >= 10
    assert len({row["department"] for row in sample}) >= 20
    for row in sample:
        asks_government = row["question"].startswith("To ask His Majesty's Government")
        assert asks_government == (row["house"] == "Lords"), row["id"]
        assert row["uin"].startswith("HL") == (row["house"] == "Lords"), row["id"]


def test_sample_evidence_stands_word_for_word_in_the_cleaned_answer(labelled):
    for row in labelled:
        assert row["evidence"] and row["evidence"] in clean_text(row["answer"]), row["id"]


def test_no_sample_question_answer_or_number_occurs_twice(sample):
    for key in ("id", "uin", "question"):
        assert len({row[key] for row in sample}) == len(sample), key
    answers = [clean_text(row["answer"]) for row in sample if row["answer"]]
    assert len(set(answers)) == len(answers)


def test_no_two_sample_answers_are_nearly_the_same(sample):
    # Strangers should see variety: fewer than a fifth of three-word runs may be shared.
    runs = [(row["id"], trigrams(clean_text(row["answer"]))) for row in sample if row["answer"]]
    for k, (first, a) in enumerate(runs):
        for second, b in runs[k + 1 :]:
            assert len(a & b) < 0.2 * max(1, min(len(a), len(b))), (first, second)


def test_sample_dates_run_forwards(sample):
    for row in sample:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["tabled"]), row["id"]
        assert row["answered"] is None or row["tabled"] < row["answered"], row["id"]


def test_sample_holds_the_forms_that_answers_take(labelled):
    answers = [row["answer"] for row in labelled]
    questions = [row["question"] for row in labelled]
    assert sum(not looks_like_html(a) for a in answers) >= 8
    assert all(any(tag in a for a in answers) for tag in ("<p>", "<table>", "<ul>", "<ol>", "<a href="))
    assert sum("(b)" in q for q in questions) >= 12
    assert sum("(ii)" in q and "(b)" in q for q in questions) >= 1
    texts = [q + a for q, a in zip(questions, answers, strict=True)]
    assert sum(bool(re.search(r"[Ss]ection \d+\w* of the .+ Act \d{4}", text)) for text in texts) >= 6


def test_sample_has_a_dozen_long_answers_decided_by_one_sentence(labelled):
    long = [
        row
        for row in labelled
        if row["label"] == "direct"
        and len(words(clean_text(row["answer"]))) >= 130
        and len(words(row["evidence"])) < 0.4 * len(words(clean_text(row["answer"])))
    ]
    assert len(long) >= 12
    # The same question about meetings with a company gets every kind of answer.
    assert {row["label"] for row in labelled if "online" in row["question"] and "in person" in row["question"]} == set(
        LABELS
    )


def test_rows_that_cannot_be_scored_are_read_as_such(sample):
    frame = pqnlp.corpus.read(SAMPLE)
    assert frame["id"].tolist() == [row["id"] for row in sample]
    assert frame["problem"].tolist() == [""] * 100 + ["truncated", "truncated", "unanswered", "withdrawn"]
    assert frame["is_holding"].sum() >= 1


def test_cut_rows_have_the_lengths_of_the_list_call(sample):
    cut_answer, cut_question = sample[100], sample[101]
    assert len(cut_answer["answer"]) == 258
    assert cut_answer["answer"].endswith("...")
    assert len(cut_question["question"]) == 255
    assert not cut_question["question"].endswith((".", "?"))


# The behavioural cases


def test_every_case_has_the_documented_fields(cases):
    for case in cases:
        assert list(case) == ["id", "family", "kind", "question", "answer", "label", "base", "note"], case["id"]
        assert case["kind"] in KINDS, case["id"]
        assert case["label"] in LABELS, case["id"]
        assert case["note"], case["id"]


def test_no_case_occurs_twice(cases):
    assert len({case["id"] for case in cases}) == len(cases)
    assert len({(case["question"], case["answer"]) for case in cases}) == len(cases)


def test_cases_are_many_and_of_all_kinds(cases):
    families = Counter(case["family"] for case in cases)
    assert len(cases) >= 170
    assert len(families) >= 12
    assert min(families.values()) >= 4, families
    assert min(Counter(case["kind"] for case in cases).values()) >= 50
    assert min(Counter(case["label"] for case in cases).values()) >= 50


def test_variations_agree_with_their_kind(cases):
    by_id = {case["id"]: case for case in cases}
    for case in cases:
        if case["kind"] == "minimum_functionality":
            assert case["base"] is None, case["id"]
            continue
        same = by_id[case["base"]]["label"] == case["label"]
        assert same == (case["kind"] == "invariance"), case["id"]


def test_shuffled_and_marked_up_cases_keep_the_words_of_their_base(cases):
    by_id = {case["id"]: case for case in cases}
    for case in cases:
        if case["family"] in ("paragraphs_shuffled", "markup", "letter_case"):
            base = by_id[case["base"]]
            assert sorted(words(clean_text(case["answer"]))) == sorted(words(clean_text(base["answer"]))), case["id"]


def test_same_answer_cases_differ_in_the_question_alone(cases):
    by_id = {case["id"]: case for case in cases}
    pairs = [case for case in cases if case["family"] == "same_answer_other_question" and case["base"]]
    assert len(pairs) >= 6
    for case in pairs:
        assert case["answer"] == by_id[case["base"]]["answer"], case["id"]
        assert case["question"] != by_id[case["base"]]["question"], case["id"]


def test_every_case_can_be_scored():
    assert set(pqnlp.corpus.read(CASES)["problem"]) == {""}


def test_documented_counts_are_those_of_the_cases(cases):
    text = BEHAVIOUR_DOC.read_text(encoding="utf-8")
    documented = {name: int(n) for name, n in re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    assert documented == Counter(case["family"] for case in cases)
    assert f"holds {len(cases)} question-answer pairs in {len(documented)} families" in text
