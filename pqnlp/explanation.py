"""Why an answer got its label: the asks, the sentences, the entities and the probabilities of one pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pqnlp.errors import PqnlpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

    from pqnlp.classifier import Analysis
    from pqnlp.model import Model

__all__ = ["Explanation", "asks_of", "evidence_of", "explain", "pointed_at"]

#: The most sentences that are pointed at.
MAX_POINTED = 3


def pointed_at(decisive: "np.ndarray", share: float) -> list[int]:
    """Choose the sentences that are shown as the evidence of one answer.

    Parameters
    ----------
    decisive : ndarray, shape (n_sentences,)
        Probability of each sentence to be the deciding one.
    share : float
        Sentences at least this share as likely as the likeliest are shown too; see ``pointed_share_`` of
        `pqnlp.classifier.AnswerClassifier`.

    Returns
    -------
    list of int
        The likeliest and the others, `MAX_POINTED` in all, likeliest first.
    """
    order = decisive.argsort(kind="stable")[::-1][:MAX_POINTED]
    return [int(k) for k in order if decisive[k] >= share * decisive[order[0]]]


def evidence_of(analysis: "Analysis") -> "Iterator[list[int]]":
    """Yield for each pair the sentences that are shown as its evidence.

    Parameters
    ----------
    analysis : Analysis

    Yields
    ------
    list of int
        Places in the pair's ``spans``; see `pointed_at`.
    """
    first = 0
    for pair in analysis.pairs:
        yield pointed_at(analysis.decisive[first : first + len(pair.spans)], analysis.pointed_share)
        first += len(pair.spans)


def asks_of(pair: Any, analysis: "Analysis", first: int) -> list[dict]:
    """Return the asks of one pair and what became of them.

    Parameters
    ----------
    pair : ParsedPair
    analysis : Analysis
    first : int
        Where the pair's asks begin among those of the analysis.

    Returns
    -------
    list of dict
        As ``asks`` of `Explanation.to_dict`.
    """
    from pqnlp.codebook import VERDICTS

    out = []
    for k, ask in enumerate(pair.question.asks, first):
        verdict = by = None
        if analysis.verdicts is not None:
            verdict = VERDICTS[int(analysis.verdicts[k].argmax())]
            by = int(analysis.ask_evidence[k])
        out.append(
            {"start": ask.start, "end": ask.end, "text": ask.text, "kind": ask.kind, "verdict": verdict,
             "evidence": by if by is not None and by >= 0 else None}
        )  # fmt: skip
    return out


@dataclass(frozen=True)
class Explanation:
    """One explained pair. ``print(explanation)`` shows it, a notebook marks it in colour, `to_dict` gives it as plain data.

    Attributes
    ----------
    question, answer : str
        As read: all offsets count their characters.
    label, reason : str
    probabilities : dict of str to float
        By label, calibrated.
    unsure : bool
        Whether the label's probability is below the model's threshold.
    evidence, asks, sentences, entities : list of dict
        As in `to_dict`.
    model : dict
        ``name`` and ``version``.
    """

    question: str
    answer: str
    label: str
    reason: str
    probabilities: dict[str, float]
    unsure: bool
    evidence: list[dict] = field(default_factory=list)
    asks: list[dict] = field(default_factory=list)
    sentences: list[dict] = field(default_factory=list)
    entities: list[dict] = field(default_factory=list)
    model: dict = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, ready for JSON.

        Returns
        -------
        dict
            ``label``, ``reason``, ``probabilities`` (label to probability), ``unsure``;
            ``evidence``: ``start``, ``end``, ``text``, likeliest first;
            ``asks``: ``start``, ``end``, ``text``, ``kind``, ``verdict``, ``evidence`` (index of a sentence or None), in
            order of the question; ``sentences``: ``start``, ``end``, ``role``, ``p``; ``entities``: ``field``, ``start``,
            ``end``, ``text``, ``type``, ``id``, ``url``, ``from``, ``to``; ``model``: ``name``, ``version``.
            Offsets of asks count the question's characters, those of evidence and sentences the answer's.
        """
        return {
            "label": self.label,
            "reason": self.reason,
            "probabilities": dict(self.probabilities),
            "unsure": self.unsure,
            "evidence": [dict(row) for row in self.evidence],
            "asks": [dict(row) for row in self.asks],
            "sentences": [dict(row) for row in self.sentences],
            "entities": [dict(row) for row in self.entities],
            "model": dict(self.model),
        }

    def __str__(self) -> str:
        return self.render(color=False)

    def render(self, *, color: bool = True, width: int = 100) -> str:
        """Return the explanation as text for a terminal.

        Parameters
        ----------
        color : bool, default True
            Whether to mark with ANSI colours; the deciding sentence is marked with ``>`` in any case.
        width : int, default 100

        Returns
        -------
        str
        """
        import io

        from rich.console import Console
        from rich.text import Text

        out = io.StringIO()
        console = Console(
            file=out, width=width, force_terminal=color, no_color=not color, color_system="standard" if color else None
        )
        head = Text()
        head.append(self.label, style=f"bold {_STYLES.get(self.label, 'cyan')}")
        head.append(f" ({self.reason})" + (", unsure" if self.unsure else "") + "  ")
        head.append("  ".join(f"{name} {p:.2f}" for name, p in self.probabilities.items()), style="dim")
        console.print(head)
        console.print(Text("Asks", style="bold"))
        for ask in self.asks:
            by = f", sentence {ask['evidence'] + 1}" if ask["evidence"] is not None else ""
            told = f"  [{ask['verdict']}{by}]" if ask["verdict"] is not None else ""
            console.print(Text(f"  {ask['kind']}: {ask['text']}{told}"))
        console.print(Text("Answer", style="bold"))
        for number, (row, deciding) in enumerate(self._deciding(), 1):
            role = f" [{row['role']}]" if row["role"] is not None else ""
            line = Text(f"{'>' if deciding else ' '} {number}{role} ")
            line.append(self.answer[row["start"] : row["end"]], style="bold reverse" if deciding and color else "")
            console.print(line)
        if self.entities:
            console.print(Text("Entities", style="bold"))
            for row in self.entities:
                more = row["url"] or row["id"] or ""
                if row["from"] or row["to"]:
                    more = f"{row['from'] or '..'} to {row['to'] or '..'}"
                console.print(Text(f"  {row['type']}: {row['text']}" + (f"  {more}" if more else "")))
        return out.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        """Return the explanation as HTML for a notebook: asks, deciding sentences and entities marked."""
        from html import escape

        from pqnlp.highlight import mark, visible

        def said(value) -> str:
            return escape(visible(str(value).replace("_", " ")))

        asks = [(row["start"], row["end"], "pqnlp-ask", _told(row["kind"], row["verdict"])) for row in self.asks]
        chosen = [(row["start"], row["end"], "pqnlp-evidence", "deciding sentence") for row in self.evidence]
        spans = {"question": asks, "answer": chosen}
        for row in self.entities:
            dates = f"{row['from'] or '…'} to {row['to'] or '…'}" if row["from"] or row["to"] else ""
            spans[row["field"]].append(
                (row["start"], row["end"], "pqnlp-entity", _told(row["type"], row["id"] or dates))
            )
        rows = "".join(
            f"<tr><td>{number}</td><td>{said(row['role'] or '')}</td><td>{'yes' if deciding else ''}</td></tr>"
            for number, (row, deciding) in enumerate(self._deciding(), 1)
        )
        shares = ", ".join(f"{said(name)} {p:.2f}" for name, p in self.probabilities.items())
        unsure = ", unsure" if self.unsure else ""
        return (
            f'<div class="pqnlp">{_NOTEBOOK_STYLE}'
            f"<p><b>{said(self.label)}</b> ({said(self.reason)}{unsure}) · {shares}</p>"
            f'<p class="pqnlp-text"><b>Question</b>\n{mark(self.question, spans["question"])}</p>'
            f'<p class="pqnlp-text"><b>Answer</b>\n{mark(self.answer, spans["answer"])}</p>'
            f"<details><summary>{len(self.sentences)} sentences and their roles</summary><table><tr><th>sentence</th>"
            f"<th>role</th><th>deciding</th></tr>{rows}</table></details>"
            '<p>Marked: <span class="pqnlp-ask">asks</span> <span class="pqnlp-evidence">deciding sentences</span> '
            '<span class="pqnlp-entity">names and dates</span></p></div>'
        )

    def _deciding(self) -> list[tuple[dict, bool]]:
        """Return the sentences, and whether each is shown as evidence."""
        chosen = {(row["start"], row["end"]) for row in self.evidence}
        return [(row, (row["start"], row["end"]) in chosen) for row in self.sentences]


