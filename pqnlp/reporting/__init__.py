"""The report: one page of HTML that shows what a scored table says, how surely, and the answers behind each figure.

`page` puts it together, `sections` computes what its parts show, `figures` draws the charts into it, `answers` packs the
answers so that a browser can open them without a server.
"""

from pqnlp.reporting.page import ReportError, report

__all__ = ["ReportError", "report"]
