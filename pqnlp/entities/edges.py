"""Where tokens begin and end beside given places of a text, without cutting all of the text into tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from spacy.tokenizer import Tokenizer

__all__ = ["TokenEdges"]

_MOST_REMEMBERED = 100_000


class TokenEdges:
    """Edges of the tokens that spaCy's tokenizer would make.

    The tokenizer works on each stretch between white space by itself, so that a place is looked up in its stretch alone;
    those that end names and dates ("Department,", "2024.") are few and remembered. Most places stand beside white space
    and need no look.

    Parameters
    ----------
    tokenizer : spacy.tokenizer.Tokenizer

    Raises
    ------
    ValueError
        If the tokenizer may join what white space parts; see :meth:`fits`.
    """

    def __init__(self, tokenizer: Tokenizer):
        if not self.fits(tokenizer):
            raise ValueError("The tokenizer does not work on each stretch between white space by itself.")
        self._tokenizer = tokenizer
        self._starts: dict[str, list[int]] = {}

    @staticmethod
    def fits(tokenizer: object) -> bool:
        """Tell whether `tokenizer` is spaCy's own, without special cases that hold white space among other characters."""
        return type(tokenizer) is Tokenizer and all(case.isspace() or len(case.split()) < 2 for case in tokenizer.rules)

    def start(self, text: str, at: int) -> int:
        """Return where the token that holds the character at `at` begins; it must not be white space."""
        if not at or text[at - 1] in " \n":
            return at
        first, starts = self._stretch(text, at)
        return first + starts[bisect_right(starts, at - first) - 1]

    def end(self, text: str, at: int) -> int:
        """Return where the token that holds the character before `at` ends; it must not be white space."""
        if at >= len(text) or text[at] in " \n":
            return at
        first, starts = self._stretch(text, at)
        return first + starts[bisect_left(starts, at - first)]

    def _stretch(self, text: str, at: int) -> tuple[int, list[int]]:
        """Return where the stretch around `at` begins, and where in it each token does and the last one ends."""
        first = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1
        last = text.find(" ", at)
        if last < 0:
            last = len(text)
        line = text.find("\n", at, last)
        words = text[first : line if line >= 0 else last]
        starts = self._starts.get(words)
        if starts is None:
            if len(self._starts) >= _MOST_REMEMBERED:
                self._starts.clear()
            starts = self._starts[words] = [*(token.idx for token in self._tokenizer(words)), len(words)]
        return first, starts
