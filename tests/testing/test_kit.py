"""The kit's own ground: reports, excuses, pytest items, the gathering of specs, the matrix."""

import subprocess
import sys
import textwrap

import keras
import pytest

from mlkit import testing
from mlkit.testing import ConstraintSpec, LayerSpec
from mlkit.testing._check import checks
from mlkit.testing._gather import gather, unlisted
from mlkit.testing._run import run

GOOD = dict(kwargs=dict(max_value=0.5, axis=1), shape=(4, 3))


class Twice(keras.constraints.Constraint):
    """Doubles: not idempotent, and not registered."""

    def __call__(self, w):
        return 2.0 * w


def spec(**fields):
    return ConstraintSpec(Twice, shape=(4, 3), **fields)


def test_the_report_says_what_why_and_how_to_mend():
    with pytest.raises(testing.ConformanceError) as caught:
        testing.check_constraint(Twice, shape=(4, 3))
    text = str(caught.value)
    assert text.startswith("Twice (constraint): 2 of 11 checks failed")
    for part in (
        "✗ idempotent: failed",
        "    what   ",
        "    why    ",
        "    mend   ",
        "    passed ",
    ):
        assert part in text
    assert {r.check for r in caught.value.report.failures} == {"registered", "idempotent"}


def test_a_good_part_prints_its_report_or_is_silent(capsys):
    report = testing.check_constraint(keras.constraints.MaxNorm, **GOOD)
    assert report.ok
    assert "MaxNorm (constraint): " in capsys.readouterr().out
    testing.check_constraint(keras.constraints.MaxNorm, **GOOD, verbose=False)
    assert capsys.readouterr().out == ""


def test_a_result_is_found_by_name_and_a_wrong_name_says_which_there_are():
    report = run(spec())
    assert report["compiled"].status == "passed"
    with pytest.raises(KeyError, match="There are: kwargs_complete"):
        report["compile"]


def test_an_excuse_holds_for_a_check_that_fails():
    report = run(spec(excuse={"idempotent": "it doubles", "registered": "a test"}))
    assert report.ok
    assert report["idempotent"].status == "excused"
    assert report["idempotent"].what == "it doubles"
    assert "e idempotent: excused (it doubles)" in str(report)


def test_an_excuse_for_a_check_that_passes_fails():
    report = run(spec(excuse={"compiled": "no reason"}))
    assert report["compiled"].status == "failed"
    assert "but the check is passed" in report["compiled"].what
    assert "Take 'compiled' out" in report["compiled"].mend


def test_an_excuse_for_a_check_that_is_not_applicable_fails():
    report = run(spec(excuse={"satisfied": "no reason"}))
    assert "but the check is not applicable" in report["satisfied"].what


def test_an_excuse_for_an_unknown_check_fails():
    report = run(spec(excuse={"compile": "a slip"}))
    assert "no constraint check" in report["compile"].what
    with pytest.raises(ValueError, match="`excuse` of Twice names 'compile'"):
        testing.parametrize([spec(excuse={"compile": "a slip"})])


def test_two_specs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Give one of them `name=`"):
        testing.parametrize([spec(), spec()])
    testing.parametrize([spec(), spec(name="Twice-again")])


def test_one_item_a_part_and_check():
    mark = testing.parametrize([spec()]).mark
    ids = [parameter.id for parameter in mark.args[1]]
    assert ids == [f"Twice-{check.name}" for check in checks("constraint")]
    outcomes = dict(zip(ids, (parameter.values[0] for parameter in mark.args[1]), strict=True))
    outcomes["Twice-compiled"]()
    with pytest.raises(pytest.fail.Exception, match="projected a second time"):
        outcomes["Twice-idempotent"]()


def test_two_checks_of_one_name_are_refused():
    from mlkit.testing._check import check

    def compiled(spec):
        """A second one."""

    with pytest.raises(ValueError, match="constraint check 'compiled' already"):
        check("constraint")(compiled)


def test_an_argument_that_is_a_layer_is_not_shared_between_instances():
    inner = keras.layers.Dense(2)
    wrapped = LayerSpec(keras.layers.TimeDistributed, dict(layer=inner), input_shape=(2, 3, 4))
    one, two = wrapped.make(), wrapped.make()
    assert one.layer is not two.layer
    assert not inner.built


def test_a_spec_is_about_a_class():
    with pytest.raises(TypeError, match="`cls` must be a class"):
        LayerSpec(keras.layers.ReLU())


TEST_FILE = """
import keras
from shared import SHAPE
from mlkit.testing import ConstraintSpec

SPECS = [ConstraintSpec(keras.constraints.NonNeg, shape=SHAPE, excuse={EXCUSE})]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shared.py").write_text("SHAPE = (4, 3)\n")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_same.py").write_text(TEST_FILE.replace("EXCUSE", ""))
    (tmp_path / "a" / "test_none.py").write_text("raise RuntimeError('not to be imported')\n")
    return tmp_path


def test_specs_are_gathered_from_files_of_the_same_name(folder):
    found = gather(folder)
    assert [s.cls for s in found] == [keras.constraints.NonNeg] * 2
    assert str(folder) not in sys.path


def test_what_is_no_spec_is_refused(folder):
    (folder / "a" / "test_same.py").write_text("SPECS = [3]\n")
    with pytest.raises(TypeError, match="Received: 3 in"):
        gather(folder)
    with pytest.raises(FileNotFoundError, match="must be a folder of tests"):
        gather(folder / "absent")


def test_a_public_part_without_a_spec_is_seen():
    assert "mlkit.layers.DropPath" in unlisted([])
    from mlkit.layers import DropPath

    assert "mlkit.layers.DropPath" not in unlisted([LayerSpec(DropPath)])


def test_the_matrix(folder):
    (folder / "b" / "test_same.py").write_text(
        TEST_FILE.replace("EXCUSE", "'compiled': 'so it is'")
    )
    done = subprocess.run(
        [sys.executable, "-m", "mlkit.testing", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "constraint: 1=kwargs_complete  2=config_complete" in done.stdout
    assert "NonNeg-compiled: so it is" in done.stdout
    assert "Take 'compiled' out of `excuse`" in textwrap.dedent(done.stdout)
    assert done.stdout.endswith(f"2 parts, {2 * len(checks('constraint'))} checks, 1 parts fail.\n")
