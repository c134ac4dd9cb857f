import itertools

import keras
import numpy as np
import pytest
from numeric import randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.CRF,
        kwargs=dict(
            units=3,
            chain_initializer="glorot_uniform",
            use_boundary=False,
            boundary_initializer="ones",
            use_kernel=False,
        ),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
        excuse={
            "fit": "the transitions, fourth of TensorFlow Addons' outputs, have no batch axis",
            "mask_propagation": "the tags carry it; on the potentials Keras would weight the loss "
            "of a sequence by the mask of its steps",
        },
    ),
]

MASKS = {
    "none": [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    "right": [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]],
    "left": [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]],
    "holes": [[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]],
}


def scored(layer, x, mask):
    """For each row the valid steps, and every path over them with its score."""
    w, b = layer.kernel.numpy(), layer.bias.numpy()
    left, right = layer.left_boundary.numpy(), layer.right_boundary.numpy()
    chain = layer.chain_kernel.numpy()
    for row, valid in zip(x.astype("float64"), mask, strict=True):
        u = row[valid] @ w + b
        if len(u):
            u[0] += left
            u[-1] += right
        all_paths = {}
        for path in itertools.product(range(layer.units), repeat=len(u)):
            score = sum(u[t, tag] for t, tag in enumerate(path))
            all_paths[path] = score + sum(chain[i, j] for i, j in itertools.pairwise(path))
        yield valid, all_paths


@pytest.mark.parametrize("kind", MASKS)
def test_tags_and_loss_by_enumeration(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4, 2)).astype("float32")
    y = rng.integers(0, 3, size=(3, 4))
    mask = np.array(MASKS[kind], bool)
    layer = mk.layers.CRF(3)
    layer.build(x.shape)
    randomise(layer.weights)
    tags, potentials, lengths, chain = layer(x, mask=None if kind == "none" else mask)
    losses = mk.losses.CRFLoss(layer, reduction=None)(np.where(mask, y, 99), potentials)
    np.testing.assert_array_equal(lengths, mask.sum(1))
    np.testing.assert_array_equal(chain, layer.chain_kernel.numpy())
    for row, (valid, all_paths) in enumerate(scored(layer, x, mask)):
        best = max(all_paths, key=all_paths.get)
        np.testing.assert_array_equal(np.asarray(tags)[row][valid], best)
        np.testing.assert_array_equal(np.asarray(tags)[row][~valid], 0)
        scores = np.array(list(all_paths.values()))
        norm = scores.max() + np.log(np.exp(scores - scores.max()).sum())
        np.testing.assert_allclose(losses[row], norm - all_paths[tuple(y[row][valid])], atol=2e-5)


def tagger(time=None):
    inputs = keras.Input((time, 1))
    crf = mk.layers.CRF(2, name="crf")
    tags, potentials, _, _ = crf(keras.layers.Masking(mask_value=-1.0)(inputs))
    model = keras.Model(inputs, {"tags": tags, "potentials": potentials})
    model.compile(
        keras.optimizers.Adam(0.1),
        loss={"potentials": mk.losses.CRFLoss(crf)},
    )
    return model


def alternating(count=64):
    """Tags that change at each step: without transitions they cannot be told from noise."""
    rng = np.random.default_rng(0)
    y = (np.arange(6) + rng.integers(0, 2, size=(count, 1))) % 2
    x = np.where(np.arange(6) == 0, y, 0.5)[..., None].astype("float32")
    x[: count // 2, 4:] = -1.0  # padding
    return x, y


def test_fit_save_load_and_go_on(tmp_path):
    x, y = alternating()
    model = tagger()
    before = model.evaluate(x, {"potentials": y}, verbose=0)
    model.fit(x, {"potentials": y}, epochs=60, verbose=0)
    after = model.evaluate(x, {"potentials": y}, verbose=0)
    assert np.ravel(after)[0] < 0.1 * np.ravel(before)[0]
    tags = model.predict(x, verbose=0)["tags"]
    valid = x[..., 0] != -1
    np.testing.assert_array_equal(tags[valid], y[valid])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0)["tags"], tags)
    # Saved while another of the name lives, loaded beside the first: each loss has its own layer.
    assert model.loss["potentials"].layer is model.get_layer("crf")
    assert loaded.loss["potentials"].layer is loaded.get_layer("crf")
    plain = keras.models.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(plain.predict(x, verbose=0)["tags"], tags)
    again = loaded.evaluate(x, {"potentials": y}, verbose=0)
    np.testing.assert_allclose(np.ravel(again)[0], np.ravel(after)[0], rtol=1e-6)
    loaded.fit(x, {"potentials": y}, epochs=1, verbose=0)
    assert np.any(loaded.get_layer("crf").chain_kernel != model.get_layer("crf").chain_kernel)


def test_without_kernel_and_boundary_the_inputs_are_the_potentials():
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    layer = mk.layers.CRF(3, use_kernel=False, use_boundary=False)
    _, potentials, _, _ = layer(x)
    np.testing.assert_array_equal(potentials, x)
    assert [w.name for w in layer.weights] == ["chain_kernel"]


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`units` must be an integer ≥ 1"):
        mk.layers.CRF(0)
    with pytest.raises(ValueError, match="expects inputs with 3 axes"):
        mk.layers.CRF(3).build((None, 3))
    with pytest.raises(ValueError, match=r"'crf': with `use_kernel=False`.*\(None, 5, 4\)"):
        mk.layers.CRF(3, use_kernel=False, name="crf").build((None, 5, 4))
    with pytest.raises(TypeError, match="`layer` must be the CRF layer"):
        mk.losses.CRFLoss("crf")
