"""Scoring where the rows are: Dask or Spark hands them out, and each of its processes scores what it gets.

Nothing is scheduled here. What travels is the rows, and the model's files once; workers need the same pqnlp installed.
"""

from __future__ import annotations

import functools
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp._version import __version__
from pqnlp.errors import ModelError, PqnlpError

if TYPE_CHECKING:
    import dask.dataframe as dd

    from pqnlp.model import Model

__all__ = ["PackedModel", "score_dask", "score_part"]

# A worker of several threads would have them all use one model, whose tokenizer is not made for that.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class PackedModel:
    """A model on its way to other machines.

    Attributes
    ----------
    digest : str
        The model's; see `pqnlp.scoring.model_digest`.
    labels : tuple of str
    unsure_below : float
    files : tuple of (str, bytes)
        The model's folder, about 4 MB for the one that ships with pqnlp.
    pqnlp : str
        Version of pqnlp that sends it.
    """

    digest: str
    labels: tuple[str, ...]
    unsure_below: float
    files: tuple[tuple[str, bytes], ...]
    pqnlp: str = __version__

    @classmethod
    def of(cls, model: "Model") -> "PackedModel":
        """Pack an opened model.

        Parameters
        ----------
        model : Model

        Returns
        -------
        PackedModel

        Raises
        ------
        ValueError
            If the model was not loaded from a folder.
        """
        from pqnlp.scoring import model_digest

        if model.path is None:
            raise ValueError("A model that was not loaded from a folder cannot be sent to workers: save and load it.")
        names = ["manifest.json", *model.manifest["files"]]
        files = tuple((name, (Path(model.path) / name).read_bytes()) for name in names)
        labels = tuple(str(label) for label in model.classifier.classes_)
        return cls(model_digest(model), labels, model.unsure_below, files)

    def __repr__(self) -> str:
        return f"PackedModel(digest={self.digest[:12]!r}, labels={list(self.labels)})"

    def __hash__(self) -> int:
        return hash((self.digest, self.unsure_below, self.pqnlp))

    def __dask_tokenize__(self):
        return "PackedModel", self.digest, self.unsure_below, self.pqnlp

    def unpacked(self) -> str:
        """Return a folder with the model; the process keeps it until it ends.

        Raises
        ------
        ModelError
            If this process has another version of pqnlp than the one that sent the model.
        """
        if self.pqnlp != __version__:
            raise ModelError(
                f"The worker has pqnlp {__version__}, the model was sent by {self.pqnlp}: install the same on both."
            )
        return _unpacked(self).name


@functools.lru_cache(maxsize=1)
def _unpacked(model: PackedModel) -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory(prefix="pqnlp-model-")
    for name, data in model.files:
        (Path(folder.name) / name).write_bytes(data)
    return folder


def score_part(table: Any, model: PackedModel, *, entities: bool = False, asks: bool = False) -> Any:
    """Score a part of a table that an engine has cut.

    Parameters
    ----------
    table : DataFrame or pyarrow.Table
    model : PackedModel
    entities, asks : bool
        As for `pqnlp.score`.

    Returns
    -------
    DataFrame or pyarrow.Table
        As `pqnlp.score` returns it, even where it has no rows, but for two things. An id that another row has is not
        flagged, since the other may be anywhere. In pandas, nested columns have Arrow's types, which tell an engine what
        they are when a part has nothing in them.

    Raises
    ------
    ReadError
        If there is no column for the question or for the answer.
    """
    from pqnlp.corpus import raw_fields
    from pqnlp.schema import CLEAN, table_types
    from pqnlp.scoring import Settings, score_shard
    from pqnlp.shards import cut_shards
    from pqnlp.tables import as_pandas, as_table, with_columns

    frame = as_table(table)
    if frame is None:
        raise TypeError(f"Got {type(table).__name__}: expected a pandas DataFrame or a pyarrow Table.")
    kinds = table_types(model.labels, entities=entities, asks=asks)
    columns: dict[str, list] = {name: [] for name in (*kinds, *CLEAN) if name not in CLEAN.values()}
    fields = raw_fields(as_pandas(frame), where="the table")
    if len(frame):
        with _ONE_AT_A_TIME:
            settings = Settings(model.unpacked(), model.digest, model.unsure_below, entities=entities, asks=asks)
            for shard in cut_shards([(fields, len(frame), "the table")]):
                result = score_shard(replace(shard, again=(False,) * shard.rows), settings)
                for name, cells in columns.items():
                    cells += result["columns"][name]
    out = with_columns(frame, columns, kinds)
    return _typed(out, columns, kinds) if frame.implementation.is_pandas() else out


def _typed(frame, columns: dict[str, list], kinds: dict[str, Any]):
    """Give nested columns of pandas their type."""
    nested = [name for name, kind in kinds.items() if isinstance(kind, list)]
    if nested:
        import pandas as pd
        import pyarrow as pa

        from pqnlp.schema import arrow_type

        for name in nested:
            cells = pa.array(columns[name], type=arrow_type(kinds[name]))
            frame[name] = pd.Series(pd.arrays.ArrowExtensionArray(cells), index=frame.index)
    return frame


def score_dask(
    frame: "dd.DataFrame",
    *,
    model: "Model | str | Path | None" = None,
    entities: bool = False,
    asks: bool = False,
) -> "dd.DataFrame":
    """Label the question-answer pairs of a Dask DataFrame, partition by partition, on the cluster that is in use.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        A row per pair; columns are found by name as `pqnlp.read` finds them.
    model : Model or path, optional
        The model that ships with pqnlp by default. It is sent to the workers, which need no access to its folder.
    entities, asks : bool, default False
        As for `pqnlp.score`.

    Returns
    -------
    dask.dataframe.DataFrame
        Not yet computed: the frame's own columns and index, and those that `pqnlp.score` adds. ``asks`` and ``entities``
        have Arrow's types. Ids that stand twice are not flagged, since rows are scored wherever they are.

    Raises
    ------
    PqnlpError
        If Dask is missing or `frame` is none of its DataFrames.
    ReadError
        If there is no column for the question or for the answer.
    ValueError
        If the model was not loaded from a folder.

    Notes
    -----
    ``pqnlp.score_dask(dask.dataframe.read_parquet("answers/")).to_parquet("scored/")`` is all there is to it; docs/spread.md
    says what a cluster needs.
    """
    try:
        import dask.dataframe as dd
    except ImportError:
        raise PqnlpError("Scoring with Dask needs it: pip install 'pqnlp[dask]'.") from None
    from dask import delayed

    from pqnlp.model import load

    if not isinstance(frame, dd.DataFrame):
        raise PqnlpError(f"Got {type(frame).__name__}: expected a Dask DataFrame. pqnlp.score takes tables in memory.")
    packed = PackedModel.of(load(model))
    meta = score_part(frame._meta, packed, entities=entities, asks=asks)
    # As one task of its own, so that a worker gets it once and not with every partition.
    sent = delayed(packed, pure=True, traverse=False)
    return frame.map_partitions(score_part, sent, entities=entities, asks=asks, meta=meta)
