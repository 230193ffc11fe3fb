"""Labelled answers: tables and annotation exports, with their texts or with ids by which to find them, and their checks."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError, ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LabelError",
    "add_asks",
    "check_labels",
    "digest",
    "ids_digest",
    "name_rows",
    "read_labelled",
    "shipped_ids",
]

#: What `read_labelled` says of each row besides the columns that were asked for.
_COLUMNS = (
    "id", "question", "answer", "house", "department", "heading", "tabled", "answered", "problem", "label", "reason",
    "evidence", "annotator", "where", "row",
)  # fmt: skip


class LabelError(PqnlpError):
    """Labels that cannot be trained on or measured with; the message names the rows and the mend."""


def digest(answer: str) -> str:
    """Return the first 12 hexadecimal digits of the answer's SHA-256: whether stored offsets still fit the text.

    Parameters
    ----------
    answer : str
        As `pqnlp.text.clean_text` makes it.

    Returns
    -------
    str
    """
    return hashlib.sha256(answer.encode("utf-8", "replace")).hexdigest()[:12]


def read_labelled(
    sources: Any, *, texts: Any = None, encoding: str = "utf-8", keep: Sequence[str] = ()
) -> "pd.DataFrame":
    """Read labelled pairs.

    Parameters
    ----------
    sources : path, DataFrame or list of these
        Tables with a column ``label`` and either ``question`` and ``answer`` or an ``id`` found in `texts`. Understood
        besides: ``reason``; ``evidence`` (words of the deciding sentence) or ``evidence_start`` and ``evidence_end``
        (offsets into the answer as read); ``digest`` (see `digest`); ``annotator``. Or exports of Label Studio, doccano,
        Prodigy and Argilla, see `pqnlp.exports`.
    texts : as for `pqnlp.read`, optional
        Where the texts of ids are.
    encoding : str
        Of text files.
    keep : sequence of str, optional
        Further columns of the tables to keep, by name, such as one to group rows by.

    Returns
    -------
    DataFrame
        ``id``, ``question``, ``answer``, ``house``, ``department``, ``heading``, ``tabled``, ``answered``, ``problem``,
        ``label``, ``reason`` (missing where not given), ``evidence`` (text, missing where not known), ``annotator``, ``where``
        and ``row`` (the source and the row's number in it, from 1) and the columns of `keep` that were found, in the
        order of the sources. Rows without a label have the ``problem`` "unlabelled", or, in exports, "skipped" or "rejected".

    Raises
    ------
    LabelError
        For a table without a column of labels, ids without a text, or a column of `keep` that is nowhere.
    ExportError
        For an export whose labels or texts cannot be told.
    ReadError
        For a file that cannot be read at all.
    """
    import pandas as pd

    parts = []
    pool: list = []
    seen: set[str] = set()
    empty: list[str] = []
    for table, where in _tables(sources, encoding):
        exported = "evidence_spans" in table.columns
        if not exported:
            _check_columns(table, where, has_texts=texts is not None)
        seen |= set(map(str, table.columns))
        if table.empty:
            empty.append(where)
            continue
        pairs = _pairs(table, where, texts, encoding, pool)
        out = pairs[
            ["id", "question", "answer", "house", "department", "heading", "tabled", "answered", "problem"]
        ].copy()
        if exported:
            unlabelled = table["problem"].ne("").to_numpy()
            out.loc[unlabelled, "problem"] = table["problem"].to_numpy()[unlabelled]
        out["label"] = [_name(value) for value in table["label"]]
        out["reason"] = [_name(value) for value in table["reason"]] if "reason" in table.columns else None
        out["evidence"] = _evidence(out, table)
        out["annotator"] = [_name(value) for value in table["annotator"]] if "annotator" in table.columns else None
        out["where"], out["row"] = where, table["row"].to_numpy()
        for name in keep:
            column = name.strip().lower()
            if column in table.columns and name not in out.columns:
                out[name] = table[column].to_numpy()
        parts.append(out)
    if not parts:
        told = f"{', '.join(empty)}: there" if empty else "There"
        raise LabelError(f"{told} are no labelled rows. Expected a column 'label' and at least one row.")
    for name in keep:
        if not any(name in part.columns for part in parts):
            near = difflib.get_close_matches(name.strip().lower(), sorted(seen | set(_COLUMNS)), n=1, cutoff=0.6)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise LabelError(f"The labelled rows have no column {name!r}.{meant} It must be in the file of labels.")
    labelled = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
    # Half of a table from `pqnlp suggest` may still be to label: such rows are told of, not refused.
    labelled.loc[labelled["label"].isna() & labelled["problem"].isin(("", "duplicate_id")), "problem"] = "unlabelled"
    return labelled[[*_COLUMNS, *(name for name in keep if name in labelled.columns and name not in _COLUMNS)]]


def _tables(sources: Any, encoding: str) -> Iterable[tuple["pd.DataFrame", str]]:
    """Yield tables with lower-case columns and ``row``, the number of each row in its source."""
    from pqnlp.exports import read_export
    from pqnlp.formats import raw_tables

    several = isinstance(sources, (list, tuple)) and not (sources and all(isinstance(s, dict) for s in sources))
    for source in sources if several else [sources]:
        by_path = isinstance(source, (str, Path)) and str(source) != "-"
        exported = read_export(source, encoding=encoding) if by_path or isinstance(source, (list, tuple)) else None
        if exported is not None:
            yield from (
                (part.reset_index(drop=True), str(where)) for where, part in exported.groupby("where", sort=False)
            )
            continue
        rows: dict[str, int] = {}
        for table, where in raw_tables(source, encoding=encoding):
            table = table.rename(columns={name: str(name).strip().lower() for name in table.columns})
            table = table.loc[:, ~table.columns.duplicated()].reset_index(drop=True)
            first = rows.get(where, 0)
            rows[where] = first + len(table)
            table["row"] = range(first + 1, first + len(table) + 1)
            yield table, where


def _check_columns(table: "pd.DataFrame", where: str, *, has_texts: bool) -> None:
    from pqnlp.corpus import _find_columns

    names = [name for name in table.columns if name != "row"]
    if "label" not in table.columns:
        near = difflib.get_close_matches("label", map(str, names), n=1, cutoff=0.6)
        hint = f" Is it {near[0]!r}? Rename it to 'label'." if near else " Name the column of labels 'label'."
        raise LabelError(f"{where} has no column 'label'. Columns found: {', '.join(map(str, names[:12]))}.{hint}")
    found = _find_columns(table.columns)
    if {"question", "answer"} <= found.keys() or "text" in table.columns:
        return
    if "id" not in found:
        missing = [name for name in ("question", "answer") if name not in found]
        if len(missing) == 1:
            near = difflib.get_close_matches(missing[0], map(str, names), n=1, cutoff=0.6)
            hint = f" Is it {near[0]!r}?" if near else ""
            raise LabelError(
                f"{where} has no column for the {missing[0]}. Columns found: {', '.join(map(str, names[:12]))}.{hint} "
                f"Rename it to {missing[0]!r}."
            )
        raise LabelError(
            f"{where} has neither texts (columns 'question' and 'answer') nor an 'id' to find them by. Columns found: "
            f"{', '.join(map(str, names[:12]))}."
        )
    if not has_texts:
        others = set(names) - {table.columns[at] for at in found.values()} - {"label"}
        near = {
            name: difflib.get_close_matches(name, map(str, others), n=1, cutoff=0.6)
            for name in ("question", "answer")
            if name not in found
        }
        meant = [f" Is {of[0]!r} the {name}? Rename it to {name!r}." for name, of in near.items() if of]
        if meant:
            raise LabelError(f"{where} has no column for the {' and the '.join(near)}.{''.join(meant)}")
        raise LabelError(
            f"{where} holds ids only: say where their texts are (texts=..., on the command line --texts), or add the "
            "columns 'question' and 'answer'."
        )


def _pairs(table: "pd.DataFrame", where: str, texts: Any, encoding: str, pool: list) -> "pd.DataFrame":
    """Return the pairs of a table, as `pqnlp.corpus.standardise` does; `pool` keeps the texts of ids once read."""
    from pqnlp.corpus import _find_columns, read, standardise

    found = _find_columns(table.columns)
    if {"question", "answer"} <= found.keys():
        return standardise(table, where=where, first_row=int(table["row"].iloc[0]))
    if "text" in table.columns:
        from pqnlp.exports import _texts

        parted = [
            _texts({"text": str(text)}, f"{where}, row {row}")[:2]
            for text, row in zip(table["text"], table["row"], strict=True)
        ]
        question, answer = zip(*parted, strict=True)
        return standardise(
            table.assign(question=question, answer=answer), where=where, first_row=int(table["row"].iloc[0])
        )
    if not pool:
        known = read(texts, encoding=encoding)
        pool.append(known[known["problem"].ne("duplicate_id")].set_index("id"))
    ids = table.iloc[:, found["id"]].map(_identity)
    lost = ~ids.isin(pool[0].index)
    if lost.any():
        raise LabelError(
            f"{int(lost.sum())} of {len(ids)} labelled ids have no text, the first {ids[lost].iloc[0]} "
            f"({name_rows(table.assign(where=where)[lost.to_numpy()])}). "
            "Fetch them (pqnlp fetch --ids LABELS --output TEXTS) or name the right file."
        )
    return pool[0].loc[ids].reset_index()


def _identity(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value  # numpy
    if isinstance(value, float):
        return str(int(value)) if value == value and value.is_integer() else str(value)
    return str(value).strip()


def _name(value: Any) -> str | None:
    """Return a label's name: numbers without ``.0``, lists of one as that one, and None for what is empty."""
    if isinstance(value, (list, tuple)) or (hasattr(value, "tolist") and getattr(value, "ndim", 0)):
        parts = [_name(part) for part in value]
        return parts[0] if len(parts) == 1 else " | ".join(map(str, parts)) or None
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    return _identity(value) or None


def _evidence(out: "pd.DataFrame", table: "pd.DataFrame") -> list[str | None]:
    from pqnlp.text import clean_text

    if "evidence_start" in table.columns and "evidence_end" in table.columns:
        digests = table["digest"] if "digest" in table.columns else [None] * len(table)
        spans: list[str | None] = []
        for answer, start, end, known in zip(
            out["answer"], table["evidence_start"], table["evidence_end"], digests, strict=True
        ):
            try:
                span = (int(float(start)), int(float(end)))
            except (TypeError, ValueError):
                spans.append(None)
                continue
            # A corrected answer has other offsets; better no evidence than a wrong sentence.
            changed = isinstance(known, str) and known and digest(answer) != known
            spans.append(None if changed else answer[slice(*span)] or None)
        return spans
    if "evidence" not in table.columns:
        return [None] * len(table)
    words = [_words(value) for value in table["evidence"]]
    if "evidence_spans" in table.columns:  # marked in the text as it was before it was cleaned
        words = [clean_text(value) if value else None for value in words]
    return words


def _words(value: Any) -> str | None:
    """Return the words of a cell of evidence, which Label Studio's CSV spells as a list of regions."""
    if not isinstance(value, str) or not value.strip():
        return None
    if value.startswith("[{"):
        try:
            return next((region["text"] for region in json.loads(value) if region.get("text")), None)
        except (ValueError, TypeError, AttributeError):
            return value
    return value


def name_rows(rows: "pd.DataFrame", *, most: int = 5) -> str:
    """Name rows for an error.

    Parameters
    ----------
    rows : DataFrame
        With ``where`` and ``row``.
    most : int, default 5
        How many to name of each source.

    Returns
    -------
    str
        For example "rows 3, 9 of labels.csv".
    """
    parts = []
    for where, numbers in rows.groupby("where", sort=False)["row"]:
        told = ", ".join(map(str, numbers[:most])) + (", …" if len(numbers) > most else "")
        parts.append(f"row{'' if len(numbers) == 1 else 's'} {told} of {where}")
    return "; ".join(parts[:most]) + ("; …" if len(parts) > most else "")


def _count(rows: Sequence, thing: str) -> str:
    return f"{len(rows):,} {thing}{'' if len(rows) == 1 else 's'}"


def check_labels(rows: "pd.DataFrame", *, labels: Sequence[str] | None = None) -> tuple["pd.DataFrame", list[str]]:
    """Refuse labels that contradict each other, and tell of what looks odd.

    Parameters
    ----------
    rows : DataFrame
        As `read_labelled` returns it, rows with a problem left out.
    labels : sequence of str, optional
        The names that there may be. Without them, names that differ only in case or punctuation are refused, and names
        that look like a misspelt label of the shipped scheme where others of it are there.

    Returns
    -------
    rows : DataFrame
        Without pairs that came twice with the same label.
    notices : list of str
        What a user should know and may be meant: repeated rows, an answer under two labels, reasons for some rows only,
        evidence that is not in its answer.

    Raises
    ------
    LabelError
        Naming the rows and the mend.
    """
    if rows.empty:
        raise LabelError("No row can be used: each has a problem or no label. See what was left out, and mend it.")
    _check_names(rows, labels)
    notices = []
    again = rows.duplicated(["id", "question", "answer", "label", "reason"])
    if again.any():
        notices.append(f"{_count(rows[again], 'row')} came again with the same label and count once.")
        rows = rows[~again].reset_index(drop=True)
    torn = _under_several(rows, ["question", "answer"], "label")
    if len(torn):
        one = torn[torn["question"].eq(torn["question"].iloc[0]) & torn["answer"].eq(torn["answer"].iloc[0])]
        said = " and ".join(map(repr, dict.fromkeys(one["label"])))
        ids = ", ".join(list(dict.fromkeys(one["id"].astype(str)))[:5])
        pairs = torn.drop_duplicates(["question", "answer"])
        raise LabelError(
            f"{_count(pairs, 'pair')} under two labels ({name_rows(torn)}); the first (id {ids}) is {said}. Settle which "
            "label is right, and take the other rows out."
        )
    torn = _under_several(rows[rows["reason"].notna()], ["reason"], "label")
    if len(torn):
        reason = torn["reason"].iloc[0]
        said = torn[torn["reason"].eq(reason)]
        least = said["label"].value_counts().index[-1]
        raise LabelError(
            f"The reason {reason!r} stands under the labels {', '.join(map(repr, dict.fromkeys(said['label'])))} "
            f"({least!r}: {name_rows(said[said['label'].eq(least)])}). A reason belongs to one label: correct these rows, or "
            "name the reasons apart."
        )
    same = _under_several(rows, ["answer"], "label")
    if len(same):
        notices.append(
            f"{_count(same.drop_duplicates('answer'), 'answer')} with different questions under different labels "
            f"({name_rows(same)}). That can be right, since an answer is read against its question; look whether it is."
        )
    given = rows["reason"].notna()
    if given.any() and not given.all():
        notices.append(
            f"{_count(rows[~given], 'row')} of {len(rows):,} without a reason ({name_rows(rows[~given])}): fill them in, or "
            "leave the column out."
        )
    astray = [
        isinstance(words, str) and _squeezed(words)[:25] not in _squeezed(answer)
        for words, answer in zip(rows["evidence"], rows["answer"], strict=True)
    ]
    if any(astray):
        notices.append(
            f"{_count(rows[astray], 'row')} with evidence that is not in the answer ({name_rows(rows[astray])}): it is not "
            "used. Copy the words of the deciding sentence as they stand."
        )
    return rows, notices


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _under_several(rows: "pd.DataFrame", by: list[str], name: str) -> "pd.DataFrame":
    """Return the rows whose values of `by` stand under several values of the column `name`."""
    if rows.empty:
        return rows
    return rows[rows.groupby(by, sort=False)[name].transform("nunique").gt(1)]


def _check_names(rows: "pd.DataFrame", labels: Sequence[str] | None) -> None:
    from pqnlp.codebook import LABELS

    counts = rows["label"].value_counts()
    if labels is not None:
        _refuse_unknown(rows, [name for name in counts.index if name not in labels], labels)
        return
    seen: dict[str, str] = {}
    for name in counts.index:
        other = seen.setdefault(_squeezed(name) or name, name)
        if other != name:
            raise LabelError(
                f"The labels {other!r} and {name!r} differ in case or punctuation only ({name!r}: "
                f"{name_rows(rows[rows['label'].eq(name)])}). Spell them the same way."
            )
    if any(name in LABELS for name in counts.index):
        odd = [n for n in counts.index if n not in LABELS and difflib.get_close_matches(n, LABELS, n=1, cutoff=0.8)]
        _refuse_unknown(rows, odd, LABELS)


def _refuse_unknown(rows: "pd.DataFrame", unknown: list[str], labels: Sequence[str]) -> None:
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], list(labels), n=1, cutoff=0.6)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise LabelError(
        f"Unknown label{'' if len(unknown) == 1 else 's'} {', '.join(map(repr, unknown[:5]))} "
        f"({name_rows(rows[rows['label'].isin(unknown)])}): expected {', '.join(map(repr, labels))}.{meant} Correct the rows, "
        "or say which labels there are (labels=..., on the command line --labels A,B,C)."
    )


