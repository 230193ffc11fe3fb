"""Acts, Bills, statutory instruments, EU instruments and treaties, linked to legislation.gov.uk."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from spacy.language import Language

from pqnlp.entities.automaton import Automaton
from pqnlp.entities.mention import KNOWN_QUESTION, Mention, MentionTagger, register_extensions
from pqnlp.errors import ReadError
from pqnlp.registry import read_json, read_table

__all__ = ["LegislationTagger", "TitleTable", "find_legislation", "read_titles"]

SITE = "https://www.legislation.gov.uk/"
TYPES = frozenset(
    """ukpga ukla ukppa asp asc anaw mwa ukcm nia aosp aep aip apgb gbla gbppa nisi mnia apni uksi wsi ssi nisr ukci ukmd
    ukmo uksro nisro ukdsi sdsi nidsr eur eudr eudn eut""".split()
)

# The word a title ends in. Those of the second group are titles only with a year or in the table.
_HEADS = Automaton(
    {
        word: word
        for word in """Act Acts Bill Bills bill Regulation Regulations regulations Order Rules Measure Directions Directive Convention Conventions Treaty treaty Protocol
        Agreement agreement FTA Statute Code Decision Directives Decisions""".split()
    }
)
_YEAR = re.compile(
    r"(?P<ext>(?: \((?:Northern Ireland|Scotland|Wales|England|England and Wales|Isle of Man|No\.? ?\d+|[A-Z]{2,6})\))*)(?:,? (?:of )?(?P<y>1[6-9]\d\d|20\d\d)| \((?P<yb>1[89]\d\d|20\d\d)\))(?![\d/-])"
)
# "Health and Social Care Act 2008 (Regulated Activities) Regulations 2014", "Traffic Signs Regulations and General Directions"
_GOES_ON = re.compile(
    r"(?: and General Directions|(?: \d{4})?(?: \([A-Z][^()\n]{2,90}\))+ (?P<head>Regulations|Order|Rules|Act)(?= \d{4}))"
)
_BRACKET_PROVISION = re.compile(
    r" \((?:[Ss]ections?|[Ss]chedules?|[Pp]arts?|[Aa]rticles?|[Rr]egulations?|s\.?) ?\d+\w{0,3}(?:\(\w+\))*\)"
)
_DEFINITION = re.compile(
    r",? \((?:hereafter |also known as |known as |referred to as |“|‘|\"|'|the |“the |‘the |\"the |'the |or )*(?P<short>[A-Z0-9][\w’' -]{1,40}?)[”’\"']?\)"
)

_NUM = r"(?:\d+[A-Z]{0,3}\d?(?: ?\((?:\d{1,3}[A-Z]{0,3}|[a-z]{1,4}|[A-Z]{1,2})\))*(?:(?:,? and|,? or|,|-|–| to) ?\((?:\d{1,3}|[a-z]{1,4})\))*|[IVX]{1,5}\b|[A-Z]\b)"
_PROVISION_WORD = r"(?:[Ss]ub-?[Ss]ections?|[Ss]ections?|[Ss]s?\.? ?(?=\d)|[Ss]ec\.? (?=\d)|[Ss]chedules?|SCHEDULE|[Pp]arts?|[Aa]rticles?|[Aa]rt\.|[Rr]egulations?|[Rr]ules?|[Pp]ara(?:graph)?s?\.?|[Cc]hapters?|[Cc]lauses?|[Cc]lass(?:es)?|[Tt]itle|Protocol(?: No\.?)?|[Aa]nnex(?:es)?)"
_PROVISION = re.compile(
    rf"(?P<all>(?<![\w])(?:(?:{_PROVISION_WORD}|s) ?{_NUM}(?: \([A-Za-z][^()]{{2,70}}\))?(?:(?:,? and|,? or|,| to| ?-| ?–| &| of| in)? ?(?:the )?(?:(?:{_PROVISION_WORD}|s) ?)?{_NUM}(?: \([A-Za-z][^()]{{2,70}}\))?){{0,6}}|[Ss]chedule)(?:,? (?:of|to|in|under|within) (?:the |The |that |this )*|,? )(?:draft |assimilated |retained |UK’s |UK's |US |UK )*)$"
)
_MAY_PROVIDE = re.compile(r"\d|(?:art|chedule|ection|rticle|hapter|lass|itle) [A-Z]|chedule ")
_ONE = re.compile(rf"({_PROVISION_WORD}) ?(\d+[A-Z]{{0,3}}|[IVX]+\b|[A-Z]\b)((?: ?\(\w{{1,4}}\))*)")

_CONNECTORS = frozenset(
    "and of the for etc etc. to in on with or from by at as & against between other than relating concerning up".split()
)
_TOKEN_BACK = re.compile(
    r"(?:(?P<bracket>\([^()\n]{1,90}\)|\(\w+\))|(?P<word>[\w’'./&–-]+)(?P<comma>,?)|(?P<amp>&)) ?$"
)
_LEADING = frozenset(
    """The Under Through Our This That These In As Since When While Both Following By With For And Of On At From To If Where Any All Each
    However Although Part Section Sections Article Schedule Chapter Regulation Regulations Clause Paragraph Rule Rules Draft His Her Their My Its A An Current New Existing
    Amendments Changes Reforms Proposals Explanatory Memorandum Government Governments Post Review Statutory Instrument Instruments Guidance Is Are Was Were Will Does Did Has Have
    Minister Ministers Secretary Department Committee Parliament Via Within Pursuant Upon Before After Between During Without Whilst Because But Or What Which How Why Whether Following
    Until Once Also Breach Requirements Provisions Implementation Commencement Compliance Introduction Independent Strengthening Updated Revised Applying Using Implementing
    Introducing Amending Understanding Passing Subject According Given Notwithstanding Including Per Alongside Royal Assent""".split()
)
_GENERIC_BEFORE = frozenset(
    """Private Members Members' Members’ Member's Member’s Member Government Draft Public Hybrid Ten Minute Rule Presentation Ballot Money Programme Other Primary Secondary Future Recent
    Both Several Various Such Each Every Another""".split()
)
_MEMBERS_BILL = re.compile(
    r"(?:(?:[A-Z][\w-]+ ){0,2}[A-Z][\w-]+[’']s )?(?:\w+ )?(?:Private )?Members?[’']?s?[’']? Bill"
)
_NO_REGULATION = frozenset(
    "Better Smarter Self Press Public Financial Social Price AI Economic Professional Building State Office Animals Future Traffic Solicitors Prudential Law Data".split()
)
_NO_TITLE = frozenset("Acts Bills bill treaty Decision Decisions Directives".split())
_NEEDS_YEAR = frozenset(("Order", "Rules", "Measure", "Directions", "Regulation", "Statute", "Code"))
_TREATY = frozenset("Convention Conventions Treaty Protocol Agreement FTA".split())
_TREATY_TAIL = re.compile(
    r" (?:on|for|[Aa]gainst|to|of|relating to|concerning|in respect of)(?: the)? "
    r"(?:(?:[A-Z][\w’'-]*(?:,(?= (?:[A-Z]|and)))?|and|of|the|for|or|to|from|with|by|against|all|its|at|including|in(?= (?:the(?! [A-Z]\w+ Strip)|Endangered|Environmental|Human|Goods|Services|Armed|Respect|Relation)\b)|on(?= (?:the(?! UK)|their)\b)|their|beyond|between) )*"
    r"[A-Z][\w’'-]*?(?=[’']s\b|[^\w’'-]|$)"
)
# Where a treaty's tail runs into the next instrument, or into its own article.
_TAIL_ENDS = re.compile(
    r",? (?:and|or|with) (?:the |its |to the |under the )?(?:[A-Z][\w’'-]* (?:and |of |on )?){1,8}(?:Convention|Agreement|Treaty|Protocol|Act|Regulations|Bill)s?\b"
    r"|, (?:Articles?|Sections?|Part|Annex)\b"
)
# "Sanctions and Anti-Money Laundering Act 2018, section 1(3)"
_PROVISION_AFTER = re.compile(
    r",? (?:[Ss]ections?|[Aa]rticles?|[Ss]chedules?|[Rr]egulations?|[Pp]art) \d+[A-Z]{0,2}(?:\(\w{1,4}\))*(?![\w/]| (?:of|to)\b|,? \d)"
)
# Words that stand before a title, with the link between: "the debate on the ... Bill"
_MONTHS = frozenset("January February March April June July August September October November December".split())
_ABOUT = frozenset(
    "Question Questions Debate Consultation Statement Statements Committee Answer Briefing Report Inquiry Approach".split()
)
# What is no law though its name holds a law's word: "North Atlantic Treaty Organization", "Energy Bill Support Scheme".
_NO_LAW_AFTER = re.compile(
    r" (?:Organi[sz]ation|Office\b|Orders\b|Order |Assessment|(?:Support|Discount|Relief) Scheme)"
)
# "Merchant Shipping (Work in Fishing Convention) Regulations 2018"
_IN_BRACKET = re.compile(r"\)(?: \([^()]*\))* (?:Regulations|Order|Rules|Act)\b")
_NAME_GOES_ON = re.compile(r" (?:(?:and|of|for) )?[A-Z]")
_CITED_EU = re.compile(
    r"(?:(?:EU|EC|Council|Commission|Delegated|Implementing|Framework) )*(?:(?P<kind>Regulation|Directive|Decision)s?,? (?:\((?P<body>EU|EC|EEC|UE|EU, Euratom|Euratom)\)(?: No\.?)? ?)?(?:No\.? ?)?(?P<a>\d{1,4})/(?P<b>\d{1,4})(?:/(?P<c>EU|EC|EEC|JHA|CFSP))?)(?!\w)"
)
_SHORT_WORDS = frozenset(
    "Code Act Bill Regulations Regulation Order Directive Convention Treaty Measure bill treaty regulations Agreement".split()
)
_BEFORE_SHORT = re.compile(
    r"(?:(?<![\w/])(?P<year>1[89]\d\d|20\d\d)|\b(?P<article>[Tt]he(?: said| new| proposed| same| draft| referenced| underpinning| forthcoming| final| original| revised| updated)?|[Tt]h(?:is|at|ese|ose))) $"
)
_NOT_SHORT_AFTER = re.compile(
    r" (?:of (?:the )?[A-Z]\w*|on (?:the )?[A-Z]\w*|for the [A-Z]\w*|against|to [A-Z]\w*|paper|number|payer)\b|-|’? ?No\b"
)

TitleTable = Mapping[str, str]


def _key(title: str) -> str:
    title = title.replace("’", "'").replace("&", "and").replace("-", " ").lower()
    title = re.sub(r"^the |[,.()]", "", title)
    return " ".join(title.split())


def read_titles(path: str | Path) -> dict[str, str]:
    """Read a table of instruments to add to the package's own.

    Parameters
    ----------
    path : path-like
        CSV with the columns ``title``, ``type``, ``year`` and ``number`` (``Online Safety Act,ukpga,2023,50``).

    Returns
    -------
    dict
        From ``"title year"`` to the identity, as ``LegislationTagger(titles=...)`` and
        :meth:`LegislationTagger.add_titles` take it.

    Raises
    ------
    ReadError
        If the file cannot be read, a column is missing or a row is no instrument; the message names file and line.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = {"title", "type", "year", "number"} - set(reader.fieldnames or ())
            if missing:
                raise ReadError(f"{path} lacks the column(s) {sorted(missing)}: expected title, type, year, number.")
            return dict(_check(row, f"{path}, line {reader.line_num}") for row in reader)
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} is not UTF-8 from byte {error.start} on. Save it as CSV UTF-8.") from error
    except (OSError, csv.Error) as error:
        raise ReadError(f"{path} cannot be read as a CSV file: {error}.") from error


