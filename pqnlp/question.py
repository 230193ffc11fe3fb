"""What a question asks: whom, with reference to what, and each ask with its span and kind.

The grammar of written questions is narrow: "To ask the Secretary of State for X, pursuant to ..., what ...; how many (a) ...
and (b) ...; and if she will ...". Asks are found by their question words at clause boundaries, limbs by their letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

__all__ = ["Ask", "BackReference", "Question", "addressee", "parse_question"]


@dataclass(frozen=True)
class Ask:
    """One thing that the Member wants to know or wants done.

    Attributes
    ----------
    start, end : int
        Offsets into the question; a limb starts at its "(a)".
    text : str
        The span's text.
    kind : str
        One of `pqnlp.codebook.ASK_KINDS`; a limb has the kind of its stem.
    stem : (int, int) or None
        Offsets of the words before the first limb, for a limb.
    """

    start: int
    end: int
    text: str
    kind: str
    stem: tuple[int, int] | None = None


@dataclass(frozen=True)
class BackReference:
    """An earlier answer, debate or document that the question builds on.

    Attributes
    ----------
    start, end : int
        Offsets into the question.
    text : str
    kind : str
        "answer" (an earlier answer, with "pursuant to" or "further to") or "reference" ("with reference to").
    date : str or None
        As written, for instance "3 March 2025".
    uin : str or None
        Number of the earlier question.
    heading : str or None
        Heading of the earlier question.
    """

    start: int
    end: int
    text: str
    kind: str
    date: str | None = None
    uin: str | None = None
    heading: str | None = None


@dataclass(frozen=True)
class Question:
    """A parsed question.

    Attributes
    ----------
    text : str
    addressee : str or None
        Who is asked: "Secretary of State for Transport", "His Majesty's Government".
    asks : tuple of Ask
        At least one where the text is not empty.
    references : tuple of BackReference
    """

    text: str
    addressee: str | None
    asks: tuple[Ask, ...]
    references: tuple[BackReference, ...] = field(default=())


_PREPOSITION = r"(?:(?:on|for|from|in|to|by|of|at|with|under|through|over|into|since|until|against|within|as\sof)\s)?"
_BARE = r"(?:what|how|whether|if|when|where|who|whom|whose|which|why)\b"
_WORD = rf"{_PREPOSITION}{_BARE}"
_ADDRESSEE = re.compile(
    r"\s*To ask\s+(?:the\s+)?(?P<who>His Majesty['’]s Government|Her Majesty['’]s Government|[^;?]{3,160}?)"
    rf"(?:,|(?= {_WORD}))(?=\s*(?:{_WORD}|pursuant|with reference|with regard|with respect|further to|following|in reference"
    r"|in relation|in light|in the light|given|on|for|to|under|by|under the|as of|as at|regarding|of the|based|since|in |the|"
    r"representing|at |after|during|when|what|it|he|she|they|and|please|could|would|\())",
    re.IGNORECASE,
)
_REPRESENTING = re.compile(r"representing (?:the )?([^,]+),", re.IGNORECASE)

# Where an ask can begin. A relative "which" or "who" after a noun and a comma is kept out by the boundary that it needs.
_FIRST = re.compile(rf"\b{_WORD}", re.IGNORECASE)
_NEXT = re.compile(
    rf"""(?:
        ;\s*(?:and\s+|or\s+|also\s+)?(?P<semi>{_WORD})
      | [.?:]\s+(?:and\s+)?(?P<stop>{_WORD})
      | ,\s*(?:and|or|as\ well\ as)\s+(?P<commaand>{_PREPOSITION}(?:what|how|whether|if|when|where|who|whose|which|why)\b)
      | ,\s+(?P<comma>{_PREPOSITION}(?:what|how\ (?:many|much|often|long|frequently)|whether|why)\b)
      | \band\s+(?P<and>{_PREPOSITION}(?:what|how|whether|if\ (?:she|he|they|so|not|the)|when|where|who|whose|which|why)\b)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_STATEMENT = re.compile(
    r"[;,]?\s*(?:and\s+)?(?:if|whether) (?:s?he|they|the Minister|HM Government) (?:will|would|can) make a statement\b.*",
    re.I | re.S,
)
_TAIL = re.compile(r"(?:[\s.,;:?]|\b(?:and|or|and/or)\s*$)+$", re.IGNORECASE)
_LIMB = re.compile(r"(?<![\w(])\(?(?P<label>[a-z]|[ivx]{1,5}|\d{1,2})\)")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")

_MODAL_PERSON = r"(?:s?he|they|his department|her department|their department|the (?:government|department|minister|secretary of state)[^,;]{0,40}?|ministers|HM government|his majesty['’]s government)"
_KINDS: tuple[tuple[str, re.Pattern], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for kind, pattern in (
        ("plans", r"^(?:whether|if) [^,;]{0,45}?\b(?:plans? to|intends? to)\b"),
        ("publish", r"^(?:if|whether) .{0,60}?\b(?:will|would)\b.{0,40}?\b(?:publish|place (?:a copy|copies|\w+ ?\w* ?\w* ?\w*) .{0,60}library|place in the library|deposit)|^(?:if|whether) .{0,60}? will (?:set out|list|provide) .{0,80}? in the library"),
        ("how_many", r"^how (?:many|often)\b"),
        ("how_much", r"^how much\b|^what (?:(?:is|was|are|were|has been|will be) )?(?:the |her |his |their )?(?:(?:total|current|average|estimated|annual|latest|likely|mean|median|overall|projected|actual|full|net|gross|combined) ){0,3}(?:numbers?|costs?|amounts?|proportion|percentage|value|budget|spend(?:ing)?|expenditure|rate|average|share|funding|total|quantity|volume|sum)\b"),
        ("when", r"^when\b|^what (?:(?:is|was|are|were) )?(?:[^,;]{0,45}? )?(?:timetable|timescales?|timeline|timeframe|deadline)\b|^what (?:(?:is|was|are|were|the|his|her|their) )*(?:\w+ ){0,2}?dates?\b|^(?:what|which) (?:date|year|month|day)s?\b"),
        ("assessment", r"^(?:if|whether|what) .{0,80}?\b(?:assessments?|estimates?|evaluat\w+|apprais\w+|analys[ie]s|assessed)\b(?! (?:centre|phase|framework|guidance|tool|form|period|process|unit|system|guidance)s?\b)"),
        ("if_will", rf"^if {_MODAL_PERSON} (?:will|would|can|could)\b|^whether (?:s?he|they|(?:her|his|their) department|ministers) (?:will|would)\b|^if\b.{{0,60}}?\b(?:will|would)\b"),
        ("discussions", r"^(?:if|whether|what|which) .{0,90}?\b(?:discussions?|meetings?|representations?|conversations?|talks|correspondence|met with|has met|have met|discussed with|engagement)\b"),
        ("steps", r"^(?:what|which|how) .{0,45}?\b(?:steps?|action|actions|progress|measures?)\b"),
        ("plans", r"^(?:what|whether|if|how) [^,;]{0,60}?\b(?:plans|planned|plan to|intends?|intentions?)\b(?! (?:application|permission|system|authorit))"),
        ("why", r"^why\b|^what (?:(?:is|was|are|were) )?(?:the |her |his |their )?reasons?\b"),
        ("how_much", r"^what (?:(?:is|was|are|were|has been|will be) )?(?:the |her |his |their )?(?:\w+[ -]){0,3}?(?:costs?|amounts?|proportion|percentage|value|budget|spend(?:ing)?|expenditure|rate|average|share|funding|total|numbers?)\b"),
        ("where", r"^where\b"),
        ("who", r"^(?:who|whom|whose)\b"),
        ("which", r"^which\b"),
        ("whether", r"^(?:whether|if)\b"),
        ("what", r""),
    )
)  # fmt: skip


def _kind(text: str) -> str:
    return next(kind for kind, pattern in _KINDS if pattern.search(text))


def parse_question(text: str) -> Question:
    """Parse a written question.

    Parameters
    ----------
    text : str
        The question as `pqnlp.text.clean_text` returns it.

    Returns
    -------
    Question
        Offsets count the characters of `text`. A text without any question word is one ask of kind "what".

    Examples
    --------
    >>> parsed = parse_question(
    ...     "To ask the Secretary of State for Transport, how many (a) buses and (b) trams ran late in 2024; and if she will publish them."
    ... )
    >>> [(ask.kind, ask.text) for ask in parsed.asks]
    [('how_many', '(a) buses'), ('how_many', '(b) trams ran late in 2024'), ('publish', 'if she will publish them')]
    """
    runs = [run.span() for run in _LONG_SPACE.finditer(text)]
    if not runs:
        return _parsed(text)
    # Patterns that try every space of a long run take its square or cube of time: parse without, and count it again.
    pieces, kept, at = [], [], 0
    for start, end in runs:
        pieces.append(text[at : start + 1])
        kept.extend(range(at, start + 1))
        at = end
    kept.extend(range(at, len(text)))
    found = _parsed("".join(pieces) + text[at:])

    def moved(part):
        start, end = kept[part.start], kept[part.end - 1] + 1
        fields = {"start": start, "end": end, "text": text[start:end]}
        if isinstance(part, Ask) and part.stem:
            fields["stem"] = (kept[part.stem[0]], kept[part.stem[1] - 1] + 1)
        return replace(part, **fields)

    return Question(text, found.addressee, tuple(map(moved, found.asks)), tuple(map(moved, found.references)))


_LONG_SPACE = re.compile(r"\s{20,}")


def _parsed(text: str) -> Question:
    addressee, begin = _addressed(text)
    references = tuple(_references(text, begin))
    asks = []
    for start, end in _clauses(text, begin, references):
        asks += _limbs(text, start, end)
    return Question(text, addressee, tuple(asks), references)


def addressee(text: str) -> str | None:
    """Return who is asked, without parsing the asks; see `Question`.

    Parameters
    ----------
    text : str

    Returns
    -------
    str or None
    """
    return _addressed(text)[0]


def _addressed(text: str) -> tuple[str | None, int]:
    """Return who is asked, and where the words that say so end."""
    head = _ADDRESSEE.match(text)
    addressee = head.group("who").strip(" ,") if head else None
    begin = head.end() if head else 0
    representing = _REPRESENTING.match(text, begin + len(text[begin:]) - len(text[begin:].lstrip()))
    if representing:
        addressee = f"{addressee}, representing the {representing.group(1)}"
        begin = representing.end()
    return addressee, begin


_REFERENCE = re.compile(
    r"(?P<kind>pursuant to|further to|with reference to|in reference to|following|with regard to|with respect to|in relation to)\b",
    re.IGNORECASE,
)
_REFERENCE_END = re.compile(rf",\s*(?={_WORD})|;", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[;,]\s*(?:and\s+)?$")
_DATE = re.compile(
    r"\b\d{1,2}(?:st|nd|rd|th)? (?:January|February|March|April|May|June|July|August|September|October|November|December),? \d{4}"
)
_UIN = re.compile(r"\b(?:Questions?|PQs?|UIN|answer)\s*(?:UIN\s*|No\.?\s*|number\s*)?((?:HL)?\d{2,7})\b", re.IGNORECASE)
_HEADING = re.compile(r"(?:(?:HL)?\d{2,7}),? on (?P<heading>[A-Z][^,;]*?(?:: [^,;]*)?)(?=,|;|$)")


def _references(text: str, begin: int):
    at = begin
    while True:
        found = _REFERENCE.search(text, at)
        # Only before the first ask, or at a clause boundary: "measures with regard to" inside an ask is no reference.
        if not found or (
            at > begin and not _CLAUSE_END.search(text, max(begin - 1, found.start() - 12), found.start())
        ):
            return
        if found.start() > begin + 3 and not _CLAUSE_END.search(
            text, max(begin - 1, found.start() - 12), found.start()
        ):
            return
        stop = _REFERENCE_END.search(text, found.end())
        end = stop.start() if stop else len(text)
        piece = text[found.start() : end]
        day, number, heading = _DATE.search(piece), _UIN.search(piece), _HEADING.search(piece)
        kind = "answer" if number or re.search(r"\banswers?\b", piece[:60], re.IGNORECASE) else "reference"
        yield BackReference(
            found.start(),
            end,
            piece,
            kind,
            day and day.group(0),
            number and number.group(1),
            heading and heading.group("heading"),
        )
        at = end


def _clauses(text: str, begin: int, references: tuple[BackReference, ...]) -> list[tuple[int, int]]:
    """Return the spans of the asks, limbs not yet told apart."""
    end = len(text)
    statement = _STATEMENT.search(text, begin)
    if statement and statement.start() > begin + 20:
        end = statement.start()
    start = begin
    for reference in references:
        if reference.start <= start + 4 and reference.end < end:
            start = reference.end
    first = _first(text, start, end)
    if first is None:
        first = _skip_space(text, begin)
    starts = [first]
    for match in _NEXT.finditer(text, first, end):
        group = next(name for name in match.groupdict() if match.group(name))
        at = match.start(group)
        if any(r.start <= at < r.end for r in references):
            continue
        if _accept(text, starts[-1], at, group, end):
            starts.append(at)
    spans = []
    for k, at in enumerate(starts):
        stop = starts[k + 1] if k + 1 < len(starts) else end
        word = _LEADING.match(text, at)  # "by what date": the span starts at its question word
        at = word.end() if word and word.end() < stop else at
        stop -= len(text[at:stop]) - len(_TAIL.sub("", text[at:stop]))
        if stop > at:
            spans.append((at, stop))
    return spans


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " ,;\n":
        at += 1
    return at


_BOUNDARY = re.compile(rf"[,;:.]\s*(?:\([a-z]\)\s*)?(?:and\s+)?(?={_WORD})", re.IGNORECASE)


def _first(text: str, start: int, end: int) -> int | None:
    at = _skip_space(text, start)
    limb = _LIMB.match(text, at)
    if limb and _FIRST.match(text, _skip_space(text, limb.end())):
        return at
    if _FIRST.match(text, at):
        return at
    boundary = _BOUNDARY.search(text, at, end)
    if boundary:
        limb = _LIMB.search(text, boundary.start(), boundary.end())
        return limb.start() if limb else boundary.end()
    found = _FIRST.search(text, at, end)
    return found.start() if found else None


_LEADING = re.compile(rf"{_PREPOSITION}(?={_BARE})", re.IGNORECASE)
_SUBORDINATE = re.compile(
    r"\b(?:determine|determining|ascertain|consider|considered|know|see|understand|explain|on|of|about|regarding|assess(?:ing)?|establish|decide|decid(?:e|ing)|set out|outline|clarify|identify|state|sets out|information on|data on|guidance on|records? (?:of|on)|details? (?:of|on)|consideration (?:of|to)|including|such as|depending on|as to|say|monitor|examine|to)\s*$",
    re.IGNORECASE,
)


def _accept(text: str, previous: int, at: int, group: str, end: int) -> bool:
    """Tell whether the question word at `at` begins an ask of its own."""
    before = text[previous:at]
    word = text[at : at + 40].lower()
    # "(a) whether ... and (b) when ..." is handled as limbs; an open bracket means that we stand inside one.
    if before.count("(") > before.count(")"):
        return False
    if group == "comma" and re.match(r"(?:\w+ )?(?:which|who|when|where)", word):
        return False
    if re.fullmatch(r"how (?:many|much),?(?: and)?\s*", before, re.IGNORECASE):  # "how many and what proportion of"
        return False
    stem = before[: -len(re.search(r"(?:[;,.:?]?\s*(?:and|or|as well as|also)?\s*)$", before, re.I).group(0)) or None]
    if _SUBORDINATE.search(stem[-30:]):
        return False
    return True


def _labels(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    return [(m.start(), m.end(), m.group("label")) for m in _LIMB.finditer(text, start, end)]


def _run(labels: list[tuple[int, int, str]], alphabet: tuple[str, ...], first: int) -> list[tuple[int, int, str]]:
    """Return the labels that count up in `alphabet` from the label at index `first`."""
    at = alphabet.index(labels[first][2])
    out = [labels[first]]
    for label in labels[first + 1 :]:
        if at + 1 < len(alphabet) and label[2] == alphabet[at + 1]:
            out.append(label)
            at += 1
    return out


_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
_NUMBERS = tuple(str(n) for n in range(1, 30))


def _limbs(text: str, start: int, end: int) -> list[Ask]:
    """Split one ask into its outer limbs, if it has any."""
    labels = _labels(text, start, end) if ")" in text[start:end] else []
    run: list[tuple[int, int, str]] = []
    for k, (_, _, name) in enumerate(labels):
        # A run may go on from an earlier ask: "...(a) x and (b) y; and how many (c) z and (d) w".
        for alphabet in (_ROMAN, _NUMBERS, _LETTERS) if name in ("i", "1") else (_LETTERS,):
            if name in alphabet:
                candidate = _run(labels[k:], alphabet, 0)
                if len(candidate) > 1:
                    run = candidate
                break
        if run:
            break
    if not run:
        return [Ask(start, end, text[start:end], _kind(_unlimbed(text[start:end])))]
    stem = text[start : run[0][0]]
    out = []
    for k, (at, after, _) in enumerate(run):
        stop = run[k + 1][0] if k + 1 < len(run) else end
        stop -= len(text[at:stop]) - len(_TAIL.sub("", text[at:stop]))
        body = text[after:stop].strip()
        if not body:
            continue
        own = _FIRST.match(body)
        kind = _kind(_LEADING.sub("", body, count=1) if own else _unlimbed(f"{stem.strip()} {body}"))
        out.append(Ask(at, stop, text[at:stop], kind, (start, run[0][0]) if stem.strip() else None))
    return out


def _unlimbed(text: str) -> str:
    return " ".join((_LIMB.sub(" ", text) if ")" in text else text).split())
