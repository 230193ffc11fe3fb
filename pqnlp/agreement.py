"""How far annotators agree on the labels of the same pairs, and which pairs they have to settle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.labels import LabelError, name_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["agree", "fleiss_kappa", "krippendorff_alpha"]


def agree(
    *annotations: Any,
    of: str = "label",
    texts: Any = None,
    encoding: str = "utf-8",
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure how far annotators agree.

    Parameters
    ----------
    *annotations : path, DataFrame, or list of these
        What was annotated, in any form that labels are read from (`pqnlp.labels.read_labelled`); texts are not needed where
        all rows have ids. Each is an annotator's, called after its file; or a column ``annotator`` names several.
    of : {"label", "reason"}, default "label"
        What to compare.
    texts : optional
        Where the texts of ids are, to be laid beside the rows to settle; see `pqnlp.read`.
    encoding : str
        Of text files.
    resamples : int, default 2000
        Draws of the bootstrap; 0 leaves the intervals out.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    dict
        ``annotators`` (name to number of rows); ``labels``; ``n`` (pairs that two or more labelled) and ``labelled_by_all``;
        ``agreement`` (share of annotations by two that are the same, on average over pairs), ``all_agree`` (share of pairs
        with one label only), ``alpha`` (Krippendorff's, nominal) and ``fleiss_kappa`` (on pairs that all labelled; None where
        there are none), ``intervals`` (95 % of each); ``pairs`` (for each two annotators ``first``, ``second``, ``n``,
        ``agreement``, ``cohen_kappa``, ``interval``, ``confusion``: rows the first's labels, columns the second's);
        ``per_label`` (by label ``agreement``: when one annotator gives it, how often another does, and ``n``, how often it was
        given); ``adjudicate`` (DataFrame: ``id``, ``question``, ``answer`` where known, a column for each annotator, ``votes`` and
        an empty ``label`` to fill in); ``notices``. Figures that nothing can be said of are None.

    Raises
    ------
    LabelError
        For fewer than two annotators or no pair in common, an annotator with two labels for a pair, or rows that cannot be
        matched. The message names the rows.

    Notes
    -----
    Cohen (1960); Fleiss (1971); Krippendorff (2011), *Computing Krippendorff's alpha-reliability*. Pairs with equal or
    nearly equal answers are drawn together for the intervals where the texts are known.

    Examples
    --------
    >>> import pandas as pd
    >>> anna = pd.DataFrame({"id": [1, 2, 3, 4], "label": ["yes", "yes", "no", "no"]})
    >>> ben = anna.assign(label=["yes", "yes", "no", "yes"])
    >>> agree(anna, ben)["pairs"][0]["cohen_kappa"]
    0.5
    """
    if of not in ("label", "reason"):
        raise LabelError(f"Cannot compare {of!r}: expected 'label' or 'reason'.")
    rows, notices = _read(annotations, of, encoding)
    rows = _matched(rows)
    table, facts = _by_pair(rows, of)
    facts = _with_texts(facts, texts, encoding)
    several = table.notna().sum(axis=1) >= 2
    if not several.any():
        counts = ", ".join(f"{name} {count:,}" for name, count in table.notna().sum().items())
        raise LabelError(
            f"No pair was labelled by two annotators ({counts} rows). Are the ids of one kind, and the texts as they were?"
        )
    alone = int((~several).sum())
    if alone:
        notices.append(
            f"{alone:,} pair{'s' if alone > 1 else ''} had one annotator only, and {'say' if alone > 1 else 'says'} nothing here."
        )
    table, facts = table[several], facts[several]
    labels = _in_order(table)
    counts = np.stack([(table == label).sum(axis=1).to_numpy() for label in labels], axis=1).astype(float)
    groups = _groups(facts)
    out: dict[str, Any] = {
        "of": of,
        "annotators": {name: int(count) for name, count in table.notna().sum().items()},
        "labels": labels,
        "n": len(table),
        "labelled_by_all": int(table.notna().all(axis=1).sum()),
    }
    out |= _overall(counts, table.notna().all(axis=1).to_numpy(), groups, resamples, seed)
    out["pairs"] = [
        _two(table, first, second, labels, groups, resamples, seed) for first, second in combinations(table.columns, 2)
    ]
    out["per_label"] = _per_label(counts, labels)
    out["adjudicate"] = _to_settle(table, facts, of)
    return out | {"notices": notices}