def add_asks(labelled: "pd.DataFrame", path: str | Path | Sequence[str | Path]) -> "pd.DataFrame":
    """Add sentence roles and ask verdicts from a file of annotations keyed by id.

    Parameters
    ----------
    labelled : DataFrame
        As `read_labelled` returns it.
    path : path or sequence of paths
        JSON lines: ``id``, ``digest``, ``asks`` (``start``, ``end``, ``kind``, ``verdict``), ``sentences`` (``start``, ``end``, ``role``),
        ``pass`` (1 is used, others measure agreement). Of several files, the first that knows an id is believed.

    Returns
    -------
    DataFrame
        With ``roles`` (list of str or None) and ``verdicts`` (list of (start, end, verdict) or None).

    Raises
    ------
    ReadError
        Naming the line that is not such a record.
    """
    from pqnlp.sentences import split_sentences

    known: dict[str, dict] = {}
    for file in reversed([path] if isinstance(path, (str, Path)) else list(path)):
        for row in annotations(file):
            if row.get("pass", 1) == 1:
                known[str(row["id"])] = row
    roles, verdicts = [], []
    for identity, answer in zip(labelled["id"], labelled["answer"], strict=True):
        row = known.get(str(identity))
        if row is None or row.get("digest") not in (None, digest(answer)):
            roles.append(None)
            verdicts.append(None)
            continue
        by_start = {sentence["start"]: sentence["role"] for sentence in row["sentences"]}
        spans = split_sentences(answer)
        roles.append([by_start[start] for start, _ in spans] if all(start in by_start for start, _ in spans) else None)
        verdicts.append([(ask["start"], ask["end"], ask["verdict"]) for ask in row["asks"]])
    out = labelled.copy()
    out["roles"] = roles
    out["verdicts"] = verdicts
    return out