def _check(row: Mapping[str, str], where: str) -> tuple[str, str]:
    title, kind, year, number = ((row[name] or "").strip() for name in ("title", "type", "year", "number"))
    if not title:
        raise ReadError(f"{where}: the title is empty. Fill it in or delete the row.")
    if kind not in TYPES:
        raise ReadError(
            f"{where}: unknown type {kind!r}. Expected one of legislation.gov.uk's, such as ukpga, uksi, asp, wsi, nia."
        )
    if not re.fullmatch(r"\d{4}", year):
        raise ReadError(f"{where}: expected a year of four digits, got {year!r}.")
    if re.fullmatch(r"\d{1,5}", number):
        identity = f"{kind}/{year}/{number}"
    elif re.fullmatch(r"\w+/[\w-]+/\d+", number):  # before 1963 by the monarch's years: "Geo5/15-16/20"
        identity = f"{kind}/{number}"
    else:
        raise ReadError(
            f"{where}: expected a chapter or instrument number, or one by regnal year (Geo5/15-16/20), got {number!r}."
        )
    if title.endswith(f" {year}"):
        title = title[: -len(year) - 1]
    return f"{title} {year}", identity


class _Titles:
    """Titles to identities: with the year, and without it where only one instrument bears the title."""

    def __init__(self, rows: Iterable[tuple[str, str]]):
        self.dated: dict[str, str] = {}
        undated: dict[str, set[str]] = {}
        years: dict[str, int] = {}
        for title_year, identity in rows:
            title, year = title_year.rsplit(" ", 1)
            self.dated[_key(title_year)] = identity
            undated.setdefault(_key(title), set()).add(identity)
            years[_key(title)] = int(year)
        # A lone entry of an old title may have namesakes that the table lacks.
        self.undated = {key: next(iter(ids)) for key, ids in undated.items() if len(ids) == 1 and years[key] >= 1998}
        self.known = set(undated)

    def get(self, title: str, year: str) -> str:
        if year:
            return self.dated.get(_key(f"{title} {year}"), "")
        return self.undated.get(_key(title), "")


