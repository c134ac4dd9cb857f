"""What every test of mlkit gets: two logical devices, fixed seeds, no noise."""

import gc
import os
import zlib

# Two workers of the runner on two cores: one thread each, or they wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
import tensorflow as tf

# Before the runtime starts: the tests under a strategy need two replicas on any machine.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

# Conformance checks that trace, compile, export or train: most of the time of them all.
COMPILING = {
    "batches", "compiled", "dynamic_shapes", "ends_after_an_error", "evaluate", "export", "fit",
    "half_precision", "loss_scale", "numeric_gradient", "parabola", "reductions", "reference",
    "replicas", "restore", "rosenbrock", "same_in_every_loop", "saved_model", "state",
    "step_types", "stochastic", "target_dtypes", "used_again", "xla",
}  # fmt: skip

# Files that take three seconds and more: they compile, train, write or start processes. What a user
# meets first stays in the fast tier all the same: README, the imports and the command line.
LONG = {
    "tests": ("docs",),
    "callbacks": (
        "average_model_checkpoint", "ema_teacher", "freeze_bn", "gradual_unfreeze", "loggers",
        "lr_finder", "matrix", "metrics_logger", "nan_recovery", "prediction_logger", "resume",
        "schedule_free_swap", "snapshot_ensemble", "stochastic_weight_averaging",
        "tensor_board_logger", "time_stopping", "top_k_checkpoint", "tqdm_progress_bar",
        "warmup_reduce_lr_on_plateau",
    ),
    "cli": ("launch",),
    "data": (
        "augment", "bucket", "describe", "in_fit", "pipeline", "records", "shaping", "shuffle",
        "split",
    ),
    "distributed": ("replicas",),
    "gradients": ("every_transform",),
    "layers": ("crf", "spectral_weight_normalization", "weight_normalization", "zoneout"),
    "losses": ("bad_input", "chunked_sparse_categorical_crossentropy", "embeddings"),
    "metrics": ("streaming",),
    "ops": ("chunked_attention", "crf", "image", "spectral_norm"),
    "optimizers": (
        "ada_belief", "adan", "lars", "lazy_adam", "novo_grad", "rectified_adam", "schedule_free",
        "soap", "yogi",
    ),
    "schedules": ("every_step",),
    "state": ("replicas",),
    "testing": (
        "callback_checks", "kit", "layer_checks", "loss_checks", "metric_checks",
        "optimizer_checks", "teeth",
    ),
    "training": (
        "composite_batches", "depth3", "ema", "failing_callback", "like_keras_fit", "many_models",
        "models_of_their_own_step", "multi_optimizer", "patch", "programs", "reproducible",
        "resident", "resume", "run_directory", "sam", "steps", "update",
    ),
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """The fast tier, `-m "not slow"`, leaves out what takes long, which is begun first."""
    for item in items:
        check = item.name.rpartition("-")[2].rstrip("]")
        compiling = item.path.name == "test_conformance.py" and check in COMPILING
        names = LONG.get(item.path.parent.name, ())
        if compiling or item.path.stem.removeprefix("test_") in names:
            item.add_marker(pytest.mark.slow)
    # Minutes long: begun last, they would keep one of two workers busy and the other idle.
    items.sort(key=lambda item: item.path.parent.name != "reliability")


@pytest.fixture(autouse=True)
def seeds(request):
    """The numbers of a test are its own: whichever tests ran before it, they are the same."""
    keras.utils.set_random_seed(0)
    if isinstance(drawn := getattr(request.module, "RNG", None), np.random.Generator):
        own = np.random.default_rng(zlib.crc32(request.node.name.encode()))
        drawn.bit_generator.state = own.bit_generator.state


@pytest.fixture(autouse=True)
def garbage():
    """Graphs are cycles of objects: 230,000 destroyed at once took 18 s, one by one 1.4 s."""
    yield
    gc.collect()
    gc.freeze()  # What outlives a test is not walked through again after each of the others.
