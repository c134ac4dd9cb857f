"""Callbacks: everything in `keras.callbacks`, and ours."""

from keras.callbacks import *

from mlkit.callbacks._time_stopping import TimeStopping as TimeStopping
from mlkit.callbacks._top_k_checkpoint import TopKCheckpoint as TopKCheckpoint
from mlkit.callbacks._tqdm_progress_bar import TQDMProgressBar as TQDMProgressBar
