"""Cue phrases: wording that marks what a sentence of an answer does."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

__all__ = ["CueMatcher", "load_cues"]


@lru_cache(maxsize=1)
def load_cues() -> tuple[tuple[str, str], ...]:
    """Return the cue table as ``(class, phrase)`` rows, in the order of the file.

    Returns
    -------
    tuple of (str, str)
    """
    text = files("pqnlp").joinpath("registries", "cues.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((name, phrase) for name, phrase in rows)


class CueMatcher:
    """Find cue phrases in lower-case text with one pass of an Aho-Corasick automaton.

    Parameters
    ----------
    cues : sequence of (str, str), optional
        Rows of class and phrase; the shipped table by default.

    Attributes
    ----------
    classes : list of str
        The classes in order of first appearance.
    class_of : list of int
        For each phrase, the index of its class.
    """

    def __init__(self, cues=None):
        import ahocorasick_rs

        rows = load_cues() if cues is None else tuple(cues)
        self.phrases = [phrase for _, phrase in rows]
        self.classes = list(dict.fromkeys(name for name, _ in rows))
        self.class_of = [self.classes.index(name) for name, _ in rows]
        # A phrase may stand under two classes; the automaton knows it once.
        self._rows_of: dict[str, list[int]] = {}
        for k, phrase in enumerate(self.phrases):
            self._rows_of.setdefault(phrase, []).append(k)
        self._unique = list(self._rows_of)
        self._rows = [self._rows_of[phrase] for phrase in self._unique]
        self._edges = [(phrase[0].isalnum(), phrase[-1].isalnum()) for phrase in self._unique]
        self._automaton = ahocorasick_rs.AhoCorasick(self._unique, matchkind=ahocorasick_rs.MatchKind.Standard)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return ``(offset, phrase index)`` of every cue in `text`, overlaps included.

        Parameters
        ----------
        text : str
            Lower case, straight apostrophes.

        Returns
        -------
        list of (int, int)
            In order of the end of the match.
        """
        out = []
        n = len(text)
        for which, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            left, right = self._edges[which]
            if (left and start and text[start - 1].isalnum()) or (right and end < n and text[end].isalnum()):
                continue
            for row in self._rows[which]:
                out.append((start, row))
        return out
