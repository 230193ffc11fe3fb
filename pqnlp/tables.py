"""Tables in memory of any kind: pandas, Polars, PyArrow and what gives itself as an Arrow stream, by way of Narwhals.

What is told apart here is told once: pandas has no types of its own for nested columns and for missing truth values, so
that its columns are made as `pqnlp.score` has always given them; every other kind gets the types of `pqnlp.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pqnlp.errors import ReadError

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

__all__ = ["as_pandas", "as_table", "pandas_column", "with_columns"]

#: Tables that are computed elsewhere, by module and type; any type where it is empty.
_LAZY = {
    ("polars", "LazyFrame"): "collect it first: pqnlp.score(frame.collect())",
    ("dask", ""): "use pqnlp.score_dask, which works where Dask does",
    ("pyspark", ""): "use pqnlp.spark.score, which works where Spark does",
}


def as_table(source: Any) -> "nw.DataFrame | None":
    """Wrap a table in memory.

    Parameters
    ----------
    source : object
        A DataFrame of pandas or Polars, a Table of PyArrow, or an object with ``__arrow_c_stream__`` such as a result of
        DuckDB or Ibis, which becomes a Table of PyArrow.

    Returns
    -------
    narwhals.DataFrame or None
        None where `source` is no table.

    Raises
    ------
    ReadError
        If it is a table that is computed elsewhere, or has two columns of one name. The message says what to do.
    """
    if source is None or isinstance(source, (str, bytes, list, tuple, dict)):
        return None
    import narwhals as nw

    engine = type(source).__module__.partition(".")[0]
    mend = _LAZY.get((engine, type(source).__name__)) or _LAZY.get((engine, ""))
    if mend is not None:
        raise ReadError(f"The table is not in memory but computed by {engine}: {mend}.")
    try:
        wrapped = nw.from_native(source, eager_only=True, pass_through=True)
    except nw.exceptions.DuplicateError:
        names = [str(name) for name in getattr(source, "columns", ())]
        twice = next((name for name in names if names.count(name) > 1), "?")
        raise ReadError(f"The table has two columns called {twice!r}: rename or drop one.") from None
    if isinstance(wrapped, nw.DataFrame):
        return wrapped
    if hasattr(source, "__arrow_c_stream__"):
        try:
            import pyarrow as pa
        except ImportError:
            raise ReadError(
                f"Reading {type(source).__name__} needs pyarrow: pip install 'pqnlp[parquet]', or pass a pandas DataFrame."
            ) from None
        try:
            return nw.from_native(pa.table(source), eager_only=True)
        except (pa.ArrowException, TypeError, ValueError):
            return None  # a single column, for one
    return None


def as_pandas(table: "nw.DataFrame") -> "pd.DataFrame":
    """Return the columns of a table that pqnlp reads, cells as Python's own values.

    Parameters
    ----------
    table : narwhals.DataFrame

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    from pqnlp.corpus import used_columns

    if table.implementation.is_pandas():
        return table.to_native()
    return pd.DataFrame({name: pd.Series(table[name].to_list(), dtype=object) for name in used_columns(table.columns)})


def with_columns(table: "nw.DataFrame", columns: Mapping[str, list], kinds: Mapping[str, Any]) -> Any:
    """Add columns to a table, whose own columns of these names are renamed as `pqnlp.schema.given_names` says.

    A result of an earlier scoring is replaced in its place.

    Parameters
    ----------
    table : narwhals.DataFrame
    columns : mapping of str to list
        As many cells each as the table has rows, under the names that scoring gives them.
    kinds : mapping of str to type
        Types of the columns to add, as `pqnlp.schema.table_types` gives them.

    Returns
    -------
    object
        Of the kind that the table was made of. The caller's own is left alone.

    Raises
    ------
    ReadError
        If a column cannot be renamed.
    """
    import narwhals as nw

    from pqnlp.schema import CLEAN, given_names, narwhals_type

    columns = {**columns, **{new: columns[name] for name, new in CLEAN.items() if new in kinds}}
    renamed = given_names(table.columns, kinds)
    if renamed:
        table = table.rename(renamed)
    added = []
    for name, kind in kinds.items():
        if table.implementation.is_pandas():
            native = pandas_column(columns[name], kind, index=table.to_native().index)
            added.append(nw.from_native(native, series_only=True).alias(name))
        else:
            added.append(nw.new_series(name, columns[name], narwhals_type(kind), backend=table.implementation))
    return table.with_columns(*added).to_native()


def pandas_column(values: list, kind: Any, *, index: Any = None) -> "pd.Series":
    """Return a column as pandas has it: nullable truth values, and Python's own objects where they nest.

    Parameters
    ----------
    values : list
    kind : type
        As in `pqnlp.schema`.
    index : Index, optional

    Returns
    -------
    Series
    """
    import pandas as pd

    from pqnlp.corpus import text_dtype

    dtype = (
        {"string": text_dtype(), "bool": "boolean", "float64": "float64"}.get(kind) if isinstance(kind, str) else object
    )
    return pd.Series(values, dtype=dtype, index=index)
