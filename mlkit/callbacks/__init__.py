"""Callbacks: everything in `keras.callbacks`, and ours."""

from keras.callbacks import *

from mlkit.callbacks._average_model_checkpoint import (
    AverageModelCheckpoint as AverageModelCheckpoint,
)
from mlkit.callbacks._confusion_matrix import ConfusionMatrix as ConfusionMatrix
from mlkit.callbacks._dead_units import DeadUnits as DeadUnits
from mlkit.callbacks._ema_teacher import EMATeacher as EMATeacher
from mlkit.callbacks._freeze_bn import FreezeBN as FreezeBN
from mlkit.callbacks._gradient_logger import GradientLogger as GradientLogger
from mlkit.callbacks._gradual_unfreeze import GradualUnfreeze as GradualUnfreeze
from mlkit.callbacks._lr_finder import LRFinder as LRFinder
from mlkit.callbacks._metrics_logger import MetricsLogger as MetricsLogger
from mlkit.callbacks._mlflow_sink import MLflowSink as MLflowSink
from mlkit.callbacks._nan_recovery import NaNRecovery as NaNRecovery
from mlkit.callbacks._optimizer_logger import OptimizerLogger as OptimizerLogger
from mlkit.callbacks._prediction_logger import PredictionLogger as PredictionLogger
from mlkit.callbacks._resume import Resume as Resume
from mlkit.callbacks._schedule_free_swap import ScheduleFreeSwap as ScheduleFreeSwap
from mlkit.callbacks._snapshot_ensemble import SnapshotEnsemble as SnapshotEnsemble
from mlkit.callbacks._step_evaluator import StepEvaluator as StepEvaluator
from mlkit.callbacks._stochastic_weight_averaging import (
    StochasticWeightAveraging as StochasticWeightAveraging,
)
from mlkit.callbacks._tensor_board_logger import TensorBoardLogger as TensorBoardLogger
from mlkit.callbacks._throughput import Throughput as Throughput
from mlkit.callbacks._time_stopping import TimeStopping as TimeStopping
from mlkit.callbacks._top_k_checkpoint import TopKCheckpoint as TopKCheckpoint
from mlkit.callbacks._tqdm_progress_bar import TQDMProgressBar as TQDMProgressBar
from mlkit.callbacks._wandb_sink import WandbSink as WandbSink
from mlkit.callbacks._warmup_reduce_lr_on_plateau import (
    WarmupReduceLROnPlateau as WarmupReduceLROnPlateau,
)
