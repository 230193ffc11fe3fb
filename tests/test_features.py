"""Tests for pqnlp.features: what is read off a pair, frames above all."""

from __future__ import annotations

import numpy as np
import pytest

from pqnlp.features import SentenceFeatures, _Batch, parse_pairs

COMMON = ["we", "have", "no", "plans", "to", "station"]


def frame(question: str, answer: str) -> str:
    """Return the answer's frame with readable signs."""
    features = SentenceFeatures()
    features.words_, features.common_ = [], COMMON
    features._number_words()
    codes, _ = features._frame(_Batch(parse_pairs([question], [answer])))
    n = len(COMMON)
    names = (
        COMMON + [f"{w}?" for w in COMMON] + [f"{w}!" for w in COMMON] + ["other", "asked", "sought", "figure", "<s>"]
    )
    assert len(names) == 3 * n + 5
    return " ".join(names[code] for code in codes)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("To ask the Minister, whether he will reopen Ashcombe station.", "<s> we have no plans to sought station!"),
        ("To ask the Minister, whether he will close the pier.", "<s> we have no plans to other station"),
        ("To ask the Minister, how many trains a day the line through Brill and Ashcombe has since lost.",
         "<s> we have no plans to other asked station"),
    ],
)  # fmt: skip
def test_frames_say_whether_what_is_said_was_asked(question, expected):
    assert frame(question, "We have no plans to reopen Ashcombe station.") == expected


def test_frames_match_other_forms_of_a_word_and_count_runs_once():
    assert frame("To ask the Minister, if he will publish it.", "We published 12 green leaflets.") == (
        "<s> we sought figure other"
    )


def test_a_batch_gives_each_pair_what_it_gets_alone():
    pairs = parse_pairs(
        ["How many buses ran?", "When will it open, and why?", "", "What steps?"],
        ["There were 12 buses. They ran daily.", "In spring. Because it is late.", "Yes.", ""],
    )
    features = SentenceFeatures(min_df=1, frame_min_df=1).fit(pairs)
    together = features.transform(pairs)
    for k, pair in enumerate(pairs):
        alone = features.transform([pair])
        rows = together.owner == k
        assert np.allclose(together.sentences[rows].toarray(), alone.sentences.toarray(), atol=1e-6)
        assert np.allclose(together.questions[k].toarray(), alone.questions.toarray())
        links = np.isin(together.ask_of, np.flatnonzero(together.ask_owner == k))
        assert np.allclose(together.alignment[links], alone.alignment)
