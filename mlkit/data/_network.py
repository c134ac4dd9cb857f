"""Whether a download could begin, answered in seconds."""

import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence


def _ask(url: str, seconds: float) -> str | None:
    """None if the host answers, whatever it says; else the reason."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
    except urllib.error.HTTPError:
        return None
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


def unreachable(urls: Sequence[str], seconds: float = 4.0) -> str | None:
    """Ask all of `urls` at once: None as soon as one answers, else why none did.

    A resolver without a network may hang for longer than any timeout of a connection. So the
    question is asked in daemon threads, which hold up neither the answer nor the end of Python.
    """
    answers: queue.Queue[str | None] = queue.Queue()
    for url in urls:
        threading.Thread(
            target=lambda url=url: answers.put(_ask(url, seconds)), daemon=True
        ).start()
    reason = f"no answer within {seconds:g} seconds"
    for _ in urls:
        try:
            said = answers.get(timeout=seconds)
        except queue.Empty:
            return reason
        if said is None:
            return None
        reason = said
    return reason


def require(name: str, urls: Sequence[str], way_out: str) -> None:
    """Raise unless a download of the data `name` could begin.

    Raises:
        ConnectionError: no host answers; says why and the way out.
    """
    reason = unreachable(urls)
    if reason is not None:
        raise ConnectionError(
            f"The data {name!r} are not on this machine and must be downloaded, but "
            f"{urls[0].split('/')[2]} cannot be reached: {reason}. {way_out}"
        )
