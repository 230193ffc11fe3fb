"""How good a model is, or which of two is better, as one page of HTML: what `pqnlp.evaluate` and `pqnlp.compare` return."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.plot import COLOURS, FAINT, OTHER, _name_axis, _percent, label_name, library
from pqnlp.reporting.page import _check_libraries, _check_place, _write

if TYPE_CHECKING:
    import altair as alt

__all__ = ["write_quality"]

#: Changed pairs that the page lists; all are in the table that ``pqnlp compare --output`` writes.
MOST_CHANGED = 200
_SERIES = (COLOURS["direct"], COLOURS["evasive"])


def write_quality(result: dict[str, Any], output: str | Path) -> None:
    """Write what `pqnlp.evaluate` or `pqnlp.compare` returned as a page that needs no network.

    Parameters
    ----------
    result : dict
    output : path
        The ``.html`` file to write. It appears when it is whole.

    Raises
    ------
    ReportError
        If a library that the page needs is missing, or the file cannot be written.
    """
    _check_libraries()
    place = _check_place(output)
    _write(_render(result), place, output)


def check_page(output: str | Path) -> None:
    """Refuse a place that `write_quality` could not write to, before the work is done; see there."""
    _check_libraries()
    _check_place(output)


def _render(result: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from pqnlp import __version__
    from pqnlp.highlight import visible

    compared = "differences" in result
    models = [{"intervals": {}, **of} for of in ((result["old"], result["new"]) if compared else (result,))]
    roles = ["old", "new"] if compared else [""]
    environment = Environment(
        loader=PackageLoader("pqnlp.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else visible(value),
    )
    environment.filters |= {
        "figure": _figure,
        "bounds": _bounds,
        "signed": lambda value: f"{value:+.3f}",
        "count": lambda value: f"{value:,}",
        "percent": lambda value: f"{100 * value:.1f} %",
        "named": label_name,
    }
    changed = result["changed"].head(MOST_CHANGED).to_dict("records") if compared else []
    return environment.get_template("quality.html.j2").render(
        title=f"{models[0]['model']} and {models[-1]['model']} compared"
        if compared
        else f"How good {models[0]['model']} is",
        models=list(zip(roles, models, strict=True)),
        compared=compared,
        result=result,
        notices=result["notices"],
        charts=_charts(result, models, roles),
        changed=changed,
        style=Markup(files("pqnlp.reporting").joinpath("page.css").read_text(encoding="utf-8")),
        version=__version__,
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bounds(pair: Sequence[float] | None, form: str = ".3f") -> str:
    return "" if pair is None else f"({pair[0]:{form}} to {pair[1]:{form}})"


def _charts(result: dict[str, Any], models: list[dict], roles: list[str]) -> dict[str, Any]:
    from pqnlp.reporting.figures import draw

    charts = {
        "f1": draw(_f1_chart(models, roles), "F1 of each label with its interval. The table has the figures."),
        "reliability": draw(
            _reliability_chart(models), "Share of right labels by probability. The table has the figures."
        ),
        "selective": draw(
            _selective_chart(models), "Accuracy of the surest labels by their share. The table has the figures."
        ),
    }
    if "differences" in result:
        title = "Difference of F1 with its interval, new less old. The table has the figures."
        charts["differences"] = draw(_difference_chart(result["differences"]), title)
    return charts


def _dots(rows: list[dict[str, Any]], title: str, *, signed: bool = False) -> "alt.LayerChart":
    """Draw a dot and an interval for each of some figures, one below the other."""
    alt = library("altair")
    for at, row in enumerate(rows):
        row["at"] = at
    axis = alt.Axis(title=title, format="+.2f" if signed else ".2f", tickCount=5)
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("at:O", axis=_name_axis(alt, [row["name"] for row in rows])))
    colour = alt.Color("colour:N", scale=None)
    lines = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", axis=axis, scale=alt.Scale(zero=signed)), x2="high:Q", color=colour
    )
    dots = base.mark_point(size=46, filled=True, opacity=1).encode(x="value:Q", color=colour)
    chart = lines + dots
    if signed:
        nought = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(color=FAINT, strokeDash=[4, 4]).encode(x="x:Q")
        chart = nought + chart
    return chart.properties(width=300, height=alt.Step(20))


def _row(name: str, value: float, bounds: Sequence[float] | None, colour: str) -> dict[str, Any]:
    low, high = bounds or (value, value)
    return {"name": name, "value": value, "low": low, "high": high, "colour": colour}


def _f1_chart(models: list[dict], roles: list[str]) -> "alt.LayerChart":
    rows = []
    for label in dict.fromkeys(name for of in models for name in of["per_class"]):
        for role, of, colour in zip(roles, models, _SERIES, strict=False):
            if label in of["per_class"]:
                bounds = of["intervals"].get("per_class", {}).get(label, {}).get("f1")
                name = ", ".join(filter(None, (label_name(label), role)))
                rows.append(_row(name, of["per_class"][label]["f1"], bounds, colour))
    return _dots(rows, "F1")


def _difference_chart(differences: dict[str, Any]) -> "alt.LayerChart":
    rows = [_row("macro-F1", differences["macro_f1"]["value"], differences["macro_f1"]["interval"], _SERIES[0])]
    rows += [_row(label_name(name), of["value"], of["interval"], OTHER) for name, of in differences["f1"].items()]
    return _dots(rows, "F1, new less old", signed=True)


def _points(models: list[dict], part: str, x: str) -> list[dict[str, Any]]:
    return [
        {"x": row[x], "y": row["accuracy"], "low": row["interval"][0], "high": row["interval"][1], "colour": colour}
        for of, colour in zip(models, _SERIES, strict=False)
        for row in of[part]
    ]


def _reliability_chart(models: list[dict]) -> "alt.LayerChart":
    alt = library("altair")
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(alt.Data(values=_points(models, "reliability", "confidence"))).encode(
        x=alt.X("x:Q", scale=scale, **_percent(alt, "probability of the label given")),
        color=alt.Color("colour:N", scale=None),
    )
    diagonal = (
        alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(color=FAINT, strokeDash=[4, 4], strokeWidth=1)
        .encode(x="x:Q", y="y:Q")
    )
    lines = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale, **_percent(alt, "share that is right")), y2="high:Q"
    )
    dots = base.mark_point(size=46, filled=True, opacity=1).encode(y="y:Q")
    return (diagonal + lines + dots).properties(width=300, height=300)


def _selective_chart(models: list[dict]) -> "alt.LayerChart":
    alt = library("altair")
    scale = alt.Scale(zero=False)
    base = alt.Chart(alt.Data(values=_points(models, "selective", "coverage"))).encode(
        x=alt.X("x:Q", scale=alt.Scale(domain=[0, 1]), **_percent(alt, "share of answers, the surest first")),
        color=alt.Color("colour:N", scale=None),
    )
    lines = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale, **_percent(alt, "share that is right")), y2="high:Q"
    )
    dots = base.mark_line(strokeWidth=2, point={"filled": True, "size": 46}).encode(y=alt.Y("y:Q", scale=scale))
    return (lines + dots).properties(width=300, height=300)