@lru_cache(maxsize=1)
def _package_rows() -> tuple[tuple[str, str], ...]:
    return tuple(_check(row, "legislation.csv") for row in read_table("legislation.csv"))


@lru_cache(maxsize=1)
def _package_titles() -> _Titles:
    return _Titles(_package_rows())


@lru_cache(maxsize=1)
def _popular() -> Automaton:
    names: dict[str, str] = {}
    for name, identity in read_json("legislation_short.json")["popular"].items():
        names[name] = identity
        names[name.replace("'", "’")] = identity
    return Automaton(names)


class _Cited:
    """One instrument found: where, its title and year, and its identity."""

    __slots__ = ("start", "end", "title", "year", "identity", "provision", "word", "title_start")

    def __init__(self, start, end, title, year, identity, provision="", word="Act", title_start=None):
        self.start, self.end, self.title, self.year, self.identity = start, end, title, year, identity
        self.provision, self.word = provision, word
        self.title_start = start if title_start is None else title_start


def _title_start(text: str, end: int, titles: _Titles, head_end: int | None = None, year: str = "") -> int | None:
    """Walk left from the head word over the words of a title; return where the title begins."""
    floor = max(0, end - 220)
    at = end
    starts: list[tuple[int, str]] = []  # candidates, nearest first
    quiet = 0
    while at > floor:
        # Only the last word or bracket is given to the pattern, which would try every place of a longer stretch.
        word_end = at - 1 if text[at - 1] == " " else at
        if text[word_end - 1] == ")":
            piece = max(text.rfind("(", floor, word_end), floor)
        else:
            piece = max(text.rfind(" ", floor, word_end), text.rfind("\n", floor, word_end), floor - 1) + 1
        m = _TOKEN_BACK.search(text[piece:at])
        if m is None:
            break
        start = piece + m.start()
        if m["bracket"]:
            inner = m["bracket"][1:2]
            if not (inner.isupper() or inner.isdigit() or m["bracket"][1:] in ("etc.)", "etc)")):
                break
            starts.append((start, "("))
        else:
            word = m["word"] or "&"
            if word[-1] == "." and word not in ("etc.", "No.", "no."):
                break
            if m["comma"] and at == end:
                break
            if word[0].isupper():
                starts.append((start, word))
                quiet = 0
            elif word in _CONNECTORS or word == "&" or word in ("trade", "free") and text.startswith("agreement", end):
                quiet += 1
                if quiet > 3:
                    break
                starts.append((start, word))
            else:
                break
        at = start
    if not starts:
        return None
    best_known = None
    for i, (start, word) in enumerate(starts if head_end is not None else ()):
        if not word[0].isupper() or word == "The":  # a title begins with no bracket either
            continue
        title = _key(text[start:head_end])
        # "Courts Act" is in the table, yet "Victims and Courts Act 2026" is another.
        if (
            f"{title} {year}" in titles.dated
            if year
            else title in titles.known and (i + 1 == len(starts) or starts[i + 1][1] not in ("and", "&", "of"))
        ):
            best_known = start
    if best_known is not None:
        return best_known
    # From the far left, drop what cannot open a title, and cut after "of the", "and the", "to the".
    words = starts[::-1]
    cut = 0
    for i, (_, word) in enumerate(words):
        nxt = words[i + 1][1] if i + 1 < len(words) else ""
        if word == "the" and i and text[words[i][0] - 2] == ",":
            cut = i + 1
        elif (
            word == "the"
            and i
            and words[i - 1][1]
            in ("of", "to", "by", "in", "under", "from", "and", "with", "on", "for", "as", "that", "or", "through")
        ):
            if not (
                words[i - 1][1] in ("of", "from", "at")
                and i >= 2
                and nxt
                in (
                    "Child",
                    "Sea",
                    "Crown",
                    "Person",
                    "People",
                    "Public",
                    "Time",
                    "House",
                    "Environment",
                    "Elderly",
                    "Rights",
                )
            ):
                cut = i + 1
        elif (
            i
            and i > cut
            and text[words[i][0] - 2] == ","
            and words[i - 1][1] in ("Act", "Bill", "Regulations", "Order")
        ):
            cut = i
        elif word in ("and", "&", "or") and i > cut and _opens_next(words, i):
            cut = i + 1
        elif word in ("on", "to") and i and words[i - 1][1] in _ABOUT:
            cut = i + 1
        elif word in ("Kong’s", "Kong's"):
            cut = i + 1
        elif (word in _LEADING or word in _MONTHS) and i == cut:
            cut = i + 1
        elif word in _PROVISION_WORDS and i >= cut and re.match(r"[\dIVX]", nxt or ""):
            cut = i + 2
        elif i == cut and not (word[0].isupper() and word not in _LEADING):
            cut = i + 1
        elif (
            word.endswith(("’s", "'s"))
            and word[:-2]
            in (
                "UK",
                "Government",
                "EU",
                "Scotland",
                "Parliament",
                "England",
                "Ireland",
                "Department",
                "Britain",
                "Canada",
                "Australia",
                "France",
            )
            and i == cut
        ):
            cut = i + 1
    return words[cut][0] if cut < len(words) else None


