"""Splits that cannot leak: what is held out shares no answer, near-duplicate or group with what is trained on."""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pqnlp.groups import near_duplicate_groups, tie
from pqnlp.labels import LabelError, name_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Split", "group_folds", "hold_out", "split_rows"]


@dataclass
class Split:
    """Rows with their side and group, and what was done to keep the sides apart.

    Attributes
    ----------
    rows : DataFrame
        With ``split`` ("train" or "test") and ``group``; rows that must be on neither side are gone. By a table of splits also with
        ``drawn`` (bool): whether the table has the row.
    tied : int
        Rows whose answer equals or nearly equals that of another row.
    tied_groups : int
        Groups that these rows form.
    by : str
        How the held-out rows were chosen, in words.
    removed : dict of str to int
        Rows that are on neither side, by why.
    notices : list of str
        What a user should know.
    is_new_to_shipped : bool
        Whether no held-out answer is a near-duplicate of a row marked ``shipped`` or ``known``.
    """

    rows: "pd.DataFrame"
    tied: int = 0
    tied_groups: int = 0
    by: str = ""
    removed: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    is_new_to_shipped: bool = True


def hold_out(
    rows: "pd.DataFrame",
    *,
    splits: str | Path | None = None,
    group_by: str | None = None,
    split_by: str | None = None,
    split_at: str | None = None,
    share: float = 1 / 6,
    seed: int = 0,
) -> Split:
    """Choose rows to hold out, such that none has a near-duplicate among those trained on.

    Parameters
    ----------
    rows : DataFrame
        As `pqnlp.labels.read_labelled` returns it. A column ``shipped`` (bool), where there is one, marks rows that are to
        be trained on and never held out; ``known`` marks others that the shipped model was fitted on. Near-duplicates of
        either are not held out at random, so that the shipped model can be measured on the same rows.
    splits : path, optional
        CSV with ``id``, ``split`` ("train" or "test") and ``group``: the split itself.
    group_by : str, optional
        A column whose equal values stay on one side. Rows whose answer is a near-duplicate of a held-out one leave training.
    split_by : str, optional
        A column of dates: the latest rows are held out, and earlier rows that are tied to them leave training.
    split_at : str, optional
        With `split_by`, the day (``2025-01-31``) from which rows are held out; by default the day that makes them nearest to
        `share`.
    share : float, default 1/6
        Of the rows to hold out; 0 holds out none.
    seed : int, default 0

    Returns
    -------
    Split

    Raises
    ------
    LabelError
        For a column that is not there, dates that are none, or rows that all hang together.
    """
    if not 0 <= share <= 0.5:
        raise LabelError(f"The share to hold out is {share}: give a number from 0 to 0.5.")
    if splits is not None:
        if group_by or split_by:
            raise LabelError("A table of splits fixes the sides: leave out --group-by and --split-by, or the table.")
        return _from_table(rows, splits)
    if share == 0 and split_by:
        raise LabelError("To hold out none and to hold out the latest rows exclude each other: leave --split-by out.")
    if split_at and not split_by:
        raise LabelError("A day to split at needs the column of dates: give --split-by too.")
    rows = rows.reset_index(drop=True)
    shipped, known = (_flag(rows, name) for name in ("shipped", "known"))
    near = near_duplicate_groups(rows["answer"].tolist())
    sizes = np.bincount(near)
    done = Split(rows, tied=int(sizes[sizes > 1].sum()), tied_groups=int((sizes > 1).sum()))
    values = _column_groups(rows, group_by, done) if group_by else None
    groups = near if values is None else _fold_groups(near, values, group_by, done)
    side = np.full(len(rows), "train", dtype=object)
    if split_by:
        _in_time(done, side, shipped, split_by, split_at, share)
    elif share == 0:
        done.by = "none"
    else:
        _at_random(done, side, near, values, shipped, known | shipped, group_by, share, seed)
    _part_sides(done, side, near, values, shipped, group_by)
    done.is_new_to_shipped = not np.isin(near[side == "test"], near[known | shipped]).any()
    done.rows = rows.assign(group=groups, split=side)[side != ""].reset_index(drop=True)
    return done


def split_rows(rows: "pd.DataFrame", splits: str | Path | None = None) -> "pd.DataFrame":
    """Return rows with ``split`` and ``group`` by a table of splits, or by `hold_out`'s default.

    Parameters
    ----------
    rows : DataFrame
        As `pqnlp.labels.read_labelled` returns it.
    splits : path, optional

    Returns
    -------
    DataFrame
    """
    return hold_out(rows, splits=splits).rows


