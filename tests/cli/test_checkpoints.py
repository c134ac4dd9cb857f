import json

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like

import mlkit as mk
from mlkit.cli import main

X, Y = digits_like()


@pytest.fixture
def run(tmp_path):
    trainer = mk.Trainer(compiled(), seed=3, ema=0.5, execution="epoch")
    trainer.fit(X, Y, epochs=2, run=tmp_path / "a", verbose=0)
    return tmp_path / "a", trainer


def test_lists_and_verifies(run, capsys):
    folder, _ = run
    assert main(["checkpoints", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 are good." in said
    assert "accuracy 0." in said
    (folder / "checkpoints" / "checkpoint-0000000005" / "variables.bin").write_bytes(b"1")
    assert main(["checkpoints", str(folder)]) == 1
    assert "         5" in (said := capsys.readouterr().out)
    assert "DAMAGED: variables.bin has 1 bytes in the place of" in said
    assert main(["checkpoints", str(folder), "--json"]) == 1
    assert [e["good"] for e in json.loads(capsys.readouterr().out)] == [False, True]


@pytest.mark.parametrize("averaged", [False, True])
def test_exports_a_model_file(run, tmp_path, capsys, averaged):
    folder, trainer = run
    file = tmp_path / "m.keras"
    options = ["--averaged"] if averaged else []
    assert main(["checkpoints", str(folder), "--export", str(file), *options]) == 0
    if averaged:
        trainer.finalize()
    loaded = keras.saving.load_model(file)
    for mine, theirs in zip(loaded.variables, trainer.model.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    capsys.readouterr()
    assert main(["checkpoints", str(folder), "--export", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_sentences_for_what_is_not_there(run, tmp_path, capsys):
    folder, _ = run
    assert main(["checkpoints", str(tmp_path / "nowhere")]) == 2
    assert "is not a run" in capsys.readouterr().err
    out = str(tmp_path / "m.keras")
    assert main(["checkpoints", str(folder), "--export", out, "--update", "3"]) == 2
    assert "no good checkpoint of update 3" in capsys.readouterr().err