def _opens_next(words: list[tuple[int, str]], i: int) -> bool:
    """Tell whether the link at `i` follows a whole title: "the Freedom of Information Act (FOIA) and ..."."""
    before = words[i - 2][1] if words[i - 1][1] == "(" and i > 1 else words[i - 1][1]
    return before in ("Act", "Bill", "Regulations", "Treaty", "Convention", "Protocol", "Agreement", "Directive")


_PROVISION_WORDS = frozenset(
    "Part Parts Section Sections Schedule Schedules Article Articles Regulation Regulations Rule Chapter Clause Paragraph Class".split()
)


def _provision_path(provision: str, kind: str, head: str = "") -> str:
    """Turn "section 12(3) of the" into "section/12/3" where legislation.gov.uk has such an address."""
    found = _ONE.findall(provision)
    if not found:
        return ""
    words = [(re.sub(r"\W", "", w).lower(), n, tail) for w, n, tail in found]
    names = {"s": "section", "ss": "section", "section": "section", "sections": "section", "schedule": "schedule", "schedules": "schedule", "part": "part", "parts": "part",
             "article": "article", "articles": "article", "art": "article", "regulation": "regulation", "regulations": "regulation", "rule": "rule", "rules": "rule"}  # fmt: skip
    outer = {"ukpga": ("section", "schedule", "part"), "asp": ("section", "schedule", "part")}.get(
        kind, ("regulation", "article", "rule", "schedule", "part", "section")
    )
    if "section" not in outer[:1] and head in (
        "Regulations",
        "Order",
        "Rules",
    ):  # "Section 3 of the ... Regulations 1999"
        own = {"Regulations": "regulation", "Order": "article", "Rules": "rule"}[head]
        names |= {"section": own, "sections": own, "s": own, "ss": own}
    if kind == "eur" or kind == "eudr":
        outer = ("article",)
    # Two provisions of one kind ("sections 3 and 4"): the first is the address.
    for name in ("schedule", "section", "article", "regulation", "rule", "part"):
        if name not in outer:
            continue
        for w, n, tail in words:
            if names.get(w) == name:
                if not n[0].isdigit() and name != "part":
                    continue
                if name == "part" and not n[0].isdigit():
                    roman = {
                        "I": 1,
                        "II": 2,
                        "III": 3,
                        "IV": 4,
                        "V": 5,
                        "VI": 6,
                        "VII": 7,
                        "VIII": 8,
                        "IX": 9,
                        "X": 10,
                    }.get(n)
                    return f"part/{n}" if roman else ""
                path = f"{name}/{n}"
                if name in ("section", "article", "regulation", "rule"):
                    for sub in re.findall(r"\((\w+)\)", tail):
                        path += f"/{sub}"
                return path
    return ""


