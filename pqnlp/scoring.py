"""Scoring: from a table of pairs to a table of labels, in memory or from file to file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["entities_table", "score", "score_file"]

#: Characters of question and answer that one batch holds at most, so that one long answer does not hold up many.
BATCH_CHARACTERS = 2_500_000
BATCH_ROWS = 2500
#: Problems that do not keep a row from being scored.
_SCORED_ALL_THE_SAME = ("", "duplicate_id")


def score(
    source: Any,
    *,
    model: "Model | str | Path | None" = None,
    entities: bool = False,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> "pd.DataFrame":
    """Label question-answer pairs.

    Parameters
    ----------
    source : DataFrame, path, or list of pairs
        See `pqnlp.read`.
    model : Model or path, optional
        The model that ships with pqnlp by default.
    entities : bool, default False
        Whether to tag entities too; about as much work again.
    jobs : int, default 1
        Processes to work in.
    progress : callable, optional
        Called with the number of rows done, batch by batch.

    Returns
    -------
    DataFrame
        A DataFrame comes back with its own columns and index, anything else as `pqnlp.read` reads it. Added are
        ``problem`` (if it was not there), ``label``, ``reason``, ``p_`` and each label's name, ``unsure``, ``evidence``
        (the deciding sentences, likeliest first, joined by " […] ") and, if asked for, ``entities`` (a list of
        dictionaries). Rows with a problem other than ``duplicate_id`` have no label.

    Raises
    ------
    ReadError
        If the source cannot be read; see `pqnlp.read`.
    ModelError
        If the model cannot be loaded.

    Examples
    --------
    >>> import pqnlp
    >>> pqnlp.score([("To ask the Secretary of State for Wales, how many staff she has.", "There are 40.")]).label.tolist()
    ['direct']
    """
    import pandas as pd

    from pqnlp.corpus import read

    frame = read(source)
    results = list(_score_frames(iter([frame]), model, entities=entities, jobs=jobs, progress=progress))
    scored = results[0]
    if not isinstance(source, pd.DataFrame):
        return scored
    added = [name for name in scored.columns if name not in frame.columns]
    out = source.copy()
    out["problem"] = scored["problem"].to_numpy()
    for name in added:
        column = scored[name]
        out[name] = column.to_numpy() if column.dtype != frame["answer"].dtype else column.array
    return out


def score_file(
    sources: Any,
    output: str | Path,
    *,
    model: "Model | str | Path | None" = None,
    jobs: int = 1,
    entities: bool = True,
    encoding: str = "utf-8",
    progress: Callable[[int], None] | None = None,
    unsure_below: float | None = None,
) -> dict[str, Any]:
    """Label the pairs of files and write a table, batch by batch.

    Parameters
    ----------
    sources : path or list of paths
        See `pqnlp.read`.
    output : path
        ``.csv``, ``.jsonl`` or ``.parquet``; ``"-"`` for standard output. It appears when it is whole.
    model, jobs, entities, progress
        As for `score`.
    encoding : str
        Of text files.
    unsure_below : float, optional
        See `pqnlp.load`.

    Returns
    -------
    dict
        ``rows``, ``scored``, ``labels`` (counts), ``problems`` (counts), ``unsure``, ``seconds``.

    Raises
    ------
    ReadError, ModelError, WriteError
        Nothing is written then.
    """
    from pqnlp.corpus import read_batches
    from pqnlp.model import load
    from pqnlp.output import TableWriter

    opened = load(model, unsure_below=unsure_below)
    began = time.monotonic()
    labels: Counter = Counter()
    problems: Counter = Counter()
    unsure = rows = 0
    with TableWriter(output) as writer:
        frames = _unique_ids(read_batches(sources, encoding=encoding, batch_size=BATCH_ROWS))
        for part in _score_frames(frames, opened, entities=entities, jobs=jobs, progress=progress):
            writer.write(part)
            rows += len(part)
            labels.update(part["label"].dropna())
            problems.update(p for p in part["problem"] if p)
            unsure += int(part["unsure"].fillna(False).astype(bool).sum())
    names = [str(c) for c in opened.classifier.classes_]
    return {
        "rows": rows,
        "scored": sum(labels.values()),
        "labels": {name: labels.get(name, 0) for name in names},
        "problems": dict(problems.most_common()),
        "unsure": unsure,
        "seconds": time.monotonic() - began,
    }


def _unique_ids(frames: "Iterator[pd.DataFrame]") -> "Iterator[pd.DataFrame]":
    """Flag ids that an earlier batch had; a set of hashes costs 60 MB for a million rows."""
    import numpy as np

    seen: set[int] = set()
    for frame in frames:
        flags = []
        for value in frame["id"]:
            key = hash(value)
            flags.append(key in seen)
            seen.add(key)
        again = frame["problem"].eq("") & np.array(flags, dtype=bool)
        if again.any():
            frame.loc[again, "problem"] = "duplicate_id"
        yield frame


def _score_frames(frames, model, *, entities, jobs, progress) -> "Iterator[pd.DataFrame]":
    """Score frames in order; with several jobs through joblib, whose workers open the model once each."""
    from pqnlp.model import load

    opened = load(model)
    pieces = ((k, piece) for k, frame in enumerate(frames) for piece in _pieces(frame))
    if jobs == 1 or jobs == 0:
        done = ((k, piece, _score_rows(_columns(piece), opened, entities)) for k, piece in pieces)
        yield from _joined(done, progress)
        return
    from joblib import Parallel, delayed

    if opened.path is None:
        raise ValueError(
            "A model that was not loaded from a folder cannot work in several jobs: save and load it, or use jobs=1."
        )
    where = str(opened.path)
    waiting: list = []

    def tasks():
        for k, piece in pieces:
            waiting.append((k, piece))
            yield delayed(_score_in_worker)(_columns(piece), where, opened.unsure_below, entities)

    with Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="2*n_jobs") as parallel:
        results = parallel(tasks())
        yield from _joined(((*waiting.pop(0), result) for result in results), progress)


def _pieces(frame: "pd.DataFrame") -> "Iterator[pd.DataFrame]":
    sizes = (frame["question"].str.len() + frame["answer"].str.len()).to_numpy()
    start = 0
    while True:
        total, end = 0, start
        while (
            end < len(frame) and end - start < BATCH_ROWS and (end == start or total + sizes[end] <= BATCH_CHARACTERS)
        ):
            total += sizes[end]
            end += 1
        yield frame.iloc[start:end]
        start = end
        if start >= len(frame):
            return


def _joined(done, progress) -> "Iterator[pd.DataFrame]":
    """Put the pieces of each frame together again."""
    import pandas as pd

    current, parts = None, []
    for k, piece, columns in done:
        if current is not None and k != current:
            yield pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
            parts = []
        current = k
        parts.append(_with_results(piece, columns))
        if progress is not None:
            progress(len(piece))
    if parts:
        yield pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _columns(piece: "pd.DataFrame") -> dict[str, list]:
    return {
        name: piece[name].tolist() for name in ("question", "answer", "department", "answered", "tabled", "problem")
    }


def _score_in_worker(columns: dict[str, list], where: str, unsure_below: float, entities: bool) -> dict[str, list]:
    from pqnlp.model import load

    return _score_rows(columns, load(where, unsure_below=unsure_below), entities)


def _score_rows(columns: dict[str, list], model: "Model", entities: bool) -> dict[str, list]:
    """Score one batch; plain lists in and out, so that they travel between processes cheaply."""
    import numpy as np

    from pqnlp.explanation import pointed_at

    n = len(columns["answer"])
    names = [str(c) for c in model.classifier.classes_]
    out: dict[str, list] = {"label": [None] * n, "reason": [None] * n}
    out |= {f"p_{name}": [None] * n for name in names}
    out |= {"unsure": [None] * n, "evidence": [""] * n}
    rows_of: dict[tuple[str, str], list[int]] = {}
    for k in range(n):
        if columns["problem"][k] in _SCORED_ALL_THE_SAME:
            # Equal pairs are scored once: grouped questions share their answer.
            rows_of.setdefault((columns["question"][k], columns["answer"][k]), []).append(k)
    pairs = list(rows_of)
    analysis = model.classifier.analyse(pairs)
    reasons = model.classifier.reasons_from(analysis) if pairs else []
    sentence = 0
    for j, pair in enumerate(analysis.pairs):
        p = analysis.probabilities[j]
        size = len(pair.spans)
        spans = [pair.spans[k] for k in pointed_at(analysis.decisive[sentence : sentence + size])]
        sentence += size
        values = {
            "label": names[int(np.argmax(p))],
            "reason": str(reasons[j]),
            **{f"p_{name}": round(float(value), 4) for name, value in zip(names, p, strict=True)},
            "unsure": bool(p.max() < model.unsure_below),
            "evidence": " […] ".join(pair.answer[start:end] for start, end in spans),
        }
        for row in rows_of[pairs[j]]:
            for name, value in values.items():
                out[name][row] = value
    if entities:
        good = [k for k in range(n) if columns["problem"][k] in _SCORED_ALL_THE_SAME]
        dates = [columns["answered"][k] if _said(columns["answered"][k]) else columns["tabled"][k] for k in good]
        found = tag_rows(
            model.nlp, [columns["question"][k] for k in good], [columns["answer"][k] for k in good],
            [columns["department"][k] for k in good], dates,
        )  # fmt: skip
        out["entities"] = [[] for _ in range(n)]
        for k, rows in zip(good, found, strict=True):
            out["entities"][k] = rows
    return out


def _said(value) -> bool:
    return isinstance(value, str) and bool(value)


_ENTITY_FIELDS = ("start", "end", "text", "type", "id", "url", "from", "to")


def tag_rows(nlp, questions: list[str], answers: list[str], departments: list, dates: list) -> list[list[dict]]:
    """Tag questions and answers.

    Parameters
    ----------
    nlp : Language
    questions, answers : list of str, length n
    departments : list, length n
        Names of answering bodies; None or NaN where unknown: then the question tells.
    dates : list, length n
        ISO dates on which the pairs are read; None or NaN where unknown.

    Returns
    -------
    list of list of dict, length n
        Mentions of question, then answer: ``field``, ``start``, ``end``, ``text``, ``type``, ``id``, ``url``, ``from``, ``to``.
    """
    from pqnlp.entities import mentions
    from pqnlp.pipeline import tag_texts
    from pqnlp.question import addressee

    bodies = [
        department if _said(department) else addressee(question)
        for department, question in zip(departments, questions, strict=True)
    ]
    days = [date if _said(date) else None for date in dates]
    texts = [text for pair in zip(questions, answers, strict=True) for text in pair]
    twice = [body for body in bodies for _ in (0, 1)]
    twice_days = [day for day in days for _ in (0, 1)]
    asked = [value for question in questions for value in (None, question)]
    out: list[list[dict]] = [[] for _ in questions]
    # Mentions need no sentences; the classifier has split them from the raw text.
    docs = tag_texts(nlp, texts, departments=twice, dates=twice_days, questions=asked, disable=("pqnlp_sentences",))
    for k, doc in enumerate(docs):
        field = "question" if k % 2 == 0 else "answer"
        out[k // 2] += [{"field": field, **{name: row[name] for name in _ENTITY_FIELDS}} for row in mentions(doc)]
    return out


def _with_results(piece: "pd.DataFrame", columns: dict[str, list]) -> "pd.DataFrame":
    import pandas as pd

    out = piece.reset_index(drop=True)
    text = out["answer"].dtype
    for name, values in columns.items():
        if name in ("label", "reason", "evidence"):
            out[name] = pd.Series(values, dtype=text)
        elif name == "unsure":
            out[name] = pd.array(values, dtype="boolean")
        elif name == "entities":
            out[name] = pd.Series(values, dtype=object)
        else:
            out[name] = pd.Series(values, dtype="float64")
    return out


def entities_table(source: Any, *, model: "Model | None" = None) -> "pd.DataFrame":
    """Tag entities and return one row for each mention.

    Parameters
    ----------
    source : DataFrame, path, or list of pairs
        See `pqnlp.read`.
    model : Model, optional
        Whose pipeline to use; a new one by default.

    Returns
    -------
    DataFrame
        ``row`` (number of the pair from 0), ``id_pair`` (the pair's id), ``field``, ``start``, ``end``, ``text``, ``type``,
        ``id``, ``url``, ``from``, ``to``.
    """
    import pandas as pd

    from pqnlp.corpus import read
    from pqnlp.pipeline import build_pipeline

    frame = read(source)
    good = frame[frame["problem"].isin(_SCORED_ALL_THE_SAME)]
    nlp = model.nlp if model is not None else build_pipeline()
    dates = [a if _said(a) else t for a, t in zip(good["answered"], good["tabled"], strict=True)]
    found = tag_rows(nlp, good["question"].tolist(), good["answer"].tolist(), good["department"].tolist(), dates)
    rows = [
        {"row": int(row), "id_pair": identity, **mention}
        for row, identity, mentions in zip(good.index, good["id"], found, strict=True)
        for mention in mentions
    ]
    return pd.DataFrame(rows, columns=["row", "id_pair", "field", *_ENTITY_FIELDS])
