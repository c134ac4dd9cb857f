"""mlkit: Keras 3 and tf.data under the names you know, and beside them what has been missing.

    import mlkit as mk

    (x, y), (x_test, y_test) = mk.data.load("digits")
    model = mk.Sequential([mk.Input((8, 8, 1)), mk.layers.Flatten(), mk.layers.Dense(10)])
    loss = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = mk.fit(model, x, y, epochs=10, validation_data=(x_test, y_test))

The packages, in the order in which data passes through them: `data`, `layers`, `models`, `losses`,
`metrics`, `gradients`, `optimizers`, `callbacks`, `training`, `export`. Each holds everything of
its namespace in Keras (or tf.data) as the same objects, and ours. `testing` checks your own parts.
"""

from importlib import import_module as _import_module
import typing as _typing

from mlkit._core import backend as _backend

_backend.check_environment()

from mlkit._version import __version__ as __version__  # noqa: E402

# Keras, as it is. Never starred: after `from keras import *`, `mlkit.layers` would be Keras' own.
# `keras.version` stays out, since `mk.version()` would tell another package's.
from keras import (  # noqa: E402
    DTypePolicy as DTypePolicy,
    FloatDTypePolicy as FloatDTypePolicy,
    Function as Function,
    Initializer as Initializer,
    Input as Input,
    InputSpec as InputSpec,
    KerasTensor as KerasTensor,
    Layer as Layer,
    Loss as Loss,
    Metric as Metric,
    Model as Model,
    Operation as Operation,
    Optimizer as Optimizer,
    Quantizer as Quantizer,
    Regularizer as Regularizer,
    RematScope as RematScope,
    Sequential as Sequential,
    StatelessScope as StatelessScope,
    SymbolicScope as SymbolicScope,
    Variable as Variable,
    applications as applications,
    backend as backend,
    config as config,
    datasets as datasets,
    device as device,
    distillation as distillation,
    distribution as distribution,
    dtype_policies as dtype_policies,
    legacy as legacy,
    mixed_precision as mixed_precision,
    name_scope as name_scope,
    preprocessing as preprocessing,
    quantizers as quantizers,
    random as random,
    remat as remat,
    saving as saving,
    tree as tree,
    utils as utils,
    visualization as visualization,
    wrappers as wrappers,
)

_backend.check_loaded()

# Ours, in the order of the path of the data.
from mlkit import ops as ops  # noqa: E402
from mlkit import data as data  # noqa: E402
from mlkit import initializers as initializers  # noqa: E402
from mlkit import activations as activations  # noqa: E402
from mlkit import regularizers as regularizers  # noqa: E402
from mlkit import constraints as constraints  # noqa: E402
from mlkit import layers as layers  # noqa: E402
from mlkit import models as models  # noqa: E402
from mlkit import losses as losses  # noqa: E402
from mlkit import metrics as metrics  # noqa: E402
from mlkit import gradients as gradients  # noqa: E402
from mlkit import optimizers as optimizers  # noqa: E402
from mlkit import callbacks as callbacks  # noqa: E402
from mlkit import plotting as plotting  # noqa: E402
from mlkit import training as training  # noqa: E402
from mlkit.training import Trainer as Trainer, fit as fit  # noqa: E402
from mlkit import export as export  # noqa: E402

if _typing.TYPE_CHECKING:
    from mlkit import testing as testing
else:
    # The one package that no training needs: it is loaded at its first use. Hidden from type
    # checkers, to whom a module with `__getattr__` has every name, typing errors too.
    def __getattr__(name):
        if name == "testing":
            return _import_module("mlkit.testing")
        raise AttributeError(f"module 'mlkit' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), "testing"})
