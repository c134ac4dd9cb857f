"""Are the notebooks what their sources say, within the limits, and do they run?

    python tests/test_tutorials.py    # prints which topic is taught where, and what is not yet

The fast tests read files. The slow ones run every notebook with the network cut off.
"""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("tutorials_build", ROOT / "tutorials" / "build.py")
build = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(build)

SOURCES = build.sources()
EXPECTED = {source: build.notebook(source) for source in SOURCES}
IDS = [source.stem for source in SOURCES]

WORDS = (1200, 2000)
CELLS = (20, 55)
LONGEST_CELL = 30
FIGURES = (4, 8)
FIGURE, NOTEBOOK = 60_000, 1_000_000
SECONDS = 90

# What must be taught where. A word of `covers` must occur in the notebook as well.
TOPICS = {
    "00": "devices|keras and tf.keras|tf.config|reading paths|where to ask|ecosystem|dir(tf)",
    "01": "tf.math|tf.linalg|tf.random|tf.nn|tf.Variable|NumPy bridge|images as tensors",
    "02": "Sequential|Functional|subclassing|fit|evaluate|predict|class weights|PyDataset",
    "03": "subclassing|get_config|add_loss|saving|residual blocks|MC dropout",
    "04": "tf.losses|tf.metrics|custom losses|custom metrics|saving",
    "05": "build|add_weight|regularizers|constraints|initializers|activations|training flag|saving",
    "06": "EarlyStopping|ModelCheckpoint|TensorBoard|tf.summary|custom callback",
    "07": "class weights|ROC|calibration|multi-label|confusion matrix",
    "08": "shared layers|multiple outputs|Siamese|Wide & Deep|two-tower",
    "09": "tf.data|tf.io|TFRecord|preprocessing layers|image_dataset_from_directory",
    "10": "tf.GradientTape|jacobian|hessian|custom_gradient|stop_gradient|tf.nn|tf.Module"
    "|batch_jacobian|reset|stop_recording|watched_variables",
    "11": "tf.function|tf.autograph|tf.gradients|tf.graph_util|tf.xla|jit_compile|retracing"
    "|pruning",
    "12": "train_step|test_step|tf.train|steps_per_execution|gradient accumulation|two optimizers",
}


def about(source: Path) -> dict:
    return EXPECTED[source].metadata["mlkit"]


def committed(source: Path) -> dict:
    return json.loads(build.built(source).read_text(encoding="utf-8"))


def code(made) -> list:
    return [cell for cell in made["cells"] if cell["cell_type"] == "code"]


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def outputs(made) -> list:
    return [output for cell in code(made) for output in cell["outputs"]]


def printed(made) -> str:
    found = []
    for output in outputs(made):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        found.append("".join(text))
    return "\n".join(found)