def _eu_identity(m: re.Match) -> str:
    kind, a, b = m["kind"], m["a"], m["b"]
    body = m["body"] or m["c"] or ""
    if kind == "Decision" or body in ("JHA", "CFSP"):
        return ""
    if len(a) == 4 and a[:2] in ("19", "20"):
        year, number = a, b
    elif len(b) == 4 and b[:2] in ("19", "20"):
        year, number = b, a
    elif kind == "Directive" and len(a) == 2 and int(a) > 56:
        year, number = "19" + a, b
    elif len(b) == 2 and int(b) > 56:
        year, number = "19" + b, a
    else:
        return ""
    if not 1957 < int(year) <= 2020:
        return ""
    return f"{'eur' if kind == 'Regulation' else 'eudr'}/{year}/{int(number)}"


Head = tuple[int, int, str]


def _heads(text: str) -> list[Head]:
    """Return where words stand that a title can end in, or that can be short for one."""
    return [(start, end, word) for start, end, word in _HEADS.find(text) if text[end : end + 1] != "-"]


_EU_NUMBER = re.compile(r"\d/\d{2}")


def _cited(text: str, titles: _Titles, heads: list[Head]) -> list[_Cited]:
    out: list[_Cited] = []
    taken = -1
    if not heads:
        return out
    for m in (
        _CITED_EU.finditer(text)
        if _EU_NUMBER.search(text) and ("egulation" in text or "irective" in text or "ecision" in text)
        else ()
    ):
        start, end, provision = _with_provision(text, m.start(), m.end(), -1)
        after = _PROVISION_AFTER.match(text, end) if not provision else None
        if after is not None:
            provision, end = after.group(), after.end()
        out.append(_Cited(start, end, m.group(), "", _eu_identity(m), provision, m["kind"], m.start()))
    for at, end, head in heads:
        if at < taken or not at or text[at - 1] != " " or head in _NO_TITLE:
            continue
        if any(c.start <= at < c.end for c in out) or _IN_BRACKET.match(text, end):
            continue
        combined = _GOES_ON.match(text, end)
        if combined:
            end = combined.end()
            head = combined["head"] or head
        y = _YEAR.match(text, end)
        year = (y["y"] or y["yb"]) if y else ""
        start = _title_start(text, at, titles, end, year)
        if year and (start is None or _key(f"{text[start:end]} {year}") not in titles.dated):
            start = _known_start(text, at, end, year, titles) or start
        if start is None and head in _TREATY and text[end : end + 1] == " ":
            more = _treaty_tail(text, end)  # "the Convention on the Rights of the Child"
            if more and (head != "Agreement" or " concerning " in text[end:more]) and head != "Protocol":
                if text.startswith("Convention of Scottish Local Authorities", at):
                    continue
                year = _YEAR.match(text, more)
                stop = year.end() if year else more
                whole, stop, provision = _with_provision(text, at, stop, taken)
                out.append(
                    _Cited(
                        whole,
                        stop,
                        text[at:more],
                        (year["y"] or year["yb"]) if year else "",
                        "",
                        provision,
                        head,
                        at,
                    )
                )
                taken = stop
            continue
        if (
            start is None
            or text[start:end] in ("Free Trade Agreement", "Trade Agreement", "Partnership Agreement")
            or _NO_LAW_AFTER.match(text, end)
        ):
            continue
        while (country := _COUNTRY.match(text, start, at)) is not None and _key(text[start:end]) not in titles.known:
            start = country.end()
        title = text[start:end]
        if at - start < 1:
            continue
        before_words = title.rsplit(" ", 1)[0].split()
        if all(w in _GENERIC_BEFORE or w in ("and", "of", "or") for w in before_words):
            continue
        if (
            title.split()[0] in ("Act", "Bill", "Order", "No.")
            or "Forum for" in title
            or _MEMBERS_BILL.fullmatch(title)
        ):
            continue
        if head in ("regulations", "agreement", "Agreement", "Protocol", "Statute", "Code"):
            if not _treaty_like(title, head, year):
                continue
        if (
            head == "Regulation" and not year
        ):  # "the Market Abuse Regulation", not "Better Regulation", "Office for Nuclear Regulation"
            if (
                before_words[-1] in _NO_REGULATION
                or before_words[0] in _NO_REGULATION
                or _NAME_GOES_ON.match(text, end)
            ):
                continue
            if " for " in title or " in " in title:
                continue
            defined = _DEFINITION.match(text, end)
            if not text[:start].endswith(("the ", "The ", "’s ", "'s ")) and (
                defined is None or not _is_short_for(defined["short"], text[start:end])
            ):
                continue
        if head in _NEEDS_YEAR and head != "Regulation" and not year and _key(title) not in titles.known:
            continue
        if (
            before_words[-1] in _CONNECTORS | {"Law"} and not year and _key(title) not in titles.known
        ):  # "put the scheme in Regulations"
            continue
        tail = _YEAR.match(text, end)
        title_end = end
        if tail is not None:
            title += text[end : tail.end("ext")] if tail["ext"] else ""
            title_end = tail.end()
        elif (head in _TREATY or head == "agreement") and (
            head not in ("Agreement", "agreement", "FTA")
            or text.startswith((" concerning", " on the", " in respect of"), end)
        ):
            more = _treaty_tail(text, end)
            if more:
                title_end = more
                title = text[start:title_end]
        bracket = _BRACKET_PROVISION.match(text, title_end)
        provision = ""
        if bracket is not None:
            provision = text[title_end : bracket.end()]
            title_end = bracket.end()
        if (
            not year
            and (leading := re.search(r"(?<![\w/-])(1[89]\d\d|20\d\d) $", text[max(0, start - 6) : start])) is not None
            and head in ("Act", "Convention", "Treaty", "Regulations", "Order", "Agreement")
        ):
            year = leading.group(1)
            start -= 5
        whole, title_end, more_provision = _with_provision(text, start, title_end, taken)
        if head in ("Bill", "Act") and more_provision[:5].lower() == "annex":  # a Bill has none, its papers do
            whole, more_provision = start, ""
        if not provision and not more_provision and year:
            after = _PROVISION_AFTER.match(text, title_end)
            if after is not None:
                more_provision, title_end = after.group(), after.end()
        plain = re.sub(r" \([A-Z]{2,6}\)", "", title)
        identity = titles.get(plain, year)
        out.append(_Cited(whole, title_end, plain, year, identity, more_provision or provision, head, start))
        taken = title_end
    return out


