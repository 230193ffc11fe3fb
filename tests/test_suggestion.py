import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.exports import FORMS
from pqnlp.groups import near_duplicate_groups
from pqnlp.labels import read_labelled
from pqnlp.suggestion import SuggestionError, badge, choose_diverse, disagreement, margins

REPAIRS = Path(__file__).parents[1] / "data" / "repairs.csv"


@pytest.fixture(scope="module")
def corpus():
    return pd.read_csv(REPAIRS)[["id", "question", "answer"]]


@pytest.fixture(scope="module")
def chosen(small_model, corpus):
    return pqnlp.suggest(corpus, model=small_model, count=30)


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_what_is_chosen_is_less_sure_than_the_rest(chosen, small_model, corpus):
    rest = pqnlp.suggest(corpus, model=small_model, count=200, random=True)
    assert chosen["margin"].median() < rest["margin"].median()
    assert chosen["disagreement"].mean() > rest["disagreement"].mean()


@pytest.mark.parametrize(("by", "column", "sign"), [("margin", "margin", -1), ("disagreement", "disagreement", 1)])
def test_each_strategy_goes_by_its_own_figure(by, column, sign, small_model, corpus):
    some = pqnlp.suggest(corpus, model=small_model, count=20, by=by)
    assert (sign * some[column]).is_monotonic_decreasing


def test_badge_takes_unsure_rows_and_not_the_same_words_twice():
    words = sp.csr_matrix(np.repeat(np.eye(5), [40, 1, 1, 1, 40], axis=0))
    unsure, sure = [0.5, 0.3, 0.2], [0.998, 0.001, 0.001]
    probabilities = np.array([unsure] * 43 + [sure] * 40)
    at = badge(words, probabilities, 5)
    assert {40, 41, 42} < set(at) and sum(at < 40) == sum(at > 42) == 1  # one stands for all that are sure
    assert at[-1] > 42
    assert at.tolist() == badge(words, probabilities, 5).tolist()


def test_badge_takes_rows_of_the_same_words_that_are_in_doubt_about_other_labels():
    words = sp.csr_matrix(np.ones((20, 1)))
    probabilities = np.array([[0.5, 0.5, 0.0]] * 19 + [[0.0, 0.5, 0.5]])
    assert 19 in badge(words, probabilities, 2)


@pytest.mark.parametrize("count", [3, 5, 50])
def test_badge_has_all_rows_at_last(count):
    same = badge(sp.csr_matrix(np.ones((5, 2))), np.full((5, 2), 0.5), count)
    assert len(set(same)) == len(same) == min(count, 5)


def test_no_two_are_near_duplicates(chosen):
    assert len(set(near_duplicate_groups(chosen["answer"].tolist()))) == len(chosen) == 30


def test_labelled_ids_and_copies_of_their_answers_are_left_out(chosen, small_model, corpus):
    labelled = chosen[["id"]].head(15)
    again = pqnlp.suggest(corpus, model=small_model, count=30, labelled=labelled)
    assert not set(again["id"]) & set(labelled["id"])
    copied = corpus.assign(id="copy-" + corpus["id"])
    others = pqnlp.suggest(copied, model=small_model, count=400, labelled=chosen[["id", "answer"]].head(15))
    both = near_duplicate_groups([*chosen["answer"].head(15), *others["answer"]])
    assert not set(both[:15]) & set(both[15:])


def test_ids_of_another_kind_are_told_of(small_model, corpus):
    some = pqnlp.suggest(corpus, model=small_model, count=5, labelled=pd.DataFrame({"id": [1, 2]}))
    assert any("None of the labelled ids" in notice for notice in some.attrs["notices"])


def test_a_random_sample_is_fair(small_model):
    """Each row is as likely as another, copies or not, and wherever it stands."""
    rows = pd.DataFrame(
        {"id": range(400), "question": "Will you mend the tap?", "answer": "The tap was mended in May."}
    )
    rows.loc[:199, "answer"] = [f"We mended tap {k} in the house, and the {k}th door." for k in range(200)]
    picked = pd.concat([pqnlp.suggest(rows, model=small_model, count=40, random=True, seed=seed) for seed in range(10)])
    assert 150 <= (picked["id"].astype(int) < 200).sum() <= 250
    assert 120 <= (picked["id"].astype(int) % 2 == 0).sum() <= 280
    shuffled = pqnlp.suggest(rows.sample(frac=1, random_state=1), model=small_model, count=40, random=True, seed=0)
    assert shuffled["id"].tolist() == picked["id"].head(40).tolist()
    assert set(picked["chosen"]) == {"random"}


def test_a_row_that_stands_twice_is_chosen_once(small_model, corpus):
    twice = pqnlp.suggest(pd.concat([corpus, corpus]), model=small_model, count=50, random=True)
    assert twice["id"].is_unique


def test_the_same_is_chosen_in_batches(small_model, corpus, chosen, monkeypatch):
    monkeypatch.setattr("pqnlp.suggestion._BATCH", 37)
    assert pqnlp.suggest(corpus, model=small_model, count=30)["id"].tolist() == chosen["id"].tolist()


