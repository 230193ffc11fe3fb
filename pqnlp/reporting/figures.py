"""Charts as pictures inside the page: SVG drawn beforehand, so that the page needs no plotting library of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pqnlp.plot import COLOURS, FAINT, INK, OTHER, library

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["draw"]

# The page gives these colours a value for light, dark and paper.
_VARIABLES = {
    **{colour: f"var(--{name.replace('_', '-')})" for name, colour in COLOURS.items()},
    FAINT: "var(--faint)",
    OTHER: "var(--other)",
    "#ffffff": "var(--page)",
    INK: "var(--ink)",
    "#dedede": "var(--rule)",
}
_CONFIG = {
    "aria": False,
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "gridColor": "#dedede", "tickColor": "#dedede",
        "domainColor": "#dedede", "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
    },
}  # fmt: skip
_COLOUR = re.compile("|".join(re.escape(colour) for colour in _VARIABLES), re.IGNORECASE)
_SIZE = re.compile(r'^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"[^>]*>')
_EMPTY = re.compile(
    r'<path class="(?:background|foreground)" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"(?: pointer-events="none")?(?: display="none")?/>'
)


def draw(chart: Any, title: str) -> "Markup":
    """Draw a chart.

    Parameters
    ----------
    chart : altair chart
    title : str
        What it shows, for those who cannot see it. The same figures must stand in a table beside it.

    Returns
    -------
    Markup
        An ``<svg>`` element that shrinks to the room it has and takes its colours from the page.
    """
    from markupsafe import Markup, escape

    svg = library("vl_convert").vegalite_to_svg({**chart.to_dict(validate=False), "config": _CONFIG})
    size = _SIZE.match(svg)
    width, height = (float(size.group(k)) for k in (1, 2))
    svg = _COLOUR.sub(lambda m: _VARIABLES[m.group().lower()], _EMPTY.sub("", svg[size.end() :]))
    svg = re.sub(
        r' (?:pointer-events="none"|opacity="1"|stroke-miterlimit="10"|font-family="[^"]*"|font-style="normal")',
        "",
        svg,
    )
    svg = re.sub(r' (?:role|aria-[a-z]+|class)="[^"]*"', "", svg)
    svg = re.sub(r"(\d+\.\d\d)\d+", r"\1", svg)
    opening = Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}" style="max-width:{:g}px">')
    return opening.format(width, height, escape(title), width) + Markup(svg)