def test_every_notebook_has_a_source():
    notebooks = {file.stem for file in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == set(IDS)
    assert len({name[:2] for name in IDS}) == len(IDS), "one number twice"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_the_cells_are_those_of_the_source(source):
    made, expected = committed(source), EXPECTED[source]
    assert made["metadata"] == expected.metadata, "run: python tutorials/build.py"
    keys = ("id", "cell_type", "source", "metadata")
    assert [[cell[k] for k in keys] for cell in made["cells"]] == [
        [cell[k] for k in keys] for cell in expected.cells
    ], "run: python tutorials/build.py"
    text = build.built(source).read_text(encoding="utf-8")
    assert text == build.serialise(made), "another tool has written it"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_it_was_run_once_from_top_to_bottom(source):
    cells = [cell for cell in code(committed(source)) if "skip-execution" not in tags(cell)]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_no_output_is_an_error_a_warning_or_of_one_machine(source):
    made = committed(source)
    assert not [
        o for o in outputs(made) if o["output_type"] == "error" or o.get("name") == "stderr"
    ]
    text = printed(made)
    assert not re.search(r"Warning|Traceback|0x[0-9a-f]{6}|ipykernel_|/tmp/|site-packages", text)
    assert max(map(len, text.splitlines()), default=0) <= 105, "wider than a page"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_it_is_within_the_limits(source):
    made, text = EXPECTED[source], build.built(source).read_text(encoding="utf-8")
    assert WORDS[0] <= build.words(made) <= WORDS[1]
    assert CELLS[0] <= len(code(made)) <= CELLS[1]
    longest = max(code(made), key=lambda cell: cell["source"].count("\n"))
    assert longest["source"].count("\n") < LONGEST_CELL, longest["source"]
    drawn = build.figures(build.nbformat.reads(text, as_version=4))
    assert FIGURES[0] <= len(drawn) <= FIGURES[1]
    assert max(drawn) <= FIGURE, drawn
    assert len(text.encode()) <= NOTEBOOK
    assert about(source)["seconds"] <= SECONDS


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_it_begins_with_a_goal_and_ends_with_the_next_step(source):
    cells = EXPECTED[source].cells
    first, last = cells[0].source, cells[-1].source
    assert first.startswith(f"# {source.stem[:2]} {about(source)['title']}\n")
    assert build.colab(source) in first, "the link to Colab"
    assert source.read_text(encoding="utf-8").count("# {colab}\n") == 1, "its one place"
    for words in ("**You will**", "**You need**", "**It takes**", "**The data**"):
        assert words in first, words
    assert cells[1].source == SOURCES_FIRST_CELL, "the cell that installs what is missing"
    for words in ("## Recap", "**Next:**"):
        assert words in last, words
    early = [o for cell in code(committed(source))[:3] for o in cell["outputs"]]
    assert any("image/png" in o.get("data", {}) for o in early)


SOURCES_FIRST_CELL = """\
# Installs what is missing: on Colab everything, elsewhere nothing.
import importlib.util
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if importlib.util.find_spec("mlkit") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "mlkit-tf[tutorials]"]
    subprocess.run(pip, check=True)"""


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_each_exercise_has_a_hidden_solution_and_a_check(source):
    cells = [cell for cell in code(EXPECTED[source]) if set(tags(cell)) - {"setup"}]
    kinds = [tags(cell)[0] for cell in cells]
    count = kinds.count("exercise")
    assert kinds == ["exercise", "solution", "check"] * count
    assert 3 <= count <= 5
    for cell in cells:
        if "exercise" in tags(cell):
            assert "skip-execution" in tags(cell)
        if "solution" in tags(cell):
            assert cell.source.startswith(build.TITLE)
            assert cell.metadata["jupyter"] == {"source_hidden": True}
        if "check" in tags(cell):
            assert "assert" in cell.source


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_every_assert_says_what_it_means(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    in_cells = [node for node in tree.body if isinstance(node, ast.Assert)]
    assert len(found) >= 12
    assert all(node.msg is not None for node in in_cells)


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_it_says_what_it_covers_and_covers_it(source):
    text = "\n".join(cell.source for cell in EXPECTED[source].cells).lower()
    for topic in about(source)["covers"]:
        assert all(word.rstrip("s") in text for word in topic.lower().split()), topic
    wanted = set(TOPICS[source.stem[:2]].split("|"))
    assert wanted - set(about(source)["covers"]) == set(), "topics that this one must teach"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_links_lead_somewhere(source):
    text = "\n".join(cell.source for cell in EXPECTED[source].cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([\w.]+\.ipynb)\)", text):
        assert (ROOT / "notebooks" / target).exists(), target


def test_a_repository_is_named_in_one_place(tmp_path, monkeypatch):
    assert build.colab(SOURCES[0]).endswith("give it this file.")
    text = '[project]\n[project.urls]\nRepository = "https://github.com/somebody/mlkit.git"\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    link = "https://colab.research.google.com/github/somebody/mlkit/blob/main/notebooks/"
    assert build.colab(SOURCES[0]).endswith(f"({link}{SOURCES[0].stem}.ipynb)")
    assert link in build.notebook(SOURCES[0]).cells[0].source


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_its_names_are_in_the_map_of_readme(source):
    import keras

    import mlkit as mk

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"`mlkit/(\w+)`", readme.split("## The folders")[1].split("\n## ")[0]))
    tree = ast.parse(source.read_text(encoding="utf-8"))
    chains = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used = {chain for chain in chains if re.fullmatch(r"mk(\.\w+)+", chain)}
    assert used
    for chain in used:
        package, value = chain.split(".")[1], mk
        for part in chain.split(".")[1:]:
            assert hasattr(value, part), f"{chain} does not exist"
            value = getattr(value, part)
        if isinstance(getattr(mk, package), types.ModuleType):
            assert package in shown or hasattr(keras, package), f"README's map lacks mk.{package}"


