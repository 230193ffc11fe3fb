"""Data gaps: what was asked for and is not held, not collected, or would cost too much to find."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GAPS", "Gap", "count_data_gaps", "find_data_gaps", "gaps_in"]

_INFORMATION = (
    r"(?:information|data|figures?|statistics|records?|breakdowns?|numbers?|details?|lists?|estimates?|costs?|spend(?:ing)?|"
    r"expenditure|registers?|logs?|sources?|cases?|reasons?|dataset|metrics?)"
)
_GAP = {
    "cost": r"""disproportionate(?:ly)?\s+(?:\w+\s+){0,2}(?:costs?|costly|effort|time|expense|expensive|resources?|burden|amount)
      | (?:exceed|above|breach)\w*\s+(?:the\s+)?(?:\w+\s+){0,3}(?:cost|disproportionate)\s+(?:\w+\s+)?(?:limit|threshold)
      | too\s+(?:costly|expensive)\s+to
      | \bmanual(?:ly)?\s+(?:\w+\s+){0,2}(?:search|review|trawl|check|examin|collat|interrogat|inspect|extract)\w*(?=[^.]{0,200}\b(?:cost|disproportionate|resource|would\s+(?:be\s+)?requir))""",
    "not_collected": rf"""\b(?:not|never|no\s+longer)\s+(?:(?!(?:it|they|that|which|who|the)\b)\w+\s+){{0,4}}?(?:collect(?:ed|s)?|collate[ds]?|gather(?:ed)?|captured?|compiled?|monitor(?:ed)?|track(?:ed)?|recorded|record)\b
      | \bno\s+(?:central\s+|national\s+|routine\s+)?{_INFORMATION}\s+(?:is|are|was|were|has\s+been|have\s+been)\s+(?:\w+\s+)?(?:collected|recorded|collated|gathered)""",
    "not_held": rf"""\b(?:not|nor|neither)\s+(?:\w+\s+){{0,4}}?(?:hold|held|kept|keep|possess|retain(?:ed)?|maintain(?:ed)?)\b
      | \bno\s+(?:central\s+|such\s+|national\s+|specific\s+)?{_INFORMATION}\b[^.;]{{0,40}}?\b(?:held|hold|available|exists?)\b
      | \b(?:do(?:es)?|did)\s+not\s+(?:\w+\s+)?have\s+(?:access\s+to\s+)?(?:the\s+|this\s+|any\s+|these\s+|such\s+|that\s+|a\s+|an\s+|central\s+)*(?:\w+\s+){{0,2}}{_INFORMATION}\b
      | {_INFORMATION}\b[^.;]{{0,60}}?\b(?:is|are)\s+(?:not\s+(?:\w+\s+){{0,2}}?available|unavailable)\b(?!\s+(?:online|publicly|to\s+the\s+public))
      | \b(?:unable|not\s+able|not\s+possible|impossible)\s+to\s+(?:\w+\s+)?(?:provide|identify|disaggregate|separate|determine|break|quantify|extract|give|produce|calculate|distinguish|supply|estimate)\b
      | \bcannot\s+(?:\w+\s+)?be\s+(?:\w+\s+)?(?:disaggregated|separated|identified|broken\s+down|separately\s+identified|determined|distinguished|quantified)\b
      | {_INFORMATION}\b[^.;]{{0,60}}?\bnot\s+(?:\w+\s+)?(?:broken\s+down|disaggregated|identifiable)\b
      | \bnot\s+(?:form\s+)?part\s+of\s+(?:\w+\s+){{0,3}}(?:statistic|data|release|publication|return|collection)\w*
      | \bhold(?:s)?\s+no\s+(?:central\s+|such\s+)?{_INFORMATION}\b""",
}  # fmt: skip
#: What keeps the data from being given, the likeliest to be meant first where a sentence says two.
GAPS = ("cost", "not_collected", "not_held")
_GAPS = {gap: re.compile(_GAP[gap], re.IGNORECASE | re.VERBOSE) for gap in GAPS}
_ANY = re.compile(
    r"isproportionate|\bnot?\b|\bnor\b|neither|never|unable|unavailable|impossible|cannot|too costly|too expensive|manual",
    re.IGNORECASE,
)
_ABOUT_DATA = re.compile(
    rf"\b{_INFORMATION}\b|\b(?:this|it|these)\s+(?:is|are)\s+not\b|\bcentrally\b|\bhow\s+many\b", re.IGNORECASE
)
# "does not hold a position", "is not held to account", "will not be collecting litter": no data.
_NO_DATA = re.compile(
    r"\b(?:hold|held|have|keep|retain|maintain)\s+(?:\w+\s+){0,2}(?:positions?|powers?|views?|meetings?|shares?|office|responsibility|stocks?|reserves?|accountable|to\s+account|talks|discussions|plans?)\b"
    r"|\b(?:previous\s+(?:administration|government)s?|in\s+a\s+position|speculat|comment|individual\s+cases|confidential|commercially|national\s+security|operational(?:ly)?\s+(?:security|nature|sensitiv\w+|reasons)|prejudice|not\s+issue)",
    re.IGNORECASE,
)
# What is not yet there is deferred, not missing.
_NOT_YET = re.compile(
    r"\bnot\s+(?:\w+\s+)?yet\b|\byet\s+to\b|\bnot\s+hold\s+(?:a\s+)?(?:current\s+)?assessment", re.IGNORECASE
)
_ASKED_FOR = re.compile(
    r"\brequest(?:ed)?\b|\basked\s+for\b|\bsought\b|\bin\s+question\b|\bthis\s+question\b", re.IGNORECASE
)

_DATA_KINDS = frozenset(("how_many", "how_much", "what", "which", "when", "where", "who", "publish"))
# Asks of other kinds that are for data all the same.
_DATA_ASK = re.compile(
    rf"\bestimates?\b|\b{_INFORMATION}\s+(?:\w+\s+){{0,4}}(?:holds?|has|have|held)\b|\bholds?\s+(?:\w+\s+){{0,2}}{_INFORMATION}\b"
    r"|^if (?:he|she|they) will (?:list|state|provide|give|set\s+out|break\s+down)\b"
    r"|\bassessment\b.{0,40}\b(?:numbers?|proportion|prevalence|costs?|levels?|rates?|trends?)\b",
    re.IGNORECASE,
)

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_STOP = frozenset(
    """a an and any are as at be been by did do does each for from had has have he held her his how if in into is it its
    many much of on or per she that the their them there these they this those to was were what when where which who will
    with would department ministry government secretary state minister number proportion total amount information data holds hold
    made make estimate average following including whether most recent latest year years month months period available
    figures figure people published publish many also other under between within than more not no who been being total
    i ii iii iv v vi b c d e f g h""".split()
)
_LEAD = re.compile(
    r"""^(?:and\s+|or\s+)?(?:to\s+(?:provide|publish|list|state|set\s+out)\s+|on\s+|for\s+|in\s+|of\s+|by\s+|at\s+)?(?:
      (?P<many>how\s+many(?:\s*,?\s*and\s+what\s+(?:proportion|percentage)(?:\s+of)?)?(?:\s+of)?)
    | (?P<much>how\s+much(?:\s+money|\s+funding)?)
    | (?:what|which|if\s+(?:he|she|they)\s+will\s+(?:\w+\s+){1,3}?|whether\s+(?:he|she|they|(?:his|her|their|the)\s+Department)\s+(?:\w+\s+)?)\s*
      (?:(?:make|made)\s+an?\s+(?:recent\s+)?(?:estimate|assessment)\s+of\s+|(?:an?\s+)?(?:estimate|assessment)\s+of\s+|holds?\s+(?:further\s+|any\s+)?(?:information|data)\s+on\s+|(?:further\s+|any\s+)?(?:information|data)\s+on\s+|(?:recent\s+)?(?:estimate|assessment)s?\s+(?:(?:he|she|they|(?:his|her|their)\s+Department|the\s+Department)\s+)?(?:has|have)\s+(?:been\s+)?(?:made\s+)?(?:of|on)\s+|
         (?:information|data|figures|statistics|records)\s+(?:is\s+|are\s+)?(?:(?:does\s+)?(?:he|she|they|(?:his|her|their)\s+Department(?:\s+and\s+its\s+agencies)?|the\s+Department|the\s+Government|\w+)\s+)?(?:holds?|has|have|keeps?|collects?|held|collected|available)\s+(?:on|about|of|for|relating\s+to|regarding)\s+)?
      (?:(?:is|are|was|were|has\s+been|have\s+been|will\s+be)\s+)?(?:the\s+)?
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_LIMB = re.compile(r"(?<![\w(])\(?(?:[a-zA-Z]|[ivx]{1,4}|\d{1,2})\)\s*")
_PREPOSED = re.compile(
    r"(?:,?\s*\b(?:in|during|since|for|from|between|over|within|at|on|as\s+of|as\s+at|by|to|until|up\s+to|and|the|each|every|of|on\s+average)\b)*\s*$",
    re.IGNORECASE,
)
_AVAILABLE = re.compile(
    r",?\s*(?:(?:in|for|since|to)\s+)?(?:(?:each\s+of\s+)?the\s+)?(?:(?:most\s+recent|latest|last)\s+)?(?:(?:date|year|years|period|month|months|quarter|time)\s+)?for\s+which\s+(?:\w+\s+){1,3}(?:is|are)\s+(?:available|held)",
    re.IGNORECASE,
)
_IN_TITLE = re.compile(r"\b(?:Act|Bill|Regulations?|Order|Rules|Measure)\s+$")
_AREA = (
    r"(?:(?:parliamentary\s+)?constituenc(?:y|ies)|local\s+authorit(?:y|ies)(?:\s+areas?)?|local\s+education\s+authorit(?:y|ies)|council(?:\s+areas?)?|regions?|nations?|countr(?:y|ies)|count(?:y|ies)|"
    r"police\s+force(?:\s+areas?)?|police\s+areas?|integrated\s+care\s+boards?(?:\s+areas?)?|ICBs?|NHS\s+trusts?|trusts?|postcodes?(?:\s+areas?)?|districts?|boroughs?|cit(?:y|ies)|towns?|wards?|hospitals?|prisons?|schools?|areas?|locations?|ports?|combined\s+authorit(?:y|ies))"
)  # fmt: skip
# "Licensed by local authorities" is who did it; "by local authority" is a breakdown.
_BREAKDOWN = re.compile(
    rf",?\s*\b(?:in\s+each|for\s+each|by\s+each|at\s+each|from\s+each|across\s+each|each|in\s+every|per|broken\s+down\s+by|by(?!\s+(?:\w+\s+){{0,2}}(?:\w+ies|\w+boards|\w+[nrt]s|councils|areas|schools|prisons|hospitals)\b))\s+(?:of\s+the\s+)?(?:English\s+|UK\s+|Welsh\s+|Scottish\s+)?(?P<area>{_AREA})\b(?:\s+in\s+(?:England|Wales|Scotland|the\s+UK|Great\s+Britain|England\s+and\s+Wales|the\s+United\s+Kingdom))?",
    re.IGNORECASE,
)
_NATION = (
    r"England|Wales|Scotland|Northern\s+Ireland|Great\s+Britain|(?:the\s+)?United\s+Kingdom|(?:the\s+)?UK|(?:Greater\s+)?London|the\s+(?:North|South|East|West|Midlands)(?:\s+(?:East|West))?(?:\s+of\s+England)?|"
    r"(?:North|South)\s+(?:East|West)(?:\s+England)?|(?:East|West)\s+Midlands|Yorkshire(?:\s+and\s+(?:the\s+)?Humber)?|East\s+of\s+England"
)  # fmt: skip
_NAME = r"[A-Z][\w’'-]+(?:(?:,?\s+(?:and|upon|on|of|the|under|in|le|by|&)\s+(?:the\s+)?|\s+|,\s+)[A-Z][\w’'-]+){0,5}"
_PLACE = re.compile(
    rf",?\s*\b(?:in|across|within|throughout|for|at|from)\s+(?P<place>(?:{_NATION})(?:(?:,|,?\s+and)\s+(?:{_NATION}))*\b(?!\s+[A-Z])|(?:the\s+)?{_NAME}(?=\s+{_AREA}\b)(?:\s+{_AREA})|(?:the\s+)?(?:{_AREA}\s+of\s+){_NAME})"
)
_LIMB_PLACE = re.compile(rf"\((?:[a-zA-Z]|[ivx]{{1,4}})\)\s*(?:in\s+)?(?P<place>{_NATION}|{_NAME}\s+{_AREA})(?=\s*(?:[,;.]|and\b|or\b|$|\bin\b|\bby\b|\bsince\b))")  # fmt: skip
_BARE_PLACE = re.compile(rf",?\s*\b(?:in|across|within)\s+(?P<place>{_NAME})(?=\s*(?:[,;.?]|$|\b(?:since|in|by|for|between|during|were|was|have|has|are|who|as|that)\b))")  # fmt: skip
_NOT_PLACE = re.compile(
    r"NHS|Government|Department|Parliament|Forces|Ministry|Credit|Service|Office|Agency|Act\b|Bill\b|House\b|Fund|Scheme|Programme|Army|Navy|RAF|Air Force|Payment|Allowance|"
    r"Benefit|Test|Plan|Review|Strategy|Report|Command|Council|Committee|Cabinet|Treasury|Crown|Court|Tax|Question|Answer|January|February|March|April|May|June|July|August|September|October|November|December|"
    r"English|Table|Budget|Year|Covid|COVID|Board|Trust|Pension|Centre|GOV|Key Stage|STEM|Band|Schedule|Section|University|Level"
)


class Gap(NamedTuple):
    """One sentence of an answer that says why data is not given.

    Attributes
    ----------
    start, end : int
        Offsets of the sentence.
    gap : str
        One of `GAPS`.
    """

    start: int
    end: int
    gap: str


class _Clause(NamedTuple):
    """One ask with all its limbs."""

    start: int
    end: int
    kind: str


def gaps_in(answer: str) -> list[Gap]:
    """Find the sentences of `answer` that say that data is not held, not collected or too costly to find.

    Parameters
    ----------
    answer : str
        As `pqnlp.read` gives it.

    Returns
    -------
    list of Gap

    Examples
    --------
    >>> [g.gap for g in gaps_in("My Department does not collect data on ferry delays. Ferries are safe.")]
    ['not_collected']
    """
    from pqnlp.sentences import split_sentences

    if not _ANY.search(answer):
        return []
    out = []
    for start, end in split_sentences(answer):
        if not _ANY.search(answer, start, end) or " | " in answer[start:end]:
            continue
        sentence = answer[start:end]
        gap = next((name for name in GAPS if _GAPS[name].search(sentence)), None)
        if gap is None or _NO_DATA.search(sentence) or _NOT_YET.search(sentence):
            continue
        if gap != "cost" and not _ABOUT_DATA.search(sentence):
            continue
        out.append(Gap(start, end, gap))
    return out


def _clauses(question: str) -> list[_Clause]:
    """Return the asks for data, limbs put together again."""
    from pqnlp.question import parse_question

    out: list[_Clause] = []
    stems: list[tuple[int, int] | None] = []
    for ask in parse_question(question).asks:
        if ask.stem is not None and stems and stems[-1] == ask.stem:
            out[-1] = out[-1]._replace(end=ask.end)
            continue
        out.append(_Clause(ask.stem[0] if ask.stem else ask.start, ask.end, ask.kind))
        stems.append(ask.stem)
    return [c for c in out if c.kind in _DATA_KINDS or _DATA_ASK.search(question[c.start : c.end])]


@lru_cache(maxsize=4096)
def _content(text: str) -> frozenset[str]:
    return frozenset(_stem(w) for w in map(str.lower, _WORD.findall(text)) if w not in _STOP and len(w) > 1)


def _stem(word: str) -> str:
    """Cut the ending of a plural: enough to match the words of question and answer."""
    word = word.removesuffix("'s").removesuffix("’s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _meant(question: str, clauses: list[_Clause], sentence: str) -> list[_Clause]:
    """Return the asks that a sentence of the answer means."""
    said = _content(sentence)
    shared = [len(_content(question[c.start : c.end]) & said) for c in clauses]
    best = max(shared)
    # "The information requested" is all of it, unless the sentence goes on to say which.
    if len(clauses) == 1 or (best < 2 and _ASKED_FOR.search(sentence)):
        return clauses
    return [clauses[shared.index(best)]]


class Sought(NamedTuple):
    """What an ask for data is for."""

    measure: str
    places: list[str]
    period: str | None
    period_from: str | None
    period_to: str | None


def _sought(clause: str, on: str) -> Sought:
    from pqnlp.entities.dates import find_dates

    # The year of an Act is part of its name.
    mentions = [m for m in find_dates(clause, on) if not _IN_TITLE.search(clause, 0, m.start)]
    cuts: list[tuple[int, int]] = []
    for mention in mentions:
        before = _PREPOSED.search(clause, 0, mention.start)
        cuts.append((before.start() if before else mention.start, mention.end))
    places = []
    for pattern in (_BREAKDOWN, _PLACE, _LIMB_PLACE, _BARE_PLACE):
        for m in pattern.finditer(clause):
            if any(a < m.end() and m.start() < b for a, b in cuts):
                continue
            place = m["area"] if pattern is _BREAKDOWN else m["place"]
            if pattern is _BARE_PLACE and _NOT_PLACE.search(place):
                continue
            places.append((m.start(), f"each {place}" if pattern is _BREAKDOWN else place.removeprefix("the ")))
            cuts.append((m.start(), m.end()))
    for m in _AVAILABLE.finditer(clause):
        cuts.append((m.start(), m.end()))
    measure = _without(clause, cuts)
    lead = _LEAD.match(measure)
    if lead:
        rest = measure[lead.end() :]
        measure = f"number of {rest}" if lead["many"] else f"amount {rest}" if lead["much"] else rest
    measure = _LIMB.sub("", measure)
    measure = re.sub(r"\s+([,;.])", r"\1", " ".join(measure.split()))
    measure = re.sub(r"(?:[,;]\s*)+(?:and\b\s*)?(?=[,;])", "", measure)  # what stood between was cut out
    measure = re.sub(r"[,;\s]+(?=and\b)", " ", measure).strip(" ,;.?-")
    measure = re.sub(r"(?:[\s,]*\b(?:and|or|in|by|for|of|the|each|since|between|during))+$", "", measure).strip(" ,;")
    period, first, last = _period(clause, mentions)
    return Sought(measure, [" ".join(place.split()) for _, place in sorted(places)], period, first, last)


def _period(clause: str, mentions: list) -> tuple[str | None, str | None, str | None]:
    """Return the first period named, with those listed beside it: "(a) 2022, (b) 2023 and (c) 2024"."""
    if not mentions:
        return None, None, None
    run = [mentions[0]]
    for mention in mentions[1:]:
        if not re.fullmatch(
            r"[\s,;]*(?:and|or|to)?\s*(?:(?:in|since|from)\s+)?(?:\([a-zA-Z]{1,3}\))?\s*",
            clause[run[-1].end : mention.start],
        ):
            break
        run.append(mention)
    first = min((m.first for m in run if m.first), default=None)
    last = max((m.last for m in run), default="") if all(m.last for m in run) else ""
    return clause[run[0].start : run[-1].end], first, last or None


def _without(text: str, cuts: list[tuple[int, int]]) -> str:
    out, at = [], 0
    for start, end in sorted(cuts):
        if start > at:
            out.append(text[at:start])
        at = max(at, end)
    out.append(text[at:])
    return " ".join(out)


def find_data_gaps(
    scored: Any, *, texts: Any = None, threshold: float = 0.6, progress: Callable[[int], None] | None = None
) -> "pd.DataFrame":
    """List what was asked for and is not held, not collected or too costly to find.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none.
    threshold : float, default 0.6
        Jaccard similarity of the content words of two measures from which they are one topic.
    progress : callable, optional
        Called with the number of answers done.

    Returns
    -------
    DataFrame
        One row for each ask for data and kind of gap (see ``docs/findings.md`` for the columns).
    """
    import pandas as pd

    from pqnlp.findings.scored import ABOUT, read_scored, scored_rows
    from pqnlp.groups import near_duplicate_groups

    rows = scored_rows(read_scored(scored, texts=texts))
    out = []
    gaps_of: dict[str, list[Gap]] = {}
    for k in range(len(rows)):
        if progress is not None and k % 1000 == 999:
            progress(1000)
        answer, question = rows.at[k, "answer"], rows.at[k, "question"]
        if answer not in gaps_of:
            gaps_of[answer] = gaps_in(answer)
        if not gaps_of[answer]:
            continue
        on = rows.at[k, "answered"] or rows.at[k, "tabled"] or ""
        about = {name: rows.at[k, name] for name in ABOUT}
        for gap, clause in _pairs(question, answer, gaps_of[answer]):
            ask = question[clause.start : clause.end]
            sought = _sought(ask, on)
            if not _content(sought.measure):
                continue
            out.append(
                about
                | {"gap": gap.gap, "start": gap.start, "end": gap.end, "sentence": answer[gap.start : gap.end]}
                | {"ask_start": clause.start, "ask_end": clause.end, "ask": ask, "kind": clause.kind}
                | sought._asdict()
            )
    if progress is not None:
        progress(len(rows) % 1000)
    columns = [*ABOUT, "gap", "start", "end", "sentence", "ask_start", "ask_end", "ask", "kind", *Sought._fields]
    frame = pd.DataFrame(out, columns=columns)
    topics = near_duplicate_groups(
        [" ".join(sorted(_content(measure))) for measure in frame["measure"]], threshold=threshold, shingle=1
    )
    frame["topic"] = topics + 1
    return frame


def _pairs(question: str, answer: str, gaps: list[Gap]) -> "Iterator[tuple[Gap, _Clause]]":
    """Yield each ask once, with the sentence that tells most plainly why its data is not given."""
    clauses = _clauses(question)
    if not clauses:
        return
    told: dict[_Clause, Gap] = {}
    for gap in gaps:
        for clause in _meant(question, clauses, answer[gap.start : gap.end]):
            known = told.get(clause)
            if known is None or GAPS.index(gap.gap) < GAPS.index(known.gap):
                told[clause] = gap
    for clause in clauses:
        if clause in told:
            yield told[clause], clause


def count_data_gaps(gaps: "pd.DataFrame") -> "pd.DataFrame":
    """Count data gaps by what was asked for.

    Parameters
    ----------
    gaps : DataFrame
        As `find_data_gaps` returns it.

    Returns
    -------
    DataFrame
        One row for each topic: ``topic``, ``measure`` (the commonest wording), ``asked`` (questions), ``cost``, ``not_collected``,
        ``not_held`` (questions by kind of gap), ``departments``, ``places`` (most asked first), ``first_answered``,
        ``last_answered``, ``ids``; the most asked first.
    """
    import pandas as pd

    rows = []
    for topic, part in gaps.groupby("topic", sort=True):
        days = sorted(part["answered"].dropna())
        kinds = part.drop_duplicates(["id", "gap"])["gap"].value_counts()
        rows.append(
            {
                "topic": int(topic),
                "measure": Counter(part["measure"]).most_common(1)[0][0],
                "asked": part["id"].nunique(),
                **{gap: int(kinds.get(gap, 0)) for gap in GAPS},
                "departments": list(part["department"].dropna().value_counts().index),
                "places": [place for place, _ in Counter(p for places in part["places"] for p in places).most_common()],
                "first_answered": days[0] if days else None,
                "last_answered": days[-1] if days else None,
                "ids": list(dict.fromkeys(part["id"])),
            }
        )
    columns = ["topic", "measure", "asked", *GAPS, "departments", "places", "first_answered", "last_answered", "ids"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["asked", "topic"], ascending=[False, True], kind="stable", ignore_index=True)
