"""MatthewsCorrelationCoefficient beside torchmetrics' and scikit-learn's."""

import numpy as np

from witnesses import Case, _torchvision


def _draw(rng, classes):
    y_true = rng.integers(0, classes, 400)
    scores = rng.normal(size=(400, classes)) + rng.uniform(0, 3) * np.eye(classes)[y_true]
    return y_true, scores


def torchmetrics(classes):
    def draw(rng):
        import torch

        _torchvision.load()
        from torchmetrics.functional.classification import multiclass_matthews_corrcoef

        import mlkit as mk

        y_true, scores = _draw(rng, classes)
        metric = mk.metrics.MatthewsCorrelationCoefficient(classes)
        for part in np.array_split(np.arange(400), 7):
            metric.update_state(y_true[part], scores[part])
        theirs = multiclass_matthews_corrcoef(torch.tensor(scores), torch.tensor(y_true), classes)
        return {"forward": np.asarray(metric.result())}, {"forward": theirs.numpy()}

    return draw


def sklearn(rng):
    from sklearn.metrics import matthews_corrcoef

    import mlkit as mk

    y_true, scores = _draw(rng, 2)
    score, weight = scores[:, 1] - scores[:, 0], rng.uniform(size=400)
    metric = mk.metrics.MatthewsCorrelationCoefficient(2, threshold=0)
    metric.update_state(y_true, score, weight)
    theirs = matthews_corrcoef(y_true, score > 0, sample_weight=weight)
    return {"forward": np.asarray(metric.result())}, {"forward": np.asarray(theirs)}


CASES = [
    Case("MatthewsCorrelationCoefficient(2)", "torchmetrics", torchmetrics(2)),
    Case("MatthewsCorrelationCoefficient(10)", "torchmetrics", torchmetrics(10)),
    Case("MatthewsCorrelationCoefficient(weighted)", "sklearn.matthews_corrcoef", sklearn),
]
