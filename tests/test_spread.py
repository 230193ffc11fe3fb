from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pqnlp
from pqnlp.errors import ModelError, PqnlpError, ReadError
from pqnlp.spread import PackedModel, score_part

ROOT = Path(__file__).parents[1]
QUESTION = "To ask the Secretary of State for Transport, how many ferries sailed to Lundy in 2023."
WANTED = {"entities": True, "asks": True}
#: Seconds to start Spark in; where it takes longer, as on a busy machine, waiting on would tell nothing of pqnlp.
SLOW = 40


def pairs(count: int) -> pd.DataFrame:
    rows = [
        {
            "id": f"{k:03d}",
            "question": QUESTION,
            "answer": f"{k} ferries sailed. The Department is committed to ferries.",
        }
        for k in range(count)
    ]
    rows[1]["answer"] = None
    return pd.DataFrame(rows)


def records(frame: pd.DataFrame) -> list[dict]:
    def plain(value):
        return None if value is pd.NA or (not isinstance(value, list) and value != value) else value

    rows = [{name: plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    return sorted(rows, key=lambda row: row["id"])


@pytest.fixture(scope="module")
def packed():
    return PackedModel.of(pqnlp.load())


@pytest.fixture(scope="module")
def expected():
    return records(pqnlp.score(pairs(24), **WANTED))


# --- a part -----------------------------------------------------------------------------------------------------------


def test_parts_put_together_are_the_whole(packed, expected):
    whole = pairs(24)
    parts = [score_part(whole.iloc[k : k + 7], packed, **WANTED) for k in range(0, 24, 7)]
    assert records(pd.concat(parts)) == expected
    assert all(part.dtypes.equals(parts[0].dtypes) for part in parts)


def test_a_part_may_be_empty_and_of_any_kind(packed, expected):
    full, empty = (score_part(frame, packed, **WANTED) for frame in (pairs(24), pairs(24).head(0)))
    assert empty.empty and empty.dtypes.equals(full.dtypes)
    table = pa.Table.from_pandas(pairs(24))
    assert score_part(table.slice(0, 0), packed, **WANTED).schema.equals(score_part(table, packed, **WANTED).schema)
    assert score_part(table, packed, **WANTED).to_pylist() == expected
    with pytest.raises(TypeError, match="Got list: expected a pandas DataFrame"):
        score_part([], packed)


def test_ids_of_other_rows_do_not_matter(packed):
    """Whether two rows of one id meet in a part is chance, and results must not be."""
    twice = pairs(3).assign(id="7").iloc[[0, 2]]
    assert score_part(twice, packed)["problem"].tolist() == ["", ""]
    assert pqnlp.score(twice)["problem"].tolist() == ["", "duplicate_id"]


def test_a_model_travels_whole(packed, tmp_path):
    assert set(packed.labels) == set(map(str, pqnlp.load().classifier.classes_))
    folder = Path(packed.unpacked())
    assert folder != pqnlp.load().path
    again = pqnlp.load(folder)
    assert again.manifest == pqnlp.load(pqnlp.load().path).manifest
    assert packed.unpacked() == str(folder)  # unpacked once
    assert "files" not in repr(packed)


def test_the_threshold_travels_with_the_model():
    sure = PackedModel.of(pqnlp.load(unsure_below=1.0))
    assert score_part(pairs(3), sure)["unsure"].tolist() == [True, pd.NA, True]


def test_another_pqnlp_on_the_worker_is_refused(packed):
    with pytest.raises(
        ModelError, match="The worker has pqnlp .*, the model was sent by 0.0.1: install the same on both"
    ):
        score_part(pairs(3), replace(packed, pqnlp="0.0.1"))


def test_a_model_without_a_folder_cannot_travel():
    kept = pqnlp.load()
    with pytest.raises(ValueError, match="cannot be sent to workers: save and load it"):
        PackedModel.of(pqnlp.Model(kept.classifier, kept.manifest))


# --- Dask -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dd():
    pytest.importorskip("dask")
    return pytest.importorskip("dask.dataframe")


@pytest.fixture(scope="module")
def cluster(dd):
    """Return a client of two processes."""
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_what_is_declared_is_what_comes(dd, tmp_path):
    scored = pqnlp.score_dask(dd.from_pandas(pairs(24), npartitions=3), **WANTED)
    out = scored.compute(scheduler="synchronous")
    assert out.dtypes.equals(scored.dtypes)
    assert out.index.tolist() == list(range(24))
    scored.to_parquet(tmp_path, compute_kwargs={"scheduler": "synchronous"})
    assert pa.types.is_struct(pq.read_schema(tmp_path / "part.0.parquet").field("asks").type.value_type)


def test_columns_of_the_users_own_are_kept_by_dask(dd):
    frame = pairs(4).assign(label="gold", answer="<p>The Department for Transport sailed <b>four</b> ferries.</p>")
    scored = pqnlp.score_dask(dd.from_pandas(frame, npartitions=2), entities=True)
    out = scored.compute(scheduler="synchronous")
    assert list(out.columns) == list(scored.columns) == list(pqnlp.score(frame, entities=True).columns)
    assert set(out["given_label"]) == {"gold"} and "gold" not in set(out["label"])
    assert out["clean_answer"].tolist() == ["The Department for Transport sailed four ferries."] * 4


def test_dask_is_sent_the_model_once(dd):
    import cloudpickle

    size = {
        count: len(cloudpickle.dumps(pqnlp.score_dask(dd.from_pandas(pairs(24), npartitions=count)).__dask_graph__()))
        for count in (2, 12)
    }
    model = sum(len(data) for _, data in PackedModel.of(pqnlp.load()).files)
    assert model < size[2] and size[12] < 1.5 * model


def test_a_killed_worker_costs_no_row(dd, cluster, expected):
    from dask.distributed import as_completed

    scored = pqnlp.score_dask(dd.from_pandas(pairs(24), npartitions=6), **WANTED)
    futures = cluster.compute(scored.to_delayed())
    next(iter(as_completed(futures)))
    os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)
    assert records(pd.concat(cluster.gather(futures))) == expected


def test_joblib_works_on_dask(cluster, expected):
    import joblib

    with joblib.parallel_config(backend="dask"):
        assert records(pqnlp.score(pairs(24), jobs=2, **WANTED)) == expected


def test_what_is_wrong_is_told_before_the_work(dd):
    with pytest.raises(ReadError, match="no column for the answer"):
        pqnlp.score_dask(dd.from_pandas(pairs(3)[["id", "question"]], npartitions=1))
    with pytest.raises(PqnlpError, match="Got DataFrame: expected a Dask DataFrame"):
        pqnlp.score_dask(pairs(3))
    with pytest.raises(ReadError, match="use pqnlp.score_dask"):
        pqnlp.score(dd.from_pandas(pairs(3), npartitions=1))


@pytest.mark.parametrize(
    ("call", "module", "extra"),
    [("pqnlp.score_dask(None)", "dask.dataframe", "dask"), ("pqnlp.spark.score(None)", "pyspark.sql.types", "spark")],
)
def test_a_missing_engine_is_named_with_its_extra(call, module, extra):
    code = f"import sys; sys.modules[{module!r}] = None\nimport pqnlp\n{call}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert f"pip install 'pqnlp[{extra}]'" in result.stderr.splitlines()[-1]


# --- Spark ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session():
    """Return a Spark session of one thread, so that one worker opens the model; it uses this Python."""
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # A few rows need no second compiler, no collector of its own threads, no replanning: half of the time to start is theirs.
    options = {
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
    }
    began = time.monotonic()
    session = sql.SparkSession.builder.master("local[1]").config(map=options).getOrCreate()
    session.range(1).collect()
    try:
        if time.monotonic() - began > SLOW:
            pytest.skip(f"It took Spark more than {SLOW} s to start: the test would take minutes here.")
        yield session
    finally:
        session.stop()


def test_spark_gives_the_same(session, expected, tmp_path):
    from pyspark.sql import functions

    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in pairs(24).to_dict("records")), encoding="utf-8")
    frame = session.read.json(str(path), "id string, question string, answer string").repartition(3)
    # Columns of the user's own may nest, and may have the name of a result.
    frame = frame.withColumn("mine", functions.struct(functions.array("id").alias("ids")))
    frame = frame.withColumn("label", functions.lit("gold"))
    scored = pqnlp.spark.score(frame, **WANTED)
    rows = sorted((row.asDict(recursive=True) for row in scored.collect()), key=lambda row: row["id"])
    assert {row.pop("given_label") for row in rows} == {"gold"}
    assert [row.pop("mine") for row in rows] == [{"ids": [row["id"]]} for row in rows]
    assert rows == expected
    assert scored.columns == ["id", "question", "answer", "mine", "given_label", *list(expected[0])[3:]]
    with pytest.raises(ReadError, match="no column for the answer"):
        pqnlp.spark.score(frame.select("id", "question"))
    with pytest.raises(PqnlpError, match="expected a Spark DataFrame"):
        pqnlp.spark.score(pairs(3))
