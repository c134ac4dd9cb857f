"""Rules for files: what is written and read again computes the same."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mlkit.testing._check import check, shared
from mlkit.testing._config import differences, plain
from mlkit.testing._layer_data import longer, model_of
from mlkit.testing._layer_live import live
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference


def model(spec: LayerSpec) -> Any:
    """A functional model around the part's layer, with its weights."""
    it = live(spec)
    return shared(spec, "model", lambda: model_of(spec, it.layer, it.data))


@check("layer")
def save_load(spec: LayerSpec) -> None:
    """A model with the layer, saved as `.keras` and loaded, is the same model."""
    it, whole = live(spec), model(spec)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        whole.save(path)
        again: Any = keras.saving.load_model(path, custom_objects={spec.cls.__name__: spec.cls})
    found = differences(plain(whole.get_config()), plain(again.get_config()))
    if found:
        raise CheckFailed(
            f"the model loaded has another configuration: {'; '.join(found[:5])}",
            why="A saved model comes back as something else.",
            mend="See `config_complete`.",
        )
    found = difference(again(it.data, training=False), whole(it.data, training=False), 1e-6)
    if found:
        raise CheckFailed(
            f"the model that was loaded gives {found}",
            why="A saved model comes back as something else, silently.",
            mend="Make every weight in `build` (not at the first call), hold each as an attribute "
            "of the layer, and build sublayers in `build` too, so that loading finds them.",
        )


@check("layer")
def export(spec: LayerSpec) -> None:
    """Exported as a SavedModel, the layer computes the same, for any size of batch."""
    it, whole = live(spec), model(spec)
    with tempfile.TemporaryDirectory() as folder:
        whole.export(folder, format="tf_saved_model", verbose=False)
        served = tf.saved_model.load(folder)
        for data in (it.data, longer(it.data)):
            found = difference(served.serve(data), whole(data, training=False), 1e-5)
            if found:
                raise CheckFailed(
                    f"the SavedModel gives {found}",
                    why="What is served is not what was trained.",
                    mend="Take from Python only what does not change: what `call` reads from an "
                    "attribute is baked in when the model is exported.",
                )
