"""The table that `pqnlp.score` makes, read back with its texts, whichever file it went through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pqnlp.errors import ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ABOUT", "read_scored", "scored_rows"]

_ADDED = ("label", "reason", "unsure", "evidence")
#: What a finding tells of the answer that it was found in.
ABOUT = ("id", "uin", "department", "answered", "label", "reason")


def read_scored(source: Any, *, texts: Any = None, encoding: str = "utf-8") -> "pd.DataFrame":
    """Read a scored table, with texts.

    Parameters
    ----------
    source : DataFrame or path
        What `pqnlp.score` returned or `pqnlp score` wrote.
    texts : as for `pqnlp.read`, optional
        Where the texts are, by id, if the table has none; False to do without them, if it has none.
    encoding : str
        Of text files.

    Returns
    -------
    DataFrame
        The columns of `pqnlp.corpus.COLUMNS`, then ``label``, ``reason``, the probabilities ``p_`` and each label's name,
        ``unsure`` and ``evidence`` (missing where the table has none), then what else the table has. A fresh index.
        A missing ``department`` is read from the office that the question is put to.

    Raises
    ------
    ReadError
        If the table has no label, no texts and no `texts` either, or ids that `texts` lacks.
    """
    import pandas as pd

    from pqnlp.corpus import COLUMNS
    from pqnlp.formats import raw_tables

    parts, names = [], []
    for table, where in raw_tables(source, encoding=encoding):
        parts.append(table)
        names.append(where)
    if not parts or not sum(map(len, parts)):
        raise ReadError(f"{names[0] if names else 'The table'} has no rows: score at least one pair first.")
    where = names[0]
    table = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
    if "label" not in table.columns:
        found = ", ".join(map(str, table.columns[:12])) or "none"
        raise ReadError(f"{where} has no column 'label': score it first (pqnlp score). Columns found: {found}.")
    pairs = table if set(COLUMNS) <= set(table.columns) else _with_texts(table, texts, where, encoding)
    out = pairs[list(COLUMNS)].copy()
    for name in ("uin", "house", "department", "heading", "tabled", "answered"):
        out[name] = _without_blanks(out[name])
    # What the table says of its rows goes before what could be said of their texts now.
    out["problem"] = table["problem"] if "problem" in table.columns else ""
    for name in ("id", "question", "answer", "problem"):
        out[name] = out[name].where(out[name].notna(), "").astype(str)
    out["department"] = _departments(out)
    for name in table.columns:
        if name in COLUMNS:
            continue
        column = table[name]
        if name in ("label", "reason"):
            out[name] = _without_blanks(column)
        elif str(name).startswith("p_"):
            out[name] = pd.to_numeric(column, errors="coerce")
        elif name == "unsure":
            # From a text file "True"; from memory True.
            truth = column.map(lambda value: None if pd.isna(value) or value == "" else str(value).lower() == "true")
            out[name] = pd.array(truth.tolist(), dtype="boolean")
        else:
            out[name] = column
    for name in _ADDED:
        if name not in out.columns:
            out[name] = None
    return out


def _without_blanks(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    return pd.Series(
        [None if pd.isna(value) or str(value).strip() == "" else str(value) for value in column],
        index=column.index,
        dtype=object,
    )


def _with_texts(table, texts, where, encoding) -> "pd.DataFrame":
    """Return the pairs of a table with other columns than `pqnlp.read` gives: its own texts, or those of its ids."""
    from pqnlp.corpus import read, standardise

    names = {str(name).strip().lower() for name in table.columns}
    if texts is False:
        return standardise(_blank_texts(table), where=where)
    try:
        return standardise(table, where=where)
    except ReadError:
        if texts is None:
            raise ReadError(
                f"{where} holds no texts (columns 'question' and 'answer'): say where they are "
                "(texts=..., on the command line --texts)."
            ) from None
    if "id" not in names:
        raise ReadError(f"{where} has neither texts nor a column 'id' to find them by.")
    pool = read(texts, encoding=encoding)
    pool = pool[pool["problem"].ne("duplicate_id")].set_index("id")
    ids = standardise(_blank_texts(table), where=where)["id"]
    lost = ~ids.isin(pool.index)
    if lost.any():
        raise ReadError(
            f"{int(lost.sum())} of {len(ids)} scored ids have no text, the first {ids[lost].iloc[0]} "
            f"(row {int(lost.to_numpy().argmax()) + 1}): name the file that was scored."
        )
    return pool.loc[ids].reset_index()


def _blank_texts(table) -> "pd.DataFrame":
    taken = [name for name in table.columns if str(name).strip().lower() in ("question", "answer")]
    return table.drop(columns=taken).assign(question="", answer="")


def _departments(table: "pd.DataFrame") -> list[str | None]:
    """Return the departments, the missing ones read from the questions, one name for each."""
    from pqnlp.entities.departments import resolve_department
    from pqnlp.question import addressee
    from pqnlp.registry import read_json

    days = [answered or tabled or "" for answered, tabled in zip(table["answered"], table["tabled"], strict=True)]
    known: dict[tuple[str, str], str | None] = {}

    def resolved(name: str, day: str) -> str | None:
        if (name, day) not in known:
            known[name, day] = resolve_department(name, day)
        return known[name, day]

    # The source's own name for a department goes before the registry's: "Treasury" rather than "HM Treasury".
    names: dict[str, str] = {row["id"]: row["name"] for row in read_json("departments.json")}
    for name in dict.fromkeys(name for name in table["department"] if name):
        slug = resolved(name, "")
        if slug:
            names[slug] = name
    out: list[str | None] = []
    for name, question, day in zip(table["department"], table["question"], days, strict=True):
        if not name and question:
            office = addressee(question)
            # Days matter to renamed departments only, and to few: months keep the cache small.
            slug = resolved(office, day[:7] and f"{day[:7]}-28") if office else None
            name = names[slug] if slug else None
        out.append(name)
    return out


def scored_rows(scored: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows that have a label, each question once, with a fresh index.

    Parameters
    ----------
    scored : DataFrame
        As `read_scored` returns it.

    Returns
    -------
    DataFrame
    """
    return scored[scored["label"].notna() & scored["problem"].ne("duplicate_id")].reset_index(drop=True)
