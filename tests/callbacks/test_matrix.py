"""Each callback in a run that is broken off and resumed: what it saw is what it sees undisturbed.

The conformance kit compares `model.fit` with the programs of `mk.fit`; this is the column of
`tests/callback_matrix.py` that it does not have.
"""

import callback_matrix
import pytest

from mlkit.testing._callback import _close as close

CALLBACKS = callback_matrix.specs()


@pytest.mark.parametrize("name", sorted(set(CALLBACKS) - set(callback_matrix.NOT_RESUMED)))
def test_resumed(name):
    due = callback_matrix.observed([CALLBACKS[name]], "epoch")
    assert close(callback_matrix.observed([CALLBACKS[name]], "resumed"), due)
