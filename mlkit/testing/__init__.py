"""The conformance kit: does a part honour the contract of its kind?

Every part of mlkit passes it. Run it on your own class:

    import mlkit as mk

    mk.testing.check_layer(MyLayer, dict(units=3, rate=0.2), input_shape=(2, 5, 4), trains=True)

It prints which checks passed, or raises a `ConformanceError` whose message says of each check that
failed what was seen, why it matters and how to mend it. In a test file, an item a part and check:

    @mk.testing.parametrize([mk.testing.LayerSpec(MyLayer, dict(units=3), input_shape=(2, 5, 4))])
    def test_my_parts(check):
        check()

`python -m mlkit.testing tests` prints the matrix of all parts in a folder of tests. A check that
cannot hold for a part is excused by name, with a reason: `excuse={"xla": "no kernel for ..."}`.

The checks of the replicas need two logical devices, which must be asked for before TensorFlow
starts (`tf.config.set_logical_device_configuration`); without them that check says it was not run.
"""

from mlkit.testing import _callback as _callback
from mlkit.testing import _common_config as _common_config
from mlkit.testing import _common_public as _common_public
from mlkit.testing import _constraint as _constraint
from mlkit.testing import _initializer as _initializer
from mlkit.testing import _layer_gradients as _layer_gradients
from mlkit.testing import _layer_graph as _layer_graph
from mlkit.testing import _layer_live as _layer_live
from mlkit.testing import _layer_masking as _layer_masking
from mlkit.testing import _layer_precision as _layer_precision
from mlkit.testing import _layer_random as _layer_random
from mlkit.testing import _layer_replicas as _layer_replicas
from mlkit.testing import _layer_saving as _layer_saving
from mlkit.testing import _layer_shapes as _layer_shapes
from mlkit.testing import _layer_variables as _layer_variables
from mlkit.testing import _loss as _loss
from mlkit.testing import _loss_model as _loss_model
from mlkit.testing import _loss_numeric as _loss_numeric
from mlkit.testing import _metric as _metric
from mlkit.testing import _metric_model as _metric_model
from mlkit.testing import _optimizer as _optimizer
from mlkit.testing import _optimizer_base as _optimizer_base
from mlkit.testing import _optimizer_state as _optimizer_state
from mlkit.testing import _regularizer as _regularizer
from mlkit.testing import _schedule as _schedule
from mlkit.testing._pytest import parametrize as parametrize
from mlkit.testing._report import ConformanceError as ConformanceError
from mlkit.testing._report import Report as Report
from mlkit.testing._report import Result as Result
from mlkit.testing._run import check_callback as check_callback
from mlkit.testing._run import check_constraint as check_constraint
from mlkit.testing._run import check_initializer as check_initializer
from mlkit.testing._run import check_layer as check_layer
from mlkit.testing._run import check_loss as check_loss
from mlkit.testing._run import check_metric as check_metric
from mlkit.testing._run import check_optimizer as check_optimizer
from mlkit.testing._run import check_regularizer as check_regularizer
from mlkit.testing._run import check_schedule as check_schedule
from mlkit.testing._spec import CallbackSpec as CallbackSpec
from mlkit.testing._spec import ConstraintSpec as ConstraintSpec
from mlkit.testing._spec import InitializerSpec as InitializerSpec
from mlkit.testing._spec import LayerSpec as LayerSpec
from mlkit.testing._spec import LossSpec as LossSpec
from mlkit.testing._spec import MetricSpec as MetricSpec
from mlkit.testing._spec import OptimizerSpec as OptimizerSpec
from mlkit.testing._spec import RegularizerSpec as RegularizerSpec
from mlkit.testing._spec import ScheduleSpec as ScheduleSpec
from mlkit.testing._spec import Spec as Spec
