"""LRFinder on the digits beside a sweep of rates: are they within a factor of three?

    python tests/benchmarks/lr_finder.py

The best rate of the sweep is that of the lowest held-out loss after five epochs, over two seeds.
"""

import sys

import keras
import numpy as np

import mlkit as mk

RATES = 10 ** np.arange(-3, 0.51, 0.25)
OPTIMIZERS = {
    "SGD": keras.optimizers.SGD,
    "SGD with momentum 0.9": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "Adam": keras.optimizers.Adam,
}


def model(optimizer: keras.Optimizer) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
    made = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 16), *layers])
    made.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def main() -> None:
    (x, y), held_out = mk.data.load("digits")
    missed = 0
    print(f"{'optimizer':24s} {'suggested':>10s} {'best':>10s} {'factor':>7s}  weights")
    for name, make in OPTIMIZERS.items():
        subject = model(make(0.01))
        before = subject.get_weights()
        suggested = mk.callbacks.LRFinder(verbose=0).find(subject, x, y).suggestion
        pairs = zip(before, subject.get_weights(), strict=True)
        same = all(np.array_equal(a, b) for a, b in pairs)
        losses = []
        for rate in RATES:
            options = {"epochs": 5, "validation_data": held_out, "verbose": 0}
            found = [
                mk.fit(model(make(float(rate))), x, y, seed=seed, **options)["val_loss"][-1]
                for seed in range(2)
            ]
            losses.append(np.nan_to_num(np.mean(found), nan=np.inf))
        best = RATES[int(np.argmin(losses))]
        factor = max(suggested / best, best / suggested)
        missed += factor > 3 or not same
        state = "identical" if same else "CHANGED"
        print(f"{name:24s} {suggested:10.2e} {best:10.2e} {factor:7.2f}  {state}", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
