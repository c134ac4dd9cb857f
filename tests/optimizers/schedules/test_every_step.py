"""Each schedule beside its witness at every step of a thousand."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mlkit.testing._gather import gather

SPECS_HERE = [s for s in gather(Path(__file__).parent) if s.reference is not None]


@pytest.mark.parametrize("spec", SPECS_HERE, ids=lambda spec: spec.id)
def test_every_step_of_a_thousand(spec):
    schedule = spec.make()

    @tf.function
    def all_steps():
        return tf.map_fn(schedule, tf.range(1000), fn_output_signature=tf.float32)

    found = np.array(all_steps())
    want = np.array([spec.reference(step) for step in range(1000)])
    apart = np.abs(found - want) > 1e-6 * want.max()
    assert not apart.any(), f"they part at step {apart.argmax()}"
