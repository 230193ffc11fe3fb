"""Promises: what answers say will be done, by whom and by when: "will publish in the spring", "I will write", "in due course".

A promise is a future ("will", "shall", "intends to", "is due to") of one of the verbs in `PROMISES`. To write, to publish, to
respond, to consult and to legislate count by themselves; verbs that may as well describe what a policy does (to set out, to
review, to launch ...) only with words that say when.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROMISES", "Promise", "find_promises", "promises_in"]

#: Kind of promise, the verbs (active) and participles (passive) that make it, and whether it needs words that say when.
PROMISES: dict[str, tuple[str, str, bool]] = {
    "write": (r"write\s+to|write\b(?!\s+(?:off|down|into))", r"written\s+to", False),
    "publish": (
        r"publish|release|deposit|place\b.{0,60}?\blibrar(?:y|ies)|make\b.{0,40}?\b(?:public|available)",
        r"published|released|deposited|placed\s+in\s+the\s+librar(?:y|ies)|made\s+(?:public|publicly\s+available|available)",
        False,
    ),
    "respond": (r"respond|reply|issue\s+(?:a|its|our|the|their)\s+response", r"responded\s+to", False),
    "consult": (
        r"consult|(?:launch|open|hold|begin|issue|run)\s+(?:a\s+|the\s+|an\s+|our\s+|its\s+)?(?:\w+\s+){0,3}consultations?|seek\s+views",
        r"consulted\s+(?:on|up)",
        False,
    ),
    "legislate": (
        r"legislate|(?:introduce|bring\s+forward|lay|table)\b.{0,50}?\b(?:legislation|bill|regulations|order|amendments?|statutory\s+instrument)",
        r"(?:laid|brought)\s+(?:before|forward)",
        False,
    ),
    "announce": (
        r"announce|confirm|set\s+out|outline|share|bring\s+forward|(?:provide|give|make|have)\s+(?:\w+\s+){0,3}(?:details?|information|announcements?|statements?)",
        r"announced|confirmed|set\s+out|outlined|shared|brought\s+forward|provided",
        True,
    ),
    "update": (
        r"update|(?:provide|give)\s+(?:\w+\s+){0,3}updates?|report(?:\s+back)?|keep\b.{0,30}?\b(?:updated|informed)",
        r"updated|reported",
        True,
    ),
    "decide": (
        r"decide|determine|conclude|finalise|complete|agree|(?:make|take|reach)\s+(?:\w+\s+){0,2}decisions?",
        r"decided|determined|concluded|finalised|completed|agreed|(?:taken|reached)",
        True,
    ),
    "review": (
        r"review|evaluate|assess|consider|carry\s+out|undertake|conduct",
        r"reviewed|evaluated|assessed|considered|carried\s+out|undertaken|conducted",
        True,
    ),
    "launch": (
        r"launch|open|begin|start|commence|introduce|roll\s+out|implement|deliver|establish|appoint|come\s+into\s+force|take\s+effect",
        r"launched|opened|begun|started|commenced|introduced|rolled\s+out|implemented|delivered|established|appointed|brought\s+into\s+force",
        True,
    ),
}

_FUTURE = re.compile(
    r"""\b(?:will|shall)\b|['’]ll\b
      | \b(?:plan(?:s|ned|ning)?|intend(?:s|ing)?|aim(?:s|ing)?|expect(?:s|ed)?|hop(?:e|es|ing)|due|scheduled|set|commit(?:s|ted))\s+to\b
      | \blooking\s+forward\s+to\b""",
    re.IGNORECASE | re.VERBOSE,
)
# "will shortly publish", "will, in the coming weeks, consult", "will consider and publish". A negative ends it, and so does what a noun
# stands after: "will present their review", "will be informed by this review".
_STOPPED = r"not|never|only|neither|the|an?|this|that|these|those|their|our|its|his|her|any|by|of|for|at|in|on|from|with|which|who"
_BETWEEN = rf"(?:\s*,[^,;]{{3,40}},)?\s+(?:(?!(?:{_STOPPED})\b)[\w’'-]+\s+){{0,4}}?"
_SOON = r"""(?:in\s+due\s+course|(?:very\s+)?shortly|(?:very\s+)?soon(?:\s+as\b.{0,50}?(?=[,.;]|$))?|as\s+soon\s+as\b[^,.;]{0,60}|imminently
  | in\s+the\s+(?:near\s+future|(?:coming|next\s+few|next\s+couple\s+of)\s+(?:days|weeks|months)|usual\s+way|normal\s+way|new\s+year|course\s+of\s+time)
  | over\s+the\s+coming\s+(?:days|weeks|months|year)|at\s+the\s+earliest\s+(?:possible\s+)?opportunity|when\s+parliamentary\s+time\s+(?:allows|permits)
  | at\s+(?:the|a)\s+(?:appropriate|right|suitable|later|future)\s+(?:time|point|date|moment|stage|fiscal\s+event)|at\s+(?:a|the\s+next)\s+(?:future\s+)?fiscal\s+event|in\s+the\s+fullness\s+of\s+time
  | when\s+(?:the\s+|this\s+)?(?:\w+\s+){1,4}?(?:is|are|becomes?|has|have)\s+(?:been\s+)?(?:available|complete[d]?|concluded|ready|made|known|finalised)
  | (?:once|when|after|following)\s+(?:the|this|these|that|a|our|we|it|all|its|they)\b[^,.;]{3,80}|in\s+time\b|within\s+(?:\w+\s+){1,2}(?:days|weeks|months|years)[^,.;]{0,30}
  | ahead\s+of\b[^,.;]{3,60}|alongside\b[^,.;]{0,40}\b(?:budget|statement|response|review|bill|white\s+paper|strategy|plan|publication|settlement)\b|at\s+(?:the\s+)?(?:autumn\s+|spring\s+)?(?:budget|statement|spending\s+review)\b)"""
_WHEN = re.compile(_SOON, re.IGNORECASE | re.VERBOSE)
# A date after these belongs to something else than the promise: "the report announced in May", "the data for 2024".
_PAST = re.compile(
    r"\b(?:since|announced|published|launched|introduced|in\s+force|made|ended|ending|dated|established|signed|was|were|had)\b[^,]{0,25}$"
    r"|\b(?:of|from|between|for|until|covering|to)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
# "are due to be released": people, not papers.
# Money "made available" is spent, not published; a consultation that "will seek views" is there already.
_MONEY = re.compile(r"£|\bfund(?:s|ing)?\b|\bgrants?\b|\bmoney\b|\binvestment\b|\bsupport\b", re.IGNORECASE)
_CONSULTATION = re.compile(r"\b(?:consultation|it|this|review|call\s+for\s+evidence)\s+$", re.IGNORECASE)
_TOLD = re.compile(r"\b(?:announced|confirmed|said|stated|committed|published|set\s+out)\b", re.IGNORECASE)
_CUSTODY = re.compile(r"\b(?:offenders?|prisoners?|custody|prisons?|licence)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(
    r"[;:]|,\s*(?:which|who|where|while|but|so|as|and|with|whilst|following|including)\b|\s+(?:which|that\s+will|but|so\s+that)\s",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r"[;:]\s+|,\s+(?:and\s+|but\s+)?(?=(?:the|a|an|our|its|this|these|those|any|all|further|more|we|it)\b|(?-i:[A-Z]))|\b(?:but|that|where|while)\s+",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:no|not|neither|nor|never|cannot|whether|if|unless)\b(?:\s+\w+){0,6}\s*$|\b(?:no|nor|any)\s+(?:current\s+|immediate\s+|present\s+)?$",
    re.IGNORECASE,
)
# A forecast of what others do: "50,000 people are expected to start".
_FORECAST = re.compile(r"expect|due", re.IGNORECASE)
# "announced plans to update": whose, and when it was, is another matter.
_PLANS_TOLD = re.compile(
    r"\b(?:announced|outlined|published|unveiled|welcome[sd]?|about|of|on|details|support|with|for)\s+(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_CONTINUOUS = {
    "write": "writing\\s+to", "publish": "publishing|releasing", "respond": "responding", "consult": "consulting",
    "legislate": "legislating|(?:introducing|bringing\\s+forward)\\s+(?:\\w+\\s+){0,3}(?:legislation|regulations|bill)", "announce": "announcing|setting\\s+(?:\\w+\\s+){0,2}out", "launch": "launching|introducing",
}  # fmt: skip
# Dates that need no preposition to say when something will be.
_TIMED = re.compile(
    r"(?:this|next|later|early|late|mid|end|tomorrow|today|on|in|by|before|during|within)\b", re.IGNORECASE
)
_BARE_SEASON = re.compile(r"(spring|summer|autumn|winter)(?:\s+of)?\s+$", re.IGNORECASE)


def _verbs() -> re.Pattern:
    parts = []
    for kind, (active, passive, _) in PROMISES.items():
        parts.append(f"(?P<{kind}>{active})")
        parts.append(f"(?P<{kind}_passive>be\\s+(?:\\w+\\s+){{0,2}}?(?:{passive}))")
    # "will be publishing", "looking forward to publishing"
    for kind, words in _CONTINUOUS.items():
        parts.append(f"(?P<{kind}_continuous>(?:be\\s+)?(?:{words}))")
    return re.compile(rf"{_BETWEEN}(?:{'|'.join(parts)})\b", re.IGNORECASE | re.DOTALL)


_PROMISE: re.Pattern | None = None


class Promise(NamedTuple):
    """One promise in a text.

    Attributes
    ----------
    start, end : int
        Offsets of the sentence.
    promise : str
        A key of `PROMISES`.
    what : str
        What is promised: the object of an active verb, the subject of a passive one.
    by : str or None
        The words that say when.
    due_from, due_to : str or None
        ISO days, where the words name a time.
    """

    start: int
    end: int
    promise: str
    what: str
    by: str | None
    due_from: str | None
    due_to: str | None


def promises_in(answer: str, on: str = "") -> list[Promise]:
    """Find the promises in `answer`.

    Parameters
    ----------
    answer : str
        As `pqnlp.read` gives it.
    on : str
        ISO day of the answer, from which "the spring" is counted; ``""`` if unknown.

    Returns
    -------
    list of Promise
        In order, one a sentence and kind.

    Examples
    --------
    >>> [tuple(p)[2:] for p in promises_in("We will publish the ferry review in the spring.", "2025-10-20")]
    [('publish', 'the ferry review', 'in the spring', '2026-03-01', '2026-05-31')]
    """
    from pqnlp.sentences import split_sentences

    global _PROMISE
    if _PROMISE is None:
        _PROMISE = _verbs()
    out = []
    for start, end in split_sentences(answer):
        seen = set()
        for future in _FUTURE.finditer(answer, start, end):
            m = _PROMISE.match(answer, future.end(), end)
            if m is None or m.lastgroup.partition("_")[0] in seen:
                continue
            found = _promise(answer, future, m, start, end, on)
            if found is not None:
                seen.add(found.promise)
                out.append(found)
    return out


def _promise(text: str, future: re.Match, m: re.Match, start: int, end: int, on: str) -> Promise | None:
    kind, _, voice = m.lastgroup.partition("_")
    word = future.group(0).lower()
    if _REFUSED.search(text, start, future.start()) or " | " in text[start:end]:
        return None
    if word.startswith("plan") and _PLANS_TOLD.search(text, start, future.start()):
        return None
    if "release" in m.group(0).lower() and _CUSTODY.search(text, start, end):
        return None
    if "available" in m.group(0).lower() and _MONEY.search(text, start, end):
        return None
    if "views" in m.group(0).lower() and _CONSULTATION.search(text, start, future.start()):
        return None
    if kind == "launch" and _FORECAST.match(word):
        return None
    if word.startswith("set ") and not re.search(r"\b(?:is|are)\s+$", text[start : future.start()]):
        return None
    stop = _CLAUSE_END.search(text, m.end(), end)
    clause_end = stop.start() if stop else end
    by, due_from, due_to = _due(text, start, future.start(), m.end(), clause_end, on)
    if PROMISES[kind][2] and by is None:
        return None
    what = _subject(text, start, future.start()) if voice == "passive" else text[m.end() : clause_end]
    if by:
        what = what.replace(by, " ")
    return Promise(start, end, kind, " ".join(what.split()).strip(" ,.;"), by, due_from, due_to)


def _subject(text: str, start: int, end: int) -> str:
    """Return the subject before a passive: what follows the last comma or conjunction that opens a clause."""
    begin = start
    for boundary in _CLAUSE_START.finditer(text, start, end):
        begin = boundary.end()
    return re.sub(r"\s+(?:is|are|now|also|currently)$", "", text[begin:end].rstrip())


def _due(text, start, future, verb_end, clause_end, on) -> tuple[str | None, str | None, str | None]:
    """Return the words that say when, and the days that they name."""
    from pqnlp.entities.dates import find_dates

    best: tuple[int, str, str | None, str | None] | None = None
    for mention in find_dates(text[start:clause_end], on):
        a, b = start + mention.start, start + mention.end
        # Time stands after the verb, in its clause, or at the head of the sentence: "In the spring, we will ...".
        head = b <= future and a - start <= 12 and text[b : b + 1] == "," and (bool(on) or not mention.last)
        between = future < a < verb_end
        if not (head or between or verb_end <= a < clause_end):
            continue
        if not head and not between and _PAST.search(text, verb_end, a):
            continue
        words = re.search(
            r"(?:\b(?:by|in|from|on|before|during|until|at|over|within|later|early|towards?)\s+(?:the\s+)?(?:(?:start|beginning|middle|end)\s+of\s+(?:the\s+)?)?)?$",
            text[max(start, a - 40) : a], re.IGNORECASE,
        )  # fmt: skip
        before = words.group(0) if words else ""
        if not before and not _TIMED.match(text, a):
            continue  # "the 2023 reforms"
        first, last = mention.first or None, mention.last or None
        if on and last and last < on:
            continue  # what is past is not promised
        first, last = _interval(text[a:b], before, first, last, text[max(start, a - 12) : a], on)
        place = abs(a - verb_end)
        if best is None or place < best[0]:
            best = (place, text[a - len(before) : b], first, last)
    if best is not None:
        return best[1], best[2], best[3]
    soon = _WHEN.search(text, verb_end, clause_end) or _WHEN.search(text, future, verb_end)
    if soon is None:
        # "At the Budget, the Chancellor announced that ..." says when it was announced.
        told = "," not in text[start:future] or _TOLD.search(text, start, future)
        soon = None if told else _WHEN.match(text, start)
    if soon is None:
        return None, None, None
    return soon.group(0).strip(), None, None


def _interval(words, before, first, last, ahead, on) -> tuple[str | None, str | None]:
    lead = before.lower().split(" ")[0] if before else ""
    if not first and not last:
        if words.lower() == "christmas" and on:
            return on, f"{on[:4]}-12-25"
        return None, None
    if not last:  # "the end of this Parliament"
        return None, None
    season = _BARE_SEASON.search(ahead)
    if season and first:  # "in the summer of this year"
        from pqnlp.entities.calendar import season as months_of

        a, b = months_of(int(first[:4]), season.group(1))
        first, last = a.isoformat(), b.isoformat()
    if lead == "before" and first and "end" not in words.lower() and first > (on or ""):
        last = (date.fromisoformat(first) - timedelta(days=1)).isoformat()
        first = None
    elif lead in ("by", "until") or words.lower().startswith("end"):
        first = None
    first = max(filter(None, (first, on))) if (first or on) else None
    if first and first > last:
        first = last
    return first, last


def find_promises(
    scored: Any,
    *,
    at: str | date | None = None,
    texts: Any = None,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """List what answers promise, and whether it is due.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    at : date or str, optional
        The day on which due is judged, ISO; by default the last day of answer in the table.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none.
    progress : callable, optional
        Called with the number of answers done.

    Returns
    -------
    DataFrame
        One row for each promise (see ``docs/findings.md`` for the columns). ``state`` is "overdue" where the last day is past,
        "due" inside the interval, "coming" before it, "undated" without days: whether a promise was kept, the corpus does not say.

    Raises
    ------
    ValueError
        If `at` is no ISO date.
    """
    import pandas as pd

    from pqnlp.findings.scored import ABOUT, read_scored, scored_rows

    rows = scored_rows(read_scored(scored, texts=texts))
    today = _at(at, rows["answered"])
    found: dict[tuple[str, str], list[Promise]] = {}
    out = []
    for k, (answer, answered, tabled) in enumerate(zip(rows["answer"], rows["answered"], rows["tabled"], strict=True)):
        if progress is not None and k % 1000 == 999:
            progress(1000)
        on = answered or tabled or ""
        # Grouped questions share their answer.
        if (answer, on) not in found:
            found[answer, on] = promises_in(answer, on)
        if not found[answer, on]:
            continue
        about = {name: rows.at[k, name] for name in ABOUT}
        for promise in found[answer, on]:
            out.append(
                about
                | {
                    "start": promise.start,
                    "end": promise.end,
                    "sentence": answer[promise.start : promise.end],
                    "promise": promise.promise,
                    "what": promise.what,
                    "by": promise.by,
                    "due_from": promise.due_from,
                    "due_to": promise.due_to,
                    "state": _state(promise, today),
                }
            )
    if progress is not None:
        progress(len(rows) % 1000)
    columns = [*ABOUT, "start", "end", "sentence", "promise", "what", "by", "due_from", "due_to", "state"]
    frame = pd.DataFrame(out, columns=columns)
    frame.attrs["at"] = today
    return frame


def _at(at, answered) -> str | None:
    if at is None:
        return max((day for day in answered if day), default=None)
    try:
        return (at if isinstance(at, date) else date.fromisoformat(str(at))).isoformat()[:10]
    except ValueError:
        raise ValueError(f"at is {at!r}: give a day as YYYY-MM-DD.") from None


def _state(promise: Promise, today: str | None) -> str:
    if promise.due_to is None or today is None:
        return "undated"
    if promise.due_to < today:
        return "overdue"
    return "coming" if promise.due_from and promise.due_from > today else "due"
