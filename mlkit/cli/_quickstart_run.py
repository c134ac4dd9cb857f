"""The run behind `mlkit quickstart`."""

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mlkit.cli import _package
from mlkit.cli._quickstart import COMMAND, RESULT

GOAL = 0.97
EPOCHS, BATCH = 12, 32


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(folder: Path, out: Path) -> bool:
    """Train, save, draw, and load again; whether the goal was reached and all is identical."""
    begin = time.perf_counter()
    mk = wake()
    say(f"imported in {time.perf_counter() - begin:.1f} s")
    train, held_out = mk.data.load("digits")
    say(f"data   {len(train[0])} handwritten digits to learn from, {len(held_out[0])} held out")
    model, history = learn(folder, mk, train, held_out)
    logits = model.predict(held_out[0], verbose=0)
    wrong = int((logits.argmax(-1) != held_out[1]).sum())
    accuracy = 1 - wrong / len(logits)
    say(f"held out: {accuracy:.1%} right, {wrong} of {len(logits)} wrong".replace("%", " %"))
    save(folder, mk, model, logits, {"accuracy": accuracy, "wrong": wrong, "images": len(logits)})
    pictures(folder, mk, history, held_out, logits)
    identical = load_again(folder)
    say(f"all of it in {time.perf_counter() - begin:.0f} s, in {out}: {listing(folder)}")
    if accuracy < GOAL:
        say(f"FAILED: at least {GOAL:.0%} of the held-out images were to be right.")
    return identical and accuracy >= GOAL


def wake() -> Any:
    """The package, with TensorFlow and its devices awake."""
    with _package.hushed():
        mk = _package.load()
        import keras
        import tensorflow as tf  # its version, and one operation that wakes the devices

        tf.zeros(())
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    say(f"mlkit {mk.__version__}, {versions}, {os.cpu_count()} cores")
    return mk


def learn(folder: Path, mk: Any, train: Any, held_out: Any) -> tuple[Any, Any]:
    """The trained model and its history; the best weights are kept on the way."""
    mk.utils.set_random_seed(0)
    model = build(mk, steps=EPOCHS * -(-len(train[0]) // BATCH))
    say(f"model  a convolutional net of {model.count_params():,} weights")
    best = str(folder / "checkpoints" / "best.weights.h5")
    checkpoint = mk.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True)
    history = mk.fit(
        model,
        *train,
        epochs=EPOCHS,
        batch_size=BATCH,
        validation_data=held_out,
        callbacks=[checkpoint],
        run=folder,
        seed=0,
        verbose=1,
    )
    return model, history


def build(mk: Any, steps: int) -> Any:
    """A small convolutional net, compiled: raw pixels in, logits out."""
    layers = mk.layers
    model = mk.Sequential(
        [
            mk.Input((8, 8, 1)),
            layers.Rescaling(1 / 16),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10),
        ],
        name="digits",
    )
    schedules = mk.optimizers.schedules
    decay = schedules.CosineDecay(3e-3, decay_steps=steps - steps // 10)
    model.compile(
        optimizer=mk.optimizers.AdamW(schedules.WarmupSchedule(decay, steps // 10)),
        loss=mk.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def save(folder: Path, mk: Any, model: Any, logits: Any, result: dict[str, Any]) -> None:
    """The model in two formats, its predictions, and the result as a record."""
    import numpy as np

    model.save(folder / "model.keras")
    model.export(folder / "saved_model", verbose=False)
    np.save(folder / "predictions.npy", logits)
    record = {"command": COMMAND, "version": mk.__version__, **result}
    (folder / RESULT).write_text(json.dumps(record, indent=2) + "\n")


def pictures(folder: Path, mk: Any, history: Any, held_out: Any, logits: Any) -> None:
    """The curves and the worst mistakes, where matplotlib is."""
    if importlib.util.find_spec("matplotlib") is None:
        say('pictures: none without matplotlib (pip install "mlkit-tf[plot]")')
        return
    mk.plotting.curves(history.history).savefig(folder / "curves.png")
    images, labels = held_out
    mistakes = mk.plotting.worst_mistakes(images, labels, logits, from_logits=True)
    mistakes.savefig(folder / "mistakes.png")


def load_again(folder: Path) -> bool:
    """Whether a fresh process gives the same predictions from what was saved."""
    script = Path(__file__).with_name("_quickstart_check.py")
    command = [sys.executable, "-P", str(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        say(f"FAILED: a fresh process cannot load the model: {last}")
        return False
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if not answer["identical"] or answer["saved_model"] > 1e-4:
        say(f"FAILED: a fresh process predicts something else: {answer}")
        return False
    say(
        f"fresh process: model.keras gives the same {answer['images']} predictions, bit for bit; "
        f"saved_model/ to {answer['saved_model']:.0e}"
    )
    return True


def listing(folder: Path) -> str:
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
    return " ".join(names)


def farewell(out: Path) -> str:
    """The three commands to try next."""
    program = (
        "import mlkit as mk; x, y = mk.data.load('digits')[1]; "
        f"mk.saving.load_model({str(out / 'model.keras')!r}).evaluate(x, y)"
    )
    commands = [
        [_here("tensorboard"), "--logdir", str(out / "tensorboard")],
        [_here("python"), "-c", program],
        [_here("mlkit"), "doctor"],
    ]
    return "\nTry next:\n" + "".join(f"  {_quoted(command)}\n" for command in commands)


def _quoted(command: list[str]) -> str:
    """As typed in a shell, in double quotes where that is enough: the program holds single ones."""
    return " ".join(
        f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)
        for word in command
    )


def _here(name: str) -> str:
    """The command of this environment, by name where the shell would find that one."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found is not None and Path(found).parent == beside.parent:
        return name
    return os.path.relpath(beside) if Path.cwd() in beside.parents else str(beside)
