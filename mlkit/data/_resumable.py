"""Which pipelines continue exactly after a restart, and what to use instead of the others."""

import warnings
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from mlkit.data._forgotten import forgotten

# Operation in the graph of a data set: (what a user calls it, what to use instead).
_STATELESS = (
    "`tf.random.stateless_…` with a seed made of an index, or `augment=` of `mk.data.pipeline`"
)
_RANDOM = {
    "RandomUniform": "tf.random.uniform",
    "RandomUniformInt": "tf.random.uniform",
    "RandomStandardNormal": "tf.random.normal",
    "TruncatedNormal": "tf.random.truncated_normal",
    "ParameterizedTruncatedNormal": "tf.random.truncated_normal",
    "RandomGamma": "tf.random.gamma",
    "RandomPoisson": "tf.random.poisson",
    "RandomPoissonV2": "tf.random.poisson",
    "RandomShuffle": "tf.random.shuffle",
    "Multinomial": "tf.random.categorical",
    "SampleDistortedBoundingBox": "tf.image.sample_distorted_bounding_box",
    "SampleDistortedBoundingBoxV2": "tf.image.sample_distorted_bounding_box",
    "RngReadAndSkip": "tf.random.Generator, or a Keras layer that draws random numbers",
    "RngSkip": "tf.random.Generator",
    "StatefulUniform": "tf.random.Generator",
    "StatefulStandardNormalV2": "tf.random.Generator",
}
_IN_FUNCTIONS = {
    **{op: (f"`{name}` in a map", _STATELESS) for op, name in _RANDOM.items()},
    "GeneratorDataset": (
        "`from_generator`",
        "arrays or a folder as the source of `mk.data.pipeline`, or `mk.data.write_records` once "
        "and `mk.data.read_records` then",
    ),
    "PyFunc": ("`tf.numpy_function`", "TensorFlow operations"),
    "EagerPyFunc": ("`tf.py_function`", "TensorFlow operations"),
    "AssignVariableOp": (
        "a map that changes a variable, such as a Keras layer with a seed generator",
        _STATELESS,
    ),
    "AssignAddVariableOp": ("a map that changes a variable", _STATELESS),
    "ShuffleDatasetV3": ("`shuffle` inside `interleave` or `flat_map`", "`mk.data.shuffle`"),
    "ShuffleAndRepeatDatasetV2": ("`shuffle` inside `interleave`", "`mk.data.shuffle`"),
}
_WITH_BUFFERS = "`options.experimental_symbolic_checkpoint = False` after it"
_NOT_SYMBOLIC = {
    "GroupByWindowDataset": "`mk.data.bucket` instead of `bucket_by_sequence_length`",
    "RebatchDatasetV2": "another `batch_size` instead of `rebatch`",
    "WindowDataset": "`mk.data.windows` instead of `window`",
    "UniqueDataset": _WITH_BUFFERS,
    "IgnoreErrorsDataset": "`on_error='skip'` of the readers instead of `ignore_errors`",
    "CacheDatasetV2": "`cache` before `mk.data.pipeline`",
    "ParallelInterleaveDatasetV4": "`interleave` without `num_parallel_calls`",
    "ParallelInterleaveDatasetV3": "`interleave` without `num_parallel_calls`",
}


def _graph(dataset: tf.data.Dataset) -> Any:
    """The graph of a data set, or None if its tensors are too large to be written into one."""
    try:
        text = tf.raw_ops.DatasetToGraphV2(
            input_dataset=tf.data.experimental.to_variant(dataset),
            external_state_policy=1,  # look, do not complain: that is done here
            strip_device_assignment=True,
        )
    except (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError):
        return None
    return tf.compat.v1.GraphDef.FromString(text.numpy())


def _unseeded(graph: Any) -> Iterator[tuple[str, str]]:
    """Operations of the outer graph that draw their seed anew in each process."""
    constants = {node.name: node.attr["value"].tensor for node in graph.node if node.op == "Const"}
    for node in graph.node:
        if node.op == "RandomDataset":
            seeds, what = node.input[:2], ("random draws", "a `seed`")
        elif node.op.startswith("ShuffleDataset"):
            seeds = node.input[2:4]
            what = ("`shuffle` without a seed", "`mk.data.shuffle`, or a `seed`")
        else:
            continue
        if all(name in constants and not any(constants[name].int64_val) for name in seeds):
            yield what


def _findings(dataset: tf.data.Dataset, graph: Any) -> Iterator[tuple[str, str]]:
    """(what, instead) of everything that does not survive a restart."""
    options = dataset.options()
    functions = [function.node_def for function in graph.library.function]
    inner = [node for function in functions for node in function]
    # A data set that is read to its end within one call has no position to save.
    within = [
        node
        for function in functions
        if all(node.op != "DatasetToSingleElement" for node in function)
        for node in function
    ]
    if options.deterministic is False:
        yield "`options.deterministic = False`", "`deterministic = True`"
    for node in [*graph.node, *inner]:
        if node.attr["deterministic"].s == b"false":
            yield "`deterministic=False`", "`deterministic=True`, the default"
    for node in [*graph.node, *within]:
        if options.experimental_symbolic_checkpoint and node.op in _NOT_SYMBOLIC:
            yield f"{node.op} after a pipeline of `mk.data`", _NOT_SYMBOLIC[node.op]
    for node in inner:
        if node.op in _IN_FUNCTIONS:
            yield _IN_FUNCTIONS[node.op]
    yield from _unseeded(graph)
    yield from forgotten(graph)


def check_resumable(dataset: tf.data.Dataset) -> None:
    """Raise if a data set would not continue exactly after a restart.

    Reads the graph of the data set, functions included. Refused are: `from_generator`,
    `py_function` and `numpy_function`, random operations with a state of their own, a shuffle
    without a seed or inside an interleave, one that is followed by a batch which may be short and
    by a `repeat` (TensorFlow forgets its place in the seeds as an epoch ends), unordered parallel
    calls, and, after a pipeline of `mk.data` (whose checkpoints are positions, not buffers), the
    stages of tf.data that cannot save a position.

    Args:
        dataset: a `tf.data.Dataset`.

    Returns:
        None.

    Raises:
        ValueError: names each of these and what to use instead.

    Example:
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> mk.data.check_resumable(tf.data.Dataset.range(9).shuffle(9, seed=1).batch(2))
        >>> try:
        ...     inner = lambda i: tf.data.Dataset.range(9).shuffle(9, seed=1)
        ...     mk.data.check_resumable(tf.data.Dataset.range(3).interleave(inner))
        ... except ValueError as error:
        ...     print(str(error).splitlines()[1])
        - `shuffle` inside `interleave` or `flat_map`. Use `mk.data.shuffle`.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(f"`dataset` must be a tf.data.Dataset. Received: {type(dataset).__name__}")
    twin = getattr(dataset, "small_twin", None)
    graph = _graph(dataset if twin is None else twin())
    if graph is None:
        warnings.warn(
            "Whether this data set can be resumed exactly is not known: its tensors are too large "
            "to look into it. `mk.data.pipeline` over the arrays is always resumable.",
            stacklevel=2,
        )
        return
    found = dict.fromkeys(_findings(dataset, graph))
    if found:
        lines = [f"- {what}. Use {instead}." for what, instead in found]
        raise ValueError(
            "This data set does not continue exactly after a restart:\n" + "\n".join(lines)
        )
