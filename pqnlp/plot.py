"""Charts of rates, reasons, calibration and entities, as Vega-Altair objects.

Each function takes a table that another function of pqnlp returns, and returns an Altair chart: show it in a notebook,
change it (``.properties(width=…)``), save it (``.save("rates.svg")``). The report draws its figures with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pqnlp.codebook import LABEL_OF_REASON, LABELS
from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

__all__ = ["COLOURS", "PlotError", "calibration", "entities", "label_name", "label_width", "rates", "reasons"]

#: A colour for each label, told apart with every common kind of colour blindness and by 3:1 from a white page.
COLOURS = {"direct": "#0072b2", "evasive": "#c4520a", "policy_restating": "#94458a"}
#: Of groups too small to rank, of rules, and of what is no label.
FAINT = "#767676"
OTHER = "#4d7c5f"
INK = "#1b1f24"
#: Names at the axis are cut to this many characters, and take this many pixels for each.
NAME_CHARACTERS = 32
NAME_PIXELS = 6.7

_PERIOD = re.compile(r"\d{4}(?:-\d{2}|-Q[1-4])?")
_RATES = ("group", "label", "n", "rate", "low", "high", "small")


class PlotError(PqnlpError):
    """A table that a chart cannot be drawn from, or a library for it that is not installed; the message has the mend."""


def library(name: str) -> Any:
    """Return a library that charts need.

    Parameters
    ----------
    name : str
        "altair", or "vl_convert", which draws charts without a browser.

    Returns
    -------
    module

    Raises
    ------
    PlotError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise PlotError(f"Charts need the library {name}: pip install 'pqnlp[report]'.") from None


def label_name(name: str) -> str:
    """Return a label, reason or kind as it is written for readers.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> label_name("policy_restating")
    'policy restating'
    """
    return str(name).replace("_", " ")


def label_width(names: Iterable[str]) -> int:
    """Return the room that names take beside a chart, in pixels.

    Fixed beforehand, since the one who draws may have other fonts than the one who reads.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    int
    """
    return 8 + round(NAME_PIXELS * max((min(len(name), NAME_CHARACTERS) for name in names), default=0))


def _name_axis(alt, names: list[str]):
    """Return an axis that shows `names` for the numbers of rows: two may be alike once they are cut."""
    cut = [name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1].rstrip() + "…" for name in names]
    extent = label_width(names)
    return alt.Axis(
        title=None, ticks=False, domain=False, labelLimit=0, minExtent=extent, maxExtent=extent,
        labelExpr=f"{json.dumps(cut)}[datum.value]", labelOverlap=False,
    )  # fmt: skip


def rates(
    table: "pd.DataFrame",
    *,
    label: str | None = None,
    names: dict[str, str] | None = None,
    width: int = 260,
    row_height: int = 18,
) -> "alt.Chart":
    """Draw the shares of labels by group, with their intervals.

    Parameters
    ----------
    table : DataFrame
        As `pqnlp.rates` returns it.
    label : str, optional
        Draw this label alone; by default each label has a panel of its own.
    names : dict of str to str, optional
        What to write for a group.
    width : int, default 260
        Of a panel, in pixels.
    row_height : int, default 18
        Height that a group takes, in pixels. Months, quarters and years are drawn as a line and do without.

    Returns
    -------
    altair.Chart, altair.LayerChart or altair.HConcatChart
        A dot a group, sorted by its share, with the interval as a line; small groups are hollow, grey and last, in no
        order of rank.

    Raises
    ------
    PlotError
        If the table is not one of rates, is empty, or Altair is missing.

    Examples
    --------
    >>> import pqnlp
    >>> chart = pqnlp.plot.rates(pqnlp.rates("scored.csv", "department"))  # doctest: +SKIP
    """
    alt = library("altair")
    _check(table, _RATES, "pqnlp.rates")
    present = list(dict.fromkeys(table["label"]))
    if label is not None and label not in present:
        raise PlotError(f"The table has no label {label!r}: it has {', '.join(present)}.")
    shown = [label] if label is not None else present
    draw = _by_period if all(_PERIOD.fullmatch(str(group)) for group in table["group"]) else _by_group
    panels = [draw(alt, table[table["label"] == name], name, names or {}, width, row_height) for name in shown]
    return panels[0] if len(panels) == 1 else alt.hconcat(*panels)


