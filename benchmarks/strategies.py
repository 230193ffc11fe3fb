"""Ways to choose what to label next, compared on a fast stand-in for the classifier; on training rows alone.

python -m benchmarks.strategies --texts answers.parquet [--corpus first] [--ways badge power] [--seeds 12] [--output strategies.jsonl]
python -m benchmarks.strategies --tell strategies.jsonl

For each seed, two fifths of the groups of near-duplicate answers are held out, 4,000 rows of them at most, and some others play the
corpus without labels. All ways begin with the same answers at random and are given the same number at each step. Rows held out
in data/splits.csv are not touched: `python -m benchmarks.suggest --final` measures the way that `pqnlp suggest` takes on these.

The stand-in is the classifier's document layer: logistic regression over its n-grams of words, frames and questions,
fitted in the span of the training rows, which gives the same model as fitting in all columns and takes a second. Its labels are chosen for macro-F1
as the classifier's are.

The corpora: "all" rows; "first", the round that was drawn at random; "natural", this one and as many easy and hard rows of "mixed" as
random draws would have (of the hard ones, that round took all; of the others a quarter). The hard ones are told by a stand-in fitted on "first".
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from pqnlp.classifier import _label_weights, _pooled_max, _sharpen, _temperature
from pqnlp.features import SentenceFeatures, grouping, idf_of, parse_pairs, tfidf
from pqnlp.groups import near_duplicate_groups
from pqnlp.labels import read_labelled
from pqnlp.paths import shipped_data
from pqnlp.suggestion import badge, choose_diverse, margins

#: Weight of frames and structure beside words, at which the stand-in is about as good as the classifier; its penalty.
_FRAMES, _C = 0.1, 2.0
#: Share of "mixed" that its first reading was sure of (2,800 of 14,480: a quarter of those there were).
_EASY = 0.193


class StandIn:
    """Rows, their labels and their products with each other."""

    def __init__(self, texts: str):
        splits = pd.read_csv(shipped_data("splits.csv"), dtype=str)
        labels = pd.read_csv(shipped_data("labels.csv"), dtype={"id": str})
        labels = labels[~labels["id"].isin(splits.loc[splits["split"].eq("test"), "id"])]
        rows = read_labelled(labels, texts=texts)
        self.rows = rows = rows[rows["problem"].eq("")].reset_index(drop=True)
        facts = labels.set_index("id").loc[rows["id"]]
        self.source, self.hard = facts["source"].to_numpy(), facts["hard"].to_numpy()
        self.groups = near_duplicate_groups(rows["answer"].tolist())
        self.classes, self.label = np.unique(rows["label"], return_inverse=True)
        self.reasons, self.reason = np.unique(rows["reason"], return_inverse=True)
        self.label_of = np.zeros((len(self.reasons), len(self.classes)))
        self.label_of[self.reason, self.label] = 1
        pairs = parse_pairs(rows["question"].tolist(), rows["answer"].tolist())
        read = SentenceFeatures(min_df=3, max_features=20_000).fit_transform(pairs)
        by_pair = grouping(read.owner, len(rows))
        grams = [by_pair @ read.counts, by_pair @ read.frames, read.questions]
        words, frames, questions = (tfidf(counts, idf_of(counts)) for counts in grams)
        structure = sp.csr_matrix(_pooled_max(read.structure, read.owner, len(rows)))
        self.words = sp.hstack([words, questions], format="csr", dtype=np.float32)
        self.others = sp.hstack([frames, structure], format="csr", dtype=np.float32)

    def products(self, these: np.ndarray) -> np.ndarray:
        return _products(self.words[these]) + np.float32(_FRAMES) * _products(self.others[these])

    def natural(self) -> np.ndarray:
        """Return places of rows as random draws would give them."""
        random = np.random.default_rng(7)
        first, mixed = np.flatnonzero(self.source == "first"), np.flatnonzero(self.source == "mixed")
        train = random.choice(first, 2000, replace=False)
        said = np.concatenate(
            [
                fitted(self.products(np.r_[train, part]), np.arange(2000), self.label[train], len(self.classes))[2000:]
                for part in np.array_split(mixed, 8)
            ]
        )
        easy = said.max(1) >= np.quantile(said.max(1), 1 - _EASY)
        hard = mixed[~easy]
        return np.sort(np.r_[first, mixed[easy], random.choice(hard, len(hard) // 4, replace=False)])


def _products(rows: sp.csr_matrix) -> np.ndarray:
    """Return the products of rows with each other; the columns that many have are multiplied densely, which is faster."""
    many = np.diff(rows.tocsc().indptr) > 0.02 * rows.shape[0]
    dense, rest = rows[:, many].toarray(), rows[:, ~many]
    return dense @ dense.T + (rest @ rest.T).toarray()


def fitted(products: np.ndarray, train: np.ndarray, target: np.ndarray, width: int) -> np.ndarray:
    """Return probabilities of all rows by a logistic regression fitted on some."""
    values, vectors = np.linalg.eigh(products[np.ix_(train, train)].astype(float))
    keep = values > values.max() * 1e-6
    columns = products[:, train] @ (vectors[:, keep] / np.sqrt(values[keep])).astype(np.float32)
    model = LogisticRegression(C=_C, max_iter=100, tol=1e-3).fit(columns[train], target)
    out = np.zeros((len(products), width))
    out[:, model.classes_] = model.predict_proba(columns)
    return out


class Step:
    """What a way of choosing may look at: the rows that are left, and what the model says of them."""

    def __init__(self, standin, places, products, outcomes, weights, train, rest, random):
        self.products, self.train, self.rest, self.random = products, train, rest, random
        self.outcomes = outcomes[rest]
        labels = self.outcomes @ standin.label_of * weights
        self.labels = labels / labels.sum(1, keepdims=True)
        self.unsure = 1 - margins(self.labels)
        self.rows = standin.words[places[rest]]
        self.texts = standin.rows["answer"].to_numpy()[places[rest]]
        length = np.sqrt(np.diag(products))
        self.cosines = products[np.ix_(rest, rest)] / length[rest][:, None] / length[rest]


def _random(step, count):
    return np.arange(count)  # the corpus is in random order


def _margin(step, count):
    """Smallest margins of labels (Scheffer et al. 2001), as the decision weighs them."""
    return np.argsort(-step.unsure, kind="stable")[:count]


def _reason_margin(step, count):
    """Smallest margins of reasons."""
    return np.argsort(margins(step.outcomes), kind="stable")[:count]


def _cluster_margin(step, count):
    """Small margins from clusters in turn (Citovsky et al. 2021)."""
    return choose_diverse(list(step.texts), step.unsure, count)


def _power(step, count):
    """Drawn at random by the square of the uncertainty of reasons (Kirsch et al. 2023)."""
    return np.argsort(-2 * np.log(1 - margins(step.outcomes) + 1e-9) - step.random.gumbel(size=len(step.rest)))[:count]


def _badge(step, count):
    """Starts of k-means++ among gradients (Ash et al. 2020)."""
    return badge(step.rows, step.outcomes, count, seed=int(step.random.integers(2**31)))


def _far(step, count, weight=None):
    """Starts of k-means++ among the texts alone."""
    weight = np.ones(len(step.rest)) if weight is None else weight
    nearest, chosen = np.ones(len(step.rest)), []
    for _ in range(count):
        share = nearest * weight
        chosen.append(int(step.random.choice(len(share), p=share / share.sum())))
        nearest = np.minimum(nearest, np.clip(2 - 2 * step.cosines[chosen[-1]], 0, None))
        nearest[chosen[-1]] = 0
    return np.array(chosen)


def _far_unsure(step, count):
    """The same, weighted by uncertainty."""
    return _far(step, count, step.unsure)


def _half(step, count):
    """Half at random, half by margin."""
    some = count // 2
    return np.r_[:some, some + np.argsort(-step.unsure[some:], kind="stable")[: count - some]]


def _balanced(step, count):
    """Smallest margins, as many of each guessed label."""
    guess, order = step.labels.argmax(1), np.argsort(-step.unsure, kind="stable")
    n = step.labels.shape[1]
    chosen = np.concatenate([order[guess[order] == k][: count // n] for k in range(n)])
    return np.r_[chosen, order[~np.isin(order, chosen)][: count - len(chosen)]]


def _dense(step, count):
    """Uncertainty times the root of the mean likeness to the corpus (information density; Settles and Craven 2008)."""
    return np.argsort(-step.unsure * np.sqrt(step.cosines.mean(1)), kind="stable")[:count]


def _fisher(step, count):
    """Most Fisher information on the corpus (Ash et al. 2021, forward steps only; Yu, Bi and Tresp 2006).

    The expected variance of the model at all rows, each weighted by how unsure the model is of its reason, falls the most. Products
    with all rows are kept, which no large corpus allows.
    """
    noise = np.float32(2)
    weight = 1 - (step.outcomes**2).sum(1)
    weight = (weight / weight.mean()).astype(np.float32)
    known = step.products[np.ix_(step.train, step.train)] + noise * np.eye(len(step.train), dtype=np.float32)
    across = step.products[np.ix_(step.train, step.rest)]
    variance = step.products[np.ix_(step.rest, step.rest)] - across.T @ np.linalg.solve(known, across)
    free, chosen = np.ones(len(step.rest), bool), []
    for _ in range(count):
        spread = np.diag(variance) + noise / weight
        chosen.append(int(np.where(free, weight @ variance**2 / spread, -1).argmax()))
        free[chosen[-1]] = False
        column = variance[:, chosen[-1]].copy()
        variance -= np.outer(column, column / spread[chosen[-1]])
    return np.array(chosen)


WAYS = {
    "random": _random, "margin": _margin, "reason-margin": _reason_margin, "cluster-margin": _cluster_margin, "power": _power,
    "badge": _badge, "far": _far, "far-unsure": _far_unsure, "half": _half, "balanced": _balanced, "density": _dense, "fisher": _fisher,
}  # fmt: skip


def loops(standin: StandIn, given: argparse.Namespace):
    """Yield a record for each seed, way and number of labels."""
    everything = {
        "all": lambda: np.arange(len(standin.rows)),
        "first": lambda: np.flatnonzero(standin.source == "first"),
        "natural": standin.natural,
    }[given.corpus]()
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        random = np.random.default_rng(seed)
        groups = random.permutation(np.unique(standin.groups[everything]))
        mixed = random.permutation(everything)
        held = np.isin(standin.groups[mixed], groups[: int(len(groups) * 0.4)])
        corpus, test = mixed[~held][: given.pool], mixed[held][:4000]
        places = np.r_[corpus, test]
        products = standin.products(places)
        for way in given.ways:
            yield from loop(standin, places, products, len(corpus), way, given, seed)


def loop(standin: StandIn, places, products, size, way, given, seed):
    random = np.random.default_rng(seed + 1000)
    train = np.arange(given.sizes[0])
    width = len(standin.reasons)
    for count in given.sizes:
        if count > len(train):
            rest = np.setdiff1d(np.arange(size), train)
            step = Step(standin, places, products, outcomes, weights, train, rest, random)  # noqa: F821 (of the size before)
            train = np.r_[train, rest[WAYS[way](step, count - len(train))]]
        target = standin.reason[places[train]]
        fold = random.permutation(len(train)) % 2
        own, out_of_fold = products[np.ix_(train, train)], np.zeros((len(train), width))
        for k in (0, 1):
            some = fitted(own, np.flatnonzero(fold != k), target[fold != k], width)
            out_of_fold[fold == k] = some[fold == k]
        heat = _temperature(out_of_fold, target)
        outcomes = _sharpen(fitted(products, train, target, width), heat)
        weights = _label_weights(_sharpen(out_of_fold, heat) @ standin.label_of)
        said = (outcomes[size:] @ standin.label_of * weights).argmax(1)
        yield {
            "corpus": given.corpus, "seed": seed, "way": way, "labels": len(train), "hard": round(float(standin.hard[places[train]].mean()), 3),
            "macro_f1": round(f1_score(standin.label[places[size:]], said, average="macro"), 4),
        }  # fmt: skip


def told(scores: pd.DataFrame) -> pd.DataFrame:
    """Return each way's mean gain on random over all steps, with its 95 % interval by seed, and the gain at each."""
    rows = []
    for corpus, part in scores.groupby("corpus"):
        wide = part.pivot_table(index="seed", columns=["way", "labels"], values="macro_f1")
        steps = sorted(part["labels"].unique())[1:]
        for way in dict.fromkeys(part["way"]):
            gain = (wide[way] - wide["random"])[steps].dropna()
            mean = gain.mean(axis=1)
            half = t.ppf(0.975, len(mean) - 1) * mean.std() / np.sqrt(len(mean)) if len(mean) > 1 else np.nan
            row = {"corpus": corpus, "way": way, "seeds": len(mean), "better": int((mean > 0).sum())}
            row |= {"gain": mean.mean(), "low": mean.mean() - half, "high": mean.mean() + half}
            row |= {str(n): gain[n].mean() for n in steps}
            if way == "random":
                row |= {str(n): wide["random"][n].mean() for n in steps}
            rows.append(row | {"hard": part.loc[part["way"].eq(way) & part["labels"].eq(steps[-1]), "hard"].mean()})
    return pd.DataFrame(rows).round(4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts")
    parser.add_argument("--corpus", choices=["first", "natural", "all"], default="first")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 400, 600, 800])
    parser.add_argument("--pool", type=int, default=2500, help="answers to choose from, at most")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", help="JSON lines to write the scores to")
    parser.add_argument("--tell", nargs="+", help="such files, to be told of; nothing is fitted")
    given = parser.parse_args()
    if given.tell:
        scores = pd.concat([pd.read_json(path, lines=True) for path in given.tell])
    else:
        given.ways = ["random", *(way for way in given.ways if way != "random")]
        found = []
        with threadpool_limits(1):
            for record in loops(StandIn(given.texts), given):
                found.append(record)
                print(record, flush=True)
        scores = pd.DataFrame(found)
        if given.output:
            scores.to_json(Path(given.output), orient="records", lines=True)
    print(told(scores).to_string(index=False))


if __name__ == "__main__":
    main()
