"""Every sentence about a part that a machine can check: sections, arguments, names, examples."""

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re

import keras
import names
import pytest
import tensorflow as tf

import mlkit

SECTIONS = (
    "Args", "Call arguments", "Input shape", "Output shape", "Returns", "Yields", "Raises",
    "Attributes", "Example", "Reference",
)  # fmt: skip
HEADING = re.compile(rf"^(?:{'|'.join(SECTIONS)}|Examples|References):$")
ARGUMENT = re.compile(r"^`?(\*{0,2}\w+(?:`?, `?\*{0,2}\w+)*)`?(?: \([^)]*\))?:(?:\s|$)")
NAME = re.compile(r"`((?:mlkit|mk|keras|tf)(?:\.\w+)+)`")
ROOTS = {"mlkit": mlkit, "mk": mlkit, "keras": keras, "tf": tf}


def sections(doc: str) -> dict[str, str]:
    """The text under each heading; `""` is the text before the first."""
    found, current = {"": []}, ""
    for line in doc.splitlines():
        if HEADING.match(line):
            current = line[:-1]
            found[current] = []
        else:
            found[current].append(line)
    return {name: inspect.cleandoc("\n".join(["", *lines])) for name, lines in found.items()}


def documented(text: str) -> list[str]:
    """The arguments that an `Args:` section names, in order."""
    found = []
    for line in text.splitlines():
        if match := ARGUMENT.match(line):
            found += [name.strip("`* ") for name in match[1].split(",")]
    return found


def parameters(obj) -> list[str]:
    """The arguments that the docstring of `obj` must name, in order."""
    if dataclasses.is_dataclass(obj):
        own = vars(obj).get("__annotations__", {})  # those inherited stand at the base
        return [field.name for field in dataclasses.fields(obj) if field.name in own]
    if inspect.isclass(obj):
        init = obj.__init__
        if not getattr(init, "__module__", "").startswith("mlkit"):
            return []  # the host's own arguments, documented there
        return list(inspect.signature(init).parameters)[1:]
    return list(inspect.signature(obj).parameters)


def resolves(dotted: str) -> bool:
    root, *rest = dotted.split(".")
    value = ROOTS[root]
    for name in rest:
        try:
            value = getattr(value, name)
        except AttributeError:
            return False
    return True


def returns_nothing(obj) -> bool:
    return inspect.signature(obj).return_annotation in (None, "None", inspect.Signature.empty)


def needs_example(obj) -> bool:
    """Records have fields and errors have a message: neither does anything to show."""
    return not (
        dataclasses.is_dataclass(obj) or (inspect.isclass(obj) and issubclass(obj, Exception))
    )


def faults(obj, doc: str | None = None) -> list[str]:
    """What the docstring of a public object lacks."""
    doc = inspect.cleandoc(doc if doc is not None else (obj.__doc__ or ""))
    if not doc:
        return ["there is no docstring"]
    said = []
    first, found = doc.splitlines()[0], sections(doc)
    if len(first) > 80 or not first.endswith("."):
        said.append(f"the first line is one sentence of at most 80 characters: {first!r}")
    if "```" in doc:
        said.append("a fence: examples are plain `>>>`")
    for wrong, right in (("Examples", "Example"), ("References", "Reference")):
        if wrong in found:
            said.append(f"the heading is `{right}:`, not `{wrong}:`")
    wanted, given = parameters(obj), documented(found.get("Args", ""))
    if wanted != given:
        said.append(f"`Args:` names {given}, the signature {wanted}")
    if inspect.isclass(obj) and issubclass(obj, keras.Layer):
        lacking = [s for s in ("Call arguments", "Input shape", "Output shape") if s not in found]
        if lacking:
            said.append(f"a layer has the sections {lacking}")
    if (
        not inspect.isclass(obj)
        and not returns_nothing(obj)
        and not {"Returns", "Yields"} & set(found)
    ):
        said.append("a function says what it returns: shape and dtype (`Returns:`)")
    if needs_example(obj) and ">>>" not in found.get("Example", ""):
        said.append("no `Example:` with a `>>>` block")
    if "Reference" in found and not re.search(r"\b(?:19|20)\d\d\b", found["Reference"]):
        said.append("`Reference:` gives author, year and link")
    lost = [name for name in NAME.findall(doc) if not resolves(name)]
    if lost:
        said.append(f"names that do not exist: {lost}")
    return said


PARTS = {names.join("mlkit", path, name): obj for path, name, obj in names.parts()}


@pytest.mark.parametrize("name", PARTS)
def test_docstring(name):
    said = faults(PARTS[name])
    assert not said, f"{name}:\n" + "\n".join(f"  - {fault}" for fault in said)


def examples() -> dict[str, doctest.DocTest]:
    """The examples of all modules, by the object that they stand at."""
    found = {}
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(mlkit.__path__, "mlkit."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        # Globals are empty: an example imports what it uses, as its reader must.
        for test in finder.find(module, info.name, globs={}):
            if test.examples and test.name not in found:
                found[test.name] = test
    return found


EXAMPLES = examples()


def run(test: doctest.DocTest) -> str:
    """What the examples print that they should not; empty if they are true."""
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append, clear_globs=True)
    return "".join(said)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tf.random.set_seed(None)  # its reader has set none either
    said = run(EXAMPLES[name])
    assert not said, said


GOOD = """Twice the input.

    Args:
        x: tensor. See `keras.ops.add` and
            text: with a colon.
        y, z: numbers, default 1.
        **kwargs: as for `mk.layers.Layer`.

    Returns:
        Tensor of the shape of `x`.

    Example:
        >>> 1 + 1
        2

    Reference:
        Euclid, 2001, https://example.org.
"""


def double(x, y=1, z=1, **kwargs) -> int:
    return 2 * x


def test_a_good_docstring_passes():
    assert faults(double, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("Twice the input.", "Twice the input", "first line"),
        ("Twice the input.", "Twice " * 20 + ".", "first line"),
        ("y, z:", "y:", "`Args:` names"),
        ("        **kwargs: as for `mk.layers.Layer`.\n", "", "`Args:` names"),
        ("keras.ops.add", "keras.ops.addd", "do not exist"),
        ("Returns:", "Note:", "what it returns"),
        (">>> 1 + 1", "1 + 1", "no `Example:`"),
        ("Example:", "Examples:", "the heading is"),
        ("2001", "once", "author, year"),
        (">>> 1 + 1", "```", "a fence"),
    ],
)
def test_a_fault_in_a_docstring_is_found(old, new, word):
    assert old in GOOD
    assert word in "\n".join(faults(double, GOOD.replace(old, new)))


def test_a_layer_states_its_shapes():
    class Bare(keras.Layer):
        """A layer that says nothing."""

    assert "Call arguments" in "\n".join(faults(Bare))


def test_a_false_example_is_found():
    parser = doctest.DocTestParser()
    assert run(parser.get_doctest(">>> 1 + 1\n3\n", {}, "false", None, 0))
    assert run(parser.get_doctest(">>> np.ones(3)\n", {}, "no import", None, 0))
    assert not run(parser.get_doctest(">>> 1 + 1\n2\n", {}, "true", None, 0))
