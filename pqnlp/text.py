"""Text as pqnlp reads it: HTML made into plain lines, and characters made regular.

Every offset that pqnlp reports counts characters of the string that :func:`clean_text` returns.
"""

from __future__ import annotations

import html
import re

__all__ = ["clean_text", "html_to_text", "looks_like_html"]

# Tags that the written-questions API and Hansard really use; "<5", "<name>" or "a<b and c>d" in plain text is not HTML.
_TAG = re.compile(
    r"</?(?:p|a|br|b|i|u|em|strong|sup|sub|ul|ol|li|div|span|font|table|thead|tbody|tfoot|tr|td|th|caption|col|colgroup"
    r"|h[1-6]|html|head|body|blockquote|pre|hr|img|script|style|iframe|svg|section|article|o:p)(?:\s[^<>]*=[^<>]*|\s*)/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|pound|euro|[lr]squo|[lr]dquo|[nm]dash|hellip|#\d{1,6}|#x[0-9a-fA-F]{1,5});"
)

_BLOCK = frozenset(
    "p div section article blockquote pre ul ol table thead tbody tfoot caption h1 h2 h3 h4 h5 h6 hr body".split()
)
_SKIPPED = frozenset("script style head title iframe svg object template noscript".split())

# One table for str.translate: spaces of every width, line and paragraph separators, and characters that print nothing.
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys([0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0x09], " "),
    **dict.fromkeys([0x2028, 0x2029, 0x0B, 0x0C, 0x85, 0x0D], "\n"),
    **dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD]),
    **dict.fromkeys([c for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85)]),
    # Bidirectional overrides can make a page show other text than the one that was read.
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F]),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    0x2011: "-",
}
# Most texts have none of these; to look costs a tenth of translating.
_ANY_CHARACTER = re.compile("[" + "".join(map(re.escape, map(chr, sorted(_CHARACTERS)))) + "]")
_SPACES = re.compile(r" {2,}")
_LINE_EDGES = re.compile(r" *\n[ \n]*")


def looks_like_html(text: str) -> bool:
    """Tell whether `text` holds at least one HTML tag of the kinds that answers use."""
    return "<" in text and _TAG.search(text) is not None


def clean_text(text: str, *, markup: bool | None = None) -> str:
    """Return `text` as plain lines: markup resolved, white space and invisible characters made regular.

    Parameters
    ----------
    text : str
        Plain text or HTML.
    markup : bool, optional
        Whether `text` is HTML. By default it is looked for, see :func:`looks_like_html`.

    Returns
    -------
    str
        Paragraphs, list items and table rows on lines of their own, cells joined by ``" | "``, links as
        ``text (address)``. No empty line, no space at the edge of a line.

    Notes
    -----
    Bidirectional and other invisible control characters are removed, since they let a page show a text that was
    never read. Applied to its own result the function changes nothing, unless the text spells out a tag or an
    entity that was escaped in the HTML.
    """
    if markup is None:
        markup = looks_like_html(text)
    if markup:
        return html_to_text(text)
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
    return _regular(text)


def _plain_characters(text: str) -> str:
    if "_x000D_" in text:
        text = text.replace("_x000D_", "\n")
    return text.translate(_CHARACTERS) if _ANY_CHARACTER.search(text) else text


def _regular(text: str) -> str:
    text = _plain_characters(text)
    return _LINE_EDGES.sub("\n", _SPACES.sub(" ", text)).strip(" \n")


def html_to_text(source: str) -> str:
    """Turn the HTML of an answer into lines of text (see :func:`clean_text`).

    Parameters
    ----------
    source : str
        A fragment or a whole page. Broken markup is repaired by libxml2 as a browser would.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the markup is nested too deeply to be read whole.
    """
    import lxml.etree
    import lxml.html

    source = _plain_characters(source)
    if not source.strip():
        return ""
    parser = lxml.html.HTMLParser(recover=True, huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        root = lxml.html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except lxml.etree.ParserError:  # nothing but comments or empty tags
        return ""
    # libxml2 stops at a fixed depth and would silently lose what follows.
    for entry in parser.error_log:
        if "depth" in entry.message.lower():
            raise ValueError(
                "the HTML is nested too deeply to be read whole: save the answer as plain text and try again"
            )
    return _regular(_lines(root))


def _lines(root) -> str:
    import lxml.etree

    out: list[str] = []
    skipping = None
    in_row = 0
    starts: list[int] = []  # where the text of each open link begins in `out`
    for event, node in lxml.etree.iterwalk(root, events=("start", "end")):
        tag = node.tag
        if event == "start":
            if skipping is None:
                if tag in _SKIPPED:
                    skipping = node
                    continue
                if tag == "tr":
                    in_row += 1
                    out.append("\n")
                elif tag in ("td", "th"):
                    if out and out[-1] != "\n":
                        out.append(" | ")
                elif tag == "br":
                    out.append(" " if in_row else "\n")
                elif tag == "li":
                    out.append(" " if in_row else "\n• ")
                elif tag in _BLOCK:
                    # A paragraph inside a cell must not break the row, nor part a list item from its bullet.
                    if not _after_bullet(out):
                        out.append(" " if in_row and tag != "table" else "\n")
                elif tag == "a":
                    starts.append(len(out))
                if node.text:
                    out.append(node.text.replace("\n", " "))
        else:
            if skipping is node:
                skipping = None
            elif skipping is None:
                if tag == "a" and starts:
                    _close_link(node, out, starts.pop())
                elif tag == "tr":
                    in_row = max(0, in_row - 1)
                    out.append("\n")
                elif tag == "li" or tag in _BLOCK:
                    out.append(" " if in_row and tag != "table" else "\n")
            if skipping is None and node.tail:
                out.append(node.tail.replace("\n", " "))
    return "".join(out)


def _after_bullet(out: list[str]) -> bool:
    return next((piece for piece in reversed(out) if not piece.isspace()), "") == "\n• "


def _close_link(node, out: list[str], start: int) -> None:
    address = (node.get("href") or "").strip()
    if not address.lower().startswith(("http://", "https://", "mailto:", "www.")) or any(c in address for c in " <>\n"):
        return
    text = "".join(out[start:]).strip()
    bare = address.removeprefix("mailto:")
    if text.startswith(("http://", "https://", "www.")) or text == bare:  # the address is there to be read already
        return
    # The full stop that editors put inside the link belongs to the sentence: "published here." -> "here (...)."
    stop = ""
    if text.endswith((".", ",", ";")):
        stop = text[-1]
        out[start:] = [text[:-1]] if not "".join(out[start:]).startswith(" ") else [" " + text[:-1]]
    out.append(f" ({bare}){stop}" if text else f" {bare} ")
