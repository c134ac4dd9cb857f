"""The processes of one attempt at a job: started, watched and ended together."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

# Seconds: between two looks at the workers, that one may be stopped (SIGSTOP), and from SIGTERM,
# at which a run saves, to SIGKILL.
LOOK, STOPPED, GRACE = 0.2, 5.0, 20.0


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
            send(process, signal.SIGKILL if _is_stopped(process.pid) else signal.SIGTERM)
        limit = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                send(process, signal.SIGKILL)
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


def send(process: subprocess.Popen, number: int) -> None:
    """To the worker and its children: a session of its own is a group of its own."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.wait()
