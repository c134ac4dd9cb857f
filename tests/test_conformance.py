"""Every part of mlkit honours the contract of its kind, and no part is left out."""

import json
import subprocess
import sys
from pathlib import Path

import keras

from mlkit import testing
from mlkit.testing._gather import gather, unlisted
from mlkit.testing._layer_data import example, model_of

SPECS_HERE = gather(Path(__file__).parent)


@testing.parametrize(SPECS_HERE)
def test_part(check):
    check()


def test_every_public_part_has_a_spec():
    missing = unlisted(SPECS_HERE)
    assert not missing, f"no SPECS entry in tests/ for: {', '.join(missing)}"


LOAD = """
import json, sys
import mlkit, keras
failed = {}
for name, kind, text in json.load(open(sys.argv[1])):
    try:
        if kind == "layer":
            keras.saving.load_model(text)
        else:
            keras.saving.deserialize_keras_object(json.loads(text))
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {str(error)[:300]}"
print("LOADED " + json.dumps(failed))
"""


def saved(spec, folder, number):
    """A saved model that holds the layer, or the part's own serialised form."""
    if spec.kind == "layer":
        path = folder / f"{number}.keras"
        model_of(spec, spec.make(), example(spec)).save(path)
        return str(path)
    return json.dumps(keras.saving.serialize_keras_object(spec.make()))


def test_a_fresh_process_with_import_mlkit_loads_every_saved_part(tmp_path):
    specs = [s for s in SPECS_HERE if s.kind != "callback" and "save_load" not in s.excuse]
    files = [(s.id, s.kind, saved(s, tmp_path, i)) for i, s in enumerate(specs)]
    listing = tmp_path / "saved.json"
    listing.write_text(json.dumps(files))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(listing)], capture_output=True, text=True, check=False
    )
    assert "LOADED " in done.stdout, done.stderr[-2000:]
    failed = json.loads(done.stdout.rpartition("LOADED ")[2])
    assert not failed, failed
