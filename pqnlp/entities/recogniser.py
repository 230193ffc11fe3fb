"""Candidate names in raw text, and the linear model that tells organisations among them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path

from pqnlp.errors import ModelError

__all__ = ["Candidate", "OrganisationModel", "candidates", "name_features", "names_in", "place_features", "sequences"]

_REST = r"[\w+]*(?:(?:[-/&.]|(?<=[a-z])[’'](?=[A-Z]))[A-Za-z0-9][\w]*)*&?"
_POSSESSIVE = r"(?:[’']s\b|[’'](?= ))?"
_WORD = rf"(?:[A-Z]{_REST}|[0-9]{{1,3}}(?=[ )])){_POSSESSIVE}"
_LINK = r"(?: (?:of the|for the|and the|in the|of|for|and|the|in|on|to|&|with|at|de|against|by|\+|–) | (?=[A-Z0-9(])| \((?:[A-Z][\w&]{1,9})\) (?=[A-Z]))"
# The set of first letters comes first: the engine then skips to the next capital without trying the rest.
_SEQUENCE = re.compile(rf"[A-Z](?<![\w./@][A-Z]){_REST}{_POSSESSIVE}(?:{_LINK}(?:{_WORD}))*")
_PART = re.compile(rf"({_WORD})|({_LINK})")

# Capital words that begin sentences or name people, offices, places and papers; alone, or first, they are no organisation's name.
_NEVER = frozenset(
    """The This That These Those A An In On At By For From To Of With As If It Its We Our They Their There He She His Her I My You Your
    What When Where Which Who Why How While Whilst Since Under Through Further However Although Though Also And Or But Not No Any All Each Every Both
    Some Many Most More Other Such Additionally Alongside Following Given Due During Despite Before After Until Once Whether Subject Please Furthermore
    Therefore Finally Similarly Overall Currently Consequently Yes Please Within Without Between Across Over Per Via Is Are Was Were Will Can Should Would
    January February March April May June July August September October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    UK GOV Ministers Minister Member Members Hon Rt Mr Mrs Ms Dr Sir Lord Lady Baroness Dame Friend Government Officials Official Government's Secretary State
    Answer Question Questions Table Annex Total Source Notes Note Year Yearly England Scotland Wales Britain Ireland London Northern Great United Kingdom
    Building Funding Details Information Data Guidance Decisions Local Departmental""".split()
)
_LEADING = frozenset(
    """The This That These Those A An In On At By For From To Of With As If It Its We Our They Their There He She His Her I My You Your What When Where Which
    Who Why How While Whilst Since Under Through Further However Although Also And Or But Not No Any All Each Every Both Some Many Most More Other Such
    Additionally Alongside Following Given Due During Despite Before After Until Once Whether Subject Furthermore Therefore Finally Similarly Overall
    Currently Within Without Between Across Over Per Via Is Are Was Were Will Can Should Would Former Chief Chair Chairman President Director Speaking Both""".split()
)
_MAX_PARTS = 5


#: Start, end and words of a stretch of text that may be an organisation's name.
Candidate = tuple[int, int, str]


def candidates(text: str) -> list[list[Candidate]]:
    """Find the stretches of capital words in `text` that may be names.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of list of Candidate
        One list for each unbroken sequence: the sequence cut at its link words ("Ofsted and the Care Quality
        Commission" gives both bodies, the whole, and nothing else), a possessive left off at the end.
    """
    out = []
    for sequence in sequences(text):
        base = sequence.start()
        found = names_in(sequence.group())
        if found:
            out.append([(base + start, base + end, word) for start, end, word in found])
    return out


def sequences(text: str) -> Iterator[re.Match]:
    """Yield a match for every unbroken sequence of capital words and links in `text`."""
    return _SEQUENCE.finditer(text)


def names_in(sequence: str) -> tuple[Candidate, ...]:
    """Cut a sequence into the stretches that may be names, with offsets into it; see :func:`candidates`."""
    if " " in sequence:
        return _cut(sequence)
    word, end = _unpossessed(sequence)
    if word in _NEVER or len(word) < 2 or not word[0].isalpha():
        return ()
    return ((0, end, word),)


def _unpossessed(word: str) -> tuple[str, int]:
    if word[-2:] in ("’s", "'s"):
        return word[:-2], len(word) - 2
    if word[-1] in "’'":
        return word[:-1], len(word) - 1
    return word, len(word)


@lru_cache(maxsize=65536)
def _cut(sequence: str) -> tuple[tuple[int, int, str], ...]:
    pieces: list[list[int]] = []  # [start, end without possessive, end]
    at = 0
    joined = False
    while at < len(sequence):
        m = _PART.match(sequence, at)
        if m is None:
            break
        if m.group(1):
            _, length = _unpossessed(m.group(1))
            plain_end = at + length
            word = m.group(1)
            if joined and pieces:
                pieces[-1][1:] = [plain_end, m.end()]
            else:
                pieces.append([at, plain_end, m.end()])
            joined = False
            if word in _LEADING and pieces[-1][0] == at:  # "The Care Quality Commission"
                pieces.pop()
                joined = False
            elif plain_end != m.end():
                joined = False
            else:
                joined = None  # decided by the link
        else:
            link = m.group(2)
            joined = joined is None and link == " "
        at = m.end()
    spans = []
    for i in range(len(pieces)):
        for j in range(i, min(len(pieces), i + _MAX_PARTS)):
            start, end = pieces[i][0], pieces[j][1]
            word = sequence[start:end]
            if word not in _NEVER and len(word) > 1 and word[0].isalpha():
                spans.append((start, end, word))
    return tuple(spans)


def name_features(name: str, lists: tuple[str, ...] = ()) -> list[str]:
    """Describe a name by itself.

    Parameters
    ----------
    name : str
    lists : tuple of str
        The name lists that hold it (``"gazetteer"``, ``"common"``, ``"department"``).

    Returns
    -------
    list of str
        Features of the linear model, each with the value 1.
    """
    words = re.findall(r"[\w+&]+", name)
    lower = [w.lower() for w in words]
    features = [f"l={x}" for x in lists] or ["l=none"]
    single = len(words) == 1
    features.append(f"n={min(len(words), 7)}")
    shape = "".join(
        "A" if w.isupper() and len(w) > 1 else "X" if w[0].isupper() else "9" if w[0].isdigit() else "x"
        for w in words[:5]
    )
    features.append("s=" + shape)
    if single:
        features.append("1=" + lower[0])
        word = words[0]
        if word.isupper():
            features.append(f"ac={min(len(word), 6)}")
            features.append("ac0=" + word[0])
        elif not word[1:].islower():
            features.append("mixed")
        features.append("suf=" + lower[0][-3:])
        features.append("none1" if not lists else "list1")
    else:
        features += ["w=" + w for w in set(lower)]
        features.append("first=" + lower[0])
        features.append("last=" + lower[-1])
        features.append("last2=" + " ".join(lower[-2:]))
        features.append("suf=" + lower[-1][-3:])
        features.append("first2=" + " ".join(lower[:2]))
        if not lists:
            features.append("last0=" + lower[-1])
        if " and the " in name:
            features.append("andthe")
        for link in (" and ", " of ", " for ", " in ", " on ", " to ", " the ", " with ", "’s ", "'s ", " at "):
            if link in name:
                features.append("link=" + link)
        if words[-1].isupper() and len(words[-1]) > 1:
            features.append("endsAC")
    return features


def place_features(text: str, start: int, end: int, elsewhere: str = "") -> list[str]:
    """Describe where a name stands: the two words before and after it, and what `text` or `elsewhere` calls in full."""
    p1, p2, n1, n2, word_before = _around(text, start, end)
    features = ["p1=" + p1, "p2=" + p2 + "_" + p1, "n1=" + n1, "n2=" + n1 + "_" + n2, "p1n1=" + p1 + "_" + n1]
    features += _touching(text, start, end, word_before)
    if (head := text[start:end]) in HEADS:
        antecedent = _antecedent(head).search(text + " | " + elsewhere) is not None
        features.append("head known" if antecedent else "head unknown")
        features.append(f"{p1} {antecedent}")
    return features


def _around(text: str, start: int, end: int) -> tuple[str, str, str, str, str]:
    """Return the nearest and the next word before a name, the same after it, and the nearest before it as written."""
    before = text[start - 28 if start > 28 else 0 : start]
    words = before[before.rfind("\n") + 1 :].split()
    word_before = words[-1] if words else ""
    p1 = word_before.lower() or "^"
    p2 = words[-2].lower() if len(words) > 1 else "^"
    if before and before[-1] not in " \n":  # "(Ofcom" or "non-NHS"
        p1 = before[-1]
    after = text[end : end + 28]
    if after[:1] == " ":
        words = after.split(None, 2)
        n1 = words[0].lower() if words else "$"
        n2 = words[1].lower() if len(words) > 2 else "$"
    elif after[:2] in ("’s", "'s"):
        n1, n2 = "’s", after[3:].partition(" ")[0].lower()
    else:
        n1, n2 = after[:1] or "$", after[1:].strip().partition(" ")[0].lower()
    return p1, p2, n1, n2, word_before


def _touching(text: str, start: int, end: int, word_before: str) -> list[str]:
    """Tell of a capital word that touches the name: the name is probably longer than the candidate."""
    features = []
    following = text[end : end + 2]
    if following[:1] == " " and following[1:].isupper():
        features.append("goes on" if " " in text[start:end] else "goes on 1")
    if start > 1 and text[start - 1] == " " and word_before[:1].isupper() and word_before not in _LEADING:
        features.append("begins earlier")
    return features


HEADS = frozenset(
    """Commission Council Committee Authority Agency Board Trust Inquiry Tribunal Court Office Bank Panel Regulator Taskforce Company Commissioner Ombudsman
    Unit Group Institute Association Foundation Service University Hospital College School Academy Society Federation Union Corporation Division Centre Fund
    Partnership Forum Executive Assembly""".split()
)


@lru_cache(maxsize=64)
def _antecedent(head: str) -> re.Pattern:
    return re.compile(rf"[A-Z][\w’']+ (?:\([\w ]+\) )?{head}\b|\b{head} (?:of|for|on) (?:the )?[A-Z]")


class OrganisationModel:
    """Linear model over :func:`name_features` and :func:`place_features`.

    Parameters
    ----------
    weights : dict of str to float
        Weight of each feature, and ``""`` for the intercept.
    """

    def __init__(self, weights: dict[str, float]):
        self.weights = weights
        self._names: dict[tuple[str, tuple[str, ...]], float] = {}
        # The most that the words around can add beyond the two that touch the name.
        self._rest = sum(
            max((w for f, w in weights.items() if f.startswith(kind)), default=0.0) for kind in ("p2=", "n2=", "p1n1=")
        )

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> "OrganisationModel":
        """Read the weights that the package ships (JSON)."""
        source = resources.files("pqnlp.registries").joinpath("organisation_weights.json")
        return cls(json.loads(source.read_text(encoding="utf-8"))["weights"])

    @classmethod
    def read(cls, path: str | Path) -> "OrganisationModel":
        """Read weights that :meth:`to_json` wrote.

        Raises
        ------
        ModelError
            If the file holds something else.
        """
        try:
            weights = json.loads(Path(path).read_text(encoding="utf-8"))["weights"]
            weights = {str(name): float(weight) for name, weight in weights.items()}
            if "" not in weights or not all(math.isfinite(weight) for weight in weights.values()):
                raise ValueError("no numbers")
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{path} holds no weights of a recogniser ({error}). Copy or train the model again."
            ) from None
        return cls(weights)

    def to_json(self) -> str:
        """Return the weights as JSON, sorted by feature."""
        return json.dumps({"weights": dict(sorted(self.weights.items()))}, ensure_ascii=False, indent=0) + "\n"

    def name_score(self, name: str, lists: tuple[str, ...]) -> float:
        """Score `name` by itself; remembered, since few names make most mentions."""
        key = (name, lists)
        score = self._names.get(key)
        if score is None:
            if len(self._names) > 200_000:
                self._names.clear()
            get = self.weights.get
            score = get("", 0.0) + sum(get(f, 0.0) for f in name_features(name, lists))
            self._names[key] = score
        return score

    def place_score(self, text: str, start: int, end: int, elsewhere: str = "", *, needed: float = -math.inf) -> float:
        """Score the words around a name.

        Parameters
        ----------
        text, start, end
            The name is ``text[start:end]``.
        elsewhere : str
            Another text that may name a body in full.
        needed : float, optional
            Where the score surely stays below this, minus infinity is returned and the rest not looked at.

        Returns
        -------
        float
            The sum of the weights of :func:`place_features`.
        """
        get = self.weights.get
        if text[start:end] in HEADS:
            return sum([get(f, 0.0) for f in place_features(text, start, end, elsewhere)])
        p1, p2, n1, n2, word_before = _around(text, start, end)
        before, after = get("p1=" + p1, 0.0), get("n1=" + n1, 0.0)
        if before + after + self._rest < needed:
            return -math.inf
        score = before + get("p2=" + p2 + "_" + p1, 0.0) + after + get("n2=" + n1 + "_" + n2, 0.0)
        score += get("p1n1=" + p1 + "_" + n1, 0.0)
        for feature in _touching(text, start, end, word_before):
            score += get(feature, 0.0)
        return score
