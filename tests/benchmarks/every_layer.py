"""A model with each of our layers once: trained, saved, and loaded in a fresh process.

    python tests/benchmarks/every_layer.py

Two steps by `mk.fit` with `mixed_bfloat16` and XLA. Prints the count of layers and the largest
difference between the predictions before and after; leaves with 1 unless it is 0.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

import mlkit as mk

L = mk.layers
STEPS, BATCH = 2, 8


def images():
    """16 x 16 x 3 through the layers of images, to one vector."""
    inputs = keras.Input((16, 16, 3), name="image")
    x = L.DeformableConv2D(8, padding="same")(inputs)
    x = L.InstanceNormalization()(x)
    x = L.TLU()(L.FilterResponseNormalization()(x))
    x = L.PixelNorm()(L.LayerScale(0.1)(x))
    x = L.SqueezeExcite2D()(L.DropBlock2D(0.1, 3)(x))
    x = L.MaxUnpooling2D()(L.MaxPoolingWithArgmax2D()(x))
    x = L.PixelShuffle(2)(L.PixelUnshuffle(2)(x))
    x = L.StochasticDepth(0.9)([x, L.DropPath(0.1)(x)])
    x = L.GlobalResponseNormalization()(L.BlurPool2D()(x))  # 8 x 8
    x = L.ASPP((1, 2), 8)(x)
    x = L.Maxout(4)(L.MinibatchStdDev(2, 8)(x))  # 8 x 8 x 4
    pyramid = keras.layers.Flatten()(L.SpatialPyramidPooling2D([1, 2])(x))
    patches = L.AttentionPooling1D()(L.PatchEmbedding(2, 8)(x))
    return inputs, [L.GeneralizedMeanPooling2D()(x), pyramid, patches]


def sequences():
    """Bags of three tokens at 8 times through the layers of sequences, to vectors."""
    inputs = keras.Input((8, 3), dtype="int32", name="tokens")
    x = L.EmbeddingBag(20, 8)(inputs)
    x = L.SinePositionalEncoding()(L.LearnedPositionEmbedding(8)(x))
    heads = L.RotaryEmbedding()(keras.layers.Reshape((8, 2, 4))(x))
    x = keras.layers.Reshape((8, 8))(L.ChunkedAttention(4)([heads, heads, heads]))
    x = L.GatedFFN(16)(x)
    cells = [
        L.LayerNormGRUCell(8),
        L.LayerNormLSTMCell(8),
        L.NASCell(8),
        L.PeepholeLSTMCell(8),
        L.ESNCell(8, connectivity=0.9),
        L.Zoneout(keras.layers.GRUCell(8)),
    ]
    for cell in cells:
        x = keras.layers.RNN(cell, return_sequences=True)(x)
    x = L.SpectralWeightNormalization(keras.layers.LSTM(8, return_sequences=True))(x)
    potentials = L.CRF(4)(x)[1]
    ends = [L.ESN(8, connectivity=0.9)(x), L.NetVLAD(2)(x), L.GeneralizedMeanPooling1D()(x)]
    return inputs, [*ends, keras.layers.Flatten()(potentials)]


def model():
    """The model of all of them."""
    (image, a), (tokens, b) = images(), sequences()
    x = L.WeightNormalization(keras.layers.Dense(8))(keras.layers.Concatenate()([*a, *b]))
    x = L.FiLM()([x, L.NoisyDense(8)(x)])
    x = L.AdaptiveNorm()([x, L.PolynomialCrossing()([x, x])])
    x = L.NormalizedDense(8, scale=4.0)(L.GradientReversal(0.5)(x))
    logits = L.VocabularyProjection(4, dtype="float32")(x)
    return keras.Model([image, tokens], logits)


def used(layer, found):
    """Names of our classes in a layer and in what it holds."""
    if type(layer).__module__.startswith("mlkit.layers"):
        found.add(type(layer).__name__)
    for inner in (getattr(layer, "layer", None), getattr(layer, "cell", None)):
        if inner is not None:
            used(inner, found)
    return found


def data():
    """Examples for the steps, and their classes."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(STEPS * BATCH, 16, 16, 3)).astype("float32")
    tokens = rng.integers(1, 20, (STEPS * BATCH, 8, 3)).astype("int32")
    return [image, tokens], rng.integers(0, 4, STEPS * BATCH)


def load(folder):
    """In the fresh process: predict with the saved model."""
    loaded = keras.saving.load_model(Path(folder) / "all.keras")
    np.save(Path(folder) / "after.npy", loaded.predict(data()[0], batch_size=BATCH, verbose=0))


def main():
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    x, y = data()
    net = model()
    found = set().union(*(used(layer, set()) for layer in net.layers))
    ours = {n for n, v in vars(L).items() if getattr(v, "__module__", "").startswith("mlkit.")}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile("adam", loss, jit_compile=True)
    history = mk.fit(net, x, y, batch_size=BATCH, epochs=1, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "all.keras")
        before = net.predict(x, batch_size=BATCH, verbose=0)
        subprocess.run([sys.executable, __file__, folder], check=True)
        worst = float(np.max(np.abs(before - np.load(Path(folder) / "after.npy"))))
    print(
        f"{len(found)} of {len(ours)} layers; missing: {', '.join(sorted(ours - found)) or 'none'}"
    )
    print(
        f"loss {history['loss'][-1]:.4f}; {STEPS} steps; largest difference after loading {worst}"
    )
    sys.exit(0 if worst == 0.0 and not ours - found and np.isfinite(before).all() else 1)


if __name__ == "__main__":
    load(sys.argv[1]) if len(sys.argv) > 1 else main()