_COUNTRY = re.compile(
    r"(?:US|UK[’']s|US[’']s|Scottish|Welsh|Irish|Australian|UK(?! Internal Market| [A-Z][\w ]{3,60} \d{4})) (?=[A-Z][\w’'-]+ [A-Z(])"
)
_AGREEMENT = re.compile(
    r"Trade|Partnership|Withdrawal|Cooperation|Framework|FTA|Treaty|UK[-–/]|US[-–/]|EU[-–/]|Agreement concerning|Paris|Belfast|Stormont|Istanbul|Optional|Montreal|Kyoto|Fisheries|Extradition|Readmission|Optional|Forces Agreement|AUKUS|Nationality|Free|Jurisdiction|BBNJ|SPS|Phytosanitary|Association Agreement|Military Base Agreement"
)


_PROTOCOL = re.compile(
    r"Optional|Additional|Montreal|Kyoto|London|Northern Ireland|NI\b|Nagoya|Palermo|Geneva|Cartagena|Withdrawal|UK[-–/]|EU[-–/]"
)


def _treaty_tail(text: str, end: int) -> int:
    """Return where the words end that go on a treaty's title from `end`; 0 where none do."""
    more = _TREATY_TAIL.match(text, end)
    if more is None:
        return 0
    stop = _TAIL_ENDS.search(text, end, min(len(text), more.end() + 60))
    return more.end() if stop is None else min(more.end(), stop.start()) if stop.start() > end else 0


def _treaty_like(title: str, head: str, year: str) -> bool:
    if head == "regulations":
        return (
            bool(year)
            or len(title.split()) > 2
            and not title.startswith("United Kingdom ")
            and title.split()[0][0].isupper()
            and all(w[0].isupper() or w in _CONNECTORS or w == "regulations" for w in title.split())
        )
    if head in ("Statute", "Code"):
        return bool(year) and "Transparency" not in title
    if head == "Protocol":
        return _PROTOCOL.search(title) is not None
    return _AGREEMENT.search(title) is not None and not re.search(
        r"(?<!Trade and )Partnership Agreement|Level|Section|Grant|Licen|Data Sharing|Framework Agreement|Funding|Performance|Access|Recognition Agreement|Strategic|Contract",
        title,
    )


def _known_start(text: str, at: int, end: int, year: str, titles: _Titles) -> int | None:
    """Return where a known title begins whose capitals are not all there ("Social responsibility Act 2011")."""
    begin, found = at - 1, None
    for _ in range(16):
        begin = text.rfind(" ", max(0, at - 170), begin)
        if begin < 0:
            break
        if f"{_key(text[begin + 1 : end])} {year}" in titles.dated and text[begin + 1 : begin + 4] != "the":
            found = begin + 1
    return found


def _with_provision(text: str, start: int, end: int, taken: int) -> tuple[int, int, str]:
    floor = max(taken + 1, start - 150, 0)
    before = text[floor:start]
    if _MAY_PROVIDE.search(before) is None:
        return start, end, ""
    m = _PROVISION.search(before)
    if m is None:
        return start, end, ""
    return floor + m.start("all"), end, m["all"]


def _search_address(title: str, year: str, word: str) -> str:
    if not title:
        return ""
    if word in ("Bill", "bill"):
        return "https://bills.parliament.uk/?SearchTerm=" + quote(re.sub(r" Bill$", "", title))
    return f"{SITE}all?title=" + quote(title) + (f"&year={year}" if year else "")