# --- figures ----------------------------------------------------------------------------------------------------------


def fleiss_kappa(counts: np.ndarray) -> float:
    """Return Fleiss' kappa.

    Parameters
    ----------
    counts : ndarray, shape (n_rows, n_labels)
        How many annotators gave each label; every row has as many.

    Returns
    -------
    float
        NaN where all annotations are of one label.

    Examples
    --------
    >>> fleiss_kappa(np.array([[2, 0], [0, 2]]))
    1.0
    """
    counts = np.asarray(counts, dtype=float)
    return float(_fleiss(_fleiss_columns(counts).sum(0)))


def krippendorff_alpha(counts: np.ndarray) -> float:
    """Return Krippendorff's alpha for names without an order.

    Parameters
    ----------
    counts : ndarray, shape (n_rows, n_labels)
        How many annotators gave each label; rows with fewer than two annotations count for nothing.

    Returns
    -------
    float
        NaN where all annotations are of one label.

    Examples
    --------
    >>> krippendorff_alpha(np.array([[2, 0], [0, 2], [0, 1]]))
    1.0
    """
    counts = np.asarray(counts, dtype=float)
    return float(_alpha(_alpha_columns(counts).sum(0)))


# Each figure is a function of sums over rows, so that it has its interval from the same sums of rows drawn again.


def _fleiss_columns(counts: np.ndarray) -> np.ndarray:
    """Return for each row its agreement, the shares of the labels, and 1."""
    m = counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        same = ((counts**2).sum(1, keepdims=True) - m) / (m * (m - 1))
        return np.hstack([same, counts / m, np.ones_like(m)])


