"""spaCy's English, which spares the components the joining of a text that it has just cut into tokens."""

from __future__ import annotations

from spacy.lang.en import English
from spacy.tokens import Doc

from pqnlp.raw_text import remember_text

__all__ = ["RememberingEnglish"]


class RememberingEnglish(English):
    """English as ``spacy.blank("en")`` makes it; a saved pipeline is opened as that."""

    def make_doc(self, text: str) -> Doc:
        """Turn `text` into tokens."""
        doc = super().make_doc(text)
        remember_text(doc, text)
        return doc
