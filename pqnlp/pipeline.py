"""The spaCy pipeline: sentences and entities on a blank English base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from pqnlp.entities.mention import Mention
    from pqnlp.entities.recogniser import OrganisationModel

__all__ = ["COMPONENTS", "build_pipeline", "find_mentions", "tag_texts"]

#: The components in the order in which they run.
COMPONENTS = ("pqnlp_sentences", "pqnlp_entities")


def build_pipeline(*, organisations: "OrganisationModel | None" = None) -> "Language":
    """Build the pipeline that tags sentences, departments, legislation, organisations and dates.

    Parameters
    ----------
    organisations : OrganisationModel, optional
        Recogniser of organisations in place of the shipped one, as ``pqnlp train-entities`` makes it.

    Returns
    -------
    spacy.language.Language
        It works under ``nlp.pipe``, ``nlp.to_disk`` and in other processes.
    """
    import pqnlp.entities.tagger  # noqa: F401

    # The entry points of an installed pqnlp register these factories too; a checkout on the path has none.
    import pqnlp.sentences  # noqa: F401
    from pqnlp.english import RememberingEnglish

    nlp = RememberingEnglish()
    nlp.max_length = 2_000_000
    for name in COMPONENTS:
        nlp.add_pipe(name)
    if organisations is not None:
        nlp.get_pipe("pqnlp_entities").taggers["organisations"].use_model(organisations)
    return nlp


def tag_texts(
    nlp: "Language", texts: Iterable[str], *, departments: Iterable[str | None], dates: Iterable[str | None],
    questions: Iterable[str | None] | None = None, batch_size: int = 256, disable: Iterable[str] = (),
) -> "Iterator[Doc]":  # fmt: skip
    """Run the pipeline over texts, each with what is known of its circumstances.

    Parameters
    ----------
    nlp : Language
        As `build_pipeline` makes it.
    texts : iterable of str
    departments : iterable of str or None
        The answering body of each text: what "her Department" means.
    dates : iterable of str or None
        ISO date on which each text is read: what "last year" means.
    questions : iterable of str or None, optional
        For an answer the question that it replies to, whose definitions it may use.
    batch_size : int, default 256
    disable : iterable of str, optional
        Components to leave out, as for ``nlp.pipe``.

    Yields
    ------
    Doc
        In the order of `texts`.
    """
    from pqnlp.raw_text import remember_text

    def docs():
        for text, known in _with_circumstances(texts, departments, dates, questions):
            doc = nlp.make_doc(text)
            remember_text(doc, text)
            doc.user_data.update(known)  # where spaCy keeps ``doc._``, which is slower
            yield doc

    yield from nlp.pipe(docs(), batch_size=batch_size, disable=list(disable))


def find_mentions(
    nlp: "Language", texts: list[str], *, departments: list[str | None], dates: list[str | None],
    questions: list[str | None] | None = None,
) -> "Iterator[list[Mention]]":  # fmt: skip
    """Find what :func:`tag_texts` marks, as plain mentions.

    Parameters
    ----------
    nlp : Language
    texts, departments, dates, questions : list of str or None
        As for :func:`tag_texts`.

    Yields
    ------
    list of Mention
        For each text, in order of appearance.

    Notes
    -----
    A pipeline as `build_pipeline` makes it finds mentions in the text itself and needs of the tokens only the edges that
    mentions keep to, so that no Doc is made. With one that was changed (another tokenizer, more components) Docs are
    made and read.
    """
    from spacy.util import raise_error

    from pqnlp.entities import mentions
    from pqnlp.entities.edges import TokenEdges
    from pqnlp.entities.mention import Mention
    from pqnlp.entities.tagger import EntityTagger

    tagger = nlp.get_pipe(COMPONENTS[-1]) if nlp.pipe_names == list(COMPONENTS) else None
    if (
        type(tagger) is EntityTagger
        and tagger.get_error_handler() is raise_error
        and TokenEdges.fits(nlp.tokenizer)
        and all(len(text) <= nlp.max_length for text in texts)
    ):
        given = list(_with_circumstances(texts, departments, dates, questions))
        yield from tagger.find_many(given, TokenEdges(nlp.tokenizer))
        return
    disabled = [name for name in nlp.pipe_names if name == "pqnlp_sentences"]
    docs = tag_texts(nlp, texts, departments=departments, dates=dates, questions=questions, disable=disabled)
    fields = ("start", "end", "type", "id", "url", "from", "to", "successor")
    for doc in docs:
        yield [
            Mention(*(row[name] or "" if name not in ("start", "end") else row[name] for name in fields))
            for row in mentions(doc)
        ]


def _with_circumstances(texts, departments, dates, questions) -> Iterator[tuple[str, dict]]:
    from pqnlp.entities.mention import KNOWN_DATE, KNOWN_DEPARTMENT, KNOWN_QUESTION

    for text, department, date, question in zip(texts, departments, dates, questions or repeat(None), strict=False):
        known = {KNOWN_DEPARTMENT: department or "", KNOWN_DATE: date or ""}
        if question:
            known[KNOWN_QUESTION] = question
        yield text, known
