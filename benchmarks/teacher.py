"""Measure what a teacher knows and what the pupil learns of it, on the training pairs that no teacher has learned from.

    python -m benchmarks.teacher --texts answers.parquet [--jobs 2]

Reads the teachers' probabilities in data/teacher.csv (`pqnlp.teacher` makes them) and fits the classifier twice, with and without them; what it
says out of fold of the pairs of part 2 is compared. The split ``test`` is not looked at. Some fifteen minutes of one core.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import f1_score

from pqnlp.classifier import AnswerClassifier
from pqnlp.codebook import LABEL_OF_REASON
from pqnlp.labels import add_asks, check_labels, read_labelled
from pqnlp.splits import hold_out
from pqnlp.teacher import OUTCOMES, UNSEEN, read_teacher


def main() -> None:
    """Print a row for the teachers, for the pupil with and without them, and for both together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", required=True)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    rows = read_labelled(["data/labels.csv"], texts=given.texts, keep=["source"])
    rows, _ = check_labels(rows[rows["problem"].isin(("", "duplicate_id"))].reset_index(drop=True))
    rows = hold_out(rows, splits="data/splits.csv").rows
    rows = add_asks(rows[rows["split"].eq("train")], "data/asks.jsonl").reset_index(drop=True)
    shares, part = read_teacher("data/teacher.csv", rows["id"])
    unseen = (part.eq(UNSEEN) & shares.notna().all(axis=1)).to_numpy()
    known = {name: list(rows[name]) for name in ("reason", "evidence", "roles", "verdicts")}
    known |= {"groups": rows["group"], "chosen_on": unseen}

    pupil = AnswerClassifier(n_jobs=given.jobs).fit(rows, rows["label"], **known)
    taught = AnswerClassifier(n_jobs=given.jobs).fit(rows, rows["label"], teacher=shares, **known)
    classes = [str(c) for c in pupil.classes_]
    to_label = np.array([[LABEL_OF_REASON[reason] == c for c in classes] for reason in OUTCOMES], float)
    teachers = shares.fillna(0).to_numpy() @ to_label
    both = np.sqrt(np.clip(pupil.oof_probabilities_, 1e-6, 1) * np.clip(teachers, 1e-6, 1))
    said = {
        "the pupil alone": (pupil.oof_probabilities_, pupil.label_weights_),
        "the pupil, taught": (taught.oof_probabilities_, taught.label_weights_),
        "the two teachers, averaged": (teachers, pupil.label_weights_),
        "teachers and pupil, averaged": (both / np.clip(both.sum(1, keepdims=True), 1e-12, None), pupil.label_weights_),
    }
    true = np.array([classes.index(label) for label in rows["label"]])
    first = unseen & rows["source"].eq("first").to_numpy()
    print(f"{'':30s}" + "".join(f"{name + ' (' + format(r.sum(), ',') + ')':>44s}" for name, r in (("unseen pairs", unseen), ("of the first round", first))))  # fmt: skip
    print(f"{'':30s}" + 2 * f"{'macro-F1':>16s}{'accuracy':>14s}{'log loss':>14s}")
    losses = {}
    for name, (p, weights) in said.items():
        line = f"{name:30s}"
        for r in (unseen, first):
            chosen = (p[r] * weights).argmax(1)
            loss = -np.log(np.clip(p[r, true[r]], 1e-9, 1))
            losses[name] = losses.get(name, loss)
            line += f"{f1_score(true[r], chosen, average='macro'):16.3f}{np.mean(chosen == true[r]):14.3f}{loss.mean():14.3f}"
        print(line)
    gain = losses["the pupil alone"] - losses["the pupil, taught"]
    print(f"Teaching takes {gain.mean():.4f} off the log loss, standard error {gain.std() / len(gain) ** 0.5:.4f}.")


if __name__ == "__main__":
    main()
