"""Learning-rate schedules: everything in `keras.optimizers.schedules`, and ours."""

from keras.optimizers.schedules import *

from mlkit.optimizers.schedules._cosine_with_warmup_restarts import (
    CosineWithWarmupRestarts as CosineWithWarmupRestarts,
)
from mlkit.optimizers.schedules._cyclical_learning_rate import (
    CyclicalLearningRate as CyclicalLearningRate,
)
from mlkit.optimizers.schedules._exponential_cyclical_learning_rate import (
    ExponentialCyclicalLearningRate as ExponentialCyclicalLearningRate,
)
from mlkit.optimizers.schedules._inverse_sqrt import InverseSqrt as InverseSqrt
from mlkit.optimizers.schedules._noam import Noam as Noam
from mlkit.optimizers.schedules._one_cycle import OneCycle as OneCycle
from mlkit.optimizers.schedules._one_cycle_momentum import OneCycleMomentum as OneCycleMomentum
from mlkit.optimizers.schedules._piecewise_linear import PiecewiseLinear as PiecewiseLinear
from mlkit.optimizers.schedules._scaled_schedule import ScaledSchedule as ScaledSchedule
from mlkit.optimizers.schedules._sequential_schedule import SequentialSchedule as SequentialSchedule
from mlkit.optimizers.schedules._triangular2_cyclical_learning_rate import (
    Triangular2CyclicalLearningRate as Triangular2CyclicalLearningRate,
)
from mlkit.optimizers.schedules._triangular_cyclical_learning_rate import (
    TriangularCyclicalLearningRate as TriangularCyclicalLearningRate,
)
from mlkit.optimizers.schedules._warmup_schedule import WarmupSchedule as WarmupSchedule
from mlkit.optimizers.schedules._wsd import WSD as WSD
