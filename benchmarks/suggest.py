"""Whether answers that `pqnlp suggest` chooses teach more than as many at random: macro-F1 against labels, on the shipped labels.

python -m benchmarks.suggest --texts answers.parquet [--seeds 0 1 2 3 4] [--by badge margin] [--final] [--output suggest.jsonl]
python -m benchmarks.suggest --draw suggest.jsonl --plot docs/suggest.png

For each seed some training rows of the round of data/labels.csv that was drawn at random play the corpus without labels. Both ways begin
with the same answers at random; then, batch by batch, the labels of those that each way chooses are looked up and the model is
fitted anew. So does `pqnlp suggest` with a model that was trained on what is labelled so far, with its own functions.

Without --final a fifth of the groups of near-duplicate training answers is held out to measure on, another for each seed, and the rows
held out in data/splits.csv are not touched. With --final these are measured on: that is for the last figures only.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from pqnlp.classifier import AnswerClassifier
from pqnlp.groups import near_duplicate_groups
from pqnlp.labels import read_labelled
from pqnlp.model import Model
from pqnlp.paths import shipped_data
from pqnlp.suggestion import STRATEGIES, _judged, choose

WAYS = ("random", *STRATEGIES)
#: The source of labels in data/labels.csv that was drawn at random; of the others the easy ones were left out.
SOURCE = "first"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--by", nargs="+", choices=STRATEGIES, default=["badge"])
    parser.add_argument("--start", type=int, default=200)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--end", type=int, default=1000)
    parser.add_argument("--pool", type=int, default=3000, help="answers to choose from")
    parser.add_argument("--final", action="store_true", help="measure on the rows held out in data/splits.csv")
    parser.add_argument("--output", help="JSON lines to write the scores to")
    parser.add_argument("--draw", help="such a file, to be told of and drawn; nothing is fitted")
    parser.add_argument("--plot", help="PNG to write")
    given = parser.parse_args()
    if given.draw:
        scores = pd.read_json(given.draw, lines=True)
    else:
        scores = simulate(given)
        if given.output:
            scores.to_json(given.output, orient="records", lines=True)
    table = compared(scores)
    print(table.to_string(index=False))
    if given.plot:
        draw(table, given.plot)


def simulate(given: argparse.Namespace) -> pd.DataFrame:
    splits = pd.read_csv(shipped_data("splits.csv"), dtype=str)
    labels = pd.read_csv(shipped_data("labels.csv"), dtype={"id": str})
    final = splits.loc[splits["split"].eq("test"), "id"]
    labels = labels[labels["source"].eq(SOURCE) & (given.final | ~labels["id"].isin(final))]
    rows = read_labelled(labels, texts=given.texts)
    rows = rows[rows["problem"].eq("")].reset_index(drop=True)
    groups = near_duplicate_groups(rows["answer"].tolist())
    scores = []
    for seed in given.seeds:
        if given.final:
            is_final = rows["id"].isin(final).to_numpy()
            held, rest = np.flatnonzero(is_final), np.flatnonzero(~np.isin(groups, groups[is_final]))
        else:
            folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(rows, rows["label"], groups)
            rest, held = next(folds)
        test = rows.iloc[held]
        corpus = rows.iloc[rest].sample(min(given.pool, len(rest)), random_state=seed)
        first = fitted(corpus.head(given.start), seed)
        for way in ("random", *given.by):
            for count, score in loop(corpus, test, way, first, given, seed):
                scores.append({"seed": seed, "way": way, "labels": count, "macro_f1": round(score, 4)})
                print(scores[-1], flush=True)
    return pd.DataFrame(scores)


def fitted(labelled: pd.DataFrame, seed: int) -> AnswerClassifier:
    with threadpool_limits(1):
        return AnswerClassifier(n_folds=2, min_df=2, random_state=seed).fit(
            labelled, labelled["label"], reason=labelled["reason"], evidence=list(labelled["evidence"])
        )


def loop(
    corpus: pd.DataFrame, test: pd.DataFrame, way: str, first: AnswerClassifier, given: argparse.Namespace, seed: int
):
    """Yield how many are labelled, and the macro-F1 then."""
    labelled, classifier = corpus.head(given.start), first
    while True:
        with threadpool_limits(1):
            yield len(labelled), float(f1_score(test["label"], classifier.predict(test), average="macro"))
            if len(labelled) >= given.end:
                return
            rest = corpus[~corpus["id"].isin(labelled["id"])]
            if way == "random":  # the corpus is in random order
                chosen = rest.head(given.batch)
            else:
                rest = rest.drop_duplicates("answer")
                judged = rest.assign(priority=0) if way == "badge" else _judged(Model(classifier, {}), rest, way)
                chosen = choose(classifier, judged, labelled["answer"].tolist(), given.batch, by=way, seed=seed)
        labelled = pd.concat([labelled, corpus[corpus["id"].isin(chosen["id"])]])
        classifier = fitted(labelled, seed)


def compared(scores: pd.DataFrame) -> pd.DataFrame:
    """Return means over the seeds, and the difference to random, each with its 95 % interval (Student's, by seed)."""
    wide = scores.pivot_table(index=["way", "labels"], columns="seed", values="macro_f1")
    rows = []
    for (way, labels), of_seed in wide.iterrows():
        low, high = _interval(of_seed.to_numpy())
        row = {"way": way, "labels": labels, "macro_f1": of_seed.mean(), "low": low, "high": high}
        if way != "random":
            gain = (of_seed - wide.loc[("random", labels)]).to_numpy()
            low, high = _interval(gain)
            row |= {"gain": gain.mean(), "gain_low": low, "gain_high": high}
        rows.append(row)
    order = [way for way in WAYS if way in set(scores["way"])]
    table = pd.DataFrame(rows).round(4)
    return table.sort_values(
        ["way", "labels"], key=lambda c: c.map(order.index) if c.name == "way" else c, kind="stable"
    )


def _interval(values: np.ndarray) -> tuple[float, float]:
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return values.mean() - half, values.mean() + half


def draw(table: pd.DataFrame, path: str) -> None:
    import altair as alt
    import vl_convert

    from pqnlp.plot import COLOURS, FAINT

    ways = list(dict.fromkeys(table["way"]))
    colours = dict(zip(ways, (FAINT, COLOURS["direct"], COLOURS["evasive"], COLOURS["policy_restating"]), strict=False))
    names = {
        way: "random" if way == "random" else "suggest" if len(ways) == 2 else f"suggest --by {way}" for way in ways
    }
    shown = table.assign(name=table["way"].map(names))[["name", "labels", "macro_f1", "low", "high"]]
    data = json.loads(shown.to_json(orient="records"))
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("labels:Q", title="labelled answers"),
        color=alt.Color(
            "name:N", title=None, scale=alt.Scale(domain=list(names.values()), range=list(colours.values()))
        ),
    )
    band = base.mark_area(opacity=0.18).encode(
        y=alt.Y("low:Q", title="macro-F1 on held-out answers", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    lines = base.mark_line(point=True).encode(y=alt.Y("macro_f1:Q", scale=alt.Scale(zero=False)))
    chart = (band + lines).properties(width=460, height=300)
    Path(path).write_bytes(vl_convert.vegalite_to_png(json.dumps(chart.to_dict(validate=False)), scale=1.5))


if __name__ == "__main__":
    main()
