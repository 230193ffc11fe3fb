"""Sentence boundaries in parliamentary prose, as offsets and as a spaCy component.

The same split serves the spaCy pipeline and the classifier, which works on raw text. General splitters stumble here on
``hon.``, ``No. 10``, ``para. 3``, ``c. 200``, list items without a full stop and tables;
``benchmarks/sentences.py`` compares them.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import numpy as np
from spacy.attrs import SENT_START
from spacy.language import Language
from spacy.tokens import Doc

from pqnlp.raw_text import doc_text, token_starts

__all__ = ["SentenceSegmenter", "split_sentences"]

# Words that a full stop shortens. The first group never ends a sentence; the second does when a capital word follows
# that commonly opens one ("... Hargreaves Ltd. The contract ...").
_ALWAYS = frozenset(
    """hon rt mr mrs ms dr prof rev fr sr messrs esq lt sgt cpl capt cdr col gen maj brig cllr
    no nos para paras p pp pt s ss art arts reg regs sch schs ch cl vol ed eds fig figs col cols cm cmnd cmd hc hl ref
    c ca approx e.g i.e eg ie cf viz vs v incl excl est max min avg tel ext st""".split()
)
# Of the first group, those that are words or letters of their own unless a number follows.
_NUMBERED = frozenset("no nos p pp s ss pt ch cl max min ref art m".split())
_MAYBE = frozenset(
    """ltd co inc plc corp etc am pm al jr snr bn m approx ph.d jan feb mar apr jun jul aug sep sept oct nov dec""".split()
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # "H.L.", "U.K.", "p.m."
_OPENERS = frozenset(
    """The This These That Those They Their There It Its In On At As For From To By With We Our Of If He His She Her An A
    All Any Any Further However Officials Ministers Since While Where When Our No Not""".split()
)
# A mark that may end a sentence, closing quotes or brackets, then white space and something that can open one.
_END = re.compile(r"""([.!?…][.!?…]*)["'”’)\]]*(?:\[\d{1,2}\]|\d{0})[ ]+(?=["'“‘(\[]*[A-Z0-9£$€•À-Ý])""")
# "Plan for Change.This review": the space was lost with a tag. Not in an address or "GOV.UK".
# The mark comes first, so that the engine skips from mark to mark.
_GLUED = re.compile(r"[.?!](?<=[a-z]{2}[.?!])(?=[A-Z][a-z]+ )")
_WORD_BEFORE = re.compile(r"""([^\s(\["“‘]+)$""")
# What spaCy keeps for a token that begins no sentence: -1 as an unsigned number.
_INSIDE = 2**64 - 1
_LABEL = re.compile(r"(?:\(?[a-z0-9]{1,3}\)?|[ivx]{1,5})", re.IGNORECASE)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Split `text` into sentences.

    Parameters
    ----------
    text : str
        Text as :func:`pqnlp.text.clean_text` returns it: a paragraph, list item or table row a line.

    Returns
    -------
    list of (int, int)
        Start and end offset of each sentence, in order, without surrounding white space. Neighbouring rows of a
        table are one unit, since a cell alone says nothing.

    Examples
    --------
    >>> text = "My hon. Friend met 10 firms (c. 200 staff). See para. 3 of No. 10's note."
    >>> [text[start:end] for start, end in split_sentences(text)]
    ['My hon. Friend met 10 firms (c. 200 staff).', "See para. 3 of No. 10's note."]
    """
    spans: list[tuple[int, int]] = []
    in_table = False
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if " | " in line:
            if in_table:
                spans[-1] = (spans[-1][0], _stripped(text, start, end)[1])
            else:
                spans.append(_stripped(text, start, end))
            in_table = True
        else:
            in_table = False
            if line and not line.isspace():
                _split_line(text, start, end, spans)
        start = end + 1
    return spans


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _split_line(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    cuts = [m.end() for m in _END.finditer(text, start, end) if _ends(text, start, m)]
    cuts += [m.end() for m in _GLUED.finditer(text, start, end) if not _in_address(text, m.start())]
    begin = start
    for cut in [*sorted(cuts), end]:
        piece = _stripped(text, begin, cut)
        if piece[0] < piece[1]:
            spans.append(piece)
        begin = cut


def _in_address(text: str, at: int) -> bool:
    chunk = text[max(0, at - 80) : at].rsplit(" ", 1)[-1]
    return "/" in chunk or "@" in chunk or "www" in chunk


def _ends(text: str, line_start: int, match: re.Match) -> bool:
    if match.group(1) != ".":
        return True
    stop = match.start()
    begin = max(line_start, stop - 40)
    found = _WORD_BEFORE.search(text[begin:stop])
    if found is None:
        return True
    word = found.group(1)
    lowered = word.lower()
    if lowered not in _ALWAYS and "." in lowered:  # "the Rt.hon. Member"
        if lowered not in _MAYBE and not _INITIALS.fullmatch(lowered):
            lowered = lowered.rsplit(".", 1)[-1]
    following = text[match.end() : match.end() + 20].lstrip("\"'“‘([")
    if lowered in _ALWAYS:
        # "... was the answer no. The ..." against "No. 10": a number word needs a number.
        if lowered in _NUMBERED:
            return not following[:1].isdigit()
        return False
    if len(word) == 1 and word.isupper():  # an initial, but "vitamin D. The"
        return following.split(" ", 1)[0] in _OPENERS
    if lowered in _MAYBE or _INITIALS.fullmatch(lowered):
        return following.split(" ", 1)[0].rstrip(",") in _OPENERS
    # "1. Schools" or "a. Schools" at the head of a line numbers an item.
    if text[line_start:stop].strip("• ") == word and _LABEL.fullmatch(word):
        return False
    # "1. Review the list. 2. Publish it.": so does a small number after a full stop.
    if word.isdigit() and len(word) <= 2 and text[line_start : stop - len(word)].rstrip()[-1:] in (".", ";", ":"):
        return False
    return True


@Language.factory("pqnlp_sentences", assigns=["token.is_sent_start", "doc.sents"])
def make_sentences(nlp: Language, name: str) -> "SentenceSegmenter":
    """Build the component; see :class:`SentenceSegmenter`."""
    return SentenceSegmenter()


class SentenceSegmenter:
    """spaCy component that sets ``doc.sents`` by :func:`split_sentences`.

    A boundary that falls inside a token (``Change.This``) moves to the next token.
    """

    def __call__(self, doc: Doc) -> Doc:
        """Set ``token.is_sent_start`` for every token of `doc`."""
        if len(doc):
            starts = token_starts(doc)
            flags = np.empty((len(starts), 1), dtype=np.uint64)
            flags.fill(_INSIDE)  # `numpy.full` does the same in four times the time
            for start, _ in split_sentences(doc_text(doc)):
                at = bisect_left(starts, start)
                if at < len(starts):
                    flags[at, 0] = 1
            flags[0, 0] = 1
            doc.from_array([SENT_START], flags)
        return doc

    def to_disk(self, path, *, exclude=()) -> None:
        """Write nothing: the component has no state."""

    def from_disk(self, path, *, exclude=()) -> "SentenceSegmenter":
        """Read nothing: the component has no state."""
        return self

    def to_bytes(self, *, exclude=()) -> bytes:
        """Return no bytes: the component has no state."""
        return b""

    def from_bytes(self, data: bytes, *, exclude=()) -> "SentenceSegmenter":
        """Read nothing: the component has no state."""
        return self