def _check(table, columns, source: str) -> None:
    missing = [name for name in columns if name not in getattr(table, "columns", ())]
    if missing:
        raise PlotError(f"The table has no column {', '.join(missing)}: give what {source} returns.")
    if not len(table):
        raise PlotError(f"The table that {source} returned is empty: give it rows with labels.")


def _percent(alt, title: str | None, **options):
    return {"axis": alt.Axis(format="%", title=title, tickCount=4, grid=True, labelFlush=False), **options}


def _by_group(alt, rows: "pd.DataFrame", name: str, names: dict[str, str], width: int, row_height: int):
    rows = rows.sort_values(["small", "rate"], ascending=[True, False], kind="stable")
    data = [
        {
            "at": k, "group": str(r.group), "n": int(r.n), "rate": float(r.rate), "low": float(r.low), "high": float(r.high),
            "small": bool(r.small),
        }
        for k, r in enumerate(rows.itertuples())
    ]  # fmt: skip
    shown = [names.get(row["group"], row["group"]) for row in data]
    colour = alt.condition("datum.small", alt.value(FAINT), alt.value(COLOURS.get(name, OTHER)))
    base = alt.Chart(alt.Data(values=data)).encode(
        y=alt.Y("at:O", axis=_name_axis(alt, shown)),
        tooltip=[
            alt.Tooltip("group:N"),
            alt.Tooltip("rate:Q", format=".1%", title=label_name(name)),
            alt.Tooltip("low:Q", format=".1%", title="from"),
            alt.Tooltip("high:Q", format=".1%", title="to"),
            alt.Tooltip("n:Q", format=",", title="answers"),
        ],
    )
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", **_percent(alt, f"share {label_name(name)}")), x2="high:Q", color=colour
    )
    dot = base.mark_point(size=46, strokeWidth=2, opacity=1).encode(
        x="rate:Q",
        stroke=colour,
        fill=alt.condition("datum.small", alt.value("#ffffff"), alt.value(COLOURS.get(name, OTHER))),
    )
    return (line + dot).properties(width=width, height=alt.Step(row_height))


def _by_period(alt, rows: "pd.DataFrame", name: str, names: dict[str, str], width: int, row_height: int):
    rows = rows.sort_values("group", kind="stable")
    data = [
        {
            "group": str(r.group), "at": _first_day(str(r.group)), "n": int(r.n), "rate": float(r.rate), "low": float(r.low),
            "high": float(r.high), "small": bool(r.small),
        }
        for r in rows.itertuples()
    ]  # fmt: skip
    colour = COLOURS.get(name, OTHER)
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("at:T", axis=alt.Axis(title=None, format="%b %Y", labelOverlap=True, tickCount=5, grid=False)),
        tooltip=[
            alt.Tooltip("group:N", title="period"),
            alt.Tooltip("rate:Q", format=".1%", title=label_name(name)),
            alt.Tooltip("n:Q", format=",", title="answers"),
        ],
    )
    line = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=alt.Scale(zero=True), **_percent(alt, f"share {label_name(name)}")),
        y2="high:Q",
        color=alt.condition("datum.small", alt.value(FAINT), alt.value(colour)),
    )
    dot = base.mark_point(size=36, strokeWidth=2, opacity=1).encode(
        y="rate:Q",
        stroke=alt.condition("datum.small", alt.value(FAINT), alt.value(colour)),
        fill=alt.condition("datum.small", alt.value("#ffffff"), alt.value(colour)),
    )
    return (line + dot).properties(width=width, height=170)


def _first_day(period: str) -> str:
    year, _, rest = period.partition("-")
    month = 3 * int(rest[1]) - 2 if rest.startswith("Q") else int(rest or 1)
    return f"{year}-{month:02d}-01T12:00:00"


