"""Optimizers: everything in `keras.optimizers`, and ours."""

from keras.optimizers import *

# Not `from mlkit.optimizers import schedules`: after the star that finds Keras' own module.
import mlkit.optimizers.schedules as schedules  # noqa: F401
from mlkit.optimizers._ada_belief import AdaBelief as AdaBelief
from mlkit.optimizers._adamw_from_tfa import adamw_from_tfa as adamw_from_tfa
from mlkit.optimizers._adan import Adan as Adan
from mlkit.optimizers._cocob import COCOB as COCOB
from mlkit.optimizers._lars import LARS as LARS
from mlkit.optimizers._lazy_adam import LazyAdam as LazyAdam
from mlkit.optimizers._learning_rate_multiplier import (
    LearningRateMultiplier as LearningRateMultiplier,
)
from mlkit.optimizers._lookahead import Lookahead as Lookahead
from mlkit.optimizers._moving_average import MovingAverage as MovingAverage
from mlkit.optimizers._novo_grad import NovoGrad as NovoGrad
from mlkit.optimizers._proximal_adagrad import ProximalAdagrad as ProximalAdagrad
from mlkit.optimizers._rectified_adam import RectifiedAdam as RectifiedAdam
from mlkit.optimizers._schedule_free import ScheduleFree as ScheduleFree
from mlkit.optimizers._sgdw import SGDW as SGDW
from mlkit.optimizers._soap import SOAP as SOAP
from mlkit.optimizers._swa import SWA as SWA
from mlkit.optimizers._yogi import Yogi as Yogi
