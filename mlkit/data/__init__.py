"""Data: everything in `tf.data`, and ours."""

import tensorflow as _tf

from mlkit.data._load import load as load
from mlkit.data._memory import fits_in_memory as fits_in_memory
from mlkit.data._overlap import overlap as overlap
from mlkit.data._pipeline import Pipeline as Pipeline
from mlkit.data._pipeline import pipeline as pipeline
from mlkit.data._random import keys as keys
from mlkit.data._records import read_records as read_records
from mlkit.data._records import write_records as write_records
from mlkit.data._resumable import check_resumable as check_resumable
from mlkit.data._shuffle import epoch_order as epoch_order
from mlkit.data._split import split as split

# `from tensorflow.data import *` runs, but editors complete nothing after it.
AUTOTUNE = _tf.data.AUTOTUNE
Dataset = _tf.data.Dataset
DatasetSpec = _tf.data.DatasetSpec
FixedLengthRecordDataset = _tf.data.FixedLengthRecordDataset
INFINITE_CARDINALITY = _tf.data.INFINITE_CARDINALITY
Iterator = _tf.data.Iterator
IteratorSpec = _tf.data.IteratorSpec
NumpyIterator = _tf.data.NumpyIterator
Options = _tf.data.Options
TFRecordDataset = _tf.data.TFRecordDataset
TextLineDataset = _tf.data.TextLineDataset
ThreadingOptions = _tf.data.ThreadingOptions
UNKNOWN_CARDINALITY = _tf.data.UNKNOWN_CARDINALITY
experimental = _tf.data.experimental
