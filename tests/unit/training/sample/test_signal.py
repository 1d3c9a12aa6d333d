"""The sample can be learned from as well as the real data, and no better."""

from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from training.sample import write_sample
from training.sample.facts import facts

APPLICANTS = 20_000
BUREAU_COLUMNS = ("DEBT_SHARE", "IS_ACTIVE", "DAYS_CREDIT", "AMT_CREDIT_MAX_OVERDUE")
EXTERNAL = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    tables = (
        "application_train",
        "application_test",
        "bureau",
        "previous_application",
        "installments_payments",
    )
    return write_sample(folder, applicants=APPLICANTS, seed=1, tables=tables).folder


@pytest.fixture(scope="module")
def train(large: Path) -> pd.DataFrame:
    return pd.read_csv(large / "application_train.csv")


def auc(features: pd.DataFrame, target: pd.Series, folds: int = 3) -> float:
    """Area under the ROC curve of out-of-fold LightGBM scores."""
    matrix = features.to_numpy(dtype=np.float32)
    scores = np.zeros(len(target))
    settings = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 12,
        "min_data_in_leaf": 80,
        "feature_fraction": 0.25,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 10.0,
        "num_threads": 2,
        "seed": 1,
        "deterministic": True,
        "verbose": -1,
    }
    for fit, held_out in StratifiedKFold(folds, shuffle=True, random_state=1).split(matrix, target):
        rows = lightgbm.Dataset(matrix[fit], target.to_numpy()[fit])
        scores[held_out] = lightgbm.train(settings, rows, 150).predict(matrix[held_out])
    return float(roc_auc_score(target, scores))


def application_features(applications: pd.DataFrame) -> pd.DataFrame:
    features = applications.drop(columns=["SK_ID_CURR", "TARGET"])
    for name in features.select_dtypes("object"):
        # Categories by their bad rate would peek; by frequency is honest and enough here.
        features[name] = features[name].map(features[name].value_counts())
    features["EXT_MEAN"] = features[list(EXTERNAL)].mean(axis=1)
    features["ANNUITY_SHARE"] = features.AMT_ANNUITY / features.AMT_CREDIT
    features["GOODS_SHARE"] = features.AMT_GOODS_PRICE / features.AMT_CREDIT
    return features


def history_features(folder: Path, ids: pd.Series) -> pd.DataFrame:
    bureau = pd.read_csv(folder / "bureau.csv")
    bureau["DEBT_SHARE"] = bureau.AMT_CREDIT_SUM_DEBT / bureau.AMT_CREDIT_SUM.where(bureau.AMT_CREDIT_SUM > 0)
    bureau["IS_ACTIVE"] = (bureau.CREDIT_ACTIVE == "Active").astype(float)
    previous = pd.read_csv(folder / "previous_application.csv")
    previous["IS_REFUSED"] = (previous.NAME_CONTRACT_STATUS == "Refused").astype(float)
    paid = pd.read_csv(folder / "installments_payments.csv")
    paid["DELAY"] = paid.DAYS_ENTRY_PAYMENT - paid.DAYS_INSTALMENT
    paid["IS_LATE"] = (paid.DELAY > 0).astype(float)
    found = [
        bureau.groupby("SK_ID_CURR")[
            ["DEBT_SHARE", "IS_ACTIVE", "DAYS_CREDIT", "AMT_CREDIT_MAX_OVERDUE"]
        ].mean(),
        previous.groupby("SK_ID_CURR")[["IS_REFUSED", "DAYS_DECISION"]].agg(["mean", "sum"]),
        paid.groupby("SK_ID_CURR")[["DELAY", "IS_LATE"]].agg(["mean", "max"]),
    ]
    for frame in found:
        frame.columns = ["_".join(name) if isinstance(name, tuple) else name for name in frame.columns]
    return pd.concat(found, axis=1).reindex(ids).reset_index(drop=True)


def test_the_default_rate_is_the_published_one(train: pd.DataFrame) -> None:
    assert train.TARGET.mean() == pytest.approx(facts().signal["target_rate"], abs=0.005)


@pytest.mark.parametrize("name", EXTERNAL)
def test_the_bad_rate_falls_over_the_deciles_of_an_external_score(train: pd.DataFrame, name: str) -> None:
    deciles = pd.qcut(train[name], 10, labels=False)
    rates = train.groupby(deciles).TARGET.mean()
    high, low = facts().signal["ext_decile_bad_rate"]
    assert rates.iloc[0] == pytest.approx(high, abs=0.035)
    assert rates.iloc[-1] == pytest.approx(low, abs=0.015)
    # By rank: the published curve is convex, so it is monotone but not a straight line.
    assert rates.rank().corr(pd.Series(np.arange(10.0), index=rates.index)) < -0.9


def test_the_strongest_columns_correlate_with_default_as_published(train: pd.DataFrame) -> None:
    for name, published in facts().signal["abs_correlation_with_target"].items():
        assert abs(train[name].corr(train.TARGET)) == pytest.approx(published, abs=0.04), name


def test_applications_alone_give_the_published_auc_and_history_adds_to_it(
    large: Path, train: pd.DataFrame
) -> None:
    low, high = facts().signal["application_only_auc"]
    least, most = facts().signal["history_adds_auc"]
    features = application_features(train)
    alone = auc(features, train.TARGET)
    assert low <= alone <= high
    both = pd.concat([features, history_features(large, train.SK_ID_CURR)], axis=1)
    assert least <= auc(both, train.TARGET) - alone <= most


def test_refused_customers_default_more_often_than_approved_ones(large: Path, train: pd.DataFrame) -> None:
    previous = pd.read_csv(large / "previous_application.csv").merge(train[["SK_ID_CURR", "TARGET"]])
    rates = previous.groupby("NAME_CONTRACT_STATUS").TARGET.mean()
    assert rates["Refused"] == pytest.approx(facts().signal["bad_rate_earlier_refused"], abs=0.02)
    assert rates["Approved"] == pytest.approx(facts().signal["bad_rate_earlier_approved"], abs=0.01)


def test_annuity_over_credit_tells_train_from_test(large: Path, train: pd.DataFrame) -> None:
    test = pd.read_csv(large / "application_test.csv")
    both = pd.concat([train, test])
    ratio = (both.AMT_CREDIT / both.AMT_ANNUITY).to_numpy()
    price = np.round(np.log(ratio), 3)
    is_test = np.r_[np.zeros(len(train)), np.ones(len(test))]
    # Each price list has its own ratios: how often a ratio was seen in test half tells the rest.
    fit: NDArray[np.bool_] = np.random.default_rng(0).random(len(both)) < 0.5
    seen = pd.Series(is_test[fit]).groupby(price[fit]).mean()
    guess = pd.Series(price[~fit]).map(seen).fillna(is_test.mean())
    assert roc_auc_score(is_test[~fit], guess) == pytest.approx(0.91, abs=0.05)
