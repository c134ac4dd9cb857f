"""The processes of a job with parameter servers: a worker that dies begins again alone."""

import signal
import sys
import time

from mlkit.cli._group import LOOK, Group, configurations, ending, send


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
                send(self.processes[stopped], signal.SIGKILL)
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
                sys.stderr.write(f"mlkit launch: {what}; {then}.\n")
            time.sleep(LOOK)
