"""`mlkit launch`: several workers of one job on this machine, ended and restarted together."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from mlkit.cli._launch_templates import rendered

COMMAND = "mlkit launch"
# Seconds: between two looks at the workers, that one may be stopped (SIGSTOP), and from SIGTERM,
# at which a run saves, to SIGKILL.
LOOK, STOPPED, GRACE = 0.2, 5.0, 20.0


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "launch",
        help="run a script as several workers on this machine",
        description="Runs a script N times with TF_CONFIG set, for strategy='auto' or "
        "tf.distribute.MultiWorkerMirroredStrategy. Each line of the output begins with the number "
        "of its worker. If one dies or is stopped, all are ended; with --max-restarts they begin "
        "again, and a script that trains with run=... goes on from its last checkpoint. With "
        "--template nothing is run: a job for a cluster is printed.",
    )
    parser.add_argument("-n", "--workers", type=int, default=2, help="workers (%(default)s)")
    parser.add_argument(
        "--servers",
        type=int,
        default=0,
        help="parameter servers, beside the workers and a chief that coordinates (%(default)s)",
    )
    parser.add_argument(
        "--max-restarts", type=int, default=0, metavar="N", help="restarts of all (%(default)s)"
    )
    parser.add_argument(
        "--template", choices=("slurm", "kubernetes", "tfjob"), help="print a job for a cluster"
    )
    parser.add_argument("--name", default="train", help="of that job (%(default)s)")
    parser.add_argument("--image", help="a container image for it, on Kubernetes")
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="given to the script")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the workers, restarting them as often as is allowed; returns the exit status."""
    if arguments.workers < 1 or min(arguments.max_restarts, arguments.servers) < 0:
        sys.stderr.write(f"{COMMAND}: --workers must be ≥ 1, --servers and --max-restarts ≥ 0.\n")
        return 2
    if arguments.template:
        return _print_template(arguments)
    if not Path(arguments.script).is_file():
        sys.stderr.write(f"{COMMAND}: there is no file {arguments.script}.\n")
        return 2
    command = [sys.executable, "-u", arguments.script, *arguments.arguments]
    for attempt in range(arguments.max_restarts + 1):
        group = (
            ServedGroup(command, arguments.workers, arguments.servers, arguments.max_restarts)
            if arguments.servers
            else Group(command, arguments.workers)
        )
        try:
            failure = group.wait()
        finally:
            group.end()
        if failure is None:
            return 0
        left = arguments.max_restarts - attempt
        then = f"all begin again, {left - 1} restarts left" if left else "no restarts are left"
        sys.stderr.write(f"{COMMAND}: {failure}; {then}.\n")
    return 1


def _print_template(arguments: argparse.Namespace) -> int:
    try:
        sys.stdout.write(rendered(arguments))
    except ValueError as error:
        sys.stderr.write(f"{COMMAND}: {error}.\n")
        return 2
    return 0


def configurations(workers: int, servers: int = 0) -> list[str]:
    """`TF_CONFIG` for each process, on ports of loopback that are free now.

    With parameter servers the first process is the chief, then come workers and servers.
    """
    counts = {"chief": 1, "worker": workers, "ps": servers} if servers else {"worker": workers}
    sockets = [socket.socket() for _ in range(sum(counts.values()))]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    free = iter([f"127.0.0.1:{one.getsockname()[1]}" for one in sockets])
    for one in sockets:
        one.close()
    cluster = {kind: [next(free) for _ in range(count)] for kind, count in counts.items()}
    tasks = [{"type": k, "index": i} for k, count in counts.items() for i in range(count)]
    return [json.dumps({"cluster": cluster, "task": task}) for task in tasks]