def annotations(path: str | Path) -> Iterable[dict]:
    """Read annotation records from JSON lines.

    Parameters
    ----------
    path : path

    Yields
    ------
    dict

    Raises
    ------
    ReadError
        Naming the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ReadError(f"Cannot read {path}: {error.strerror or error}.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row["id"], row["asks"], row["sentences"]
        except (ValueError, TypeError, KeyError) as error:
            raise ReadError(f"{path}, line {number}: not an annotation record ({error}).") from None
        yield row


def shipped_ids(split: str) -> set[str]:
    """Return the ids of the shipped labels that models are trained on, or those that they are measured on.

    Parameters
    ----------
    split : {"train", "test"}
        Labels that the table of splits does not know are for training.

    Returns
    -------
    set of str
    """
    import pandas as pd

    from pqnlp.paths import shipped_data

    splits = pd.read_csv(shipped_data("splits.csv"), dtype=str)
    test = set(splits.loc[splits["split"].eq("test"), "id"])
    if split == "test":
        return test
    return set(pd.read_csv(shipped_data("labels.csv"), usecols=["id"], dtype=str)["id"]) - test


def ids_digest(ids: Iterable[Any]) -> str:
    """Return the SHA-256 of ids in order, by which a model's papers tell what it was fitted on.

    Parameters
    ----------
    ids : iterable

    Returns
    -------
    str
    """
    return hashlib.sha256("\n".join(sorted(map(str, ids))).encode()).hexdigest()