def group_folds(target, groups, n_folds: int, seed: int):
    """Return folds that keep groups whole and the shares of classes even, for cross-validation.

    Parameters
    ----------
    target : array of str or int, length n
    groups : array of int, length n
    n_folds : int
        Fewer are made where there are fewer groups.
    seed : int

    Returns
    -------
    list of (ndarray, ndarray)
        Training and test rows of each fold, in ascending order.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    target, groups = np.asarray(target), np.asarray(groups)
    most = np.unique(target, return_counts=True)[1].max()
    n_folds = min(n_folds, len(np.unique(groups)), most)
    if n_folds < 2:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds, which is harmless here
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(target)), target, groups))


def _from_table(rows: "pd.DataFrame", splits: str | Path) -> Split:
    import pandas as pd

    try:
        table = pd.read_csv(splits, dtype={"id": str})
    except (OSError, ValueError) as error:
        raise LabelError(f"Cannot read the table of splits {splits}: {error}.") from None
    missing = {"id", "split"} - set(table.columns)
    if missing:
        raise LabelError(f"{splits} has no column {sorted(missing)}: expected id, split and, if you like, group.")
    table = table.drop_duplicates("id")
    odd = table[~table["split"].isin(("train", "test"))]
    if len(odd):
        raise LabelError(
            f"{splits} has {odd['split'].iloc[0]!r} in the column 'split' ({len(odd):,} rows, the first id {odd['id'].iloc[0]}): "
            "expected train or test."
        )
    if "group" not in table.columns:
        table["group"] = np.nan
    elif not pd.api.types.is_integer_dtype(table["group"]):
        table["group"] = pd.factorize(table["group"])[0]
    out = rows.merge(table[["id", "split", "group"]], on="id", how="left", validate="many_to_one")
    done = Split(out, by=f"the table {Path(splits).name}")
    if not out["split"].eq("test").any():
        done.notices.append(
            f"{splits} holds out none of these rows: nothing is measured. Its ids are other ones, or all train."
        )
    # What is not held out is trained on, unless its answer is near one that is held out.
    near = near_duplicate_groups(out["answer"].tolist())
    test = out["split"].eq("test").to_numpy()
    done.is_new_to_shipped = not np.isin(near[test], near[_flag(out, "shipped") | _flag(out, "known")]).any()
    gone = ~test & np.isin(near, near[test])
    if gone.any():
        done.removed["near-duplicates of held-out answers"] = int(gone.sum())
    out["drawn"] = out["split"].notna()
    out["split"] = out["split"].fillna("train")
    ungrouped = out["group"].isna().to_numpy()
    out.loc[ungrouped, "group"] = table["group"].max() + 1 + near[ungrouped] if not ungrouped.all() else near
    out["group"] = out["group"].astype(int)
    out = out[~gone].copy()
    sizes = out["group"].map(out["group"].value_counts())
    done.tied, done.tied_groups = int((sizes > 1).sum()), int(out.loc[sizes > 1, "group"].nunique())
    done.rows = out.reset_index(drop=True)
    return done


def _column(rows: "pd.DataFrame", name: str) -> "pd.Series":
    if name in rows.columns:
        return rows[name]
    lower = {str(column).lower(): column for column in rows.columns}
    if name.lower() in lower:
        return rows[lower[name.lower()]]
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise LabelError(f"The labelled rows have no column {name!r}.{meant} It must be in the file of labels.")


def _flag(rows: "pd.DataFrame", name: str) -> np.ndarray:
    return rows[name].to_numpy(bool) if name in rows.columns else np.zeros(len(rows), bool)


def _column_groups(rows: "pd.DataFrame", name: str, done: Split) -> np.ndarray:
    """Number the values of a column; a row without a value is a group of its own."""
    import pandas as pd

    values = _column(rows, name)
    codes = pd.factorize(values.where(values.astype(str).str.strip().ne("")))[0]
    missing = (codes < 0) & ~_flag(rows, "shipped")
    if missing[~_flag(rows, "shipped")].all():
        raise LabelError(f"The column {name!r} is empty: there is nothing to group by.")
    if missing.any():
        done.notices.append(
            f"{int(missing.sum()):,} rows have nothing in {name!r} ({name_rows(rows[missing])}): each is a group of its own."
        )
    return np.where(codes < 0, codes.max() + 1 + np.arange(len(rows)), codes)


def _fold_groups(near: np.ndarray, values: np.ndarray, name: str, done: Split) -> np.ndarray:
    """Return the groups for cross-validation, tied by the column too where that leaves folds to make."""
    both = tie(near, values)
    if np.bincount(both).max() <= len(both) / 2:
        return both
    # Stock replies that most values share would chain all rows into one group.
    done.notices.append(
        f"Answers that several values of {name!r} share would tie most rows into one group: in cross-validation, rows are "
        f"kept together by near-duplicate answers alone. The held-out rows share neither an answer nor a {name!r} with the "
        "training rows."
    )
    return near


def _at_random(done: Split, side, near, values, shipped, known, group_by, share, seed) -> None:
    rows = done.rows
    target = rows["label"].to_numpy(dtype=object)
    units = near if values is None else values
    wanted = share * (~shipped).sum()
    done.by = f"a {_part(share)} of the groups at random (seed {seed})"
    if group_by:
        done.by = f"a {_part(share)} of the rows, in whole groups of {group_by!r}, at random (seed {seed})"
    # Answers that the shipped model knows are not held out, so that it can be measured on the same rows. Where nearly all
    # are known, or a column ties them, any row may be.
    for apart in (known, shipped) if values is None else (shipped,):
        free = ~np.isin(near, near[apart]) if values is None else ~apart
        free = np.flatnonzero(free)
        folds = []
        if len(free) > wanted:
            folds = group_folds(target[free], units[free], max(2, round(len(free) / wanted)), seed)
        if folds:
            side[free[folds[0][1]]] = "test"
            return
    if shipped.any() and values is None:
        done.notices.append(
            "Nearly every labelled answer is a near-duplicate of a shipped one: none is held out, and nothing is measured."
        )
        return
    tied = f"have the same {group_by!r}" if group_by else "are near-duplicates of each other"
    raise LabelError(
        f"All {int((~shipped).sum()):,} rows {tied}, so that none can be held out without a leak. Label more different "
        "answers, group by another column, or hold out none (held_out=0, --held-out 0)."
    )


def _part_sides(done: Split, side, near, values, shipped, group_by) -> None:
    """Take out of training what is tied to a held-out row."""
    held = side == "test"
    if not held.any():
        return
    for numbers, why in (
        (near, "near-duplicates of held-out answers"),
        (values, f"rows with the {group_by!r} of a held-out row"),
    ):
        if numbers is None:
            continue
        tied = (side == "train") & np.isin(numbers, numbers[held])
        if tied.any():
            done.removed[why] = int(tied.sum())
            side[tied] = ""
    if not (side[~shipped] == "train").any():
        raise LabelError(
            "Every row is tied to a held-out one, so that none is left to train on. Split by another column."
        )


def _part(share: float) -> str:
    return "sixth" if abs(share - 1 / 6) < 1e-9 else f"share of {share:g}"


def _in_time(done: Split, side, shipped, split_by, split_at, share) -> None:
    from pqnlp.corpus import _date

    rows = done.rows
    days = np.array([_date(value) or "" for value in _column(rows, split_by)], dtype=object)
    own = ~shipped
    undated = own & (days == "")
    if undated[own].all():
        raise LabelError(
            f"The column {split_by!r} holds no date ({name_rows(rows[undated])}). Expected days such as 2025-01-31 or "
            "31/01/2025."
        )
    if split_at:
        cut = _date(split_at)
        if cut is None:
            raise LabelError(f"{split_at!r} is no date: give a day such as 2025-01-31.")
    else:
        known = np.sort(days[own & ~undated])
        firsts = np.unique(known)[1:]
        if not len(firsts):
            raise LabelError(f"All rows have the same day in {split_by!r} ({known[0]}): they cannot be split in time.")
        after = len(known) - np.searchsorted(known, firsts)
        cut = firsts[np.argmin(np.abs(after - share * len(known)))]
    late = (days >= cut) & (days != "")
    held = own & late
    if not held.any() or not (own & ~late & ~undated).any():
        known = days[own & ~undated]
        raise LabelError(
            f"A cut at {cut} leaves one side empty: {split_by!r} runs from {known.min()} to {known.max()}. Choose a day "
            "between."
        )
    future = shipped & late
    if undated.any():
        done.notices.append(
            f"{int(undated.sum()):,} rows have no date in {split_by!r} ({name_rows(rows[undated])}): they are on neither side."
        )
        done.removed["rows without a date"] = int(undated.sum())
    if future.any():
        done.removed["shipped rows later than the cut"] = int(future.sum())
    if (shipped & (days == "")).any():
        done.notices.append(
            f"{int((shipped & (days == '')).sum()):,} shipped rows have no date in {split_by!r} and are trained on; some may "
            "be later than the cut."
        )
    done.by = f"rows from {cut} on, by {split_by!r}"
    side[held] = "test"
    side[undated | future] = ""
