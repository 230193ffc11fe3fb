"""Shares of labels in a corpus, corrected for the model's errors, with intervals that know of them.

A classifier that is right seven times in ten does not count right: who it takes for "direct" is partly evasive, and the
mistakes do not cancel out. Four ways to count, best first:

``ppi``
    Prediction-powered inference: a random sample labelled by people says how far the model's counts are off, whatever the
    errors are like (Angelopoulos et al. 2023, "Prediction-powered inference", Science 382; power tuning: Angelopoulos, Duchi
    and Zrnic 2023, "PPI++", arXiv:2311.01453).
``probabilities``
    The mean of the model's probabilities (Bella et al. 2010, "Quantification via probability estimators"), with the hold-out's
    own uncertainty. Right where the probabilities are calibrated in each group; ``benchmarks/coverage.py`` measures how far they are.
``confusion``
    The hold-out's confusion matrix, turned round: the adjusted count of Rogan and Gladen (1978) and Forman (2008), by
    maximum likelihood within the possible shares. Right where the model errs within each true label as it did on the hold-out,
    which holds for another mix of the same kinds of answers, and not for groups that differ in what is asked.
``naive``
    The model's labels as they are: biased, and the interval is too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "GOVERNMENTS", "GROUPINGS", "Shares", "adjusted_count", "grouping", "mean_probabilities", "naive_shares", "ppi_shares", "rate_differences",
    "rates",
]  # fmt: skip

#: First full day of each party's government (GOV.UK, "Past Prime Ministers"; House of Commons Library, SN04512).
GOVERNMENTS = (
    ("1997-05-02", "Labour"),
    ("2010-05-12", "Conservative and Liberal Democrat"),
    ("2015-05-08", "Conservative"),
    ("2024-07-05", "Labour"),
)
#: What `grouping` derives besides the columns of the table.
GROUPINGS = ("month", "quarter", "year", "government", "ask")
#: Fewer labelled answers of a true label than this give no confusion matrix.
_MIN_TRUE = 10

_NAIVE_WARNING = (
    "These shares count the model's labels as they are. They are biased by its errors, and their intervals are too narrow: "
    "label a random sample of the answers (labelled=..., --labelled) or correct by the hold-out (confusion='model')."
)


class Shares(NamedTuple):
    """Shares of labels in one group of answers.

    Attributes
    ----------
    rate, low, high : ndarray, shape (n_labels,)
        Share and its interval.
    draws : ndarray, shape (n_boot, n_labels), or None
        What the interval was drawn from, where it was.
    """

    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    draws: np.ndarray | None = None


# --- groups -----------------------------------------------------------------------------------------------------------


def grouping(frame: "pd.DataFrame", by: str) -> "pd.Series":
    """Return the value by which rows are grouped.

    Parameters
    ----------
    frame : DataFrame
        A scored table, as `pqnlp.findings.read_scored` returns it.
    by : str
        A column, or one of `GROUPINGS`.

    Returns
    -------
    Series of str
        Indexed as `frame`; None where unknown.

    Raises
    ------
    PqnlpError
        If there is no such column.
    """
    import pandas as pd

    if by in GROUPINGS and by not in frame.columns:
        if by == "ask":
            from pqnlp.question import parse_question

            values = []
            for question in frame["question"]:
                asks = parse_question(question).asks if question else ()
                values.append(asks[0].kind if asks else None)
        else:
            values = [_period(by, day) if isinstance(day, str) and day else None for day in frame["answered"]]
    elif by in frame.columns:
        values = [None if pd.isna(value) or str(value) == "" else str(value) for value in frame[by]]
    else:
        columns = ", ".join(map(str, [c for c in frame.columns if not str(c).startswith("p_")][:16]))
        raise PqnlpError(f"There is no column {by!r} to group by. Columns: {columns}; derived: {', '.join(GROUPINGS)}.")
    return pd.Series(values, index=frame.index, dtype=object, name=by)


def _period(by: str, day: str) -> str | None:
    if by == "month":
        return day[:7]
    if by == "year":
        return day[:4]
    if by == "quarter":
        return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"
    return next((party for first, party in reversed(GOVERNMENTS) if day >= first), None)


# --- estimators -------------------------------------------------------------------------------------------------------


def _wilson(rate: np.ndarray, n: np.ndarray | float, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's interval of a share that is as sure as one of `n` answers (Wilson 1927)."""
    n = np.asarray(n, dtype=float)
    rate = np.clip(rate, 0.0, 1.0)
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def naive_shares(counts: Sequence[int], *, level: float = 0.95) -> Shares:
    """Return the shares of the model's labels as they are.

    Parameters
    ----------
    counts : sequence of int, length n_labels
        Answers by label given.
    level : float, default 0.95

    Returns
    -------
    Shares
        Wilson's interval: what chance there would be if the labels were true.
    """
    from scipy.stats import norm

    counts = np.asarray(counts, dtype=float)
    n = counts.sum()
    if n == 0:
        nothing = np.full(len(counts), np.nan)
        return Shares(nothing, nothing, nothing)
    rate = counts / n
    return Shares(rate, *_wilson(rate, n, norm.ppf((1 + level) / 2)))