def reasons(table: "pd.DataFrame", *, width: int = 300, row_height: int = 20) -> "alt.LayerChart":
    """Draw the shares of the reasons, coloured by their label.

    Parameters
    ----------
    table : DataFrame
        As ``pqnlp.rates(scored, of="reason")`` returns it, or a scored table with a column ``reason``, whose plain counts
        are then drawn, without intervals.
    width, row_height : int
        In pixels.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    PlotError
        If the table has neither, is empty, or Altair is missing.
    """
    alt = library("altair")
    if "reason" in getattr(table, "columns", ()) and "rate" not in table.columns:
        counts = table["reason"].dropna()
        counts = counts[counts.isin(list(LABEL_OF_REASON))].value_counts()
        if not len(counts):
            raise PlotError("No row of the table has a reason: give what pqnlp.score returns.")
        data = [
            {"reason": str(k), "rate": float(v / counts.sum()), "low": None, "high": None, "n": int(v)}
            for k, v in counts.items()
        ]
    else:
        _check(table, _RATES, 'pqnlp.rates(…, of="reason")')
        table = table[table["group"] == table["group"].iloc[0]]
        data = [
            {
                "reason": str(r.label), "rate": float(r.rate), "low": float(r.low), "high": float(r.high),
                "n": int(round(float(r.rate) * float(r.n))),
            }
            for r in table.itertuples()
        ]  # fmt: skip
    data.sort(key=lambda row: -row["rate"])
    for k, row in enumerate(data):
        row["at"] = k
        row["label"] = LABEL_OF_REASON.get(row["reason"], "")
        row["name"] = label_name(row["reason"])
    base = alt.Chart(alt.Data(values=data)).encode(
        y=alt.Y("at:O", axis=_name_axis(alt, [row["name"] for row in data])),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("rate:Q", format=".1%"), alt.Tooltip("n:Q", format=",")],
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=alt.X("rate:Q", **_percent(alt, "share of answers")),
        color=alt.Color("label:N", scale=_label_scale(alt), legend=None),
    )
    lines = base.mark_rule(strokeWidth=2, color=INK).encode(x="low:Q", x2="high:Q")
    layers = [bars] if all(row["low"] is None for row in data) else [bars, lines]
    return alt.layer(*layers).properties(width=width, height=alt.Step(row_height))


def _label_scale(alt):
    return alt.Scale(domain=list(LABELS), range=[COLOURS[name] for name in LABELS])


