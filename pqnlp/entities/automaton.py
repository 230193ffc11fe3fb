"""Whole-word search for thousands of phrases at once in raw text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

__all__ = ["Automaton", "leftmost_longest"]

Value = TypeVar("Value")


def leftmost_longest(phrases: list[str]) -> AhoCorasick:
    """Build the automaton in the form that takes the most memory (some megabytes) and reads fastest."""
    return AhoCorasick(
        phrases, matchkind=MatchKind.LeftmostLongest, implementation=Implementation.DFA, store_patterns=False
    )


class Automaton(Generic[Value]):
    """Aho-Corasick automaton over phrases, case-sensitive, leftmost-longest.

    Parameters
    ----------
    phrases : mapping of str to object
        Each phrase and what :meth:`find` shall return with it.

    Notes
    -----
    A phrase whose longest match is cut by a word boundary ("Home Office" in "Home Officer") hides shorter phrases
    that begin with it; names do not overlap in that way often enough to matter.
    """

    def __init__(self, phrases: Mapping[str, Value]):
        self._phrases = list(phrases)
        self._values = list(phrases.values())
        self._automaton = leftmost_longest(self._phrases) if self._phrases else None

    def __len__(self) -> int:
        return len(self._phrases)

    def find(self, text: str) -> list[tuple[int, int, Value]]:
        """Return (start, end, value) of every phrase in `text` that is not part of a longer word."""
        if self._automaton is None:
            return []
        found = []
        values = self._values
        length = len(text)
        for index, start, end in self._automaton.find_matches_as_indexes(text):
            if start and text[start - 1].isalnum() or end < length and text[end].isalnum():
                continue
            found.append((start, end, values[index]))
        return found
