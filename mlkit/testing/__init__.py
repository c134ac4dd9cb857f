"""The conformance kit: does a part honour the contract of its kind?

Every part of mlkit passes it; run it on your own.
"""

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