def ppi_shares(
    true: np.ndarray, scores: np.ndarray, unlabelled: np.ndarray, *, level: float = 0.95, power: float | None = None
) -> Shares:
    """Return shares by power-tuned prediction-powered inference (PPI++).

    Parameters
    ----------
    true : ndarray, shape (n, n_labels)
        1 for the label that people gave, 0 for the others.
    scores : ndarray, shape (n, n_labels)
        What the model says of the same answers: probabilities, or 1 and 0.
    unlabelled : ndarray, shape (N, n_labels)
        What the model says of the answers that nobody labelled.
    level : float, default 0.95
    power : float, optional
        Weight of the model's word, from 0 (the sample alone) to 1; by default the one that gives the least variance. All labels
        have the same, so that the shares sum to 1.

    Returns
    -------
    Shares
        The interval is Wilson's for the number of answers that would be as sure, with Student's quantile: a normal
        interval falls short for small samples and rare labels.
    """
    from scipy.stats import t as student

    true, scores, unlabelled = (np.asarray(a, dtype=float) for a in (true, scores, unlabelled))
    n, size = len(true), len(unlabelled)
    if size == 0:
        power, far, spread = 0.0, np.zeros(true.shape[1]), np.zeros(true.shape[1])
    else:
        far, spread = unlabelled.mean(axis=0), unlabelled.var(axis=0, ddof=1 if size > 1 else 0)
    if power is None:
        both = np.vstack([scores, unlabelled])
        shared = ((true - true.mean(axis=0)) * (scores - scores.mean(axis=0))).sum() / max(n - 1, 1)
        whole = (1 + n / size) * both.var(axis=0, ddof=1).sum()
        power = float(np.clip(shared / whole, 0.0, 1.0)) if whole > 0 else 0.0
    rate = true.mean(axis=0) + power * (far - scores.mean(axis=0))
    variance = (true - power * scores).var(axis=0, ddof=1 if n > 1 else 0) / n
    if size:
        variance = variance + power**2 * spread / size
    # A sample without any answer of a label has no variance, which is not to be sure: it counts as its number then.
    kept = np.clip(rate, 0.5 / n, 1 - 0.5 / n)
    as_sure = np.where(variance > 0, kept * (1 - kept) / np.where(variance > 0, variance, 1), n)
    z = student.ppf((1 + level) / 2, max(n - 1, 1))
    rate = np.clip(rate, 0.0, 1.0)
    return Shares(rate / rate.sum() if rate.sum() > 0 else rate, *_wilson(rate, as_sure, z))


def mean_probabilities(
    scores: np.ndarray,
    n_held_out: int,
    *,
    off: np.ndarray | None = None,
    spread: np.ndarray | None = None,
    level: float = 0.95,
) -> Shares:
    """Return shares as means of the model's probabilities.

    Parameters
    ----------
    scores : ndarray, shape (n, n_labels)
        Probabilities of the answers.
    n_held_out : int
        Answers by which the probabilities were found to be calibrated.
    off : ndarray, shape (n_labels,), optional
        What the probabilities were off by on these, on average (true less probability); none by default.
    spread : ndarray, shape (n_labels,), optional
        Variance of true less probability on these; by default as calibrated probabilities have it.
    level : float, default 0.95

    Returns
    -------
    Shares
        The interval, Wilson's for as sure a number of answers, joins the chance of the answers with that of the hold-out.
    """
    from scipy.stats import norm

    scores = np.asarray(scores, dtype=float)
    if len(scores) == 0:
        nothing = np.full(scores.shape[1], np.nan)
        return Shares(nothing, nothing, nothing)
    rate = scores.mean(axis=0)
    if spread is None:
        spread = (scores * (1 - scores)).mean(axis=0)
    rate = np.clip(rate + (0 if off is None else off), 0.0, 1.0)
    rate = rate / rate.sum()
    variance = rate * (1 - rate) / len(scores) + spread / n_held_out
    as_sure = np.where(variance > 0, rate * (1 - rate) / np.where(variance > 0, variance, 1), len(scores))
    # A share of nearly none is not known from less than an answer.
    as_sure = np.maximum(as_sure, 1.0)
    return Shares(rate, *_wilson(rate, as_sure, norm.ppf((1 + level) / 2)))