class Group:
    """The workers of one attempt.

    Args:
        command: what each runs.
        workers: how many.
    """

    def __init__(self, command: list[str], workers: int) -> None:
        self.command = command
        self.names = [str(index) for index in range(workers)]
        self.configurations = configurations(workers)
        self.begin()

    def begin(self) -> None:
        """Start all."""
        self._readers: list[threading.Thread] = []
        self._stopped_since: dict[int, float] = {}
        self.processes = [self.start(index) for index in range(len(self.names))]

    def start(self, index: int) -> subprocess.Popen:
        """Start one."""
        process = subprocess.Popen(
            self.command,
            env={**os.environ, "TF_CONFIG": self.configurations[index]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes to us, and we end them in order
        )
        arguments = (process.stdout, self.names[index])
        reader = threading.Thread(target=_prefixed, args=arguments, daemon=True)
        reader.start()
        self._readers.append(reader)
        return process

    def wait(self) -> str | None:
        """Until all have ended well, or one has not: then what happened, for a person."""
        while True:
            codes = [process.poll() for process in self.processes]
            for index, code in enumerate(codes):
                if code:
                    return f"worker {index} {ending(code)}"
            if all(code == 0 for code in codes):
                return None
            stopped = self.stopped()
            if stopped is not None:
                return f"worker {stopped} has been stopped for {STOPPED:.0f} s"
            time.sleep(LOOK)

    def stopped(self) -> int | None:
        """The index of one that a signal has stopped for long; or None."""
        now = time.monotonic()
        for index, process in enumerate(self.processes):
            if process.poll() is None and _is_stopped(process.pid):
                if now - self._stopped_since.setdefault(index, now) >= STOPPED:
                    return index
            else:
                self._stopped_since.pop(index, None)
        return None

    def end(self) -> None:
        """End all that still run: SIGTERM, and SIGKILL to those that do not hear it."""
        running = [process for process in self.processes if process.poll() is None]
        for process in running:
            _signal(process, signal.SIGKILL if _is_stopped(process.pid) else signal.SIGTERM)
        limit = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        for reader in self._readers:
            reader.join(timeout=5)


def _prefixed(stream: IO[bytes], name: str) -> None:
    for line in stream:
        sys.stdout.write(f"[{name}] {line.decode(errors='replace')}")
        sys.stdout.flush()


def ending(code: int) -> str:
    if code > 0:
        return f"ended with exit status {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal; never where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _signal(process: subprocess.Popen, number: int) -> None:
    """To the worker and its children: a session of its own is a group of its own."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.wait()


class ServedGroup(Group):
    """A chief, workers and parameter servers: a worker that dies begins again alone.

    Args:
        command: what each runs.
        workers: how many.
        servers: how many parameter servers.
        restarts: how often a worker may begin again.
    """

    def __init__(self, command: list[str], workers: int, servers: int, restarts: int) -> None:
        self.command, self.restarts = command, restarts
        self.workers = range(1, workers + 1)
        self.names = [
            "chief",
            *(str(index) for index in range(workers)),
            *(f"ps {index}" for index in range(servers)),
        ]
        self.configurations = configurations(workers, servers)
        self.begin()

    def wait(self) -> str | None:
        """Until the chief has ended well, or training cannot go on: then what happened."""
        gone: set[int] = set()
        while True:
            stopped = self.stopped()
            if stopped is not None:
                _signal(self.processes[stopped], signal.SIGKILL)
                self.processes[stopped].wait()
            for index, process in enumerate(self.processes):
                code = process.poll()
                if index == 0 and code == 0:
                    return None
                if code is None or index in gone:
                    continue
                name = self.names[index] if index not in self.workers else f"worker {index - 1}"
                what = f"{name} {ending(code) if code else 'ended'}"
                if index not in self.workers:
                    return what
                if self.restarts:
                    self.restarts -= 1
                    self.processes[index] = self.start(index)
                    then = "it begins again, the others go on"
                else:
                    gone.add(index)
                    then = "the others go on without it"
                if len(gone) == len(self.workers):
                    return f"{what}, the last one"
                sys.stderr.write(f"{COMMAND}: {what}; {then}.\n")
            time.sleep(LOOK)