def _told(*parts: str | None) -> str:
    return ": ".join(str(part).replace("_", " ") for part in parts if part)


_STYLES = {"direct": "green", "evasive": "red", "policy_restating": "yellow"}
# Half-transparent, so that it can be read on the light and on the dark pages of notebooks.
_NOTEBOOK_STYLE = (
    "<style>.pqnlp-text{white-space:pre-wrap;max-width:80ch;unicode-bidi:isolate}"
    ".pqnlp-ask{background:rgba(60,140,230,.28)}.pqnlp-evidence{background:rgba(255,190,0,.38)}"
    ".pqnlp-entity{border-bottom:2px dotted #5a9a70}</style>"
)


def explain(
    question: str,
    answer: str,
    department: str | None = None,
    answered: str | None = None,
    *,
    model: "Model | str | Path | None" = None,
) -> Explanation:
    """Say what kind of answer a question got, and show why.

    Parameters
    ----------
    question, answer : str
        Plain text or HTML.
    department : str, optional
        The answering body; by default it is read from the question ("To ask the Secretary of State for ...").
    answered : str, optional
        ISO date of the answer, on which "last year" is read.
    model : Model or path, optional
        The model that ships with pqnlp by default.

    Returns
    -------
    Explanation

    Raises
    ------
    PqnlpError
        If question or answer are empty, cut, or no text.
    TypeError
        If they are no strings.
    """
    from pqnlp.corpus import PROBLEMS, read
    from pqnlp.model import load

    for name, value in (("question", question), ("answer", answer)):
        if not isinstance(value, str):
            raise TypeError(f"The {name} is {type(value).__name__}: expected a string.")
    row = read([{"question": question, "answer": answer, "department": department, "answered": answered}]).iloc[0]
    if row["problem"] and row["problem"] != "not_english":
        raise PqnlpError(f"This pair cannot be explained ({row['problem']}): {PROBLEMS[row['problem']]}.")
    opened = load(model)
    analysis = opened.classifier.analyse([(row["question"], row["answer"])])
    (explanation,) = explanations(analysis, opened)
    from pqnlp.scoring import tag_rows

    entities = tag_rows(
        opened.nlp, [row["question"]], [row["answer"]], [department], [row["answered"] if answered else None]
    )[0]
    return Explanation(**{**vars(explanation), "entities": entities})