def calibration(scored: "pd.DataFrame", labels: Any, *, bins: int = 10, width: int = 300) -> "alt.LayerChart":
    """Draw how often labels of a given probability are right.

    Parameters
    ----------
    scored : DataFrame
        As `pqnlp.score` returns it.
    labels : sequence of str, or Series or mapping by id
        The true labels: one for each row, or by ``id``; rows without one are left out. They must be of answers that the
        model was not fitted on.
    bins : int, default 10
        Bins with the same number of answers each.
    width : int, default 300
        In pixels; the chart is square.

    Returns
    -------
    altair.LayerChart
        A dot a bin: mean probability of the label given, and share of these labels that are right, with Wilson's 95 %
        interval; on the diagonal, probabilities mean what they say.

    Raises
    ------
    PlotError
        If no row has both a label by the model and a true one, or Altair is missing.
    ValueError
        If `bins` is less than 1 or the labels do not fit the rows.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import binomtest

    alt = library("altair")
    if bins < 1:
        raise ValueError(f"bins is {bins}: give 1 or more.")
    columns = [name for name in getattr(scored, "columns", ()) if str(name).startswith("p_")]
    _check(scored, ("label", *(columns or ["p_direct"])), "pqnlp.score")
    names = [str(name)[2:] for name in columns]
    if isinstance(labels, (dict, pd.Series)) and "id" in scored.columns:
        by_id = {str(k): v for k, v in dict(labels).items()}
        truth = scored["id"].astype(str).map(by_id)
    else:
        if len(labels) != len(scored):
            raise ValueError(f"There are {len(labels)} labels for {len(scored)} rows: give one a row, or labels by id.")
        truth = pd.Series(list(labels), index=scored.index)
    known = (truth.isin(names) & scored["label"].isin(names)).to_numpy()
    if not known.any():
        raise PlotError("No row has both a label by the model and a true label: check the ids.")
    p = scored[columns].to_numpy(dtype=float)[known].max(axis=1)
    right = (truth.to_numpy()[known] == scored["label"].to_numpy()[known]).astype(int)
    data = []
    for part in np.array_split(np.argsort(p, kind="stable"), min(bins, len(p))):
        interval = binomtest(int(right[part].sum()), len(part)).proportion_ci(method="wilson")
        data.append(
            {
                "p": float(p[part].mean()), "right": float(right[part].mean()), "low": float(interval.low),
                "high": float(interval.high), "n": len(part),
            }
        )  # fmt: skip
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("p:Q", scale=scale, **_percent(alt, "probability of the label given")),
        tooltip=[
            alt.Tooltip("p:Q", format=".1%", title="probability"),
            alt.Tooltip("right:Q", format=".1%", title="right"),
            alt.Tooltip("n:Q", format=",", title="answers"),
        ],
    )
    diagonal = (
        alt.Chart(alt.Data(values=[{"p": 0, "right": 0}, {"p": 1, "right": 1}]))
        .mark_line(color=FAINT, strokeDash=[4, 4], strokeWidth=1)
        .encode(x="p:Q", y="right:Q")
    )
    lines = base.mark_rule(strokeWidth=2, color=COLOURS["direct"]).encode(
        y=alt.Y("low:Q", scale=scale, **_percent(alt, "share that is right")), y2="high:Q"
    )
    dots = base.mark_point(size=46, filled=True, opacity=1, color=COLOURS["direct"]).encode(y="right:Q")
    return (diagonal + lines + dots).properties(width=width, height=width)


def entities(table: "pd.DataFrame", *, kind: str | None = None, top: int = 15, width: int = 300) -> "alt.Chart":
    """Draw what questions and answers name most.

    Parameters
    ----------
    table : DataFrame
        As `pqnlp.entities` returns it (a row a mention), or a scored table with the column ``entities``.
    kind : str, optional
        One of `pqnlp.codebook.ENTITY_TYPES`; by default all but dates.
    top : int, default 15
        How many.
    width : int, default 300
        In pixels.

    Returns
    -------
    altair.Chart
        A bar an entity: the number of pairs that name it. Mentions with the same id are one entity, under the wording
        used most.

    Raises
    ------
    PlotError
        If there are no mentions, or Altair is missing.
    """
    from collections import Counter

    alt = library("altair")
    pairs: dict[tuple[str, str], set] = {}
    wordings: dict[tuple[str, str], Counter] = {}
    for pair, mention in _mentions(table):
        if (mention["type"] != kind) if kind else (mention["type"] == "DATE"):
            continue
        text = str(mention["text"])
        key = (mention["type"], mention["id"] if isinstance(mention["id"], str) and mention["id"] else text)
        pairs.setdefault(key, set()).add(pair)
        wordings.setdefault(key, Counter())[text] += 1
    if not pairs:
        raise PlotError(
            f"The table names no {kind or 'entity'}: score with entities=True, or give what pqnlp.entities returns."
        )
    most = sorted(pairs, key=lambda key: (-len(pairs[key]), key))[:top]
    data = [
        {"name": wordings[key].most_common(1)[0][0], "type": key[0], "n": len(pairs[key]), "at": k}
        for k, key in enumerate(most)
    ]
    return (
        alt.Chart(alt.Data(values=data))
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X("n:Q", axis=alt.Axis(title="questions that name it", tickMinStep=1, tickCount=5)),
            y=alt.Y("at:O", axis=_name_axis(alt, [row["name"] for row in data])),
            color=alt.Color(
                "type:N",
                scale=alt.Scale(domain=list(_TYPE_COLOURS), range=list(_TYPE_COLOURS.values())),
                legend=None if kind else alt.Legend(title=None, orient="bottom"),
            ),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("type:N"), alt.Tooltip("n:Q", format=",")],
        )
        .properties(width=width, height=alt.Step(20))
    )


_TYPE_COLOURS = {"DEPARTMENT": "#3d6fb4", "ORG": "#2b7f6b", "LEGISLATION": "#9a5b1f", "DATE": FAINT}


def _mentions(table: "pd.DataFrame"):
    """Yield pairs of a number of the pair and a mention, from either form of table."""
    columns = getattr(table, "columns", ())
    if "entities" in columns:
        for k, cell in enumerate(table["entities"]):
            if isinstance(cell, str):  # a CSV file holds them as JSON
                cell = json.loads(cell) if cell.strip() else []
            for mention in cell if hasattr(cell, "__len__") else ():
                yield k, mention
    elif {"row", "type", "text", "id"} <= set(columns):
        for row in table[["row", "type", "text", "id"]].to_dict("records"):
            yield row["row"], row
    else:
        raise PlotError(
            "The table has no column 'entities' and is no list of mentions: give what pqnlp.score or pqnlp.entities returns."
        )
