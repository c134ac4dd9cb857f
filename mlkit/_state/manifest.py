"""The manifest of a checkpoint: what it holds, with a checksum of everything and of itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mlkit._state.files import sha256

NAME = "manifest.json"
FORMAT = 1


class Damaged(Exception):
    """A checkpoint is not what this version has written; the message says in what.

    Args:
        message: what is wrong.
        newer: whether a newer version has written it, and it is whole as far as can be told.
    """

    def __init__(self, message: str, *, newer: bool = False) -> None:
        super().__init__(message)
        self.newer = newer


def _digest(body: Any) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Write the manifest of all files in a folder.

    Args:
        folder: holds the files of the checkpoint.
        facts: what else to record; must be JSON.
    """
    files = {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    body = {"format": FORMAT, "files": files, **facts}
    text = json.dumps({"body": body, "sha256": _digest(body)}, indent=1)
    (folder / NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a checkpoint, checked with all its files.

    Raises:
        Damaged: a file is missing, has another size or content, or the manifest itself is damaged;
            or a newer version of mlkit wrote it.
    """
    try:
        whole = json.loads((folder / NAME).read_text(encoding="utf-8"))
        body, digest = whole["body"], whole["sha256"]
    except FileNotFoundError:
        raise Damaged("it has no manifest") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"its manifest cannot be read ({type(error).__name__})") from None
    if _digest(body) != digest:
        raise Damaged("its manifest is damaged")
    if body["format"] > FORMAT:
        text = f"it has format {body['format']}, and this mlkit reads up to {FORMAT}"
        raise Damaged(text, newer=True)
    for name, facts in body["files"].items():
        _check(folder / name, name, facts)
    return body


def _check(path: Path, name: str, facts: dict[str, Any]) -> None:
    try:
        size = path.stat().st_size
        if size != facts["size"]:
            raise Damaged(f"{name} has {size} bytes in the place of {facts['size']}")
        if sha256(path) != facts["sha256"]:
            raise Damaged(f"{name} has another checksum than was written")
    except OSError as error:
        raise Damaged(f"{name} cannot be read ({error.strerror})") from None
