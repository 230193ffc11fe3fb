"""Scoring of Spark DataFrames, where Spark keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError
from pqnlp.spread import PackedModel, score_part

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from pqnlp.model import Model

__all__ = ["score"]


def score(
    frame: "DataFrame",
    *,
    model: "Model | str | Path | None" = None,
    entities: bool = False,
    asks: bool = False,
) -> "DataFrame":
    """Label the question-answer pairs of a Spark DataFrame, on the executors of its session.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        A row per pair; columns are found by name as `pqnlp.read` finds them, and may be of any type beside.
    model : Model or path, optional
        The model that ships with pqnlp by default. It is broadcast: executors need no access to its folder.
    entities, asks : bool, default False
        As for `pqnlp.score`.

    Returns
    -------
    pyspark.sql.DataFrame
        Not yet computed: the frame's own columns, and those that `pqnlp.score` adds, typed as `pqnlp.schema` declares
        them. Ids that stand twice are not flagged, since rows are scored wherever they are.

    Raises
    ------
    PqnlpError
        If PySpark is missing or `frame` is none of its DataFrames.
    ReadError
        If there is no column for the question or for the answer.
    ValueError
        If the model was not loaded from a folder.

    Notes
    -----
    Rows pass as Arrow record batches (``mapInArrow``), at most ``spark.sql.execution.arrow.maxRecordsPerBatch`` at a time.
    ``mapInPandas`` would take the frame's other columns through pandas too, which has no types for those that nest.
    ``pqnlp.spark.score(session.read.parquet("answers/")).write.parquet("scored/")`` is all there is to it; docs/spread.md
    says what a cluster needs.
    """
    try:
        from pyspark.sql.types import StructField, StructType
    except ImportError:
        raise PqnlpError("Scoring with Spark needs it: pip install 'pqnlp[spark]'.") from None
    from pqnlp.corpus import raw_fields
    from pqnlp.model import load
    from pqnlp.schema import given_names, spark_type, table_types

    if not (hasattr(frame, "mapInArrow") and hasattr(frame, "sparkSession")):
        raise PqnlpError(f"Got {type(frame).__name__}: expected a Spark DataFrame. pqnlp.score takes tables in memory.")
    import pandas as pd

    raw_fields(pd.DataFrame(columns=frame.columns))  # a missing column is told here, not by an executor
    packed = PackedModel.of(load(model))
    kinds = table_types(packed.labels, entities=entities, asks=asks)
    renamed = given_names(frame.columns, kinds)
    session = frame.sparkSession
    line = ", ".join(f"`{name}` {spark_type(kind)}" for name, kind in kinds.items())
    results = {field.name: field for field in session.createDataFrame([], line).schema}
    own = [
        StructField(renamed[field.name], field.dataType, field.nullable, field.metadata)
        if field.name in renamed
        else results.pop(field.name, field)
        for field in frame.schema
    ]
    # Where the session is only a connection to a server there are no broadcasts; the model then goes with the function.
    context = getattr(session, "sparkContext", None)
    sent = _Plain(packed) if context is None else context.broadcast(packed)

    def batches(parts: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        for part in parts:
            scored = score_part(pa.Table.from_batches([part]), sent.value, entities=entities, asks=asks)
            yield from scored.combine_chunks().to_batches()

    return frame.mapInArrow(batches, StructType([*own, *results.values()]))


class _Plain:
    """What a broadcast is where there is none."""

    def __init__(self, value: Any):
        self.value = value
