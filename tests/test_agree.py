"""`pqnlp.agree`, in pqnlp/agreement.py. (tests/test_agreement.py is of the benchmark of that name.)"""

import json

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

import pqnlp
from pqnlp.agreement import fleiss_kappa, krippendorff_alpha
from pqnlp.cli import app
from pqnlp.exports import FORMS, write_export
from pqnlp.labels import LabelError

# Fleiss (1971) as worked through in textbooks: 14 annotators, 10 subjects, 5 categories; kappa = 0.210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def frame(labels: str, **columns) -> pd.DataFrame:
    """Return labels of one letter for the ids from 1; a dash is no label."""
    table = pd.DataFrame({"id": range(1, len(labels) + 1), "label": list(labels)}).assign(**columns)
    return table[table["label"] != "-"]


# --- figures ----------------------------------------------------------------------------------------------------------


def test_fleiss_kappa_of_the_published_example():
    assert fleiss_kappa(np.array(FLEISS)) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("seed", range(10))
def test_alpha_is_that_of_the_reference(seed):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 4, (rng.integers(2, 6), 50)).astype(float)
    data[:, :25] = data[0, :25]
    data[rng.random(data.shape) < 0.3] = np.nan
    counts = np.stack([(data == value).sum(0) for value in range(4)], axis=1)
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert krippendorff_alpha(counts) == pytest.approx(expected)


def test_figures_of_two_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    one = rng.choice(list("abc"), 80)
    two = np.where(rng.random(80) < 0.6, one, rng.choice(list("abc"), 80))
    found = pqnlp.agree(frame("".join(one)), frame("".join(two)))
    assert found["agreement"] == pytest.approx(np.mean(one == two), abs=1e-4)
    pair = found["pairs"][0]
    assert pair["cohen_kappa"] == pytest.approx(cohen_kappa_score(one, two), abs=1e-4)
    assert pair["interval"][0] < pair["cohen_kappa"] < pair["interval"][1]
    assert np.sum(pair["confusion"]) == 80 and np.trace(pair["confusion"]) == np.sum(one == two)


def test_three_of_whom_one_did_a_part():
    found = pqnlp.agree(frame("aabb"), frame("aabb"), frame("ab--"))
    assert (found["n"], found["labelled_by_all"]) == (4, 2)
    assert found["all_agree"] == 0.75
    # Two pairs of annotators say the same of the second row's three, and all of the others'.
    assert found["agreement"] == pytest.approx((1 + 1 / 3 + 1 + 1) / 4, abs=1e-4)
    assert [pair["n"] for pair in found["pairs"]] == [4, 2, 2]


def test_what_cannot_be_said_is_none():
    found = pqnlp.agree(frame("aaa"), frame("aaa"))
    assert found["agreement"] == 1
    assert found["alpha"] is found["fleiss_kappa"] is found["pairs"][0]["cohen_kappa"] is None
    apart = pqnlp.agree(frame("ab--"), frame("--ab"), frame("abab"))
    assert apart["fleiss_kappa"] is None and apart["labelled_by_all"] == 0
    assert apart["pairs"][0]["n"] == 0 and apart["pairs"][0]["agreement"] is None


def test_labels_stand_in_the_codebooks_order():
    table = pd.DataFrame({"id": [1, 2, 3], "label": ["policy_restating", "direct", "evasive"]})
    assert pqnlp.agree(table, table)["labels"] == ["direct", "evasive", "policy_restating"]


def test_per_label_is_how_often_another_says_it_too():
    found = pqnlp.agree(frame("aaab"), frame("aaba"))
    assert found["per_label"]["a"] == {"agreement": round(4 / 6, 4), "n": 6}
    assert found["per_label"]["b"]["agreement"] == 0


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rows_to_settle_are_those_that_differ():
    texts = pd.DataFrame({"id": ["1", "2", "3"], "question": "Why?", "answer": ["So.", "Thus.", "For a reason."]})
    found = pqnlp.agree(frame("abc"), frame("abb"), texts=texts)
    assert found["adjudicate"].to_dict("records") == [
        {
            "id": "3", "question": "Why?", "answer": "For a reason.", "annotator 1": "c", "annotator 2": "b",
            "votes": "c 1, b 1", "label": "",
        }
    ]  # fmt: skip


