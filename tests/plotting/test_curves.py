import io

import pytest

from mlkit.plotting import curves

HISTORY = {
    "accuracy": [0.5, 0.8, 0.9],
    "loss": [1.0, 0.5, 0.25],
    "val_accuracy": [0.6, 0.75, 0.7],
    "val_loss": [0.9, 0.4, 0.6],
    "matrix": [[1, 2], [3, 4], [5, 6]],
}


def test_one_pair_of_axes_a_metric_the_loss_first():
    figure = curves(HISTORY, title="a run")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert figure.get_suptitle() == "a run"
    assert figure.axes[0].get_title() == "loss: lowest held out 0.4, in epoch 2"
    assert figure.axes[1].get_title() == "accuracy: 0.7 held out in the last epoch"
    for axes, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        train, held_out = axes.get_lines()
        assert axes.get_xlabel() == "epoch"
        assert list(train.get_xdata()) == [1, 2, 3]
        assert list(train.get_ydata()) == HISTORY[name]
        assert list(held_out.get_ydata()) == HISTORY[f"val_{name}"]
        assert [text.get_text() for text in axes.get_legend().texts] == ["training", "held out"]


def test_lines_differ_without_their_colours():
    train, held_out = curves(HISTORY, names=["loss"]).axes[0].get_lines()
    assert train.get_linestyle() != held_out.get_linestyle()
    assert train.get_marker() != held_out.get_marker()


def test_training_alone():
    figure = curves({"loss": [3.0, 2.0]})
    assert figure.axes[0].get_title() == "loss: lowest training 2, in epoch 2"
    assert len(figure.axes[0].get_lines()) == 1


def test_a_notebook_gets_a_picture_and_pyplot_no_figure():
    import matplotlib.pyplot as plt

    figure = curves(HISTORY)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    figure.savefig(io.BytesIO(), format="svg")


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"`names` must be .* Received: names=\['auc'\]"):
        curves(HISTORY, names=["auc"])
    with pytest.raises(ValueError, match=r"nothing was trained"):
        curves({"loss": []})
