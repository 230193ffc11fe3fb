"""Shards: a table of any size cut into pieces of work, and the processes that work on them.

Shards are cut by the input alone, never by the number of processes, so that any number of them gives the same result.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pqnlp.corpus import MAX_CHARACTERS, clean_fields, identities
from pqnlp.errors import PqnlpError
from pqnlp.text import clean_text

__all__ = ["Segment", "Shard", "ShardError", "check_jobs", "cut_shards", "map_shards", "rows_per_shard"]

#: Characters of question and answer that one shard holds at most, so that one long answer does not hold up many.
SHARD_CHARACTERS = 2_500_000
#: Rows of a shard: the more, the fewer calls of the model; the fewer, the less is lost when a process ends.
SHARD_ROWS = 2500
_FEWEST_ROWS = 250
_SHARDS_WANTED = 40


class ShardError(PqnlpError):
    """A shard whose work ends its process however it is divided; the message names its rows."""


@dataclass(frozen=True)
class Segment:
    """Neighbouring rows of one source, as `pqnlp.corpus.raw_fields` gives them.

    Attributes
    ----------
    fields : dict of str to list
    rows : int
    first_row : int
        Number of the first row in the whole run, from 1.
    where : str
        What to call the source in an error.
    """

    fields: dict[str, list]
    rows: int
    first_row: int
    where: str

    def part(self, start: int, stop: int) -> "Segment":
        """Return the rows from `start` to `stop`, counted from 0."""
        fields = {name: cells[start:stop] for name, cells in self.fields.items()}
        return Segment(fields, min(stop, self.rows) - start, self.first_row + start, self.where)


@dataclass(frozen=True)
class Shard:
    """A piece of work.

    Attributes
    ----------
    index : int
        Place in the run, from 0.
    segments : tuple of Segment
    again : tuple of bool
        For each row, whether an earlier one has its id.
    killed : frozenset of int
        Places of rows, from 0, that are not to be scored, since they end the process that does.
    step : int or None
        How many rows to score at a time; None for all.
    """

    index: int
    segments: tuple[Segment, ...]
    again: tuple[bool, ...]
    killed: frozenset[int] = frozenset()
    step: int | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.again)

    @property
    def first_row(self) -> int:
        """Number of the first row in the whole run, from 1."""
        return self.segments[0].first_row

    def where(self, place: int) -> str:
        """Return the name of the source that the row at `place` came from."""
        return next(s.where for s in self.segments if place < s.first_row + s.rows - self.first_row)

    def part(self, start: int, stop: int) -> "Shard":
        """Return the shard of the rows from `start` to `stop`, counted from 0."""
        segments = []
        at = 0
        for segment in self.segments:
            low, high = max(start - at, 0), min(stop - at, segment.rows)
            if low < high:
                segments.append(segment.part(low, high))
            at += segment.rows
        killed = frozenset(place - start for place in self.killed if start <= place < stop)
        return Shard(self.index, tuple(segments), self.again[start:stop], killed, self.step)

    def columns(self) -> dict[str, list]:
        """Return the rows as `pqnlp.corpus.clean_fields` does, repeated ids and killed rows flagged."""
        out: dict[str, list] = {}
        for segment in self.segments:
            at = segment.first_row - self.first_row
            fields = segment.fields
            if self.killed:  # it may be the cleaning that ends the process
                blank = [at + place in self.killed for place in range(segment.rows)]
                for name in ("question", "answer"):
                    cells = ["" if gone else cell for cell, gone in zip(fields[name], blank, strict=True)]
                    fields = {**fields, name: cells}
            cleaned = clean_fields(fields, rows=segment.rows, first_row=segment.first_row)
            for place in (place - at for place in self.killed if at <= place < at + segment.rows):
                for name in ("question", "answer"):
                    cell = segment.fields[name][place]
                    cleaned[name][place] = clean_text(cell, markup=False) if isinstance(cell, str) else ""
                cleaned["problem"][place] = "killed"
            for name, cells in cleaned.items():
                out.setdefault(name, []).extend(cells)
        problems = out["problem"]
        for place, again in enumerate(self.again):
            if again and not problems[place]:
                problems[place] = "duplicate_id"
        return out


def rows_per_shard(total: int | None) -> int:
    """Return how many rows a shard should have for `total` in all: enough shards for several processes."""
    return SHARD_ROWS if total is None else min(SHARD_ROWS, max(_FEWEST_ROWS, -(-total // _SHARDS_WANTED)))


class _Ids:
    """Tells ids that came before: eight bytes each, in sorted runs that double in length."""

    def __init__(self):
        self._runs: list = []

    def again(self, ids: list[str]) -> list[bool]:
        import numpy as np

        hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids))
        _, first = np.unique(hashes, return_index=True)
        known = np.ones(len(ids), dtype=bool)
        known[first] = False
        for run in self._runs:
            at = np.searchsorted(run, hashes)
            at[at == len(run)] = 0
            known |= run[at] == hashes
        run = np.sort(hashes[~known])
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run):
            self._runs.append(run)
        return known.tolist()


def cut_shards(
    pieces: Iterable[tuple[dict[str, list], int, str]], *, shard_rows: int = SHARD_ROWS, limit: int | None = None
) -> Iterator[Shard]:
    """Cut a stream of rows into shards.

    Parameters
    ----------
    pieces : iterable of (dict of str to list, int, str)
        Fields as `pqnlp.corpus.raw_fields` returns them, the number of their rows, and where they come from.
    shard_rows : int
        The most rows of a shard. A shard ends earlier where it would hold more than `SHARD_CHARACTERS`.
    limit : int, optional
        How many rows to take in all.

    Yields
    ------
    Shard
    """
    ids = _Ids()
    segments: list[Segment] = []
    again: list[bool] = []
    characters = index = taken = 0
    for fields, rows, where in pieces:
        if limit is not None:
            rows = min(rows, limit - taken)
        fields = {name: cells[:rows] for name, cells in fields.items()}
        fields |= {name: list(map(_cut, fields[name])) for name in ("question", "answer")}
        fields["id"] = identities(fields, rows=rows, first_row=taken + 1)
        segment = Segment(fields, rows, taken + 1, where)
        flags = ids.again(fields["id"])
        start = 0
        for place, size in enumerate(map(_size, fields["question"], fields["answer"])):
            waiting = len(again) + place - start
            if waiting and (waiting >= shard_rows or characters + size > SHARD_CHARACTERS):
                if place > start:
                    segments.append(segment.part(start, place))
                yield Shard(index, tuple(segments), (*again, *flags[start:place]))
                segments, again, characters, start = [], [], 0, place
                index += 1
            characters += size
        if rows > start:
            segments.append(segment.part(start, rows))
            again += flags[start:]
        taken += rows
        if limit is not None and taken >= limit:
            break
    if segments:
        yield Shard(index, tuple(segments), tuple(again))


def _cut(value: Any) -> Any:
    """Drop what `pqnlp.corpus` would drop of a text that is too long; it need not travel between processes."""
    return value[: MAX_CHARACTERS + 1] if isinstance(value, str) and len(value) > MAX_CHARACTERS else value


def _size(question: Any, answer: Any) -> int:
    return sum(len(value) if isinstance(value, (str, bytes)) else 16 for value in (question, answer))


class _Out:
    """Shards handed out to other processes, and whether they came back. joblib asks for them from several threads."""

    def __init__(self, shards: Iterable[Shard]):
        self._shards = iter(shards)
        self._lock = threading.Lock()
        self._first: list[Shard] = []
        self.error: BaseException | None = None
        self._away: dict[int, Shard] = {}

    def __iter__(self) -> Iterator[Shard]:
        while True:
            with self._lock:
                try:
                    shard = self._first.pop(0) if self._first else next(self._shards, None)
                except BaseException as error:  # joblib's threads would swallow it
                    self.error = error
                    return
                if shard is None:
                    return
                self._away[shard.index] = shard
            yield shard

    def back(self, index: int) -> None:
        with self._lock:
            del self._away[index]

    def lost(self) -> list[Shard]:
        with self._lock:
            lost = [self._away[index] for index in sorted(self._away)]
            self._away.clear()
            return lost

    def put_back(self, shards: list[Shard]) -> None:
        with self._lock:
            self._first = shards + self._first


def check_jobs(jobs: int) -> int:
    """Return a number of processes as it is; raise `ValueError` if it is none."""
    if jobs == 0 or jobs < -1:
        raise ValueError(f"{jobs} is not a number of processes: give 1 or more, or -1 for one a core.")
    return jobs


def map_shards(
    function: Callable[[Shard], Any],
    shards: Iterable[Shard],
    *,
    jobs: int = 1,
    ordered: bool = False,
    apart: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Work on shards in this process or in several, by joblib.

    A process that ends by itself or is killed costs the shards that were out, not the run: they are handed out again; a
    shard that was lost twice is worked on alone; if it is lost again, the rows that end the process are searched for by
    halves, and the shard is worked on with these rows marked in `Shard.killed`.

    Parameters
    ----------
    function : callable
        Importable, or a `functools.partial` of what is. Gets a shard; what it returns should be plain data.
    shards : iterable of Shard
    jobs : int, default 1
        Processes, -1 for one a core; other backends than joblib's own are chosen by ``joblib.parallel_config``. No more
        are started than there are shards, and none for a single one.
    ordered : bool, default False
        Whether results come in the order of the shards. Otherwise a slow shard holds up no other.
    apart : bool, default False
        Whether a single shard too is kept out of this process, since it may end the process that works on it.

    Yields
    ------
    (int, object)
        The shard's index and what `function` returned.

    Raises
    ------
    ShardError
        If a shard's work ends its process though no row of it does alone.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.externals.loky.process_executor import BrokenProcessPool

    most = 1 if jobs == 1 else effective_n_jobs(check_jobs(jobs))
    shards = iter(shards)
    if most > 1:  # look ahead: a process without a shard would start, open the model, and end
        first = list(itertools.islice(shards, most))
        shards = itertools.chain(first, shards)
        # With n_jobs=1 joblib would work in this very process.
        most = max(len(first), 2 if apart else 1)
    if most == 1:
        for shard in shards:
            yield shard.index, function(shard)
        return
    out = _Out(shards)
    tries: dict[int, int] = {}
    while True:
        try:
            with Parallel(
                n_jobs=most, batch_size=1, pre_dispatch="2*n_jobs", return_as=_return_as(ordered)
            ) as parallel:
                results = parallel(delayed(_work)(function, shard, os.getpid()) for shard in out)
                try:
                    for index, result in results:
                        out.back(index)
                        yield index, result
                except GeneratorExit:  # the caller has seen enough, which joblib would warn of
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        if not isinstance(results, list):
                            results.close()
                    raise
            if out.error is not None:
                raise out.error
            return
        except BrokenProcessPool:
            lost = out.lost()
        for shard in lost:
            tries[shard.index] = tries.get(shard.index, 0) + 1
        again = []
        for shard in lost:
            if tries[shard.index] == 1 or (ordered and again):
                again.append(shard)
            else:
                yield shard.index, _alone(function, shard)
        out.put_back(again)


def _return_as(ordered: bool) -> str:
    """Return how joblib is to give results: one by one, where the active backend can."""
    from joblib.parallel import get_active_backend

    if not getattr(get_active_backend()[0], "supports_return_generator", False):
        return "list"
    return "generator" if ordered else "generator_unordered"


def _work(function: Callable[[Shard], Any], shard: Shard, parent: int) -> tuple[int, Any]:
    """Work on a shard in another process; the result is numbered, for results may overtake each other."""
    if os.getppid() == parent:  # a process of joblib's own, not one of a cluster
        _end_with(parent)
    return shard.index, function(shard)


@functools.lru_cache(maxsize=1)
def _end_with(parent: int) -> None:
    """End this process when its parent is gone: after a kill -9, joblib's would wait for work for five minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Died(Exception):
    pass


