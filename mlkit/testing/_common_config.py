"""Rules for the configuration of a part of any kind: what is given must survive a saved file."""

import inspect
from typing import Any

from mlkit.testing._check import check
from mlkit.testing._config import differences, held, plain, same, through_json
from mlkit.testing._kinds import KINDS
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import Spec

ALL = tuple(KINDS)
_LOST = "A saved model comes back with another value, silently, and computes something else."


def _base_names(kind: str) -> set[str]:
    return {*KINDS[kind].base_arguments, *KINDS[kind].also_base}


@check(*ALL)
def kwargs_complete(spec: Spec) -> None:
    """`kwargs` gives every argument of `__init__` a value that is not its default."""
    defaults = {n: p.default for n, p in spec.parameters.items()}
    ours = [n for n in defaults if n not in _base_names(spec.kind)]
    missing = [n for n in ours if n not in spec.kwargs]
    if spec.kind == "optimizer":
        missing = [n for n in missing if n != "learning_rate"]
    at_default = [
        n
        for n in ours
        if n in spec.kwargs
        and defaults[n] is not inspect.Parameter.empty
        and _equal(spec.kwargs[n], defaults[n])
    ]
    if missing or at_default:
        parts = []
        if missing:
            parts.append(f"not in `kwargs`: {', '.join(missing)}")
        if at_default:
            parts.append(f"at the default: {', '.join(f'{n}={defaults[n]!r}' for n in at_default)}")
        raise CheckFailed(
            "; ".join(parts),
            why="An argument that is lost on the way through a saved file comes back as its "
            "default, so at the default the loss cannot be seen.",
            mend="Give each of them another value in `kwargs`.",
        )


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return same(plain(a), plain(b))
    except Exception:  # what cannot be put in plain form is not a default
        return False


@check(*ALL)
def config_complete(spec: Spec) -> None:
    """Every argument of `__init__` is in `get_config()`, with the value given."""
    config = spec.make().get_config()
    wrong = []
    for name in spec.parameters:
        if name not in spec.kwargs:
            continue
        if name not in config:
            wrong.append(f"`{name}` is missing (given: {name}={spec.kwargs[name]!r})")
        elif not held(spec.kwargs[name], config[name]):
            given, stored = _short(spec.kwargs[name]), _short(config[name])
            wrong.append(f"`{name}` was given as {given}, stored as {stored}")
    if wrong:
        raise CheckFailed(
            "get_config(): " + "; ".join(wrong),
            why=_LOST,
            mend="Store each argument in `__init__` under its own name, unaltered, and return it: "
            'return {**super().get_config(), "argument": self.argument}',
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:160] + "..."


@check(*ALL)
def config_round_trip(spec: Spec) -> None:
    """The configuration can be written as JSON, and makes the same part again."""
    part = spec.make()
    config = plain(part.get_config())
    again = spec.cls.from_config(part.get_config())
    _must_equal(config, plain(again.get_config()), "from_config(get_config())")
    _must_equal(config, plain(through_json(part).get_config()), "written as JSON and read again")


def _must_equal(before: Any, after: Any, how: str) -> None:
    found = differences(before, after)
    if found:
        raise CheckFailed(
            f"{how} gives another configuration: {'; '.join(found)}",
            why=_LOST,
            mend="Let `__init__` take each entry of the configuration as it stands there; where an "
            "entry is an object, take its serialised form too (`keras.activations.get`, "
            "`keras.saving.deserialize_keras_object` in `from_config`).",
        )


@check(*ALL)
def config_stable(spec: Spec) -> None:
    """Building and calling a part leave its configuration as it was."""
    part = spec.make()
    before = plain(part.get_config())
    KINDS[spec.kind].use(spec, part)
    found = differences(before, plain(part.get_config()))
    if found:
        raise CheckFailed(
            f"the configuration changed when the part was used: {'; '.join(found)}",
            why="Two models made alike have different configurations, depending on when they are "
            "asked; comparing, cloning and caching by configuration break.",
            mend="Do not write to an argument's attribute in `build` or `call`: derive into "
            "another one, such as self._axes from self.axis.",
        )


@check(*ALL)
def base_arguments(spec: Spec) -> None:
    """The arguments of the base class are accepted, kept, and in the configuration."""
    arguments = KINDS[spec.kind].base_arguments
    if not arguments:
        raise NotApplicable("the base class takes no arguments")
    for name, value in arguments.items():
        try:
            part = spec.make(**{name: value})
        except TypeError as error:
            raise CheckFailed(
                f"{spec.cls.__name__}({name}={value!r}) raised TypeError: {error}",
                why=f"Every {spec.kind} of Keras takes `{name}`; without it the part cannot be "
                "named, cast or frozen as others are, and it does not load from a saved file.",
                mend="def __init__(self, ..., **kwargs): super().__init__(**kwargs)",
            ) from None
        _must_keep(part, name, value)


def _must_keep(part: Any, name: str, value: Any) -> None:
    kept = getattr(part, name)
    if name == "dtype":
        policy = getattr(part, "dtype_policy", None)
        kept = policy.name if policy is not None and hasattr(policy, "name") else kept
    config = part.get_config()
    if kept != value:
        where = f"attribute `{name}` is {kept!r}"
    elif name in config and not held(value, config[name]):
        where = f'get_config()["{name}"] is {config[name]!r}'
    else:
        return
    raise CheckFailed(
        f"{name}={value!r} was given, but the {where}.",
        why=_LOST,
        mend="Forward `**kwargs` to `super().__init__`, and begin get_config with that of the base "
        "class: {**super().get_config(), ...}",
    )