def test_rows_with_a_problem_are_not_asked_for(small_model, corpus):
    broken = corpus.head(40).copy()
    broken.loc[:34, "answer"] = ""
    some = pqnlp.suggest(broken, model=small_model, count=30)
    assert len(some) == 5
    assert any("There are 5 to choose, not 30" in notice for notice in some.attrs["notices"])


def test_stock_phrases_do_not_crowd_out_the_others():
    texts = [f"Stock reply number {k} about the boiler and its pump" for k in range(60)]
    texts += [
        "The garden wall fell in the storm",
        "Our lift is slow",
        "Parking permits cost more",
        "No dogs in the yard",
    ]
    at = choose_diverse(texts, np.r_[np.full(60, 0.9), np.full(4, 0.8)], 16)
    assert len(at) == len(set(at)) == 16
    assert len(set(at) & {60, 61, 62, 63}) >= 3


def test_figures():
    assert margins(np.array([[0.6, 0.3, 0.1], [1 / 3, 1 / 3, 1 / 3]])) == pytest.approx([0.3, 0])
    votes = np.array([[[1.0, 0, 0], [0.5, 0.5, 0]], [[0, 1.0, 0], [0.5, 0.5, 0]], [[0, 0, 1.0], [0.5, 0.5, 0]]])
    assert disagreement(votes) == pytest.approx([1, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "give 1 or more"),
        ({"by": "entropy"}, "expected one of badge, both, margin"),
        ({"labelled": pd.DataFrame({"label": ["fixed"]})}, "neither an 'id' nor an 'answer'"),
        ({"labelled": REPAIRS}, "nothing to choose from"),
        ({"labelled": REPAIRS, "random": True}, "nothing to choose from"),
    ],
)
def test_what_cannot_be_chosen_is_told(options, message, small_model, corpus):
    with pytest.raises(SuggestionError, match=message):
        pqnlp.suggest(corpus, model=small_model, **options)


# --- what is written --------------------------------------------------------------------------------------------------


def test_guesses_and_evidence_are_the_models(chosen, small_model):
    scored = pqnlp.score(chosen[["id", "question", "answer"]], model=small_model)
    assert scored["label"].tolist() == chosen["label"].tolist()
    assert scored["reason"].tolist() == chosen["reason"].tolist()
    for words, answer, spans in zip(scored["evidence"], chosen["answer"], chosen["evidence_spans"], strict=True):
        assert " […] ".join(answer[start:end] for start, end in spans) == words


@pytest.fixture
def run():
    runner = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"})
    return lambda *arguments: runner.invoke(app, list(map(str, arguments)))


@pytest.mark.parametrize("form", FORMS)
def test_the_command_writes_each_form_and_labels_come_back_by_id(form, run, small_model, tmp_path):
    file = tmp_path / f"next.{'csv' if form == 'csv' else 'json'}"
    done = run("suggest", REPAIRS, "-m", small_model, "-n", 8, "-f", form, "-o", file)
    assert done.exit_code == 0, done.stderr
    assert "Chosen: 8 answers by uncertainty" in done.stdout and "correct no rate" in done.stdout
    back = read_labelled(str(file))
    known = pd.read_csv(REPAIRS).set_index("id")
    assert len(back) == 8 and back["answer"].tolist() == known.loc[back["id"], "answer"].tolist()
    # Only doccano and Prodigy have no place for a guess that nobody has confirmed.
    assert back["problem"].eq("unlabelled").all() or form == "doccano"


def test_blind_suggestions_hold_no_guess(run, small_model, tmp_path):
    for form in FORMS:
        assert (
            run("suggest", REPAIRS, "-m", small_model, "-n", 4, "-f", form, "-o", tmp_path / form, "--blind").exit_code
            == 0
        )
        text = (tmp_path / form).read_text(encoding="utf-8")
        assert '"predictions"' not in text and '"agent"' not in text
        assert '"accept": ["' not in text and '"label": ["' not in text
    assert pd.read_csv(tmp_path / "csv")["label"].isna().all()


def test_label_studios_interface_names_labels_and_reasons(run, small_model, tmp_path):
    arguments = ["suggest", REPAIRS, "-m", small_model, "-n", 2, "-f", "label-studio", "-o", tmp_path / "n.json"]
    assert run(*arguments, "--interface", tmp_path / "i.xml").exit_code == 0
    assert 'value="refused"' in (tmp_path / "i.xml").read_text() and 'name="reason"' in (tmp_path / "i.xml").read_text()
    task = json.loads((tmp_path / "n.json").read_text())[0]
    assert task["predictions"][0]["model_version"] == "repairs 1.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{repairs}", "-o", "{tmp}/nowhere/n.csv"], "no folder"),
        (["{repairs}", "-o", "{tmp}"], "is a folder"),
        (["{tmp}/none.csv", "-o", "{tmp}/n.csv"], "no file"),
        (["{repairs}", "-o", "{tmp}/n.csv", "--labelled", "{repairs}"], "nothing to choose from"),
    ],
)
def test_errors_of_the_command(arguments, message, run, small_model, tmp_path):
    told = run("suggest", *(a.format(repairs=REPAIRS, tmp=tmp_path) for a in arguments), "-m", small_model)
    assert told.exit_code == 1 and message in told.stderr
    assert not (tmp_path / "n.csv").exists()
