"""Scoring: from a table of pairs to a table of labels, in memory or from file to file."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model
    from pqnlp.shards import Shard

__all__ = ["Settings", "entities_table", "score", "score_file", "score_shard", "scored_frame"]

#: Problems that do not keep a row from being scored.
SCORED_ALL_THE_SAME = ("", "duplicate_id")
#: If this pair raises an error too, the fault is not the rows'.
_HARMLESS = {
    "question": "To ask the Secretary of State for Transport, how many ferries sailed in 2023.",
    "answer": "There were twelve.",
    "department": None,
    "answered": None,
    "tabled": None,
}


def score(
    source: Any,
    *,
    model: "Model | str | Path | None" = None,
    entities: bool = False,
    asks: bool = False,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Label question-answer pairs.

    Parameters
    ----------
    source : DataFrame, path, or list of pairs
        See `pqnlp.read`. A DataFrame may be of pandas or Polars, or a Table of PyArrow.
    model : Model or path, optional
        The model that ships with pqnlp by default.
    entities : bool, default False
        Whether to tag entities too; about as much work again.
    asks : bool, default False
        Whether to say what each ask of the question got; found in any case, so that it costs little.
    jobs : int, default 1
        Processes to work in; -1 for one a core, and no more than there are shards of 250 to 2,500 rows. Other backends than joblib's own are chosen by
        ``joblib.parallel_config``.
    progress : callable, optional
        Called with the number of rows done, batch by batch.

    Returns
    -------
    DataFrame or pyarrow.Table
        A table comes back as the kind it is, with its own columns and index; anything else becomes a DataFrame of
        pandas, as `pqnlp.read` reads it. Added are
        ``problem`` (if it was not there), ``label``, ``reason``, ``p_`` and each label's name, ``unsure``, ``evidence``
        (the deciding sentences, likeliest first, joined by " […] ") and, if asked for, ``asks`` and ``entities`` (lists
        of dictionaries; see `pqnlp.schema`), with ``clean_question`` and ``clean_answer``, which their offsets count in,
        where a table keeps texts of its own. Rows with a problem other than ``duplicate_id`` have no label. A table's own
        column of such a name is kept as ``given_label`` and so on, unless the table was scored before.

    Raises
    ------
    ReadError
        If the source cannot be read (see `pqnlp.read`), or has a ``given_label`` beside a ``label`` of its own.
    ModelError
        If the model cannot be loaded.
    ValueError
        If several jobs are asked for and the model was not loaded from a folder, or `jobs` is no number of processes.

    Examples
    --------
    >>> import pqnlp
    >>> pqnlp.score([("To ask the Secretary of State for Wales, how many staff she has.", "There are 40.")]).label.tolist()
    ['direct']
    """
    from pqnlp.corpus import no_rows, raw_fields
    from pqnlp.formats import raw_tables
    from pqnlp.model import load, peek
    from pqnlp.schema import given_names, table_types
    from pqnlp.shards import check_jobs, cut_shards, map_shards, rows_per_shard
    from pqnlp.tables import as_table, with_columns

    opened = (load if check_jobs(jobs) == 1 else peek)(model)
    settings = Settings.of(opened, entities=entities, asks=asks, jobs=jobs)
    table = as_table(source)
    if table is not None:
        source = table.to_native()  # what can be read but once must not be read again
        kinds = table_types(opened.labels, entities=entities, asks=asks)
        given_names(table.columns, kinds)  # names that clash are told now, not after the work
    total = None if table is None else len(table)
    pieces = ((raw_fields(piece, where=where), len(piece), where) for piece, where in raw_tables(source))
    shards = cut_shards(pieces, shard_rows=rows_per_shard(total))
    columns: dict[str, list] = {}
    for _, result in map_shards(functools.partial(score_shard, settings=settings), shards, jobs=jobs, ordered=True):
        for name, cells in result["columns"].items():
            columns.setdefault(name, []).extend(cells)
        if progress is not None:
            progress(result["rows"])
    if not columns:
        raise no_rows(source)
    if table is None:
        return scored_frame(columns)
    return with_columns(table, columns, kinds)


