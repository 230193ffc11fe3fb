"""`pqnlp.report`: from a scored table to one page of HTML that needs no network."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["STEPS", "ReportError", "report"]

#: How many steps `report` tells of.
STEPS = 10
#: What a page holds besides texts never needs more; a smaller limit is a slip.
LEAST_MEGABYTES = 0.5
FILTERS = ("department", "month", "house", "government", "ask")


class ReportError(PqnlpError):
    """A report that cannot be made; the message has the mend."""


def report(
    scored: "pd.DataFrame | str | Path",
    output: str | Path,
    *,
    labelled: Any = None,
    texts: Any = None,
    title: str = "How written questions were answered",
    min_count: int = 30,
    at: str | None = None,
    model: "Model | str | Path | None" = None,
    findings: bool = True,
    max_megabytes: float = 5.0,
    progress: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Write a scored table as one page of HTML: shares with intervals, findings, and the answers behind them.

    Parameters
    ----------
    scored : DataFrame or path
        What `pqnlp.score` returned or ``pqnlp score`` wrote.
    output : path
        The ``.html`` file to write. It appears when it is whole.
    labelled : path or DataFrame, optional
        A random sample of these answers labelled by people, with ``id`` and ``label``: shares are corrected by it. Without
        it they are corrected by the errors that the model made on the answers held out when it was trained.
    texts : path or DataFrame, optional
        Where the texts are, if the scored table lacks them; see `pqnlp.read`.
    title : str
        Of the page.
    min_count : int, default 30
        Groups of fewer answers are shown, but not ranked.
    at : str, optional
        ISO date on which promises are judged; by default the last day of answer in the table.
    model : Model or path, optional
        The model that made the scores, whose quality the page tells; the one that ships with pqnlp by default.
    findings : bool, default True
        Whether to search for referral chains, policy lines, promises, data gaps and contradictions; that takes most
        of the time.
    max_megabytes : float, default 5
        The page's size at most (millions of bytes). Where not all texts fit, as many go along as do; see ``docs/report.md``.
    progress : callable, optional
        Called with 1 after each of `STEPS` steps.

    Returns
    -------
    dict
        ``answers``, ``texts`` (answers whose text is in the page), ``bytes``, ``method`` (how the shares were corrected:
        "ppi", "confusion" or "naive") and ``warning`` (a sentence, or empty).

    Raises
    ------
    ReportError
        If the table has no scored rows, a library that the report needs is missing, or the file cannot be written.
    ReadError, LabelError, ModelError
        If one of the inputs cannot be read.

    Examples
    --------
    >>> import pqnlp
    >>> pqnlp.report("scored.parquet", "report.html", labelled="sample.csv")  # doctest: +SKIP
    """
    step = progress or (lambda done: None)
    _check_libraries()
    _check_options(title, min_count, at, max_megabytes)
    place = _check_place(output)
    from pqnlp.findings import read_scored
    from pqnlp.model import load

    opened = load(model)
    table = read_scored(scored, texts=texts)
    frame = table[table["label"].notna() & table["label"].ne("")].reset_index(drop=True)
    if not len(frame):
        raise ReportError("No row of the table has a label: score it first (pqnlp score IN --output SCORED).")
    html, summary = _page(table, frame, opened, labelled, title, min_count, at, findings, max_megabytes, step)
    _write(html, place, output)
    step(1)
    return summary


def _check_libraries() -> None:
    missing = []
    for name, package in (("jinja2", "Jinja2"), ("altair", "Vega-Altair"), ("vl_convert", "vl-convert")):
        try:
            __import__(name)
        except ImportError:
            missing.append(package)
    if missing:
        raise ReportError(f"The report needs {', '.join(missing)}: pip install 'pqnlp[report]'.")


def _check_options(title: str, min_count: int, at: str | None, max_megabytes: float) -> None:
    if not isinstance(title, str) or not title.strip():
        raise ReportError("The title is empty: give the page one, or leave it out.")
    if min_count < 1:
        raise ReportError(f"The minimum count is {min_count}: give 1 or more.")
    if at is not None:
        try:
            if date.fromisoformat(at).isoformat() != at:
                raise ValueError
        except (TypeError, ValueError):
            raise ReportError(f"{at!r} is no day: write it as YYYY-MM-DD.") from None
    if not max_megabytes >= LEAST_MEGABYTES:
        raise ReportError(f"A page of {max_megabytes} MB holds no report: allow {LEAST_MEGABYTES} or more.")


def _check_place(output: str | Path) -> Path:
    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"The report is a page of HTML: end the name {output} in .html.")
    if path.is_dir():
        raise ReportError(f"{output} is a folder: name a file in it.")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ReportError(f"There is no folder {folder}. Make it, or write elsewhere.")
    if not os.access(folder, os.W_OK):
        raise ReportError(f"No permission to write {output}. Name a file in a folder of your own.")
    return path


