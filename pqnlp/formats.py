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

All but Parquet may be compressed (``.gz``, ``.zst`` where pandas can). A folder gives its files in order of name.
"""

from __future__ import annotations

import csv
import glob
import gzip
import html
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import ReadError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "count_rows", "raw_tables"]

CHUNK_ROWS = 5000

Chunks = Iterator["tuple[pd.DataFrame, str]"]


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

    if isinstance(source, pd.DataFrame):
        yield source, "the table"
    elif isinstance(source, (str, Path)):
        yield from _path_tables(str(source), encoding)
    elif hasattr(source, "to_pandas"):  # Polars, PyArrow
        yield source.to_pandas(), "the table"
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
                yield from _path_tables(str(item), encoding)
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
            if source == "-" or not path.exists():
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


def _path_tables(path: str, encoding: str) -> Chunks:
    if path == "-":
        yield from _sniffed(sys.stdin.buffer.read(), "standard input", encoding)
        return
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
        for match in matches:
            yield from _path_tables(match, encoding)
        return
    if folder:
        members = _members(file)
        if not members:
            raise ReadError(f"The folder {path} holds no file to read: expected {', '.join(SUFFIXES)}.")
        for member in members:
            yield from _file_tables(member, encoding)
        return
    if not there:
        raise ReadError(f"There is no file {path}. Check the name and the folder.")
    yield from _file_tables(file, encoding)


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


def _file_tables(file: Path, encoding: str) -> Chunks:
    form, packed = _form(file)
    try:
        if form == ".parquet":
            yield from _parquet(file)
            return
        data = file.read_bytes()
    except PermissionError:
        raise ReadError(f"No permission to read {file}. Change its permissions or copy it.") from None
    except OSError as error:
        raise ReadError(f"Cannot read {file}: {error.strerror or error}.") from None
    if packed:
        data = _unpacked(data, packed, file)
    if form in READERS:
        yield from READERS[form](data, str(file), encoding)
    else:
        yield from _sniffed(data, str(file), encoding)


def _unpacked(data: bytes, packed: str, file: Path) -> bytes:
    try:
        if packed == ".gz":
            return gzip.decompress(data)
        import pandas as pd  # its optional zstandard support

        with pd.io.common.get_handle(io.BytesIO(data), "rb", compression="zstd", is_text=False) as handles:
            return handles.handle.read()
    except ImportError:
        raise ReadError(
            f"{file} needs the package zstandard: pip install zstandard, or unpack the file first."
        ) from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ReadError(f"{file} is not a whole {packed} file ({error}). Copy or download it again.") from None


def _sniffed(data: bytes, name: str, encoding: str) -> Chunks:
    """Guess the form from the first characters: standard input and odd suffixes."""
    if _is_wide(encoding):
        data, encoding = _decoded(data, name, encoding).encode("utf-8", "replace"), "utf-8"
    head = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data[:4] == b"PAR1":
        yield from _parquet(io.BytesIO(data), name)
    elif head[:1] == b"[":
        yield from _json(data, name, encoding)
    elif head[:1] == b"{":
        try:
            whole = json.loads(data)
        except (ValueError, RecursionError):
            yield from _jsonl(data, name, encoding)
        else:
            yield from _json_objects(whole, name)
    elif head[:1] == b"<":
        yield from _xml(data, name, encoding)
    elif _HEADER_LINE.match(head.decode("latin-1")) or head[:6] == b"To ask":
        yield from _plain(data, name, encoding)
    else:
        yield from _csv(data, name, encoding)


def _is_wide(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "").startswith(("utf16", "utf32"))


def _decoded(data: bytes, name: str, encoding: str) -> str:
    if b"\0" in data[:4096] and not _is_wide(encoding):
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
    try:
        return data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ReadError(
            f"{name} is not {encoding} at byte {error.start} (line {line}). Save it as UTF-8, or say its encoding: "
            "encoding='cp1252' (on the command line --encoding cp1252) for files from older Windows programs."
        ) from None
    except LookupError:
        raise ReadError(
            f"Unknown encoding {encoding!r}: use utf-8, cp1252, latin-1 or another name that Python knows."
        ) from None


def _parquet(file: Any, name: str | None = None) -> Chunks:
    name = name or str(file)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ReadError(f"Reading {name} needs pyarrow: pip install 'pqnlp[parquet]'.") from None
    if isinstance(file, Path):
        file.open("rb").close()  # permission errors in Python's own words
    try:
        with pq.ParquetFile(file) as reader:
            for batch in reader.iter_batches(batch_size=CHUNK_ROWS):
                yield batch.to_pandas(), name
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ReadError(f"{name} is not a whole Parquet file ({reason}). Copy or write it again.") from None


def _csv(data: bytes, name: str, encoding: str) -> Chunks:
    import pandas as pd

    text = _decoded(data, name, encoding).replace("\0", "")  # pandas 2 would end a cell there
    if not text.strip():
        raise ReadError(f"{name} is empty: expected a header line and at least one row.")
    header = text.lstrip("\n").split("\n", 1)[0]
    separator = max("\t;,", key=header.count)
    try:
        with pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype=str,
            keep_default_na=False,
            chunksize=CHUNK_ROWS,
            on_bad_lines="error",
        ) as reader:
            for chunk in reader:
                if not isinstance(chunk.index, pd.RangeIndex):  # pandas takes surplus cells for row names
                    raise ReadError(
                        f"{name} has more cells a row than the header has names ({', '.join(map(str, chunk.columns[:12]))}). "
                        "Name every column, and put texts with commas in double quotes."
                    )
                yield chunk, name
    except pd.errors.ParserError as error:
        reason = str(error).replace("Error tokenizing data. C error: ", "").strip().rstrip(". ")
        raise ReadError(
            f"{name} is not a well-formed CSV file: {reason}. Put texts with commas, quotes or line breaks in double quotes."
        ) from None
    except ReadError:
        raise
    except (pd.errors.EmptyDataError, ValueError) as error:
        raise ReadError(f"{name} cannot be read as CSV ({error}). Expected a header line and a row per pair.") from None


def _tsv(data: bytes, name: str, encoding: str) -> Chunks:
    yield from _csv(data, name, encoding)


def _jsonl(data: bytes, name: str, encoding: str) -> Chunks:
    import pandas as pd

    rows: list[dict] = []
    for number, line in enumerate(io.StringIO(_decoded(data, name, encoding)), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            raise ReadError(
                f"{name}, line {number}: not JSON ({reason}). Expected one whole object a line; a cut file ends like this."
            ) from None
        if not isinstance(row, dict):
            raise ReadError(
                f"{name}, line {number}: expected an object with a question and an answer, got {line.strip():.60}."
            )
        rows.append(_flat(row))
        if len(rows) == CHUNK_ROWS:
            yield pd.DataFrame(rows, dtype=object), name
            rows = []
    if rows:
        yield pd.DataFrame(rows, dtype=object), name


def _json(data: bytes, name: str, encoding: str) -> Chunks:
    text = _decoded(data, name, encoding)
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


def _xml(data: bytes, name: str, encoding: str) -> Chunks:
    """Read TheyWorkForYou's written answers (parlparse's ``answersDATE.xml``, ``lordswransDATE.xml``).

    The date in an id is the day the question was tabled; the day of the answer stands in the file's name.
    """
    import lxml.etree as etree
    import pandas as pd

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ReadError(f"{name} is not well-formed XML: {error.msg}. Download it again.") from None
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


def _plain(data: bytes, name: str, encoding: str) -> Chunks:
    import pandas as pd

    text = _decoded(data, name, encoding).replace("\r\n", "\n").replace("\r", "\n").strip()
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


READERS: dict[str, Callable[[bytes, str, str], Chunks]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".xml": _xml,
    ".txt": _plain,
}

#: Suffixes that are read by name; others are told from their first characters.
SUFFIXES = (".parquet", *READERS)
READERS[".parquet"] = lambda data, name, encoding: _parquet(io.BytesIO(data), name)
