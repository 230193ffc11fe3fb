"""Dates and periods with ISO intervals, read relative to the day of the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from spacy.language import Language

from pqnlp.entities import calendar as cal
from pqnlp.entities.automaton import leftmost_longest
from pqnlp.entities.mention import KNOWN_DATE, Mention, MentionTagger, register_extensions

__all__ = ["DateTagger", "find_dates"]

_MONTHS = "January February March April May June July August September October November December".split()
_MONTH_NUMBER = {name: i + 1 for i, name in enumerate(_MONTHS)}
_MONTH_NUMBER |= {name[:3]: i + 1 for i, name in enumerate(_MONTHS)}
_MONTH_NUMBER["Sept"] = 9
_MONTH_NUMBER |= {name.upper(): number for name, number in _MONTH_NUMBER.items()}
_NUMBERS = {
    w: i + 1
    for i, w in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
}
_NUMBERS |= {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "couple of": 2, "a": 1, "an": 1}
_DAY = timedelta(days=1)

MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Sept|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?![a-z])\.?|(?:JANUARY|FEBRUARY|MARCH|APRIL|MAY|JUNE|JULY|AUGUST|SEPTEMBER|OCTOBER|NOVEMBER|DECEMBER|SEPT|JAN|FEB|MAR|APR|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(?![A-Za-z]))"
YEAR = r"(?:19|20)\d\d"
DAY = r"(?:0?[1-9]|[12]\d|3[01])(?: ?(?:st|nd|rd|th))?(?!\d)"
WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
KIND = r"(?:[Ff]inancial|[Aa]cademic|[Tt]ax|[Ff]iscal|[Ss]chool|[Cc]alendar|[Pp]arliamentary|[Rr]eporting|[Pp]lanning)"
NUMBER = r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|twenty|thirty|forty|fifty|couple of|few|several)"
UNIT = rf"(?:full |complete )?(?:{KIND} )?(?:[Yy]ear|[Mm]onth|[Ww]eek|[Dd]ay|[Qq]uarter|[Dd]ecade|[Ff]ortnight|[Tt]erm|[Ss]ession|[Pp]arliament|[Cc]entury)"
SEASON = r"(?:[Ss]pring|[Ss]ummer|[Aa]utumn|[Ww]inter)"

# In a verbose pattern a bare space means nothing.
MONTH, DAY, NUMBER, UNIT = (part.replace(" ", r"\ ") for part in (MONTH, DAY, NUMBER, UNIT))


_DAYS = rf"""
    (?P<days>(?:(?:{WEEKDAY}),?[ ])?(?P<d1>{DAY})(?:[ ]?[-–][ ]?|[ ]to[ ]|[ ]and[ ]|[ ]&[ ])(?:{WEEKDAY},?[ ])?(?P<d2>{DAY})(?:[ ]of)?[ ](?P<dsm>{MONTH}),?(?:[ ](?P<dsy>{YEAR}))?(?![\w]))
    |(?P<day>(?:(?:{WEEKDAY}),?[ ](?:the[ ])?)?(?P<d>{DAY})(?:[ ]of)?[ -]?(?P<dm>{MONTH})(?:,?[ -]?(?P<dy>{YEAR}))?(?![\w]))