def score_file(
    sources: Any,
    output: str | Path,
    *,
    model: "Model | str | Path | None" = None,
    jobs: int = 1,
    entities: bool = True,
    asks: bool | None = None,
    encoding: str = "utf-8",
    progress: Callable[[int], None] | None = None,
    on_start: Callable[[int | None, int], None] | None = None,
    unsure_below: float | None = None,
    limit: int | None = None,
    strict: bool = False,
    update: str | Path | None = None,
    restart: bool = False,
) -> dict[str, Any]:
    """Label the pairs of files and write a table, piece by piece, so that the size of the files does not matter.

    What is finished is kept in the folder ``OUTPUT.parts`` until all is. After a kill, a full disk or a crash the same
    call goes on where the last one ended, and its output is the same to the byte.

    Parameters
    ----------
    sources : path or list of paths
        See `pqnlp.read`.
    output : path
        ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet``; ``"-"`` for standard output. It appears when it is whole.
    model, jobs, entities
        As for `score`.
    asks : bool, optional
        As for `score`; by default where the output's form can nest: in Parquet and JSON lines, not in CSV.
    encoding : str
        Of text files.
    progress : callable, optional
        Called with the number of rows done, shard by shard.
    on_start : callable, optional
        Called once before the work, with the number of rows in all (None if that cannot be known) and of those that an
        earlier call has done.
    unsure_below : float, optional
        See `pqnlp.load`.
    limit : int, optional
        Take the first rows only.
    strict : bool, default False
        Stop at the first row that cannot be scored. Otherwise such rows, lines that are not JSON and files that cannot
        be read are kept as rows that say so in ``problem``.
    update : path, optional
        A Parquet file that an earlier call wrote, with the same model: rows whose question, answer, department and date
        are in it are copied, and only the others scored.
    restart : bool, default False
        Throw away what an unfinished call has left, and begin anew.

    Returns
    -------
    dict
        ``rows``, ``scored``, ``labels`` (counts), ``problems`` (counts), ``unsure``, ``copied`` (rows taken from
        `update`), ``resumed`` (rows that an earlier call had done), ``unread`` (errors of files that could not be read),
        ``notices`` (what may not be expected: an output left out of the input, columns that are not kept), ``seconds``.

    Raises
    ------
    ReadError, ModelError, WriteError
        What is finished is kept if going on can help.
    RunError
        If ``OUTPUT.parts`` is of a call with another input, model or options, or in use; if an input changes under way;
        if `strict` and a row cannot be scored.
    """
    from pqnlp.run import Run

    return Run(
        sources,
        output,
        model=model,
        jobs=jobs,
        entities=entities,
        asks=asks,
        encoding=encoding,
        unsure_below=unsure_below,
        limit=limit,
        strict=strict,
        update=update,
        restart=restart,
    ).go(progress=progress, on_start=on_start)


@dataclass(frozen=True)
class Settings:
    """What `score_shard` is to do; plain values, so that other processes get them cheaply.

    Attributes
    ----------
    model : str or Model
        The model's folder, which every process opens once; the model itself where all is done in one process.
    digest : str
        The model's; a process that finds another one there refuses it.
    unsure_below : float
    entities, asks : bool
    form, packing : str
        What to encode the rows as, see `pqnlp.output.encode`; an empty `form` for plain columns.
    known : str, optional
        A file of earlier results, see `pqnlp.known`.
    """

    model: Any
    digest: str
    unsure_below: float
    entities: bool
    asks: bool = False
    form: str = ""
    packing: str = ""
    known: str | None = None

    @classmethod
    def of(cls, model: "Model", *, jobs: int = 1, **options) -> "Settings":
        """Make settings for an opened model; raise `ValueError` if several processes could not open it."""
        if jobs != 1 and model.path is None:
            raise ValueError(
                "A model that was not loaded from a folder cannot work in several jobs: save and load it, or use jobs=1."
            )
        place = model if jobs == 1 else str(Path(model.path).resolve())
        return cls(place, model_digest(model), model.unsure_below, **options)

    def opened(self) -> "Model":
        """Return the model."""
        return self.model if not isinstance(self.model, str) else _opened(self.model, self.digest, self.unsure_below)


