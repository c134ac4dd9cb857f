"""Loads what quickstart has saved, in a process that has made none of it.

Run by path with the run directory as its argument. The last line of the output is JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    import numpy as np

    import mlkit as mk

    _, (images, _) = mk.data.load("digits")
    expected = np.load(folder / "predictions.npy")
    model: Any = mk.saving.load_model(folder / "model.keras")
    logits = model.predict(images, verbose=0)
    served = mk.layers.TFSMLayer(str(folder / "saved_model"), call_endpoint="serve")
    answer = {
        "images": len(images),
        "identical": bool(np.array_equal(logits, expected)),
        "difference": float(np.abs(logits - expected).max()),
        "saved_model": float(np.abs(np.asarray(served(images.astype("float32"))) - expected).max()),
    }
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
