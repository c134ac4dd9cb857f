"""Data: everything in `tf.data`, and ours."""

import tensorflow as _tf

from mlkit.data import augment as augment
from mlkit.data._augment_batches import augment_batches as augment_batches
from mlkit.data._benchmark import Timing as Timing
from mlkit.data._benchmark import benchmark as benchmark
from mlkit.data._bucket import bucket as bucket
from mlkit.data._classes import class_weights as class_weights
from mlkit.data._classes import oversample as oversample
from mlkit.data._columnar import read_array_record as read_array_record
from mlkit.data._columnar import read_parquet as read_parquet
from mlkit.data._describe import Description as Description
from mlkit.data._describe import describe as describe
from mlkit.data._folders import read_audio as read_audio
from mlkit.data._folders import read_images as read_images
from mlkit.data._folders import read_text as read_text
from mlkit.data._info import Info as Info
from mlkit.data._info import info as info
from mlkit.data._load import load as load
from mlkit.data._memory import fits_in_memory as fits_in_memory
from mlkit.data._mix import mix as mix
from mlkit.data._overlap import Overlap as Overlap
from mlkit.data._overlap import overlap as overlap
from mlkit.data._pack import pack as pack
from mlkit.data._pad import pad as pad
from mlkit.data._pipeline import Pipeline as Pipeline
from mlkit.data._pipeline import pipeline as pipeline
from mlkit.data._random import keys as keys
from mlkit.data._records import read_records as read_records
from mlkit.data._records import write_records as write_records
from mlkit.data._resumable import check_resumable as check_resumable
from mlkit.data._shuffle import epoch_order as epoch_order
from mlkit.data._shuffle import shuffle as shuffle
from mlkit.data._source import Indexed as Indexed
from mlkit.data._split import split as split
from mlkit.data._statistics import Statistics as Statistics
from mlkit.data._statistics import statistics as statistics
from mlkit.data._tables import read_csv as read_csv
from mlkit.data._windows import windows as windows

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
