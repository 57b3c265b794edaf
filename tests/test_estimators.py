"""Sparse RNNs as estimators of scikit-learn: its own checks, and sequences."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from each import each
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import vsrnn

SMALL = {"weights": 300, "epochs": 20, "learning_rate": 0.02, "random_state": 0}
SMALL |= {"batch_size": 50}
KINDS = [vsrnn.SparseRNNClassifier, vsrnn.SparseRNNRegressor]


@pytest.fixture(params=KINDS, ids=["classifier", "regressor"])
def small(request):
    return request.param(**{**SMALL, "epochs": 2})


def data(cases=50, steps=6, channels=3, seed=0):
    """Sequences, and whether the first step of the first channel is above 0."""
    x = np.random.default_rng(seed).normal(size=(cases, steps, channels))
    return x, (x[:, 0, 0] > 0).astype(int)


def ragged(**sizes):
    x, y = data(**sizes)
    return [one[: 2 + number % 4] for number, one in enumerate(x)], y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn(kind):
    found = check_estimator(kind(**SMALL), on_skip=None)  # raises what fails
    assert len(found) > 40 and all(each["status"] != "xfail" for each in found)


@pytest.mark.parametrize("steps", [2, 9])
def test_what_the_first_step_says_is_learned(steps):
    x, y = data(cases=200, steps=steps)
    model = vsrnn.SparseRNNClassifier(**{**SMALL, "epochs": 30}).fit(x[:150], y[:150])
    assert model.score(x[150:], y[150:]) > 0.85
    truth = x[:, 0, 0] + 7
    model = vsrnn.SparseRNNRegressor(**{**SMALL, "epochs": 30}).fit(
        x[:150], truth[:150]
    )
    assert model.score(x[150:], truth[150:]) > 0.7


def test_sequences_of_other_lengths_are_each_read_to_their_own_end(small):
    x, y = ragged()
    model = small.fit(x, y)
    together = model.predict(x)
    alone = np.concatenate([model.predict([one]) for one in x])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_a_single_sequence_is_not_taken_for_a_table():
    x, y = ragged(channels=2)
    model = vsrnn.SparseRNNClassifier(500, epochs=1, random_state=0).fit(x, y)
    with pytest.raises(
        vsrnn.VsrnnError, match=r"reads 2 channels, and X has 1: .*X\[None\]"
    ):
        model.predict(x[0])
    assert model.predict(x[0][None]).shape == (1,)


def test_lists_arrays_and_tensors_are_read_alike(small):
    x, y = data()
    model = small.fit(x, y)
    wanted = model.predict(x)
    objects = np.empty(len(x), dtype=object)
    objects[:] = list(x)
    for given in (list(x), tuple(x), x.tolist(), torch.tensor(x), objects):
        np.testing.assert_array_equal(model.predict(given), wanted)
        np.testing.assert_array_equal(clone(small).fit(given, y).predict(x), wanted)


def test_a_table_is_sequences_of_one_channel(small):
    x, y = data(channels=1)
    wanted = clone(small).fit(x, y).predict(x)
    table = pd.DataFrame(x[:, :, 0], columns=list("abcdef"))
    model = small.fit(table, y)
    np.testing.assert_array_equal(model.predict(table), wanted)
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match=r"[Ff]eature names"):
        model.predict(table[list("abcde")])


def test_labels_may_be_strings():
    x, y = data()
    names = np.array(["down", "up"], dtype=object)[y]
    model = vsrnn.SparseRNNClassifier(**SMALL).fit(x, names)
    assert list(model.classes_) == ["down", "up"]
    assert set(model.predict(x)) <= {"down", "up"}
    best = model.classes_[model.predict_proba(x).argmax(1)]
    assert list(best) == list(model.predict(x))


def test_several_numbers_are_given_in_the_units_of_each():
    x, _ = data(cases=200, steps=4)
    y = x[:, -1, :2] * [1, 1000] + [0, 1e6]
    model = vsrnn.SparseRNNRegressor(**{**SMALL, "epochs": 30}).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.8


def test_cross_validation_search_and_pipeline():
    x, y = data()
    model = vsrnn.SparseRNNClassifier(**{**SMALL, "epochs": 2})
    assert len(cross_val_score(model, *ragged(), cv=3)) == 3
    grid = {"density": [0.3, (1, 0.2, 1, 1, 1, 1)], "weights": [200, 300]}
    with joblib.parallel_config("threading", n_jobs=2):
        search = GridSearchCV(model, grid, cv=2).fit(x, y)
    assert search.best_estimator_.model_.geometry.weights < 400
    steps = FunctionTransformer(lambda x: x[..., 0]), StandardScaler(), model
    assert set(make_pipeline(*steps).fit(x, y).predict(x)) <= {0, 1}


def test_pickled_it_predicts_the_same_and_goes_on(small):
    x, y = data()
    model = small.set_params(warm_start=True).fit(x, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(x), model.predict(x))
    np.testing.assert_array_equal(copy.fit(x, y).predict(x), model.fit(x, y).predict(x))


def test_a_warm_start_goes_on_and_a_cold_one_begins_anew(small):
    x, y = data()
    first = small.fit(x, y).loss_curve_
    assert small.fit(x, y).loss_curve_ == first
    warm = clone(small).set_params(warm_start=True).fit(x, y).fit(x, y).loss_curve_
    assert warm[: len(first)] == first and len(warm) == 2 * len(first)
    assert warm[-1] < first[-1]


def test_random_state_decides_everything_and_touches_nothing(small):
    x, y = data()
    before = torch.get_rng_state()
    one, same = (clone(small).fit(x, y).predict(x) for _ in range(2))
    other = clone(small).set_params(random_state=1).fit(x, y)
    np.testing.assert_array_equal(one, same)
    assert not torch.equal(other.model_.bias, small.fit(x, y).model_.bias)
    assert torch.equal(torch.get_rng_state(), before)


@each(
    "wrong, said",
    [
        ({"weights": 1}, "leaves no hidden unit"),
        ({"density": "best"}, "density is numbers in"),
        ({"density": (1, 1)}, "give one density, or one each"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0"),
        (
            {"learning_rate": 1e9, "batch_size": 5},
            r"not finite(?s:.)*; give a smaller learning_rate",
        ),
        ({"device": "tpu"}, "device must be cpu or cuda"),
        ({"random_state": "x"}, "seed"),
    ],
)
def test_parameters_of_no_use_are_refused(wrong, said, small):
    with pytest.raises(ValueError, match=said):
        clone(small).set_params(**wrong).fit(*data())


@each(
    "change, said",
    [
        (lambda x, y: (x[:, 0, 0], y), "Expected 2D array, got 1D array"),
        (lambda x, y: (x[None], y), "each sequence of X must be"),
        (lambda x, y: (x[:, :0], y), "of a step or more"),
        (lambda x, y: (x[:0], y[:0]), "0 sample"),
        (lambda x, y: ([], []), "array"),
        (lambda x, y: (x[..., :0], y), "0 feature"),
        (lambda x, y: (x, y[:-1]), "inconsistent numbers of samples"),
        (lambda x, y: (x, y * 0), "one class|the same in all cases"),
        (lambda x, y: (x * [1, 1, np.nan], y), "NaN"),
        (lambda x, y: (x, np.where(y, np.nan, 0)), "NaN|nan"),
        (lambda x, y: ([*x[:-1], x[-1, :, :2]], y), r"but X\[49\] is \(6, 2\)"),
        (lambda x, y: (x, None), "requires y to be passed"),
        (lambda x, y: (x + 1j, y), "[Cc]omplex"),
        (lambda x, y: (x.astype(str) + "a", y), "numeric"),
        (lambda x, y: (5, y), "array"),
        (lambda x, y: (None, y), "array"),
    ],
)
def test_data_of_no_use_are_refused(change, said, small):
    with pytest.raises((ValueError, TypeError), match=said):
        clone(small).fit(*change(*data()))


def test_data_of_another_kind_than_those_of_the_fit_are_refused(small):
    x, y = data()
    model = small.set_params(warm_start=True).fit(x, y)
    with pytest.raises(ValueError, match="2 features"):
        model.predict(x[..., :2])
    with pytest.raises(ValueError, match="2 features"):
        model.fit(x[..., :2], y)
    other = np.stack([y, x[:, 0, 0]], 1) if small.__class__ is KINDS[1] else y + 1
    with pytest.raises(ValueError, match="warm_start goes on with"):
        model.fit(x, other)


def test_a_fit_that_fails_leaves_what_was_fitted(small):
    x, y = data()
    with pytest.raises(ValueError, match="not finite"):
        small.set_params(learning_rate=1e9, batch_size=5).fit(x, y)
    with pytest.raises(NotFittedError):
        small.predict(x)
    model = small.set_params(**SMALL, warm_start=True).fit(x, y)
    wanted = model.predict(x)
    with pytest.raises(ValueError, match="not finite"):
        model.set_params(learning_rate=1e9, batch_size=5).fit(x, y)
    np.testing.assert_array_equal(model.predict(x), wanted)
    with pytest.raises(ValueError, match="warm_start goes on with Geometry"):
        model.set_params(weights=600).fit(x, y)


def test_they_are_found_where_users_look():
    assert {kind.__name__ for kind in KINDS} <= set(dir(vsrnn))
    with pytest.raises(AttributeError, match="no attribute 'SparseRNN'"):
        _ = vsrnn.SparseRNN


def test_classes_that_were_never_seen_count_as_wrong():
    x, y = data()
    model = vsrnn.SparseRNNClassifier(**SMALL).fit(x, y)
    assert model.score(x, y + 2) == 0
