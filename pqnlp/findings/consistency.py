"""Consistency: near-identical questions that got answers of different kinds, on other days or from other departments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_inconsistencies"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# One question put to each department: who is asked, and whose Department it is, make no difference.
_WHOSE = {
    **dict.fromkeys(("her", "his", "their", "the", "its"), "the"),
    **dict.fromkeys(("he", "she", "they"), "he"),
    **dict.fromkeys(("has", "have"), "have"),
    **dict.fromkeys(("is", "are"), "are"),
    **dict.fromkeys(("was", "were"), "were"),
}
_OFFICE = re.compile(
    r"\b(?:the\s+)?(?:Department(?:\s+(?:for|of)\s+(?:[A-Z][\w-]+(?:,?\s+(?:and\s+|&\s+)?)?)+)?|Ministry\s+of\s+(?:[A-Z][\w-]+(?:,?\s+(?:and\s+)?)?)+|"
    r"(?:Home|Cabinet|Scotland|Wales|Northern\s+Ireland)\s+Office|(?:HM\s+)?Treasury)\s*"
)
_SAID = re.compile(r"\d+|(?<![.?!:]\s)(?<!^)\b[A-Z][\w’'-]*")
_NOT_NAMES = frozenset(
    "I Department Departments Government Minister Ministers Member Members Question Answer UIN".split()
)


def _put_off(answer: str, is_holding: bool) -> bool:
    """Tell whether the answer is none yet, or is in another place: neither can differ from what it stands for."""
    from pqnlp.findings.referrals import find_citations

    if is_holding:
        return True
    inside = {c.sentence for c in find_citations(answer)} if len(answer) < 1500 else set()
    return bool(inside) and len(answer) - sum(end - start for start, end in inside) <= 60


def _asked(question: str) -> str:
    """Return the question without whom it is put to."""
    from pqnlp.question import parse_question

    parsed = parse_question(question)
    starts = [ask.stem[0] if ask.stem else ask.start for ask in parsed.asks]
    starts += [reference.start for reference in parsed.references]
    return question[min(starts) :] if starts else question


def _normal(text: str) -> str:
    return " ".join(_WHOSE.get(word, word) for word in map(str.lower, _WORD.findall(_OFFICE.sub("department ", text))))


def _named(text: str) -> frozenset[str]:
    """Return the names and numbers of a question: two that differ in one of these ask for different things."""
    return frozenset(word for word in _SAID.findall(_OFFICE.sub("", text)) if word not in _NOT_NAMES)


def _shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[k : k + size]) for k in range(max(1, len(words) - size + 1))}


def _jaccard(a: set, b: set) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def find_inconsistencies(
    scored: Any,
    *,
    texts: Any = None,
    threshold: float = 0.85,
    min_contrast: float = 0.8,
    same_answer: float = 0.6,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """List near-identical questions whose answers differ in label.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none.
    threshold : float, default 0.85
        Jaccard similarity of the word pairs of two questions, whom they are put to left out, from which they are one
        question. Names and numbers have to be the same besides. The two answers that are compared have such questions
        themselves; what a group holds is tied by one or more steps.
    min_contrast : float, default 0.8
        The least probability, by the model, that the two answers are of different kinds.
    same_answer : float, default 0.6
        Two answers with more than this share of word pairs in common say the same, and a difference in label
        is the model's doing.
    progress : callable, optional
        Called with the number of questions done.

    Returns
    -------
    DataFrame
        One row for each group of questions (see ``docs/findings.md`` for the columns), the surest difference first.

    Notes
    -----
    Holding replies and answers that only refer to another are left out: they differ from nothing yet.
    A difference of labels is a place to look, not a finding against anyone: the model errs, and circumstances change.
    """
    import pandas as pd

    from pqnlp.findings.scored import read_scored, scored_rows
    from pqnlp.groups import near_duplicate_groups

    rows = scored_rows(read_scored(scored, texts=texts))
    rows = rows[[not _put_off(*pair) for pair in zip(rows["answer"], rows["is_holding"], strict=True)]]
    rows = rows.reset_index(drop=True)
    asked = []
    for k, question in enumerate(rows["question"]):
        asked.append(_asked(question))
        if progress is not None and k % 1000 == 999:
            progress(1000)
    if progress is not None:
        progress(len(rows) % 1000)
    words = [_normal(text) for text in asked]
    groups = near_duplicate_groups(words, threshold=threshold, shingle=2)
    members: dict[tuple[int, frozenset[str]], list[int]] = {}
    for k, group in enumerate(groups):
        members.setdefault((int(group), _named(asked[k])), []).append(k)
    chances = {name[2:]: rows[name].to_numpy(dtype=float) for name in rows.columns if str(name).startswith("p_")}
    labels, answers = rows["label"].tolist(), rows["answer"].tolist()
    out = []
    for group in members.values():
        if len({labels[k] for k in group}) < 2:
            continue
        best = _sharpest(group, labels, answers, words, chances, same_answer, threshold)
        if best is None or best[0] < min_contrast:
            continue
        out.append(_row(rows, words, group, best))
    columns = ["group", "question", "n", "labels", "ids", "uins", "answered", "departments", "differs", "a_id", "b_id"]
    columns += ["a_label", "b_label", "contrast", "similarity", "answer_similarity"]
    out.sort(key=lambda row: (-row["contrast"], row["a_id"]))
    return pd.DataFrame([{"group": k, **row} for k, row in enumerate(out, 1)], columns=columns)


def _sharpest(
    group: list[int],
    labels: list[str],
    answers: list[str],
    words: list[str],
    chances: dict,
    same_answer: float,
    threshold: float,
) -> tuple[float, int, int, float] | None:
    """Return the two answers that differ in label most surely, among those that differ in wording too."""
    surest: dict[str, list[int]] = {}
    for label in sorted({labels[k] for k in group}):
        own = [k for k in group if labels[k] == label]
        # The same answer given to several is looked at once; a handful of the surest is enough.
        own.sort(key=lambda k: (-_chance(chances, label, k), k))
        distinct: dict[str, int] = {}
        for k in own:
            distinct.setdefault(answers[k], k)
        surest[label] = list(distinct.values())[:8]
    best = None
    for one, other in combinations(surest, 2):
        for a in surest[one]:
            for b in surest[other]:
                alike = _jaccard(_shingles(answers[a], 2), _shingles(answers[b], 2))
                if alike > same_answer or _jaccard(_shingles(words[a], 2), _shingles(words[b], 2)) < threshold:
                    continue
                contrast = _contrast(chances, labels, a, b)
                if best is None or contrast > best[0]:
                    best = (contrast, a, b, alike)
    return best


def _chance(chances: dict, label: str, k: int) -> float:
    value = chances[label][k] if label in chances else 1.0
    return 1.0 if value != value else float(value)


def _contrast(chances: dict, labels: list[str], a: int, b: int) -> float:
    """Return the probability that two answers have different labels, taking the model's word for each."""
    if not chances:
        return float(labels[a] != labels[b])
    same = sum(float(p[a]) * float(p[b]) for p in chances.values())
    return float(labels[a] != labels[b]) if same != same else 1.0 - same


