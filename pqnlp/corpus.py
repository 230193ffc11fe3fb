"""Question-answer pairs as a table: one reader for every form they come in.

`read` takes what people hold (see `pqnlp.formats` for the file forms) and returns a
DataFrame with the columns of `COLUMNS`. Rows that cannot be scored are kept, with the reason in ``problem``.

Sources of the rules: the cut of the list call was measured on pages of the official API, where an answer cut at
255 characters ends in ``...`` (258 characters in all), and a question is cut at 255 without any mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.errors import ReadError
from pqnlp.text import clean_text, looks_like_html

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "PROBLEMS",
    "as_frame",
    "clean_fields",
    "identities",
    "raw_fields",
    "read",
    "read_batches",
    "standardise",
    "text_dtype",
    "used_columns",
]

#: The columns that `read` returns, in order.
COLUMNS = (
    "id", "uin", "house", "department", "heading", "tabled", "answered", "question", "answer", "is_holding", "problem",
)  # fmt: skip

#: Values of ``problem`` other than the empty string, and what each means. All but ``duplicate_id`` keep a row unscored.
PROBLEMS = {
    "withdrawn": "the question was withdrawn",
    "unanswered": "there is no answer yet",
    "truncated": "question or answer was cut by the API's list call; fetch the whole text (pqnlp fetch)",
    "empty_question": "there is no question text",
    "unreadable": "the markup cannot be read whole",
    "too_long": "question or answer is longer than a million characters",
    "not_text": "the characters are not those of written language",
    "not_english": "the text does not look English",
    "duplicate_id": "an earlier row has the same id; scored all the same",
    "bad_line": "the line of the file is not JSON; its id names the file and the line",
    "bad_file": "the file cannot be read, or not to its end; its id names the file",
    "failed": "scoring the row raised an error: please report it",
    "killed": "scoring the row ended the process, each time that it was tried (memory?)",
}

#: A row that has one of these in its own column ``problem`` is judged anew; the other problems stay with it.
_JUDGED_ANEW = frozenset({"", "duplicate_id", "failed", "killed"})

MAX_CHARACTERS = 1_000_000
_CUT_QUESTION = 255
_CUT_ANSWER = 258

_ALIASES = {
    "id": ("id", "question_id", "questionid", "qid", "gid"),
    "uin": ("uin", "question_uin", "questionuin", "number", "question_number"),
    "house": ("house", "chamber"),
    "department": (
        "department", "answering_body", "answeringbodyname", "answering_body_name", "answeringbody", "dept",
        "answering_department", "body",
    ),
    "heading": ("heading", "title", "subject", "topic"),
    "tabled": ("tabled", "datetabled", "date_tabled", "tabled_when", "tabledwhen", "question_date"),
    "answered": ("answered", "dateanswered", "date_answered", "answered_when", "answeredwhen", "answer_date", "date"),
    "question": ("question", "questiontext", "question_text", "question_html", "questionhtml", "q"),
    "answer": ("answer", "answertext", "answer_text", "answer_html", "answerhtml", "reply", "response", "a"),
    "is_holding": ("is_holding", "isholding", "holding", "answerisholding", "answer_is_holding"),
    "withdrawn": ("iswithdrawn", "is_withdrawn", "withdrawn"),
    "problem": ("problem",),
}  # fmt: skip
_HOLDING = re.compile(
    r"(?:not|never|yet) (?:proved |been )?possible to (?:respond|answer|provide|reply).{0,80}(?:prorogation|dissolution"
    r"|recess|usual time|time available|before)",
    re.IGNORECASE | re.DOTALL,
)
_ENGLISH = frozenset(
    """the of to and is for that are be has have with by this it will from we which at been not was or their who can if all these they our may does would any other more such there its there's what how whether when""".split()
)
_ODD = re.compile("[\x00-\x08\x0e-\x1f\ufffd]")
_ADDRESS = re.compile(r"\(?https?://\S+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_EDGES = ".,;:()'\"‘’“”"
_NAME = re.compile(r"[^\w]+")


def read(
    source: "str | Path | pd.DataFrame | Iterable[Any]",
    *,
    encoding: str = "utf-8",
) -> "pd.DataFrame":
    """Read question-answer pairs into a table.

    Parameters
    ----------
    source : path, DataFrame, or iterable
        A file (Parquet, CSV or TSV, JSON lines, JSON as the written-questions API returns it, TheyWorkForYou XML, plain
        text), a folder of such files, a glob, ``"-"`` for standard input, a list of these, a DataFrame, or a list
        of ``(question, answer)`` pairs or of dictionaries.
    encoding : str, default "utf-8"
        Encoding of text files. A byte order mark is understood.

    Returns
    -------
    DataFrame
        One row per pair, in the order of the source, with the columns

        ``id``
            str; the source's own id, or the row's number from 1 where it has none.
        ``uin``
            str or missing; the number that Parliament gives a question. Not unique over time.
        ``house``
            "Commons", "Lords" or missing.
        ``department``
            str or missing; the answering body as named by the source.
        ``heading``
            str or missing.
        ``tabled``, ``answered``
            str or missing; ISO dates.
        ``question``, ``answer``
            str, never missing; text as `pqnlp.text.clean_text` makes it. Offsets count its characters.
        ``is_holding``
            bool; the answer only says that an answer will follow.
        ``problem``
            str; empty, or a key of `PROBLEMS`.

    Raises
    ------
    ReadError
        If a file cannot be read at all, has no rows, or no column that can be a question or an answer. The message
        names the file, the row or byte, and the mend.

    Examples
    --------
    >>> read([("How many staff work there?", "<p>There are 12.</p>")])[["question", "answer", "problem"]].values.tolist()
    [['How many staff work there?', 'There are 12.', '']]
    """
    import pandas as pd

    parts = list(read_batches(source, encoding=encoding, batch_size=None))
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    again = frame["id"].duplicated() & frame["problem"].eq("")
    frame.loc[again, "problem"] = "duplicate_id"
    return frame


def read_batches(
    source: "str | Path | pd.DataFrame | Iterable[Any]",
    *,
    encoding: str = "utf-8",
    batch_size: int | None = 2000,
) -> "Iterator[pd.DataFrame]":
    """Read question-answer pairs batch by batch, so that memory does not grow with the corpus.

    Parameters
    ----------
    source, encoding
        As for `read`.
    batch_size : int or None, default 2000
        The most rows in a batch; None leaves each file's own chunks as they are.

    Yields
    ------
    DataFrame
        As `read` returns them. Duplicate ids are not looked for, since that would need memory of the whole corpus.

    Raises
    ------
    ReadError
        As for `read`.
    """
    from pqnlp.formats import raw_tables

    rows = 0
    for table, where in raw_tables(source, encoding=encoding):
        step = batch_size or max(len(table), 1)
        for start in range(0, len(table), step):
            piece = standardise(table.iloc[start : start + step], where=where, first_row=rows + 1)
            rows += len(piece)
            yield piece
    if rows == 0:
        raise no_rows(source)


def no_rows(source) -> ReadError:
    """Return the error for a source without a row."""
    return ReadError(f"{source_name(source)} has no rows: expected at least one question-answer pair.")


def source_name(source) -> str:
    """Return what to call a source in an error."""
    if isinstance(source, (str, Path)):
        return "standard input" if str(source) == "-" else str(source)
    if isinstance(source, (list, tuple)) and source and all(isinstance(s, (str, Path)) for s in source):
        return ", ".join(map(str, source))
    return "the table"


def standardise(table: "pd.DataFrame", *, where: str = "the table", first_row: int = 1) -> "pd.DataFrame":
    """Bring a table with any of the usual column names into the form that `read` returns.

    Parameters
    ----------
    table : DataFrame
        A row per pair. Columns are found by name, without regard to case, spaces and underscores.
    where : str
        What to call the table in an error.
    first_row : int
        Number of the first row, for ids where the table has none.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, a fresh index.

    Raises
    ------
    ReadError
        If there is no column for the question or for the answer.
    """
    return as_frame(clean_fields(raw_fields(table, where=where), rows=len(table), first_row=first_row))


def raw_fields(table: "pd.DataFrame", *, where: str = "the table") -> dict[str, list]:
    """Find the columns of a table that pqnlp reads, whatever their names.

    Parameters
    ----------
    table : DataFrame
        A row per pair.
    where : str
        What to call the table in an error.

    Returns
    -------
    dict of str to list
        The cells as they are, under pqnlp's own names, `COLUMNS` and ``withdrawn``; columns that are not there are left
        out.

    Raises
    ------
    ReadError
        If there is no column for the question or for the answer.
    """
    found = _find_columns(table.columns)
    for needed in ("question", "answer"):
        if needed not in found:
            names = ", ".join(map(str, table.columns[:12])) or "none"
            raise ReadError(
                f"{where} has no column for the {needed}. Columns found: {names}. "
                f"Rename one to '{needed}' (also understood: {', '.join(_ALIASES[needed][1:4])})."
            )
    return {name: table.iloc[:, at].tolist() for name, at in found.items()}


def used_columns(names: Sequence[str]) -> list[str]:
    """Return those of the column names that `raw_fields` would take; all where question or answer is missing."""
    found = _find_columns(names)
    if not {"question", "answer"} <= set(found):
        return list(names)
    return [names[at] for at in sorted(set(found.values()))]


def clean_fields(fields: dict[str, list], *, rows: int, first_row: int = 1) -> dict[str, list]:
    """Make cells regular: clean texts, ISO dates, ids, and the reason why a row cannot be scored.

    Parameters
    ----------
    fields : dict of str to list
        As `raw_fields` returns them.
    rows : int
        How many cells each list has.
    first_row : int
        Number of the first row, for ids where there are none.

    Returns
    -------
    dict of str to list
        Plain lists, one for each name in `COLUMNS`, that travel between processes cheaply.
    """

    def column(name: str) -> list:
        return fields.get(name) or [None] * rows

    out: dict[str, list] = {name: [] for name in ("question", "answer", "problem")}
    for q, a, gone, before in zip(*map(column, ("question", "answer", "withdrawn", "problem")), strict=True):
        question, answer, problem = _clean_pair(q, a)
        said = _text(before)
        if _truth(gone):
            problem = "withdrawn"
        elif said in PROBLEMS and said not in _JUDGED_ANEW:
            problem = said  # a table that pqnlp has read before: the clean text may show less, or something else
        out["question"].append(question)
        out["answer"].append(answer)
        out["problem"].append(problem)
    holding = [
        _truth(flag) or bool(len(answer) < 600 and _HOLDING.search(answer))
        for flag, answer in zip(column("is_holding"), out["answer"], strict=True)
    ]
    return {
        "id": identities(fields, rows=rows, first_row=first_row),
        "uin": [_identifier(value) for value in column("uin")],
        "house": [_house(value) for value in column("house")],
        "department": [_text(value) or None for value in column("department")],
        "heading": [_text(value) or None for value in column("heading")],
        "tabled": [_date(value) for value in column("tabled")],
        "answered": [_date(value) for value in column("answered")],
        **out,
        "is_holding": holding,
    }


def identities(fields: dict[str, list], *, rows: int, first_row: int = 1) -> list[str]:
    """Return the ids of rows as text; a row without one gets its number. Arguments as for `clean_fields`."""
    ids = map(_identifier, fields.get("id") or [None] * rows)
    return [value if value is not None else str(first_row + k) for k, value in enumerate(ids)]


def as_frame(columns: dict[str, list]) -> "pd.DataFrame":
    """Make the table that `read` returns out of the lists that `clean_fields` returns."""
    import pandas as pd

    frame = pd.DataFrame({name: columns[name] for name in COLUMNS})
    text_columns = [name for name in COLUMNS if name != "is_holding"]
    return frame.astype(dict.fromkeys(text_columns, text_dtype()) | {"is_holding": bool})


def text_dtype():
    """Return the text type of this pandas: `str` from version 3, `object` before."""
    import pandas as pd

    return pd.Series(["a"]).dtype


def _find_columns(columns: Sequence) -> dict[str, int]:
    seen: dict[str, int] = {}
    for at, name in enumerate(columns):
        seen.setdefault(_NAME.sub("_", str(name).strip().lower()).strip("_"), at)
        seen.setdefault(_NAME.sub("", str(name).lower()).replace("_", ""), at)
    return {
        field: next(seen[alias] for alias in aliases if alias in seen)
        for field, aliases in _ALIASES.items()
        if any(alias in seen for alias in aliases)
    }


def _missing(value) -> bool:
    if value is None or isinstance(value, str):
        return value is None
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)


