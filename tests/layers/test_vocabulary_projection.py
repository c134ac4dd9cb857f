import keras
import numpy as np
import pytest

from mlkit.layers import VocabularyProjection
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        VocabularyProjection,
        kwargs={
            "vocabulary_size": 9,
            "tied_to": None,
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
        },
        input_shape=(2, 5, 4),
        trains=True,
        dynamic_axes=(1,),
        excuse={"kwargs_complete": "a tied layer has its own tests"},
    )
]


@pytest.mark.parametrize("use_bias", [True, False])
def test_tied_and_untied(use_bias):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    table = keras.layers.Embedding(9, 4)
    tied = VocabularyProjection(9, table, use_bias, bias_initializer="ones")
    found = tied(x)
    np.testing.assert_allclose(found, x @ table.embeddings.numpy().T + use_bias, rtol=1e-5)
    assert len(tied.weights) == 1 + use_bias
    own = VocabularyProjection(9, use_bias=use_bias, bias_initializer="ones")
    np.testing.assert_allclose(own(x), x @ own.kernel.numpy() + use_bias, rtol=1e-5)
    np.testing.assert_array_equal(own(x, project=False), x)
    assert own.trainable_weights


def test_sizes_must_fit():
    with pytest.raises(ValueError, match="must have 9 entries"):
        VocabularyProjection(9, keras.layers.Embedding(8, 4))
    with pytest.raises(ValueError, match="width of the embedding, 4"):
        VocabularyProjection(9, keras.layers.Embedding(9, 4))(np.zeros((1, 5)))


def test_the_table_is_shared_after_loading(tmp_path):
    words = keras.Input((3,), dtype="int32")
    table = keras.layers.Embedding(9, 4)
    model = keras.Model(words, VocabularyProjection(9, table)(table(words)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[2].tied_to is loaded.layers[1]
    assert len(loaded.weights) == len(model.weights) == 2
    x = np.arange(6).reshape(2, 3)
    np.testing.assert_allclose(loaded(x), model(x))
