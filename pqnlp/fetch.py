"""Texts of questions and answers by their ids, from the official written-questions API or from a local file.

The API's list call cuts long texts without always saying so; only the call for a single question gives them whole, so
`fetch` asks for each id by itself. No limit is published for the API: the default of three requests a second is what
its steady users allow themselves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pqnlp._version import __version__
from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    import pandas as pd
    import requests

__all__ = ["API", "COLUMNS", "FetchError", "fetch", "read_ids"]

#: Address of the written-questions API.
API = "https://questions-statements-api.parliament.uk/api/writtenquestions/questions"

#: Columns of the table that `fetch` writes. Texts are as the source gives them, the answer with its HTML.
COLUMNS = (
    "id", "uin", "house", "department", "heading", "tabled", "answered", "is_holding", "is_withdrawn", "question",
    "answer_html",
)  # fmt: skip

_API_FIELDS = {
    "uin": "uin",
    "house": "house",
    "department": "answeringBodyName",
    "heading": "heading",
    "tabled": "dateTabled",
    "answered": "dateAnswered",
    "is_holding": "answerIsHolding",
    "is_withdrawn": "isWithdrawn",
    "question": "questionText",
    "answer_html": "answerText",
}
# Names under which pqnlp.corpus finds the same columns in a local file.
_LOCAL_FIELDS = {name: name for name in COLUMNS} | {"is_withdrawn": "withdrawn", "answer_html": "answer"}

_UNKNOWN = (400, 404, 410)  # what the API says of an id that it does not have
_BUSY = (429, 500, 502, 503, 504)
_GIVE_UP_AFTER = 5  # ids in a row that fail in spite of every retry: the service is down, not the id


class FetchError(PqnlpError):
    """Texts that could not be fetched; the message says what is kept and how to go on."""


def read_ids(path: str | Path, *, encoding: str = "utf-8") -> list[str]:
    """Read question ids.

    Parameters
    ----------
    path : path
        A table with a column ``id`` (CSV, JSON lines, JSON or Parquet), or a text file (``.txt``) of one id a line.
    encoding : str, default "utf-8"
        Encoding of a text file.

    Returns
    -------
    list of str
        In order, each once.

    Raises
    ------
    ReadError
        If the file cannot be read.
    FetchError
        If it has no column of ids, or no id.
    """
    from pqnlp.corpus import _find_columns, _identifier
    from pqnlp.formats import raw_tables

    if str(path).lower().endswith(".txt"):
        from pqnlp.errors import ReadError

        try:
            found = Path(path).read_text(encoding=encoding).split()
        except (OSError, UnicodeDecodeError) as error:
            raise ReadError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from None
    else:
        found = []
        for table, where in raw_tables(path, encoding=encoding):
            at = _find_columns(table.columns).get("id")
            if at is None:
                names = ", ".join(map(str, table.columns[:12]))
                raise FetchError(f"{where} has no column 'id'. Columns found: {names}.")
            found += [_identifier(value) or "" for value in table.iloc[:, at].tolist()]
    ids = list(dict.fromkeys(value for value in found if value))
    if not ids:
        raise FetchError(f"{path} has no ids. Expected a column 'id', or a .txt file with one id a line.")
    return ids


def fetch(
    ids: Sequence[str],
    output: str | Path,
    *,
    source: Any = None,
    api: str = API,
    rate: float = 3.0,
    retries: int = 6,
    timeout: float = 30.0,
    encoding: str = "utf-8",
    progress: Callable[[int], Any] | None = None,
) -> dict:
    """Fetch the texts of questions and answers and write them as a table that `pqnlp.read` understands.

    Parameters
    ----------
    ids : sequence of str
        The API's own ids of questions (not the UIN).
    output : path
        File to write: ``.parquet``, ``.csv`` or ``.jsonl``. Until it is whole, what has come is kept beside it in
        ``OUTPUT.part.jsonl``; started again, `fetch` goes on from there.
    source : optional
        Anything that `pqnlp.read` reads, to take the texts from instead of the API.
    api : str
        Address of the API, or of a mirror.
    rate : float, default 3.0
        The most requests a second.
    retries : int, default 6
        How often a request is tried again after a lost connection or status 429, 500, 502, 503 or 504, with growing
        pauses or as long as the header ``Retry-After`` says.
    timeout : float, default 30.0
        Seconds to wait for the service to connect, and to go on sending.
    encoding : str, default "utf-8"
        Encoding of `source` where it is a text file.
    progress : callable, optional
        Called with the number of ids just dealt with.

    Returns
    -------
    dict
        ``asked``, ``written`` and ``resumed`` (counts), ``missing`` (list of the ids that the source does not have;
        they are also written to ``OUTPUT.missing.txt``).

    Raises
    ------
    FetchError
        If an id cannot be asked for, the service stays away or refuses, or nothing was found. What came is kept.
    ReadError, WriteError
        If `source` cannot be read or `output` not be written.
    """
    from pqnlp.output import TableWriter

    output = Path(output)
    writer = TableWriter(output)  # complains of a bad place before the work
    ids = list(dict.fromkeys(map(str, ids)))
    resumed = 0
    part = output.with_name(output.name + ".part.jsonl")
    if source is not None:
        found = _from_file(ids, source, encoding)
        if progress:
            progress(len(ids))
    else:
        for number, value in enumerate(ids, 1):
            if not value.isdecimal():
                raise FetchError(
                    f"Id {number}, {value!r}, is not a number: the API knows questions by its own ids, such as 1728150."
                )
        found = _read_part(part)
        resumed = sum(value in found for value in ids)
        _from_api(ids, found, part, api, rate, retries, timeout, progress)
    rows = [found[value] for value in ids if found.get(value)]
    missing = [value for value in ids if not found.get(value)]
    if not rows:
        raise FetchError(
            f"None of the {len(ids)} ids was found (first: {ids[0]}). Check that they are the API's ids, not UINs."
        )
    with writer:
        for start in range(0, len(rows), 5000):
            writer.write(_table(rows[start : start + 5000]))
    part.unlink(missing_ok=True)
    beside = output.with_name(output.name + ".missing.txt")
    if missing:
        beside.write_text("".join(f"{value}\n" for value in missing), encoding="utf-8")
    else:
        beside.unlink(missing_ok=True)
    return {"asked": len(ids), "written": len(rows), "resumed": resumed, "missing": missing}


def _table(rows: list[dict]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in COLUMNS})


def _row(identity: str, get: Callable[[str], Any], fields: dict[str, str]) -> dict:
    from pqnlp.corpus import _date, _missing, _truth

    row: dict[str, Any] = {"id": identity}
    for name, field in fields.items():
        value = get(field)
        if name in ("is_holding", "is_withdrawn"):
            row[name] = _truth(value)
        elif name in ("tabled", "answered"):
            row[name] = _date(value)
        elif name in ("question", "answer_html"):
            row[name] = "" if _missing(value) else str(value)
        elif name != "id":
            row[name] = None if _missing(value) else str(value)
    return row


def _from_file(ids: Iterable[str], source: Any, encoding: str) -> dict[str, dict]:
    from pqnlp.corpus import _find_columns, _identifier
    from pqnlp.formats import raw_tables

    wanted = set(ids)
    found: dict[str, dict] = {}
    for table, where in raw_tables(source, encoding=encoding):
        at = _find_columns(table.columns)
        for needed in ("id", "question", "answer"):
            if needed not in at:
                names = ", ".join(map(str, table.columns[:12]))
                raise FetchError(f"{where} has no column for the {needed}. Columns found: {names}.")
        identities = [_identifier(value) for value in table.iloc[:, at["id"]].tolist()]
        for number, identity in enumerate(identities):
            if identity in wanted and identity not in found:
                cells = table.iloc[number]
                found[identity] = _row(
                    identity, lambda f, c=cells, at=at: c.iloc[at[f]] if f in at else None, _LOCAL_FIELDS
                )
    return found


def _read_part(part: Path) -> dict[str, dict | None]:
    """Return what an earlier run fetched (None for an id that the API does not have), less a line cut at the end."""
    found: dict[str, dict | None] = {}
    if not part.exists():
        return found
    whole = 0
    with part.open("rb") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                found[entry["id"]] = entry["row"]
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            whole += len(line)
    with part.open("r+b") as file:
        file.truncate(whole)
    return found


def _from_api(ids, found, part: Path, api, rate, retries, timeout, progress) -> None:
    failed: list[str] = []
    last_trouble = ""
    in_a_row = 0
    with _session(retries) as session, part.open("a", encoding="utf-8") as kept:
        for identity in _paced(ids, found, rate):
            if identity not in found:
                try:
                    row = _one(session, f"{api.rstrip('/')}/{quote(identity, safe='')}", identity, timeout, retries)
                except _Trouble as trouble:
                    failed.append(identity)
                    last_trouble, in_a_row = str(trouble), in_a_row + 1
                    if in_a_row >= _GIVE_UP_AFTER or trouble.final:
                        break
                else:
                    in_a_row = 0
                    found[identity] = row
                    kept.write(json.dumps({"id": identity, "row": row}) + "\n")
                    kept.flush()
            if progress:
                progress(1)
    if failed:
        have = sum(1 for identity in ids if identity in found)
        raise FetchError(
            f"Fetched {have} of {len(ids)} ids, then: {last_trouble} (id {failed[-1]}). What came is kept in {part}: "
            "run the same command again to go on from there."
        )


def _paced(ids: Sequence[str], found, rate: float) -> Iterator[str]:
    """Yield `ids`, no more than `rate` a second of those that must be asked for."""
    pause = 1.0 / rate if rate > 0 else 0.0
    ready = 0.0
    for identity in ids:
        if identity not in found:
            time.sleep(max(0.0, ready - time.monotonic()))
            ready = time.monotonic() + pause
        yield identity


class _Trouble(Exception):
    """A request that failed for good; `final` where no other request can fare better."""

    def __init__(self, message: str, *, final: bool = False):
        super().__init__(message)
        self.final = final


def _session(retries: int) -> "requests.Session":
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    policy = Retry(
        total=retries,
        backoff_factor=0.5,
        status_forcelist=_BUSY,
        respect_retry_after_header=True,
        allowed_methods=["GET"],
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = f"pqnlp/{__version__} (research on written parliamentary questions)"
    session.headers["Accept"] = "application/json"
    session.mount("https://", HTTPAdapter(max_retries=policy))
    session.mount("http://", HTTPAdapter(max_retries=policy))
    return session


def _one(session: "requests.Session", address: str, identity: str, timeout: float, retries: int) -> dict | None:
    """Return the row of one question, or None if the API does not have it."""
    import requests

    for attempt in range(retries + 1):
        try:
            answer = session.get(address, timeout=timeout)
            if answer.status_code in _UNKNOWN:
                return None
            if answer.status_code >= 400:
                final = answer.status_code in (401, 403, 407)
                raise _Trouble(f"the service said {answer.status_code} {answer.reason}", final=final)
            value = answer.json()
        except requests.exceptions.JSONDecodeError:
            trouble = _Trouble("the service sent something else than JSON")
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            trouble = _Trouble("the connection was cut within an answer")  # urllib3 does not retry once a body began
        except requests.exceptions.ConnectionError as error:
            if not _within_body(error):
                raise _Trouble(f"no connection to {address.split('/')[2]}") from None
            trouble = _Trouble("the connection was cut within an answer")
        except requests.exceptions.RequestException as error:
            raise _Trouble(f"{type(error).__name__} from {address.split('/')[2]}") from None
        else:
            value = value.get("value", value) if isinstance(value, dict) else None
            if isinstance(value, dict) and "questionText" in value:
                return _row(identity, value.get, _API_FIELDS)
            raise _Trouble("the service sent JSON of an unknown form")
        if attempt < retries:
            time.sleep(min(30.0, 0.5 * 2**attempt))
    raise trouble


def _within_body(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError

    return not (error.args and isinstance(error.args[0], MaxRetryError))
