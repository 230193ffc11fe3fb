"""Answers packed small enough to travel inside a page, to be opened by the browser's own ``DecompressionStream``.

What is known about every answer (number, day, department, label, probabilities) always travels. Texts are longer than a page
may be: 50,000 questions and answers are 53 MB, and 15 MB compressed. So as many go along as fit, by the rule of
`text_order`, and the page links to the official record for the rest.

Words are coded as one or two bytes before they are deflated, the commonest shortest: the window of deflate is 32 kB, and
holds four times as much text in that form. That fits 40 % more answers into a page than deflate alone.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.codebook import ASK_KINDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fit_texts", "pack_texts", "pack_table", "text_order"]

_TOKEN = re.compile(r" ?[A-Za-z]+|.", re.DOTALL)
#: Codes below this are one byte, others two: the first byte tells.
ONE_BYTE = 190
_CODES = ONE_BYTE + (256 - ONE_BYTE) * 256
_MISSING = 0xFFFF


def _deflate(data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return base64.b64encode(packer.compress(data) + packer.flush()).decode("ascii")


def _framed(header: dict, *blocks: bytes) -> str:
    """Return a JSON header, its length before it, and blocks of bytes, deflated together."""
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return _deflate(len(head).to_bytes(4, "little") + head + b"".join(blocks))


def _strings(values: Iterable[Any]) -> list[str]:
    return [value if isinstance(value, str) else "" for value in values]


def pack_table(frame: "pd.DataFrame", filters: Sequence[str], sets: dict[str, dict], labels: Sequence[str]) -> str:
    """Pack what is known about every answer.

    Parameters
    ----------
    frame : DataFrame
        With ``id``, ``uin``, ``heading``, ``tabled``, ``answered``, ``label``, ``reason``, ``p_…``, ``unsure`` and the columns
        named in `filters`.
    filters : sequence of str
        Columns by whose values the table can be filtered; missing values are allowed.
    sets : dict of str to dict
        Named groups of rows: ``title`` (str) and ``rows`` (positions).
    labels : sequence of str
        In the order that they are shown in. Where the frame lacks the probability of one, none are packed.

    Returns
    -------
    str
        Base64 of a raw deflate stream: length of the header, header as JSON, columns as bytes.
    """
    columns: dict[str, list[str]] = {}
    blocks: list[bytes] = []
    for name in dict.fromkeys((*filters, "label", "reason", "tabled", "answered")):
        values = _strings(frame[name])
        names = sorted({value for value in values if value})
        place = {value: k for k, value in enumerate(names)}
        codes = np.array([place.get(value, _MISSING) for value in values], dtype="<u2")
        # The high bytes are nearly all alike, and apart from the low ones they take no room.
        blocks += [(codes & 0xFF).astype(np.uint8).tobytes(), (codes >> 8).astype(np.uint8).tobytes()]
        columns[name] = names
    probable = all(f"p_{name}" in frame.columns for name in labels)
    for name in labels[:-1] if probable else ():  # the last is what is left of 100
        percent = np.nan_to_num(frame[f"p_{name}"].to_numpy(dtype=float) * 100).round().clip(0, 100)
        blocks.append(percent.astype(np.uint8).tobytes())
    blocks.append(np.array([value is True or value == 1 for value in frame["unsure"]], dtype=np.uint8).tobytes())
    header = {
        "n": len(frame),
        "labels": list(labels),
        "probable": probable,
        "columns": columns,
        "id": "\n".join(_line(value) for value in _strings(frame["id"])),
        "uin": "\n".join(_line(value) for value in _strings(frame["uin"])),
        "heading": "\n".join(_line(value) for value in _strings(frame["heading"])),
        "sets": {key: {"title": one["title"], "rows": _steps(one["rows"])} for key, one in sets.items()},
    }
    return _framed(header, *blocks)


def _line(value: str) -> str:
    return " ".join(value.split())


def _steps(rows: Iterable[int]) -> list[int]:
    """Return sorted positions as differences, which are smaller."""
    kept = sorted(set(map(int, rows)))
    return [b - a for a, b in zip([0, *kept], kept, strict=False)]


def text_order(frame: "pd.DataFrame", first: Iterable[int], by: Sequence[str]) -> list[int]:
    """Put rows in the order in which their texts go into the page.

    Parameters
    ----------
    frame : DataFrame
    first : iterable of int
        Positions of rows that the page points at: these come first.
    by : sequence of str
        Columns. After the first rows, one of each combination of their values is taken in turn, so that
        every group, however small, has answers that can be read.

    Returns
    -------
    list of int
        All positions. Within a combination the order is drawn by a digest of the id: at random, and the same each time.
    """
    ids = _strings(frame["id"])
    keys = list(zip(*(_strings(frame[name]) for name in by), strict=True))
    groups: dict[tuple, list[int]] = {}
    for k in sorted(range(len(ids)), key=lambda k: blake2b(ids[k].encode("utf-8", "replace"), digest_size=8).digest()):
        groups.setdefault(keys[k], []).append(k)
    turn = [(place, key, k) for key, rows in groups.items() for place, k in enumerate(rows)]
    turn.sort()
    return list(dict.fromkeys([*map(int, first), *(k for _, _, k in turn)]))


def fit_texts(frame: "pd.DataFrame", order: Sequence[int], room: int) -> tuple[str, int]:
    """Pack the texts of as many rows as fit.

    Parameters
    ----------
    frame : DataFrame
    order : sequence of int
        Positions, the most wanted first.
    room : int
        Bytes that the packed texts may take.

    Returns
    -------
    (str, int)
        The packed texts, and how many rows they are of.
    """
    sizes = frame["question"].str.len().to_numpy()[list(order)] + frame["answer"].str.len().to_numpy()[list(order)]
    total = np.cumsum(sizes)
    count = len(order)
    if count and total[-1] / 7 > room:  # no text packs better than 7 to 1
        count = min(count, 4000)
    for attempt in range(6):
        if count == 0:
            break
        packed = pack_texts(frame, order[:count])
        ratio = len(packed) / max(1, total[count - 1])
        if len(packed) <= room and (count == len(order) or len(packed) > 0.94 * room or attempt > 2):
            return packed, count
        # Estimated from what was just packed; a little less than that, since it must not be over.
        wanted = int(np.searchsorted(total, 0.98 * room / ratio, side="right"))
        count = min(wanted, count - 1 - count // 50) if len(packed) > room else min(max(wanted, count), len(order))
    return pack_texts(frame, []), 0


def pack_texts(frame: "pd.DataFrame", rows: Sequence[int]) -> str:
    """Pack questions and answers with what is marked in them.

    Parameters
    ----------
    frame : DataFrame
        With ``question``, ``answer``, ``evidence`` and, if they were tagged, ``entities``.
    rows : sequence of int
        Positions.

    Returns
    -------
    str
        Base64 of a raw deflate stream: length of the header, header as JSON, text as codes of words.
    """
    questions, answers = frame["question"].to_numpy(), frame["answer"].to_numpy()
    evidence = frame["evidence"].to_numpy()
    entities = frame["entities"].to_numpy() if "entities" in frame.columns else None
    rows = sorted(rows, key=lambda k: (answers[k], questions[k], k))  # like beside like packs best
    kinds = {kind: k for k, kind in enumerate(ASK_KINDS)}
    names: dict[tuple, int] = {}
    marks = []
    texts = []
    for k in rows:
        question, answer = str(questions[k]), str(answers[k])
        begin, spans = _asks(question)
        asks = [n for start, size, kind in spans for n in (start, size, kinds[kind])]
        mentions = []
        for mention in read_entities(entities[k] if entities is not None else None):
            key = tuple(mention[name] or "" for name in ("type", "id", "url", "from", "to"))
            in_answer = int(mention["field"] == "answer")
            mentions += [
                in_answer,
                mention["start"],
                mention["end"] - mention["start"],
                names.setdefault(key, len(names)),
            ]
        marks.append([asks, find_evidence(answer, evidence[k]), mentions, begin])
        texts += [question.replace("\0", "\ufffd"), answer.replace("\0", "\ufffd")]
    # The browser counts in UTF-16, where characters beyond the first 65,536 are two.
    for pair, at in zip(marks, range(0, len(texts), 2), strict=True):
        _as_utf16(pair, texts[at], texts[at + 1])
    tokens = _TOKEN.findall("\0".join(texts))
    counts = Counter(tokens)
    letters = Counter("".join(word * n for word, n in counts.items() if n < 3 and len(word) > 1))
    letters.update({word: n for word, n in counts.items() if len(word) == 1})
    known = Counter({word: n for word, n in counts.items() if n >= 3 and len(word) > 1})
    chosen = sorted([*letters.items(), *known.most_common(max(0, _CODES - len(letters)))], key=lambda item: -item[1])
    words = [word for word, _ in chosen][:_CODES]
    codes = {}
    for k, word in enumerate(words):
        more = k - ONE_BYTE
        codes[word] = bytes((k,)) if more < 0 else bytes((ONE_BYTE + (more >> 8), more & 0xFF))
    spelt = {word: b"".join(codes[letter] for letter in word) for word in counts if word not in codes}
    codes |= spelt
    header = {
        "rows": rows,
        "kinds": list(ASK_KINDS),
        "names": [list(key) for key in names],
        "marks": marks,
        "words": words,
        "one": ONE_BYTE,
    }
    return _framed(header, b"".join(map(codes.__getitem__, tokens)))


# Texts are packed several times over, until they fit.
@lru_cache(maxsize=100_000)
def _asks(question: str) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    """Return where the list begins to show a question, and start, length and kind of each ask."""
    from pqnlp.question import parse_question

    asks = parse_question(question).asks
    begin = (asks[0].stem or (asks[0].start,))[0] if asks else 0
    return begin, tuple((ask.start, ask.end - ask.start, ask.kind) for ask in asks)


def find_evidence(answer: str, evidence: Any) -> list[int]:
    """Find the deciding sentences in an answer.

    Parameters
    ----------
    answer : str
    evidence : str
        As in the scored table: sentences joined by " […] ".

    Returns
    -------
    list of int
        Start and length of each, the likeliest first.
    """
    found = []
    for sentence in evidence.split(" […] ") if isinstance(evidence, str) else ():
        at = answer.find(sentence) if sentence.strip() else -1
        if at >= 0:
            found += [at, len(sentence)]
    return found


def read_entities(cell: Any) -> list[dict]:
    """Return the mentions in a cell of a scored table, whichever form of file it came from.

    Parameters
    ----------
    cell : list, array, str or None
        CSV files hold them as JSON.

    Returns
    -------
    list of dict
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell) if cell.strip() else []
        except ValueError:
            return []
    if not isinstance(cell, (list, tuple, np.ndarray)):
        return []
    return [dict(mention) for mention in cell]


def _as_utf16(pair: list, question: str, answer: str) -> None:
    if (
        question.isascii()
        and answer.isascii()
        or max(map(max, filter(None, (question, answer))), default="") < "\U00010000"
    ):
        return

    def move(text, start, size):
        units = [
            len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in (text[:start], text[start : start + size])
        ]
        return units

    asks, evidence, mentions, begin = pair
    pair[3] = move(question, 0, begin)[1]
    for k in range(0, len(asks), 3):
        asks[k : k + 2] = move(question, *asks[k : k + 2])
    for k in range(0, len(evidence), 2):
        evidence[k : k + 2] = move(answer, *evidence[k : k + 2])
    for k in range(0, len(mentions), 4):
        mentions[k + 1 : k + 3] = move(answer if mentions[k] else question, *mentions[k + 1 : k + 3])
