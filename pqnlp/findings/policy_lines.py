"""Policy lines: sentences and paragraphs that answer after answer uses again, word for word or nearly so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["find_line_uses", "find_policy_lines", "stock_shares"]

_WORD = re.compile(r"\w+")
#: Addresses are long and alike; two links to one site are no line.
_ADDRESS = re.compile(r"\(?(?:https?://|www\.)\S+")
_UNITS = ("sentence", "paragraph")


def find_line_uses(
    scored: Any,
    *,
    texts: Any = None,
    unit: str = "sentence",
    min_uses: int = 3,
    min_words: int = 8,
    threshold: float = 0.7,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """Find where the lines stand that several answers share.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none.
    unit : {"sentence", "paragraph"}
        What is compared.
    min_uses : int, default 3
        Answers that a line must be in. The same text given on one day by one department (grouped questions) is one answer.
    min_words : int, default 8
        Shorter sentences are not compared.
    threshold : float, default 0.7
        Jaccard similarity of the sets of word pairs above which two wordings are one line: about one word in twelve
        may differ. 1 for word for word.
    progress : callable, optional
        Called with the number of answers done.

    Returns
    -------
    DataFrame
        ``line`` (number, from 1, the most used first), ``id``, ``start``, ``end`` (offsets into the answer) and ``text``, one row
        for each place; in ``attrs["uses"]`` the answers of each line, grouped ones counted once.
    """
    import numpy as np
    import pandas as pd

    from pqnlp.findings.scored import read_scored, scored_rows

    if unit not in _UNITS:
        raise ValueError(f"unit is {unit!r}: choose 'sentence' or 'paragraph'.")
    rows = scored_rows(read_scored(scored, texts=texts))
    answers = rows["answer"].tolist()
    number: dict[str, int] = {}
    text_of = np.array([number.setdefault(answer, len(number)) for answer in answers], dtype=int)
    distinct = list(number)
    owner, starts, ends, key_of = [], [], [], []
    keys: dict[str, int] = {}
    sizes = np.bincount(text_of, minlength=len(distinct))
    for k, text in enumerate(distinct):
        for start, end in _units(text, unit):
            words = _WORD.findall(_ADDRESS.sub(" ", text[start:end].lower()))
            if len(words) < min_words or " | " in text[start:end]:  # the row of a table is no line
                continue
            owner.append(k)
            starts.append(start)
            ends.append(end)
            key_of.append(keys.setdefault(" ".join(words), len(keys)))
        if progress is not None:
            progress(int(sizes[k]))
    line_of_key = _near(list(keys), threshold)
    places = pd.DataFrame(
        {"answer": owner, "start": starts, "end": ends, "line": line_of_key[np.array(key_of, dtype=int)]}
    )
    # An answer is one use of a line whatever the number of questions that it was given to that day.
    when = rows["answered"].fillna("").astype(str) + "\t" + rows["department"].fillna("").astype(str)
    given = pd.DataFrame({"answer": text_of, "when": when, "row": np.arange(len(rows))})
    once = given.drop_duplicates(["answer", "when"])
    uses = places[["answer", "line"]].drop_duplicates().merge(once, on="answer")["line"].value_counts()
    # The number breaks ties, so that the order does not hang on the library's.
    kept = sorted(uses.index[uses >= min_uses], key=lambda line: (-uses[line], line))
    rank = {line: k for k, line in enumerate(kept, 1)}
    places = places[places["line"].isin(rank)]
    places = places.assign(line=places["line"].map(rank).astype(int))
    all_places = places.merge(given[["answer", "row"]], on="answer").sort_values(
        ["line", "row", "start"], kind="stable"
    )
    row = all_places["row"].to_numpy()
    out = pd.DataFrame(
        {
            "line": all_places["line"].to_numpy(),
            "id": rows["id"].to_numpy()[row],
            "start": all_places["start"].to_numpy(),
            "end": all_places["end"].to_numpy(),
            "text": [answers[r][a:b] for r, a, b in zip(row, all_places["start"], all_places["end"], strict=True)],
        }
    )
    out.attrs["uses"] = {rank[line]: int(uses[line]) for line in kept}
    return out


def _units(text: str, unit: str) -> list[tuple[int, int]]:
    from pqnlp.sentences import split_sentences

    if unit == "sentence":
        return split_sentences(text)
    out, at = [], 0
    for line in text.split("\n"):
        out.append((at, at + len(line)))
        at += len(line) + 1
    return out


def _near(keys: list[str], threshold: float) -> "np.ndarray":
    import numpy as np

    from pqnlp.groups import near_duplicate_groups

    if threshold >= 1 or not keys:
        return np.arange(len(keys))
    return near_duplicate_groups(keys, threshold=threshold, shingle=2)


def find_policy_lines(
    scored: Any,
    *,
    texts: Any = None,
    uses: "pd.DataFrame | None" = None,
    unit: str = "sentence",
    min_uses: int = 3,
    min_words: int = 8,
    threshold: float = 0.7,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """List the lines that several answers share.

    Parameters
    ----------
    scored, texts, unit, min_uses, min_words, threshold, progress
        As for `find_line_uses`.
    uses : DataFrame, optional
        What `find_line_uses` returned for the same table, to save the search.

    Returns
    -------
    DataFrame
        One row for each line, the most used first (see ``docs/findings.md`` for the columns).
    """
    import pandas as pd

    from pqnlp.codebook import LABELS
    from pqnlp.findings.scored import read_scored

    frame = read_scored(scored, texts=texts)
    if uses is None:
        uses = find_line_uses(
            frame, unit=unit, min_uses=min_uses, min_words=min_words, threshold=threshold, progress=progress
        )
    about = frame[frame["problem"].ne("duplicate_id")].set_index("id")
    places = uses.merge(
        about[["department", "answered", "label", "answer"]], left_on="id", right_index=True, how="left"
    )
    rows = []
    for line, part in places.groupby("line", sort=True):
        wordings = Counter(" ".join(text.split()) for text in part["text"])
        single = part.drop_duplicates("id")
        once = single.drop_duplicates(["answer", "answered", "department"])
        dated = single[single["answered"].notna()].sort_values(["answered", "id"], kind="stable")
        labels = single["label"].value_counts()
        text = wordings.most_common(1)[0][0]
        rows.append(
            {
                "line": int(line),
                "text": text,
                "words": len(_WORD.findall(text)),
                "uses": len(once),
                "answers": len(single),
                "wordings": len({w.lower() for w in wordings}),
                "departments": list(once["department"].dropna().value_counts().index),
                "first_id": dated["id"].iloc[0] if len(dated) else None,
                "first_answered": dated["answered"].iloc[0] if len(dated) else None,
                "last_answered": dated["answered"].iloc[-1] if len(dated) else None,
                "months": sorted({day[:7] for day in dated["answered"]}),
                **{label: int(labels.get(label, 0)) for label in LABELS},
                "ids": single["id"].tolist(),
            }
        )
    columns = ["line", "text", "words", "uses", "answers", "wordings", "departments", "first_id", "first_answered"]
    return pd.DataFrame(rows, columns=[*columns, "last_answered", "months", *LABELS, "ids"])


def stock_shares(
    scored: Any,
    *,
    texts: Any = None,
    uses: "pd.DataFrame | None" = None,
    unit: str = "sentence",
    min_uses: int = 3,
    min_words: int = 8,
    threshold: float = 0.7,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """Tell how much of each answer is stock text: sentences that other answers use too.

    Parameters
    ----------
    scored, texts, unit, min_uses, min_words, threshold, progress
        As for `find_line_uses`.
    uses : DataFrame, optional
        What `find_line_uses` returned for the same table, to save the search.

    Returns
    -------
    DataFrame
        One row for each scored answer: ``id``, ``uin``, ``department``, ``answered``, ``label``, ``reason``, ``words``, ``stock_words``,
        ``stock_share`` (0 to 1; missing for an answer without words) and ``lines`` (numbers of the lines in it).
    """
    import numpy as np

    from pqnlp.findings.scored import ABOUT, read_scored, scored_rows

    frame = read_scored(scored, texts=texts)
    if uses is None:
        uses = find_line_uses(
            frame, unit=unit, min_uses=min_uses, min_words=min_words, threshold=threshold, progress=progress
        )
    out = scored_rows(frame)
    words = np.array([len(_WORD.findall(answer)) for answer in out["answer"]])
    stock: Counter = Counter()
    lines: dict[str, list[int]] = {}
    for line, identity, text in zip(uses["line"], uses["id"], uses["text"], strict=True):
        stock[identity] += len(_WORD.findall(text))
        if line not in lines.setdefault(identity, []):
            lines[identity].append(int(line))
    out = out[list(ABOUT)].copy()
    out["words"] = words
    out["stock_words"] = [stock[identity] for identity in out["id"]]
    out["stock_share"] = np.where(words > 0, out["stock_words"] / np.maximum(words, 1), np.nan)
    out["lines"] = [sorted(lines.get(identity, [])) for identity in out["id"]]
    return out
