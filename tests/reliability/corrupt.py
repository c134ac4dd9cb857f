"""Damages checkpoints of real runs at random, and looks at what is loaded then.

    python tests/reliability/corrupt.py --cases 1000

Damages: a bit flipped, a file cut, emptied, deleted, filled up, two files of a checkpoint or of two
checkpoints exchanged, two checkpoints exchanged, a file from an older checkpoint put in. *found*:
the damaged checkpoint was refused, and the newest good one came back in the same bits. *harmless*:
the newest one came back in the same bits. *silent*: other bits came back. *refused*: the damage is
in all of them, and nothing was loaded. Exit status 1 if anything was silent, or raised any other
error.
"""

import argparse
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs

import mlkit as mk


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def exchange(one, other):
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def flip(rng, path, folder, older):
    data = bytearray(path.read_bytes())
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


def cut(rng, path, folder, older):
    path.write_bytes(path.read_bytes()[: rng.randrange(max(path.stat().st_size, 1))])


def empty(rng, path, folder, older):
    path.write_bytes(b"")


def empty_manifest(rng, path, folder, older):
    (folder / "manifest.json").write_bytes(b"")


def delete(rng, path, folder, older):
    path.unlink()


def append(rng, path, folder, older):
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randint(1, 9)))


def zeros(rng, path, folder, older):
    """A block that never reached the disk."""
    data = path.read_bytes()
    start = rng.randrange(max(len(data), 1))
    path.write_bytes(data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :])


def swap_within(rng, path, folder, older):
    exchange(path, rng.choice([p for p in files_of(folder) if p != path]))


def swap_between(rng, path, folder, older):
    exchange(path, older / path.relative_to(folder))


def swap_checkpoints(rng, path, folder, older):
    exchange(folder, older)


def from_older(rng, path, folder, older):
    shutil.copyfile(older / path.relative_to(folder), path)


DAMAGES = [flip, cut, empty, empty_manifest, delete, append, zeros, swap_within, swap_between]
DAMAGES += [swap_checkpoints, from_older]


def make_runs(folder):
    """Runs of every kind of data, with three checkpoints each."""
    jobs.write_records(folder)
    for data in ("arrays", "records", "parallel"):
        jobs.train(jobs.Job(data=data, execution="fused"), folder, folder / f"run-{data}", epochs=3)


def content(folder):
    """What a checkpoint holds, as bytes."""
    saved = mk.training.Checkpointer(folder.parent).load(int(folder.name[-10:]))
    return saved.values, saved.facts["user"], [p.read_bytes() for p in files_of(folder / "extra")]


def same(saved, true):
    values, facts, extra = true
    return (
        saved.facts["user"] == facts
        and saved.values.keys() == values.keys()
        and all(saved.values[k].tobytes() == values[k].tobytes() for k in values)
        and [p.read_bytes() for p in files_of(saved.folder / "extra")] == extra
    )


def case(rng, original, place, truth):
    """(damage, outcome)"""
    checkpoints = place / "checkpoints"
    jobs.clean(checkpoints)
    shutil.copytree(original, checkpoints)
    folders = sorted(checkpoints.iterdir())
    damage = rng.choice(DAMAGES)
    # Mostly the newest; sometimes two, and sometimes all of them.
    for folder in rng.choice([folders[-1:], folders[-1:], folders[-1:], folders[1:], folders]):
        if folder.exists():
            older = folders[rng.randrange(2)] if folder == folders[-1] else folders[-1]
            damage(rng, rng.choice(files_of(folder)), folder, older)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        saved = mk.training.Checkpointer(checkpoints).load()
    if saved is None:
        return damage.__name__, "refused" if said else "silent"
    if not same(saved, truth[saved.update]):
        return damage.__name__, "silent"
    newest = saved.update == max(truth)
    return damage.__name__, "harmless" if newest else "found" if said else "silent"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, table, errors = random.Random(args.seed), Counter(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if jobs.ended(jobs.forked(make_runs, folder)) != jobs.FINISHED:
            sys.exit("the runs to be damaged could not be made")
        originals = [
            folder / f"run-{data}" / "checkpoints" for data in ("arrays", "records", "parallel")
        ]
        truths = [{int(f.name[-10:]): content(f) for f in o.iterdir()} for o in originals]
        for number in range(args.cases):
            which = rng.randrange(len(originals))
            try:
                table[case(rng, originals[which], folder, truths[which])] += 1
            except Exception as error:  # any error at all is an answer that nobody wants
                errors.append(f"case {number}: {type(error).__name__}: {error}")
    outcomes = ("found", "harmless", "refused", "silent")
    print(f"{'damage':18s}" + "".join(f"{o:>10s}" for o in outcomes))
    for damage in DAMAGES:
        counts = "".join(f"{table[damage.__name__, o]:10d}" for o in outcomes)
        print(f"{damage.__name__:18s}{counts}")
    sums = {o: sum(n for (_, kind), n in table.items() if kind == o) for o in outcomes}
    print(f"{'all':18s}" + "".join(f"{sums[o]:10d}" for o in outcomes))
    print("\n".join(errors[:10]))
    print(f"{args.cases} cases, {sums['silent']} silent loads, {len(errors)} other errors")
    sys.exit(1 if sums["silent"] or errors else 0)


if __name__ == "__main__":
    main()