def _fleiss(sums: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums[..., :-1] / sums[..., -1:]
        expected = (means[..., 1:] ** 2).sum(-1)
        return (means[..., 0] - expected) / (1 - expected)


def _alpha_columns(counts: np.ndarray) -> np.ndarray:
    """Return for each row its part in the coincidences that agree, and in how often each label stands in any."""
    m = counts.sum(1, keepdims=True)
    counts = np.where(m >= 2, counts, 0)
    same = (counts * (counts - 1)).sum(1, keepdims=True) / np.maximum(m - 1, 1)
    return np.hstack([same, counts])


def _alpha(sums: np.ndarray) -> np.ndarray:
    of_label = sums[..., 1:]
    n = of_label.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = n - sums[..., 0]
        expected = (n**2 - (of_label**2).sum(-1)) / (n - 1)
        return 1 - observed / expected


def _share_columns(counts: np.ndarray) -> np.ndarray:
    m = counts.sum(1)
    same = (counts * (counts - 1)).sum(1) / (m * (m - 1))
    return np.stack([same, (counts.max(1) == m).astype(float), np.ones(len(m))], axis=1)


def _number(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _overall(counts: np.ndarray, by_all: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    from pqnlp.bootstrap import interval, resampled_sums

    plans = {
        "agreement": (_share_columns(counts), groups, lambda sums: sums[..., 0] / sums[..., 2]),
        "all_agree": (_share_columns(counts), groups, lambda sums: sums[..., 1] / sums[..., 2]),
        "alpha": (_alpha_columns(counts), groups, _alpha),
        "fleiss_kappa": (_fleiss_columns(counts[by_all]), groups[by_all], _fleiss),
    }
    out: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for name, (columns, of_rows, figure) in plans.items():
        if not len(columns):
            out[name] = bounds[name] = None
            continue
        sums, drawn = resampled_sums(columns, of_rows, resamples=resamples, seed=seed)
        out[name] = _number(figure(sums))
        bounds[name] = interval(figure(drawn)) if resamples and out[name] is not None else None
    return out | {"intervals": bounds}


def _two(table, first: str, second: str, labels: list[str], groups, resamples: int, seed: int) -> dict[str, Any]:
    from pqnlp.bootstrap import confusion_columns, figures_of, interval, resampled_sums

    both = (table[first].notna() & table[second].notna()).to_numpy()
    k = len(labels)
    columns = confusion_columns(table.loc[both, first], table.loc[both, second], labels)
    sums, drawn = resampled_sums(columns, groups[both], resamples=resamples, seed=seed)
    confusion = sums.reshape(k, k)
    kappa = _number(figures_of(confusion)["kappa"]) if both.any() else None
    bounds = interval(figures_of(drawn.reshape(-1, k, k))["kappa"]) if resamples and kappa is not None else None
    return {
        "first": first,
        "second": second,
        "n": int(both.sum()),
        "agreement": _number(np.trace(confusion) / both.sum()) if both.any() else None,
        "cohen_kappa": kappa,
        "interval": bounds,
        "confusion": confusion.astype(int).tolist(),
    }


def _per_label(counts: np.ndarray, labels: list[str]) -> dict[str, dict[str, Any]]:
    others = counts.sum(1) - 1
    out = {}
    for at, label in enumerate(labels):
        given = counts[:, at]
        # A row with many annotators has many pairs of them, and is to weigh as one row.
        agreement = _number((given * (given - 1) / others).sum() / given.sum())
        out[label] = {"agreement": agreement, "n": int(given.sum())}
    return out


# --- rows -------------------------------------------------------------------------------------------------------------


def _read(annotations: Sequence[Any], of: str, encoding: str) -> tuple["pd.DataFrame", list[str]]:
    """Return all annotations, one a row: ``key``, ``id``, ``question``, ``answer``, ``value``, ``annotator``, ``where``, ``row``."""
    import pandas as pd

    parts, notices = [], []
    for number, source in enumerate(annotations, 1):
        part, told = _read_source(source, of, encoding, number)
        notices += told
        parts.append(part)
    if not parts:
        raise LabelError("There is nothing to compare: give two files of labels, or one with a column 'annotator'.")
    names = [set(part["annotator"]) for part in parts]
    if sum(map(len, names)) > len(set().union(*names)):
        # One name in several files: by chance ("1", "admin"), or one person's two goes. Both are told apart by the file.
        parts = [part.assign(annotator=part["source"] + ": " + part["annotator"]) for part in parts]
    stems = [part["source"].iloc[0] for part in parts]
    if all(len(set(part["annotator"])) == 1 and part["unnamed"].all() for part in parts) and len(set(stems)) < len(
        stems
    ):
        parts = [
            part.assign(annotator=f"{stem} ({at})") for at, (part, stem) in enumerate(zip(parts, stems, strict=True), 1)
        ]
    rows = pd.concat(parts, ignore_index=True)
    if rows["annotator"].nunique() < 2:
        raise LabelError(
            f"All labels are by one annotator ({rows['annotator'].iloc[0]}): give another's file, or a file with a column "
            "'annotator'."
        )
    return rows, notices


def _read_source(source: Any, of: str, encoding: str, number: int) -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    from pqnlp.corpus import _find_columns, _missing
    from pqnlp.exports import ExportError, _texts
    from pqnlp.labels import _identity, _name, _tables
    from pqnlp.text import clean_text

    by_path = isinstance(source, (str, Path))
    stem = Path(str(source)).stem.split(".")[0] or str(source) if by_path else f"annotator {number}"
    parts, left = [], 0
    for table, where in _tables(source, encoding):
        if of not in table.columns:
            found = ", ".join(str(name) for name in table.columns if name != "row")
            raise LabelError(f"{where} has no column {of!r}. Columns found: {found}.")
        found = _find_columns(table.columns)
        values = pd.Series([_name(value) for value in table[of]], dtype=object)
        usable = values.notna()
        if "evidence_spans" in table.columns:  # an export: what was skipped or rejected is no label
            usable &= table["problem"].eq("").to_numpy()
        left += int((~usable).sum())

        def column(name: str, table=table, found=found) -> list[str | None]:
            if name not in found:
                return [None] * len(table)
            return [None if _missing(cell) else str(cell) for cell in table.iloc[:, found[name]]]

        question, answer = column("question"), column("answer")
        if ("question" not in found or "answer" not in found) and "text" in table.columns:
            try:
                question, answer = map(
                    list, zip(*(_texts({"text": str(text)}, where)[:2] for text in table["text"]), strict=True)
                )
            except ExportError:
                pass  # ids will do
        ids = [None] * len(table)
        if "id" in found:
            ids = [None if _missing(cell) else _identity(cell) or None for cell in table.iloc[:, found["id"]]]
        named = [_name(cell) for cell in table["annotator"]] if "annotator" in table.columns else [None] * len(table)
        part = pd.DataFrame(
            {
                "id": ids,
                "question": [clean_text(text) if text else None for text in question],
                "answer": [clean_text(text) if text else None for text in answer],
                "value": values,
                "annotator": [name or stem for name in named],
                "unnamed": [name is None for name in named],
                "source": stem,
                "where": where,
                "row": table["row"].to_numpy(),
            },
            dtype=object,
        )
        parts.append(part[usable.to_numpy()])
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if rows.empty:
        raise LabelError(f"{source if by_path else stem}: there is no row with a {of}.")
    told = [f"{left:,} rows of {stem} without a {of} were left out."] if left else []
    return rows, told


def _matched(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Add ``key``, by which rows of several annotators are of the same pair: the id, or else the texts."""
    has_id, has_texts = rows["id"].notna(), rows["question"].notna() & rows["answer"].notna()
    if has_id.all():
        key = rows["id"]
        of_id = rows[has_texts].groupby("id")["answer"].nunique()
        if (of_id > 1).any():
            one = of_id.index[of_id > 1][0]
            bad = rows[rows["id"].eq(one)]
            raise LabelError(
                f"The id {one} stands for different answers ({name_rows(bad)}; {int((of_id > 1).sum()):,} such ids): these are "
                "not the same pairs. Number them alike, or leave the column of ids out, and texts are compared."
            )
    elif has_texts.all():
        key = rows["question"] + "\0" + rows["answer"]
    else:
        bad = rows[~has_id] if has_id.any() else rows[~has_texts]
        raise LabelError(
            f"Rows cannot be matched ({name_rows(bad)}): give all an 'id', or all the columns 'question' and 'answer'."
        )
    return rows.assign(key=key)


def _by_pair(rows: "pd.DataFrame", of: str) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Return the values, a row a pair and a column an annotator, and what is known of the pairs."""
    torn = rows.groupby(["annotator", "key"], sort=False)["value"].transform("nunique") > 1
    if torn.any():
        first = rows[torn].iloc[0]
        bad = rows[torn & rows["annotator"].eq(first["annotator"]) & rows["key"].eq(first["key"])]
        said = " and ".join(map(repr, bad["value"].unique()))
        raise LabelError(
            f"{first['annotator']} gave one pair the {of}s {said} ({name_rows(bad)}). Keep the one that is meant; or, if these are two "
            "people, name them in a column 'annotator'."
        )
    order = rows["key"].drop_duplicates()
    once = rows.drop_duplicates(["annotator", "key"])
    table = once.pivot(index="key", columns="annotator", values="value").reindex(order)[
        list(rows["annotator"].unique())
    ]
    facts = rows.sort_values("answer", key=lambda column: column.isna(), kind="stable").drop_duplicates("key")
    return table, facts.set_index("key").reindex(order)[["id", "question", "answer"]]


def _with_texts(facts: "pd.DataFrame", texts: Any, encoding: str) -> "pd.DataFrame":
    if texts is None:
        return facts
    from pqnlp.corpus import read

    known = read(texts, encoding=encoding)
    known = known[known["problem"].ne("duplicate_id")].set_index("id")
    facts = facts.copy()
    for name in ("question", "answer"):
        facts[name] = facts[name].where(facts[name].notna(), facts["id"].map(known[name]))
    return facts


def _in_order(table: "pd.DataFrame") -> list[str]:
    from pqnlp.codebook import LABEL_OF_REASON, LABELS

    found = {str(value) for value in table.to_numpy().ravel() if isinstance(value, str)}
    for scheme in (LABELS, tuple(LABEL_OF_REASON)):
        if found <= set(scheme):
            return [name for name in scheme if name in found]
    return sorted(found)


def _groups(facts: "pd.DataFrame") -> np.ndarray:
    from pqnlp.groups import near_duplicate_groups

    if facts["answer"].isna().any():
        return np.arange(len(facts))
    return near_duplicate_groups(facts["answer"].tolist())


def _to_settle(table: "pd.DataFrame", facts: "pd.DataFrame", of: str) -> "pd.DataFrame":
    import pandas as pd

    torn = table.nunique(axis=1) > 1
    out = facts[torn].reset_index(drop=True).dropna(axis=1, how="all")
    for name in table.columns:
        # A column of their own, even for one who is called "answer".
        out[name if name not in (*out.columns, of, "votes") else f"{name} (annotator)"] = table.loc[
            torn, name
        ].to_numpy()
    votes = [
        ", ".join(f"{value} {count}" for value, count in row.value_counts().items())
        for _, row in table[torn].iterrows()
    ]
    out["votes"] = pd.Series(votes, dtype=object)
    out[of] = ""
    return out