def adjusted_count(
    counts: Sequence[int], confusion: np.ndarray, *, level: float = 0.95, n_boot: int = 2000, seed: int = 0
) -> Shares:
    """Return shares corrected by a confusion matrix.

    Parameters
    ----------
    counts : sequence of int, length n_labels
        Answers by label that the model gave.
    confusion : ndarray, shape (n_labels, n_labels)
        Hold-out counts, true labels in rows, given ones in columns.
    level : float, default 0.95
    n_boot : int, default 2000
        Bootstrap draws, each of the hold-out and of the answers.
    seed : int, default 0

    Returns
    -------
    Shares
        Bootstrap percentile intervals, which carry the uncertainty of the hold-out's own counts.

    Notes
    -----
    The shares are those of the mixture of true labels that makes the labels given likeliest; where the inverse of the
    confusion matrix gives possible shares, they are these (Forman's adjusted count, for two labels Rogan and Gladen's).
    """
    counts, confusion = np.asarray(counts, dtype=float), np.asarray(confusion, dtype=float)
    rng = np.random.default_rng(seed)
    return _adjusted(counts, confusion, _draw_confusions(confusion, n_boot, rng), level, rng)


def _draw_confusions(confusion: np.ndarray, n_boot: int, rng) -> np.ndarray:
    """Draw hold-outs: the hold-out is one sample, so true labels vary in number too. Shape (n_boot, k, k), rows sum to 1."""
    k = len(confusion)
    # Half a count in each cell keeps a mistake that the hold-out happened not to show possible.
    drawn = rng.multinomial(int(confusion.sum()), (confusion / confusion.sum()).ravel(), size=n_boot).reshape(-1, k, k)
    drawn = drawn + 0.5 / k
    return drawn / drawn.sum(axis=2, keepdims=True)


def _adjusted(counts, confusion, drawn, level, rng) -> Shares:
    n = int(counts.sum())
    if n == 0:
        nothing = np.full(len(counts), np.nan)
        return Shares(nothing, nothing, nothing)
    k = len(counts)
    sure = (confusion + 0.5 / k) / (confusion + 0.5 / k).sum(axis=1, keepdims=True)
    rate = _unmix(counts[None] / n, sure[None])[0]
    seen = rng.multinomial(n, counts / n, size=len(drawn)) / n
    draws = _unmix(seen, drawn)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    # At the edge of the possible a percentile interval may leave its own estimate out.
    return Shares(rate, np.minimum(low, rate), np.maximum(high, rate), draws)


def _unmix(seen: np.ndarray, given_true: np.ndarray) -> np.ndarray:
    """Return the mixtures of true labels that make the shares of given labels likeliest.

    Parameters
    ----------
    seen : ndarray, shape (b, k)
    given_true : ndarray, shape (b, k, k)
        Chance of each given label (columns) by true label (rows).

    Returns
    -------
    ndarray, shape (b, k)
    """
    b, k = seen.shape
    try:
        out = np.linalg.solve(np.swapaxes(given_true, 1, 2), seen[..., None])[..., 0]
        outside = ~(np.isfinite(out).all(axis=1) & (out >= 0).all(axis=1))
    except np.linalg.LinAlgError:
        out, outside = np.zeros((b, k)), np.ones(b, dtype=bool)
    if outside.any():
        # Saerens, Latinne and Decaestecker (2002): expectation-maximisation stays within the possible shares.
        p, q = given_true[outside], seen[outside]
        mix = np.full((len(q), k), 1.0 / k)
        for _ in range(400):
            expected = np.einsum("bi,bij->bj", mix, p)
            new = mix * np.einsum("bij,bj->bi", p, q / np.maximum(expected, 1e-12))
            moved = np.abs(new - mix).max()
            mix = new
            if moved < 1e-6:
                break
        out[outside] = mix
    return out / out.sum(axis=1, keepdims=True)


