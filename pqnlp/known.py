"""Results of an earlier run, found by what they depend on: question, answer, department and date.

They are copied from the scored Parquet file into a database beside the run's parts, so that memory does not grow with
the file and every process can look results up by a digest.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pqnlp.errors import ReadError

__all__ = ["build", "find", "read_papers"]

_KEY = ("question", "answer", "department", "answered", "tabled")


def read_papers(file: str | Path) -> dict[str, Any]:
    """Read what a scored Parquet file says of the run that made it.

    Parameters
    ----------
    file : path

    Returns
    -------
    dict
        As `pqnlp.run` puts it into the schema: ``pqnlp``, ``model``, ``unsure_below``, ``entities``.

    Raises
    ------
    ReadError
        If the file is not there, or not a Parquet file that ``pqnlp score`` wrote.
    """
    mend = "Name a .parquet file that 'pqnlp score' wrote."
    if not os.path.isfile(file):
        raise ReadError(f"There is no file {file} to update. {mend}")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ReadError(f"Reading {file} needs pyarrow: pip install 'pqnlp[parquet]'.") from None
    try:
        schema = pq.read_schema(file)
        papers = json.loads(schema.metadata[b"pqnlp"])
        if not isinstance(papers, dict) or not {*_KEY, "label", "problem"} <= set(schema.names):
            raise ValueError("columns are missing")
        return papers
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise ReadError(f"{file} does not say which model scored it, so that it cannot be updated. {mend}") from None


def build(file: str | Path, database: Path, columns: list[str]) -> None:
    """Copy the results in a scored Parquet file into a database, which appears when it is whole.

    Parameters
    ----------
    file : path
        Written by ``pqnlp score``.
    database : Path
    columns : list of str
        The result columns to keep.

    Raises
    ------
    ReadError
        If the file cannot be read to its end.
    """
    unfinished = database.with_name(database.name + ".new")
    unfinished.unlink(missing_ok=True)
    try:
        _fill(file, unfinished, columns)
    except sqlite3.OperationalError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(errno.ENOSPC if "full" in str(error) else errno.EIO, str(error), str(database)) from None
    os.replace(unfinished, database)


def _fill(file: str | Path, database: Path, columns: list[str]) -> None:
    from pqnlp.formats import file_tables

    with sqlite3.connect(database) as connection:
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE known (key BLOB, result TEXT);"
        )
        tables = file_tables(Path(file), columns=lambda names: [n for n in names if n in {*_KEY, "label", *columns}])
        for table, _ in tables:
            rows = ({name: _plain(value) for name, value in row.items()} for row in table.to_dict("records"))
            connection.executemany(
                "INSERT INTO known VALUES (?, ?)",
                (
                    (_key(row[name] for name in _KEY), json.dumps([row[name] for name in columns], ensure_ascii=False))
                    for row in rows
                    if row["label"] is not None
                ),
            )
        connection.execute("CREATE INDEX by_key ON known (key)")
    connection.close()


def find(database: str, columns: dict[str, list], places: Iterable[int]) -> dict[int, list]:
    """Look rows up.

    Parameters
    ----------
    database : str
        As `build` wrote it.
    columns : dict of str to list
        Cleaned rows, as `pqnlp.corpus.clean_fields` returns them.
    places : iterable of int
        Which rows to look up.

    Returns
    -------
    dict of int to list
        For each row that was found, its results in the order of the columns that `build` was given.
    """
    state = os.stat(database)
    cursor = _open(database, (state.st_ino, state.st_mtime_ns)).cursor()
    out = {}
    for place in places:
        key = _key(columns[name][place] for name in _KEY)
        row = cursor.execute("SELECT result FROM known WHERE key = ? LIMIT 1", (key,)).fetchone()
        if row is not None:
            out[place] = json.loads(row[0])
    return out


@functools.lru_cache(maxsize=1)
def _open(database: str, state: tuple[int, int]) -> sqlite3.Connection:
    # Nothing writes to it any more; and joblib may work in another thread than the one that opened it.
    return sqlite3.connect(f"{Path(database).as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def _key(values: Iterator) -> bytes:
    parts = [value if isinstance(value, str) else "" for value in values]
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _plain(value: Any) -> Any:
    """Return a cell of a table as JSON can hold it; arrays of mentions are lists again."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return None if value is None or (value != value) is True else value
