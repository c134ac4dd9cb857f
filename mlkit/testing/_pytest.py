"""The checks as pytest items: one a part and check."""

from collections.abc import Callable, Iterable
from typing import Any

from mlkit._core.optional import require
from mlkit.testing._check import Check, checks
from mlkit.testing._report import Report, Result
from mlkit.testing._run import unknown_excuses
from mlkit.testing._spec import Spec


def parametrize(specs: Iterable[Spec]) -> Any:
    """Parametrise a pytest test: one item a part and check.

    The ids are such as `DropPath-masking`. The decorated test takes `check`, a function without
    arguments that raises if the part fails. A check that cannot run here (for want of a second
    device) skips its item with the reason.

    Args:
        specs: the parts.

    Returns:
        A pytest decorator.

    Raises:
        ValueError: an excuse names a check that there is not, or two specs have the same id.
        ImportError: pytest is not installed.

    Example:
        >>> import keras, mlkit as mk
        >>> KWARGS = dict(max_value=6.0, negative_slope=0.1, threshold=0.2)
        >>> SPECS = [mk.testing.LayerSpec(keras.layers.ReLU, KWARGS, input_shape=(2, 3))]
        >>> @mk.testing.parametrize(SPECS)
        ... def test_my_parts(check):
        ...     check()
    """
    pytest = require("pytest", extra="test", purpose="mlkit.testing.parametrize")
    specs = list(specs)
    _refuse_clashes(specs)
    items = [
        pytest.param(_item(pytest, spec, check), id=f"{spec.id}-{check.name}")
        for spec in specs
        for check in checks(spec.kind)
    ]
    return pytest.mark.parametrize("check", items)


def _refuse_clashes(specs: list[Spec]) -> None:
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        unknown = unknown_excuses(spec)
        if unknown:
            raise ValueError(
                f"`excuse` of {spec.id} names {', '.join(map(repr, unknown))}. The checks of a "
                f"{spec.kind} are: {', '.join(c.name for c in checks(spec.kind))}."
            )
        if (spec.kind, spec.id) in seen:
            raise ValueError(
                f"Two {spec.kind} specs have the id {spec.id!r}. Give one of them `name=`."
            )
        seen.add((spec.kind, spec.id))


def _item(pytest: Any, spec: Spec, check: Check) -> Callable[[], Result]:
    def run() -> Result:
        result = check(spec)
        if result.status == "failed":
            pytest.fail(str(Report(spec.id, spec.kind, (result,))), pytrace=False)
        if result.status == "not run":
            pytest.skip(result.what)
        return result

    return run
