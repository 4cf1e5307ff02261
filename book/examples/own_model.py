"""A model of your own beside the book's: neighbours in the study of chapter 4.

sportsml results redo book/examples/own_model.py simulated
"""

from dataclasses import replace

import pandas as pd
from sklearn.neighbors import KNeighborsRegressor

from sportsml_lite import evaluate, prepare
from sportsml_lite.studies import effect

# Arms of the book by their names, and yours, each a number of neighbours.
BOOKS = {name: effect.ARMS[name] for name in ("mean", "ridge")}
YOURS = {"neighbours_5": 5, "neighbours_50": 50}


def predict(train, test, neighbours):
    """Mean effect of the most similar sessions of other athletes, (N,)."""
    scaler = prepare.fit_scaler(train.X)
    X, X_test = (scaler.transform(table.X, "mean") for table in (train, test))
    return KNeighborsRegressor(neighbours).fit(X, train.y).predict(X_test)


def score(data, split, seed, arms, options):
    """Rows of one fold: the book's arms, and yours by the same measure."""
    books = {name: arm for name, arm in arms.items() if name in BOOKS}
    rows = [effect.score(data, split, seed, books, options)] if books else []
    for target, table in data.tables.items():
        train, _, test = effect.cut(table, split)
        for name in set(arms) & set(YOURS):
            answer = predict(train, test, arms[name])
            errors = evaluate.by_athlete(
                test.y, answer, test.athlete, ("rmse",)
            )
            found = errors.reset_index(names="athlete").rename(
                columns={"rmse": "value"}
            )
            rows.append(found.assign(metric="rmse", arm=name, target=target))
    return pd.concat(rows, ignore_index=True)


STUDY = replace(
    effect.STUDY,
    name="own_model",
    question="Do sessions that look alike have the same effect?",
    score=score,
    arms=BOOKS | YOURS,
    titles={"neighbours_5": "5 neighbours", "neighbours_50": "50 neighbours"},
    reference="ridge",
    quick=("ridge", "neighbours_5"),
    cheap=("ridge",),
)
