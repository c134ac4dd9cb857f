"""Damages files of every kind that mlkit.data reads, and looks at what its readers make of them.

    python tests/reliability/data_fuzz.py --inputs 2000

A reader must raise, or skip with a warning, or give what was written. A crash of the process and
a silently wrong batch are failures. Formats with checksums (records, PNG, array_record, Parquet
written with them) must give the very bytes. In the others (JPEG, WAV, CSV, text, other Parquet) a
changed value cannot be told from a good one, so there the structure counts: number of examples,
dtypes, shapes.
Each reader runs in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

KINDS = (
    *("records", "schema", "on disk", "index", "png", "jpeg", "wav", "text"),
    *("csv", "csv typed", "parquet", "parquet checked", "array_record", "array_record whole"),
)
GOOD = (ValueError,)  # what readers raise on purpose


def damage(data, rng):
    """The bytes, cut, flipped, lengthened or exchanged."""
    data, how = bytearray(data), rng.integers(6)
    place = int(rng.integers(0, max(1, len(data))))
    if how == 0:
        del data[place:]
    elif how == 1:
        data[place] ^= 1 << int(rng.integers(8))
    elif how == 2:
        data[place:place] = rng.bytes(int(rng.integers(1, 20)))
    elif how == 3:
        del data[place : place + int(rng.integers(1, 30))]
    elif how == 4:
        data[place : place + 16] = rng.bytes(16)
    else:
        data = bytearray(rng.bytes(len(data)))
    return bytes(data)


def prepare(kind, path):
    """(files that may be damaged, function that reads, what it must give)."""
    import tensorflow as tf

    import mlkit as mk

    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (6, 12, 10, 3), dtype=np.uint8)
    if kind in ("records", "schema", "on disk", "index"):
        data = {"x": rng.normal(size=(30, 5)).astype("f4"), "y": np.arange(30)}
        mk.data.write_records(data, path / "set", shards=3)
        ending = {"schema": "json", "index": "index"}.get(kind, "tfrecord")
        files = sorted((path / "set").glob(f"*.{ending}"))
        resident = kind in ("records", "schema")
        read = lambda on: mk.data.read_records(  # noqa: E731
            path / "set", on_error=on, resident=resident
        )
        return files, read, "exact"
    if kind in ("png", "jpeg", "wav", "text"):
        for i in range(6):
            folder = path / "set" / f"class {i % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            wave = rng.uniform(-1, 1, (200, 1)).astype("f4")
            data = {
                "png": lambda i=i: tf.io.encode_png(images[i]).numpy(),
                "jpeg": lambda i=i: tf.io.encode_jpeg(images[i]).numpy(),
                "wav": lambda w=wave: tf.audio.encode_wav(w, 8000).numpy(),
                "text": lambda i=i: f"some wörds, number {i}".encode(),
            }[kind]()
            (folder / f"{i}.{'txt' if kind == 'text' else kind}").write_bytes(data)
        read = {
            "png": lambda on: mk.data.read_images(path / "set", (12, 10), on_error=on),
            "jpeg": lambda on: mk.data.read_images(path / "set", (12, 10), on_error=on),
            "wav": lambda on: mk.data.read_audio(path / "set", 200, on_error=on),
            "text": lambda on: mk.data.read_text(path / "set", on_error=on),
        }[kind]
        files = sorted(f for f in (path / "set").rglob("*") if f.is_file())
        return files, read, "exact" if kind == "png" else "structure"
    if kind.startswith("csv"):
        file = path / "a.csv"
        file.write_text("a,b,c\n" + "".join(f"{i},{i / 7:.3f},word {i}\n" for i in range(30)))
        types = {"a": "int64", "b": "float32", "c": "string"} if "typed" in kind else None
        read = lambda on: mk.data.read_csv(file, types=types, on_error=on)  # noqa: E731
        return [file], read, "structure" if types else "runs"
    import pandas

    if kind.startswith("parquet"):
        checked = "checked" in kind
        for part in range(3):
            numbers = range(10 * part, 10 * part + 10)
            frame = pandas.DataFrame({"a": numbers, "b": [f"w{i}" for i in numbers]})
            frame.to_parquet(path / f"{part}.parquet", write_page_checksum=checked)
        read = lambda on: mk.data.read_parquet(path, on_error=on)  # noqa: E731
        return sorted(path.glob("*.parquet")), read, "exact" if checked else "structure"
    from array_record.python import array_record_module

    files = [path / f"{part}.array_record" for part in range(2)]
    for part, file in enumerate(files):
        group = "group_size:1" if kind == "array_record" else "group_size:20"
        writer = array_record_module.ArrayRecordWriter(str(file), group)
        for i in range(15):
            writer.write(f"record number {15 * part + i}".encode())
        writer.close()
    return files, lambda on: mk.data.read_array_record(files, on_error=on), "exact"


def elements(source):
    import tensorflow as tf

    def plain(t):
        value = t.numpy()
        return t.dtype.name, tuple(t.shape), value if t.dtype == tf.string else value.tobytes()

    return [tuple(plain(t) for t in tf.nest.flatten(e)) for e in source]


def judge(got, wanted, rule, warned):
    """What a reader gave, against what was written."""
    if rule == "runs":
        return "read"
    if got == wanted:
        return "unharmed"
    if rule == "exact":
        whole = len(got) == len(wanted)
        if all(e in wanted for e in got) and (warned or whole):
            return "skipped"
        return "WRONG"
    shapes = {tuple((d, s) for d, s, _ in e) for e in wanted}
    fits = all(tuple((d, s) for d, s, _ in e) in shapes for e in got)
    if fits and (warned or len(got) == len(wanted)):
        return "skipped" if warned else "other values"
    return "WRONG" if rule == "structure" and not fits else "other rows"


def run(kind, count, seed):
    """Outcomes of `count` damaged inputs of one kind, as a line of JSON."""
    outcomes, wrong = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        files, read, rule = prepare(kind, Path(folder))
        wanted = elements(read("raise"))
        for i in range(count):
            rng = np.random.default_rng((seed, i))
            file = files[int(rng.integers(len(files)))]
            before = file.read_bytes()
            file.write_bytes(damage(before, rng))
            on_error = ("raise", "skip")[i % 2]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    got = elements(read(on_error))
                    # Records on the disk are counted on the standard error.
                    skipped = kind == "on disk" and on_error == "skip"
                    skipped |= any("Skipped" in str(w.message) for w in caught)
                    outcome = judge(got, wanted, rule, skipped)
                except GOOD as error:
                    named = file.name in str(error) or on_error == "skip"
                    outcome = "raised" if named else "raised without the name of the file"
                except Exception as error:
                    if "a damaged record" in str(error) and file.name in str(error):
                        outcome = "raised when read"
                        outcomes[outcome] += 1
                        file.write_bytes(before)
                        continue
                    outcome = "OTHER ERROR"
                    wrong.append(f"{i}: {type(error).__name__}: {str(error)[:150]}")
            if outcome == "WRONG":
                wrong.append(f"{i}: wrong, on_error={on_error}")
            outcomes[outcome] += 1
            file.write_bytes(before)
    print("RESULT " + json.dumps({"outcomes": outcomes, "wrong": wrong[:5]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="run this kind in this process")
    args = parser.parse_args()
    if args.kind:
        run(args.kind, args.inputs, args.seed)
        return
    crashes = bad = total = 0
    for kind in KINDS:
        count = -(-args.inputs // len(KINDS))
        command = [sys.executable, __file__, "--kind", kind, "--inputs", str(count)]
        done = subprocess.run([*command, "--seed", str(args.seed)], capture_output=True, text=True)
        lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
        if done.returncode or not lines:
            crashes += 1
            print(f"{kind:14s} CRASH (exit {done.returncode}): {done.stderr[-300:]}")
            continue
        result = json.loads(lines[0][7:])
        total += sum(result["outcomes"].values())
        bad += result["outcomes"].get("WRONG", 0) + result["outcomes"].get("OTHER ERROR", 0)
        text = ", ".join(f"{n} {c}" for n, c in sorted(result["outcomes"].items()))
        print(f"{kind:14s} {text}", *result["wrong"], sep="\n    " if result["wrong"] else " ")
    print(f"{total} damaged inputs: {crashes} crashes, {bad} silently wrong or other errors")
    sys.exit(1 if crashes or bad else 0)


if __name__ == "__main__":
    main()