"""
_SLASH = r"(?P<slash>(?P<sd>\d\d?)[/.](?P<smo>\d\d?)[/.](?P<sly>(?:19|20)?\d\d)(?![\d/]))"
_AGO = rf"(?P<ago>(?P<an>{NUMBER}|a|an)[ ](?P<au>years?|months?|weeks?|days?|decades?)[ ]ago)"
_PARL = rf"""(?P<parl>(?P<pw>[Tt]his|[Cc]urrent|[Pp]resent|[Ll]ast|[Pp]revious|[Nn]ext|{YEAR})[ ](?P<pk>Parliament(?:ary[ ][Ss]ession)?|parliament(?![a-z])|[Pp]arliamentary[ ]session|[Ss]ession)(?![\w]))"""
_RELONE = rf"""(?P<relone>(?P<ow>[Tt]his|[Ll]ast|[Nn]ext|[Cc]urrent|[Pp]revious|[Cc]oming|[Pp]ast|[Ff]ollowing|[Ss]ame|[Ff]orthcoming|[Uu]pcoming|[Pp]resent|[Ll]atest|[Pp]receding|[Mm]ost[ ]recent)[ ](?P<ou>{UNIT}|{SEASON}(?![ ](?:Budget|Statement))|{WEEKDAY}|{MONTH}|evening|morning|afternoon|weekend|Christmas|Easter|summer[ ]recess)(?![\w-]|[ ]recess))"""
_FY = rf"""(?P<fy>(?:(?P<fp>{KIND}[ ][Yy]ears?|FYs?|AY|[Yy]ears?)[ ]?(?:of[ ]|ending[ ]|beginning[ ])?)?(?P<f1>{YEAR})[ ]?[-/–—][ ]?(?P<f2>(?:{YEAR})|\d\d)(?![\d]|[-/]\d)(?:[ ](?P<fs>{KIND})[ ][Yy]ear(?!s))?)"""
_SFY = rf"""(?P<sfy>(?:{KIND}[ ][Yy]ears?|FYs?|AY)[ ]?(?P<s1>\d\d)[ ]?[-/–][ ]?(?P<s2>\d\d)(?!\d))"""
_YEAR = rf"""(?P<year>(?:(?P<ycal>(?:{KIND}[ ])?[Yy]ears?)[ ])?(?P<y>{YEAR})(?![\d%]|[,.]\d|[-/:][\d]|s\b)(?:[ ](?P<yk>{KIND})[ ][Yy]ear)?)"""


# One pattern for each kind of beginning: trying them all at every word is ten times slower.
def _pattern(alternatives: str) -> re.Pattern:
    return re.compile(alternatives, re.VERBOSE)


_BY_START = {
    "digit": _pattern(
        rf"""(?:
    {_DAYS}
    |{_SLASH}
    |(?P<iso>(?P<iy>{YEAR})-(?P<im>\d\d)-(?P<id>\d\d)(?!\d))
    |(?P<session>(?P<ses>{YEAR}[-–/]\d\d)[ ](?:[Ss]ession|[Pp]arliament))
    |{_FY}
    |(?P<decade>(?P<de>(?:19|20)\d)0s(?!\w))
    |{_AGO}
    |{_PARL}
    |{_YEAR}
    )"""
    ),
    # A number that opens with neither 19 nor 20 is a day, or a count of years "ago", or nothing.
    "number": _pattern(
        rf"""(?=\d\d?(?:[ ]?(?:st|nd|rd|th))?(?:[ ]?[-–]|[ ](?:to|and|&)[ ][\dMTWFS]|[ ]of[ ][JFMASOND]|[ -]?[JFMASOND]|[/.]\d)|\d+[ ](?:year|month|week|day|decade))
        (?:{_DAYS}
    |{_SLASH}
    |{_AGO})"""
    ),
    "this": _pattern(rf"(?:{_PARL}|{_RELONE})"),
    "kind": _pattern(rf"(?:{_FY}|{_SFY}|{_YEAR})"),
    "month": _pattern(
        rf"""(?:
    (?P<mdy>(?P<mm>{MONTH})[ ](?P<md>{DAY})(?:,[ ]?|[ ])(?P<my>{YEAR})(?!\d))
    |(?P<monthday>(?P<mdm>{MONTH})[ ](?P<mdd>\d\d?(?:st|nd|rd|th))(?!\w))
    |(?P<monthyear>(?P<ym>{MONTH}),?[ ]?(?:of[ ])?(?P<yy>{YEAR})(?![\d]))
    |(?P<monthyr>(?P<sm>{MONTH})[-’' /](?P<sy>\d\d)(?![\w%:.,]\d|\w|%|[ ](?:people|per|working)))
    |(?P<named>(?:summer|winter|Easter|Christmas|Whitsun|Whit|autumn|spring|conference|February|November)[ ]recess|Christmas|Easter|[Tt]urn[ ]of[ ]the[ ]year|(?:[Vv]ery[ ])?(?:[Ee]nd|[Ss]tart|[Bb]eginning|[Mm]iddle|[Cc]lose)[ ]of[ ]the[ ](?:{KIND}[ ])?(?:year|month|week|quarter|Parliament|parliament|decade|session|century|term)(?!\w|[ ]\d))(?![\w-])
    |(?P<month>(?P<m>{MONTH})(?![\w’'-]|[ ]\d))
    )"""
    ),
    "weekday": _pattern(
        rf"""(?:
    {_DAYS}
    )"""
    ),
    "word": _pattern(
        rf"""(?:
    {_FY}
    |{_SFY}
    |(?P<fyone>(?:FYE?)[ ]?(?P<fo>(?:20)?\d\d)(?![\d/]))
    |(?P<qtr>(?:(?:[Qq]uarter|Q)[ ]?(?P<q1>[1-4])|(?P<q2>[Ff]irst|[Ss]econd|[Tt]hird|[Ff]ourth|[Ff]inal|[Ll]ast)[ ][Qq]uarter)(?:[ ](?:of[ ])?(?:the[ ])?(?:(?P<qk>{KIND})[ ][Yy]ear[ ])?(?P<qy>{YEAR})(?:[-/–](?P<qy2>\d\d(?:\d\d)?))?(?:[ ]{KIND}[ ][Yy]ear)?)?(?!\w))
    |(?P<half>(?:[Ff]irst|[Ss]econd|[Ll]atter)[ ]half[ ]of[ ](?:the[ ]year|(?:the[ ])?(?P<hy>{YEAR})(?![-/–\d])))
    |(?P<seasonyear>(?P<sn>{SEASON})(?:[ ]of)?[ ](?P<sny>{YEAR})(?:[-/](?P<sny2>\d\d(?:\d\d)?))?(?![\d]))
    |(?P<since>[Ss]ince[ ](?=[a-zA-Z]))
    |{_PARL}
    |(?P<relmany>(?P<rw>[Ll]ast|[Pp]ast|[Pp]revious|[Nn]ext|[Cc]oming|[Pp]receding|[Ff]ollowing|[Ff]irst|[Rr]ecent|[Ll]atest|[Ff]orthcoming|[Mm]ost[ ]recent|[Pp]rior)[ ](?:(?:full|complete)[ ])?(?P<rn>{NUMBER})?[ ]?(?P<ru>{UNIT})s(?!\w))
    |{_RELONE}
    |{_YEAR}
    |(?P<named>(?:summer|winter|Easter|Christmas|Whitsun|Whit|autumn|spring|conference|February|November)[ ]recess|Christmas|Easter|[Tt]urn[ ]of[ ]the[ ]year|(?:[Vv]ery[ ])?(?:[Ee]nd|[Ss]tart|[Bb]eginning|[Mm]iddle|[Cc]lose)[ ]of[ ]the[ ](?:{KIND}[ ])?(?:year|month|week|quarter|Parliament|parliament|decade|session|century|term)(?!\w|[ ]\d))(?![\w-])
    |(?P<season>{SEASON}(?![\w-]))
    )"""
    ),
    "ago": _pattern(_AGO),
}


def _starts() -> dict[str, str]:
    """Map each way that a date expression can begin to the pattern that reads on."""
    words = """since last past previous next coming preceding following first recent latest forthcoming prior second third fourth final
    latter quarter year years""".split()
    starts = {str(d): "number" for d in range(10)} | {"19": "digit", "20": "digit"}
    for word in words:
        starts[word + " "] = starts[word.capitalize() + " "] = "word"
    for word in "this current present same upcoming".split():
        starts[word + " "] = starts[word.capitalize() + " "] = "this"
    for word in "financial academic tax fiscal school calendar parliamentary reporting planning".split():
        starts[word + " "] = starts[word.capitalize() + " "] = "kind"
    for word in (
        "most recent ",
        "spring",
        "summer",
        "autumn",
        "winter",
        "turn of",
        "very end of",
        "end of",
        "start of",
        "beginning of",
        "middle of",
        "close of",
    ):
        starts[word] = starts[word.capitalize()] = "word"
    for word in ("FY", "AY ", "Q1", "Q2", "Q3", "Q4", "Easter", "Christmas", "Whit", "conference recess"):
        starts[word] = "word"
    for name in _MONTH_NUMBER:
        starts[name] = "month"
    for name in "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split():
        starts[name] = "weekday"
    for number in (*_NUMBERS, "few", "several"):
        for unit in ("year", "month", "week", "day", "decade"):
            starts[f"{number} {unit} ago"] = starts[f"{number} {unit}s ago"] = "ago"
    return starts


_KIND_OF_START = list(_starts().values())
_STARTS = leftmost_longest(list(_starts()))
_INSIDE = frozenset("£$€/#_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789é")


def _atoms(text: str):
    """Yield a match for every date expression of `text`, from left to right."""
    done = 0
    for index, at, _ in _STARTS.find_matches_as_indexes(text):
        if at < done or at and text[at - 1] in _INSIDE:
            continue
        found = _BY_START[_KIND_OF_START[index]].match(text, at)
        if found is not None:
            done = found.end()
            yield found


@dataclass(slots=True)
class _Date:
    start: int
    end: int
    kind: str
    first: date | None = None
    last: date | None = None
    #: (month, day) of a yearless date, so that a range lends it its year
    part: tuple[int, int] | None = None
    match: re.Match | None = None


def find_dates(text: str, on: str = "") -> list[Mention]:
    """Find the dates and periods of `text`.

    Parameters
    ----------
    text : str
    on : str
        ISO date on which the text is read; ``""`` leaves relative periods without days.

    Returns
    -------
    list of Mention
        With ``first`` and ``last`` as ISO dates, ``""`` at an open or unknown end.

    Examples
    --------
    >>> [(text[m.start : m.end], m.first, m.last) for text in ["met in 2023-24"] for m in find_dates(text)]
    [('2023-24', '2023-04-01', '2024-03-31')]
    """
    today = cal.parse_iso(on) if on else None
    atoms = [a for m in _atoms(text) if (a := _read(m, text, today)) is not None]
    if not atoms:
        return []
    out = []
    for d in _combine(atoms, text, today):
        out.append(
            Mention(
                d.start,
                d.end,
                "DATE",
                first=d.first.isoformat() if d.first else "",
                last=d.last.isoformat() if d.last else "",
            )
        )
    return out


def _safe(y: int, m: int, d: int) -> date | None:
    try:
        return date(y, m, d)
    except ValueError:
        return None


def _read(m: re.Match, text: str, today: date | None) -> _Date | None:
    kind = m.lastgroup
    return _READERS[kind](m, text, today)


_FORWARD = re.compile(
    r"\b(?:will|due|plan\w*|expect\w*|upcoming|next|scheduled|intend\w*|by|until|shall|aim\w*|forthcoming|later|before|from)\b[^.]*$"
)
_BACKWARD = re.compile(
    r"\b(?:was|were|had|did|published|announced|launched|made|last|since|earlier|met|visited|wrote)\b[^.]*$"
)


def _place(month: int, day: int | None, m: re.Match, text: str, today: date | None) -> tuple[date | None, date | None]:
    """Give a yearless day or month its year: the latest one not after the day of reading, the next where the words look ahead."""
    if today is None:
        return None, None

    def at(y):
        if day is None:
            return cal.month(y, month)
        one = _safe(y, month, day)
        return one, one

    now = at(today.year)
    if now[0] is None:
        return None, None
    before = text[max(0, m.start() - 90) : m.start()]
    ahead = _FORWARD.search(before) is not None and _BACKWARD.search(before) is None
    if ahead:
        return now if now[1] >= today else at(today.year + 1)
    return now if now[0] <= today else at(today.year - 1)


def _read_days(m, text, today):
    mon = _MONTH_NUMBER[m["dsm"].rstrip(".")]
    d1, d2 = _number(m["d1"]), _number(m["d2"])
    if m["dsy"]:
        y = int(m["dsy"])
        return _Date(*m.span(), "day", _safe(y, mon, d1), _safe(y, mon, d2))
    first, _ = _place(mon, d1, m, text, today)
    return _Date(m.start(), m.end(), "daypart", first, first and _safe(first.year, mon, d2), (mon, d2), m)


def _number(text: str) -> int:
    return int(re.match(r"\d+", text).group())


def _read_day(m, text, today):
    mon, d = _MONTH_NUMBER[m["dm"].rstrip(".")], _number(m["d"])
    end = m.end()
    if m["dy"]:
        one = _safe(int(m["dy"]), mon, d)
        return _Date(m.start(), end, "day", one, one, None, m)
    if m["dm"] in ("May", "March") and text[end : end + 1] == " " and text[end + 1 : end + 4] in ("be ", "hav"):
        return None
    first, last = _place(mon, d, m, text, today)
    return _Date(m.start(), end, "daypart", first, last, (mon, d), m)


def _read_mdy(m, text, today):
    one = _safe(int(m["my"]), _MONTH_NUMBER[m["mm"].rstrip(".")], _number(m["md"]))
    return _Date(*m.span(), "day", one, one, None, m)


def _read_monthday(m, text, today):
    mon, d = _MONTH_NUMBER[m["mdm"].rstrip(".")], _number(m["mdd"])
    return _Date(*m.span(), "daypart", *_place(mon, d, m, text, today), (mon, d), m)


def _read_monthyear(m, text, today):
    return _Date(*m.span(), "month", *cal.month(int(m["yy"]), _MONTH_NUMBER[m["ym"].rstrip(".")]), None, m)


def _read_monthyr(m, text, today):
    if m["sm"] in ("May", "March") and text[m.start() - 1 : m.start()] not in ("", "\n", " ", "|", "("):
        return None
    if text[m.end("sm")] == " " and not text[max(0, m.start() - 3) : m.start()].endswith(
        ("\n", "| ", "in ", "to ", "- ", "– ")
    ):
        return None
    return _Date(*m.span(), "month", *cal.month(2000 + int(m["sy"]), _MONTH_NUMBER[m["sm"].rstrip(".")]), None, m)


def _read_slash(m, text, today):
    d, mon, y = int(m["sd"]), int(m["smo"]), int(m["sly"])
    if "." in m.group() and y < 100:
        return None
    one = _safe(y + 2000 if y < 100 else y, mon, d)
    return None if one is None else _Date(*m.span(), "day", one, one, None, m)


def _read_iso(m, text, today):
    one = _safe(int(m["iy"]), int(m["im"]), int(m["id"]))
    return None if one is None else _Date(*m.span(), "day", one, one, None, m)


def _read_session(m, text, today):
    key = m["ses"].replace("/", "-").replace("–", "-")
    found = cal.session(key)
    if found is None and "arliament" in m.group():
        y = int(key[:4])
        found = next(((p[2], p[3]) for p in cal.PARLIAMENTS if p[1].year == y), (None, None))
    return _Date(*m.span(), "parl", *(found or (None, None)), None, m)


def _kind_year(kind: str | None, y: int):
    kind = (kind or "").lower()
    if kind.startswith(("academic", "school", "ay")):
        return cal.academic_year(y)
    if kind.startswith("tax"):
        return cal.tax_year(y)
    return cal.financial_year(y)


def _read_fy(m, text, today):
    y1, f2 = int(m["f1"]), m["f2"]
    y2 = int(f2) if len(f2) == 4 else y1 // 100 * 100 + int(f2)
    start, end = m.start(), m.end()
    kind = m["fs"] or m["fp"]
    if m["fp"] and m["fp"].lower() in ("year", "years"):
        kind = None
    if m["fp"] and m["fp"].lower().endswith("s"):  # "the financial years 2022-23 and 2023-24" is a heading of both
        start = m.start("f1")
    if y2 == y1 + 1:
        after = text[m.end() : m.end() + 18]
        if kind is None and re.match(r" (?:academic|school)", after):
            kind = "academic"
        return _Date(start, end, "fy", *_kind_year(kind, y1), None, m)
    if y2 <= y1 or y2 - y1 > 120:
        return None if len(f2) == 2 else _Date(start, m.end(), "fy", None, None, None, m)
    return _Date(start, m.end(), "range", cal.year(y1)[0], cal.year(y2)[1], None, m)


def _read_sfy(m, text, today):
    y1, y2 = int(m["s1"]), int(m["s2"])
    return (
        None
        if y2 != y1 + 1
        else _Date(
            *m.span(), "fy", *_kind_year(m.group()[:2] if m.group().startswith("AY") else m.group(), 2000 + y1), None, m
        )
    )


def _read_fyone(m, text, today):
    y = int(m["fo"]) % 100 + 2000
    return _Date(*m.span(), "fy", *cal.financial_year(y - 1), None, m)


_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "final": 4, "last": 4}


def _read_qtr(m, text, today):
    q = int(m["q1"]) if m["q1"] else _ORDINALS[m["q2"].lower()]
    if m["qy"]:
        financial = bool(m["qy2"]) or (m["qk"] or "").lower() == "financial"
        return _Date(*m.span(), "qtr", *cal.quarter(int(m["qy"]), q, financial=financial), None, m)
    if m["q2"] and m["q2"].lower() == "last":
        if today is None:
            return _Date(*m.span(), "rel", None, None, None, m)
        this = (today.month - 1) // 3
        start = cal.add_months(date(today.year, 3 * this + 1, 1), -3)
        return _Date(*m.span(), "rel", start, cal.add_months(start, 3) - _DAY, None, m)
    return _Date(*m.span(), "qtr", None, None, None, m)


def _read_half(m, text, today):
    y = int(m["hy"]) if m["hy"] else today.year if today else None
    if y is None:
        return _Date(*m.span(), "half", None, None, None, m)
    if m.group()[0] in "Ff":
        return _Date(*m.span(), "half", date(y, 1, 1), date(y, 6, 30), None, m)
    return _Date(*m.span(), "half", date(y, 7, 1), date(y, 12, 31), None, m)


def _read_decade(m, text, today):
    y = int(m["de"]) * 10
    return _Date(*m.span(), "decade", date(y, 1, 1), date(y + 9, 12, 31), None, m)


def _read_seasonyear(m, text, today):
    return _Date(*m.span(), "season", *cal.season(int(m["sny"]), m["sn"]), None, m)


def _units(count: int, unit: str, today: date, forward: bool) -> tuple[date, date]:
    """Return exactly `count` units that end, or begin, on the day of reading."""
    months = {"year": 12, "month": 1, "quarter": 3, "decade": 120}.get(unit)
    if months:
        if forward:
            return today, cal.add_months(today, months * count) - _DAY
        return cal.add_months(today, -months * count) + _DAY, today
    days = {"week": 7, "day": 1, "fortnight": 14}[unit] * count
    return (today, today + timedelta(days=days - 1)) if forward else (today - timedelta(days=days - 1), today)


def _unit(text: str) -> tuple[str, str]:
    words = text.lower().split()
    kind = words[-2] if len(words) > 1 else ""
    return kind, words[-1]


def _year_of(kind: str, day: date) -> int:
    start = _kind_year(kind, day.year)[0] if kind != "calendar" else date(day.year, 1, 1)
    return day.year if day >= start else day.year - 1


def _some_year(kind: str, y: int):
    return cal.year(y) if kind in ("calendar", "") else _kind_year(kind, y)


def _read_ago(m, text, today):
    span = m.span()
    if today is None or m["an"] in ("few", "several"):
        return _Date(*span, "rel", None, None, None, m)
    n = _NUMBERS.get(m["an"]) or int(m["an"])
    unit = m["au"].rstrip("s")
    months = {"year": 12, "month": 1, "decade": 120}.get(unit)
    day = cal.add_months(today, -months * n) if months else today - timedelta(days=n * (7 if unit == "week" else 1))
    return _Date(*span, "rel", day, day, None, m)


def _read_parl(m, text, today):
    word = m["pw"].lower()
    span = m.span()
    if "ession" in m["pk"]:
        if word.isdigit():
            return None
        return _Date(*span, "parl", *_session_rel(word, today), None, m)
    if word.isdigit():
        y = int(word)
        p = next((p for p in cal.PARLIAMENTS if p[1].year == y), None)
        return _Date(*span, "parl", *((p[2], p[3]) if p else (None, None)), None, m)
    if today is None or (i := cal.parliament_on(today)) is None:
        return _Date(*span, "parl", None, None, None, m)
    i += {"last": -1, "previous": -1, "next": 1}.get(word, 0)
    if 0 <= i < len(cal.PARLIAMENTS):
        return _Date(*span, "parl", cal.PARLIAMENTS[i][2], cal.PARLIAMENTS[i][3], None, m)
    return _Date(*span, "parl", None, None, None, m)


def _session_rel(word: str, today: date | None):
    if today is None:
        return None, None
    rows = sorted(cal.SESSIONS.values())
    now = [i for i, (a, _) in enumerate(rows) if a <= today]
    if not now:
        return None, None
    i = now[-1] + {"last": -1, "previous": -1, "next": 1}.get(word, 0)
    return rows[i] if 0 <= i < len(rows) else (None, None)


_FORWARD_WORDS = frozenset("next coming following forthcoming upcoming".split())


def _read_relmany(m, text, today):
    span = m.span()
    word, n = m["rw"].lower(), m["rn"]
    kind, unit = _unit(m["ru"])
    # Of the bare plurals only "coming months" points at a period; "recent years" and the like are vague adverbs.
    if word == "first" or n is None and (word != "coming" or unit not in ("month", "week")):
        return None
    count = None if n in (None, "few", "several") else _NUMBERS.get(n) or int(n)
    if today is None or count is None or unit in ("term", "session", "parliament", "century"):
        return _Date(*span, "rel", None, None, None, m)
    forward = word in _FORWARD_WORDS
    if unit == "year" and kind and kind not in ("reporting", "parliamentary", "planning"):
        now = _year_of(kind, today)
        if forward:
            return _Date(*span, "rel", _some_year(kind, now + 1)[0], _some_year(kind, now + count)[1], None, m)
        return _Date(*span, "rel", _some_year(kind, now - count)[0], _some_year(kind, now - 1)[1], None, m)
    if count * {"year": 1, "decade": 10}.get(unit, 0) > 900:
        return None
    return _Date(*span, "rel", *_units(count, unit, today, forward), None, m)


def _read_relone(m, text, today):
    span = m.span()
    word, what = m["ow"].lower(), m["ou"]
    lower = what.lower()
    if (
        word in ("forthcoming", "upcoming", "following", "latest", "present", "preceding", "same")
        and what.rstrip(".") in _MONTH_NUMBER
    ):
        mon = _MONTH_NUMBER[what.rstrip(".")]
        return _Date(m.start("ou"), m.end("ou"), "monthname", *_place(mon, None, m, text, today), (mon, 0), m)
    if (
        what in ("May", "March", "Mar")
        and word in ("this", "the")
        and text[span[1] : span[1] + 1] not in (",", ".", ")", "")
    ):
        # "this may": a capital decides, "This May not" is rare
        if text[span[1] : span[1] + 4] in (" be ", " not"):
            return None
    if (
        lower.endswith("day")
        and lower != "day"
        and not lower.startswith(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    ):
        return None
    if word in ("same", "latest", "most recent", "following", "past", "preceding") and lower in (
        "day",
        "session",
        "term",
        "evening",
        "morning",
        "afternoon",
    ):
        return None
    if lower in ("day", "days") and word in ("this", "present", "current"):
        return None
    step = {
        "last": -1,
        "previous": -1,
        "past": -1,
        "preceding": -1,
        "next": 1,
        "coming": 1,
        "following": 1,
        "forthcoming": 1,
        "upcoming": 1,
    }.get(word, 0)
    if today is None or word in ("same", "following", "preceding", "latest", "most recent"):
        return _Date(*span, "rel", None, None, None, m)
    name = what.rstrip(".")
    if name in _MONTH_NUMBER:
        mon = _MONTH_NUMBER[name]
        y = today.year
        if step < 0:
            y = y if mon < today.month else y - 1
        elif step > 0:
            y = y if mon > today.month else y + 1
        return _Date(*span, "month", *cal.month(y, mon), None, m)
    if lower in ("spring", "summer", "autumn", "winter"):
        now = cal.season(today.year, lower)
        y = today.year
        if step < 0:
            y = y if now[1] < today else y - 1
        elif step > 0:
            y = y if now[0] > today else y + 1
        return _Date(*span, "season", *cal.season(y, lower), None, m)
    if lower.endswith("day") and lower != "day":
        weekday = "monday tuesday wednesday thursday friday saturday sunday".split().index(lower)
        if step < 0:
            day = today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
        elif step > 0:
            day = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
        else:
            day = cal.week(today)[0] + timedelta(days=weekday)
        return _Date(*span, "day", day, day, None, m)
    kind, unit = _unit(what)
    if unit == "year":
        if word == "past":
            return _Date(*span, "rel", *_units(1, "year", today, False), None, m)
        if word == "coming":
            return _Date(*span, "rel", *_units(1, "year", today, True), None, m)
        now = _year_of(kind or "calendar", today)
        return _Date(*span, "rel", *_some_year(kind, now + step), None, m)
    if unit == "month":
        if word in ("past", "coming"):
            return _Date(*span, "rel", *_units(1, "month", today, word == "coming"), None, m)
        first = cal.add_months(today.replace(day=1), step)
        return _Date(*span, "rel", *cal.month(first.year, first.month), None, m)
    if unit == "week":
        if word in ("past", "coming"):
            return _Date(*span, "rel", *_units(1, "week", today, word == "coming"), None, m)
        return _Date(*span, "rel", *cal.week(today + timedelta(days=7 * step)), None, m)
    if unit == "quarter":
        start = cal.add_months(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 3 * step)
        return _Date(*span, "rel", start, cal.add_months(start, 3) - _DAY, None, m)
    if unit == "decade":
        if word in ("past", "last", "next", "coming"):
            return _Date(*span, "rel", *_units(1, "decade", today, step > 0), None, m)
        y = today.year // 10 * 10 + 10 * step
        return _Date(*span, "rel", date(y, 1, 1), date(y + 9, 12, 31), None, m)
    if unit == "day":
        return _Date(*span, "rel", today + timedelta(days=step), today + timedelta(days=step), None, m)
    if unit in ("evening", "morning", "afternoon") and step == 0:
        return _Date(*span, "day", today, today, None, m)
    return _Date(*span, "rel", None, None, None, m)


_NOT_YEAR_BEFORE = re.compile(r"(?:Questions?|UINs?|HCWS|HLWS|HL|PQs?|[Nn]umbers?|[Nn]o\.?|[Pp]aragraphs?|[Pp]age|[Cc]olumns?|ISO|BS|EN|Cm|HC|reference|approximately|around|over|about|nearly|than|total of|of some|least|almost|Article|Regulation|[Ss]ection|contract|agenda|Agenda|vision)[ :]?$|[-–]$|[A-Za-z]/$|, and $|\d, $|\.$")  # fmt: skip
_NOT_YEAR_AFTER = re.compile(
    r" (?:people|homes|new|jobs|staff|children|applications|cases|patients|FTE|pupils|individuals|households|families|km|MW|miles|staff|hours|places|posts|claims|vehicles|businesses|schools|officers|per cent|tonnes|responses)\b|°|%|’s? ?000"
)


def _read_year(m, text, today):
    y = int(m["y"])
    start = m.start()
    before = text[max(0, start - 24) : start]
    if (
        y > 2100
        or _NOT_YEAR_BEFORE.search(before) is not None
        and not before.endswith(("about ", "around ", "than ", "over ", "approximately "))
    ):
        if not before.endswith((". ", ", and ")) and not re.search(r"(?:19|20)\d\d,(?: and)? $", before):
            return None
    if before.endswith(("about ", "than ", "over ", "approximately ", "nearly ", "around ")) and not re.match(
        r"[.,;)]| and| to|$", text[m.end() : m.end() + 4]
    ):
        return None
    if _NOT_YEAR_AFTER.match(text, m.end()) is not None:
        return None
    if m["ycal"] and not m["ycal"][0].isalpha():
        return None
    kind = m["yk"] or (m["ycal"].rsplit(" ", 1)[0] if m["ycal"] and " " in m["ycal"] else None)
    if kind and kind.lower() not in ("calendar", "reporting"):
        return _Date(start, m.end(), "fy", *_kind_year(kind, y), None, m)
    return _Date(start, m.end(), "year", *cal.year(y), None, m)


_MONTH_CONTEXT = re.compile(
    r"(?:\b(?:[Ii]n|[Bb]y|[Ss]ince|[Ff]rom|[Uu]ntil|[Bb]efore|[Aa]fter|[Dd]uring|of|and|to|late|early|mid|mid-|[Ll]ast|[Nn]ext|[Tt]his|between|end|[Ee]very|for|previous|[Uu]p to|through|or|between)[ -]|[,/|(–-] ?|^|\n)$"
)
_VERB_AFTER = re.compile(r" (?:be|have|not|I|also|he|she|it|we|they|the|well|need|include|to|a)\b")


def _read_month(m, text, today):
    name = m["m"].rstrip(".")
    before = text[max(0, m.start() - 12) : m.start()]
    if name in ("May", "March", "Mar", "Jan", "Sep", "Dec", "Oct", "Apr", "Jun", "Jul"):
        if _MONTH_CONTEXT.search(before) is None:
            return None
        if _VERB_AFTER.match(text, m.end()) and not before.endswith(
            (" in ", " by ", "ince ", "ntil ", " of ", "uring ")
        ):
            return None
        if name in ("May", "March") and before.endswith("\n"):
            return None
    return _Date(
        *(m.start(), m.start() + len(m["m"].rstrip("."))),
        "monthname",
        *_place(_MONTH_NUMBER[name], None, m, text, today),
        (_MONTH_NUMBER[name], 0),
        m,
    )


_SEASON_CONTEXT = re.compile(
    r"\b(?:[Tt]he|[Ii]n|[Bb]y|late|early|mid|mid-|last|next|this|coming|of|during|over|from|before|until|and|[Ss]ince|each|following|to|previous|for)[ -]$"
)
_NOT_SEASON_AFTER = re.compile(
    r" (?:Budget|Statement|[Tt]erm|school|holiday|holidays|fuel|months?|Fuel|House|flood|pressure|plan|heating|weather|conditions|season|period|programme|childcare|reading|camp|service|resilience|preparedness|vaccin|surge|[Rr]esilience|[Ff]uel|Olympics|Paralympics|festival|wheat|barley|born|nutrient|update|forecast|of\b|vomiting|[A-Z])"
)


def _read_season(m, text, today):
    before = text[max(0, m.start() - 12) : m.start()]
    if _SEASON_CONTEXT.search(before) is None or _NOT_SEASON_AFTER.match(text, m.end()):
        return None
    name = m.group().lower()
    first = last = None
    if today is not None:
        now = cal.season(today.year, name)
        around = text[max(0, m.start() - 90) : m.start()]
        ahead = _FORWARD.search(around) is not None and _BACKWARD.search(around) is None
        if ahead:
            first, last = now if now[1] >= today else cal.season(today.year + 1, name)
        else:
            first, last = now if now[0] <= today else cal.season(today.year - 1, name)
    return _Date(*m.span(), "season", first, last, None, m)


def _read_named(m, text, today):
    _, _, period = m.group().partition(" of the ")
    if today is None or not period:
        return _Date(*m.span(), "rel", None, None, None, m)
    kind, unit = _unit(period)  # "the end of the financial year" is the one that runs
    days = {
        "year": lambda: _some_year(kind, _year_of(kind or "calendar", today)),
        "month": lambda: cal.month(today.year, today.month),
        "week": lambda: cal.week(today),
        "quarter": lambda: cal.quarter(today.year, (today.month + 2) // 3),
    }.get(unit, lambda: (None, None))()
    return _Date(*m.span(), "rel", *days, None, m)


def _read_since(m, text, today):
    return _Date(m.start(), m.end(), "since", None, None, None, m)


_READERS = {
    "days": _read_days, "day": _read_day, "mdy": _read_mdy, "monthday": _read_monthday, "monthyear": _read_monthyear, "monthyr": _read_monthyr,
    "slash": _read_slash, "iso": _read_iso, "session": _read_session, "fy": _read_fy, "sfy": _read_sfy, "fyone": _read_fyone, "qtr": _read_qtr,
    "half": _read_half, "decade": _read_decade, "seasonyear": _read_seasonyear, "since": _read_since, "ago": _read_ago, "parl": _read_parl,
    "relmany": _read_relmany, "relone": _read_relone, "year": _read_year, "month": _read_month, "season": _read_season, "named": _read_named,
}  # fmt: skip

_PLURAL_KIND_BEFORE = re.compile(rf"(?:{KIND} years|FYs|years) $")
_PLURAL_KIND_AFTER = re.compile(rf" {KIND} years\b")
_RANGE = re.compile(
    r"(?: to | ?[-–—] ?| until | through to | through | up to | to the | up until | to end | and up to )(?:the )?(?:end of |early |late |mid-)?$"
)
_AND = re.compile(r"(?: and )(?:the )?(?:end of |early |late )?$")
_BETWEEN = re.compile(
    r"\b[Bb]etween (?:the )?(?:financial years |academic years |years |start of |end of |beginning of )?$"
)
_MODIFIER = re.compile(
    r"(?:\b(?:[Ee]arly|[Ll]ate|[Mm]id|[Ll]ater|[Ee]arlier|(?:[Vv]ery )?(?:end|[Ss]tart|[Bb]eginning|[Mm]iddle|[Cc]lose|latter part|back end) (?:of|in)(?: the)?|[Ee]nd|end-|[Mm]id-|later in|earlier in|[Ee]arly in|[Ll]ate in)[ -]?(?:in )?)$"
)
_MAY_END = re.compile("ending|ended|to|beginning|commencing|w/c")
_MAY_MODIFY = re.compile("[Ee]arl|[Ll]at|[Mm]id|[Ee]nd|[Ss]tart|[Bb]egin|[Cc]lose")
_SINCE = re.compile(r"\b[Ss]ince (?:the )?(?:(?:start|beginning|end) of (?:the )?)?(?:early |late |mid-?)?$")
_EACH = re.compile(
    r"\b(?:(?:[Ii]n )?[Ee]ach of (?:the )?(?:(?:years|(?:requested )?months|financial years|academic years|calendar years) )?(?:from |since |in |between |across )?|(?:[Ee]ach|[Ee]very) (?:of the )?(?:{KIND} )?(?:year|month|quarter|week)s?,? (?:from |since |in |between |during |of |over )?(?:the )?)$".replace(
        "{KIND}", KIND
    )
)
_ENDING = re.compile(
    r"(?:\b(?:w/c |[Ww]eek commencing )|\b(?:(?:financial )?year|(?:\w+ )?months?|quarter|(?:\w+ )?weeks?|week) (?:ending|ended|to|up to|beginning|commencing)(?: in| on)? (?:the )?)$"
)
_EVENT = re.compile(
    r"(?!then\b|it\b|they\b|we\b|there\b|many\b|most\b|all\b|some\b|no\b|I\b|you\b|these\b|those\b|such\b|not\b|as\b|if\b|when\b)"
    r"[\w’'&/-]+(?: \([A-Z]{2,8}\))?(?: [\w’'&/-]+(?: \([A-Z]{2,8}\))?){0,8}?"
    r"(?= (?:and|but|have|has|had|is|are|will|would|can|could|may|which|that|who|to|for|on|in|at|by|with|as|from|under|into|(?:(?:were|was)(?! (?:\w+ly )?(?:\w+ed|made|set|put|begun|given|brought|taken|sent)\b)))\b| \(|[,.;:)?|\n]|$)"
)
_EVENT_DATE = re.compile(r" (?:in|on|of) (?:the )?$")
_NAMED_EVENT = re.compile(
    r" (?:(?:Autumn |Spring |Comprehensive )?(?:Spending Review|Budget|Statement|General Election|general election|election|Election|referendum|Referendum))(?!\w)"
)
_LAW = re.compile(r"\b(?:Act|Bill|Regulations|Order)\b")


_LEFT_SINCE = re.compile(r"(?:been|left|become|gone)\b")
_DONE_SINCE = re.compile(
    r"(?:\w+ly )?(?:\w{2,}ed|begun|given|taken|made|met|held|set|sent|sold|grown|risen|fallen|come|written|built|won|lost)\b"
)
_HAS_BEFORE = re.compile(r"\b(?:has|have|had|having|was|were|is|are|be)(?: not| also)? $|[’']ve $")


def _is_adverb(text: str, start: int, end: int) -> bool:
    """Tell "has since left the service" from "since its launch": the first gives no period."""
    if _LEFT_SINCE.match(text, end) is not None:
        return True
    return _DONE_SINCE.match(text, end) is not None and _HAS_BEFORE.search(text, max(0, start - 12), start) is not None


def _combine(atoms: list[_Date], text: str, today: date | None) -> list[_Date]:
    out: list[_Date] = []
    i = 0
    count = len(atoms)
    while i < count:
        d = atoms[i]
        i += 1
        if d.kind == "since":
            follows = atoms[i] if i < count else None
            if (
                follows is not None
                and follows.kind != "since"
                and follows.start - d.end <= 24
                and _SINCE.search(text, d.start, follows.start)
            ):
                continue  # the date takes "since" as its prefix
            event = _EVENT.match(text, d.end)
            if event is not None and _LAW.search(event.group()) is None and not _is_adverb(text, d.start, d.end):
                end = event.end()
                while text[end - 1] == " ":
                    end -= 1
                first = None
                if today and "lection" in event.group() and "eneral" in event.group():
                    first = cal.election_before(today)
                while i < count and atoms[i].start < end:
                    i += 1
                if (
                    i < count
                    and _EVENT_DATE.fullmatch(text, end, atoms[i].start)
                    and atoms[i].kind in ("day", "daypart", "month", "monthname", "year", "fy")
                ):
                    end, first = atoms[i].end, atoms[i].first
                    i += 1
                out.append(_Date(d.start, end, "rel", first, today if first else None))
            continue
        if (
            d.kind in ("monthname", "daypart", "season")
            and i < count
            and atoms[i].kind == "rel"
            and text[d.end : atoms[i].start] in (" ", " of ")
        ):
            words = text[atoms[i].start : atoms[i].end].lower().split()
            if len(words) == 2 and words[1] == "year":  # "July this year"
                d = _in_year(d, atoms[i])
                i += 1
        while i < count and atoms[i].kind != "since":
            nxt = atoms[i]
            gap = text[d.end : nxt.start]
            if len(gap) > 22:
                break
            is_range = _RANGE.fullmatch(gap) is not None
            if not is_range:
                if gap in (" and ", " & ", "/") and (d.kind, nxt.kind) in (("monthname", "month"), ("qtr", "qtr")):
                    d = _join(d, nxt, text, gap)
                    i += 1
                    continue
                if _AND.fullmatch(gap) is None or _BETWEEN.search(text, max(0, d.start - 40), d.start) is None:
                    break
            if d.kind in ("rel", "parl") and not is_range:
                break
            d = _join(d, nxt, text, gap)
            i += 1
            d.kind = "range"
        out.append(d)
    merged = []
    for d in out:
        if d.kind == "rel" and d.match is None:
            merged.append(d)
            continue
        merged.append(_prefix(d, text, today))
    return [d for d in merged if d is not None]


def _in_year(d: _Date, year: _Date) -> _Date:
    if year.first is not None and d.first is not None:
        shift = year.first.year - d.first.year
        d.first, d.last = (cal.add_months(x, 12 * shift) for x in (d.first, d.last))
        if d.kind == "monthname":
            d.first, d.last = cal.month(d.first.year, d.first.month)
    d.end = year.end
    d.kind = "month" if d.kind == "monthname" else "day" if d.kind == "daypart" else d.kind
    return d


def _join(left: _Date, right: _Date, text: str, gap: str) -> _Date:
    first = left.first
    if left.part is not None and right.last is not None and right.part is None:
        mon, day = left.part
        y = right.last.year
        first = (date(y, mon, 1) if day == 0 else _safe(y, mon, day)) if mon else first
        if first and right.last and first > right.last:
            first = first.replace(year=y - 1) if not (first.month == 2 and first.day == 29) else first
    return _Date(left.start, right.end, "range", first, right.last, None, left.match)


def _before_end(words: str, last: date | None) -> date | None:
    """Return the first day of "the year ending March 2024", "the three months to June"."""
    words = words.lower()
    if last is None:
        return None
    unit = "year" if "year" in words else "month" if "month" in words else "quarter" if "quarter" in words else "week"
    number = words.split()[0]
    count = _NUMBERS.get(number) or (int(number) if number.isdigit() else 1)
    return _units(count, unit, last, False)[0]


# The words that can stand right before a date and belong to it, or link it to one that does.
_PREFIX_WORDS = frozenset(
    """of in the since Since each Each every Every between Between early Early late Late mid Mid later Later earlier Earlier end End start Start beginning
    Beginning ending ended to from w/c commencing on year month quarter week years months during over across years, year, month, months,""".split()
)


def _prefix(d: _Date, text: str, today: date | None) -> _Date | None:
    start = d.start
    if d.kind != "range" and text[d.end : d.end + 4] != " to " and start:
        word = text[max(0, start - 12) : start].split(" ")[-2:-1] if text[start - 1] == " " else [""]
        if word and word[0].rpartition("\n")[2].lstrip("(“‘[") not in _PREFIX_WORDS and text[start - 1] == " ":
            return d
    window = max(0, start - 40)
    before = text[window:start]
    # Before each costly search from word to word the look for a part of what it needs.
    found = _BETWEEN.search(before) if d.kind in ("range", "fy") and "etween" in before else None
    if found is not None:
        d.start = window + found.start()
        before = text[max(0, d.start - 40) : d.start]
        window = max(0, d.start - 40)
    elif before:
        found = _ENDING.search(before) if _MAY_END.search(before) is not None else None
        if found is not None and d.kind in ("day", "daypart", "month", "monthname"):
            d.start = window + found.start()
            if "ommencing" in found.group() or "beginning" in found.group() or "w/c" in found.group():
                d.last = d.first and d.first + (6 if "eek" in found.group() or "w/c" in found.group() else 0) * _DAY
            else:
                d.first = _before_end(found.group(), d.last)
        else:
            found = _MODIFIER.search(before) if _MAY_MODIFY.search(before) is not None else None
            if found is not None:
                d.start = window + found.start()
        window = max(0, d.start - 40)
        before = text[window : d.start]
        found = _SINCE.search(before) if "ince" in before else None
        if found is not None:
            d.start = window + found.start()
            d.last = today
            event = _NAMED_EVENT.match(text, d.end)
            if event is not None:
                d.end = event.end()
            window = max(0, d.start - 40)
            before = text[window : d.start]
    if d.kind == "range":
        found = _PLURAL_KIND_BEFORE.search(before)
        if found is not None and d.start == start:
            d.start = window + found.start()
            window = max(0, d.start - 40)
            before = text[window : d.start]
        found = _PLURAL_KIND_AFTER.match(text, d.end)
        if found is not None:
            d.end = found.end()
    if text.startswith(" to date", d.end) and d.kind in ("year", "fy", "month"):
        d.end += 8
    found = _EACH.search(before) if "ach" in before or "very" in before else None
    if found is not None and d.kind != "monthname":
        d.start = window + found.start()
    return d


@Language.factory(
    "pqnlp_dates",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob"],
    default_score_weights={"ents_f": 1.0},
)
def make_dates(nlp: Language, name: str) -> "DateTagger":
    """Build the component; see :class:`DateTagger`."""
    return DateTagger()


class DateTagger(MentionTagger):
    """spaCy component that marks DATE mentions and gives each its interval, see :func:`find_dates`.

    Relative periods are read on ``doc._.pqnlp_date``.
    """

    def __init__(self):
        register_extensions()

    def find_in(self, text: str, known: Mapping) -> list[Mention]:
        """Return the DATE mentions of `text`; see :meth:`MentionTagger.find_in`."""
        return find_dates(text, known.get(KNOWN_DATE, ""))