def test_one_file_with_a_column_of_annotators():
    both = pd.concat([frame("abb", annotator="Anna"), frame("aba", annotator="Ben")])
    found = pqnlp.agree(both)
    assert found["annotators"] == {"Anna": 3, "Ben": 3} and found["agreement"] == round(2 / 3, 4)


def test_one_name_in_two_files_is_two_annotators(write):
    files = [write(name, frame("ab", annotator="1").to_csv(index=False)) for name in ("x.csv", "y.csv")]
    assert list(pqnlp.agree(*files)["annotators"]) == ["x: 1", "y: 1"]


def test_without_ids_texts_are_matched():
    one = pd.DataFrame({"question": ["Why?", "When?"], "answer": ["<p>So it is.</p>", "Soon."], "label": ["a", "b"]})
    two = one.iloc[::-1].assign(answer=["Soon.", "So it is."])
    assert pqnlp.agree(one, two)["agreement"] == 1


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_export_is_read(form, tmp_path):
    for name, labels in (("anna", "aab"), ("ben", "abb")):
        rows = frame(labels).assign(question="Does it leak?", answer="The roof leaks.", annotator=name)
        rows["answer"] += [" A little.", " A lot.", " Not at all."]
        write_export(rows, tmp_path / f"{name}.{'csv' if form == 'csv' else 'json'}", form)
    found = pqnlp.agree(*sorted(tmp_path.iterdir()))
    assert found["n"] == 3 and found["agreement"] == round(2 / 3, 4)
    assert found["adjudicate"]["answer"].tolist() == ["The roof leaks. A lot."]


def test_reasons_can_be_compared():
    one, two = frame("aa", reason=["x", "y"]), frame("aa", reason=["x", "x"])
    assert pqnlp.agree(one, two, of="reason")["agreement"] == 0.5


def test_rows_without_a_label_are_counted():
    found = pqnlp.agree(frame("aab").assign(label=["a", None, "b"]), frame("aab"))
    assert found["n"] == 2
    assert any("1 rows of annotator 1" in notice for notice in found["notices"])
    assert any("1 pair had one annotator only" in notice for notice in found["notices"])


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([frame("ab")], "All labels are by one annotator"),
        ([], "There is nothing to compare"),
        ([frame("ab"), frame("ab").assign(id=[8, 9])], "No pair was labelled by two"),
        ([frame("ab"), frame("ab").rename(columns={"label": "code"})], "no column 'label'"),
        ([frame("ab"), pd.concat([frame("ab"), frame("bb")])], r"'a' and 'b' \(rows 1, 3"),
        ([frame("ab"), frame("ab").drop(columns="id")], "Rows cannot be matched"),
        ([frame("ab"), frame("--")], "no row with a label"),
        ([frame("ab", question="Why?", answer="So."), frame("ab", question="Why?", answer="Thus.")], "id 1 stands for different"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_compared_are_told(sources, message):
    with pytest.raises(LabelError, match=message):
        pqnlp.agree(*sources)


def test_the_command_shows_and_writes(write, tmp_path):
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    files = [
        str(write(f"{name}.csv", frame(labels).to_csv(index=False)))
        for name, labels in (("anna", "aabb"), ("ben", "aaba"))
    ]
    shown = runner.invoke(app, ["agree", *files, "-o", str(tmp_path / "settle.csv")])
    assert shown.exit_code == 0, shown.stderr
    assert (
        "Krippendorff's alpha" in shown.stdout and "anna, ben" in shown.stdout and "To settle: 1 of 4" in shown.stdout
    )
    assert pd.read_csv(tmp_path / "settle.csv").loc[0, ["anna", "ben"]].tolist() == ["b", "a"]
    assert json.loads(runner.invoke(app, ["agree", *files, "--json"]).stdout)["adjudicate"] == ["4"]
    assert runner.invoke(app, ["agree", *files, "-o", files[0]]).exit_code == 1