def _text(value) -> str:
    """Return a cell as one line that can be shown and written: no control characters, no half characters."""
    if _missing(value):
        return ""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text.strip()
    return clean_text(text, markup=False).replace("\n", " ")


def _identifier(value) -> str | None:
    if isinstance(value, float) and value == value and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps arrives as floats
    return _text(value) or None


def _truth(value) -> bool:
    if _missing(value):
        return False
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "1.0", "yes", "y", "t")
    return bool(value) if np.ndim(value) == 0 else False


def _house(value) -> str | None:
    text = _text(value).lower()
    if "lord" in text:
        return "Lords"
    if "common" in text:
        return "Commons"
    return _text(value) or None


def _date(value) -> str | None:
    """Return an ISO date for the forms that files hold; None for what is no date."""
    text = _text(value)
    if re.match(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            return None
    if not re.search(r"\d{4}", text) or len(text) > 60:
        return None  # without a year the parser below would put in today's
    day_first = re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?: .*)?", text)
    if day_first and 1 <= int(day_first[2]) <= 12 and 1 <= int(day_first[1]) <= 31:
        return f"{day_first[3]}-{int(day_first[2]):02d}-{int(day_first[1]):02d}"
    from dateutil import parser  # comes with pandas

    try:
        return parser.parse(text, dayfirst=True).date().isoformat()
    except (ValueError, OverflowError, TypeError):
        return None