def find_legislation(text: str, question: str = "", titles: _Titles | None = None) -> list[Mention]:
    """Find the instruments that `text` cites.

    Parameters
    ----------
    text : str
    question : str
        The question that `text` answers: "the Act" may be one that only the question names.

    Returns
    -------
    list of Mention
        ``id`` such as ``"ukpga/2023/50/section/12"``, ``""`` where unresolved; ``url`` then is the title search of
        legislation.gov.uk, or ``""`` where not even the title is known.

    Examples
    --------
    >>> [m.url for m in find_legislation("duties in section 12 of the Online Safety Act 2023")]
    ['https://www.legislation.gov.uk/ukpga/2023/50/section/12']
    """
    titles = titles or _package_titles()
    heads = _heads(text)
    cited = _cited(text, titles, heads)
    covered = [(c.start, c.end) for c in cited]
    popular = []
    for start, end, identity in _popular().find(text):
        if any(s < end and start < e for s, e in covered) or _NO_LAW_AFTER.match(text, end):
            continue
        year = _YEAR.match(text, end)
        if year is not None:
            end = year.end()
        whole, end, provision = _with_provision(text, start, end, -1)
        name = text[start:end]
        popular.append(
            _Cited(whole, end, name, "", identity, provision, "Code" if name.endswith(" Code") else "", start)
        )
    cited += popular
    if not cited and not heads and not popular:
        return []
    background = _cited(question, titles, _heads(question)) if question and question != text else []
    _borrow_years(cited, background, titles)
    defined = _definitions(text, cited) | {
        k: v for k, v in (_definitions(question, background).items() if background else ())
    }
    short = _short_forms(text, heads, cited, background, defined, titles)
    out = []
    for c in [*cited, *short]:
        identity = c.identity
        url = ""
        if identity:
            path = _provision_path(c.provision, identity.split("/", 1)[0], c.word) if c.provision else ""
            if path:
                identity = f"{identity}/{path}"
            url = SITE + identity
        else:
            url = _search_address(c.title, c.year, c.word)
        out.append(Mention(c.start, c.end, "LEGISLATION", identity, url))
    return out


def _borrow_years(cited: list[_Cited], background: list[_Cited], titles: _Titles) -> None:
    """Give "the Care Act" the year of the only Care Act that the pair cites with one."""
    for c in cited:
        if c.year or c.word == "":
            continue
        same = {(o.year, o.identity) for o in [*cited, *background] if o.year and _key(o.title) == _key(c.title)}
        if len(same) == 1:
            c.year, c.identity = same.pop()
        elif len(same) > 1:
            c.identity = ""


def _definitions(text: str, cited: list[_Cited]) -> dict[str, _Cited]:
    defined: dict[str, _Cited] = {}
    for c in cited:
        m = _DEFINITION.match(text, c.end)
        if m is not None:
            short = m["short"].removeprefix("the ").removeprefix("The ")
            if not _is_short_for(short, text[c.title_start : c.end]):
                continue
            defined[short] = c
        if text[c.start - 1 : c.start] == "(":  # "the ASPA (Animals (Scientific Procedures) Act 1986)"
            m = _DEFINED_BEFORE.search(text[max(0, c.start - 14) : c.start])
            if m is not None and _is_short_for(m["short"], text[c.title_start : c.end]):
                defined[m["short"]] = c
        inner = _INNER.search(text[c.title_start : c.end])  # "Legal Services Act (LSA) 2007", "(NSI) Act"
        # Within the title the bracket may speak of its subject alone: "(WEEE) Regulations" makes no law of "WEEE".
        if inner is not None and _is_short_for(inner.group(1) or inner.group(2), text[c.title_start : c.end]):
            defined[inner.group(1) or f"{inner.group(2)} {inner.group(3)}"] = c
    return defined


_DEFINED_BEFORE = re.compile(r"(?<!\w)(?P<short>[A-Z]{3,10}) \($")
_INNER = re.compile(
    r"(?:Act|Bill|Regulations|Order) \(([A-Z]{3,8})\)|(?<![’']s )\(([A-Z]{3,8})\) (Act|Bill|Regulations|Order)"
)
_SHORT_HEAD = re.compile(
    r"\b(?:Act|Bill|Regulations?|Order|Rules|Code|Convention|Treaty|Agreement|Directive|Directions|Law|Measure|Protocol)\b"
)


def _is_short_for(short: str, title: str) -> bool:
    """Tell whether a bracket behind `title` holds its short form: "the Act", or letters of its words in their order."""
    if _SHORT_HEAD.search(short):
        return True
    letters = re.sub(r"[^A-Za-z]", "", short)
    if " " in short.strip() or len(letters) < 3 or not letters[:2].isupper():
        return False
    initials = iter("".join(w[0] for w in re.findall(r"[A-Za-z]+", title)).upper())
    return all(letter in initials for letter in letters.upper().rstrip("S"))


