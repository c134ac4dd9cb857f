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
        "again, and a script that trains with run=... goes on from its last checkpoint.",
    )
    parser.add_argument("-n", "--workers", type=int, default=2, help="workers (%(default)s)")
    parser.add_argument(
        "--max-restarts", type=int, default=0, metavar="N", help="restarts of all (%(default)s)"
    )
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="given to the script")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the workers, restarting them as often as is allowed; returns the exit status."""
    if arguments.workers < 1 or arguments.max_restarts < 0:
        sys.stderr.write(f"{COMMAND}: --workers must be ≥ 1 and --max-restarts ≥ 0.\n")
        return 2
    if not Path(arguments.script).is_file():
        sys.stderr.write(f"{COMMAND}: there is no file {arguments.script}.\n")
        return 2
    command = [sys.executable, "-u", arguments.script, *arguments.arguments]
    for attempt in range(arguments.max_restarts + 1):
        group = Group(command, arguments.workers)
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


def configurations(workers: int) -> list[str]:
    """`TF_CONFIG` for each worker, on ports of loopback that are free now."""
    sockets = [socket.socket() for _ in range(workers)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    tasks = [{"type": "worker", "index": index} for index in range(workers)]
    return [json.dumps({"cluster": {"worker": addresses}, "task": task}) for task in tasks]


class Group:
    """The workers of one attempt.

    Args:
        command: what each runs.
        workers: how many.
    """

    def __init__(self, command: list[str], workers: int) -> None:
        self.processes: list[subprocess.Popen] = []
        self._readers: list[threading.Thread] = []
        self._stopped_since: dict[int, float] = {}
        for index, text in enumerate(configurations(workers)):
            process = subprocess.Popen(
                command,
                env={**os.environ, "TF_CONFIG": text},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to us, and we end them in order
            )
            self.processes.append(process)
            reader = threading.Thread(target=_prefixed, args=(process.stdout, index), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait(self) -> str | None:
        """Until all have ended well, or one has not: then what happened, for a person."""
        while True:
            codes = [process.poll() for process in self.processes]
            for index, code in enumerate(codes):
                if code:
                    return f"worker {index} {_ending(code)}"
            if all(code == 0 for code in codes):
                return None
            stopped = self._stopped()
            if stopped is not None:
                return f"worker {stopped} has been stopped for {STOPPED:.0f} s"
            time.sleep(LOOK)

    def _stopped(self) -> int | None:
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


def _prefixed(stream: IO[bytes], index: int) -> None:
    for line in stream:
        sys.stdout.write(f"[{index}] {line.decode(errors='replace')}")
        sys.stdout.flush()


def _ending(code: int) -> str:
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
