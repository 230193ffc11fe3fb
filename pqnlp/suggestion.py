"""What to label next: the answers that a model has least to go by, each kind of them once; or a sample at random.

By default what is chosen is spread over the gradients that answers would have if the model's guess were right (BADGE; Ash et al.
2020). Uncertainty alone is small margins (Scheffer et al. 2001) and the disagreement of the model's layers, as in query by
committee (McCallum and Nigam 1998), with clusters of words for diversity (Citovsky et al. 2021). Each takes one of each group of
near-duplicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

    from pqnlp.classifier import AnswerClassifier
    from pqnlp.model import Model

__all__ = ["STRATEGIES", "SuggestionError", "badge", "choose", "choose_diverse", "disagreement", "margins", "suggest"]

#: What answers are chosen by.
STRATEGIES = ("badge", "both", "margin", "disagreement")
#: The rows that are kept while a corpus is read, the most uncertain or, for "badge", some at random: this many times those asked
#: for, and at least so many.
_KEPT_TIMES, _KEPT_LEAST = 20, 4000
#: Of these, the most uncertain of which clusters are made, as many times those asked for.
_CLUSTERED_TIMES = 4
_BATCH = 2000
#: What goes along with a suggestion besides the texts.
_FACTS = ("house", "department", "heading", "tabled", "answered")


class SuggestionError(PqnlpError):
    """Suggestions that cannot be made; the message has the mend."""


def suggest(
    corpus: Any,
    *,
    model: "Model | str | Path | None" = None,
    count: int = 200,
    random: bool = False,
    by: str = "badge",
    labelled: Any = None,
    seed: int = 0,
    encoding: str = "utf-8",
    progress: Callable[[int], Any] | None = None,
) -> "pd.DataFrame":
    """Choose answers to label next.

    Parameters
    ----------
    corpus : see `pqnlp.read`
        Pairs to choose from. They are read in batches, so that their number does not matter.
    model : Model or path, optional
        The model to be made better; the one that ships with pqnlp by default.
    count : int, default 200
        How many to choose.
    random : bool, default False
        Choose at random in place of by uncertainty: an unbiased sample, for measuring models and for correcting rates, which
        answers chosen by uncertainty are no good for. Near-duplicates stay in it.
    by : {"badge", "both", "margin", "disagreement"}, default "badge"
        "badge": answers of which the model is unsure and that differ from each other, see `badge`. The others choose the most
        uncertain: those whose two likeliest labels are near each other, on which the model's layers differ, or both.
    labelled : path, DataFrame or list of these, optional
        What is labelled, or was asked for, already: its ids are left out and, but for `random`, near-duplicates of its answers.
        Any form that labels are read from; ids alone will do.
    seed : int, default 0
        Of the random sample and the clusters.
    encoding : str
        Of text files.
    progress : callable, optional
        Called with the number of rows read, batch by batch.

    Returns
    -------
    DataFrame
        The most uncertain first: ``id``, ``question``, ``answer``, ``house``, ``department``, ``heading``, ``tabled``, ``answered``,
        ``label`` and ``reason`` (the model's guesses), ``score`` (probability of the guess), ``evidence_spans`` (list of the
        offsets of the deciding sentences in ``answer``), ``margin``, ``disagreement``, ``chosen`` ("random" or "uncertain").
        ``attrs["notices"]`` has what a user should know. `pqnlp.exports.write_export` writes it for an annotation tool.

    Raises
    ------
    SuggestionError
        If there is nothing to choose from.
    ReadError
        If the corpus cannot be read.
    """
    import pandas as pd

    from pqnlp.model import load

    if count < 1:
        raise SuggestionError(f"The number of answers to choose is {count}: give 1 or more.")
    if by not in STRATEGIES:
        raise SuggestionError(f"Unknown strategy {by!r}: expected one of {', '.join(STRATEGIES)}.")
    opened = load(model)
    ids, answers = _known(labelled, encoding)
    notices: list[str] = []
    pool, met, rows = pd.DataFrame(), [], 0
    kept = max(_KEPT_TIMES * count, _KEPT_LEAST)
    for batch, found, size in _batches(corpus, ids, encoding):
        rows += size
        met += found
        if len(batch) and random:
            batch = batch.assign(priority=[_draw(identity, seed) for identity in batch["id"]])
        elif len(batch) and by == "badge":
            batch = batch.assign(priority=[_draw(identity, f"badge {seed}") for identity in batch["id"]])
        elif len(batch):
            batch = _judged(opened, batch.drop_duplicates("answer"), by)
        pool = pd.concat([pool, batch], ignore_index=True) if len(pool) else batch
        if len(pool):
            pool = _best(pool.drop_duplicates("id" if random else "answer"), count if random else kept)
        if progress is not None:
            progress(size)
    if ids and not met:
        notices.append("None of the labelled ids is in the corpus: are they ids of the same kind?")
    if pool.empty:
        raise SuggestionError(
            f"There is nothing to choose from: of {rows:,} rows none has question and answer and is not labelled yet."
        )
    if not random:
        pool = choose(opened.classifier, pool, [*answers, *met], count, by=by, seed=seed)
    if pool.empty:
        raise SuggestionError("There is nothing to choose from: all answers are near-duplicates of labelled ones.")
    if len(pool) < count:
        notices.append(
            f"There are {len(pool):,} to choose, not {count:,}: the others are labelled, copies, or have a problem."
        )
    out = _guessed(opened, pool)
    out["chosen"] = "random" if random else "uncertain"
    out.attrs["notices"] = notices
    return out


def margins(probabilities: np.ndarray) -> np.ndarray:
    """Return by how much the likeliest label leads.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_classes)

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> margins(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    two = np.sort(probabilities, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def disagreement(votes: np.ndarray) -> np.ndarray:
    """Return how far the members of a committee differ: the mean divergence from their mean, as a share of the most there can be.

    Parameters
    ----------
    votes : ndarray, shape (n_members, n, n_classes)
        Each member's probabilities.

    Returns
    -------
    ndarray, shape (n,)
        From 0 (all say the same) to 1 (each is sure of another label).

    Examples
    --------
    >>> disagreement(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])).round(6).tolist()
    [1.0, 0.0]
    """
    votes = np.asarray(votes, dtype=float)

    def entropy(p: np.ndarray) -> np.ndarray:
        return -(p * np.log(np.clip(p, 1e-12, 1))).sum(-1)

    spread = entropy(votes.mean(0)) - entropy(votes).mean(0)
    return np.clip(spread / np.log(min(len(votes), votes.shape[-1])), 0, 1)


def choose(
    classifier: "AnswerClassifier",
    pool: "pd.DataFrame",
    answers: Sequence[str],
    count: int,
    *,
    by: str = "badge",
    seed: int = 0,
) -> "pd.DataFrame":
    """Choose rows that teach the model, of which none says what another, or a labelled answer, says already.

    Parameters
    ----------
    classifier : AnswerClassifier
    pool : DataFrame
        With ``question``, ``answer`` and ``priority``; of near-duplicates the one of highest priority may be chosen.
    answers : sequence of str
        Labelled answers.
    count : int
    by : str, default "badge"
        One of `STRATEGIES`; all but "badge" go by ``priority``.
    seed : int, default 0
        Of the draws and the clusters.

    Returns
    -------
    DataFrame
        Rows of `pool`, `count` or all there are, the most uncertain first.
    """
    from pqnlp.groups import near_duplicate_groups

    groups = near_duplicate_groups([*answers, *pool["answer"]])
    labelled, own = groups[: len(answers)], groups[len(answers) :]
    pool = pool.assign(group=own)[~np.isin(own, labelled)].sort_values("priority", ascending=False, kind="stable")
    pool = pool.drop_duplicates("group").drop(columns="group").reset_index(drop=True)
    if by == "badge" and len(pool):
        parts = [pool.iloc[start : start + _BATCH] for start in range(0, len(pool), _BATCH)]
        outcomes = np.concatenate([classifier.analyse(part).outcomes for part in parts])
        at = badge(_words(pool), outcomes, count, seed=seed)
    else:
        at = choose_diverse(pool["answer"].tolist(), pool["priority"].to_numpy(float), count, seed=seed)
    return pool.iloc[at].reset_index(drop=True)


def badge(rows: "sp.csr_matrix", probabilities: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """Choose rows of large gradients that differ from each other (BADGE; Ash et al. 2020, algorithm 1).

    The gradient of a linear model at a row, if its likeliest class were right, is the row's columns times the error of the
    probabilities. It is long where the model is unsure, and points elsewhere for other words and for other classes in doubt. The
    rows are the starts of k-means++ among the gradients: each is drawn by its squared distance to the nearest one chosen. The
    gradients themselves are never made, since their products are those of rows times those of errors.

    Parameters
    ----------
    rows : csr_matrix, shape (n, n_columns)
    probabilities : ndarray, shape (n, n_classes)
    count : int
    seed : int, default 0

    Returns
    -------
    ndarray of int
        Places of the rows, `count` or all there are, by falling length of the gradient.
    """
    error = np.array(probabilities, dtype=float)
    error[np.arange(len(error)), error.argmax(1)] -= 1
    length = (error**2).sum(1) * np.asarray(rows.multiply(rows).sum(1), dtype=float).ravel()
    random = np.random.default_rng(seed)
    nearest, chosen = length.copy(), []
    free = np.ones(len(length), bool)
    while len(chosen) < min(count, len(length)):
        weight = np.where(free, nearest, 0)
        if not chosen or weight.sum() <= 0:  # the first; or only rows are left that say what chosen ones say
            place = int(np.where(free, length, -1).argmax())
        else:
            place = int(random.choice(len(length), p=weight / weight.sum()))
        chosen.append(place)
        free[place] = False
        alike = (error @ error[place]) * (rows @ rows[place].T).toarray().ravel()
        distance = np.clip(length + length[place] - 2 * alike, 0, None)
        nearest = distance if len(chosen) == 1 else np.minimum(nearest, distance)
    chosen = np.array(chosen, dtype=int)
    return chosen[np.argsort(-length[chosen], kind="stable")]


def _words(pool: "pd.DataFrame") -> "sp.csr_matrix":
    """Return the words and pairs of words of answers and of questions, each row of each of length 1."""
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfVectorizer

    blocks = []
    for texts in (pool["answer"], pool["question"]):
        try:
            blocks.append(
                TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), max_features=50_000).fit_transform(texts)
            )
        except ValueError:  # no words
            blocks.append(sp.csr_matrix(np.ones((len(texts), 1))))
    return sp.hstack(blocks, format="csr")


def choose_diverse(texts: Sequence[str], priority: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """Choose rows of high priority that differ from each other.

    The rows of highest priority are clustered by their words; clusters give their best row in turn, the smallest first, so
    that a stock phrase that many rows share is asked for as seldom as any other.

    Parameters
    ----------
    texts : sequence of str, length n
    priority : ndarray, shape (n,)
    count : int
    seed : int, default 0

    Returns
    -------
    ndarray of int
        Places of the rows, `count` or all there are, by falling priority.
    """
    order = np.argsort(-np.asarray(priority), kind="stable")[: _CLUSTERED_TIMES * count]
    if len(order) <= count:
        return order
    cluster = _clusters([texts[k] for k in order], max(2, len(order) // (2 * _CLUSTERED_TIMES)), seed)
    turns: dict[int, int] = {}
    turn = []
    for number in cluster:
        turns[number] = turns.get(number, -1) + 1
        turn.append(turns[number])
    size = np.bincount(cluster)[cluster]
    chosen = np.lexsort((np.arange(len(order)), size, np.array(turn)))[:count]
    return order[np.sort(chosen)]


def _clusters(texts: Sequence[str], count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits

    try:
        words = TfidfVectorizer(sublinear_tf=True, stop_words="english", max_features=20_000).fit_transform(texts)
    except ValueError:  # stop words only
        return np.arange(len(texts))
    with threadpool_limits(1):
        if words.shape[1] > 50:
            words = TruncatedSVD(48, random_state=seed).fit_transform(words)
        groups = KMeans(min(count, len(texts)), n_init=1, random_state=seed).fit_predict(normalize(words))
    return np.unique(groups, return_inverse=True)[1]


def _known(labelled: Any, encoding: str) -> tuple[set[str], list[str]]:
    """Return the ids, and the answers where they are there, of what needs no label any more."""
    if labelled is None:
        return set(), []
    from pqnlp.corpus import _find_columns, _missing
    from pqnlp.labels import _identity, _tables
    from pqnlp.text import clean_text

    ids: set[str] = set()
    answers: list[str] = []
    for table, where in _tables(labelled, encoding):
        found = _find_columns(table.columns)
        if not {"id", "answer"} & set(found):
            raise SuggestionError(
                f"{where} has neither an 'id' nor an 'answer' to tell labelled rows by. Columns found: "
                f"{', '.join(str(name) for name in table.columns if name != 'row')}."
            )
        if "id" in found:
            ids |= {_identity(cell) for cell in table.iloc[:, found["id"]] if not _missing(cell)}
        if "answer" in found:
            answers += [clean_text(str(cell)) for cell in table.iloc[:, found["answer"]] if not _missing(cell)]
    return ids - {""}, list(dict.fromkeys(answers))


def _batches(corpus: Any, ids: set[str], encoding: str) -> Iterator[tuple["pd.DataFrame", list[str], int]]:
    """Yield the rows of each batch that may be chosen, the answers of those that are labelled, and how many it had."""
    from pqnlp.corpus import read_batches

    for batch in read_batches(corpus, batch_size=_BATCH, encoding=encoding):
        usable = batch[batch["problem"].eq("")]
        known = usable["id"].isin(ids) if ids else np.zeros(len(usable), bool)
        columns = ["id", "question", "answer", *_FACTS]
        yield usable.loc[~known, columns], usable.loc[known, "answer"].tolist(), len(batch)


def _draw(identity: str, seed: int | str) -> float:
    """Return a number at random for an id, the same wherever in the corpus it stands."""
    digest = hashlib.sha256(f"{seed}/{identity}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _judged(model: "Model", rows: "pd.DataFrame", by: str) -> "pd.DataFrame":
    analysis = model.classifier.analyse(rows)
    margin = margins(analysis.probabilities)
    spread = disagreement(model.classifier.committee(analysis))
    priority = {"margin": 1 - margin, "disagreement": spread, "both": (1 - margin + spread) / 2}[by]
    return rows.assign(margin=margin, disagreement=spread, priority=priority)


def _best(pool: "pd.DataFrame", count: int) -> "pd.DataFrame":
    return pool.sort_values("priority", ascending=False, kind="stable").head(count)


def _guessed(model: "Model", pool: "pd.DataFrame") -> "pd.DataFrame":
    """Return the chosen rows with the model's guesses and the evidence for them."""
    import pandas as pd

    from pqnlp.explanation import evidence_of

    classifier = model.classifier
    out = pool.drop(columns="priority").reset_index(drop=True)
    analysis = classifier.analyse(out)
    given, confidence = classifier.labels_given(analysis.probabilities)
    spans = [
        [list(map(int, pair.spans[k])) for k in shown]
        for pair, shown in zip(analysis.pairs, evidence_of(analysis), strict=True)
    ]
    out["label"] = pd.Series([str(label) for label in given], dtype=object)
    has_reasons = list(classifier.outcomes_) != list(classifier.classes_)
    out["reason"] = pd.Series(
        [str(name) if has_reasons else None for name in classifier.reasons_from(analysis)], dtype=object
    )
    out["score"] = confidence.round(4)
    out["evidence_spans"] = pd.Series(spans, dtype=object)
    out["margin"] = margins(analysis.probabilities).round(4)
    out["disagreement"] = disagreement(classifier.committee(analysis)).round(4)
    return out[
        ["id", "question", "answer", *_FACTS, "label", "reason", "score", "evidence_spans", "margin", "disagreement"]
    ]
