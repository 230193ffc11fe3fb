"""Tables written to files: CSV, JSON lines or Parquet by suffix, batch by batch, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import secrets
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError
from pqnlp.schema import ASK, ENTITY, arrow_type

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "FORMS",
    "TableWriter",
    "WriteError",
    "encode",
    "first_rows",
    "join_parts",
    "output_form",
    "write_failure",
    "write_table",
]

#: The form that each suffix stands for. CSV, TSV and JSON lines may end in ``.gz`` or ``.zst`` besides.
FORMS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}

#: A row group of a joined Parquet file has this many rows, or fewer if they are large.
ROW_GROUP_ROWS = 20_000
_ROW_GROUP_BYTES = 64_000_000

# A batch without any value in these would leave them to a guess, and the next batch would not fit it.
_NUMBER_FIELDS = ("start", "end")
_NESTED = {"entities": ENTITY, "asks": ASK}


class WriteError(PqnlpError):
    """A table that cannot be written; the message names the file and the mend."""


def output_form(path: str | Path) -> tuple[str, str]:
    """Tell what `path` will hold.

    Parameters
    ----------
    path : path
        A file name, or ``"-"`` for standard output, which gets JSON lines.

    Returns
    -------
    (str, str)
        "csv", "tsv", "jsonl" or "parquet", and ".gz" or ".zst" if it is compressed besides.

    Raises
    ------
    WriteError
        If the suffix is not one of `FORMS`.
    """
    if str(path) == "-":
        return "jsonl", ""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    form = FORMS.get(suffixes[-1]) if suffixes else None
    if form is None or (packing and form == "parquet"):
        known = ", ".join(FORMS)
        raise WriteError(
            f"Cannot tell the form of {path}: end its name in one of {known} (all but .parquet also with .gz or .zst)."
        )
    return form, packing


def write_table(frame: "pd.DataFrame", path: str | Path) -> None:
    """Write a table to a file; see `TableWriter`.

    Parameters
    ----------
    frame : DataFrame
        The table. Its index is not written.
    path : path
        The file, or ``"-"`` for standard output.

    Raises
    ------
    WriteError
        If the suffix is unknown or the file cannot be written.
    """
    with TableWriter(path) as writer:
        writer.write(frame)


class TableWriter:
    """Write a table batch by batch to a file that appears only when it is whole.

    Rows go to a hidden file in the same folder, which takes the place of `path` at the end of the ``with`` block and is
    removed if the block ends by an exception. Standard output, devices and pipes are written to directly.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet`` (all but the last also with ``.gz`` or ``.zst``), or
        ``"-"`` for JSON lines on standard output.

    Raises
    ------
    WriteError
        At once, if the suffix is unknown, the folder is missing or may not be written to; later, if the disk is full or
        a batch does not fit the ones before it.

    Notes
    -----
    Lists and dictionaries in cells stay what they are in JSON lines and Parquet and become JSON text in CSV. The first
    batch fixes the columns; in Parquet, a column without any value in it is taken for text.

    Examples
    --------
    >>> import pandas as pd
    >>> with TableWriter("labels.csv") as writer:  # doctest: +SKIP
    ...     writer.write(pd.DataFrame({"id": ["1"], "label": ["direct"]}))
    """

    def __init__(self, path: str | Path):
        self.path = path if str(path) == "-" else Path(path)
        self.rows = 0
        if str(path) != "-" and self.path.is_dir():
            raise WriteError(f"{path} is a folder: name a file in it, for example {self.path / 'scored.csv'}.")
        self.form, self.packing = output_form(path)
        if self.form == "parquet" or self.packing == ".zst":
            _pyarrow(path)
        self._columns: list | None = None
        self._schema: Any = None
        self._parquet: Any = None
        self._stack: list[Any] = []  # open files, the outermost last
        #: The file that takes the place of `path`, links followed; None where rows go straight to it.
        self.final: Path | None = None
        self._temporary: Path | None = None
        if str(path) != "-":
            self._check_place()

    def _check_place(self) -> None:
        path = Path(self.path)
        if path.exists() and not path.is_file():
            return  # a device or a pipe
        self.final = path.resolve()  # a link stays a link, its target is renewed
        folder = self.final.parent
        if not folder.is_dir():
            raise WriteError(
                f"There is no folder {folder} to write {path.name} in. Make it first, or name another place."
            )
        if hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise WriteError(f"{folder} is on a disk that can only be read. Name a file elsewhere.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise WriteError(f"No permission to write in {folder}. Name a file in a folder of your own.")

    def __enter__(self) -> "TableWriter":
        """Open the file."""
        try:
            if str(self.path) == "-":
                sys.stdout.flush()
                raw = getattr(sys.stdout, "buffer", None) or sys.stdout
            elif self.final is None:
                raw = open(self.path, "wb")  # noqa: SIM115
                self._stack.append(raw)
            else:
                name = f".{self.final.name[:200]}.{secrets.token_hex(4)}.part"
                self._temporary = self.final.with_name(name)
                raw = open(self._temporary, "xb")  # noqa: SIM115
                self._stack.append(raw)
        except OSError as error:
            raise self._failure(error) from None
        self._raw = raw
        return self

    def write(self, frame: "pd.DataFrame") -> None:
        """Append a batch.

        Parameters
        ----------
        frame : DataFrame
            Rows with the columns of the first batch, in any order.

        Raises
        ------
        WriteError
            If the columns are others than those of the first batch, or the disk is full.
        """
        first = self._columns is None
        if first:
            self._columns = list(frame.columns)
        elif list(frame.columns) != self._columns:
            if set(frame.columns) != set(self._columns):
                odd = ", ".join(map(str, set(frame.columns) ^ set(self._columns)))
                raise WriteError(
                    f"Row {self.rows + 1} of {self.path} does not fit the rows before it: columns differ in {odd}."
                )
            frame = frame[self._columns]
        try:
            if self.form == "parquet":
                self._write_parquet(frame)
            else:
                self._raw.write(encode(frame, self.form, self.packing, header=first))
        except OSError as error:
            raise self._failure(error) from None
        self.rows += len(frame)

    def _write_parquet(self, frame: "pd.DataFrame") -> None:
        _, pq = _pyarrow(self.path)
        try:
            table = _arrow_table(frame, self._schema)
        except WriteError as error:
            raise WriteError(f"{self.path}: rows from {self.rows + 1} on {error}") from None
        self._schema = table.schema
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._raw, self._schema, compression="zstd")
        self._parquet.write_table(table)

    def __exit__(self, kind, error, trace) -> None:
        """Put the file in its place, or remove what was written of it."""
        failure = None
        try:
            if error is not None and self._parquet is not None:
                _close_quietly(self._parquet)
            if error is None:
                if self._parquet is not None:
                    self._parquet.close()
                if self._parquet is None and self.form == "parquet":
                    pa, pq = _pyarrow(self.path)
                    pq.write_table(pa.table({}), self._raw)
                if str(self.path) == "-":
                    self._raw.flush()
            while self._stack:
                self._stack.pop().close()
            if error is None and self._temporary is not None:
                if self.final.exists():
                    shutil.copymode(self.final, self._temporary)
                os.replace(self._temporary, self.final)
                self._temporary = None
        except OSError as trouble:
            failure = self._failure(trouble)
            if self._parquet is not None:
                self._parquet.is_open = False  # or it would try again, and complain, when it is collected
        finally:
            for file in reversed(self._stack):
                _close_quietly(file)
            self._stack.clear()
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)
        if failure is not None and error is None:
            raise failure from None

    def _failure(self, error: OSError) -> Exception:
        kept = " Nothing was left behind." if self._temporary else ""
        return write_failure(error, self.path, f" (after {self.rows} rows).{kept}")


def write_failure(error: OSError, path: str | Path, state: str = ".") -> Exception:
    """Return what to raise for an error of the system: a broken pipe is the reader's wish, the rest gets its mend.

    Parameters
    ----------
    error : OSError
    path : path
        What was written.
    state : str
        The end of the sentence for a full disk: how far it came, what was left.

    Returns
    -------
    Exception
    """
    if isinstance(error, BrokenPipeError):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WriteError(f"No space left to write {path}{state} Free some, or write elsewhere.")
    if error.errno == errno.EROFS:
        return WriteError(f"{path} is on a disk that can only be read. Name a file elsewhere.")
    if isinstance(error, PermissionError):
        return WriteError(f"No permission to write {path}. Name a file in a folder of your own.")
    return WriteError(f"Cannot write {path}: {error.strerror or error}.")


def encode(
    frame: "pd.DataFrame", form: str, packing: str = "", *, header: bool = False, schema: "pa.Schema | None" = None
) -> bytes:
    """Return the rows of a table as they stand in a file, so that such pieces joined make one.

    Parameters
    ----------
    frame : DataFrame
    form : str
        "csv", "tsv", "jsonl" or "parquet".
    packing : str
        "", ".gz" or ".zst"; the pieces are members or frames of their own.
    header : bool, default False
        Whether CSV begins with the names of the columns.
    schema : pyarrow.Schema, optional
        For Parquet, where the columns are known beforehand; otherwise they are told from the rows.

    Returns
    -------
    bytes
        Joined by `join_parts`.
    """
    if form == "parquet":
        _, pq = _pyarrow("Parquet")
        whole = io.BytesIO()
        pq.write_table(_arrow_table(frame, schema), whole, compression="zstd")
        return whole.getvalue()
    if form == "jsonl":
        data = _json_lines(frame)
    else:
        data = _delimited(frame, "\t" if form == "tsv" else ",", header=header)
    if packing == ".gz":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if packing == ".zst":
        pa, _ = _pyarrow("zstd")
        return pa.Codec("zstd", compression_level=6).compress(data).to_pybytes()
    return data


def join_parts(
    parts: list[Path],
    path: Path,
    form: str,
    packing: str = "",
    *,
    columns: list[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Join pieces that `encode` made into one file.

    Parameters
    ----------
    parts : list of Path
        Files that hold one piece each.
    path : Path
        The file to write; it is on the disk when this returns.
    form, packing : str
        As for `encode`.
    columns : list of str
        Names for the header of a CSV file.
    metadata : dict of str, optional
        Goes into a Parquet file's schema.

    Raises
    ------
    OSError
        If the disk is full, for one.
    """
    with open(path, "wb") as whole:
        if form == "parquet":
            _join_parquet(parts, whole, metadata or {})
        else:
            if form != "jsonl":
                import pandas as pd

                whole.write(encode(pd.DataFrame(columns=columns), form, packing, header=True))
            for part in parts:
                with open(part, "rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
        whole.flush()
        os.fsync(whole.fileno())


def _join_parquet(parts: list[Path], whole, metadata: dict[str, str]) -> None:
    pa, pq = _pyarrow(parts[0])
    # The pieces were all made by one schema: unknown types are settled by the column's name, never by its rows.
    schema = pq.read_schema(parts[0]).with_metadata(metadata or None)
    with pq.ParquetWriter(whole, schema, compression="zstd") as writer:
        waiting: list = []
        rows = size = 0
        for part in parts:
            table = pq.read_table(part, use_threads=False).replace_schema_metadata(metadata or None)
            waiting.append(table)
            rows += table.num_rows
            size += table.nbytes
            while rows >= ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
                joined = pa.concat_tables(waiting)
                writer.write_table(joined.slice(0, ROW_GROUP_ROWS), row_group_size=ROW_GROUP_ROWS)
                waiting = [joined.slice(ROW_GROUP_ROWS)]
                rows = max(0, rows - ROW_GROUP_ROWS)
                size = waiting[0].nbytes
        if rows:
            writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP_ROWS)


