"""How often the 95 % intervals of `pqnlp.rates` hold the true share.

    python benchmarks/coverage.py                    # simulated: tables of coverage, about three minutes
    python benchmarks/coverage.py --groups           # real answers, by cross-validation: about five minutes more

The simulation needs no texts. The model's confusion matrix, from its manifest, is taken as the truth of how it errs; answers, hold-out
and labelled sample are drawn from it anew in each repetition, so every interval is put to the test of all its uncertainty. The true
shares, the number of answers and the number of labels vary. ``mixed`` lets the answers err otherwise than the hold-out does
(half the mistakes of one kind moved to another), as a new subject might.

``--groups`` asks what no simulation can: whether real groups (kind of ask, addressee, length of answer) err as the hold-out does. Of
the labelled training answers that were drawn at random, each is judged by a model that did not see it or its near-duplicates; 996
are taken as hold-out, the rest are grouped, and each method's interval is compared with the share that was labelled.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from pqnlp.estimation import adjusted_count, mean_probabilities, naive_shares, ppi_shares

ROOT = Path(__file__).resolve().parent.parent
SHARES = {
    "as held out": None,
    "mostly direct": (0.85, 0.10, 0.05),
    "even": (0.34, 0.33, 0.33),
    "mostly evasive": (0.20, 0.70, 0.10),
    "rare policy": (0.60, 0.38, 0.02),
}


def confusion_of(path: Path) -> np.ndarray:
    """Return the hold-out's confusion matrix, true labels in rows, from a model's manifest."""
    return np.array(json.loads(path.read_text(encoding="utf-8"))["scores"]["model"]["confusion"], dtype=float)


def draw(rng, size: int, shares: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw answers: their true and given labels as rows of ones and zeros."""
    k = len(shares)
    true = rng.choice(k, size=size, p=shares)
    given = np.array([0] * size)
    for label in range(k):
        at = true == label
        given[at] = rng.choice(k, size=int(at.sum()), p=errors[label])
    return np.eye(k)[true], np.eye(k)[given]


def simulate(matrix: np.ndarray, *, repetitions: int, seed: int) -> list[dict]:
    """Return coverage and mean width by true shares, method, answers and labels."""
    errors = matrix / matrix.sum(axis=1, keepdims=True)
    moved = errors.copy()
    moved[0, 1], moved[0, 2] = errors[0, 1] / 2, errors[0, 2] + errors[0, 1] / 2
    moved[1, 0], moved[1, 1] = errors[1, 0] / 2, errors[1, 1] + errors[1, 0] / 2
    held_out = int(matrix.sum())
    own = matrix.sum(axis=1) / held_out
    rows = []
    for name, shares in SHARES.items():
        for mixed in (False, True):
            if mixed and shares is not None:
                continue
            truth = own if shares is None else np.array(shares)
            for answers in (300, 3000):
                for labels in (50, 200):
                    rng = np.random.default_rng(seed)
                    inside: dict[str, list] = {}
                    for _ in range(repetitions):
                        true, given = draw(rng, answers, truth, moved if mixed else errors)
                        counts = given.sum(axis=0)
                        seen = rng.multinomial(held_out, (matrix / held_out).ravel()).reshape(matrix.shape)
                        # The labelled sample is a random part of the answers.
                        found = {
                            "naive": naive_shares(counts),
                            "confusion": adjusted_count(counts, seen, n_boot=300, seed=int(rng.integers(2**31))),
                            "ppi": ppi_shares(true[:labels], given[:labels], given[labels:]),
                            "sample alone": ppi_shares(true[:labels], given[:labels], given[labels:], power=0.0),
                        }
                        for method, s in found.items():
                            hit = (s.low <= truth) & (truth <= s.high)
                            inside.setdefault(method, []).append((*hit, *(s.high - s.low)))
                    for method, hits in inside.items():
                        cover = np.mean(hits, axis=0)
                        rows.append(
                            {
                                "shares": name + (", mixed errors" if mixed else ""), "answers": answers, "labels": labels,
                                "method": method, "direct": cover[0], "evasive": cover[1], "policy": cover[2], "width": cover[3:].mean(),
                            }
                        )  # fmt: skip
    return rows


