"""The columns of a scored table, declared once: for Parquet, Polars, PyArrow, Dask and Spark alike.

A type is written as ``"string"``, ``"int64"``, ``"float64"`` or ``"bool"``; a dictionary is a struct with these fields, a
list with one dictionary in it a list of such structs. docs/schema.md says what each column means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

__all__ = [
    "ASK",
    "CLEAN",
    "ENTITY",
    "VERSION",
    "arrow_schema",
    "arrow_type",
    "given_names",
    "narwhals_type",
    "result_types",
    "spark_type",
    "table_types",
    "types",
    "was_scored",
]

#: Columns of the clean texts, which offsets count in, beside a table's own texts; under the names that pqnlp reads them by.
CLEAN = {"question": "clean_question", "answer": "clean_answer"}

#: Goes up when a column is added, renamed or changes its type. 1 had no ``asks``.
VERSION = 2

#: One mention in ``entities``. Offsets count the characters of the column that ``field`` names.
ENTITY = {
    "field": "string",
    "start": "int64",
    "end": "int64",
    "text": "string",
    "type": "string",
    "id": "string",
    "url": "string",
    "from": "string",
    "to": "string",
}
#: One ask in ``asks``. Its own offsets count the question's characters, those of ``evidence`` the answer's.
ASK = {
    "start": "int64",
    "end": "int64",
    "kind": "string",
    "verdict": "string",
    "evidence": {"start": "int64", "end": "int64"},
}


def result_types(labels: Iterable[str], *, entities: bool, asks: bool) -> dict[str, Any]:
    """Return the types of the columns that scoring adds, in order.

    Parameters
    ----------
    labels : iterable of str
        The model's, each of which has a column for its probability.
    entities, asks : bool
        Whether the table has these columns.

    Returns
    -------
    dict of str to type
    """
    out: dict[str, Any] = {"label": "string", "reason": "string"}
    out |= {f"p_{label}": "float64" for label in labels}
    out |= {"unsure": "bool", "evidence": "string"}
    if asks:
        out["asks"] = [ASK]
    if entities:
        out["entities"] = [ENTITY]
    return out


def table_types(labels: Iterable[str], *, entities: bool, asks: bool) -> dict[str, Any]:
    """Return the types of the columns that scoring adds to a table which keeps its own. Arguments as for `result_types`."""
    labels = list(labels)
    clean = dict.fromkeys(CLEAN.values(), "string") if entities or asks else {}
    return {"problem": "string", **result_types(labels, entities=entities, asks=asks), **clean}


def was_scored(names: Iterable[str]) -> bool:
    """Tell by the names of a table's columns whether scoring has added some of them."""
    names = set(map(str, names))
    return {"label", "reason", "unsure", "evidence"} <= names and any(name.startswith("p_") for name in names)


def given_names(names: Iterable[str], kinds: Mapping[str, Any]) -> dict[str, str]:
    """Return new names for a table's own columns that have the names of columns to add.

    Parameters
    ----------
    names : iterable of str
        The table's.
    kinds : mapping
        The columns to add, as `table_types` gives them.

    Returns
    -------
    dict of str to str
        ``label`` becomes ``given_label``, and so on; ``problem`` is read, and written again. Nothing is renamed where
        the table `was_scored` before: its results give way to new ones.

    Raises
    ------
    ReadError
        If the table has a column of the new name too.
    """
    from pqnlp.errors import ReadError

    names = list(names)
    if was_scored(names):
        return {}
    out = {name: f"given_{name}" for name in names if name in kinds and name != "problem"}
    for name, new in out.items():
        if new in names:
            raise ReadError(
                f"The table has the columns '{name}' and '{new}', and '{name}' is to be called '{new}' so that the "
                f"model's can stand beside it: rename or drop one."
            )
    return out


def types(labels: Iterable[str], *, entities: bool = True, asks: bool = True) -> dict[str, Any]:
    """Return the types of all columns of a scored file, in order. Arguments as for `result_types`."""
    from pqnlp.corpus import COLUMNS

    read = dict.fromkeys(COLUMNS, "string") | {"is_holding": "bool"}
    return read | result_types(labels, entities=entities, asks=asks)


def arrow_type(kind: Any) -> "pa.DataType":
    """Return a type as pyarrow's."""
    import pyarrow as pa

    if isinstance(kind, list):
        return pa.list_(arrow_type(kind[0]))
    if isinstance(kind, Mapping):
        return pa.struct([(name, arrow_type(part)) for name, part in kind.items()])
    return {"string": pa.string, "int64": pa.int64, "float64": pa.float64, "bool": pa.bool_}[kind]()


def narwhals_type(kind: Any) -> "nw.dtypes.DType":
    """Return a type as Narwhals', which knows what it is in Polars and PyArrow."""
    import narwhals as nw

    if isinstance(kind, list):
        return nw.List(narwhals_type(kind[0]))
    if isinstance(kind, Mapping):
        return nw.Struct({name: narwhals_type(part) for name, part in kind.items()})
    return {"string": nw.String, "int64": nw.Int64, "float64": nw.Float64, "bool": nw.Boolean}[kind]()


def spark_type(kind: Any) -> str:
    """Return a type as Spark SQL writes it."""
    if isinstance(kind, list):
        return f"array<{spark_type(kind[0])}>"
    if isinstance(kind, Mapping):
        return f"struct<{', '.join(f'`{name}`: {spark_type(part)}' for name, part in kind.items())}>"
    return {"string": "string", "int64": "bigint", "float64": "double", "bool": "boolean"}[kind]


def arrow_schema(
    labels: Iterable[str], *, entities: bool = True, asks: bool = True, papers: Mapping[str, Any] | None = None
) -> "pa.Schema":
    """Return the schema of a scored Parquet file.

    Parameters
    ----------
    labels, entities, asks
        As for `result_types`.
    papers : mapping, optional
        What the file says of how it was made, kept as JSON under the key ``pqnlp``.

    Returns
    -------
    pyarrow.Schema
    """
    import pyarrow as pa

    metadata = None if papers is None else {"pqnlp": json.dumps(papers, ensure_ascii=False)}
    kinds = types(labels, entities=entities, asks=asks)
    return pa.schema([(name, arrow_type(kind)) for name, kind in kinds.items()], metadata=metadata)
