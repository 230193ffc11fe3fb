"""Exports of annotation tools: read into labelled pairs, and written for the tools to label.

================  ====================================================  =================================================
form              label and reason                                      deciding words
================  ====================================================  =================================================
Label Studio      ``choices`` of the controls ``label``, ``reason``     ``labels`` regions called ``evidence``
doccano           ``label`` or ``cats``, written ``label > reason``     ``entities`` or ``label`` spans, ``evidence``
Prodigy           ``accept`` of a choice, or ``label``                  ``spans`` called ``evidence``
Argilla           responses to the questions ``label``, ``reason``      responses to a span question, ``evidence``
================  ====================================================  =================================================

The shapes are those that the tools document: Label Studio's JSON and JSON-MIN, doccano's JSONL of text classification and of
intent detection with slots (``backend/data_export/pipeline`` in its source), Prodigy's ``db-out``, and Argilla 2's
``records.to_json`` and ``records.to_list(flatten=True)``. All are plain JSON, so none of the tools need be installed.
"""

from __future__ import annotations

import glob
import gzip
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError, ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMS", "ExportError", "export_form", "labelling_config", "read_export", "read_records", "write_export"]

#: The forms that are written, in the order in which the documentation names them.
FORMS = ("label-studio", "doccano", "prodigy", "argilla", "csv")

