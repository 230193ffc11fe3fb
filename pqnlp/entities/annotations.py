"""Annotations of entities: offsets by id, joined to the texts of a corpus, and the exports of annotation tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pqnlp.exports import ExportError, export_form, read_records

__all__ = ["AnnotatedText", "read_annotations", "read_span_exports"]

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
    split : {"train", "test", "second"}, optional
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


# What people call the four types.
_TYPES = {
    "ORG": "ORG", "ORGANISATION": "ORG", "ORGANIZATION": "ORG", "ORGANISATIONS": "ORG", "ORGANIZATIONS": "ORG",
    "DEPARTMENT": "DEPARTMENT", "DEPT": "DEPARTMENT", "MINISTRY": "DEPARTMENT",
    "LEGISLATION": "LEGISLATION", "LAW": "LEGISLATION", "ACT": "LEGISLATION", "DATE": "DATE",
}  # fmt: skip
_TEXT_NAMES = ("text", "answer", "question", "data")


def read_span_exports(sources: Sequence[Any], *, corpus: Any = None, encoding: str = "utf-8") -> list[AnnotatedText]:
    """Read spans that people marked with an annotation tool.

    Parameters
    ----------
    sources : sequence of path or list of dict
        JSON or JSON lines: Label Studio (whole or JSON-MIN), doccano, Prodigy, Argilla 2; or lines of pqnlp's own,
        ``{"text": "...", "spans": [[0, 5, "ORG"]]}`` or, with the texts in `corpus`,
        ``{"id": 7, "question": [], "answer": [[0, 5, "ORG"]]}``.
    corpus : path or DataFrame, optional
        Where the texts of rows without text are.
    encoding : str, default "utf-8"

    Returns
    -------
    list of AnnotatedText
        One for each annotation of each text; spans of other types than the four are left out.

    Raises
    ------
    ExportError
        For offsets that do not fit the text, texts that cannot be told apart, or files without spans. The message names
        file and record.
    ReadError
        For a file that is not whole, or ids that `corpus` lacks.
    """
    texts: list[AnnotatedText] = []
    by_id: list[dict] = []
    for source in sources:
        if (
            isinstance(source, (str, Path))
            and not Path(source).exists()
            and not any(sign in str(source) for sign in "*?[")
        ):
            raise ExportError(f"There is no file {source}.")
        found = False
        for name, records in read_records(source, encoding, plain=True):
            for number, record in enumerate(records, 1):
                where = f"{name}, record {number}"
                found = True
                if not isinstance(record, dict):
                    raise ExportError(f"{where}: expected an object, got {record!r:.60}.")
                if isinstance(record.get("question"), list) or isinstance(record.get("answer"), list):
                    if record.get("pass", 1) == 1:
                        by_id.append({"id": None, "question": [], "answer": [], **record, "where": where})
                    continue
                try:
                    marked = list(_READERS.get(export_form(record), _own)(record, where))
                except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
                    raise ExportError(
                        f"{where}: not of the shape that annotation tools export ({error}). Export it again, or write "
                        'lines such as {"text": "...", "spans": [[0, 5, "ORG"]]}.'
                    ) from None
                for field, text, spans in marked:
                    identity = str(record.get("id") or (record.get("meta") or {}).get("id") or where)
                    checked = sorted({_checked(text, span, where) for span in spans} - {None})
                    texts.append(AnnotatedText(identity, field, text, checked, "", "", ""))
        if not found:
            raise ExportError(f"{source!s:.80} holds no records: give a JSON or JSON lines file with marked spans.")
    if by_id:
        texts += _with_texts(by_id, corpus)
    return texts


def _with_texts(rows: list[dict], corpus: Any) -> Iterator[AnnotatedText]:
    if corpus is None:
        raise ExportError(
            f"{rows[0]['where']} has spans and no text. Name the file with the texts of the ids (--texts answers.parquet)."
        )
    from pqnlp.corpus import read

    table = read(corpus).drop_duplicates("id").set_index("id")
    missing = [str(r["id"]) for r in rows if str(r["id"]) not in table.index]
    if missing:
        raise ExportError(
            f"{len(missing)} of {len(rows)} ids have no text in {corpus!s:.60}, such as {missing[0]}. Add the file that has it."
        )
    for r in rows:
        row = table.loc[str(r["id"])]
        for field in ("question", "answer"):
            spans = sorted({_checked(row[field], (*s[:3], None), r["where"]) for s in r[field]} - {None})
            question = row["question"] if field == "answer" else ""
            yield AnnotatedText(str(r["id"]), field, row[field], spans, question, "", "")


_Marked = tuple[int, int, str, Any]


def _checked(text: str, span: _Marked, where: str) -> Span | None:
    """Return a span of one of the four types, its white space trimmed; None for another type."""
    start, end, kind, words = span
    kind = _TYPES.get(str(kind).strip().upper())
    if kind is None:
        return None
    if isinstance(words, str) and text[start:end] != words:
        # Label Studio counts as JavaScript does: a character beyond the basic plane twice.
        units = text.encode("utf-16-le")
        start, end = (len(units[: 2 * at].decode("utf-16-le", "ignore")) for at in (start, end))
    if not 0 <= start < end <= len(text) or isinstance(words, str) and text[start:end] != words:
        raise ExportError(
            f"{where}: the span from {span[0]} to {span[1]} does not fit the text. The text was changed after it was marked: "
            "export text and spans together."
        )
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end, kind) if start < end else None


def _only_text(fields: dict, where: str, named: str | None = None) -> tuple[str, str]:
    """Return name and words of the text that spans were marked in."""
    if named in fields and isinstance(fields[named], str):
        return named, fields[named]
    names = [name for name in _TEXT_NAMES if isinstance(fields.get(name), str)]
    names = names[:1] if names[:1] == ["text"] else names
    if len(names) != 1:
        raise ExportError(
            f"{where}: it cannot be told in which text the spans are (fields: {', '.join(map(str, fields)) or 'none'}). "
            "Call the text 'text', or the control's object as its field."
        )
    return names[0], fields[names[0]]


def _label_studio(task: dict, where: str) -> Iterator[tuple[str, str, list[_Marked]]]:
    if not isinstance(task.get("data"), dict):  # JSON-MIN
        spans = [
            s
            for value in task.values()
            if isinstance(value, list)
            for s in value
            if isinstance(s, dict) and "start" in s
        ]
        name, text = _only_text(task, where)
        yield name, text, [(s["start"], s["end"], label, s.get("text")) for s in spans for label in s.get("labels", ())]
        return
    for annotation in task.get("annotations") or task.get("completions") or ():
        if annotation.get("was_cancelled"):
            continue
        texts: dict[str, tuple[str, list[_Marked]]] = {}
        for result in annotation.get("result") or ():
            value = result.get("value") or {}
            labels = value.get("labels", value.get("hypertextlabels"))
            if isinstance(labels, list):
                name, text = _only_text(task["data"], where, result.get("to_name"))
                marked = texts.setdefault(name, (text, []))[1]
                marked += [(value["start"], value["end"], label, value.get("text")) for label in labels]
        if not texts:  # marked as holding nothing
            name, text = _only_text(task["data"], where, "answer")
            texts[name] = (text, [])
        for name, (text, marked) in texts.items():
            yield name, text, marked


def _doccano(row: dict, where: str) -> Iterator[tuple[str, str, list[_Marked]]]:
    name, text = _only_text(row, where)
    spans: list[_Marked] = []
    for value in (row.get("label"), row.get("labels"), row.get("entities")):
        for s in value if isinstance(value, list) else ():
            if isinstance(s, dict):
                spans.append((s["start_offset"], s["end_offset"], s["label"], None))
            elif isinstance(s, list):
                spans.append((s[0], s[1], s[2], None))
    yield name, text, spans


def _prodigy(task: dict, where: str) -> Iterator[tuple[str, str, list[_Marked]]]:
    if task.get("answer") in ("reject", "ignore"):
        return
    yield "text", task["text"], [(s["start"], s["end"], s["label"], None) for s in task.get("spans") or ()]


def _argilla(record: dict, where: str) -> Iterator[tuple[str, str, list[_Marked]]]:
    flat = not isinstance(record.get("fields"), dict)
    fields = record if flat else record["fields"]
    answers: dict[Any, list] = {}
    if flat:
        for key, values in record.items():
            if str(key).endswith(".responses"):
                users = record.get(f"{key}.users") or range(len(values or ()))
                states = record.get(f"{key}.status") or ["submitted"] * len(values or ())
                for user, value, state in zip(users, values or (), states, strict=False):
                    if state == "submitted":
                        answers.setdefault(user, []).append(value)
    else:
        for values in (record.get("responses") or {}).values():
            for response in values:
                if response.get("status", "submitted") == "submitted":
                    answers.setdefault(response.get("user_id"), []).append(response.get("value"))
    for given in answers.values():
        parts = [p for value in given if isinstance(value, list) for p in value if isinstance(p, dict) and "start" in p]
        name, text = _only_text(fields, where)
        yield name, text, [(p["start"], p["end"], p["label"], p.get("text")) for p in parts]


def _own(row: dict, where: str) -> Iterator[tuple[str, str, list[_Marked]]]:
    if "spans" not in row:
        raise ExportError(
            f"{where} has no 'spans' (fields: {', '.join(map(str, row)) or 'none'}): mark some, or take it out."
        )
    name, text = _only_text(row, where)
    spans = [
        (s["start"], s["end"], s["label"], None) if isinstance(s, dict) else (*s[:3], None) for s in row["spans"] or ()
    ]
    yield name, text, spans


_READERS = {"label-studio": _label_studio, "doccano": _doccano, "prodigy": _prodigy, "argilla": _argilla}
