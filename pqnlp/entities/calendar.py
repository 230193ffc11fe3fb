"""Periods as pairs of days: months, quarters, seasons, financial and academic years, Parliaments and sessions."""

from __future__ import annotations

import datetime
from datetime import date, timedelta
from functools import lru_cache

__all__ = [
    "academic_year", "add_months", "election_before", "financial_year", "month", "parliament_on", "quarter", "season",
    "session", "week", "year",
]  # fmt: skip

Interval = tuple[date | None, date | None]

# Day of the general election, first meeting and dissolution of each Parliament (House of Commons Library, SN04512 and
# "Parliaments since 1801"); the number is the official one.
PARLIAMENTS = (
    (50, date(1987, 6, 11), date(1987, 6, 17), date(1992, 3, 16)),
    (51, date(1992, 4, 9), date(1992, 4, 27), date(1997, 4, 8)),
    (52, date(1997, 5, 1), date(1997, 5, 7), date(2001, 5, 14)),
    (53, date(2001, 6, 7), date(2001, 6, 13), date(2005, 4, 11)),
    (54, date(2005, 5, 5), date(2005, 5, 11), date(2010, 4, 12)),
    (55, date(2010, 5, 6), date(2010, 5, 18), date(2015, 3, 30)),
    (56, date(2015, 5, 7), date(2015, 5, 18), date(2017, 5, 3)),
    (57, date(2017, 6, 8), date(2017, 6, 13), date(2019, 11, 6)),
    (58, date(2019, 12, 12), date(2019, 12, 17), date(2024, 5, 30)),
    (59, date(2024, 7, 4), date(2024, 7, 9), None),
)
# First and last sitting day of each session, keyed as Parliament writes it (House of Commons sessional returns).
SESSIONS: dict[str, Interval] = {
    "2010-12": (date(2010, 5, 18), date(2012, 5, 1)),
    "2012-13": (date(2012, 5, 9), date(2013, 4, 25)),
    "2013-14": (date(2013, 5, 8), date(2014, 5, 14)),
    "2014-15": (date(2014, 6, 4), date(2015, 3, 26)),
    "2015-16": (date(2015, 5, 18), date(2016, 5, 12)),
    "2016-17": (date(2016, 5, 18), date(2017, 4, 27)),
    "2017-19": (date(2017, 6, 13), date(2019, 10, 8)),
    "2019-21": (date(2019, 12, 17), date(2021, 4, 29)),
    "2021-22": (date(2021, 5, 11), date(2022, 4, 28)),
    "2022-23": (date(2022, 5, 10), date(2023, 10, 26)),
    "2023-24": (date(2023, 11, 7), date(2024, 5, 24)),
    # Parliament met on 9 July 2024 (announced by 10 Downing Street on 30 May 2024) and the King's Speech of 13 May 2026 opened
    # the second session (ministers' answers of May 2026 name the day). The day of prorogation is left open: no source at hand.
    "2024-26": (date(2024, 7, 9), None),
    "2026-27": (date(2026, 5, 13), None),
}
_SEASONS = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "winter": (12, 2)}
_DAY = timedelta(days=1)


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later (earlier if negative), the month's last day where there is no such day."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return min(
        day.replace(year=first.year, month=first.month, day=1) + timedelta(days=day.day - 1),
        month(first.year, first.month)[1],
    )


@lru_cache(maxsize=1024)
def month(y: int, m: int) -> tuple[date, date]:
    """Return the first and last day of a month."""
    return date(y, m, 1), (date(y, 12, 31) if m == 12 else date(y, m + 1, 1) - _DAY)


@lru_cache(maxsize=1024)
def year(y: int) -> tuple[date, date]:
    """Return the first and last day of a calendar year."""
    return date(y, 1, 1), date(y, 12, 31)


@lru_cache(maxsize=1024)
def financial_year(y: int) -> tuple[date, date]:
    """Return 1 April `y` and 31 March of the next year."""
    return date(y, 4, 1), date(y + 1, 3, 31)


def tax_year(y: int) -> tuple[date, date]:
    """Return 6 April `y` and 5 April of the next year."""
    return date(y, 4, 6), date(y + 1, 4, 5)


def academic_year(y: int) -> tuple[date, date]:
    """Return 1 September `y` and 31 August of the next year."""
    return date(y, 9, 1), date(y + 1, 8, 31)


@lru_cache(maxsize=1024)
def quarter(y: int, q: int, *, financial: bool = False) -> tuple[date, date]:
    """Return quarter `q` (1 to 4) of the calendar year `y`, or of the financial year that begins in it."""
    start = add_months(date(y, 4 if financial else 1, 1), 3 * (q - 1))
    return start, add_months(start, 3) - _DAY


@lru_cache(maxsize=1024)
def season(y: int, name: str) -> tuple[date, date]:
    """Return the three months of a season; winter begins in December of `y`."""
    first, last = _SEASONS[name.lower()]
    return date(y, first, 1), month(y + 1 if last < first else y, last)[1]


def week(day: date) -> tuple[date, date]:
    """Return the Monday and Sunday around `day`."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def parliament_on(day: date) -> int | None:
    """Return the index in :data:`PARLIAMENTS` of the Parliament of that day (the last one, after its dissolution)."""
    found = None
    for i, (_, election, _, _) in enumerate(PARLIAMENTS):
        if election <= day:
            found = i
    return found


def election_before(day: date) -> date | None:
    """Return the day of the last general election on or before `day`."""
    i = parliament_on(day)
    return None if i is None else PARLIAMENTS[i][1]


def session(key: str) -> Interval | None:
    """Return the first and last day of a session written as ``"2022-23"``."""
    return SESSIONS.get(key)


def parse_iso(text: str) -> date | None:
    """Return the date of an ISO string, None where it is none."""
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None