def _clean_pair(raw_question, raw_answer) -> tuple[str, str, str]:
    """Return question, answer and problem of one row."""
    q = "" if _missing(raw_question) else raw_question
    a = "" if _missing(raw_answer) else raw_answer
    if isinstance(q, bytes) or isinstance(a, bytes):
        q, a = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in (q, a))
    q, a = str(q), str(a)
    if len(q) > MAX_CHARACTERS or len(a) > MAX_CHARACTERS:
        return *(clean_text(text[:MAX_CHARACTERS], markup=False) for text in (q, a)), "too_long"
    answer_is_html = looks_like_html(a)
    try:
        question, answer = clean_text(q), clean_text(a, markup=answer_is_html)
    except ValueError:
        return clean_text(q, markup=False), clean_text(a, markup=False), "unreadable"
    if not answer:
        return question, answer, "unanswered"
    if not question:
        return question, answer, "empty_question"
    # The list call strips tags, so an answer with tags came whole from the call for a single question, and the
    # question with it: 255 characters are then chance.
    if not answer_is_html and (len(q) == _CUT_QUESTION or (len(a) == _CUT_ANSWER and a.endswith("..."))):
        return question, answer, "truncated"
    return question, answer, _language_problem(q, question) or _language_problem(a, answer)


def _language_problem(raw: str, text: str) -> str:
    head = raw[:4000]
    odd = len(_ODD.findall(head))
    sample = text[:4000]
    if "http" in sample:
        sample = _ADDRESS.sub("", sample)
    words = sample.split()
    if odd > 0.02 * len(head) + 1 or (len(sample) > 200 and len(sample) > 60 * len(words)):
        return "not_text"
    if text and not _LETTER_OR_DIGIT.search(text):
        return "not_text"
    if len(words) < 12:  # "Yes.", "Nil", a number: too short to judge, but another script shows at once
        letters = sum(c.isalpha() for c in sample)
        foreign = sum(c.isalpha() and not c.isascii() for c in sample)
        return "not_english" if letters >= 8 and foreign > 0.5 * letters else ""
    if sum(map(_ENGLISH.__contains__, words)) >= max(
        3, 0.12 * len(words)
    ):  # the common case, told without a closer look
        return ""
    # Names and figures say nothing of the language ("Poseidon MRA1 RC-135W Rivet Joint"); lower-case words do. Scripts
    # without capitals are caught by their letters.
    lowered = [word.strip(_EDGES) for word in words if not word[0].isupper() and word[0].isalpha()]
    if len(lowered) < 12 or " | " in text:  # a table has no sentences to tell by
        return ""
    share = sum(map(_ENGLISH.__contains__, lowered)) / len(lowered)
    return "not_english" if share < 0.07 else ""
