"""Shares of labels: right formulas, intervals that hold the truth, and plain words where they may not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pqnlp
from pqnlp.errors import PqnlpError
from pqnlp.estimation import (
    adjusted_count,
    grouping,
    mean_probabilities,
    naive_shares,
    ppi_shares,
    rate_differences,
    rates,
)
from pqnlp.labels import LabelError

LABELS = ("direct", "evasive", "policy_restating")
CONFUSION = np.array([[470, 50, 20], [80, 170, 10], [90, 20, 80]])


def table(counts: dict[str, int], **more) -> pd.DataFrame:
    """Return a scored table with so many answers of each label."""
    labels = [label for label, n in counts.items() for _ in range(n)]
    return pd.DataFrame({"id": [str(k) for k in range(len(labels))], "label": labels}).assign(**more)


# --- formulas ---------------------------------------------------------------------------------------------------------


def test_naive_interval_is_wilsons():
    # As statsmodels.stats.proportion.proportion_confint(12, 40, method="wilson") gives it.
    found = naive_shares([12, 28])
    assert found.rate[0] == pytest.approx(0.3)
    assert (found.low[0], found.high[0]) == pytest.approx((0.180_748, 0.454_300), abs=1e-6)


def test_adjusted_count_is_rogan_and_gladens_for_two_labels():
    confusion = np.array([[90, 10], [30, 70]])  # sensitivity 0.9, specificity 0.7
    found = adjusted_count([500, 500], confusion, seed=1)
    assert found.rate[0] == pytest.approx((0.5 + 0.7 - 1) / (0.9 + 0.7 - 1), abs=0.002)
    assert found.low[0] < found.rate[0] < found.high[0]


def test_adjusted_count_turns_the_mixture_round():
    shares = np.array([0.2, 0.5, 0.3])
    seen = shares @ (CONFUSION / CONFUSION.sum(axis=1, keepdims=True))
    found = adjusted_count(np.round(seen * 100_000), CONFUSION)
    assert found.rate == pytest.approx(shares, abs=0.003)
    assert found.draws.sum(axis=1) == pytest.approx(1)


def test_adjusted_count_stays_within_the_possible():
    found = adjusted_count([0, 0, 40], CONFUSION)
    assert found.rate == pytest.approx([0, 0, 1], abs=0.01)
    assert (found.low >= 0).all()
    assert (found.high <= 1 + 1e-9).all()


def test_a_larger_hold_out_gives_a_narrower_interval():
    few, many = (adjusted_count([60_000, 25_000, 15_000], CONFUSION * n) for n in (1, 50))
    assert (many.high - many.low < 0.3 * (few.high - few.low)).all()


def sample(n=80, size=900, seed=7):
    """Return true labels, scores and scores of unlabelled answers, as the check against ppi-python used them."""
    rng = np.random.default_rng(seed)
    true = (rng.random(n) < 0.4).astype(float)
    scores = np.clip(true * 0.3 + rng.random(n), 0, 1)
    others = np.clip((rng.random(size) < 0.45) * 0.3 + rng.random(size), 0, 1)
    return tuple(np.c_[column, 1 - column] for column in (true, scores, others))


# Estimate and half width of the 95 % interval by ppi-python 0.2.3: ppi_mean_pointestimate and ppi_mean_ci with lam=power.
@pytest.mark.parametrize(
    ("power", "point", "half"),
    [
        (0.0, 0.4, 0.107_351_649),
        (0.5, 0.410_194_301, 0.093_974_021),
        (1.0, 0.420_388_602, 0.091_603_626),
        (None, 0.418_289_613, 0.091_091_053),
    ],
)
def test_ppi_is_that_of_ppi_python(power, point, half):
    found = ppi_shares(*sample(), power=power)
    assert found.rate[0] == pytest.approx(point, abs=1e-3 if power is None else 1e-9)
    # Theirs is a normal interval; Wilson's with Student's quantile differs a little at this size.
    assert (found.high[0] - found.low[0]) / 2 == pytest.approx(half, rel=0.05)


def test_shares_by_ppi_sum_to_one():
    rng = np.random.default_rng(0)
    true, scores = np.eye(3)[rng.integers(0, 3, 60)], rng.dirichlet([1, 1, 1], 60)
    assert ppi_shares(true, scores, rng.dirichlet([2, 1, 1], 500)).rate.sum() == pytest.approx(1)


def test_without_unlabelled_answers_the_sample_alone_counts():
    true, scores, _ = sample()
    found = ppi_shares(true, scores, np.empty((0, 2)))
    assert found.rate == pytest.approx(true.mean(axis=0))


def test_a_label_that_the_sample_lacks_is_not_sure_to_be_absent():
    true = np.tile([1.0, 0.0], (40, 1))
    found = ppi_shares(true, true, np.tile([1.0, 0.0], (400, 1)))
    assert found.high[1] > 0.05


def test_mean_probabilities_know_of_the_hold_outs_size():
    scores = np.tile([0.7, 0.3], (5000, 1))
    small, large = mean_probabilities(scores, 100), mean_probabilities(scores, 10_000)
    assert small.rate == pytest.approx([0.7, 0.3])
    assert small.high[0] - small.low[0] > 4 * (large.high[0] - large.low[0])
    off = mean_probabilities(scores, 100, off=np.array([-0.1, 0.1]))
    assert off.rate == pytest.approx([0.6, 0.4])


def test_intervals_hold_the_truth_where_naive_ones_do_not():
    # The short form of benchmarks/coverage.py.
    rng = np.random.default_rng(5)
    errors = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    truth = np.array([0.3, 0.5, 0.2])
    inside = {"naive": [], "confusion": [], "ppi": []}
    for _ in range(150):
        true = rng.choice(3, size=1000, p=truth)
        given = np.eye(3)[(rng.random((1000, 1)) > errors[true].cumsum(axis=1)[:, :2]).sum(axis=1)]
        true = np.eye(3)[true]
        held = rng.multinomial(990, (CONFUSION / CONFUSION.sum()).ravel()).reshape(3, 3)
        found = {
            "naive": naive_shares(given.sum(axis=0)),
            "confusion": adjusted_count(given.sum(axis=0), held, n_boot=200, seed=int(rng.integers(1e9))),
            "ppi": ppi_shares(true[:100], given[:100], given[100:]),
        }
        for method, s in found.items():
            inside[method].append((s.low <= truth) & (truth <= s.high))
    coverage = {method: np.mean(hits) for method, hits in inside.items()}
    assert coverage["naive"] < 0.3
    assert coverage["confusion"] > 0.9
    assert coverage["ppi"] > 0.9


# --- the table --------------------------------------------------------------------------------------------------------


def test_naive_shares_come_with_a_warning():
    found = pqnlp.rates(table({"direct": 60, "evasive": 40}))
    assert found["label"].tolist() == list(LABELS)
    assert found["rate"].tolist() == [0.6, 0.4, 0.0]
    assert set(found["method"]) == {"naive"}
    assert "biased" in found.attrs["warning"]


def test_groups_are_ranked_and_small_ones_only_marked():
    scored = pd.concat(
        [
            table({"direct": 90, "evasive": 10}, department="A"),
            table({"direct": 40, "evasive": 60}, department="B"),
            table({"direct": 5}, department="C"),
            table({"direct": 7}, department=None),
        ]
    ).assign(id=lambda f: [str(k) for k in range(len(f))])
    found = rates(scored, "department")
    direct = found[found["label"] == "direct"].set_index("group")
    assert direct.index.tolist() == ["A", "B", "C"]
    assert direct["rank"].fillna(0).tolist() == [1, 2, 0]
    assert direct["small"].tolist() == [False, False, True]
    assert "7 answers are in no group" in found.attrs["warning"]


def test_two_columns_are_crossed():
    scored = table({"direct": 4}, department=["A", "A", "B", "B"], answered=["2024-03-01", "2025-03-01"] * 2)
    assert set(rates(scored, ["department", "government"])["group"]) == {
        "A · Conservative", "A · Labour", "B · Conservative", "B · Labour",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("month", ["2024-05", "2024-07", None]),
        ("quarter", ["2024-Q2", "2024-Q3", None]),
        ("year", ["2024", "2024", None]),
        ("government", ["Conservative", "Labour", None]),
        ("ask", ["how_many", "steps", "if_will"]),
    ],
)
def test_derived_groups(by, expected):
    frame = pd.DataFrame(
        {
            "answered": ["2024-05-24", "2024-07-20", None],
            "question": [
                "To ask the Secretary of State for Wales, how many ferries there are.",
                "To ask the Secretary of State for Wales, what steps she is taking on ferries.",
                "To ask the Secretary of State for Wales, if she will meet the ferrymen.",
            ],
        }
    )
    assert [None if pd.isna(v) else v for v in grouping(frame, by)] == expected


def test_the_models_hold_out_corrects():
    scored = table({"direct": 650, "evasive": 240, "policy_restating": 110})
    found = rates(scored, confusion="model")
    assert set(found["method"]) == {"confusion"}  # there are no probabilities in the table
    # A table with the shares that the hold-out's answers were given has the shares that they truly have.
    confusion = np.array(pqnlp.load().manifest["scores"]["model"]["confusion"])
    labels = ["direct", "evasive", "policy_restating"]
    given = table(dict(zip(labels, confusion.sum(0).tolist(), strict=True)))
    found = rates(given, confusion="model").set_index("label")
    assert found.loc[labels, "rate"].to_numpy() == pytest.approx(confusion.sum(1) / confusion.sum(), abs=0.01)
    assert found["rate"].sum() == pytest.approx(1)


def test_probabilities_go_before_the_confusion_matrix():
    scored = table({"direct": 60, "evasive": 40}, p_direct=0.5, p_evasive=0.3, p_policy_restating=0.2)
    assert rates(scored, confusion=CONFUSION)["rate"].tolist() == pytest.approx([0.5, 0.3, 0.2])
    assert set(rates(scored, confusion=CONFUSION, correction="confusion")["method"]) == {"confusion"}
    assert set(rates(scored)["method"]) == {"naive"}  # nothing says how far they are to be trusted


def test_a_labelled_sample_sets_the_shares_right():
    rng = np.random.default_rng(3)
    true = rng.choice(LABELS, size=3000, p=[0.5, 0.3, 0.2])
    given = np.where(rng.random(3000) < 0.3, "direct", true)  # a model that says "direct" too often
    scored = pd.DataFrame({"id": [f"q{k}" for k in range(3000)], "label": given})
    labelled = pd.DataFrame({"id": scored["id"][:300], "label": true[:300]})
    found = rates(scored, labelled=labelled).set_index("label")
    assert set(found["method"]) == {"ppi"}
    assert found["n_labelled"].tolist() == [300] * 3
    assert found.loc["direct", "naive_low"] > 0.6
    for label, share in zip(LABELS, (0.5, 0.3, 0.2), strict=True):
        assert found.loc[label, "low"] < share < found.loc[label, "high"]


def test_groups_with_few_labels_fall_back_and_say_so():
    rng = np.random.default_rng(4)
    true = rng.choice(LABELS, size=1000, p=[0.5, 0.3, 0.2])
    scored = pd.DataFrame(
        {"id": [str(k) for k in range(1000)], "label": true, "house": ["Commons"] * 900 + ["Lords"] * 100}
    )
    labelled = pd.DataFrame({"id": scored["id"][:200], "label": true[:200]})
    found = rates(scored, "house", labelled=labelled)
    assert found.drop_duplicates("group").set_index("group")["method"].to_dict() == {
        "Commons": "ppi",
        "Lords": "confusion",
    }
    assert "few labelled answers" in found.attrs["warning"]


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        ({"id": ["0", "x9"], "label": ["direct", "direct"]}, "x9"),
        ({"id": ["0", "0"], "label": ["direct", "evasive"]}, "labelled twice"),
        ({"id": ["0", "1"], "label": ["direct", "evasion"]}, "Row 2 .* 'evasion': expected one of direct"),
        ({"id": ["0"], "label": [""]}, "no label"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(labelled, message):
    with pytest.raises(LabelError, match=message):
        rates(table({"direct": 40}), labelled=pd.DataFrame(labelled))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "party"}, "no column 'party'.*derived: month"),
        ({"confusion": [[1, 2], [3, 4]]}, "3 labels"),
        ({"confusion": [[1, 2, 3], [0, 0, 0], [1, 1, 1]]}, "truly evasive"),
        ({"confusion": "model", "of": "reason"}, "No row has a reason"),
        ({"confusion": CONFUSION, "correction": "probabilities"}, "no probabilities"),
        ({"by": "month"}, "No answer has a value"),
    ],
)
def test_errors_name_the_mend(options, message):
    with pytest.raises(PqnlpError, match=message):
        rates(table({"direct": 40}), **options)


def test_reasons_are_counted_too():
    scored = table({"evasive": 40}, reason=["cost"] * 30 + ["deferred"] * 10)
    found = rates(scored, of="reason").set_index("label")
    assert found.loc["cost", "rate"] == 0.75
    assert len(found) == 11


def test_unscored_rows_and_doubles_are_not_counted():
    scored = table({"direct": 3}).assign(problem=["", "truncated", "duplicate_id"])
    scored.loc[1, "label"] = None
    assert rates(scored)["n"].tolist() == [1, 1, 1]


# --- differences ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_houses() -> pd.DataFrame:
    commons, lords = (
        table({"direct": 300, "evasive": 100}, house="Commons"),
        table({"direct": 100, "evasive": 100}, house="Lords"),
    )
    return pd.concat([commons, lords], ignore_index=True).assign(id=lambda f: f.index.astype(str))


def test_a_difference_comes_with_its_interval(two_houses):
    found = rate_differences(two_houses, "house", [("Commons", "Lords")]).set_index("label")
    assert found.loc["direct", "difference"] == pytest.approx(0.25)
    # Newcombe's hybrid score interval (method 10) of 300/400 and 100/200.
    assert (found.loc["direct", "low"], found.loc["direct", "high"]) == pytest.approx((0.168, 0.329), abs=0.002)
    assert found.loc["direct", "differs"]
    assert not found.loc["policy_restating", "differs"]


def test_each_group_is_compared_with_the_rest_or_with_one(two_houses):
    rest = rate_differences(two_houses, "house")
    assert rest[["group", "other"]].drop_duplicates().values.tolist() == [
        ["Commons", "the rest"],
        ["Lords", "the rest"],
    ]
    one = rate_differences(two_houses, "house", against="Lords")
    assert one["group"].unique().tolist() == ["Commons"]
    assert one["difference"].tolist() == pytest.approx(rest["difference"].tolist()[:3])
    with pytest.raises(PqnlpError, match="no group 'Senate'"):
        rate_differences(two_houses, "house", against="Senate")


def test_the_hold_outs_errors_are_shared_by_both_groups(two_houses):
    corrected = rate_differences(two_houses, "house", [("Commons", "Lords")], confusion=CONFUSION).set_index("label")
    assert set(corrected["method"]) == {"confusion"}
    assert (
        corrected.loc["evasive", "low"] < corrected.loc["evasive", "difference"] < corrected.loc["evasive", "high"] < 0
    )