def print_simulation(rows: list[dict]) -> None:
    """Print the rows as a table."""
    print("| true shares | answers | labels | method | direct | evasive | policy | width |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        if row["method"] in ("naive", "confusion") and row["labels"] != 50:
            continue  # these know nothing of the labels
        labels = row["labels"] if row["method"] in ("ppi", "sample alone") else ""
        print(
            f"| {row['shares']} | {row['answers']:,} | {labels} | {row['method']} | {row['direct']:.1%} | "
            f"{row['evasive']:.1%} | {row['policy']:.1%} | {row['width']:.3f} |"
        )


def out_of_fold(texts: str, seed: int):
    """Return labelled training answers drawn at random, with true labels, and probabilities by models that had not seen them."""
    import pandas as pd

    from pqnlp.classifier import AnswerClassifier
    from pqnlp.groups import near_duplicate_groups
    from pqnlp.labels import add_asks, read_labelled

    labels = pd.read_csv(ROOT / "data" / "labels.csv", dtype=str, keep_default_na=False)
    held = pd.read_csv(ROOT / "data" / "splits.csv", dtype=str)
    labels = labels[~labels["id"].isin(held.loc[held["split"] == "test", "id"])].reset_index(drop=True)
    rows = add_asks(read_labelled(labels, texts=texts), ROOT / "data" / "asks.jsonl")
    groups = near_duplicate_groups(rows["answer"].tolist(), seed=seed)
    classifier = AnswerClassifier().fit(
        rows, rows["label"], reason=rows["reason"], evidence=list(rows["evidence"]), roles=list(rows["roles"]),
        verdicts=list(rows["verdicts"]), groups=groups,
    )  # fmt: skip
    names = list(classifier.classes_)
    true = np.eye(len(names))[[names.index(label) for label in rows["label"]]]
    # Those that were labelled because the model was unsure of them are no random sample: only ids of the splits are.
    random = rows["id"].isin(held["id"]).to_numpy()
    return rows[random].reset_index(drop=True), true[random], classifier.oof_probabilities_[random]


def in_groups(rows, true, scores, *, draws: int, seed: int) -> list[dict]:
    """Return coverage, width and error by kind of group and method."""
    import pandas as pd

    from pqnlp.question import parse_question

    questions = [parse_question(question) for question in rows["question"]]
    kinds = {
        "all": pd.Series("all", index=rows.index),
        "kind of ask": pd.Series([q.asks[0].kind if q.asks else None for q in questions]),
        "addressee": pd.Series([q.addressee for q in questions]),
        "length of answer": pd.qcut(rows["answer"].str.len(), 8).astype(str),
    }
    given = np.eye(true.shape[1])[scores.argmax(axis=1)]
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str], list] = {}
    for _ in range(draws):
        order = rng.permutation(len(rows))
        held, rest = order[:996], np.sort(order[996:])
        matrix = true[held].T @ given[held]
        for kind, values in kinds.items():
            for _, at in values.iloc[rest].groupby(values.iloc[rest]).indices.items():
                at = rest[at]
                if len(at) < 60:
                    continue
                sample = rng.permutation(at)
                few = sample[: max(30, len(at) // 5)]
                others = sample[len(few) :]
                shares = {
                    "naive": naive_shares(given[at].sum(axis=0)),
                    "confusion": adjusted_count(given[at].sum(axis=0), matrix, n_boot=500),
                    "probabilities": mean_probabilities(scores[at], len(held)),
                    "ppi": ppi_shares(true[few], scores[few], scores[others]),
                    "sample alone": ppi_shares(true[few], scores[few], scores[others], power=0.0),
                }
                truth = true[at].mean(axis=0)
                for method, s in shares.items():
                    hit = (s.low <= truth) & (truth <= s.high)
                    found.setdefault((kind, method), []).append(
                        (hit.mean(), (s.high - s.low).mean(), ((s.rate - truth) ** 2).mean())
                    )
    return [
        {"groups": kind, "method": method, "n": len(values) / draws, "coverage": np.mean([v[0] for v in values]),
         "width": np.mean([v[1] for v in values]), "error": np.sqrt(np.mean([v[2] for v in values]))}
        for (kind, method), values in found.items()
    ]  # fmt: skip


def main() -> None:
    """Run the simulation, or with ``--groups`` the test on real groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, default=ROOT / "models" / "default" / "manifest.json")
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--groups", action="store_true", help="measure on real groups by cross-validation")
    parser.add_argument("--texts", default=str(ROOT / "answers.parquet"), help="where the texts of the labels are")
    parser.add_argument("--draws", type=int, default=20, help="hold-outs to draw, for --groups")
    given = parser.parse_args()
    if not given.groups:
        matrix = confusion_of(given.manifest)
        print(f"{given.repetitions:,} repetitions; hold-out of {int(matrix.sum())} answers; nominal 95 %\n")
        print_simulation(simulate(matrix, repetitions=given.repetitions, seed=given.seed))
        return
    rows, true, scores = out_of_fold(given.texts, given.seed)
    print(
        f"{len(rows):,} labelled training answers, judged out of fold; {given.draws} hold-outs of 996; nominal 95 %\n"
    )
    print("| groups | method | groups a draw | coverage | mean width | root mean squared error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in in_groups(rows, true, scores, draws=given.draws, seed=given.seed):
        print(
            f"| {row['groups']} | {row['method']} | {row['n']:.0f} | {row['coverage']:.1%} | {row['width']:.3f} | {row['error']:.3f} |"
        )


if __name__ == "__main__":
    main()
