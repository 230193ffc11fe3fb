"""The text of a Doc and the offsets of its tokens, worked out once for all components that see the Doc in turn."""

from __future__ import annotations

from spacy.attrs import IDX, ORTH, SPACY
from spacy.tokens import Doc

__all__ = ["doc_text", "remember_text", "token_starts"]

# spaCy makes an object of every token to join a text, at every call; a word is looked up here by its hash in a third of the time.
_words: dict[int, str] = {}
_last: tuple[Doc | None, str] = (None, "")
_last_starts: tuple[Doc | None, list[int]] = (None, [])


def doc_text(doc: Doc) -> str:
    """Return ``doc.text``.

    Parameters
    ----------
    doc : Doc

    Returns
    -------
    str
    """
    global _last
    last = _last
    if last[0] is not doc:
        last = _last = (doc, _joined(doc))
    return last[1]


def remember_text(doc: Doc, text: str) -> None:
    """Spare :func:`doc_text` the joining: `doc` was made of `text` and is read next."""
    global _last
    _last = (doc, text)


def _joined(doc: Doc) -> str:
    global _last_starts
    array = doc.to_array([ORTH, SPACY, IDX])
    _last_starts = (doc, array[:, 2].tolist())
    # A word with a space after it has the next hash; sums of 64 bits meet by chance once in some trillions of words.
    keys = (array[:, 0] + array[:, 1]).tolist()
    try:
        return "".join(map(_words.__getitem__, keys))
    except KeyError:
        if len(_words) > 500_000:
            _words.clear()
        words = [token.text_with_ws for token in doc]
        _words.update(zip(keys, words, strict=True))
        return "".join(words)


def token_starts(doc: Doc) -> list[int]:
    """Return the character offset of each token of `doc`.

    Parameters
    ----------
    doc : Doc

    Returns
    -------
    list of int
    """
    global _last_starts
    last = _last_starts
    if last[0] is not doc or len(last[1]) != len(doc):  # another component may have merged tokens since
        last = _last_starts = (doc, doc.to_array(IDX).tolist())
    return last[1]