# --- tables -----------------------------------------------------------------------------------------------------------


class _Groups(NamedTuple):
    """What `rates` and `rate_differences` need to know of a table."""

    labels: list[str]
    names: list[str]
    group: np.ndarray  # the number of each row's group, -1 for none
    given: np.ndarray  # (rows, labels) 1 for the model's label
    scores: np.ndarray  # (rows, labels)
    true: np.ndarray  # (rows, labels) NaN where nobody labelled
    confusion: np.ndarray | None
    correction: str  # what a group without enough labels gets: "probabilities" or "confusion"


def rates(
    scored: Any,
    by: str | Sequence[str] | None = None,
    *,
    of: str = "label",
    labelled: Any = None,
    confusion: Any = None,
    correction: str | None = None,
    texts: Any = None,
    level: float = 0.95,
    min_count: int = 30,
    min_labelled: int = 30,
    n_boot: int = 2000,
    seed: int = 0,
) -> "pd.DataFrame":
    """Return the share of each label, by groups, corrected for the model's errors.

    Parameters
    ----------
    scored : DataFrame or path
        See `pqnlp.findings.read_scored`.
    by : str or list of str, optional
        A column, or "month", "quarter", "year", "government" (party on the day of answer), "ask" (kind of the main ask);
        several are crossed. None for all answers together.
    of : {"label", "reason"}
        What is counted.
    labelled : path or DataFrame, optional
        A random sample of these answers, labelled by people; see `pqnlp.labels.read_labelled`, ids are enough. The model must
        not have been trained on it.
    confusion : "model", Model, path or table, optional
        A hold-out: that of the shipped model, of another, or its counts (true labels in rows). Used where there is no labelled
        sample, or too small a one.
    correction : {"probabilities", "confusion"}, optional
        How the hold-out is used: for how sure the mean of the model's probabilities is, or by turning its confusion matrix round.
        By default the first, if the table has probabilities.
    texts : as for `pqnlp.read`, optional
        Where the texts are, if `scored` has none and `by` needs them ("ask", "department").
    level : float, default 0.95
        Of the intervals.
    min_count : int, default 30
        Groups of fewer answers are marked small, and not ranked.
    min_labelled : int, default 30
        Groups of fewer labelled answers are corrected by what the whole sample says of the model's errors.
    n_boot, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row for each group and label: ``group``, ``label``, ``n``, ``n_labelled``, ``naive``, ``naive_low``, ``naive_high``,
        ``rate``, ``low``, ``high``, ``method`` ("ppi", "probabilities", "confusion" or "naive"), ``small``, ``rank``. ``attrs["warning"]`` says in plain
        words what is not to be relied on.

    Raises
    ------
    PqnlpError
        If there is no such column, or the sample or the matrix does not fit the table.

    Examples
    --------
    >>> import pandas as pd
    >>> scored = pd.DataFrame({"id": ["1", "2"], "label": ["direct", "evasive"]})
    >>> rates(scored).set_index("label")["naive"].to_dict()
    {'direct': 0.5, 'evasive': 0.5, 'policy_restating': 0.0}
    """
    import pandas as pd

    data = _prepared(scored, by, of, labelled, confusion, correction, texts)
    rng = np.random.default_rng(seed)
    fallback = _fallback(data, level, min_labelled, n_boot, rng)
    rows = []
    for g, name in enumerate(data.names):
        inside = data.group == g
        naive, shares, method = _estimate(data, inside, level, min_labelled, fallback)
        n, n_labelled = int(inside.sum()), int((~np.isnan(data.true[inside, 0])).sum())
        for k, label in enumerate(data.labels):
            rows.append(
                {
                    "group": name, "label": label, "n": n, "n_labelled": n_labelled,
                    "naive": naive.rate[k], "naive_low": naive.low[k], "naive_high": naive.high[k],
                    "rate": shares.rate[k], "low": shares.low[k], "high": shares.high[k],
                    "method": method, "small": n < min_count,
                }
            )  # fmt: skip
    columns = ["group", "label", "n", "n_labelled", "naive", "naive_low", "naive_high", "rate", "low", "high"]
    frame = pd.DataFrame(rows, columns=[*columns, "method", "small"])
    ranked = frame[~frame["small"].astype(bool)].groupby("label")["rate"].rank(ascending=False, method="min")
    frame["rank"] = ranked.reindex(frame.index).astype("Int64")
    first = frame[frame["label"].eq(data.labels[0])].set_index("group")
    order = sorted(data.names, key=lambda name: (first.at[name, "small"], -first.at[name, "rate"], name))
    place = {name: k for k, name in enumerate(order)}
    frame = frame.sort_values("group", key=lambda c: c.map(place), kind="stable", ignore_index=True)
    frame.attrs["methods"] = frame.drop_duplicates("group")["method"].value_counts().to_dict()
    frame.attrs["warning"] = _warning(frame.attrs["methods"], labelled is not None, int((data.group < 0).sum()))
    return frame


