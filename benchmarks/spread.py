"""The same rows scored in one process and on engines, compared byte for byte after sorting by id.

python benchmarks/spread.py one dask dask-killed [--texts FILE] [--rows 3000] [--keep FOLDER]

Engines: one, dask (two workers), dask-killed (one of them is ended by kill -9 when a quarter of the partitions is done),
spark (a local session of two), joblib-dask and joblib-ray (joblib's backends). Where engines need different environments, run
the command in each with one --keep FOLDER: every table in it is compared. Without --texts the invented sample is repeated
with numbers changed.
"""

import argparse
import hashlib
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import pandas as pd

import pqnlp
from pqnlp.corpus import read

WANTED = {"asks": True, "entities": True}


def rows(texts: str | None, count: int) -> pd.DataFrame:
    """Return pairs with ids of their own."""
    frame = read(texts or "data/sample_answers.jsonl").drop(columns="problem")
    if texts is None:
        copies = itertools.count(1)
        parts = [frame.assign(answer=frame["answer"] + f" ({next(copies)})") for _ in range(-(-count // len(frame)))]
        frame = pd.concat(parts, ignore_index=True)
    frame = frame.head(count).reset_index(drop=True)
    return frame.assign(id=[f"{k:07d}" for k in range(len(frame))])


def plain(value):
    """Return a cell as JSON holds it, whatever made it."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        value = value.tolist() if hasattr(value, "tolist") else value
        return [plain(part) for part in value] if isinstance(value, (list, tuple)) else plain(value)
    return None if value is None or value is pd.NA or value != value else value


def table(records: list[dict]) -> bytes:
    """Return rows as sorted JSON lines."""
    lines = [json.dumps(plain(row), sort_keys=True, ensure_ascii=False) for row in records]
    return "".join(line + "\n" for line in sorted(lines)).encode()


def peak_memory() -> int:
    """Return the most memory that this process has held, in KiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def one(frame: pd.DataFrame, partitions: int) -> list[dict]:
    return pqnlp.score(frame, **WANTED).to_dict("records")


def dask(frame: pd.DataFrame, partitions: int, *, kill: bool = False) -> list[dict]:
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster, as_completed

    scored = pqnlp.score_dask(dd.from_pandas(frame, npartitions=partitions), **WANTED)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        futures = client.compute(scored.to_delayed())
        if kill:
            for count, _ in enumerate(as_completed(futures), 1):
                if count >= partitions // 4:
                    break
            worker = client.run(os.getpid)
            address, pid = next(iter(worker.items()))
            held = sum(address in where for where in client.who_has(futures).values())
            os.kill(pid, signal.SIGKILL)
            print(f"dask-killed: worker {address} ended by kill -9 with {held} finished partitions")
        parts = client.gather(futures)
        peaks = ", ".join(f"{peak / 1024:.0f} MB" for peak in client.run(peak_memory).values())
        print(f"peak memory of the workers: {peaks}")
    return pd.concat(parts).to_dict("records")


def dask_killed(frame: pd.DataFrame, partitions: int) -> list[dict]:
    return dask(frame, partitions, kill=True)


def spark(frame: pd.DataFrame, partitions: int) -> list[dict]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    try:
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(Path(folder) / "rows.parquet", index=False)
            given = session.read.parquet(str(Path(folder) / "rows.parquet")).repartition(partitions)
            scored = pqnlp.spark.score(given, **WANTED).collect()
        return [row.asDict(recursive=True) for row in scored]
    finally:
        session.stop()


def joblib_dask(frame: pd.DataFrame, partitions: int) -> list[dict]:
    import joblib
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        with joblib.parallel_config(backend="dask"):
            return pqnlp.score(frame, jobs=2, **WANTED).to_dict("records")


def joblib_ray(frame: pd.DataFrame, partitions: int) -> list[dict]:
    import joblib
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    with joblib.parallel_config(backend="ray"):
        return pqnlp.score(frame, jobs=2, **WANTED).to_dict("records")


ENGINES = {
    "one": one,
    "dask": dask,
    "dask-killed": dask_killed,
    "spark": spark,
    "joblib-dask": joblib_dask,
    "joblib-ray": joblib_ray,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engines", nargs="+", choices=ENGINES)
    parser.add_argument("--texts", default=None)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--keep", type=Path, default=None, help="folder that keeps each engine's table")
    given = parser.parse_args()
    frame = rows(given.texts, given.rows)
    folder = given.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for engine in given.engines:
        began = time.perf_counter()
        records = ENGINES[engine](frame, given.partitions)
        seconds = time.perf_counter() - began
        (folder / f"{engine}.jsonl").write_bytes(table(records))
        print(f"{engine}: {len(records)} rows in {seconds:.1f} s, {len(records) / seconds:.0f} a second", flush=True)
    versions = [f"{name} {metadata.version(name)}" for name in ("pandas", "dask", "pyspark", "ray") if installed(name)]
    print(", ".join(versions))
    for path in sorted(folder.glob("*.jsonl")):
        data = path.read_bytes()
        count = data.count(b"\n")
        print(f"{path.stem:12} {count} rows, {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}")
    if len({path.read_bytes() for path in folder.glob("*.jsonl")}) > 1:
        sys.exit("The tables differ.")
    print("All tables are the same to the byte.")


def installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