# What 04, 05 and 06 teach, in a project of plain Keras: one line of it is ours.
LIFTED = {
    "04": """
from mlkit.losses import PinballLoss
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("adam", PinballLoss(0.9))
model.fit(x, y, epochs=2, verbose=0)
model.save("m.keras")
assert keras.saving.load_model("m.keras").loss.tau == 0.9
""",
    "05": """
from mlkit.testing import check_layer
@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    '''Twice the inputs.'''
    def call(self, inputs):
        return 2 * inputs
assert check_layer(Twice, {}, (2, 4), verbose=False).ok
""",
    "06": """
from mlkit.callbacks import StepEvaluator
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
look = StepEvaluator(x, y, every=2)
model.fit(x, y, batch_size=4, verbose=0, callbacks=[look])
assert [update for update, _ in look.history] == [2, 4]
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("number", LIFTED)
def test_its_helper_can_be_lifted_by_one_import(number, tmp_path):
    (helper,) = re.findall(r"^from mlkit\.(\w+) import (\w+)$", LIFTED[number], re.MULTILINE)
    (source,) = build.sources(number)
    assert f"mk.{'.'.join(helper)}" in source.read_text(encoding="utf-8"), "the tutorial uses it"
    begin = "import keras\nimport numpy as np\nx, y = np.ones((16, 3)), np.ones((16, 1))\n"
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", begin + LIFTED[number]],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_new_words_keep_the_outputs_and_new_code_must_be_run(tmp_path, monkeypatch):
    source, copy = SOURCES[0], tmp_path / "copy.ipynb"
    text = build.built(source).read_text(encoding="utf-8")
    monkeypatch.setattr(build, "built", lambda _: copy)
    copy.write_text(text.replace("# 00 Start here", "# 00 Begin here"), encoding="utf-8")
    assert build.reword(source)
    assert copy.read_text(encoding="utf-8") == text
    copy.write_text(text.replace("import tensorflow", "import keras"), encoding="utf-8")
    assert not build.reword(source)


def without_network(folder: Path) -> dict[str, str]:
    """The environment of a process that reaches nothing outside of this machine."""
    (folder / "sitecustomize.py").write_text(
        "import socket\n"
        "_connect = socket.socket.connect\n"
        "def connect(self, address):\n"
        "    if self.family != getattr(socket, 'AF_UNIX', None):\n"
        "        if address[0] not in ('127.0.0.1', '::1', 'localhost'):\n"
        "            raise OSError(f'the network is cut off: {address}')\n"
        "    return _connect(self, address)\n"
        "def lookup(host, *args, **kwargs):\n"
        "    if host not in (None, '', '127.0.0.1', '::1', 'localhost', '0.0.0.0'):\n"
        "        raise socket.gaierror(f'the network is cut off: {host}')\n"
        "    return _lookup(host, *args, **kwargs)\n"
        "_lookup, socket.getaddrinfo = socket.getaddrinfo, lookup\n"
        "socket.socket.connect = connect\n"
    )
    kept = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    paths = [str(folder), str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.slow
def test_the_network_is_cut_off(tmp_path):
    import nbformat

    from mlkit.cli import _tutorials_run

    made = nbformat.v4.new_notebook()
    fetch = "import urllib.request\nurllib.request.urlopen('https://example.org')"
    made.cells = [nbformat.v4.new_code_cell(fetch)]
    done = _tutorials_run.execute(nbformat.writes(made), environment=without_network(tmp_path))
    assert "the network is cut off" in done.error


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_it_runs_without_a_network(source, tmp_path):
    from mlkit.cli import _tutorials_run

    text = build.built(source).read_text(encoding="utf-8")
    done = _tutorials_run.execute(text, environment=without_network(tmp_path))
    assert done.error is None, done.error
    assert not [o for o in outputs(done.notebook) if o.get("name") == "stderr"]
    # Ten times: the machine that tests may be slow and busy; the time itself is printed.
    assert done.seconds < 10 * SECONDS
    print(f"{source.stem} {done}")


def main() -> None:
    taught = {source.stem[:2]: set(about(source)["covers"]) for source in SOURCES}
    for number, topics in TOPICS.items():
        wanted = topics.split("|")
        missing = [topic for topic in wanted if topic not in taught.get(number, ())]
        verdict = "all" if not missing else f"missing: {', '.join(missing)}"
        sys.stdout.write(f"{number}  {len(wanted)} topics, {verdict}\n")


if __name__ == "__main__":
    main()
