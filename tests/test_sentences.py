from __future__ import annotations

import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st

from pqnlp.sentences import split_sentences


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["My hon. Friend met the board.", "She will meet it again."],
        ["I thank the rt. hon. Member for his letter.", "I have replied."],
        ["No. 10 was told.", "So was No. 11."],
        ["See para. 3 of the report.", "It lists c. 200 sites."],
        ["The answer is no.", "The rest follows."],
        ["It cost £1.5 million.", "In 2023-24 it cost £2.25 million."],
        ["The firm is Kelp and Sons Ltd.", "The contract ends in May."],
        ["The firm, Kelp and Sons Ltd. Harbour Division, has left."],
        ["The U.K. Government has replied."],
        ["Was it sent?", "It was!", "Nobody knows why."],
        ["He said: “It is done.”", "Then he left."],
        ["(It was not.)", "Now it is."],
        ["It is on www.gov.uk/kelp.", "Further data follow."],
        ["Mr. Reef and Dr. Quay attended.", "Mrs. Sand did not."],
        ["They met on 4 Nov. 2023.", "They met again on 9 Jan.", "She chaired it."],
        ["It was made under S.I. 2018/1355.", "The Bill (H.L. Bill 12) fell."],
        # the space went with a tag
        ["It is set out in the plan.", "This is new."],
        ["The plan, e.g. for eels, i.e. fish, is here."],
        ["It opened in 2019.", "2,000 people came."],
    ],
)
def test_boundaries_in_parliamentary_prose(parts):
    assert sentences(" ".join(parts)) == parts


def test_lost_space_after_a_stop_is_a_boundary():
    assert sentences("It is in the plan.This is new.") == ["It is in the plan.", "This is new."]


def test_a_dot_in_an_address_is_no_boundary():
    assert sentences("Write to ann.Quay@harbour.org for more.") == ["Write to ann.Quay@harbour.org for more."]


def test_lines_and_list_items_are_sentences():
    assert sentences("The steps are:\n• repair the quay\n• paint the boat") == [
        "The steps are:",
        "• repair the quay",
        "• paint the boat",
    ]


def test_neighbouring_table_rows_are_one_unit():
    assert sentences("Figures follow.\nYear | Staff\n2023 | 12\nThey are rounded.") == [
        "Figures follow.",
        "Year | Staff\n2023 | 12",
        "They are rounded.",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "."])
def test_texts_without_words(text):
    assert len(sentences(text)) <= 1


WORDS = st.sampled_from(
    [
        "hon.",
        "No.",
        "10",
        "The",
        "kelp",
        "c.",
        "Ltd.",
        "e.g.",
        "?",
        "!",
        ".",
        "(a)",
        "\n",
        " | ",
        "•",
        "“",
        "”",
        "2023.",
        "A.",
    ]
)


@example(" | \n | ")
@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map(" ".join)))
def test_spans_are_ordered_disjoint_and_cover_every_character_that_prints(text):
    end_before = 0
    covered = [False] * len(text)
    for start, end in split_sentences(text):
        assert end_before <= start < end <= len(text)
        assert not text[start].isspace() and not text[end - 1].isspace()
        covered[start:end] = [True] * (end - start)
        end_before = end
    assert all(covered[k] or character.isspace() for k, character in enumerate(text))


def test_component_agrees_with_the_function_and_survives_disk(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_sentences")
    text = "My hon. Friend met No. 10. It went well.\n• one\n• two"
    assert [sent.text.strip() for sent in nlp(text).sents] == sentences(text)
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    assert [sent.text.strip() for sent in again(text).sents] == sentences(text)
    assert again.from_bytes(nlp.to_bytes()).pipe_names == ["pqnlp_sentences"]
