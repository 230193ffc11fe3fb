"""Labelled answers: tables of labels, with their texts or with ids by which to find them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError, ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LabelError", "add_asks", "digest", "read_labelled"]


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


def read_labelled(sources: Any, *, texts: Any = None, encoding: str = "utf-8") -> "pd.DataFrame":
    """Read labelled pairs.

    Parameters
    ----------
    sources : path, DataFrame or list of these
        Tables with a column ``label`` and either ``question`` and ``answer`` or an ``id`` found in `texts`. Understood
        besides: ``reason``; ``evidence`` (words of the deciding sentence) or ``evidence_start`` and ``evidence_end``
        (offsets into the answer as read); ``digest`` (see `digest`).
    texts : as for `pqnlp.read`, optional
        Where the texts of ids are.
    encoding : str
        Of text files.

    Returns
    -------
    DataFrame
        ``id``, ``question``, ``answer``, ``department``, ``tabled``, ``answered``, ``label``, ``reason`` (missing where not given),
        ``evidence`` (text, missing where not known), in the order of the sources.

    Raises
    ------
    LabelError
        For a table without labels, a row without a label, or ids without a text.
    """
    import pandas as pd

    from pqnlp.corpus import read, standardise
    from pqnlp.formats import raw_tables

    parts = []
    for source in sources if isinstance(sources, (list, tuple)) else [sources]:
        for table, where in raw_tables(source, encoding=encoding):
            table = table.rename(columns={name: str(name).strip().lower() for name in table.columns}).reset_index(
                drop=True
            )
            if "label" not in table.columns:
                raise LabelError(
                    f"{where} has no column 'label'. Columns found: {', '.join(map(str, table.columns[:12]))}."
                )
            table["_where"] = where
            parts.append(table)
    if not parts:
        raise LabelError("There are no labelled rows: expected a column 'label' and at least one row.")
    labelled = pd.concat(parts, ignore_index=True)
    empty = labelled["label"].isna() | labelled["label"].astype(str).str.strip().eq("")
    if empty.any():
        rows = ", ".join(str(k + 1) for k in labelled.index[empty][:5])
        raise LabelError(f"{int(empty.sum())} rows have no label (rows {rows}): label them or take them out.")
    names = set(labelled.columns)
    if {"question", "answer"} <= names or {"questiontext", "answertext"} <= names:
        pairs = standardise(labelled.drop(columns="_where"))
    else:
        if "id" not in names:
            raise LabelError("The labels have neither texts (question, answer) nor an 'id' to find them by.")
        if texts is None:
            raise LabelError(
                "The labels hold ids only: say where their texts are (texts=..., on the command line --texts)."
            )
        pool = read(texts, encoding=encoding)
        pool = pool[pool["problem"].ne("duplicate_id")].set_index("id")
        ids = labelled["id"].map(lambda value: str(int(value)) if isinstance(value, float) else str(value))
        lost = ~ids.isin(pool.index)
        if lost.any():
            raise LabelError(
                f"{int(lost.sum())} of {len(ids)} labelled ids have no text, the first {ids[lost].iloc[0]}. "
                "Fetch them (pqnlp fetch --ids LABELS --output TEXTS) or name the right file."
            )
        pairs = pool.loc[ids].reset_index()
    out = pairs[["id", "question", "answer", "department", "tabled", "answered", "problem"]].copy()
    out["label"] = labelled["label"].astype(str).str.strip().to_numpy()
    out["reason"] = labelled["reason"].to_numpy() if "reason" in names else None
    out["evidence"] = _evidence(out, labelled)
    return out


def _evidence(pairs, labelled) -> list[str | None]:
    if "evidence_start" in labelled.columns and "evidence_end" in labelled.columns:
        digests = labelled["digest"] if "digest" in labelled.columns else [None] * len(labelled)
        out: list[str | None] = []
        for answer, start, end, known in zip(
            pairs["answer"], labelled["evidence_start"], labelled["evidence_end"], digests, strict=True
        ):
            try:
                span = (int(float(start)), int(float(end)))
            except (TypeError, ValueError):
                out.append(None)
                continue
            # A corrected answer has other offsets; better no evidence than a wrong sentence.
            changed = isinstance(known, str) and known and digest(answer) != known
            out.append(None if changed else answer[slice(*span)] or None)
        return out
    if "evidence" in labelled.columns:
        return [value if isinstance(value, str) and value.strip() else None for value in labelled["evidence"]]
    return [None] * len(labelled)


def add_asks(labelled: "pd.DataFrame", path: str | Path) -> "pd.DataFrame":
    """Add sentence roles and ask verdicts from a file of annotations keyed by id.

    Parameters
    ----------
    labelled : DataFrame
        As `read_labelled` returns it.
    path : path
        JSON lines: ``id``, ``digest``, ``asks`` (``start``, ``end``, ``kind``, ``verdict``), ``sentences`` (``start``, ``end``, ``role``),
        ``pass`` (1 is used, others measure agreement).

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
    for row in annotations(path):
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
        lines = Path(path).read_text(encoding="utf-8").splitlines()
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
