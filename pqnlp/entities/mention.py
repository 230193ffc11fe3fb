"""What the four entity components share: a found mention, and how mentions become ``doc.ents``."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, Span

from pqnlp.raw_text import doc_text, token_starts

if TYPE_CHECKING:
    from pqnlp.entities.edges import TokenEdges

__all__ = [
    "Mention",
    "MentionTagger",
    "add_mentions",
    "address_spans",
    "chosen_mentions",
    "register_extensions",
    "set_mentions",
]

SPAN_EXTENSIONS = ("pqnlp_url", "pqnlp_from", "pqnlp_to", "pqnlp_successor", "pqnlp_named")
DOC_EXTENSIONS = ("pqnlp_department", "pqnlp_date", "pqnlp_question")
# Where spaCy keeps them in ``doc.user_data``.
KNOWN_DEPARTMENT, KNOWN_DATE, KNOWN_QUESTION = (("._.", name, None, None) for name in DOC_EXTENSIONS)

# On spans that are equally long the first of these wins.
_RANK = {"DEPARTMENT": 0, "LEGISLATION": 1, "ORG": 2, "DATE": 3}
_ADDRESS_SIGN = re.compile(r"://|www\.|@|\.(?:uk|pdf|docx?|xlsx?)(?!\w)")
_ADDRESS_PARTS = ("www.", "@", ".uk", ".pdf", ".xls", ".doc")
_ADDRESS_EDGE = re.compile(r"[\s()<>|]")


class Mention(NamedTuple):
    """One mention found in a text.

    Attributes
    ----------
    start, end : int
        Character offsets into the text.
    type : str
        One of :data:`pqnlp.codebook.ENTITY_TYPES`.
    id, url, first, last, successor, named : str
        Identity, address, first and last day (ISO), the department that holds the work today, and the body that the
        words name where that is another than `id`; ``""`` where unknown.
    """

    start: int
    end: int
    type: str
    id: str = ""
    url: str = ""
    first: str = ""
    last: str = ""
    successor: str = ""
    named: str = ""


def register_extensions() -> None:
    """Register the span and doc attributes of the entity components, once."""
    for name in SPAN_EXTENSIONS:
        if not Span.has_extension(name):
            Span.set_extension(name, default="")
    for name in DOC_EXTENSIONS:
        if not Doc.has_extension(name):
            Doc.set_extension(name, default="")


def address_spans(text: str) -> list[tuple[int, int]]:
    """Return the offsets of web and mail addresses and names of files in `text`: nothing is marked inside them."""
    if "://" not in text:
        for part in _ADDRESS_PARTS:
            if part in text:
                break
        else:
            return []
    spans: list[tuple[int, int]] = []
    for m in _ADDRESS_SIGN.finditer(text):
        at = m.start()
        if spans and at < spans[-1][1]:
            continue
        start = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at), text.rfind("(", 0, at), text.rfind("|", 0, at)) + 1
        edge = _ADDRESS_EDGE.search(text, m.end())
        end = edge.start() if edge is not None else len(text)
        spans.append((start, end))
    return spans


def add_mentions(doc: Doc, mentions: Iterable[Mention]) -> None:
    """Add `mentions` to ``doc.ents``.

    The longest span wins where two overlap; of equally long ones a DEPARTMENT, then LEGISLATION, then ORG, then DATE.
    Mentions inside a web or mail address are left out.

    Parameters
    ----------
    doc : Doc
    mentions : iterable of Mention
    """
    mentions = list(mentions)
    if mentions:
        set_mentions(doc, doc_text(doc), token_starts(doc), mentions)


def set_mentions(doc: Doc, text: str, starts: list[int], mentions: list[Mention]) -> None:
    """Do what :func:`add_mentions` does, for a `doc` whose text and token offsets are known."""
    mentions = _outside_addresses(text, mentions)
    # Tokens are looked up in one list of offsets: `doc.char_span` searches the Doc anew for every mention.
    new = [
        (m[0] - m[1], _RANK[m[2]], bisect_right(starts, m[0]) - 1, bisect_left(starts, m[1]), None, m)
        for m in mentions
    ]  # fmt: skip
    old = [(s.start, s.end, s) for s in doc.ents]
    beside = not old or not any(a < end and start < b for _, _, start, end, _, _ in new for a, b, _ in old)
    if not beside:
        new += [(s.start_char - s.end_char, _RANK.get(s.label_, 9), a, b, s, None) for a, b, s in old]
    kept = []
    for _, _, start, end, span, m in _without_overlaps(new):
        if m is not None:
            span = Span(doc, start, end, label=m[2], kb_id=m[3])
            if m[4:] != _NOTHING:
                _annotate(doc, span, m)
        kept.append(span)
    # Where nothing overlaps the entities that are there, they need not be written again.
    if beside:
        if not old:  # one array is written sooner than spaCy goes through the tokens outside
            column = np.empty((len(starts), 1), dtype=np.uint64)
            column.fill(_OUTSIDE)
            doc.from_array([ENT_IOB], column)
        doc.set_ents(kept, default="unmodified")
    else:
        doc.set_ents(kept)


def chosen_mentions(text: str, mentions: list[Mention], edges: "TokenEdges") -> list[Mention]:
    """Return the mentions that ``doc.ents`` would hold, without a Doc.

    Parameters
    ----------
    text : str
    mentions : list of Mention
        As the taggers found them.
    edges : TokenEdges
        Of the tokenizer that would make the Doc.

    Returns
    -------
    list of Mention
        In order of appearance, without overlaps, each from edge to edge of its tokens.
    """
    start_of, end_of = edges.start, edges.end
    new = [
        (m[0] - m[1], _RANK[m[2]], start_of(text, m[0]), end_of(text, m[1]), m)
        for m in _outside_addresses(text, mentions)
    ]
    kept = sorted(_without_overlaps(new), key=_FIRST)
    return [m if m[0] == start and m[1] == end else Mention(start, end, *m[2:]) for _, _, start, end, m in kept]


def _outside_addresses(text: str, mentions: list[Mention]) -> list[Mention]:
    addresses = address_spans(text)
    if not addresses:
        return mentions
    return [m for m in mentions if not any(m.start < end and start < m.end for start, end in addresses)]


def _without_overlaps(found: list[tuple]) -> list[tuple]:
    """Return of tuples (length below zero, rank, start, end, ...) those that win, the longest first."""
    if len(found) < 2:
        return found
    found.sort(key=_ORDER)
    kept = []
    for one in found:
        start, end = one[2], one[3]
        for other in kept:
            if start < other[3] and other[2] < end:
                break
        else:
            kept.append(one)
    return kept


_ORDER = itemgetter(0, 1, 2)
_FIRST = itemgetter(2)
# What spaCy keeps for a token outside of entities.
_OUTSIDE = 2
_NOTHING = ("",) * len(SPAN_EXTENSIONS)


def _annotate(doc: Doc, span: Span, m: Mention) -> None:
    # The keys under which spaCy keeps span attributes; setting them one by one through `span._` is ten times slower.
    start, end, data = span.start_char, span.end_char, doc.user_data
    for name, value in zip(SPAN_EXTENSIONS, m[4:]):  # noqa: B905
        if value:
            data["._.", name, start, end] = value


class MentionTagger:
    """Base of the four components: find mentions in the raw text, add them to ``doc.ents``.

    A subclass gives :meth:`find_in`; one with state of its own gives ``_state`` and ``_set_state`` too.
    """

    def __call__(self, doc: Doc) -> Doc:
        """Add the mentions in `doc` to ``doc.ents``."""
        add_mentions(doc, self.find(doc))
        return doc

    def find(self, doc: Doc) -> list[Mention]:
        """Return the mentions in `doc`."""
        return self.find_in(doc_text(doc), doc.user_data)

    def find_in(self, text: str, known: Mapping) -> list[Mention]:
        """Return the mentions in `text`.

        Parameters
        ----------
        text : str
        known : mapping
            What is known of its circumstances, as ``doc.user_data`` holds the attributes of :data:`DOC_EXTENSIONS`.

        Returns
        -------
        list of Mention
        """
        raise NotImplementedError

    def _state(self) -> dict:
        return {}

    def _set_state(self, state: dict) -> None:
        pass

    def to_bytes(self, *, exclude=()) -> bytes:
        """Return the component's own state (user-added tables; nothing for most)."""
        import srsly

        return srsly.msgpack_dumps(self._state())

    def from_bytes(self, data: bytes, *, exclude=()):
        """Restore what :meth:`to_bytes` returned."""
        import srsly

        self._set_state(srsly.msgpack_loads(data))
        return self

    def to_disk(self, path, *, exclude=()) -> None:
        """Write :meth:`to_bytes` under `path`."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        (path / "state.msg").write_bytes(self.to_bytes())

    def from_disk(self, path, *, exclude=()):
        """Read what :meth:`to_disk` wrote."""
        return self.from_bytes((Path(path) / "state.msg").read_bytes())
