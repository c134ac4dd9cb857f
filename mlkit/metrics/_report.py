"""A classification report from arrays, or from a model and a dataset."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit.metrics._classification_report import ClassificationReport
from mlkit.metrics._inputs import class_pairs, is_integer


def report(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[str] | None = None,
    sample_weight: Any = None,
    threshold: float = 0.5,
    from_logits: bool = False,
    digits: int = 2,
) -> ClassificationReport:
    """Precision, recall and F1 of each class: the table known from scikit-learn.

    From labels and predictions, or from a model and a dataset in one pass:
    `report(model, dataset)`. What comes back prints as text, shows as a table in a notebook, has
    the numbers in `to_dict()`, `accuracy` and `matrix`, and draws the confusion matrix, ROC,
    precision-recall and reliability curves with `plot()`.

    Args:
        y_true: integer classes of shape `(N,)` or `(N, 1)`, or one-hot rows; or a model.
        y_pred: scores of shape `(N, classes)`, for two classes also one of class 1, `(N,)` or
            `(N, 1)`, or integer classes; or, after a model, batches `(x, y)` or `(x, y, weight)`.
        labels: a name for each class, in order. Default None: their numbers.
        sample_weight: a number or shape `(N,)` or `(N, 1)`. Default None: 1 each.
        threshold: a single score above it means class 1; 0 for logits. Default 0.5.
        from_logits: whether scores are logits, to become probabilities for the curves. Default
            False.
        digits: of the numbers in text and HTML. Default 2.

    Returns:
        An object with `str()`, `to_dict()`, `accuracy` (float), `matrix` (float64, classes ×
        classes, true ones down) and `plot(kinds=None)`, which returns a matplotlib figure.

    Raises:
        ValueError: no examples; shapes that do not match, a class out of range, NaN in the
            predictions, fewer names than classes, weights beside a dataset.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> print(mk.metrics.report([0, 0, 1, 1], [0.1, 0.8, 0.7, 0.9], labels=["no", "yes"]))
                      precision    recall  f1-score   support
        <BLANKLINE>
                  no       1.00      0.50      0.67         2
                 yes       0.67      1.00      0.80         2
        <BLANKLINE>
            accuracy                           0.75         4
           macro avg       0.83      0.75      0.73         4
        weighted avg       0.83      0.75      0.73         4
        <BLANKLINE>

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.classification_report`.
        Differs from it in taking scores, and in having a row for every class, occurring or not.
    """
    check_number("threshold", threshold)
    check_bool("from_logits", from_logits)
    if isinstance(y_true, keras.Model):
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` stands beside arrays. With a model let the dataset give "
                "(x, y, weight)."
            )
        y_true, y_pred, sample_weight = _collect(y_true, y_pred)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.ndim == 0 or len(y_pred) == 0:
        raise ValueError(f"`y_pred` must hold examples. Received: y_pred.shape={y_pred.shape}")
    count = _number_of_classes(y_true, y_pred, labels)
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"`labels` must name each of {count} classes. Received: {len(labels)} names"
        )
    true, predicted, weight = class_pairs(y_true, y_pred, sample_weight, count, threshold=threshold)
    scores = None if is_integer(y_pred) else _probabilities(y_pred, count, from_logits)
    return ClassificationReport(
        ops.convert_to_numpy(true),
        ops.convert_to_numpy(predicted),
        scores,
        None if sample_weight is None else ops.convert_to_numpy(weight),
        labels or [str(i) for i in range(count)],
        digits,
    )


def _collect(model: keras.Model, batches: Iterable[Any]) -> tuple[Any, Any, Any]:
    """Targets, predictions and weights of all batches, in one pass."""
    found: list[tuple[Any, ...]] = []
    for batch in batches:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        if y is None:
            raise ValueError("The dataset must give (x, y) or (x, y, weight): there is no y.")
        found.append((np.asarray(y), model.predict_on_batch(x), weight))
    if not found:
        raise ValueError("The dataset must hold examples: it is empty.")
    y_true, y_pred = (np.concatenate([row[i] for row in found]) for i in range(2))
    if found[0][2] is None:
        return y_true, y_pred, None
    return y_true, y_pred, np.concatenate([np.asarray(row[2]) for row in found])


def _number_of_classes(y_true: np.ndarray, y_pred: np.ndarray, labels: Sequence[str] | None) -> int:
    """From the columns of scores, or of one-hot rows, or the names, or the largest class."""
    if y_pred.ndim > 1 and y_pred.shape[-1] > 1:
        return y_pred.shape[-1]
    if not is_integer(y_pred):
        return 2
    if y_true.ndim > 1 and y_true.shape[-1] > 1:
        return y_true.shape[-1]
    return max(2, len(labels or ()), int(y_true.max()) + 1, int(y_pred.max()) + 1)


def _probabilities(y_pred: np.ndarray, count: int, from_logits: bool) -> np.ndarray:
    """Scores as `(N, classes)` in float64."""
    scores = y_pred.astype(np.float64)
    if scores.ndim == 1 or scores.shape[-1] == 1:
        one = scores.reshape(-1)
        one = ops.convert_to_numpy(ops.sigmoid(one)) if from_logits else one
        return np.stack([1.0 - one, one], axis=-1)
    scores = scores.reshape(-1, count)
    return ops.convert_to_numpy(ops.softmax(scores, axis=-1)) if from_logits else scores
