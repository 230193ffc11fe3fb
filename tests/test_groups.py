from __future__ import annotations

from pqnlp.groups import near_duplicate_groups

LONG = (
    "The harbour trust inspected every mooring on the north quay in the spring and found that nineteen of them were "
    "sound, that four needed new chains before the winter, and that the rest should be lifted and weighed by a diver "
    "whose report will be placed in the library of the trust "
)


def test_equal_and_nearly_equal_texts_share_a_group():
    kelp = "Kelp is grown on ropes off the coast of Devon."
    texts = [LONG + "in May.", kelp, LONG + "in May.", LONG + "in June."]
    groups = near_duplicate_groups(texts)
    assert groups[0] == groups[2] == groups[3] != groups[1]


def test_case_and_punctuation_do_not_part_copies():
    first, second = near_duplicate_groups(["None are held.", "none are held"])
    assert first == second


def test_short_different_answers_stay_apart():
    assert len(set(near_duplicate_groups(["Yes.", "No.", "Twelve.", ""]))) == 4


def test_ties_chain():
    words = [f"w{k}" for k in range(120)]
    first, last, between, other = (" ".join(words[k : k + 50]) for k in (0, 10, 5, 55))
    # the tie of the first two shows only when the third comes
    assert near_duplicate_groups([first, other, last, between]).tolist() == [0, 1, 0, 0]


def test_groups_are_the_same_every_time():
    texts = [LONG + str(k) for k in range(5)] + ["Other text altogether."]
    assert near_duplicate_groups(texts).tolist() == near_duplicate_groups(texts).tolist()


def test_no_texts_no_groups():
    assert len(near_duplicate_groups([])) == 0