def _arrow_table(frame: "pd.DataFrame", schema=None):
    """Return a table whose types do not depend on which rows it has; by `schema` if there is one."""
    import pyarrow as pa

    try:
        try:
            return _typed_table(frame, schema)
        except UnicodeEncodeError:  # rare, and the look for it would take longer than the rest
            frame = frame.copy(deep=False)
            for name in frame.columns:
                if frame[name].dtype == object:
                    frame[name] = [_encodable(value) for value in frame[name]]
            return _typed_table(frame, schema)
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise WriteError(
            f"do not fit one type a column ({reason}). "
            "Write CSV or JSON lines, or make the column all text or all numbers."
        ) from None


def _typed_table(frame: "pd.DataFrame", schema):
    import pyarrow as pa

    if schema is None:
        guessed = pa.Table.from_pandas(frame, preserve_index=False).schema.remove_metadata()
        schema = pa.schema([pa.field(f.name, _settled(pa, f.name, f.type)) for f in guessed])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)


def _close_quietly(file) -> None:
    try:
        file.close()
    except Exception:  # another error is on its way already
        pass


def _pyarrow(path):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise WriteError(
            f"Writing {path} needs pyarrow: pip install 'pqnlp[parquet]', or write .csv or .jsonl."
        ) from None
    return pyarrow, pyarrow.parquet


