"""Two workers on two machines: network namespaces, joined by a cable that can be cut.

    sudo python tests/distributed/machines.py

Needs Debian's iproute2 and the right to make namespaces; says so where it has not. The job is that
of `faults.py`: once to its end, which must be that of loopback, and once with the cable cut, after
which both workers must end by themselves with a sentence that names the other.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("mlkit-a", "mlkit-b")
ADDRESSES = ("10.231.77.1", "10.231.77.2")
LIMIT = 60.0


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def make():
    """The two namespaces and the cable; what went wrong, or None."""
    commands = [("netns", "add", name) for name in NAMES]
    commands.append(("link", "add", "mlkit0", "netns", NAMES[0], "type", "veth",
                     "peer", "name", "mlkit0", "netns", NAMES[1]))  # fmt: skip
    for name, address in zip(NAMES, ADDRESSES, strict=True):
        commands += [
            ("-n", name, "address", "add", f"{address}/24", "dev", "mlkit0"),
            ("-n", name, "link", "set", "mlkit0", "up"),
            ("-n", name, "link", "set", "lo", "up"),
        ]
    for command in commands:
        done = ip(*command)
        if done.returncode:
            return f"ip {' '.join(command)}: {done.stderr.strip()}"
    return None


def start(index, folder, prefix=(), addresses=ADDRESSES):
    cluster = {"worker": [f"{a}:{2222 + i}" for i, a in enumerate(addresses)]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    return subprocess.Popen(
        [*prefix, sys.executable, "-u", str(HERE / "faults.py"), "--job", f"{folder}/run"],
        env={**os.environ, "TF_CONFIG": json.dumps(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Worker:
    """A running worker and what it has printed."""

    def __init__(self, process):
        self.process, self.lines, self.ended = process, [], None
        self.moved = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("epoch 5"):
                self.moved.set()
        self.ended = time.monotonic()

    def last(self, word):
        return next((line for line in reversed(self.lines) if word in line), "")


def run(folder, machines, cut=False):
    """Both workers, at their end; and when the cable was cut."""
    addresses = ADDRESSES if machines else ("127.0.0.1", "127.0.0.1")
    workers = [
        Worker(start(i, folder, ("ip", "netns", "exec", name) if machines else (), addresses))
        for i, name in enumerate(NAMES)
    ]
    at = None
    if cut:
        workers[0].moved.wait(120)
        ip("-n", NAMES[0], "link", "set", "mlkit0", "down")
        at = time.monotonic()
    for worker in workers:
        worker.thread.join(150)
        worker.process.kill()
    return workers, at


def main():
    try:
        problem = make()
        if problem:
            print(f"not tested: namespaces cannot be made here ({problem})")
            return 0
        hashes = []
        for machines in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                workers, _ = run(folder, machines)
            hashes.append([w.last("hash") for w in workers])
            print(f"{'two machines' if machines else 'loopback':14}{hashes[-1]}", flush=True)
        same = len({h for pair in hashes for h in pair}) == 1 and hashes[0][0] != ""
        with tempfile.TemporaryDirectory() as folder:
            workers, at = run(folder, True, cut=True)
        named = []
        for i, worker in enumerate(workers):
            took = worker.ended - at if worker.ended else float("inf")
            told = worker.last("The connection to") or " / ".join(worker.lines[-4:])
            named.append(took <= LIMIT and f"worker {1 - i}" in told)
            print(f"cable cut     worker {i} ended after {took:.1f} s: {told:.600}")
        return int(not (same and all(named)))
    finally:
        for name in NAMES:
            ip("netns", "del", name)


if __name__ == "__main__":
    sys.exit(main())
