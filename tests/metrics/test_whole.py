"""Streaming against the whole: the table of `tests/benchmarks/streaming.py`, with fewer samples."""

import numpy as np
import pytest
from benchmarks.streaming import batches, difference, stream
from witnesses.metrics_streaming import STREAMS


@pytest.mark.slow
@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_any_split_gives_the_value_of_the_whole(case):
    rng = np.random.default_rng(1)
    count = min(30_000, case.most // 5)
    y_true, y_pred, weight = case.data(rng, count)
    got, parts = stream(case.metric(count), y_true, y_pred, weight, rng)
    assert parts > 2
    assert difference(got, case.reference(y_true, y_pred, weight)) <= 1e-6


def test_batches_cover_all_samples_once():
    parts = batches(np.random.default_rng(0), 5_000)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(5_000))
    assert max(map(len, parts)) > 100 * min(map(len, parts))
