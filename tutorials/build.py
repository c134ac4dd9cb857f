"""Builds `notebooks/NN_topic.ipynb` from `tutorials/NN_topic.py`: the same cells, executed.

    python tutorials/build.py          # all
    python tutorials/build.py 01 05    # some
    python tutorials/build.py --text   # the words alone: keeps the outputs, runs nothing

Needs the extra `[tutorials]`. Prints what it measured of each, in the columns of the tests' limits.
"""

import base64
import hashlib
import io
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TITLE = '# @title Solution { display-mode: "form" }'


def sources(*numbers: str) -> list[Path]:
    """The tutorials, or those with these numbers, in order."""
    found = sorted(HERE.glob("[0-9][0-9]_*.py"))
    return [file for file in found if not numbers or file.name[:2] in numbers]


def built(source: Path) -> Path:
    """The notebook that belongs to a source."""
    return ROOT / "notebooks" / f"{source.stem}.ipynb"


COLAB, BADGE = "https://colab.research.google.com/", "assets/colab-badge.svg"


def colab(source: Path) -> str:
    """What stands in the place of `{colab}`: the badge, and where it leads.

    To the notebook itself once `[project.urls] Repository` in pyproject.toml names a repository on
    GitHub: set it there and run `python tutorials/build.py --text`. Until then there is no address
    from which Colab could fetch the file, and its first dialog takes an upload.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project.get("urls", {}).get("Repository", "")
    badge = f"[![Open in Colab]({COLAB}{BADGE})]"
    if repository.startswith("https://github.com/"):
        name = repository.removeprefix("https://github.com/").strip("/").removesuffix(".git")
        return f"{badge}({COLAB}github/{name}/blob/main/notebooks/{source.stem}.ipynb)"
    return f"{badge}({COLAB})\nOn Colab choose *Upload* in the first dialog and give it this file."


def notebook(source: Path) -> Any:
    """The cells of a source as a notebook without outputs; the same text gives the same bytes."""
    made = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    made.cells[0].source = made.cells[0].source.replace("{colab}", colab(source))
    about = made.metadata["mlkit"]
    made.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "mlkit": about,
        }
    )
    made.nbformat, made.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in made.cells:
        # By content, so that a cell that is put in does not change the names of those after it.
        name = hashlib.sha256(cell.source.encode()).hexdigest()[:10]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if "solution" in tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.metadata["cellView"] = "form"
    return made


def serialise(made: Any) -> str:
    """As JSON that changes in few lines when a cell does."""
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def words(made: Any) -> int:
    """Words to read: those of the Markdown cells, without code blocks and links."""
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    return len(re.findall(r"[^\W_][\w’'.-]*", text))


def figures(made: Any) -> list[int]:
    """Bytes of each figure."""
    outputs = [o for c in made.cells if c.cell_type == "code" for o in c.get("outputs", [])]
    drawn = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    return [len(base64.b64decode(png)) for png in drawn]


def slim(made: Any) -> None:
    """Write figures with at most 255 colours: curves look the same, photographs get small."""
    for cell in made.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
                stream = io.BytesIO()
                picture.quantize(255, dither=Image.Dither.NONE).save(stream, "png", optimize=True)
                data["image/png"] = base64.b64encode(stream.getvalue()).decode() + "\n"


def build(source: Path) -> bool:
    """Execute a tutorial and write its notebook, unless a cell fails."""
    from mlkit.cli import _tutorials_run

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    expected = notebook(source)
    done = _tutorials_run.execute(serialise(expected), environment=environment)
    done.notebook.metadata = expected.metadata  # the kernel adds its version
    slim(done.notebook)
    text = serialise(done.notebook)
    sizes = figures(done.notebook)
    kilobytes = f"{len(text.encode()) / 1e3:.0f} kB, largest {max(sizes, default=0) / 1e3:.0f}"
    counted = f"{words(done.notebook)} words  {len(sizes)} figures  {kilobytes}"
    sys.stdout.write(f"{source.stem:18s} {counted}  {done}\n")
    if done.error is None:
        built(source).parent.mkdir(exist_ok=True)
        built(source).write_text(text, encoding="utf-8")
    return done.error is None


def reword(source: Path) -> bool:
    """Take the words and metadata of the source, and the outputs of the notebook that is there."""
    old = nbformat.read(built(source), as_version=4)
    new = notebook(source)
    before, after = ([c for c in made.cells if c.cell_type == "code"] for made in (old, new))
    if [cell.source for cell in before] != [cell.source for cell in after]:
        sys.stdout.write(f"{source.stem:18s} FAILED: its code has changed, so it must be run\n")
        return False
    for cell, run in zip(after, before, strict=True):
        cell.outputs, cell.execution_count = run.outputs, run.execution_count
    built(source).write_text(serialise(new), encoding="utf-8")
    return True


def main() -> int:
    numbers = [argument for argument in sys.argv[1:] if argument != "--text"]
    work = reword if "--text" in sys.argv else build
    return 0 if all([work(source) for source in sources(*numbers)]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
