"""Is the table of TensorFlow Addons' names true?"""

import re
from pathlib import Path

import mlkit

TABLE = Path(mlkit.__file__).parent / "addons.md"
ROW = re.compile(r"\| `([\w.]+)` \| (.+?) \|(.*)\|")


def rows():
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    matches = [ROW.fullmatch(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return [tuple(part.strip() for part in match.groups()) for match in matches if match]


def found(name):
    value = mlkit
    for part in name.split("."):
        value = getattr(value, part, None)
        assert value is not None, f"mlkit/addons.md names mk.{name}, which does not exist"
    return value


def test_all_of_its_names_are_there_once():
    names = [name for name, _, _ in rows()]
    assert len(names) == len(set(names)) >= 190


def test_each_name_is_ours_or_keras_or_gone_with_a_reason():
    for name, now, note in rows():
        if now == "gone":
            assert note, f"{name} is gone: say why"
            continue
        match = re.fullmatch(r"`mk\.([\w.]+)`( \(Keras\))?", now)
        assert match, now
        ours = found(match[1]).__module__.startswith("mlkit")
        assert ours == (match[2] is None), f"{name}: {now} is {'ours' if ours else 'of Keras'}"


def test_names_in_the_notes_exist():
    for _, _, note in rows():
        for name in re.findall(r"mk\.([\w.]+\w)", note):
            found(name)


def test_none_of_ours_is_said_to_be_gone():
    kinds = [mlkit.activations, mlkit.callbacks, mlkit.layers, mlkit.losses, mlkit.metrics]
    for name, now, _ in rows():
        if now == "gone":
            assert not any(hasattr(kind, name) for kind in [*kinds, mlkit.optimizers, mlkit.ops])
