import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import average_precision_score, classification_report, roc_auc_score

import mlkit as mk
from mlkit.metrics._report_plots import curve

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 4, 200)
PROB = RNG.dirichlet(np.ones(4), 200) * 0.5 + 0.5 * np.eye(4)[TRUE] * RNG.uniform(size=(200, 1))
PROB /= PROB.sum(-1, keepdims=True)
NAMES = ["ant", "bee", "cat", "a longer name than that"]


@pytest.mark.parametrize("digits", [2, 4])
@pytest.mark.parametrize("weight", [None, RNG.uniform(size=200)])
def test_numbers_and_text_are_those_of_scikit_learn(weight, digits):
    ours = mk.metrics.report(TRUE, PROB, labels=NAMES, sample_weight=weight, digits=digits)
    options = {"target_names": NAMES, "sample_weight": weight, "zero_division": 0.0}
    want = classification_report(TRUE, PROB.argmax(-1), output_dict=True, **options)
    got = ours.to_dict()
    assert list(got) == list(want)
    for name, row in want.items():
        if name == "accuracy":
            np.testing.assert_allclose(got[name], row, rtol=1e-12)
        else:
            np.testing.assert_allclose([got[name][k] for k in row], list(row.values()), rtol=1e-12)
    if weight is None:
        assert str(ours) == classification_report(TRUE, PROB.argmax(-1), digits=digits, **options)


def test_a_class_that_never_occurs_has_its_row():
    ours = mk.metrics.report([0, 1], [0, 1], labels=["a", "b", "c"])
    assert ours.to_dict()["c"] == {"precision": 0, "recall": 0, "f1-score": 0, "support": 0}


@pytest.mark.parametrize("weights", [False, True])
def test_a_model_and_a_dataset_in_one_pass(weights):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Activation("softmax")(inputs))
    passes, weight = [], RNG.uniform(size=200).astype("float32")

    def batches():
        passes.append(1)
        for i in range(0, 200, 33):
            part = slice(i, i + 33)
            yield (PROB[part], TRUE[part], weight[part])[: 2 + weights]

    ours = mk.metrics.report(model, batches())
    assert passes == [1]
    logits = mk.metrics.report(
        TRUE, PROB, from_logits=True, sample_weight=weight if weights else None
    )
    assert str(ours) == str(logits)
    np.testing.assert_allclose(ours.scores, logits.scores, rtol=1e-5)
    dataset = tf.data.Dataset.from_tensor_slices((PROB, TRUE)).batch(50)
    assert mk.metrics.report(model, dataset).accuracy == np.mean(PROB.argmax(-1) == TRUE)


@pytest.mark.parametrize("form", ["(N,)", "(N, 1)", "logits", "classes"])
def test_two_classes(form):
    y_true, prob = TRUE % 2, RNG.uniform(0.01, 0.99, 200)
    y_pred = {
        "(N,)": prob,
        "(N, 1)": prob[:, None],
        "logits": np.log(prob / (1 - prob)),
        "classes": (prob > 0.5).astype(int),
    }[form]
    logits = form == "logits"
    ours = mk.metrics.report(y_true, y_pred, from_logits=logits, threshold=0.0 if logits else 0.5)
    assert ours.accuracy == np.mean((prob > 0.5) == y_true)
    if form != "classes":
        np.testing.assert_allclose(ours.scores[:, 1], prob, rtol=1e-6)


def test_curves_are_those_of_scikit_learn():
    y_true, score = TRUE == 1, np.round(PROB[:, 1], 2)
    weight = RNG.uniform(size=200)
    hits, alarms = curve(y_true, score, weight)
    area = np.diff(alarms / alarms[-1]) @ (hits[1:] + hits[:-1]) / hits[-1] / 2
    np.testing.assert_allclose(area, roc_auc_score(y_true, score, sample_weight=weight), 1e-12)
    mean = np.diff(hits / hits[-1]) @ (hits[1:] / (hits[1:] + alarms[1:]))
    want = average_precision_score(y_true, score, sample_weight=weight)
    np.testing.assert_allclose(mean, want, rtol=1e-12)


def test_pictures():
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    ours = mk.metrics.report(TRUE, PROB, labels=NAMES)
    figure = ours.plot()
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert labels == ["predicted class", "false positive rate", "recall", "confidence"]
    roc = ours.plot("roc").axes[0]
    assert len(roc.lines) == 4 + 1
    area = roc_auc_score(TRUE == 2, PROB[:, 2])
    assert roc.get_legend().get_texts()[2].get_text() == f"cat: area {area:.3f}"
    plt.close("all")
    only = mk.metrics.report([0, 1], [1, 1])
    with pytest.raises(ValueError, match="needs probabilities"):
        only.plot("roc")
    assert only.plot().axes[0].get_ylabel() == "true class"
    plt.close("all")


def test_table_for_a_notebook_escapes_names():
    text = mk.metrics.report([0, 1], [0, 1], labels=["<b>", "c"])._repr_html_()
    assert "&lt;b&gt;" in text
    assert text.count("<tr>") == 1 + 2 + 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "`y_pred` must hold examples"),
        (([0, 5], [[0.5, 0.5], [0.5, 0.5]]), "Classes must be whole numbers in"),
        (([0, 1], [[0.5, np.nan], [0.5, 0.5]]), "must not be NaN"),
        (([0, 1, 1], [[0.5, 0.5], [0.5, 0.5]]), "`y_true` must hold classes"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        mk.metrics.report(*arguments)


def test_names_that_do_not_fit():
    with pytest.raises(ValueError, match="`labels` must name each of 2 classes"):
        mk.metrics.report([0, 1], [[0.4, 0.6]] * 2, labels=["a"])