def _write(html: str, path: Path, output: str | Path) -> None:
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            temporary.write_bytes(html.encode("utf-8", "replace"))
            os.replace(temporary, path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ReportError(f"No space left to write {output}. Free some, or write elsewhere.") from None
            raise ReportError(f"Cannot write {output}: {error.strerror or error}.") from None
    finally:
        temporary.unlink(missing_ok=True)


def _page(
    table, frame, model, labelled, title, min_count, at, findings, max_megabytes, step
) -> tuple[str, dict[str, Any]]:
    from pqnlp.estimation import grouping
    from pqnlp.reporting import sections
    from pqnlp.reporting.answers import fit_texts, pack_table, text_order

    frame = frame.copy()
    for name in ("month", "government", "ask"):
        frame[name] = grouping(frame, name).astype(object).where(lambda values: values.notna(), None)
    step(1)
    options, reasons = _correction(frame, model, labelled, min_count)
    _check_labels(frame, model)
    head = sections.headline(frame, options, reasons)
    parts = {name: sections.breakdown(frame, name, options) for name in FILTERS}
    step(1)
    charts = _charts(head, parts)
    step(1)
    answers = sections.Answers(frame)
    found = []
    if findings:
        found = sections.finding_sections(frame, answers, at=at, progress=lambda: step(1))
    else:
        step(5)
    packed = pack_table(frame, FILTERS, answers.sets, head["names"])
    quality = sections.model_quality(model)
    days = sorted(day for day in frame["answered"] if isinstance(day, str))
    view = {
        "title": title,
        "head": head,
        "parts": parts,
        "charts": charts,
        "findings": found,
        "quality": quality,
        "n": len(frame),
        "rows": len(table),
        "problems": Counter(problem for problem in table["problem"] if problem).most_common(),
        "unsure": int(sum(value is True or value == 1 for value in frame["unsure"])),
        "holding": int(frame["is_holding"].fillna(False).astype(bool).sum()) if "is_holding" in frame else 0,
        "days": (days[0], days[-1]) if days else None,
        "dated": len(days),
        "min_count": min_count,
        "sampled": labelled is not None,
        "packed": packed,
    }
    size = len(_render({**view, "packed_texts": "", "texts": len(frame)}).encode("utf-8", "replace"))
    room = int(max_megabytes * 1e6) - size - 200
    order = text_order(frame, dict.fromkeys(answers.cited), ("department", "label"))
    packed_texts, count = fit_texts(frame, order, max(0, room))
    html = _render({**view, "packed_texts": packed_texts, "texts": count})
    step(1)
    summary = {
        "answers": len(frame),
        "texts": count,
        "bytes": len(html.encode("utf-8", "replace")),
        "method": head["method"],
        "warning": head["warning"],
    }
    return html, summary


def _check_labels(frame, model) -> None:
    strange = sorted(set(frame["label"]) - set(map(str, model.classifier.classes_)))
    if strange:
        raise ReportError(
            f"The table has labels that the model {model.name!r} does not give ({', '.join(strange[:5])}): name the model that "
            "scored it (model=..., on the command line --model)."
        )


def _correction(frame, model, labelled, min_count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `pqnlp.rates` is given for labels, and for reasons."""
    from pqnlp.codebook import LABEL_OF_REASON

    options: dict[str, Any] = {"min_count": min_count}
    reasons = dict(options)
    if ((model.manifest.get("scores") or {}).get("model") or {}).get("confusion"):
        options["confusion"] = model
    if labelled is not None:
        from pqnlp.labels import LabelError, read_labelled

        try:  # the sample may hold ids only: its texts are those of the scored table
            sample = read_labelled(labelled, texts=frame[["id", "question", "answer"]])
        except LabelError as error:
            if "have no text" not in str(error):
                raise
            lost = str(error).split(" have no text")[0]
            raise LabelError(
                f"{lost} are not among the answers of the table: the sample has to be drawn from it."
            ) from None
        options["labelled"] = sample
        if sample["reason"].isin(list(LABEL_OF_REASON)).all():
            reasons["labelled"] = sample
    return options, reasons


def _charts(head: dict, parts: dict) -> dict[str, Any]:
    """Draw the figures: for each part, a picture a label."""
    from pqnlp import plot
    from pqnlp.highlight import visible
    from pqnlp.reporting.figures import draw

    charts: dict[str, Any] = {}
    if head["reasons"] is not None:
        says = "Shares of the reasons, with intervals. The table has the figures."
        charts["reasons"] = draw(plot.reasons(head["reasons"], width=330), says)
    for name, part in parts.items():
        if part is None or len(part["rows"]) < 2:
            continue
        names = {row["group"]: visible(_short(name, row["group"])) for row in part["rows"]}
        # Three pictures beside each other fill the page.
        width = 300 if name == "month" else 370 - plot.label_width(names.values())
        charts[name] = [
            draw(
                plot.rates(part["table"], label=label, width=width, names=names),
                f"Share {plot.label_name(label)} by {part['title'].lower()}, with intervals. The table has the figures.",
            )
            for label in head["names"]
        ]
    return charts


def _short(by: str, group: str) -> str:
    """Return a group's name without what nearly every department's has."""
    from pqnlp.plot import label_name

    if by == "ask":
        return label_name(group)
    return re.sub(r"^(?:Department (?:for|of)|Ministry of) (?:the )?", "", group) if by == "department" else group


def _render(view: dict[str, Any]) -> str:
    """Make the page; what a template shows is escaped, but for the charts and the page's own style and script."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    from pqnlp import __version__
    from pqnlp.codebook import LABEL_OF_REASON, LABELS
    from pqnlp.corpus import PROBLEMS
    from pqnlp.highlight import visible
    from pqnlp.plot import label_name
    from pqnlp.reporting.sections import _counted

    folder = files("pqnlp.reporting")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("pqnlp.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else visible(value),
    )
    environment.filters |= {
        "percent": lambda value: f"{100 * value:.1f} %",
        "in_hundred": lambda value: f"{100 * value:.0f}",
        "count": lambda value: f"{value:,}",
        "named": label_name,
        "counted": _counted,
        "coloured": lambda label: label if label in LABELS else "other",
    }
    environment.tests["short"] = lambda cell: len(cell if isinstance(cell, str) else cell["text"]) <= 16
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        **view,
        version=__version__,
        labels=view["head"]["names"],
        shipped_labels=set(view["head"]["names"]) == set(LABELS),
        label_of_reason=LABEL_OF_REASON,
        problem_means=PROBLEMS,
        style=Markup(style),
        script=Markup(script),
        script_digest=escape(digest),
    )
