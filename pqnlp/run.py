"""Runs from file to file that can be ended at any moment and lose nothing.

Beside the output stands a folder ``OUTPUT.parts`` until the output is whole:

===================  =============================================================================================
``manifest.json``    what the run is: digests of inputs and model, versions, options; written first
``part-000000``      the rows of one shard, encoded as in the output; written to another name, then moved
``journal.jsonl``    a line for each part that is whole, with its digest and counts
``lock``             held while a process works on the run
``input``            what came by standard input or another pipe; of several, ``input-2`` and so on
``known.sqlite``     results of the file that is updated
``whole``            the parts joined, before it takes the place of the output
===================  =============================================================================================

A run that finds such a folder goes on with it if its own manifest is the same, and refuses otherwise. Shards are cut by
the input and the options alone, and each is scored by itself, so that the joined parts are the same bytes however often
the run was ended and however many processes worked on it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp._version import __version__
from pqnlp.errors import PqnlpError, ReadError

if TYPE_CHECKING:
    from pqnlp.scoring import Settings

__all__ = ["Run", "RunError", "parts_folder"]

FORMAT = 1
_LIBRARIES = ("scikit-learn", "numpy", "scipy", "spacy")
#: What differs between two manifests, by their keys, in words.
_WORDS = {
    "format": "by a version of pqnlp that keeps parts otherwise",
    "pqnlp": "by another version of pqnlp",
    "libraries": "with other versions of libraries",
    "model": "with another model",
    "inputs": "from other input",
    "options": "with other options",
    "update": "updating another file",
}


def parts_folder(output: str | Path) -> Path:
    """Return the folder that stands beside an output until it is whole. A link is followed: its target is written."""
    final = Path(output).resolve()
    return final.with_name(final.name + ".parts")


class RunError(PqnlpError):
    """A run that cannot go on; the message says why and what to do."""


class Run:
    """One run over files. Arguments as for `pqnlp.score_file`, which makes and starts it.

    Raises
    ------
    WriteError
        If the output can be seen not to be writable.
    """

    def __init__(
        self,
        sources: Any,
        output: str | Path,
        *,
        model: Any = None,
        jobs: int = 1,
        entities: bool = True,
        asks: bool | None = None,
        encoding: str = "utf-8",
        unsure_below: float | None = None,
        limit: int | None = None,
        strict: bool = False,
        update: str | Path | None = None,
        restart: bool = False,
    ):
        from pqnlp.output import TableWriter
        from pqnlp.shards import check_jobs

        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}: expected the number of rows to take, 1 or more.")
        self.sources, self.output = sources, output
        self.jobs, self.encoding, self.limit, self.strict = check_jobs(jobs), encoding, limit, strict
        self.model, self.unsure_below, self.entities = model, unsure_below, entities
        self.update, self.restart = update, restart
        self._writer = TableWriter(output)
        # Where nothing can nest, asks would be JSON text: many readers of CSV do not want it.
        self.asks = self._writer.form in ("parquet", "jsonl") if asks is None else asks
        self._unread: list[str] = []
        self._notices: list[str] = []

    def go(
        self,
        *,
        progress: Callable[[int], None] | None = None,
        on_start: Callable[[int | None, int], None] | None = None,
    ) -> dict[str, Any]:
        """Do the work; see `pqnlp.score_file`."""
        from pqnlp.model import load, peek
        from pqnlp.scoring import Settings

        # Where other processes do the work, this one would open the model for nothing, and they would wait for it.
        opened = (load if self.jobs == 1 else peek)(self.model, unsure_below=self.unsure_below)
        settings = Settings.of(opened, entities=self.entities, asks=self.asks, jobs=self.jobs)
        began = time.monotonic()
        counts = _Counts(opened.labels)
        if self._writer.final is None:
            if self.update is not None:
                raise RunError("Standard output cannot be updated: name a file to write.")
            self._stream(settings, counts, progress, on_start)
        else:
            self._by_parts(opened, settings, counts, progress, on_start)
        return counts.summary() | {
            "unread": self._unread,
            "notices": self._notices,
            "seconds": time.monotonic() - began,
        }

    # --- standard output, pipes and devices ---------------------------------------------------------------------------

    def _stream(self, settings: "Settings", counts: "_Counts", progress, on_start) -> None:
        from pqnlp.corpus import no_rows
        from pqnlp.formats import count_rows, input_files
        from pqnlp.scoring import scored_frame
        from pqnlp.shards import cut_shards

        if on_start is not None:
            paths = _paths(self.sources)
            total = count_rows(map(str, paths), encoding=self.encoding) if paths else None
            on_start(total if self.limit is None or total is None else min(total, self.limit), 0)
        paths = _paths(self.sources)
        files = input_files(paths) if paths and paths != ["-"] else None
        with self._writer as writer:
            shards = cut_shards(self._pieces(files), limit=self.limit)
            for _, result in self._map(settings, shards, ordered=True):
                writer.write(scored_frame(result["columns"]))
                counts.add(result)
                if progress is not None:
                    progress(result["rows"])
            if not counts.rows:
                raise no_rows(self.sources)

    # --- files ----------------------------------------------------------------------------------------------------------

    def _by_parts(self, opened, settings: "Settings", counts: "_Counts", progress, on_start) -> None:
        from dataclasses import replace

        from pqnlp import schema
        from pqnlp.output import join_parts, write_failure
        from pqnlp.scoring import model_digest, result_columns
        from pqnlp.shards import cut_shards, rows_per_shard

        final = self._writer.final
        form, packing = self._writer.form, self._writer.packing
        parts = _Parts(final)
        keep = False
        try:
            with parts:
                paths = parts.spooled(_paths(self.sources))
                survey = self._survey(paths)
                total = survey["rows"] if self.limit is None else min(survey["rows"], self.limit)
                papers = {
                    "pqnlp": __version__,
                    "schema": schema.VERSION,
                    "model": {"name": opened.name, "version": opened.version, "digest": model_digest(opened)},
                    "unsure_below": opened.unsure_below,
                    "entities": self.entities,
                    "asks": self.asks,
                }
                manifest = {
                    "format": FORMAT,
                    "pqnlp": __version__,
                    "libraries": {name: metadata.version(name) for name in _LIBRARIES},
                    "model": papers["model"],
                    "inputs": survey["inputs"],
                    "options": {
                        "entities": self.entities,
                        "asks": self.asks,
                        "unsure_below": opened.unsure_below,
                        "encoding": self.encoding,
                        "limit": self.limit,
                        "strict": self.strict,
                        "form": form + packing,
                        "rows": total,
                        "shard_rows": rows_per_shard(total),
                    },
                    "update": self._check_update(papers),
                }
                # What was read from memory cannot be told to be the same another time.
                resumable = paths is not None and opened.path is not None
                done = parts.begin(manifest, anew=self.restart or not resumable)
                if self.update is not None:
                    from pqnlp.known import build

                    columns = result_columns(opened, self.entities, self.asks)
                    if not (parts.folder / "known.sqlite").exists():
                        build(self.update, parts.folder / "known.sqlite", columns)
                    settings = replace(settings, known=str(parts.folder / "known.sqlite"))
                settings = replace(settings, form=form, packing=packing)
                for entry in done.values():
                    counts.add(entry, resumed=True)
                if on_start is not None:
                    on_start(total, counts.rows)
                keep = resumable
                cut = 0

                def shards():
                    nonlocal cut
                    for shard in cut_shards(
                        self._pieces(survey["files"], survey["states"]),
                        shard_rows=rows_per_shard(total),
                        limit=self.limit,
                    ):
                        cut += 1
                        if shard.index not in done:
                            yield shard

                for index, result in self._map(settings, shards(), ordered=self.strict, apart=parts.found):
                    parts.add(index, result)
                    counts.add(result)
                    if progress is not None:
                        progress(result["rows"])
                if counts.rows != total:
                    raise self._changed(parts)
                self._check_states(survey["files"], survey["states"], parts)
                columns = list(schema.types(counts.labels, entities=self.entities, asks=self.asks))
                information = {"pqnlp": json.dumps(papers, ensure_ascii=False)}
                join_parts(parts.paths(cut), parts.whole, form, packing, columns=columns, metadata=information)
                if final.exists():
                    shutil.copymode(final, parts.whole)
                os.replace(parts.whole, final)
                parts.finish()
                keep = False
        except OSError as error:
            state = f" ({counts.rows} rows are done and kept in {parts.folder}; the same command goes on with them)."
            raise write_failure(error, self.output, state if keep and counts.rows else ".") from None
        except _Changed as error:
            keep = False  # parts may be of either state of the file
            raise RunError(str(error)) from None
        except _BadRow as error:
            keep = False
            raise RunError(str(error)) from None
        finally:
            parts.leave(keep=keep)

    def _check_update(self, papers: dict) -> dict | None:
        if self.update is None:
            return None
        from pqnlp.known import read_papers

        old = read_papers(self.update)
        told = {
            "model": old.get("model") == papers["model"],
            "unsure_below": old.get("unsure_below") == papers["unsure_below"],
            "pqnlp": old.get("pqnlp") == papers["pqnlp"],
        }
        if not all(told.values()):
            was, now = ({**p, **(p.get("model") or {})} for p in (old, papers))
            differs = "; ".join(
                f"{words} {was.get(key)} then, {now.get(key)} now"
                for words, key, same in (
                    ("model", "name", told["model"]),
                    ("its version", "version", told["model"]),
                    ("its checksum", "digest", told["model"]),
                    ("unsure below", "unsure_below", told["unsure_below"]),
                    ("pqnlp", "pqnlp", told["pqnlp"]),
                )
                if not same and was.get(key) != now.get(key)
            )
            raise RunError(
                f"{self.update} was scored otherwise ({differs}): its labels do not belong beside new ones. "
                "Use the model that scored it, or score everything anew, without --update."
            )
        if self.entities and not old.get("entities"):
            raise RunError(
                f"{self.update} was scored without entities: use --no-entities, or score everything anew, without --update."
            )
        if self.asks and not old.get("asks"):
            raise RunError(
                f"{self.update} was scored without asks: use --no-asks, or score everything anew, without --update."
            )
        return {"sha256": _digest(Path(self.update))}

    # --- reading --------------------------------------------------------------------------------------------------------

    def _survey(self, paths: list | None) -> dict[str, Any]:
        """Read through the input once: what it is, how many rows it has, whether it can be read at all."""
        from pqnlp.corpus import no_rows
        from pqnlp.formats import input_files

        if paths is None:
            pieces = [(fields, rows, where) for fields, rows, where in self._pieces(None)]
            rows = sum(rows for _, rows, _ in pieces)
            if not rows:
                raise no_rows(self.sources)
            return {"files": pieces, "states": None, "inputs": None, "rows": rows}
        files = input_files(paths, skip=self._is_own)
        states, inputs, total = [], [], 0
        names: dict[Path, list[str]] = {}
        errors: list[ReadError] = []
        for file in files:
            state = _state(file)
            rows, error, names[file] = self._count(file, lenient=self._lenient(files))
            total += rows
            inputs.append({"name": file.name, "sha256": _digest(file), "rows": rows})
            if _state(file) != state:
                raise _Changed(_changed_message(file))
            states.append(state)
            if error is not None:
                errors.append(error)
        if len(errors) == len(files):
            raise errors[0]
        self._unread = [str(error) for error in errors]
        if not total:
            raise no_rows(self.sources)
        self._tell_columns(names)
        return {"files": files, "states": states, "inputs": inputs, "rows": total}

    def _is_own(self, file: Path) -> bool:
        """Tell whether a file that a folder or glob gives is what this run, or the same one before, has written."""
        file, folder = file.resolve(), parts_folder(self._writer.final)
        if file == self._writer.final:
            self._notices.append(f"{file.name} is the output, and was left out of the input.")
            return True
        return file == folder or folder in file.parents

    def _tell_columns(self, names: dict[Path, list[str]]) -> None:
        """Note what a user may not expect: files that are results, and columns that the output does not have."""
        from pqnlp.corpus import used_columns
        from pqnlp.formats import is_table
        from pqnlp.schema import was_scored

        scored = [file for file, columns in names.items() if was_scored(columns)]
        if 0 < len(scored) < len(names):
            self._notices.append(
                f"{_few([str(file) for file in scored])} {'was' if len(scored) == 1 else 'were'} scored before, other "
                "files of the input were not: pairs that are in both are now there twice. Move what is no input elsewhere."
            )
        lost: dict[str, None] = {}
        for file, columns in names.items():
            if file not in scored and is_table(file):
                used = set(used_columns(columns))
                lost |= dict.fromkeys(name for name in columns if name not in used)
        if lost:
            self._notices.append(
                f"These columns of the input are not kept in {self._writer.final.name}: {_few(list(lost), 8)}. "
                "To have them beside the results, join the two by id, or use pqnlp.score in Python."
            )

    def _lenient(self, files: list) -> bool:
        """Tell whether a file that cannot be read is passed over; an error tells more if there is but one."""
        return len(files) > 1 and not self.strict

    def _skip_bad_lines(self) -> bool:
        """Tell whether lines that cannot be read become rows; they need not be among the first `limit`, which strict may mind."""
        return not self.strict or self.limit is not None

    def _count(self, file: Path, *, lenient: bool) -> tuple[int, ReadError | None, list[str]]:
        """Return how many rows a file has, what is wrong with it, and the names of its columns."""
        from pqnlp.corpus import raw_fields
        from pqnlp.formats import file_rows, file_tables

        options = {"encoding": self.encoding, "skip_bad_lines": self._skip_bad_lines()}
        columns: list[str] = []
        try:
            first = file_tables(file, **options)
            for table, where in first:
                raw_fields(table, where=where)
                columns = list(map(str, table.columns))
                break
            first.close()
            return file_rows(file, **options), None, columns
        except ReadError as error:
            if not lenient:
                raise
            # Rows before the fault are kept, and one stands for what follows.
            return sum(rows for _, rows, _ in self._file_pieces(file, lenient=True)), error, columns

    def _file_pieces(self, file: Path, *, lenient: bool) -> Iterator[tuple[dict[str, list], int, str]]:
        from pqnlp.corpus import raw_fields, used_columns
        from pqnlp.formats import file_tables

        try:
            options = {"encoding": self.encoding, "skip_bad_lines": self._skip_bad_lines()}
            tables = file_tables(file, columns=used_columns, **options)
            for table, where in tables:
                yield raw_fields(table, where=where), len(table), where
        except ReadError:
            if not lenient:
                raise
            yield {"id": [str(file)], "question": [""], "answer": [""], "problem": ["bad_file"]}, 1, str(file)

    def _pieces(self, files: list | None, states: list | None = None) -> Iterator[tuple[dict[str, list], int, str]]:
        """Yield the rows of the input; raise where a file is no longer what the survey saw."""
        from pqnlp.corpus import raw_fields
        from pqnlp.formats import raw_tables

        if files is None:
            for table, where in raw_tables(self.sources, encoding=self.encoding):
                yield raw_fields(table, where=where), len(table), where
        elif files and not isinstance(files[0], Path):
            yield from files
        else:
            for number, file in enumerate(files):
                for piece in self._file_pieces(file, lenient=self._lenient(files)):
                    # Asked after the rows were read and before they are used.
                    if states is not None and _state(file) != states[number]:
                        raise _Changed(_changed_message(file))
                    yield piece

    def _check_states(self, files: list, states: list | None, parts: "_Parts") -> None:
        for file, state in zip(files, states or [], strict=False):
            if _state(file) != state:
                raise _Changed(_changed_message(file))

    def _changed(self, parts: "_Parts") -> Exception:
        return _Changed(f"The input of {self.output} has not the rows that it had at first. Start again.")

    def _map(self, settings: "Settings", shards, *, ordered: bool, apart: bool = False) -> Iterator[tuple[int, dict]]:
        from pqnlp.scoring import score_shard
        from pqnlp.shards import map_shards

        work = functools.partial(score_shard, settings=settings)
        for index, result in map_shards(work, shards, jobs=self.jobs, ordered=ordered, apart=apart):
            if self.strict and result["bad"] is not None:
                from pqnlp.corpus import PROBLEMS

                row, identity, where, problem = result["bad"]
                raise _BadRow(
                    f"Row {row} (id {identity}, in {where}) cannot be scored: {PROBLEMS[problem]} ({problem}). "
                    "Mend or remove it, or leave out --strict."
                )
            yield index, result


def _few(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


class _Changed(Exception):
    pass


class _BadRow(Exception):
    pass


def _changed_message(file: Path) -> str:
    return (
        f"{file} was changed while it was being scored, so that nothing of this run can be used. "
        "Wait until it is whole, or score a copy; then start again."
    )


def _paths(sources: Any) -> list | None:
    """Return the sources as a list of paths; None if they are no paths."""
    if isinstance(sources, (str, Path)):
        return ["-"] if str(sources) == "-" else [sources]
    if isinstance(sources, (list, tuple)) and sources and all(isinstance(s, (str, Path)) for s in sources):
        return list(sources)
    return None


def _state(file: Path) -> tuple | None:
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _digest(file: Path) -> str:
    try:
        with open(file, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return ""  # a file that cannot be read says so among the rows


class _Counts:
    """Sums over the parts of a run."""

    def __init__(self, labels: list[str]):
        self.labels = labels
        self.rows = 0
        self._found: Counter = Counter()
        self._problems: Counter = Counter()
        self._sums: Counter = Counter()

    def add(self, entry: dict[str, Any], *, resumed: bool = False) -> None:
        self.rows += entry["rows"]
        self._found.update(entry["labels"])
        self._problems.update(entry["problems"])
        self._sums.update({name: entry[name] for name in ("unsure", "copied")})
        if resumed:
            self._sums["resumed"] += entry["rows"]

    def summary(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "scored": sum(self._found.values()),
            "labels": {name: self._found.get(name, 0) for name in self.labels},
            "problems": dict(self._problems.most_common()),
            "unsure": self._sums["unsure"],
            "copied": self._sums["copied"],
            "resumed": self._sums["resumed"],
        }


class _Parts:
    """The folder of a run."""

    def __init__(self, final: Path):
        self.final = final
        self.folder = parts_folder(final)
        self.whole = self.folder / "whole"
        self._lock: Any = None
        self._made = self._begun = False
        #: Whether a run was ended here before, perhaps by one of its rows.
        self.found = False

    def __enter__(self) -> "_Parts":
        known = {"manifest.json", "journal.jsonl", "lock", "input", "whole"}
        try:
            self.folder.mkdir()
            self._made = True
        except FileExistsError:
            names = {p.name for p in self.folder.iterdir()} if self.folder.is_dir() else {""}
            if names and not names & known:
                raise RunError(
                    f"{self.folder} is in the way and is no unfinished run: move it, or name another output."
                ) from None
            self.found = "manifest.json" in names
        self._lock = open(self.folder / "lock", "wb")  # noqa: SIM115 - held as long as the run works
        if not _locked(self._lock):
            self._lock.close()
            self._lock = None
            raise RunError(f"Another run is writing {self.final}: wait for it, or name another output.")
        return self

    def __exit__(self, *error) -> None:
        pass

    def leave(self, *, keep: bool) -> None:
        """Let go of the folder; remove it, unless parts are to be kept or it was left by a run that is not this one."""
        if self._lock is None:
            return
        if not self._begun:
            useless = self._made
        else:
            useless = not keep or not (self.folder / "journal.jsonl").exists()
        if useless:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def finish(self) -> None:
        """Note that the output is in its place: a kill from here on leaves nothing that looks like an unfinished run."""
        (self.folder / "manifest.json").unlink()

    def spooled(self, paths: list | None) -> list | None:
        """Return paths with standard input and other pipes kept, so that they can be read twice and told from others."""
        from pqnlp.formats import is_stream

        if paths == ["-"]:
            return [self._spool(sys.stdin.buffer, "input")]
        out, count = [], 0
        for path in paths or []:
            if is_stream(path):
                count += 1
                with open(path, "rb") as stream:
                    path = self._spool(stream, "input" if count == 1 else f"input-{count}")
            out.append(path)
        return out if paths is not None else None

    def _spool(self, stream, name: str) -> Path:
        unfinished, path = self.folder / f"{name}.new", self.folder / name
        with open(unfinished, "wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        os.replace(unfinished, path)
        return path

    def begin(self, manifest: dict[str, Any], *, anew: bool) -> dict[int, dict]:
        """Go on with the parts that are there, or begin; return the journal's entries by the part's number."""
        manifest = json.loads(json.dumps(manifest))
        path = self.folder / "manifest.json"
        if not anew and path.exists():
            old = _read_json(path)
            if old != manifest:
                what = " and ".join(
                    _described(key, old, manifest) for key in _WORDS if old.get(key) != manifest.get(key)
                )
                raise RunError(
                    f"{self.folder} holds an unfinished run that was begun {what}. To go on with it, give what it was "
                    "begun with; to begin anew and lose it, use --restart."
                )
            self._begun = True
            return self._done()
        self._begun = True
        for item in self.folder.iterdir():
            if item.name != "lock" and not item.name.startswith("input"):
                item.unlink()
        _write_whole(path, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        return {}

    def _done(self) -> dict[int, dict]:
        done = {}
        journal = self.folder / "journal.jsonl"
        if not journal.exists():
            return done
        data = journal.read_bytes()
        for line in data.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("cut")
                entry = json.loads(line)
                if _digest(self._part(entry["part"])) == entry["sha256"]:
                    done[entry["part"]] = entry
            except (ValueError, KeyError, TypeError):
                continue  # the process ended while it wrote this
        if data and not data.endswith(b"\n"):
            _write_whole(journal, data[: data.rfind(b"\n") + 1])
        return done

    def _part(self, index: int) -> Path:
        return self.folder / f"part-{index:06d}"

    def paths(self, count: int) -> list[Path]:
        return [self._part(index) for index in range(count)]

    def add(self, index: int, result: dict[str, Any]) -> None:
        """Put a part in place, then say so in the journal."""
        data = result.pop("data")
        _write_whole(self._part(index), data)
        entry = {"part": index, "sha256": hashlib.sha256(data).hexdigest(), **result}
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with open(self.folder / "journal.jsonl", "ab") as journal:
            at = journal.tell()
            try:
                journal.write(line)
                journal.flush()
                os.fsync(journal.fileno())
            except OSError:
                journal.truncate(at)
                raise


def _described(key: str, old: dict, new: dict) -> str:
    """Say how two manifests differ in `key`, as exactly as a line allows."""
    was, now = old.get(key), new.get(key)
    if key == "options" and isinstance(was, dict):
        differ = ", ".join(f"{name} {was.get(name)}, not {now[name]}" for name in now if was.get(name) != now[name])
        return f"{_WORDS[key]} ({differ})"
    if key == "inputs" and isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            return f"{_WORDS[key]} ({len(was)} files, not {len(now)})"
        changed = [
            f"{a['name']}, not {b['name']}" if a["name"] != b["name"] else f"{b['name']} changed since"
            for a, b in zip(was, now, strict=True)
            if a != b
        ]
        return f"{_WORDS[key]} ({'; '.join(changed[:3])}{' ...' if len(changed) > 3 else ''})"
    if key == "model" and isinstance(was, dict):
        return f"{_WORDS[key]} ({was.get('name')} {was.get('version')}, checksum {str(was.get('digest'))[:12]})"
    return f"{_WORDS[key]} ({was}, not {now})" if isinstance(was, str) else _WORDS[key]


def _read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}
    except ValueError:
        return {}


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = path.with_name(path.name + ".new")
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)  # it may be what fills the disk
        raise


def _locked(file) -> bool:
    """Lock a file for this process; the system lets go of it when the process ends, however it does."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