def _settled(pa, name: str, kind):
    """Return `kind` with every unknown part made definite, so that later batches fit."""
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    inner = kind.value_type if listed else kind
    if name in _NESTED and (pa.types.is_null(inner) or pa.types.is_struct(inner)):
        # A batch may have no mention at all, or none with a date.
        declared = arrow_type([_NESTED[name]])
        if pa.types.is_null(inner) or {f.name for f in inner} <= set(_NESTED[name]):
            return declared
    if pa.types.is_null(kind):
        return pa.int64() if name in _NUMBER_FIELDS else pa.string()
    if listed:
        return pa.list_(_settled(pa, name, inner))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _settled(pa, f.name, f.type)) for f in kind])
    if pa.types.is_large_string(kind):
        return pa.string()
    return kind


def _encodable(value):
    """Return `value` with strings that UTF-8 can hold: half characters come out of broken JSON."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _encodable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(part) for part in value]
    return value


def _plain(value):
    """Return `value` as JSON can hold it."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):  # numpy
        return _plain(value.tolist())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _json_lines(frame: "pd.DataFrame") -> bytes:
    columns = [[_plain(value) for value in frame.iloc[:, at].tolist()] for at in range(frame.shape[1])]
    names = list(map(str, frame.columns))
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    lines = [encode(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
    return "".join(line + "\n" for line in lines).encode("utf-8", "replace")


def _nested(value) -> bool:
    return isinstance(value, (list, tuple, dict, set)) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0)


def _delimited(frame: "pd.DataFrame", separator: str, *, header: bool) -> bytes:
    frame = frame.copy(deep=False)
    for at, name in enumerate(frame.columns):
        column = frame.iloc[:, at]
        if column.dtype == object and any(map(_nested, column)):
            frame[name] = [json.dumps(_plain(v), ensure_ascii=False) if _nested(v) else v for v in column]
    text = io.StringIO()
    frame.to_csv(text, sep=separator, index=False, header=header, lineterminator="\n")
    return text.getvalue().encode("utf-8", "replace")


def first_rows(path: str | Path, count: int = 5) -> "pd.DataFrame":
    """Read the first rows of a table that `TableWriter` wrote.

    Parameters
    ----------
    path : path
        A file with one of the suffixes of `FORMS`.
    count : int, default 5
        How many rows at most.

    Returns
    -------
    DataFrame
        No rows where `path` is not a regular file.
    """
    import pandas as pd

    if str(path) == "-" or not stat.S_ISREG(os.stat(path).st_mode):
        return pd.DataFrame()
    form, packing = output_form(path)
    if form == "parquet":
        _, pq = _pyarrow(path)
        with pq.ParquetFile(path, pre_buffer=False) as reader:
            for batch in reader.iter_batches(batch_size=count):
                return batch.to_pandas()
        return pd.DataFrame()
    with contextlib.ExitStack() as stack:
        if packing == ".zst":
            pa, _ = _pyarrow(path)
            raw = pa.CompressedInputStream(stack.enter_context(pa.OSFile(str(path))), "zstd")
        else:
            raw = stack.enter_context((gzip.open if packing else open)(path, "rb"))
        lines = io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", newline="\n")
        if form == "jsonl":
            return pd.DataFrame([json.loads(line) for line, _ in zip(lines, range(count), strict=False)])
        return pd.read_csv(lines, sep="\t" if form == "tsv" else ",", nrows=count, dtype=str, keep_default_na=False)
