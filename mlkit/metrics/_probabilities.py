"""Labels and probabilities in one form, for calibration."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.metrics._inputs import class_targets, example_weights, mask_of, spoiled, wide


def probability_pairs(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, from_logits: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Classes (int32, `[N]`), probabilities (`[N, classes]`) and weights.

    Probabilities are in float32 at least and have one column where a single one was given, that of
    class 1.

    Raises:
        ValueError: shapes that do not match.
    """
    mask = mask_of(y_pred)
    y_pred = wide(ops.convert_to_tensor(y_pred))
    if len(y_pred.shape) == 0:
        raise ValueError("`y_pred` must have at least one axis, that of the examples.")
    prob = y_pred[:, None] if len(y_pred.shape) == 1 else y_pred
    single = prob.shape[-1] == 1
    classes = 2 if single else prob.shape[-1]
    if from_logits:
        prob = ops.sigmoid(prob) if single else ops.softmax(prob, axis=-1)
    true = ops.reshape(class_targets(y_true, prob.shape[:-1], classes), (-1,))
    weight = example_weights(sample_weight, prob[..., 0], mask)
    prob = ops.reshape(prob, (-1, prob.shape[-1]))
    whole = ops.cast(ops.clip(true, 0, classes - 1), "int32")
    # Softmax and sigmoid may round to a hair above 1.
    outside = ops.logical_not(ops.logical_and(prob >= 0.0, prob <= 1.0 + 1e-6))
    bad = ops.logical_or(ops.any(outside, axis=-1), ops.cast(whole, "float64") != true)
    weight = spoiled(
        weight,
        bad,
        "Predictions must be probabilities in [0, 1] (for logits set from_logits=True), and "
        f"classes whole numbers in [0, {classes}), where the weight is not 0.",
    )
    return whole, ops.clip(prob, 0.0, 1.0), weight