def _warning(methods: dict, sampled: bool, left_out: int) -> str:
    told = []
    if methods.get("naive"):
        told.append(_NAIVE_WARNING)
    if methods.get("probabilities"):
        told.append(
            ("The shares of groups with few labelled answers" if sampled else "The shares")
            + " are means of the model's probabilities, right as far as these are calibrated in each group: a labelled random sample "
            "(labelled=..., --labelled) would need no such trust."
        )
    if methods.get("confusion"):
        told.append(
            ("The shares of groups with few labelled answers" if sampled else "The shares")
            + " are corrected by a confusion matrix, which is right only if the model errs in each group as it did on the answers "
            "that the matrix was counted on."
        )
    if left_out:
        told.append(f"{left_out:,} answers are in no group, since what they are grouped by is not known of them.")
    return " ".join(told)


def _prepared(scored, by, of, labelled, confusion, correction, texts) -> _Groups:
    from pqnlp.codebook import LABELS, REASONS
    from pqnlp.findings.scored import read_scored, scored_rows

    if of not in ("label", "reason"):
        raise ValueError(f"of is {of!r}: choose 'label' or 'reason'.")
    if correction not in (None, "probabilities", "confusion"):
        raise ValueError(f"correction is {correction!r}: choose 'probabilities' or 'confusion'.")
    frame = scored_rows(read_scored(scored, texts=False if texts is None else texts))
    frame = frame[frame[of].notna()].reset_index(drop=True)
    if frame.empty:
        raise PqnlpError(f"No row has a {of}: score the table first (pqnlp score).")
    known = LABELS if of == "label" else [reason for reasons in REASONS.values() for reason in reasons]
    scores_of = [str(name)[2:] for name in frame.columns if str(name).startswith("p_")] if of == "label" else []
    found = set(frame[of])
    labels = list(known) if found <= set(known) else scores_of if found <= set(scores_of) else sorted(found)
    given = (frame[of].to_numpy()[:, None] == np.array(labels, dtype=object)[None]).astype(float)
    scores = given
    probable = set(labels) <= set(scores_of)
    if correction == "probabilities" and not probable:
        raise PqnlpError(
            f"The table has no probabilities of each {of} (columns p_...): correct by 'confusion' instead."
        )
    if probable:
        scores = frame[[f"p_{label}" for label in labels]].to_numpy(dtype=float)
        scores = np.where(np.isnan(scores).any(axis=1, keepdims=True), given, scores)
    names, group = _numbered(frame, by)
    true = np.full(given.shape, np.nan)
    if labelled is not None:
        true = _true(frame, labels, labelled, of)
    matrix = _matrix(confusion, labels, of)
    correction = correction or ("probabilities" if probable else "confusion")
    return _Groups(labels, names, group, given, scores, true, matrix, correction)


def _numbered(frame, by) -> tuple[list[str], np.ndarray]:
    if by is None:
        return ["all"], np.zeros(len(frame), dtype=int)
    values = [grouping(frame, name) for name in ([by] if isinstance(by, str) else by)]
    joined = [None if any(v is None for v in row) else " · ".join(row) for row in zip(*values, strict=True)]
    names = sorted({name for name in joined if name is not None})
    if not names:
        raise PqnlpError(f"No answer has a value to group by {by!r}.")
    place = {name: k for k, name in enumerate(names)}
    return names, np.array([-1 if name is None else place[name] for name in joined], dtype=int)


