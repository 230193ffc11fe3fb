"""What the shipped labels add to a few hundred of your own, and at what weight, where yours are of one department.

python -m benchmarks.added_labels --texts answers.parquet [--own 150] [--shipped 2000] [--weights 1 2 4 8] [--seeds 2]

One department's training rows of data/labels.csv play the part of yours: some to train on, the rest to measure on. Rows of all
other departments, fewer than there are so that it takes minutes, play the part of the shipped ones. Near-duplicates of measured
answers are left out of both. Rows held out in data/splits.csv are not touched.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from pqnlp.classifier import AnswerClassifier
from pqnlp.groups import near_duplicate_groups
from pqnlp.labels import read_labelled
from pqnlp.paths import shipped_data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", required=True)
    parser.add_argument("--own", type=int, default=150)
    parser.add_argument("--shipped", type=int, default=2000)
    parser.add_argument("--weights", type=float, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    splits = pd.read_csv(shipped_data("splits.csv"), dtype=str)
    labels = pd.read_csv(shipped_data("labels.csv"), dtype={"id": str})
    labels = labels[~labels["id"].isin(splits.loc[splits["split"].eq("test"), "id"]) & labels["source"].eq("first")]
    rows = read_labelled(labels, texts=given.texts)
    rows = rows[rows["problem"].eq("") & rows["department"].notna()].reset_index(drop=True)
    department = rows["department"].value_counts().index[0]
    rows["group"] = near_duplicate_groups(rows["answer"].tolist())
    scores: dict[str, list[float]] = {}
    for seed in range(given.seeds):
        mixed = rows.sample(frac=1, random_state=seed)
        mine = mixed[mixed["department"].eq(department)]
        own, test = mine.head(given.own), mine.iloc[given.own :]
        own = own[~own["group"].isin(test["group"])]
        others = mixed[mixed["department"].ne(department) & ~mixed["group"].isin(test["group"])].head(given.shipped)
        both = pd.concat([own, others], ignore_index=True)
        plans = {f"{len(own)} of your own alone": (own, None), f"{len(others)} shipped alone": (others, None)}
        for weight in given.weights:
            plans[f"both, yours with weight {weight:g}"] = both, np.r_[np.full(len(own), weight), np.ones(len(others))]
        for name, (train, weights) in plans.items():
            with threadpool_limits(1):
                model = AnswerClassifier().fit(
                    train, train["label"], reason=train["reason"], evidence=list(train["evidence"]), groups=train["group"],
                    sample_weight=weights,
                )  # fmt: skip
                said = model.predict(test)
            scores.setdefault(name, []).append(f1_score(test["label"], said, average="macro"))
    print(f"{department}: macro-F1 on {len(test)} other answers of it, {given.seeds} draws")
    for name, values in scores.items():
        print(f"{np.mean(values):.3f}  ({', '.join(f'{value:.3f}' for value in values)})  {name}")


if __name__ == "__main__":
    main()
