"""Checks: one small function a rule, known by kind and name, and how one is run."""

import contextlib
import random
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._report import CheckFailed, NotApplicable, NotRun, Result
from mlkit.testing._spec import Spec

F = TypeVar("F", bound=Callable[[Any], None])
T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One rule for parts of one kind.

    Args:
        name: what an excuse and a test's id call it.
        about: the rule, in one sentence.
        function: raises `CheckFailed` for a spec whose part breaks the rule, `NotApplicable` where
            there is nothing to ask, `NotRun` where the machine cannot ask it.
    """

    name: str
    about: str
    function: Callable[[Any], None]

    def __call__(self, spec: Spec) -> Result:
        """Run it on one part, its excuse taken into account."""
        result = self._run(spec)
        reason = spec.excuse.get(self.name)
        if reason is None or result.status == "not run":
            return result
        if result.status == "failed":
            return Result(self.name, "excused", reason)
        return Result(
            self.name,
            "failed",
            f"excused ({reason!r}), but the check is {result.status}.",
            "An excuse that outlives its reason hides the next fault.",
            f"Take {self.name!r} out of `excuse`.",
        )

    def _run(self, spec: Spec) -> Result:
        try:
            with _own_world():
                self.function(spec)
        except CheckFailed as failure:
            return Result(self.name, "failed", failure.what, failure.why, failure.mend)
        except NotApplicable as reason:
            return Result(self.name, "not applicable", str(reason))
        except NotRun as reason:
            return Result(self.name, "not run", str(reason))
        except Exception as error:
            return Result(self.name, "failed", _told(error), self.about, _WHERE)
        return Result(self.name, "passed")


_WHERE = "The last lines of `what` say where in your code it was raised."


_ANSI = re.compile(r"\x1b\[[0-9;]*m")  # Keras colours what it raises


def message(error: BaseException) -> str:
    """What an error says, without colours and at a bearable length."""
    return _ANSI.sub("", str(error)).strip()[:1500]


def _told(error: Exception) -> str:
    """Type, message and the innermost frame outside the libraries."""
    frames = traceback.extract_tb(error.__traceback__)
    libraries = ("site-packages", "dist-packages", "mlkit/testing", "mlkit\\testing", "<")
    own = [f for f in frames if not any(part in f.filename for part in libraries)]
    told = f"raised {type(error).__name__}: {message(error)}"
    if own:
        told += f"\nat {own[-1].filename}:{own[-1].lineno}: {own[-1].line}"
    return told


@contextlib.contextmanager
def _own_world() -> Iterator[None]:
    """Seeds fixed and the policy float32 inside; the caller's policy and random state after it.

    TensorFlow's global seed has no getter and stays set. Its warning of retracing is silenced: it
    counts the checks of all parts as one function.
    """
    logger = tf.get_logger()
    level = logger.level
    state, np_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global one)
    policy = keras.config.dtype_policy()
    try:
        logger.setLevel("ERROR")
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy("float32")
        yield
    finally:
        logger.setLevel(level)
        keras.config.set_dtype_policy(policy)
        random.setstate(state)
        np.random.set_state(np_state)  # noqa: NPY002


_CHECKS: dict[str, dict[str, Check]] = {}


def check(*kinds: str) -> Callable[[F], F]:
    """Register a function as a check of these kinds; its name and first line are the check's.

    Args:
        *kinds: `"layer"`, `"loss"`, `"metric"`, ...
    """

    def decorate(function: F) -> F:
        about = (function.__doc__ or "").strip().partition("\n")[0]
        for kind in kinds:
            named = _CHECKS.setdefault(kind, {})
            if function.__name__ in named:
                raise ValueError(f"There is a {kind} check {function.__name__!r} already.")
            named[function.__name__] = Check(function.__name__, about, function)
        return function

    return decorate


def checks(kind: str) -> tuple[Check, ...]:
    """All checks of a kind, such as `"layer"`, in the order in which they are run."""
    return tuple(_CHECKS.get(kind, {}).values())


_latest: tuple[Any, dict[str, Any]] = (None, {})


def shared(spec: Spec, key: str, make: Callable[[], T]) -> T:
    """What several checks of one part use, made once. Only the latest part's things are kept."""
    global _latest
    if _latest[0] is not spec:
        _latest = (spec, {})
    held = _latest[1]
    if key not in held:
        held[key] = make()
    return held[key]