def _true(frame: "pd.DataFrame", labels: list[str], labelled: Any, of: str) -> np.ndarray:
    from pqnlp.labels import LabelError, read_labelled

    # The sample may hold ids only: its texts are those of the scored table.
    sample = read_labelled(labelled, texts=frame[["id", "question", "answer"]])
    if sample[of].isna().any():
        raise LabelError(f"{int(sample[of].isna().sum())} rows of the labelled sample have no {of}: label them too.")
    place = {identity: k for k, identity in enumerate(frame["id"])}
    ids = sample["id"].astype(str)
    lost = ~ids.isin(place)
    if lost.any():
        raise LabelError(
            f"{int(lost.sum())} of {len(ids)} labelled answers are not among the scored ones, the first {ids[lost].iloc[0]}: "
            "the sample has to be drawn from the table."
        )
    again = ids.duplicated()
    if again.any():
        raise LabelError(f"The answer {ids[again].iloc[0]} is labelled twice: keep one row for each answer.")
    unknown = ~sample[of].isin(labels)
    if unknown.any():
        raise LabelError(
            f"Row {int(unknown.to_numpy().argmax()) + 1} of the labelled sample has the {of} "
            f"{sample[of][unknown].iloc[0]!r}: expected one of {', '.join(labels)}."
        )
    true = np.full((len(frame), len(labels)), np.nan)
    for identity, value in zip(ids, sample[of], strict=True):
        row = np.zeros(len(labels))
        row[labels.index(value)] = 1.0
        true[place[identity]] = row
    return true


def _matrix(confusion: Any, labels: list[str], of: str) -> np.ndarray | None:
    if confusion is None:
        return None
    if isinstance(confusion, str) and confusion == "model" or hasattr(confusion, "manifest") or _is_path(confusion):
        if of != "label":
            raise PqnlpError(
                "A model's manifest has no confusion matrix of reasons: give a labelled sample, or counts."
            )
        from pqnlp.model import load

        manifest = load(None if confusion == "model" else confusion).manifest
        matrix = manifest.get("scores", {}).get("model", {}).get("confusion")
        if matrix is None:
            raise PqnlpError(
                "The model's manifest has no confusion matrix: train it with --splits to hold answers out."
            )
        order = [str(name) for name in manifest["labels"]]
        if set(order) != set(labels):
            raise PqnlpError(
                f"The model's labels ({', '.join(order)}) are not those of the table ({', '.join(labels)})."
            )
        at = [order.index(label) for label in labels]
        matrix = np.asarray(matrix, dtype=float)[np.ix_(at, at)]
    elif hasattr(confusion, "reindex"):  # a DataFrame, by names
        matrix = confusion.reindex(index=labels, columns=labels).to_numpy(dtype=float)
    else:
        matrix = np.asarray(confusion, dtype=float)
    if matrix.shape != (len(labels),) * 2 or not np.isfinite(matrix).all() or (matrix < 0).any():
        raise PqnlpError(
            f"The confusion matrix has to hold counts for the {len(labels)} labels {', '.join(labels)}, true labels in rows; "
            f"its shape is {' × '.join(map(str, matrix.shape))}."
        )
    if (matrix.sum(axis=1) == 0).any():
        raise PqnlpError(
            f"The confusion matrix has no answer that is truly {labels[int(matrix.sum(axis=1).argmin())]}."
        )
    return matrix


