"""Hand annotations of entities (``data/entities.jsonl``): offsets by id, joined to the texts of a corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["AnnotatedText", "read_annotations"]

Span = tuple[int, int, str]


class AnnotatedText(NamedTuple):
    """One question or answer with its marked spans.

    Attributes
    ----------
    id : str
    field : {"question", "answer"}
    text : str
    spans : list of (int, int, str)
        Start, end and entity type.
    question : str
        For an answer the question that it replies to; ``""`` for a question.
    department, date : str
        The answering body and the day the text is read on, ``""`` where the corpus does not say.
    """

    id: str
    field: str
    text: str
    spans: list[Span]
    question: str
    department: str
    date: str


def read_annotations(
    corpus, annotations: str | Path, *, split: str | None = None, number: int = 1
) -> Iterator[AnnotatedText]:
    """Join annotations to texts.

    Parameters
    ----------
    corpus : path or DataFrame
        Anything that :func:`pqnlp.corpus.read` reads, with the ids of the annotations.
    annotations : path-like
        JSON lines with ``id``, ``pass``, ``split`` and, for ``question`` and ``answer``, ``[start, end, type]`` triples.
    split : {"train", "test"}, optional
        Yield this part alone.
    number : int, default 1
        Annotation pass; 100 ids have a second one, by another annotator.

    Yields
    ------
    AnnotatedText
        Question, then answer, of each id.

    Raises
    ------
    ValueError
        If the corpus lacks an id of the annotations, or an offset lies outside its text.
    """
    import pandas as pd

    from pqnlp.corpus import read

    with open(annotations, encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle if line.strip()]
    rows = [r for r in rows if r["pass"] == number and split in (None, r["split"])]
    wanted = {str(r["id"]) for r in rows}
    if not isinstance(corpus, pd.DataFrame) and str(corpus).endswith(".parquet"):
        corpus = pd.read_parquet(corpus)
    if isinstance(corpus, pd.DataFrame):
        corpus = corpus[corpus["id"].astype(str).isin(wanted)]
    table = read(corpus).set_index("id")
    missing = wanted - set(table.index)
    if missing:
        raise ValueError(
            f"the corpus lacks {len(missing)} annotated ids, such as {sorted(missing)[0]}: give the corpus that they were drawn from."
        )
    for r in rows:
        row = table.loc[str(r["id"])]

        def known(name, row=row):
            return row[name] if isinstance(row[name], str) else ""

        for field in ("question", "answer"):
            text = row[field]
            spans = [tuple(s) for s in r[field]]
            if any(not 0 <= start < end <= len(text) for start, end, _ in spans):
                raise ValueError(
                    f"id {r['id']}, {field}: an offset lies outside the text. The corpus holds another text than was annotated."
                )
            question = row["question"] if field == "answer" else ""
            yield AnnotatedText(
                str(r["id"]),
                field,
                text,
                spans,
                question,
                known("department"),
                known("answered" if field == "answer" else "tabled"),
            )