_TOOLS = {"label-studio": "Label Studio", "doccano": "doccano", "prodigy": "Prodigy", "argilla": "Argilla"}
_EVIDENCE = "evidence"
_BETWEEN = " > "  # label and reason in one category: tools with a single list of categories have no other place
_ANSWER_MARK = re.compile(r"\n[ \t]*(?:answer|reply|response)[ \t]*:[ \t]*\n?", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_SUFFIXES = (".json", ".jsonl", ".ndjson")
_MAX_UNPACKED = 500_000_000


class ExportError(PqnlpError):
    """An export that cannot be read as labelled pairs, or rows that cannot be written; the message names the mend."""


def export_form(record: Any) -> str | None:
    """Tell which tool a record comes from.

    Parameters
    ----------
    record : dict
        The first object of a file.

    Returns
    -------
    str or None
        One of `FORMS` other than "csv"; None for a plain row.

    Examples
    --------
    >>> export_form({"text": "…", "accept": ["direct"], "answer": "accept"})
    'prodigy'
    >>> export_form({"question": "…", "answer": "…", "label": "direct"}) is None
    True
    """
    if not isinstance(record, dict):
        return None
    keys = {str(key) for key in record}
    if isinstance(record.get("data"), dict) and keys & {"annotations", "completions", "predictions"}:
        return "label-studio"
    if "annotation_id" in keys and "lead_time" in keys:
        return "label-studio"  # JSON-MIN: a plain row, but for regions
    if isinstance(record.get("fields"), dict) and keys & {"responses", "suggestions"}:
        return "argilla"
    if any(key.endswith((".responses", ".suggestion")) for key in keys):
        return "argilla"
    if "text" in keys or "data" in keys:
        if keys & {"_task_hash", "_input_hash", "accept", "_view_id"}:
            return "prodigy"
        if record.get("answer") in ("accept", "reject", "ignore"):
            return "prodigy"
        if keys & {"cats", "entities"} or isinstance(record.get("label", record.get("labels")), list):
            return "doccano"
    return None


def read_export(source: Any, *, encoding: str = "utf-8") -> "pd.DataFrame | None":
    """Read the export of an annotation tool.

    Parameters
    ----------
    source : path or list of dict
        A JSON or JSON lines file, a folder or a glob of these, or the records themselves.
    encoding : str, default "utf-8"

    Returns
    -------
    DataFrame or None
        A row for each annotation of each pair: ``id``, ``question``, ``answer``, ``label``, ``reason``, ``evidence`` (the
        words marked, missing where none are), ``evidence_spans`` (list of their offsets in ``answer`` as the file has it),
        ``annotator``, ``problem`` ("unlabelled", "skipped", "rejected" or empty), ``where`` and ``row`` (number in the
        file), and whatever plain fields the tool carried along. None where the file is not of a known tool.

    Raises
    ------
    ExportError
        For rows with several labels, a label's control or question that cannot be told, or texts that cannot be parted
        into question and answer. The message names the rows.
    ReadError
        For a file that is not whole.
    """
    import pandas as pd

    parts = []
    for name, records in read_records(source, encoding):
        form = export_form(next(iter(records), None))
        if form is None:
            return None
        reader = {
            "label-studio": _label_studio,
            "doccano": _doccano,
            "prodigy": _prodigy,
            "argilla": _argilla,
        }[form]
        rows: list[dict] = []
        several: list[int] = []
        for number, record in enumerate(records, 1):
            if not isinstance(record, dict):
                raise ExportError(f"{name}, record {number}: expected an object, got {record!r:.60}.")
            try:
                read = list(reader(record, f"{name}, record {number}"))
            except PqnlpError:
                raise
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                # A hand-made file can put anything anywhere; which of the many places it was is for the reader to see.
                raise ExportError(
                    f"{name}, record {number}: not of the shape that {_TOOLS[form]} exports ({error}). Export it again, or "
                    "write a table with the columns question, answer and label."
                ) from None
            for row in read:
                row = {"where": name, "row": number, "id": None, "reason": None, "annotator": None} | row
                if isinstance(row["label"], list):
                    several.append(number)
                rows.append(row)
        if several:
            raise ExportError(
                f"{name}: {_count(several, 'record')} with several labels ({_first(several)}). Each answer has one label: "
                "settle which, or export one label a record."
            )
        parts.append(pd.DataFrame(rows, dtype=object))
    return pd.concat(parts, ignore_index=True) if parts else None


def read_records(source: Any, encoding: str = "utf-8", *, plain: bool = False) -> Iterator[tuple[str, list]]:
    """Yield name and objects of each JSON or JSON lines file; other files are passed over.

    Parameters
    ----------
    source : path or list of dict
    encoding : str, default "utf-8"
    plain : bool, default False
        Read JSON lines of no known tool, too.

    Yields
    ------
    (str, list)
    """
    if isinstance(source, (list, tuple)):
        yield "the list", list(source)
        return
    path = Path(str(source))
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else None
    except OSError:  # too long to be a name
        return
    if files is None:
        files = [Path(match) for match in sorted(glob.glob(str(source), recursive=True))]
    for file in files:
        if file.suffix.lower() == ".zip" and file.is_file():
            yield from _zipped(file, encoding, plain)
            continue
        suffixes = [suffix.lower() for suffix in file.suffixes]
        packed = suffixes[-1:] == [".gz"]
        if (suffixes[-2:-1] if packed else suffixes[-1:]) not in [[s] for s in _SUFFIXES] or file.name.startswith("."):
            continue  # anything else has readers of its own
        try:
            data = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
        except (OSError, EOFError, zlib.error):
            continue  # the reader of tables says what is wrong, with the mend
        records = _records(data, str(file), encoding, plain)
        if records:
            yield str(file), records


def _zipped(file: Path, encoding: str, plain: bool) -> Iterator[tuple[str, list]]:
    """Yield the records of a zip archive, as doccano's export is: ``all.jsonl``, or a file for each annotator."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if Path(m.filename).suffix.lower() in _SUFFIXES]
            if not members:
                raise ReadError(f"{file} holds no JSON or JSON lines: unpack it, and name the files of labels.")
            for member in members:
                if member.file_size > _MAX_UNPACKED:
                    raise ReadError(
                        f"{file}: {member.filename} is larger than {_MAX_UNPACKED // 10**6} MB. Unpack it first."
                    )
                name = f"{file}, {member.filename}"
                records = _records(archive.read(member), name, encoding, plain)
                if not records or not (plain or export_form(records[0])):
                    raise ReadError(
                        f"{name} is not the export of a known tool in {encoding}. Unpack the archive and look."
                    )
                annotator = Path(member.filename).stem
                if annotator != "all":
                    records = [{"annotator": annotator, **r} if isinstance(r, dict) else r for r in records]
                yield name, records
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise ReadError(f"{file} is not a whole zip archive ({error}). Export it again, or unpack it first.") from None


def _records(data: bytes, file: str, encoding: str, plain: bool) -> list | None:
    """Return the objects of JSON or JSON lines; None for anything else."""
    try:
        text = data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except (UnicodeError, LookupError):
        return None
    try:
        whole = json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        lines = text.split("\n")  # JSON may hold other line breaks inside of a text
    else:
        return whole if isinstance(whole, list) else [whole] if isinstance(whole, dict) else None
    records: list = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
            if not plain and len(records) == 1 and export_form(records[0]) is None:
                return None
        except (ValueError, RecursionError) as error:
            if not records:
                return None
            reason = getattr(error, "msg", "nested too deeply")
            raise ReadError(f"{file}, line {number}: not JSON ({reason}). Export it again: the file is cut.") from None
    return records


# --- texts ------------------------------------------------------------------------------------------------------------


def _joined(question: str, answer: str) -> str:
    return f"{question}\n\nAnswer:\n{answer}"


def _texts(fields: dict, where: str) -> tuple[str, str, int]:
    """Return question, answer and where the answer begins in the text that spans were marked in."""
    from pqnlp.corpus import _find_columns

    names = list(fields)
    found = _find_columns(names)
    text = next((fields[key] for key in ("text", "data") if isinstance(fields.get(key), str)), None)
    if "question" in found and "answer" in found:
        question, answer = (str(fields[names[found[key]]] or "") for key in ("question", "answer"))
        return question, answer, max(0, text.rfind(answer)) if text else 0
    if text is not None and "question" in found:
        return str(fields[names[found["question"]]] or ""), text, 0
    if text is not None:
        part = _ANSWER_MARK.search(text) or _BLANK_LINE.search(text, len(text) - len(text.lstrip()))
        if part and text[: part.start()].strip():
            return text[: part.start()].strip(), text[part.end() :], part.end()
        raise ExportError(
            f"{where}: the text is not parted into question and answer. Put an empty line or a line 'Answer:' between "
            "them, or carry 'question' and 'answer' along as fields."
        )
    raise ExportError(
        f"{where} has no question and answer (fields: {', '.join(map(str, names[:8])) or 'none'}). "
        "Name them 'question' and 'answer', or 'text' for both with an empty line between."
    )


def _plain(record: dict, leave: Iterable[str]) -> dict:
    """Return the plain fields that a tool carried along, such as a department or a date."""
    leave = set(leave)
    return {
        str(key): value
        for key, value in record.items()
        if key not in leave and not isinstance(value, (dict, list)) and not str(key).startswith("_")
    }


def _marked(answer: str, spans: Iterable[tuple[Any, Any, str | None]], shift: int = 0) -> dict:
    """Return the offsets and words of spans in the answer; spans outside of it are left out."""
    out: list[tuple[int, int]] = []
    for start, end, words in spans:
        try:
            begin, stop = int(start) - shift, int(end) - shift
        except (TypeError, ValueError):
            begin, stop = -1, -1
        if words and answer[max(begin, 0) : max(stop, 0)] != words:
            # Browsers count some characters twice; the words themselves say where they are.
            begin = answer.find(words)
            stop = begin + len(words)
        if begin < stop and stop > 0 and begin < len(answer):
            out.append((max(begin, 0), min(stop, len(answer))))
    out.sort()
    return {
        "evidence_spans": out or None,
        "evidence": answer[slice(*out[0])] if out and answer[slice(*out[0])].strip() else None,
    }


def _parted(categories: Sequence[Any]) -> tuple[Any, str | None]:
    """Return label and reason of a list of categories; the whole list where it holds several labels."""
    names = [str(value).strip() for value in categories if value is not None and str(value).strip()]
    if len(names) != 1:
        return (names or None), None
    label, _, reason = names[0].partition(_BETWEEN)
    return label.strip(), reason.strip() or None


# --- Label Studio -----------------------------------------------------------------------------------------------------


def _label_studio(task: dict, where: str) -> Iterator[dict]:
    if not isinstance(task.get("data"), dict):
        yield from _label_studio_min(task, where)
        return
    question, answer, shift = _texts(task["data"], where)
    kept = _plain(task["data"], ("question", "answer", "text", "label", "reason", _EVIDENCE, "problem"))
    base = {**kept, "id": task["data"].get("id", task.get("id")), "question": question, "answer": answer}
    annotations = [a for a in task.get("annotations") or task.get("completions") or [] if isinstance(a, dict)]
    annotations = [a for a in annotations if a.get("ground_truth")] or annotations
    if not annotations:
        yield base | {"label": None, "problem": "unlabelled"} | _marked(answer, [])
    for annotation in annotations:
        results = [r for r in annotation.get("result") or [] if isinstance(r, dict)]
        choices: dict[str, list] = {}
        spans = []
        for result in results:
            value, name = result.get("value") or {}, str(result.get("from_name") or "")
            if isinstance(value.get("choices"), list):
                choices.setdefault(name, []).extend(value["choices"])
            elif isinstance(value.get("labels", value.get("hypertextlabels")), list):
                called = {name.lower(), *(str(n).lower() for n in value.get("labels", value.get("hypertextlabels")))}
                if _EVIDENCE in called:
                    spans.append((value.get("start"), value.get("end"), value.get("text")))
        by = annotation.get("completed_by")
        by = by.get("email") or by.get("id") if isinstance(by, dict) else by
        label, reason = _chosen(choices, where, "control")
        problem = "skipped" if annotation.get("was_cancelled") else "" if label is not None else "unlabelled"
        annotator = None if by is None else str(by)
        yield (
            base
            | {"label": label, "reason": reason, "annotator": annotator, "problem": problem}
            | _marked(answer, spans, shift)
        )


def _label_studio_min(row: dict, where: str) -> Iterator[dict]:
    question, answer, shift = _texts(row, where)
    spans = row.get(_EVIDENCE)
    spans = [(s.get("start"), s.get("end"), s.get("text")) for s in spans] if isinstance(spans, list) else []
    label = row.get("label")
    if isinstance(label, dict):
        label = label.get("choices")
    label, reason = _parted(label if isinstance(label, list) else [label])
    reason = row["reason"] if isinstance(row.get("reason"), str) else reason
    by = row.get("annotator")
    base = _plain(row, ("question", "answer", "text", "label", "reason", _EVIDENCE, "annotator", "problem"))
    problem = "skipped" if row.get("was_cancelled") else "" if label is not None else "unlabelled"
    said = {"question": question, "answer": answer, "label": label, "reason": reason, "problem": problem}
    yield base | said | {"annotator": None if by is None else str(by)} | _marked(answer, spans, shift)


def _chosen(choices: dict[str, list], where: str, thing: str) -> tuple[Any, str | None]:
    """Return label and reason of named choices."""
    if not choices:
        return None, None
    lower = {name.lower(): name for name in choices}
    others = [name for name in choices if name.lower() != "reason"]
    if "label" in lower:
        name = lower["label"]
    elif len(others) == 1:
        name = others[0]
    else:
        raise ExportError(
            f"{where} has several {thing}s with choices ({', '.join(sorted(choices))}): call the one that holds the label "
            "'label', and the one that holds the reason 'reason'."
        )
    label, reason = _parted(choices[name])
    given = choices[lower["reason"]] if "reason" in lower else []
    return label, str(given[0]).strip() if len(given) == 1 else reason


# --- doccano ----------------------------------------------------------------------------------------------------------


def _doccano(row: dict, where: str) -> Iterator[dict]:
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    question, answer, shift = _texts({**meta, **{k: v for k, v in row.items() if isinstance(v, str)}}, where)
    labels = row.get("label", row.get("labels"))
    labels = [labels] if isinstance(labels, str) else labels if isinstance(labels, list) else []
    spans = [*(row.get("entities") or []), *(part for part in labels if isinstance(part, (list, dict)))]
    categories = row.get("cats") if isinstance(row.get("cats"), list) else [p for p in labels if isinstance(p, str)]
    label, reason = _parted(categories)
    marks = []
    for span in spans:
        if isinstance(span, dict):
            span = (span.get("start_offset"), span.get("end_offset"), span.get("label"))
        if len(span) == 3 and str(span[2]).lower() == _EVIDENCE:
            marks.append((span[0], span[1], None))
    leave = ("text", "data", "question", "answer", "label", "labels", "reason", "problem", "annotation_approver")
    by = row.get("annotation_approver") or row.get("annotator")
    base = {**_plain(meta, leave), **_plain(row, leave)}
    said = {"question": question, "answer": answer, "label": label, "reason": reason, "annotator": by and str(by)}
    yield base | said | {"problem": "" if label is not None else "unlabelled"} | _marked(answer, marks, shift)


# --- Prodigy ----------------------------------------------------------------------------------------------------------


def _prodigy(task: dict, where: str) -> Iterator[dict]:
    meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
    pair = task.get("pair") if isinstance(task.get("pair"), dict) else {}
    # "answer" is Prodigy's own word for what the annotator did with the task.
    fields = {**meta, **{k: v for k, v in task.items() if isinstance(v, str) and k not in ("answer", "label")}, **pair}
    question, answer, shift = _texts(fields, where)
    did = task.get("answer")
    if isinstance(task.get("accept"), list):
        label, reason = _parted(task["accept"])
    else:
        label, reason = _parted([task.get("label")])
    problem = {"accept": "" if label is not None else "unlabelled", "reject": "rejected", "ignore": "skipped"}.get(
        str(did), "unlabelled"
    )
    spans = task.get("spans") if isinstance(task.get("spans"), list) else []
    marks = [(s.get("start"), s.get("end"), None) for s in spans if str(s.get("label")).lower() == _EVIDENCE]
    by = task.get("_annotator_id") or task.get("_session_id")
    leave = ("text", "question", "answer", "label", "reason", "problem", "html", "pair", "priority", "score")
    base = {**_plain(meta, leave), **_plain(task, leave)}
    said = {"question": question, "answer": answer, "reason": reason, "annotator": by and str(by), "problem": problem}
    # A rejected task says what the label is not, a skipped one nothing.
    yield base | said | {"label": None if problem else label} | _marked(answer, marks, shift)


# --- Argilla ----------------------------------------------------------------------------------------------------------


def _argilla(record: dict, where: str) -> Iterator[dict]:
    if isinstance(record.get("fields"), dict):
        fields = record["fields"]
        metadata = record.get("metadata") if isinstance(record.get("metadata"), dict) else {}
        given = {name: values for name, values in (record.get("responses") or {}).items() if isinstance(values, list)}
    else:
        fields = {key: value for key, value in record.items() if "." not in str(key)}
        metadata = fields
        given = {}
        for key, values in record.items():
            if not str(key).endswith(".responses") or values is None:
                continue
            users = record.get(f"{key}.users") or []
            states = record.get(f"{key}.status") or []
            given[key.removesuffix(".responses")] = [
                {
                    "value": value,
                    "user_id": users[k] if k < len(users) else None,
                    "status": states[k] if k < len(states) else None,
                }
                for k, value in enumerate(values)
            ]
    question, answer, shift = _texts(fields, where)
    by_user: dict[Any, dict[str, Any]] = {}
    states: dict[Any, str] = {}
    for name, values in given.items():
        for response in values:
            user = response.get("user_id")
            by_user.setdefault(user, {})[name] = response.get("value")
            states[user] = str(response.get("status") or "submitted")
    leave = ("question", "answer", "text", "label", "reason", "problem", "annotator", "score")
    base = {**_plain(metadata, leave), "id": record.get("id"), "question": question, "answer": answer}
    if not by_user:
        yield base | {"label": None, "problem": "unlabelled"} | _marked(answer, [])
    for user, values in by_user.items():
        choices: dict[str, list] = {}
        marks = []
        for name, value in values.items():
            parts = value if isinstance(value, list) else [value]
            if parts and all(isinstance(part, dict) for part in parts):
                marks += [
                    (part.get("start"), part.get("end"), None)
                    for part in parts
                    if _EVIDENCE in (name.lower(), str(part.get("label")).lower())
                ]
            elif all(isinstance(part, str) for part in parts):
                choices[name] = parts
        label, reason = _chosen(choices, where, "question")
        submitted = states[user] == "submitted"
        problem = "skipped" if not submitted else "" if label is not None else "unlabelled"
        said = {"label": label if submitted else None, "reason": reason, "annotator": user and str(user)}
        yield base | said | {"problem": problem} | _marked(answer, marks, shift)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_export(
    frame: "pd.DataFrame",
    path: str | Path,
    form: str,
    *,
    guessed: bool = False,
    labels: Sequence[str] | None = None,
    agent: str = "pqnlp",
) -> Path:
    """Write pairs for an annotation tool, with their labels or with a model's guesses.

    Parameters
    ----------
    frame : DataFrame
        ``id``, ``question``, ``answer``; and, where there are any, ``label``, ``reason``, ``evidence_spans`` (list of offsets
        into ``answer``), ``score`` (probability of a guess) and ``annotator``. Other plain columns go along.
    path : path
        The file to write: JSON for Label Studio and Argilla, JSON lines for doccano and Prodigy, CSV.
    form : str
        One of `FORMS`.
    guessed : bool, default False
        The labels are a model's, to be shown and corrected: predictions in Label Studio, suggestions in Argilla, a
        preselected choice in Prodigy, the columns ``guess`` and ``guessed_reason`` beside an empty ``label`` in CSV. doccano
        knows no guesses: the label is set, and only its "approved" mark tells which ones a person has seen.
    labels : sequence of str, optional
        The labels to choose from, which Prodigy needs; by default those of the frame.
    agent : str, default "pqnlp"
        Who guessed: name and version of the model.

    Returns
    -------
    Path

    Raises
    ------
    ExportError
        If the form is unknown, a column is missing, or the file cannot be written.
    """
    if form not in FORMS:
        raise ExportError(f"Unknown form {form!r}: expected one of {', '.join(FORMS)}.")
    missing = [name for name in ("id", "question", "answer") if name not in frame.columns]
    if missing:
        raise ExportError(f"The rows have no column {missing[0]!r}: expected 'id', 'question' and 'answer'.")
    records = [_clean(record) for record in frame.to_dict("records")]
    names = list(labels) if labels is not None else _in_order(record.get("label") for record in records)
    marked = any(record.get("evidence_spans") for record in records)
    writers = {
        "label-studio": lambda r, k: _to_label_studio(r, k, guessed, agent),
        "doccano": lambda r, k: _to_doccano(r, marked),
        "prodigy": lambda r, k: _to_prodigy(r, names, guessed),
        "argilla": lambda r, k: _to_argilla(r, guessed, agent),
        "csv": lambda r, k: _to_row(r, guessed),
    }
    written = [writers[form](record, number) for number, record in enumerate(records, 1)]
    if form == "csv":
        import pandas as pd

        text = pd.DataFrame(written).to_csv(index=False, lineterminator="\n")
    elif form in ("label-studio", "argilla"):
        text = json.dumps(written, ensure_ascii=False, indent=1) + "\n"
    else:
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in written)
    return _write_whole(text, Path(path))


def labelling_config(labels: Sequence[str], reasons: Sequence[str] = ()) -> str:
    """Return the labelling interface that Label Studio needs for files that `write_export` wrote.

    Parameters
    ----------
    labels : sequence of str
    reasons : sequence of str, optional

    Returns
    -------
    str
        XML for the project's settings.

    Examples
    --------
    >>> print(labelling_config(["fixed", "refused"]).splitlines()[4].strip())
    <Label value="evidence"/>
    """
    from xml.sax.saxutils import quoteattr

    def choices(name: str, values: Sequence[str], required: str) -> list[str]:
        lines = [f'  <Choices name="{name}" toName="answer" choice="single" required="{required}">']
        return [*lines, *(f"    <Choice value={quoteattr(str(value))}/>" for value in values), "  </Choices>"]

    lines = ["<View>", '  <Text name="question" value="$question"/>', '  <Text name="answer" value="$answer"/>']
    lines += ['  <Labels name="evidence" toName="answer">', '    <Label value="evidence"/>', "  </Labels>"]
    lines += choices("label", labels, "true")
    if reasons:
        lines += choices("reason", reasons, "false")
    return "\n".join([*lines, "</View>"]) + "\n"


def _clean(record: dict) -> dict:
    """Drop what is missing, and make the rest plain."""
    out = {}
    for key, value in record.items():
        if hasattr(value, "tolist"):  # numpy
            value = value.tolist()
        if (
            value is None
            or (isinstance(value, float) and value != value)
            or type(value).__name__ in ("NAType", "NaTType")
        ):
            continue
        out[str(key)] = value.isoformat() if hasattr(value, "isoformat") else value
    for key in ("question", "answer"):
        out[key] = str(out.get(key, ""))
    out["id"] = str(out.get("id", ""))
    return out


def _in_order(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value is not None))


_SPECIAL = ("id", "question", "answer", "label", "reason", _EVIDENCE, "evidence_spans", "score", "annotator", "problem")


def _along(record: dict) -> dict:
    return _plain(record, (*_SPECIAL, "where", "row"))


def _category(record: dict) -> list[str]:
    if "label" not in record:
        return []
    return [f"{record['label']}{_BETWEEN}{record['reason']}" if "reason" in record else str(record["label"])]


def _to_label_studio(record: dict, number: int, guessed: bool, agent: str) -> dict:
    result: list[dict] = []
    for name in ("label", "reason"):
        if name in record:
            result.append(
                {
                    "id": f"{name}{number}",
                    "from_name": name,
                    "to_name": "answer",
                    "type": "choices",
                    "value": {"choices": [str(record[name])]},
                }
            )
    for k, (start, end) in enumerate(record.get("evidence_spans") or ()):
        words = record["answer"][start:end]
        value = {"start": int(start), "end": int(end), "text": words, "labels": [_EVIDENCE]}
        result.append(
            {"id": f"e{number}x{k}", "from_name": _EVIDENCE, "to_name": "answer", "type": "labels", "value": value}
        )
    data = {"id": record["id"], "question": record["question"], "answer": record["answer"], **_along(record)}
    if guessed:
        prediction: dict[str, Any] = {"model_version": agent, "result": result}
        if "score" in record:
            prediction["score"] = float(record["score"])
        return {"data": data, "predictions": [prediction]}
    annotation: dict[str, Any] = {"result": result, "was_cancelled": False}
    if "annotator" in record:
        annotation["completed_by"] = {"email": str(record["annotator"])}
    return {"id": number, "data": data, "annotations": [annotation] if result else []}


def _to_doccano(record: dict, marked: bool) -> dict:
    text = _joined(record["question"], record["answer"])
    shift = len(text) - len(record["answer"])
    out: dict[str, Any] = {"text": text, "id": record["id"]}
    out |= {"question": record["question"], "answer": record["answer"], **_along(record)}
    if marked:  # a project for intent detection and slot filling; one of text classification knows no spans
        spans = [[int(start) + shift, int(end) + shift, _EVIDENCE] for start, end in record.get("evidence_spans") or ()]
        return out | {"cats": _category(record), "entities": spans}
    return out | {"label": _category(record)}


def _to_prodigy(record: dict, labels: Sequence[str], guessed: bool) -> dict:
    text = _joined(record["question"], record["answer"])
    shift = len(text) - len(record["answer"])
    category = _category(record)
    options = _in_order([*labels, *category])
    out: dict[str, Any] = {
        "text": text,
        "meta": {"id": record["id"], **_along(record)},
        "pair": {"question": record["question"], "answer": record["answer"]},
        "options": [{"id": name, "text": name} for name in options],
        "accept": category,
        "spans": [
            {"start": int(start) + shift, "end": int(end) + shift, "label": _EVIDENCE}
            for start, end in record.get("evidence_spans") or ()
        ],
    }
    if not guessed and category:
        out["answer"] = "accept"
    if "annotator" in record and not guessed:
        out["_annotator_id"] = str(record["annotator"])
    return out


def _to_argilla(record: dict, guessed: bool, agent: str) -> dict:
    values: dict[str, Any] = {name: str(record[name]) for name in ("label", "reason") if name in record}
    if record.get("evidence_spans"):
        values[_EVIDENCE] = [
            {"start": int(start), "end": int(end), "label": _EVIDENCE} for start, end in record["evidence_spans"]
        ]
    score = float(record["score"]) if "score" in record else None
    suggestions = {
        name: {"value": value, "score": score if name == "label" else None, "agent": agent}
        for name, value in values.items()
    }
    user = str(record.get("annotator", agent))
    responses = {name: [{"value": value, "user_id": user}] for name, value in values.items()}
    return {
        "id": record["id"],
        "fields": {"question": record["question"], "answer": record["answer"]},
        "metadata": _along(record),
        "suggestions": suggestions if guessed else {},
        "responses": {} if guessed else responses,
        "vectors": {},
    }


def _to_row(record: dict, guessed: bool) -> dict:
    spans = record.get("evidence_spans") or ()
    words = record["answer"][slice(*spans[0])] if spans else ""
    base = {"id": record["id"], "question": record["question"], "answer": record["answer"]}
    label, reason = str(record.get("label", "")), str(record.get("reason", ""))
    if guessed:
        guess = {"label": "", "guess": label, "guessed_reason": reason, "guessed_evidence": words}
        return base | guess | {"score": record.get("score", ""), **_along(record)}
    return base | {"label": label, "reason": reason, _EVIDENCE: words, **_along(record)}


def _write_whole(text: str, path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ExportError(f"Cannot write {path}: {error.strerror or error}.") from None
    return path


def _first(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")


def _count(items: Sequence, thing: str) -> str:
    return f"{len(items)} {thing}{'' if len(items) == 1 else 's'}"