@functools.lru_cache(maxsize=1)
def _opened(folder: str, digest: str, unsure_below: float) -> "Model":
    from pqnlp.errors import ModelError
    from pqnlp.model import load

    model = load(folder, unsure_below=unsure_below)
    if model_digest(model) != digest:
        raise ModelError(f"The model in {folder} was replaced while it was in use. Start again with the new one.")
    return model


def model_digest(model: "Model") -> str:
    """Return a checksum of what a model is: of its papers, which hold the checksums of its files."""
    return hashlib.sha256(json.dumps(model.manifest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def score_shard(shard: "Shard", settings: Settings) -> dict[str, Any]:
    """Clean, score and encode the rows of a shard.

    Parameters
    ----------
    shard : Shard
    settings : Settings

    Returns
    -------
    dict
        ``rows``, ``labels`` and ``problems`` (counts), ``unsure``, ``copied``, ``bad`` (row, id, source and problem of the
        first row that could not be scored, or None), and either ``data`` (bytes) or ``columns`` (lists).
    """
    model = settings.opened()
    with _no_collection():
        return _scored_shard(shard, model, settings)


@contextlib.contextmanager
def _no_collection():
    """Let garbage lie for the length of a shard: to look for cycles among its rows takes a tenth of the time and finds few."""
    at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if at_work:
            gc.enable()


def _scored_shard(shard: "Shard", model: "Model", settings: Settings) -> dict[str, Any]:
    from pqnlp.classifier import one_thread

    columns = shard.columns()
    with one_thread():
        copied = _score_into(columns, model, settings, shard.step)
    problems = columns["problem"]
    bad = next((k for k, problem in enumerate(problems) if problem not in SCORED_ALL_THE_SAME), None)
    out = {
        "rows": shard.rows,
        "labels": dict(Counter(label for label in columns["label"] if label is not None)),
        "problems": dict(Counter(filter(None, problems))),
        "unsure": sum(value is True for value in columns["unsure"]),
        "copied": copied,
        "bad": None if bad is None else (shard.first_row + bad, columns["id"][bad], shard.where(bad), problems[bad]),
    }
    if not settings.form:
        return out | {"columns": columns}
    from pqnlp.output import encode

    schema = None
    if settings.form == "parquet":
        from pqnlp.schema import arrow_schema

        schema = arrow_schema(model.labels, entities=settings.entities, asks=settings.asks)
    return out | {"data": encode(scored_frame(columns), settings.form, settings.packing, schema=schema)}


def _score_into(columns: dict[str, list], model: "Model", settings: Settings, step: int | None) -> int:
    """Add the results to cleaned columns; return how many rows were copied from earlier results."""
    n = len(columns["answer"])
    names = result_columns(model, settings.entities, settings.asks)
    results = _no_results(names, n)
    todo = [k for k in range(n) if columns["problem"][k] in SCORED_ALL_THE_SAME]
    copied = 0
    if settings.known:
        from pqnlp.known import find

        found = find(settings.known, columns, todo)
        for k, row in found.items():
            for name, value in zip(names, row, strict=True):
                results[name][k] = value
        copied = len(found)
        todo = [k for k in todo if k not in found]
    failed = []
    step = step or n
    for start in range(0, len(todo), step):
        failed += _score_places(columns, results, todo[start : start + step], model, settings)
    if failed:
        _score_rows({name: [cell] for name, cell in _HARMLESS.items()}, model, settings)
    for k in failed:
        columns["problem"][k] = "failed"
    columns |= results
    return copied


def _score_places(columns, results, places: list[int], model: "Model", settings: Settings) -> list[int]:
    """Score the rows at `places` into `results`; return those that raise an error, found by halves."""
    try:
        part = {name: [columns[name][k] for k in places] for name in _READ_BY_THE_MODEL}
        scored = _score_rows(part, model, settings)
    except Exception:  # whatever the rows led to: it must not take the others with it
        if len(places) == 1:
            return places
        middle = len(places) // 2
        halves = (places[:middle], places[middle:])
        return [bad for half in halves for bad in _score_places(columns, results, half, model, settings)]
    for name, cells in scored.items():
        for k, value in zip(places, cells, strict=True):
            results[name][k] = value
    return []


_READ_BY_THE_MODEL = ("question", "answer", "department", "answered", "tabled")


def result_columns(model: "Model", entities: bool, asks: bool) -> list[str]:
    """Return the names of the columns that scoring adds, in order."""
    from pqnlp.schema import result_types

    return list(result_types(model.labels, entities=entities, asks=asks))


def _no_results(names: list[str], rows: int) -> dict[str, list]:
    out: dict[str, list] = {name: [None] * rows for name in names}
    out["evidence"] = [""] * rows
    for name in ("asks", "entities"):
        if name in out:
            out[name] = [[] for _ in range(rows)]
    return out


def _score_rows(columns: dict[str, list], model: "Model", settings: Settings) -> dict[str, list]:
    """Score rows that can be; plain lists in and out."""
    from pqnlp.explanation import asks_of, evidence_of

    n = len(columns["answer"])
    names = model.labels
    out = _no_results(result_columns(model, settings.entities, settings.asks), n)
    rows_of: dict[tuple[str, str], list[int]] = {}
    for k, pair in enumerate(zip(columns["question"], columns["answer"], strict=True)):
        # Equal pairs are scored once: grouped questions share their answer, and some their words.
        rows_of.setdefault(pair, []).append(k)
    pairs = list(rows_of)
    if not pairs:
        return out
    analysis = model.classifier.analyse(pairs)
    reasons = model.classifier.reasons_from(analysis)
    labels = model.classifier.decide(analysis.probabilities)
    ask = 0
    for j, (pair, shown) in enumerate(zip(analysis.pairs, evidence_of(analysis), strict=True)):
        p = analysis.probabilities[j]
        values = {
            "label": names[labels[j]],
            "reason": str(reasons[j]),
            **{f"p_{name}": round(float(value), 4) for name, value in zip(names, p, strict=True)},
            "unsure": bool(p[labels[j]] < model.unsure_below),
            "evidence": " […] ".join(pair.answer[slice(*pair.spans[k])] for k in shown),
        }
        if settings.asks:
            values["asks"] = [_located(one, pair.spans) for one in asks_of(pair, analysis, ask)]
            ask += len(pair.question.asks)
        for row in rows_of[pairs[j]]:
            for name, value in values.items():
                out[name][row] = value
    if settings.entities:
        dates = [a if _said(a) else t for a, t in zip(columns["answered"], columns["tabled"], strict=True)]
        keys = list(zip(columns["question"], columns["answer"], columns["department"], dates, strict=True))
        once = list(dict.fromkeys(keys))
        found = dict(zip(once, tag_rows(model.nlp, *map(list, zip(*once, strict=True))), strict=True))
        out["entities"] = [found[key] for key in keys]
    return out


def _located(ask: dict, spans: list) -> dict:
    """Return an ask as `pqnlp.schema.ASK` has it: a table has no list of sentences to point into, so offsets do."""
    by = ask["evidence"]
    evidence = None if by is None else {"start": spans[by][0], "end": spans[by][1]}
    return {**{name: ask[name] for name in ("start", "end", "kind", "verdict")}, "evidence": evidence}


def _said(value) -> bool:
    return isinstance(value, str) and bool(value)


_ENTITY_FIELDS = ("start", "end", "text", "type", "id", "url", "from", "to")


def tag_rows(nlp, questions: list[str], answers: list[str], departments: list, dates: list) -> list[list[dict]]:
    """Tag questions and answers.

    Parameters
    ----------
    nlp : Language
    questions, answers : list of str, length n
    departments : list, length n
        Names of answering bodies; None or NaN where unknown: then the question tells.
    dates : list, length n
        ISO dates on which the pairs are read; None or NaN where unknown.

    Returns
    -------
    list of list of dict, length n
        Mentions of question, then answer: ``field``, ``start``, ``end``, ``text``, ``type``, ``id``, ``url``, ``from``, ``to``.
    """
    from pqnlp.pipeline import find_mentions
    from pqnlp.question import addressee

    bodies = [
        department if _said(department) else addressee(question)
        for department, question in zip(departments, questions, strict=True)
    ]
    days = [date if _said(date) else None for date in dates]
    texts = [text for pair in zip(questions, answers, strict=True) for text in pair]
    twice = [body for body in bodies for _ in (0, 1)]
    twice_days = [day for day in days for _ in (0, 1)]
    asked = [value for question in questions for value in (None, question)]
    out: list[list[dict]] = [[] for _ in questions]
    found = find_mentions(nlp, texts, departments=twice, dates=twice_days, questions=asked)
    for k, (text, mentions) in enumerate(zip(texts, found, strict=True)):
        field = "answer" if k % 2 else "question"
        out[k // 2] += [
            {
                "field": field,
                "start": m.start,
                "end": m.end,
                "text": text[m.start : m.end],
                "type": m.type,
                "id": m.id or None,
                "url": m.url or None,
                "from": m.first or None,
                "to": m.last or None,
            }
            for m in mentions
        ]
    return out


def scored_frame(columns: dict[str, list]) -> "pd.DataFrame":
    """Make a table of cleaned and scored columns.

    Parameters
    ----------
    columns : dict of str to list
        As `score_shard` gives them.

    Returns
    -------
    DataFrame
        Texts as text, ``unsure`` as nullable booleans, ``asks`` and ``entities`` as lists of dictionaries, the rest as floats.
    """
    from pqnlp.corpus import as_frame
    from pqnlp.schema import result_types
    from pqnlp.tables import pandas_column

    out = as_frame(columns)
    labels = [name.removeprefix("p_") for name in columns if name.startswith("p_")]
    for name, kind in result_types(labels, entities="entities" in columns, asks="asks" in columns).items():
        out[name] = pandas_column(columns[name], kind)
    return out


def entities_table(source: Any, *, model: "Model | None" = None) -> "pd.DataFrame":
    """Tag entities and return one row for each mention.

    Parameters
    ----------
    source : DataFrame, path, or list of pairs
        See `pqnlp.read`.
    model : Model, optional
        Whose pipeline to use; a new one by default.

    Returns
    -------
    DataFrame
        ``row`` (number of the pair from 0), ``id_pair`` (the pair's id), ``field``, ``start``, ``end``, ``text``, ``type``,
        ``id``, ``url``, ``from``, ``to``.
    """
    import pandas as pd

    from pqnlp.corpus import read
    from pqnlp.pipeline import build_pipeline

    frame = read(source)
    good = frame[frame["problem"].isin(SCORED_ALL_THE_SAME)]
    nlp = model.nlp if model is not None else build_pipeline()
    dates = [a if _said(a) else t for a, t in zip(good["answered"], good["tabled"], strict=True)]
    found = tag_rows(nlp, good["question"].tolist(), good["answer"].tolist(), good["department"].tolist(), dates)
    rows = [
        {"row": int(row), "id_pair": identity, **mention}
        for row, identity, mentions in zip(good.index, good["id"], found, strict=True)
        for mention in mentions
    ]
    return pd.DataFrame(rows, columns=["row", "id_pair", "field", *_ENTITY_FIELDS])
