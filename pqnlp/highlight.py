"""Texts as HTML with spans marked: asks, deciding sentences, entities. What a text says is never taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

__all__ = ["mark", "visible"]

# Marks that turn the direction of writing can make a text read as what it is not.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Control characters have no place in HTML.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def visible(text: object) -> str:
    """Return a text with the marks that turn its direction spelled out, and controls replaced.

    Parameters
    ----------
    text : object
        Read as a string; None is empty.

    Returns
    -------
    str

    Examples
    --------
    >>> visible("pay \\u202egnihton")
    'pay [U+202E]gnihton'
    """
    if text is None:
        return ""
    return _CONTROL.sub("\ufffd", _TURNING.sub(lambda m: f"[U+{ord(m.group()):04X}]", str(text)))


def mark(text: str, spans: Iterable[tuple[int, int, str, str]]) -> str:
    """Return a text as HTML with spans marked; they may overlap.

    Parameters
    ----------
    text : str
    spans : iterable of (int, int, str, str)
        Start, end (offsets into `text`), CSS class, and a title shown on hovering (``""`` for none).

    Returns
    -------
    str
        Escaped text with ``<span class="…" title="…">`` round each piece that a span covers.

    Examples
    --------
    >>> mark("a < b", [(0, 1, "ask", "")])
    '<span class="ask">a</span> &lt; b'
    """
    kept = [span for span in spans if 0 <= span[0] < span[1] <= len(text)]
    cuts = sorted({0, len(text), *(edge for span in kept for edge in span[:2])})
    out = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        over = [span for span in kept if span[0] <= start and end <= span[1]]
        piece = escape(visible(text[start:end]))
        if over:
            classes = escape(" ".join(dict.fromkeys(span[2] for span in over)))
            title = escape(visible("; ".join(dict.fromkeys(span[3] for span in over if span[3]))))
            piece = f'<span class="{classes}"' + (f' title="{title}"' if title else "") + f">{piece}</span>"
        out.append(piece)
    return "".join(out)
