"""Referral chains: "I refer the hon. Member to the answer given on 20 January 2025 to Question 125287", followed to the end.

Parliament's question numbers start again with every session, so a number alone names several questions of a corpus that
spans years. A day decides between them: the one in the link (the day of tabling), the one cited (of the answer), or, where
there is neither, the day of the answer that cites.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Citation", "find_citations", "resolve_referrals"]

#: A number cited without any day is looked for this far back: a session is longer, but its numbers have moved on by then.
_BACK = timedelta(days=200)
#: Answers to grouped questions cite each other, and a day may be cited wrongly: how far it may be from the answer found.
_NEAR = timedelta(days=45)
#: When a question of which only the day of tabling is known was answered, with time to spare.
_ANSWERED_AFTER = timedelta(days=21)
#: A referral is whole if no more than this stands beside it: thanks, or a word of welcome.
_BESIDE = 60
#: More ways than this from one answer are not told.
_MOST_PATHS = 20

_ANSWER = r"(?:answers?|repl(?:y|ies)|responses?)"
_NUMBERED = r"(?:questions?\b|W?PQs?|WQs?|UINs?|HL\d)"
_TRIGGER = re.compile(
    rf"""\b(?:refer(?:red)?\b(?!\s+(?:back\s+)?to\s+themselves)
      | (?:please\s+)?see\b(?=.{{0,60}}?\b(?:{_ANSWER}\b|{_NUMBERED}))
      | (?:set\s+out|outlined|given|provided|contained|found|explained|stated|noted|detailed|covered|answered|included|published|addressed|available)
        \s+(?:\w+\s+){{0,2}}?in\s+(?:(?:the|my|our|his|her|their|an|a|its|previous|earlier|recent|Government['’]s)\s+){{0,3}}
        (?:{_ANSWER}|{_NUMBERED})
      | nothing\s+(?:further\s+|more\s+)?to\s+add\b
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SLASH = r"(?:/|%2F)"
_LINK = re.compile(
    rf"(?:questions?-answers?-statements?|written-questions?)(?:{_SLASH}written-question)?{_SLASH}detail{_SLASH}"
    rf"(?P<day>\d{{4}}-\d\d-\d\d){_SLASH}(?P<uin>(?:HL)?\d{{1,7}})(?!\d)",
    re.IGNORECASE,
)
_HEAD = (
    r"(?:(?:written|parliamentary|oral)\s+)*(?:questions?|W?PQs?|WQs?|UINs?|numbers?|nos?\b\.?|refs?\b\.?|references?)"
)
_UIN = r"(?P<uin>HL\s?\d{1,6}|\d{2,7})"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NOT_DAY = rf"(?![\d%])(?!st\b|nd\b|rd\b|th\b)(?!\s+(?:{_MONTHS})\b)(?!,\d{{3}})"
_NUMBER = re.compile(rf"(?:(?:\b{_HEAD})[\s:#.,(\[]*)+{_UIN}{_NOT_DAY}|\b(?P<lords>HL\s?\d{{1,6}})\b", re.IGNORECASE)
_MORE = re.compile(
    rf"\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*(?:,\s*and\b|,|;|\band\b|&|\bor\b|\bas\s+well\s+as\b)\s*(?:also\s+)?(?:to\s+)?(?:{_HEAD}[\s:#.]*)*"
    rf"(?P<uin>HL\s?\d{{1,6}}|\d{{2,7}}){_NOT_DAY}",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?<![\d£$/.,-])(?P<uin>\d{{4,6}}){_NOT_DAY}(?![/-]\d)")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_NOT_QUESTION = re.compile(
    r"(?:HC|HL)?WS|statement|Official Report,? (?:vol|col)|\bcol(?:umn|s)?\b\.?|debate|oral evidence|\btable\b|letter",
    re.IGNORECASE,
)
_TO_ANSWER = re.compile(rf"\bto\s+(?:[\w.’'-]+\s+){{0,5}}?{_ANSWER}\b", re.IGNORECASE)
# Without a number only these words tell a referral from a citation of some other document.
_REFERS = re.compile(r"\brefer(?:red)?\b|\bnothing\b", re.IGNORECASE)
_OTHER_RESPONSE = re.compile(
    r"\b(?:consultations?|reviews?|reports?|(?:e-)?petitions?|inquir(?:y|ies)|select committee|taskforce|proposals?|urgent|oral|topical|"
    r"press|white paper|recommendations?|in the house|points? of order)\b",
    re.IGNORECASE,
)
_SAID_EARLIER = re.compile(
    rf"\b(?:previous|earlier|that|original|same|above|my|our|her|his)\b(?:\s+\w+)?\s+{_ANSWER}\b|\b{_ANSWER}\b.{{0,60}}?\b(?:cite[sd]?|refer(?:s|red)? to|mention(?:s|ed))\b",
    re.IGNORECASE,
)
_DAY_LIST = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?:,\s*\d{{1,2}}(?:st|nd|rd|th)?)*,?\s+and\s+\d{{1,2}}(?:st|nd|rd|th)?(?=\s+(?:of\s+)?(?:{_MONTHS})\b)"
)
_ANY_DAY = re.compile(r"\d{1,2}")
_YEAR_IN = re.compile(r"(?:19|20)\d\d|\b\d{1,2}[/.]\d{1,2}[/.]\d\d\b")


@dataclass(frozen=True)
class Citation:
    """One earlier answer that an answer cites.

    Attributes
    ----------
    start, end : int
        Offsets of the number in the answer, or of the words that refer where there is no number.
    uin : str or None
        The number.
    day : str or None
        The day cited, ISO.
    tabled : str or None
        The day of tabling, from the address that the number links to.
    sentence : (int, int)
        Offsets of the sentence.
    """

    start: int
    end: int
    uin: str | None
    day: str | None
    tabled: str | None
    sentence: tuple[int, int]


def find_citations(answer: str, on: str = "") -> list[Citation]:
    """Find the earlier answers that `answer` refers to.

    Parameters
    ----------
    answer : str
        As `pqnlp.read` gives it.
    on : str
        ISO day of the answer, by which "20 January" gets its year.

    Returns
    -------
    list of Citation
        In order; each number once.

    Examples
    --------
    >>> text = "I refer the hon. Member to the answer given on 20 January to Question 125287."
    >>> [(c.uin, c.day) for c in find_citations(text, "2025-02-03")]
    [('125287', '2025-01-20')]
    """
    found: dict[str | None, Citation] = {}
    if not _may_refer(answer):
        return []
    from pqnlp.sentences import split_sentences

    for start, end in split_sentences(answer):
        trigger = _TRIGGER.search(answer, start, end)
        if trigger is None:
            continue
        for citation in _in_sentence(answer, trigger.start(), start, end, on):
            known = found.get(citation.uin)
            if known is None:
                found[citation.uin] = citation
            elif known.tabled is None and citation.tabled is not None:  # the link that follows the number
                found[citation.uin] = Citation(
                    known.start, known.end, known.uin, known.day or citation.day, citation.tabled, known.sentence
                )
    if len(found) > 1:  # "I refer him to my answer" beside one with a number is the same
        found.pop(None, None)
    return list(found.values())


def _may_refer(answer: str) -> bool:
    return "refer" in answer or "nswer" in answer or "esponse" in answer or "eply" in answer or "UIN" in answer


def _in_sentence(text: str, at: int, start: int, end: int, on: str) -> "Iterator[Citation]":
    links = {m.start("uin"): (_regular(m["uin"]), m["day"]) for m in _LINK.finditer(text, at, end)}
    tabled: dict[str, str] = {}
    for uin, day in links.values():
        tabled.setdefault(uin, day)
    numbers: list[tuple[int, int, str]] = []
    for m in _NUMBER.finditer(text, at, end):
        group = "uin" if m["uin"] else "lords"
        if any(a <= m.start(group) < b for a, b, _ in numbers) or _in_address(text, m.start(group)):
            continue
        numbers.append((m.start(group), m.end(group), m[group]))
        more = _MORE.match(text, m.end(), end)
        while more:
            numbers.append((more.start("uin"), more.end("uin"), more["uin"]))
            more = _MORE.match(text, more.end(), end)
    said = {_regular(uin) for _, _, uin in numbers}
    numbers += [(k, k + len(uin), uin) for k, (uin, _) in links.items() if uin not in said]
    clause = text[at:end]
    if not numbers and _TO_ANSWER.search(clause) and not _NOT_QUESTION.search(clause):
        numbers = [
            (m.start("uin"), m.end("uin"), m["uin"])
            for m in _BARE.finditer(text, at, end)
            if not _YEAR.match(m["uin"]) and not _in_address(text, m.start())
        ]
    numbers.sort()
    days = _days(text, at, end, on)
    if not numbers:
        to = _TO_ANSWER.search(text, at, min(end, at + 120))
        # Statements, debates and letters have no number of a question.
        other = _NOT_QUESTION.search(clause) or _OTHER_RESPONSE.search(clause)
        if to and not other and _REFERS.match(text, at):
            yield Citation(at, to.end(), None, days[0][1] if len(days) == 1 else None, None, (start, end))
        return
    for k, (a, b, uin) in enumerate(numbers):
        uin = _regular(uin)
        if len(days) == len(numbers):
            day = days[k][1]
        elif days:
            day = min(days, key=lambda d: min(abs(d[0] - b), abs(d[0] - a)))[1]
        else:
            day = None
        yield Citation(a, b, uin, day, tabled.get(uin), (start, end))


def _regular(uin: str) -> str:
    return uin.upper().replace(" ", "")


def _in_address(text: str, at: int) -> bool:
    begin = max(text.rfind(" ", 0, at), text.rfind("(", 0, at), text.rfind("\n", 0, at)) + 1
    return text.startswith(("http", "www."), begin) or "://" in text[begin:at]


def _days(text: str, at: int, end: int, on: str) -> list[tuple[int, str]]:
    """Return the days named between two offsets, with their places; a day without a year is the last one before `on`."""
    from pqnlp.entities.dates import find_dates

    out: list[tuple[int, str]] = []
    mentions = [m for m in find_dates(text[at:end], on) if m.first and not _in_address(text, at + m.start)]
    for k, mention in enumerate(mentions):
        place, words = at + mention.start, text[at + mention.start : at + mention.end]
        year = None
        if not _YEAR_IN.search(words):
            # "6 November and 1 December 2025" is one year's; else it is the last such day.
            beside = mentions[k + 1] if k + 1 < len(mentions) else None
            if (
                beside
                and beside.start - mention.end <= 6
                and _YEAR_IN.search(text[at + beside.start : at + beside.end])
            ):
                year = int(beside.first[:4])
            elif on and mention.first > on:
                year = int(mention.first[:4]) - 1
        # "11, 18 and 19 March" is three days, read as one period by what finds dates.
        several = _DAY_LIST.search(text, max(at, place - 24), at + mention.end)
        if several and mention.last:
            days = [
                (several.start() + m.start(), f"{mention.last[:8]}{int(m.group()):02d}")
                for m in _ANY_DAY.finditer(several.group(0))
            ]
        elif mention.first == mention.last:
            days = [(place, mention.first)]
        else:
            continue
        out += [(where, day if year is None else f"{year}{day[4:]}") for where, day in days if _day(day)]
    return out


def resolve_referrals(
    scored: Any, *, texts: Any = None, progress: Callable[[int], None] | None = None
) -> "pd.DataFrame":
    """Follow every referral to the answer that it leads to.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none.
    progress : callable, optional
        Called with the number of answers done.

    Returns
    -------
    DataFrame
        One row for each earlier answer that an answer cites (see ``docs/findings.md`` for the columns); where the one cited
        refers on to several, a row for each way.

    Notes
    -----
    An answer is followed further only where it says nothing but the referral: otherwise it is itself an answer.
    """
    import pandas as pd

    from pqnlp.findings.scored import ABOUT, read_scored

    frame = read_scored(scored, texts=texts)
    corpus = _Corpus(frame)
    rows = []
    for k in range(len(frame)):
        if progress is not None and k % 1000 == 999:
            progress(1000)
        if corpus.label[k] is None or corpus.problem[k] == "duplicate_id":
            continue
        citations = corpus.citations(k)
        if not citations:
            continue
        whole = corpus.is_whole(k)
        about = {name: frame.at[k, name] for name in ABOUT}
        for citation in citations:
            for path, status, agrees in corpus.ways(k, citation):
                end = path[-1] if len(path) > 1 else None
                rows.append(
                    about
                    | {
                        "start": citation.start,
                        "end": citation.end,
                        "sentence": corpus.answer[k][slice(*citation.sentence)],
                        "cited_uin": citation.uin,
                        "cited_on": citation.day,
                        "cited_house": _house(citation.uin),
                        "whole": whole,
                        "cited_id": corpus.id[path[1]] if len(path) > 1 else None,
                        "agrees": agrees,
                        "status": status,
                        "path": [corpus.id[at] for at in path],
                        "steps": len(path) - 1,
                        **{
                            f"end_{name}": None if end is None else frame.at[end, name]
                            for name in ("id", "uin", "answered", "label", "reason")
                        },
                    }
                )
    if progress is not None:
        progress(len(frame) % 1000)
    columns = [
        *ABOUT,
        "start",
        "end",
        "sentence",
        "cited_uin",
        "cited_on",
        "cited_house",
        "whole",
        "cited_id",
        "agrees",
    ]
    columns += ["status", "path", "steps", "end_id", "end_uin", "end_answered", "end_label", "end_reason"]
    return pd.DataFrame(rows, columns=columns)


def _house(uin: str | None) -> str | None:
    if uin is None:
        return None
    return "Lords" if uin.startswith("HL") else "Commons"


class _Corpus:
    """The answers by number, with what each cites worked out once, when it is asked for."""

    def __init__(self, frame: "pd.DataFrame"):
        self.id = frame["id"].tolist()
        self.answer = frame["answer"].tolist()
        self.question = frame["question"].tolist()
        self.label = frame["label"].tolist()
        self.problem = frame["problem"].tolist()
        self.tabled = [_day(value) for value in frame["tabled"]]
        self.answered = [_day(value) for value in frame["answered"]]
        self.about = _about_when(self.id, self.tabled)
        self.rows: dict[str, list[int]] = {}
        for k, (uin, problem) in enumerate(zip(frame["uin"], self.problem, strict=True)):
            if uin and problem != "duplicate_id":
                self.rows.setdefault(_regular(uin), []).append(k)
        self._citations: dict[int, list[Citation]] = {}

    def day(self, k: int) -> date | None:
        """Return the day of the answer, or about when it was given, as near as its neighbours tell."""
        if self.answered[k]:
            return self.answered[k]
        tabled = self.tabled[k] or self.about[k]
        return tabled and tabled + _ANSWERED_AFTER

    def citations(self, k: int) -> list[Citation]:
        if k not in self._citations:
            day = self.day(k)
            found = find_citations(self.answer[k], day.isoformat() if day else "")
            if len(found) == 1 and found[0].uin is None:
                found = [self._from_question(k, found[0])]
            self._citations[k] = found
        return self._citations[k]

    def _from_question(self, k: int, citation: Citation) -> Citation:
        """Give "my previous answer" the number that the question itself cites."""
        from pqnlp.question import parse_question

        if not _SAID_EARLIER.search(self.answer[k], citation.start, citation.sentence[1]):
            return citation
        cited = {
            (r.uin, r.date)
            for r in parse_question(self.question[k]).references
            if r.kind == "answer" and r.uin is not None
        }
        if len(cited) != 1:
            return citation
        uin, words = cited.pop()
        day = citation.day
        if words:
            days = _days(words, 0, len(words), "")
            # Another day than that of the answer the question cites is another answer.
            if day and days and days[0][1] != day:
                return citation
            day = days[0][1] if days else day
        return Citation(citation.start, citation.end, _regular(uin), day, None, citation.sentence)

    def is_whole(self, k: int) -> bool:
        inside = {c.sentence for c in self.citations(k)}
        beside = len(self.answer[k]) - sum(end - start for start, end in inside)
        return bool(inside) and beside <= _BESIDE

    def resolve(self, k: int, citation: Citation) -> tuple[list[int], bool | None]:
        """Return the answers that fit a citation of row `k` best, and whether the day cited is theirs."""
        rows = self.rows.get(citation.uin or "", [])
        if not rows:
            return [], None
        tabled, cited, day = _day(citation.tabled), _day(citation.day), self.day(k)
        if tabled:
            same = [r for r in rows if self.tabled[r] == tabled]
            if same:
                return same, self._agrees(same, cited)
        if cited:
            same = [r for r in rows if self._on(r, cited)]
            if same:
                return same, True
        if tabled or cited:
            aim, reach = tabled or cited, _NEAR
        elif day:
            aim, reach = day, _BACK
        else:
            return rows, None
        near = [
            (abs(at - aim), r)
            for r in rows
            if (at := self.answered[r] or self.tabled[r]) and abs(at - aim) <= reach and (tabled or cited or at <= aim + _NEAR)
        ]  # fmt: skip
        if not near:
            undated = [r for r in rows if not self.answered[r] and not self.tabled[r]]
            return undated, None
        least = min(near)[0]
        nearest = [r for distance, r in near if distance == least]
        return nearest, self._agrees(nearest, cited)

    def _on(self, row: int, day: date) -> bool:
        return day in (self.answered[row], self.tabled[row])

    def _agrees(self, rows: list[int], cited: date | None) -> bool | None:
        """Tell whether the day cited is that of an answer found; None where there is none, or the answer has none."""
        if cited is None:
            return None
        if any(self._on(r, cited) for r in rows):
            return True
        return False if all(self.answered[r] for r in rows) else None

    def ways(self, k: int, citation: Citation) -> "Iterator[tuple[list[int], str, bool | None]]":
        """Yield the paths that begin with `citation`, each with its status."""
        rows, agrees = self.resolve(k, citation)
        count = 0
        waiting: list[tuple[list[int], list[int], str]] = [([k], rows, citation.uin or "")]
        while waiting and count < _MOST_PATHS:
            path, rows, uin = waiting.pop()
            if len(rows) != 1:
                count += 1
                yield path, ("ambiguous" if rows else "not_in_corpus" if uin else "unnumbered"), agrees
                continue
            row = rows[0]
            if row in path:
                count += 1
                yield [*path, row], "loop", agrees
                continue
            path = [*path, row]
            onward = self.citations(row) if self.label[row] is not None else []
            if not onward or not self.is_whole(row):
                count += 1
                yield path, "reached", agrees
                continue
            waiting += [(path, self.resolve(row, c)[0], c.uin or "") for c in reversed(onward)]


def _day(value) -> date | None:
    if not value or not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _about_when(ids: list[str], tabled: list[date | None]) -> list[date | None]:
    """Return about when each undated question was tabled, where the ids of the dated ones grow with time."""
    import numpy as np

    known = sorted(
        (int(i), d.toordinal()) for i, d in zip(ids, tabled, strict=True) if d and i.isascii() and i.isdigit()
    )
    if len(known) < 20:
        return [None] * len(ids)
    numbers, days = np.array(known, dtype=float).T
    falls = np.diff(days) < -14
    if falls.mean() > 0.01:
        return [None] * len(ids)
    out: list[date | None] = []
    for i in ids:
        inside = i.isascii() and i.isdigit() and numbers[0] <= int(i) <= numbers[-1]
        out.append(date.fromordinal(round(float(np.interp(int(i), numbers, days)))) if inside else None)
    return out