def _short_forms(
    text: str,
    heads: list[Head],
    cited: list[_Cited],
    background: list[_Cited],
    defined: dict[str, _Cited],
    titles: _Titles,
) -> list[_Cited]:
    spans = sorted((c.start, c.end) for c in cited)

    def free(start: int, end: int) -> bool:
        return not any(s < end and start < e for s, e in spans)

    out: list[_Cited] = []

    def add(start: int, end: int, target: _Cited | None, word: str) -> None:
        if not free(start, end):
            return
        whole, end, provision = _with_provision(text, start, end, -1)
        if not free(whole, start):
            whole, provision = start, ""
        if (
            target is not None
            and target.provision
            and not provision
            and target.word
            and not _SHORT_HEAD.search(text[start:end])
        ):
            provision = (
                target.provision
            )  # "Schedule 3A to the Communications Act 2003 (the Electronic Communications Code)"
        if target is None:
            out.append(_Cited(whole, end, "", "", "", provision, word, start))
        else:
            out.append(_Cited(whole, end, target.title, target.year, target.identity, provision, target.word, start))
        spans.append((whole, end))

    for name, target in defined.items():
        for m in re.finditer(rf"(?<![\w]){re.escape(name)}(?![\w])", text):
            year = _YEAR.match(text, m.end())
            start = m.start()
            if text[max(0, start - 3) : start] in ("EU ", "GB ", "UK ") and name.isupper():
                start -= 3
            add(start, year.end() if year and name.isupper() else m.end(), target, target.word)
    everything = [*cited, *background]
    for start, end, word in heads:
        if word not in _SHORT_WORDS or not start or text[start - 1] != " ":
            continue
        m = _BEFORE_SHORT.search(text, max(0, start - 20), start)
        if m is None:
            continue
        if word == "Regulation" and not any(o.word == word for o in everything):
            continue
        if m["year"]:
            year_at = m.start("year")
            title_at = _title_start(text, year_at - 1, titles) if text[year_at - 1 : year_at] == " " else None
            if (
                title_at is not None and len(text[title_at:year_at].split()) > 1
            ):  # "the Health and Social Care 2012 Act"
                title = f"{text[title_at:year_at]}{word}"
                add(
                    title_at, end, _Cited(title_at, end, title, m["year"], titles.get(title, m["year"]), "", word), word
                )
            else:
                add(year_at, end, _only(everything, word, m["year"], year_at), word)
            continue
        if not m["article"] or _NOT_SHORT_AFTER.match(text, end):
            continue
        # These words are too common to be a law's short form unless the pair cites one that ends in them.
        kin = _TREATY if word in ("treaty", "Agreement") else (word,)
        if word in ("bill", "treaty", "regulations") and not any(
            o.word.lower() == word or o.word in kin for o in everything
        ):
            continue
        if word in ("Order", "Measure", "Directive", "Agreement", "Code", "Regulation") and not any(
            o.word == word for o in everything
        ):
            continue
        add(start, end, _only(everything, word, "", start), word)
    return out


def _only(everything: list[_Cited], word: str, year: str, at: int) -> _Cited | None:
    """Return the only instrument cited that fits; None where there are several or none."""
    fitting: dict[str, _Cited] = {}
    for o in everything:
        if o.word.lower() == word.lower() and (not year or o.year == year):
            fitting.setdefault(_key(o.title) + o.year, o)
    if not fitting and word == "Act":
        for o in everything:  # a Bill named in the question that has since been passed
            if o.word == "" and o.identity.startswith("ukpga"):
                fitting.setdefault(o.identity, o)
    return next(iter(fitting.values())) if len(fitting) == 1 else None


@Language.factory(
    "pqnlp_legislation",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob", "token.ent_kb_id"],
    default_config={"titles_path": None},
    default_score_weights={"ents_f": 1.0},
)
def make_legislation(nlp: Language, name: str, titles_path: str | None) -> "LegislationTagger":
    """Build the component; see :class:`LegislationTagger`."""
    tagger = LegislationTagger()
    if titles_path is not None:
        # A pipeline that was saved and moved carries the rows of the table; the file itself may be gone by then.
        if Path(titles_path).exists():
            tagger.add_titles(read_titles(titles_path))
        else:
            tagger._awaited = titles_path
    return tagger


class LegislationTagger(MentionTagger):
    """spaCy component that marks LEGISLATION mentions and links them to legislation.gov.uk.

    Parameters
    ----------
    titles : mapping of str to str, optional
        Instruments beyond the package's table, from ``"title year"`` to identity; :func:`read_titles` reads them
        from a CSV file. They are kept when the pipeline is saved.

    Notes
    -----
    "The Act" and "the 2023 Act" mean what the text defined them as, else the only instrument cited that fits, in the
    text or in ``doc._.pqnlp_question``. Where several fit, the mention is marked and left unresolved.
    """

    def __init__(self, titles: Mapping[str, str] | None = None):
        register_extensions()
        self._awaited: str | None = None
        self._added: dict[str, str] = {}
        self._titles = _package_titles()
        if titles:
            self.add_titles(titles)

    def add_titles(self, titles: Mapping[str, str]) -> None:
        """Add instruments, from ``"title year"`` to identity (``"ukpga/2023/50"``); they win over the package's own."""
        self._added |= dict(titles)
        self._titles = _Titles([*_package_rows(), *self._added.items()]) if self._added else _package_titles()

    def _state(self) -> dict:
        return {"titles": self._added}

    def _set_state(self, state: dict) -> None:
        self._awaited = None
        self._added = {}
        self.add_titles(state.get("titles", {}))

    def find_in(self, text: str, known: Mapping) -> list[Mention]:
        """Return the LEGISLATION mentions of `text`; see :meth:`MentionTagger.find_in`.

        Raises
        ------
        ReadError
            If the table of titles that the configuration names is missing and no saved pipeline brought its rows.
        """
        if self._awaited is not None:
            raise ReadError(
                f"There is no table of titles at {self._awaited}. Give titles_path of pqnlp_legislation a CSV file "
                "with the columns title, type, year, number, or leave it out."
            )
        return find_legislation(text, known.get(KNOWN_QUESTION, ""), self._titles)