def explanations(analysis: "Analysis", model: "Model") -> list[Explanation]:
    """Turn an analysis into explanations, entities left empty.

    Parameters
    ----------
    analysis : Analysis
    model : Model
        That made it.

    Returns
    -------
    list of Explanation
    """
    from pqnlp.codebook import ROLES

    classifier = model.classifier
    labels = [str(c) for c in classifier.classes_]
    reasons = classifier.reasons_from(analysis)
    given = classifier.decide(analysis.probabilities)
    out = []
    sentence = ask = 0
    for k, (pair, shown) in enumerate(zip(analysis.pairs, evidence_of(analysis), strict=True)):
        p = analysis.probabilities[k]
        sentences = []
        for j, (start, end) in enumerate(pair.spans):
            if analysis.roles is None:
                role, weight = None, None
            else:
                of = analysis.roles[sentence + j]
                role, weight = ROLES[int(of.argmax())], round(float(of.max()), 4)
            sentences.append({"start": start, "end": end, "role": role, "p": weight})
        chosen = [pair.spans[j] for j in shown]
        out.append(
            Explanation(
                question=pair.question.text,
                answer=pair.answer,
                label=labels[given[k]],
                reason=str(reasons[k]),
                probabilities={name: round(float(value), 4) for name, value in zip(labels, p, strict=True)},
                unsure=bool(p[given[k]] < model.unsure_below),
                evidence=[{"start": a, "end": b, "text": pair.answer[a:b]} for a, b in chosen],
                asks=asks_of(pair, analysis, ask),
                sentences=sentences,
                model={"name": model.name, "version": model.version},
            )
        )
        sentence += len(pair.spans)
        ask += len(pair.question.asks)
    return out
