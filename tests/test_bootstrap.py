import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support

from pqnlp.bootstrap import confusion_columns, figures_of, interval, resampled_sums


def labels(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    return true, np.where(rng.random(n) < 0.7, true, rng.choice(["a", "b", "c"], n))


def test_figures_are_those_of_scikit_learn():
    true, said = labels()
    figures = figures_of(confusion_columns(true, said, "abc").sum(0).reshape(3, 3))
    precision, recall, f1, _ = precision_recall_fscore_support(true, said, labels=list("abc"))
    assert figures["precision"] == pytest.approx(precision)
    assert figures["recall"] == pytest.approx(recall)
    assert figures["f1"] == pytest.approx(f1)
    assert figures["macro_f1"] == pytest.approx(f1.mean())
    assert figures["kappa"] == pytest.approx(cohen_kappa_score(true, said))
    assert figures["accuracy"] == pytest.approx(accuracy_score(true, said))


def test_a_class_that_no_row_has_counts_as_nought_and_one_that_a_draw_lacks_does_not():
    confusion = np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]])
    assert figures_of(confusion)["macro_f1"] == pytest.approx(2 / 3)
    assert figures_of(confusion, present=np.array([True, True, True]))["macro_f1"] == pytest.approx(1)


def test_copies_do_not_make_an_interval_narrower():
    right = np.random.default_rng(1).random(60) < 0.6
    groups = np.arange(60)
    _, once = resampled_sums(right[:, None], groups)
    _, copied = resampled_sums(np.repeat(right, 5)[:, None], np.repeat(groups, 5))
    _, ignored = resampled_sums(np.repeat(right, 5)[:, None], np.arange(300))
    assert interval(copied[:, 0] / 300) == interval(once[:, 0] / 60)
    width = np.diff(interval(ignored[:, 0] / 300))[0]
    assert width < 0.6 * np.diff(interval(once[:, 0] / 60))[0]


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = 0
    for seed in range(100):
        right = np.random.default_rng(seed).random(150) < 0.7
        _, drawn = resampled_sums(right[:, None], np.arange(150), resamples=500, seed=seed)
        low, high = interval(drawn[:, 0] / 150)
        held += low <= 0.7 <= high
    assert 88 <= held <= 99


def test_drawn_in_pieces_it_is_the_same(monkeypatch):
    columns, groups = np.arange(40.0)[:, None], np.arange(40) // 2
    whole = resampled_sums(columns, groups, resamples=50)[1]
    monkeypatch.setattr("pqnlp.bootstrap._CELLS", 100)
    assert np.array_equal(resampled_sums(columns, groups, resamples=50)[1], whole)


def test_a_figure_that_most_draws_lack_has_no_interval():
    assert interval(np.array([0.5, np.nan, np.nan])) is None
    assert interval(np.array([])) is None
    assert interval(np.array([0.5, 0.5, np.nan])) == [0.5, 0.5]