def _is_path(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")


def _fallback(data: _Groups, level: float, min_labelled: int, n_boot: int, rng):
    """Return a function that estimates the shares of a group with too few labels, and its name; None where there is none.

    What it goes by, a sample's or a hold-out's errors, is the same for all groups, and so are the draws of it.
    """
    known = ~np.isnan(data.true[:, 0])
    if data.correction == "probabilities":
        if known.sum() >= max(min_labelled, 2):
            error = data.true[known] - data.scores[known]
            off, spread, n = error.mean(axis=0), error.var(axis=0, ddof=1), int(known.sum())
        elif data.confusion is not None:
            off, spread, n = None, None, int(data.confusion.sum())
        else:
            return None
        return "probabilities", lambda mask: mean_probabilities(
            data.scores[mask], n, off=off, spread=spread, level=level
        )
    matrix = data.confusion
    if known.any():
        counted = data.true[known].T @ data.given[known]
        matrix = counted if (counted.sum(axis=1) >= _MIN_TRUE).all() else matrix
    if matrix is None:
        return None
    drawn = _draw_confusions(matrix, n_boot, rng)
    return "confusion", lambda mask: _adjusted(data.given[mask].sum(axis=0), matrix, drawn, level, rng)


def _estimate(data: _Groups, mask, level, min_labelled, fallback) -> tuple[Shares, Shares, str]:
    naive = naive_shares(data.given[mask].sum(axis=0), level=level)
    known = mask & ~np.isnan(data.true[:, 0])
    if known.sum() >= max(min_labelled, 2):
        others = mask & ~known
        return naive, ppi_shares(data.true[known], data.scores[known], data.scores[others], level=level), "ppi"
    if fallback is not None:
        method, estimate = fallback
        return naive, estimate(mask), method
    return naive, naive, "naive"


def rate_differences(
    scored: Any,
    by: str | Sequence[str],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    against: str | None = None,
    of: str = "label",
    labelled: Any = None,
    confusion: Any = None,
    correction: str | None = None,
    texts: Any = None,
    level: float = 0.95,
    min_count: int = 30,
    min_labelled: int = 30,
    n_boot: int = 2000,
    seed: int = 0,
) -> "pd.DataFrame":
    """Return differences of shares between groups, with intervals.

    Parameters
    ----------
    scored, by, of, labelled, confusion, correction, texts, level, min_count, min_labelled, n_boot, seed
        As for `rates`.
    pairs : list of (str, str), optional
        The groups to compare.
    against : str, optional
        A group that each other one is compared with. Without it and `pairs`, each group is compared with all the others together.

    Returns
    -------
    DataFrame
        One row for each pair and label: ``group``, ``other`` ("the rest" for all the others), ``label``, ``difference`` (share in ``group`` less
        that in ``other``), ``low``, ``high``, ``naive``, ``method``, ``small`` (either group is), ``differs`` (the interval leaves out zero).

    Raises
    ------
    PqnlpError
        For a group that there is not, and as for `rates`.

    Notes
    -----
    Intervals of independent shares are joined by Newcombe's square-and-add (1998); where both were corrected by one confusion
    matrix they are percentiles of differences drawn with the same matrix. Of many comparisons one in twenty leaves
    zero out by chance.
    """
    import pandas as pd

    data = _prepared(scored, by, of, labelled, confusion, correction, texts)
    place = {name: k for k, name in enumerate(data.names)}
    if pairs is None:
        others = [name for name in data.names if name != against]
        pairs = [(name, against if against is not None else "the rest") for name in others]
    for name in {name for pair in pairs for name in pair} - {"the rest"}:
        if name not in place:
            raise PqnlpError(f"There is no group {name!r} by {by!r}. Groups: {', '.join(data.names[:12])}.")
    rng = np.random.default_rng(seed)
    fallback = _fallback(data, level, min_labelled, n_boot, rng)
    known: dict[tuple[str, str], tuple] = {}

    def estimate(name: str, beside: str) -> tuple:
        key = (name, beside if name == "the rest" else "")
        if key not in known:
            mask = (
                (data.group != place[beside]) & (data.group >= 0) if name == "the rest" else data.group == place[name]
            )
            known[key] = (int(mask.sum()), *_estimate(data, mask, level, min_labelled, fallback))
        return known[key]

    rows = []
    for one, other in pairs:
        n, naive, a, method = estimate(one, other)
        m, naive_other, b, method_other = estimate(other, one)
        difference = a.rate - b.rate
        if a.draws is not None and b.draws is not None:
            low, high = np.quantile(a.draws - b.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        else:
            low = difference - np.hypot(a.rate - a.low, b.high - b.rate)
            high = difference + np.hypot(a.high - a.rate, b.rate - b.low)
        for k, label in enumerate(data.labels):
            rows.append(
                {
                    "group": one, "other": other, "label": label, "difference": difference[k], "low": low[k], "high": high[k],
                    "naive": naive.rate[k] - naive_other.rate[k],
                    "method": method if method == method_other else f"{method}, {method_other}",
                    "small": min(n, m) < min_count, "differs": bool(low[k] > 0 or high[k] < 0),
                }
            )  # fmt: skip
    columns = ["group", "other", "label", "difference", "low", "high", "naive", "method", "small", "differs"]
    return pd.DataFrame(rows, columns=columns)