def _row(rows: "pd.DataFrame", words: list[str], group: Iterable[int], best: tuple[float, int, int, float]) -> dict:
    contrast, a, b, alike = best
    order = sorted(group, key=lambda k: (rows.at[k, "answered"] or rows.at[k, "tabled"] or "9999", k))
    if order.index(b) < order.index(a):
        a, b = b, a
    column = {name: rows[name] for name in ("id", "uin", "answered", "department", "label")}
    return {
        "question": rows.at[order[0], "question"],
        "n": len(order),
        "labels": [column["label"][k] for k in order],
        "ids": [column["id"][k] for k in order],
        "uins": [column["uin"][k] for k in order],
        "answered": [column["answered"][k] for k in order],
        "departments": [column["department"][k] for k in order],
        "differs": _differs(rows, a, b),
        "a_id": column["id"][a],
        "b_id": column["id"][b],
        "a_label": column["label"][a],
        "b_label": column["label"][b],
        "contrast": round(contrast, 4),
        "similarity": round(_jaccard(_shingles(words[a], 2), _shingles(words[b], 2)), 4),
        "answer_similarity": round(alike, 4),
    }


def _differs(rows: "pd.DataFrame", a: int, b: int) -> str:
    departments = rows.at[a, "department"], rows.at[b, "department"]
    days = rows.at[a, "answered"], rows.at[b, "answered"]
    elsewhere = all(departments) and departments[0] != departments[1]
    later = all(days) and days[0] != days[1]
    if elsewhere:
        return "both" if later else "departments"
    if later:
        return "dates"
    return "same_day" if all(days) else "unknown"
