"""The file forms that question-answer pairs come in, each read into raw tables that `pqnlp.corpus` makes regular.

====================  ==================================================================================
form                  read as
====================  ==================================================================================
``.parquet``          row groups, by pyarrow (``pip install 'pqnlp[parquet]'``)
``.csv``, ``.tsv``    comma, semicolon or tab, by pandas; every cell as text
``.jsonl``            one object a line (also ``.ndjson``)
``.json``             the written-questions API: list pages, single questions, lists of these; or a list of objects
``.xml``              TheyWorkForYou's written answers: ``ques`` and ``reply`` elements under headings
``.txt``              text as pasted: ``Question to the Home Office:``, the question, the answer's paragraphs
====================  ==================================================================================

All but Parquet may be compressed: ``.gz``, and ``.zst`` with pyarrow. A folder gives its files in order of name.

Parquet, CSV and JSON lines are read piece by piece; the others are documents, and stay in memory while they are read.
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import html
import io
import json
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from pqnlp.errors import ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "count_rows", "file_rows", "file_tables", "input_files", "is_stream", "is_table", "raw_tables"]

CHUNK_ROWS = 5000
#: Bytes of JSON lines after which a table is handed on, however few rows it has.
CHUNK_BYTES = 8_000_000
_BLOCK = 1 << 18

Chunks = Iterator["tuple[pd.DataFrame, str]"]


class _Input(NamedTuple):
    """What a reader gets: an open file, its name for errors, its encoding, and whether bad lines are passed over."""

    raw: BinaryIO
    name: str
    encoding: str
    skip_bad_lines: bool = False


def raw_tables(source: Any, *, encoding: str = "utf-8") -> Chunks:
    """Yield raw tables with a name for errors, one or more a file.

    Parameters
    ----------
    source : path, DataFrame or iterable
        See `pqnlp.corpus.read`.
    encoding : str
        Encoding of text files.

    Yields
    ------
    (DataFrame, str)
        A table with the source's own column names, and where it came from.

    Raises
    ------
    ReadError
        Naming the file, the row, line or byte, and the mend.
    """
    import pandas as pd

    from pqnlp.tables import as_pandas, as_table

    if isinstance(source, pd.DataFrame):
        yield source, "the table"
    elif isinstance(source, (str, Path)):
        yield from _path_tables(source, encoding)
    elif (table := as_table(source)) is not None:
        yield as_pandas(table), "the table"
    elif isinstance(source, (bytes, bytearray)):
        raise ReadError(
            "Got bytes: write them to a file and pass its path, or pass a list of (question, answer) pairs."
        )
    elif isinstance(source, dict):
        raise ReadError(
            "Got a dictionary: pass a list of pairs, a DataFrame or a path (pandas.DataFrame(data) makes one)."
        )
    elif isinstance(source, Iterable):
        items = list(source)
        if items and all(isinstance(item, (str, Path)) for item in items):
            for item in items:
                yield from _path_tables(item, encoding)
        elif items:
            yield _pairs_table(items), "the list"
    else:
        raise ReadError(
            f"Cannot read {type(source).__name__}: pass a path, a DataFrame or a list of (question, answer) pairs."
        )


def count_rows(sources: Iterable[str], *, encoding: str = "utf-8") -> int | None:
    """Count rows without reading them whole, so that a progress bar can tell the time left.

    Parameters
    ----------
    sources : iterable of str
        Files, folders or globs.
    encoding : str
        Encoding of text files.

    Returns
    -------
    int or None
        None where counting would cost as much as reading, or where a file cannot be read.
    """
    total = 0
    try:
        for source in sources:
            path = Path(source)
            if source == "-" or not path.exists() or is_stream(path):
                return None
            for file in _members(path) if path.is_dir() else [path]:
                form, packed = _form(file)
                if form == ".parquet":
                    import pyarrow.parquet as pq

                    total += pq.read_metadata(file).num_rows
                elif form in (".jsonl", ".ndjson") and not packed:
                    with file.open("rb") as lines:
                        total += sum(not line.isspace() for line in lines)
                elif form in (".csv", ".tsv") and not packed:
                    with file.open(encoding=encoding, newline="") as lines:
                        total += max(0, sum(1 for _ in csv.reader(lines)) - 1)
                else:
                    return None
    except Exception:  # noqa: BLE001 - the reader itself will say what is wrong, with the mend
        return None
    return total


def _pairs_table(items: list) -> "pd.DataFrame":
    import pandas as pd

    if all(isinstance(item, dict) for item in items):
        return pd.DataFrame(list(map(_flat, items)), dtype=object)
    rows = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise ReadError(f"Item {number} of the list is {item!r:.80}: expected a (question, answer) pair.")
        rows.append(tuple(item))
    return pd.DataFrame(rows, columns=["question", "answer"], dtype=object)


def _path_tables(path: str | Path, encoding: str) -> Chunks:
    if str(path) == "-":
        yield from _sniffed(_Input(sys.stdin.buffer, "standard input", encoding))
        return
    for file in input_files([path]):
        yield from file_tables(file, encoding=encoding)


def is_stream(path: str | Path) -> bool:
    """Tell whether a path is a pipe or a device, which can be read but once."""
    try:
        return not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode)
    except (OSError, ValueError):
        return False


def input_files(sources: Iterable[str | Path], *, skip: Callable[[Path], bool] | None = None) -> list[Path]:
    """List the files that names, folders and globs stand for.

    Parameters
    ----------
    sources : iterable of path
        Files, folders or globs, but not ``"-"``.
    skip : callable, optional
        Tells whether a file that a folder or glob stands for is left out all the same.

    Returns
    -------
    list of Path
        In the order given; the files of a folder or a glob in order of name.

    Raises
    ------
    ReadError
        If there is no such file, or a folder holds none that can be read.
    """
    return [file for source in sources for file in _files(str(source), skip or (lambda file: False))]


def _files(path: str, skip: Callable[[Path], bool]) -> Iterator[Path]:
    file = Path(path)
    try:
        there, folder = file.exists(), file.is_dir()
    except (OSError, ValueError):  # a text is too long to be a name, or has a NUL
        there = folder = False
    if not there and ("\n" in path or len(path) > 255):
        raise ReadError(f"There is no file {path[:60]!r}... To read a text itself, pass a list: [(question, answer)].")
    if any(c in path for c in "*?[") and not there:
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise ReadError(f"No file matches {path}.")
        kept = [match for match in matches if not skip(Path(match))]
        if not kept:
            raise ReadError(f"No file matches {path} but the output.")
        for match in kept:
            # "**" gives the folders on its way besides the files in them
            if not ("**" in path and Path(match).is_dir()):
                yield from _files(match, skip)
        return
    if folder:
        members = _members(file)
        if not members:
            raise ReadError(f"The folder {path} holds no file to read: expected {', '.join(SUFFIXES)}.")
        kept = [member for member in members if not skip(member)]
        if not kept:
            raise ReadError(f"The folder {path} holds no file to read but the output: name another folder, or a file.")
        yield from kept
        return
    if not there:
        raise ReadError(f"There is no file {path}. Check the name and the folder.")
    yield file


def _members(folder: Path) -> list[Path]:
    """Return the files of `folder` that can be read by their suffix, hidden ones apart, in order of name."""
    try:
        return sorted(p for p in folder.iterdir() if p.is_file() and _form(p)[0] in READERS and p.name[:1] != ".")
    except OSError as error:
        raise ReadError(
            f"Cannot list the folder {folder}: {error.strerror or error}. Change its permissions."
        ) from None


def _form(file: Path) -> tuple[str, str]:
    """Return the suffix that tells the form, and the one that tells the compression."""
    suffixes = [s.lower() for s in file.suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    return (suffixes[-1] if suffixes else ""), packed


def is_table(file: Path) -> bool:
    """Tell by its suffix whether a file has columns, which its maker has named."""
    return _form(file)[0] in (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson")


def file_tables(
    file: Path,
    *,
    encoding: str = "utf-8",
    skip_bad_lines: bool = False,
    columns: Callable[[list[str]], list[str]] | None = None,
) -> Chunks:
    """Yield the raw tables of one file; see `raw_tables`.

    Parameters
    ----------
    file : Path
    encoding : str
    skip_bad_lines : bool, default False
        Give a line of JSON lines that is not JSON as a row with the problem ``bad_line``, in place of raising. The first
        line of a file must be good, or it is no file of JSON lines.
    columns : callable, optional
        Picks from the names of a Parquet file's columns those to read.

    Yields
    ------
    (DataFrame, str)

    Raises
    ------
    ReadError
    """
    form, packed = _form(file)
    try:
        if form == ".parquet":
            yield from _parquet(_Input(None, str(file), encoding), file, columns)
            return
        with _opened(file, packed) as raw:
            yield from READERS.get(form, _sniffed)(_Input(raw, str(file), encoding, skip_bad_lines))
    except PermissionError:
        raise ReadError(f"No permission to read {file}. Change its permissions or copy it.") from None
    except (OSError, EOFError, zlib.error) as error:
        if packed and not getattr(error, "errno", None):
            raise ReadError(f"{file} is not a whole {packed} file ({error}). Copy or download it again.") from None
        raise ReadError(f"Cannot read {file}: {getattr(error, 'strerror', None) or error}.") from None


def file_rows(file: Path, *, encoding: str = "utf-8", skip_bad_lines: bool = False) -> int:
    """Count the rows that `file_tables` will give, and find what it would stumble on.

    Parameters
    ----------
    file, encoding, skip_bad_lines
        As for `file_tables`.

    Returns
    -------
    int

    Raises
    ------
    ReadError
        As `file_tables` does, other than for what stands inside a Parquet file or, where bad lines are passed over,
        inside JSON lines after the first.
    """
    form, packed = _form(file)
    if form == ".parquet":
        for _ in file_tables(file, columns=lambda names: names[:1]):  # tells whether it is a whole Parquet file
            break
        import pyarrow.parquet as pq

        return pq.read_metadata(file).num_rows
    tables = file_tables(file, encoding=encoding, skip_bad_lines=skip_bad_lines)
    if form in (".jsonl", ".ndjson") and skip_bad_lines and not _is_wide(encoding):
        for _ in tables:
            break
        tables.close()
        try:
            with _opened(file, packed) as raw:
                return sum(not line.isspace() for line in raw)
        except (OSError, EOFError, zlib.error):
            pass  # told below, in the reader's words
        tables = file_tables(file, encoding=encoding, skip_bad_lines=skip_bad_lines)
    return sum(len(table) for table, _ in tables)


def _opened(file: Path, packed: str) -> BinaryIO:
    if packed == ".gz":
        return gzip.open(file, "rb")
    if packed == ".zst":
        try:
            import pyarrow
        except ImportError:
            raise ReadError(f"{file} needs pyarrow: pip install 'pqnlp[parquet]', or unpack the file first.") from None
        file.open("rb").close()  # errors of permission in Python's own words
        return io.BufferedReader(pyarrow.CompressedInputStream(pyarrow.OSFile(str(file)), "zstd"), _BLOCK)
    return file.open("rb", _BLOCK)


class _Rejoined(io.RawIOBase):
    """A stream from which something was read already, whole again."""

    def __init__(self, head: bytes, rest: BinaryIO):
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._head.read(len(buffer)) or self._rest.read(len(buffer)) or b""
        buffer[: len(data)] = data
        return len(data)


def _rejoined(given: _Input, head: bytes) -> _Input:
    return given._replace(raw=io.BufferedReader(_Rejoined(head, given.raw), _BLOCK))


def _sniffed(given: _Input) -> Chunks:
    """Guess the form from the first characters: standard input and odd suffixes."""
    if _is_wide(given.encoding):
        data = _decoded(given.raw.read(), given.name, given.encoding).encode("utf-8", "replace")
        given = given._replace(raw=io.BytesIO(data), encoding="utf-8")
    start = given.raw.read(4096)
    given = _rejoined(given, start)
    head = start[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:4] == b"PAR1":
        yield from _parquet(given, io.BytesIO(given.raw.read()))
    elif head[:1] == b"[":
        yield from _json(given)
    elif head[:1] == b"{":
        yield from _json_or_lines(given)
    elif head[:1] == b"<":
        yield from _xml(given)
    elif _HEADER_LINE.match(head.decode("latin-1")) or head[:6] == b"To ask":
        yield from _plain(given)
    else:
        yield from _csv(given)


def _json_or_lines(given: _Input) -> Chunks:
    """Tell one object over several lines, or one page of the API on a single line, from JSON lines."""
    first = b"\n"
    while first.isspace():
        first = given.raw.readline()
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        data = first + given.raw.read()
        try:
            whole = json.loads(data)
        except (ValueError, RecursionError):
            yield from _jsonl(given._replace(raw=io.BytesIO(data)))
        else:
            yield from _json_objects(whole, given.name)
        return
    rest = given.raw.read(1 << 16)
    if isinstance(row.get("results"), list) or not rest.strip():
        yield from _json(_rejoined(given, first + rest))
    else:
        yield from _jsonl(_rejoined(given, first + rest))


def _is_wide(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "").startswith(("utf16", "utf32"))


def _decoded(data: bytes, name: str, encoding: str) -> str:
    _check_text(data[:4096], name, encoding)
    try:
        return data.decode(_codec(encoding))
    except UnicodeDecodeError as error:
        raise _not_decodable(name, encoding, error.start, data.count(b"\n", 0, error.start) + 1) from None
    except UnicodeError as error:  # codecs for names of hosts and the like
        raise ReadError(f"{name} is not {encoding} ({error}). Save it as UTF-8.") from None


def _codec(encoding: str) -> str:
    try:
        codecs.getincrementaldecoder(encoding)
        "".encode(encoding)  # Python knows codecs that are no encodings of text
    except (LookupError, UnicodeError, ValueError):
        raise ReadError(
            f"Unknown encoding {encoding!r}: use utf-8, cp1252, latin-1 or another name that Python knows."
        ) from None
    return "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding


def _not_decodable(name: str, encoding: str, byte: int, line: int) -> ReadError:
    return ReadError(
        f"{name} is not {encoding} at byte {byte} (line {line}). Save it as UTF-8, or say its encoding: "
        "encoding='cp1252' (on the command line --encoding cp1252) for files from older Windows programs."
    )


def _check_text(data: bytes, name: str, encoding: str) -> None:
    """Raise if the first bytes of a file are not those of a text."""
    if b"\0" in data and not _is_wide(encoding):
        even, odd = data[0:2000:2].count(0), data[1:2000:2].count(0)
        one_of_two = max(even, odd) > 0.35 * len(data[:2000]) and min(even, odd) < 0.05 * len(data[:2000])
        if data[:4] == b"PK\x03\x04":
            raise ReadError(f"{name} is a spreadsheet or a zip archive: export the sheet as CSV, or unpack it first.")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or one_of_two:
            raise ReadError(f"{name} is UTF-16 text: pass encoding='utf-16' (on the command line --encoding utf-16).")
        at = data.index(b"\0")
        raise ReadError(
            f"{name} is not text: it has a NUL at byte {at}. Expected CSV, JSON, XML or plain text; "
            "a Parquet file or a spreadsheet must keep its suffix or be exported as CSV."
        )


class _TextStream:
    """A text decoded block by block, as far as pandas needs it; what cannot be decoded is named by byte and line."""

    def __init__(self, given: _Input):
        self._given = given
        self._bytes = self._lines = 0
        first = given.raw.read(_BLOCK)
        _check_text(first[:4096], given.name, given.encoding)
        codec = _codec(given.encoding)
        if codecs.lookup(codec).name in ("utf-16", "utf-32") and first[:2] not in (b"\xff\xfe", b"\xfe\xff", b"\0\0"):
            codec += "-le"  # without a byte order mark Python takes the machine's order when it decodes a whole text
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._ahead = self._decode(first)

    def _decode(self, block: bytes) -> str:
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # The decoder holds back the bytes of a character that the block before ended in.
            held = len(error.object) - len(block)
            line = self._lines + error.object.count(b"\n", 0, error.start) + 1
            byte = self._bytes - held + error.start
            raise _not_decodable(self._given.name, self._given.encoding, byte, line) from None
        except UnicodeError as error:
            raise ReadError(f"{self._given.name} is not {self._given.encoding} ({error}). Save it as UTF-8.") from None
        self._bytes += len(block)
        self._lines += block.count(b"\n")
        return text.replace("\0", "")  # pandas 2 would end a cell there

    def peek(self) -> str:
        return self._ahead

    def read(self, size: int = -1) -> str:
        if size < 0:
            return "".join(iter(lambda: self.read(_BLOCK), ""))
        text, self._ahead = self._ahead, ""
        while not text:
            block = self._given.raw.read(_BLOCK)
            text = self._decode(block)
            if not block:
                break
        text, self._ahead = text[:size], text[size:]
        return text

    def __iter__(self) -> Iterator[str]:
        """Iterate over lines, parted at line feeds alone."""
        rest = ""
        while text := self.read(_BLOCK):
            *lines, rest = (rest + text).split("\n")
            yield from (line + "\n" for line in lines)
        if rest:
            yield rest


def _parquet(given: _Input, file: Any = None, columns: Callable[[list[str]], list[str]] | None = None) -> Chunks:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ReadError(f"Reading {given.name} needs pyarrow: pip install 'pqnlp[parquet]'.") from None
    if isinstance(file, Path):
        file.open("rb").close()  # permission errors in Python's own words
    try:
        # With a buffer a row group is read page by page: a file may have but one. Buffering beforehand, the default of late
        # versions, would keep all that was read until the file is closed.
        with pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False) as reader:
            names = reader.schema_arrow.names
            wanted = columns(names) if columns is not None else None
            for batch in reader.iter_batches(batch_size=CHUNK_ROWS, columns=wanted, use_threads=False):
                yield batch.to_pandas(), given.name
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or ["empty"])[0].rstrip(".")
        raise ReadError(f"{given.name} is not a whole Parquet file ({reason}). Copy or write it again.") from None


def _csv(given: _Input) -> Chunks:
    import pandas as pd

    name = given.name
    text = _TextStream(given)
    header = text.peek().lstrip("\n").split("\n", 1)[0]
    separator = max("\t;,", key=header.count)
    try:
        with pd.read_csv(
            text, sep=separator, dtype=str, keep_default_na=False, chunksize=CHUNK_ROWS, on_bad_lines="error"
        ) as reader:
            for chunk in reader:
                if not isinstance(chunk.index, pd.RangeIndex):  # pandas takes surplus cells for row names
                    raise ReadError(
                        f"{name} has more cells a row than the header has names ({', '.join(map(str, chunk.columns[:12]))}). "
                        "Name every column, and put texts with commas in double quotes."
                    )
                yield chunk, name
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).replace("Error tokenizing data. C error: ", "").split()).rstrip(". ")
        raise ReadError(
            f"{name} is not a well-formed CSV file: {reason}. Put texts with commas, quotes or line breaks in double quotes."
        ) from None
    except pd.errors.EmptyDataError:
        raise ReadError(f"{name} is empty: expected a header line and at least one row.") from None
    except ReadError:
        raise
    except ValueError as error:
        raise ReadError(f"{name} cannot be read as CSV ({error}). Expected a header line and a row per pair.") from None


def _jsonl(given: _Input) -> Chunks:
    import pandas as pd

    name = given.name
    # Later rows may lack a field, or a whole chunk of them; the table keeps the columns that were seen.
    columns: dict[str, None] = {}
    rows: list[dict] = []
    size = good = 0
    for number, line in _numbered_lines(given):
        try:
            row = _json_row(line, number, given)
        except ReadError:
            if not (given.skip_bad_lines and good):
                raise
            if rows:
                yield pd.DataFrame(rows, columns=list(columns), dtype=object), name
                rows, size = [], 0
            bad = {"id": f"{name}:{number}", "question": "", "answer": "", "problem": "bad_line"}
            yield pd.DataFrame([bad], dtype=object), name
            continue
        good += 1
        rows.append(row)
        columns.update(dict.fromkeys(row))
        size += len(line)
        if len(rows) == CHUNK_ROWS or size >= CHUNK_BYTES:
            yield pd.DataFrame(rows, columns=list(columns), dtype=object), name
            rows, size = [], 0
    if rows:
        yield pd.DataFrame(rows, columns=list(columns), dtype=object), name


def _numbered_lines(given: _Input) -> Iterator[tuple[int, str | UnicodeDecodeError]]:
    """Yield number and text of the lines that are not blank; an error in place of what cannot be decoded."""
    if _is_wide(given.encoding):
        for number, line in enumerate(_TextStream(given), 1):
            if not line.isspace():
                yield number, line
        return
    codec = _codec(given.encoding)
    first, byte = given.raw.read(4096), 0
    _check_text(first, given.name, given.encoding)
    for number, line in enumerate(_rejoined(given, first).raw, 1):
        if not line.isspace():
            try:
                text = line.decode(codec if number == 1 else given.encoding)
            except UnicodeDecodeError as error:
                error.start += byte
                yield number, error
            else:
                yield number, text
        byte += len(line)


def _json_row(line: str | UnicodeDecodeError, number: int, given: _Input) -> dict:
    if isinstance(line, UnicodeDecodeError):
        raise _not_decodable(given.name, given.encoding, line.start, number)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        raise ReadError(
            f"{given.name}, line {number}: not JSON ({reason}). Expected one whole object a line; a cut file ends like this."
        ) from None
    if not isinstance(row, dict):
        raise ReadError(
            f"{given.name}, line {number}: expected an object with a question and an answer, got {line.strip():.60}."
        )
    return _flat(row)


def _json(given: _Input) -> Chunks:
    name = given.name
    text = _decoded(given.raw.read(), name, given.encoding)
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReadError(
            f"{name} is not whole JSON: {error.msg} at line {error.lineno}, column {error.colno} (byte {error.pos}). "
            "Download it again, or give a file of one object a line the suffix .jsonl."
        ) from None
    except RecursionError:
        raise ReadError(f"{name} is nested too deeply to be the API's JSON. Check that it is the right file.") from None
    yield from _json_objects(whole, name)


def _json_objects(whole: Any, name: str) -> Chunks:
    import pandas as pd

    rows = [_flat(item) for item in _items(whole, name)]
    if rows:
        yield pd.DataFrame(rows, dtype=object), name


def _items(whole: Any, name: str) -> Iterator[dict]:
    if isinstance(whole, dict):
        if isinstance(whole.get("results"), list):
            yield from _items(whole["results"], name)
        elif "value" in whole or any("question" in str(key).lower() for key in whole):
            yield whole
        else:
            keys = ", ".join(map(str, list(whole)[:8])) or "none"
            raise ReadError(
                f"{name} is JSON, but not of a known form (keys: {keys}). Expected the API's 'results' or 'value', "
                "or a list of objects with a question and an answer."
            )
    elif isinstance(whole, list):
        for number, item in enumerate(whole, 1):
            if not isinstance(item, dict):
                raise ReadError(
                    f"{name}, item {number}: expected an object with a question and an answer, got {item!r:.60}."
                )
            if isinstance(item.get("results"), list):
                yield from _items(item["results"], name)
            else:
                yield item
    else:
        raise ReadError(f"{name} holds {type(whole).__name__}, not question-answer pairs.")


def _flat(item: dict) -> dict:
    """Unwrap ``{"value": {...}, "links": [...]}``; keep plain fields only."""
    value = item.get("value")
    row = value if isinstance(value, dict) else item
    # JSON can spell half a character ("\\ud800"), which no column name may hold.
    return {
        key if not isinstance(key, str) or key.isascii() else key.encode("utf-8", "replace").decode(): field
        for key, field in row.items()
        if not isinstance(field, (list, dict))
    }


def _xml(given: _Input) -> Chunks:
    """Read TheyWorkForYou's written answers (parlparse's ``answersDATE.xml``, ``lordswransDATE.xml``).

    The date in an id is the day the question was tabled; the day of the answer stands in the file's name.
    """
    import lxml.etree as etree
    import pandas as pd

    name, data = given.name, given.raw.read()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        reason = " ".join(error.msg.split()).replace(" ,", ",")
        raise ReadError(f"{name} is not well-formed XML: {reason}. Download it again.") from None
    day = re.search(r"(\d{4}-\d\d-\d\d)", Path(name).name)
    house = "Lords" if "lords" in Path(name).name.lower() else "Commons"
    department = heading = None
    waiting: list[dict] = []
    rows: list[dict] = []
    for node in root.iter("major-heading", "minor-heading", "ques", "reply"):
        if node.tag == "major-heading":
            department = _line(node)
        elif node.tag == "minor-heading":
            heading = _line(node)
            rows += waiting  # questions that no reply followed
            waiting = []
        elif node.tag == "ques":
            if waiting and waiting[-1]["answer"]:
                rows += waiting
                waiting = []
            waiting.append(_ques(node, department, heading, house, day.group(1) if day else None))
        else:
            inner = "".join(etree.tostring(child, encoding="unicode", method="html") for child in node)
            text = (node.text or "") + inner
            for row in waiting:
                row["answer"] += text
    rows += waiting
    if not rows:
        raise ReadError(f"{name} has no <ques> element. Expected TheyWorkForYou's written-answers XML.")
    yield pd.DataFrame(rows, dtype=object), name


def _line(node) -> str | None:
    # Older files declare names such as &pound; in their head; they are left unresolved, and HTML knows them.
    return " ".join(html.unescape("".join(node.itertext())).split()) or None


def _ques(node, department, heading, house, day) -> dict:
    identity = node.get("id") or ""
    where = re.search(r"/(?:lords)?wrans/(\d{4}-\d\d-\d\d)\.([\w]+)", identity)
    paragraphs = [html.unescape("".join(p.itertext())).strip() for p in list(node.iter("p")) or [node]]
    number = next((p.get("qnum") for p in node.iter("p") if p.get("qnum")), None)
    return {
        "id": identity or None,
        "uin": number or (where.group(2) if where else None),
        "house": "Lords" if "lordswrans" in identity else house,
        "department": department,
        "heading": heading,
        "tabled": where.group(1) if where else None,
        "answered": day,
        "question": "\n".join(paragraphs),
        "answer": "",
    }


_HEADER_LINE = re.compile(r"\s*Question\s+(?:to|for)\s+(?:the\s+)?([^\n:]+?)[ \t]*(?::[ \t]*|\n)", re.IGNORECASE)
_HEADER = re.compile(
    r"^[ \t]*Question[ \t]+(?:to|for)[ \t]+(?:the[ \t]+)?([^\n:]{2,120}?)[ \t]*(?::|$)[ \t]*", re.M | re.I
)
_DETAIL = re.compile(r"^UIN[ \t]+(\w+)(?:,?[ \t]*tabled on[ \t]+([^\n]+))?[ \t]*$", re.M | re.I)
_ANSWER_MARK = re.compile(r"^[ \t]*(?:Answer(?:ed)?(?:[ \t]+(?:on|by)\b[^\n]*)?|A)[ \t]*:?[ \t]*$", re.M | re.I)
_ANSWER_INLINE = re.compile(r"^[ \t]*(?:Answer|Reply|Response)[ \t]*:[ \t]*(?=\S)", re.M | re.I)
_DATE_LINE = re.compile(r"^[ \t]*\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]+ \d{4}[ \t]*$", re.M)


def _plain(given: _Input) -> Chunks:
    import pandas as pd

    name = given.name
    text = _decoded(given.raw.read(), name, given.encoding).replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise ReadError(f"{name} is empty: expected 'Question to the Home Office:', the question and the answer.")
    headers = list(_HEADER.finditer(text))
    if headers and text[: headers[0].start()].strip():
        headers = headers if len(text[: headers[0].start()]) < 200 else []
    if headers:
        ends = [h.start() for h in headers[1:]] + [len(text)]
        rows = [_plain_pair(h.group(1), text[h.end() : end], name) for h, end in zip(headers, ends, strict=True)]
    elif re.match(r"(?:Question:\s*)?To ask\b", text):
        rows = [_plain_pair(None, text.removeprefix("Question:"), name)]
    else:
        raise ReadError(
            f"{name}, line 1: expected 'Question to the Home Office:' or a question that begins 'To ask'. "
            "Put the question first, an empty line, then the answer."
        )
    yield pd.DataFrame(rows, dtype=object), name


def _plain_pair(department: str | None, body: str, name: str) -> dict:
    """Split the text under one header: the question is the first paragraph, or what stands before a line 'Answer'."""
    detail = _DETAIL.search(body)
    if detail:
        body = body[: detail.start()] + body[detail.end() :]
    mark = _ANSWER_MARK.search(body) or _ANSWER_INLINE.search(body)
    answered = None
    if mark:
        question, answer = body[: mark.start()], body[mark.end() :]
        said = re.search(r"\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]+ \d{4}", mark.group(0)) or re.match(
            _DATE_LINE, answer.lstrip("\n")
        )
        if said:
            answered = said.group(0).strip()
            answer = answer.lstrip("\n").removeprefix(said.group(0)) if said.re is _DATE_LINE else answer
    else:
        paragraphs = [p for p in re.split(r"\n[ \t]*\n", body.strip()) if p.strip()]
        if len(paragraphs) == 1:
            paragraphs = body.strip().split("\n", 1)
        question, answer = (paragraphs or [""])[0], "\n".join(paragraphs[1:])
    return {
        "uin": detail.group(1) if detail else None,
        "department": department.strip() if department else None,
        "tabled": detail.group(2) if detail else None,
        "answered": answered,
        "question": " ".join(question.split()),
        "answer": answer.strip(),
    }


READERS: dict[str, Callable[[_Input], Chunks]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".xml": _xml,
    ".txt": _plain,
}

#: Suffixes that are read by name; others are told from their first characters.
SUFFIXES = (".parquet", *READERS)
READERS[".parquet"] = _parquet