def _in_a_process(function: Callable[[Shard], Any], shard: Shard) -> Any:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        # With n_jobs=1 joblib would work in this very process.
        return Parallel(n_jobs=2, backend="loky")([delayed(_work)(function, shard, os.getpid())])[0][1]
    except BrokenProcessPool:
        raise _Died from None


def _alone(function: Callable[[Shard], Any], shard: Shard) -> Any:
    """Work on a shard that was lost twice, with nothing beside it."""
    try:
        return _in_a_process(function, shard)
    except _Died:
        pass
    killed = frozenset(_killers(function, shard, 0, shard.rows))
    try:
        return _in_a_process(function, replace(shard, killed=killed, step=50))
    except _Died:
        last = shard.first_row + shard.rows - 1
        raise ShardError(
            f"Scoring the rows {shard.first_row} to {last} of {shard.segments[0].where} ended its process time and again, "
            "though no row does so alone. Perhaps memory ran out: use fewer --jobs, or close other programs."
        ) from None


def _killers(function: Callable[[Shard], Any], shard: Shard, start: int, stop: int) -> list[int]:
    """Search by halves for rows that end their process; that some of them do is known."""
    if stop - start == 1:
        return [start]
    middle = (start + stop) // 2
    found = []
    for low, high in ((start, middle), (middle, stop)):
        try:
            _in_a_process(function, shard.part(low, high))
        except _Died:
            found += _killers(function, shard, low, high)
    return found
