"""What the wrappers share that compute the kernels of a layer from other variables."""

import inspect
from collections.abc import Iterator
from typing import Any

import keras

from mlkit._core.types import Shape, Tensor, Variable

_NAMES = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings")
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


class _Scope(keras.StatelessScope):
    """Remembers what the layer changes itself: seeds of dropout, moving averages, states."""

    def __init__(self, values: list[tuple[Variable, Tensor]]) -> None:
        super().__init__(state_mapping=values, collect_losses=True)
        self.updates: dict[int, tuple[Variable, Tensor]] = {}

    def add_update(self, update: tuple[Variable, Tensor]) -> None:
        self.updates[id(update[0])] = update
        super().add_update(update)


class Reparametrized(keras.layers.Wrapper):
    """A layer whose kernels are replaced in each call by a function of them.

    Args:
        layer: the layer to be wrapped.
        **kwargs: as for `keras.layers.Layer`.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking

    def found_kernels(self) -> list[tuple[keras.layers.Layer, Variable, tuple[int, ...]]]:
        """Owner, variable and input axes of each kernel in the built layer.

        Raises:
            ValueError: there is none.
        """
        found = list(_kernels(self.layer))
        if not found:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: {type(self.layer).__name__} "
                f"{self.layer.name!r} has none of the weights {', '.join(_NAMES)}."
            )
        return found

    def _kernel_values(self, training: bool) -> list[tuple[Variable, Tensor]]:
        """Each kernel and the value it has in this call."""
        raise NotImplementedError

    def _prepare(self, inputs: Tensor, given: dict) -> None:
        """Called before each call in training."""

    def call(
        self,
        inputs: Tensor,
        training: bool = False,
        mask: Tensor | None = None,
        initial_state: Any = None,
    ) -> Any:
        given = {"mask": mask, "initial_state": initial_state}
        takes = inspect.signature(self.layer.call).parameters
        given = {k: v for k, v in given.items() if v is not None and k in takes}
        if "training" in takes:
            given["training"] = training
        if training:
            self._prepare(inputs, given)
        return self._run(self._kernel_values(training), inputs, given)

    def _run(self, values: list[tuple[Variable, Tensor]], inputs: Tensor, given: dict) -> Any:
        """The layer with other values for some variables; gradients flow to these values."""
        with _Scope(values) as scope:
            outputs = self.layer(inputs, **given)
        for variable, value in scope.updates.values():
            variable.assign(value)
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        return self.layer.compute_mask(inputs, mask)


def _kernels(
    layer: keras.layers.Layer,
) -> Iterator[tuple[keras.layers.Layer, Variable, tuple[int, ...]]]:
    """Each kernel in the layer and in those that it holds, with the axes of its length."""
    seen: set[int] = set()
    waiting: list[Any] = [layer]
    while waiting:
        owner = waiting.pop(0)
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        if isinstance(owner, (list, tuple)):
            waiting.extend(owner)
        elif isinstance(owner, keras.layers.Layer):
            for name in _NAMES:
                v = getattr(owner, name, None)
                if isinstance(v, keras.Variable) and id(v) not in seen:
                    seen.add(id(v))
                    yield owner, v, _axes(owner, v)
            waiting.extend(vars(owner).values())


def is_depthwise(owner: Any, v: Variable) -> bool:
    """Whether a kernel has a matrix of its own for each channel, the last axis but one."""
    return isinstance(owner, _DEPTHWISE) or getattr(owner, "depthwise_kernel", None) is v


def _axes(owner: keras.layers.Layer, v: Variable) -> tuple[int, ...]:
    rank = len(v.shape)
    if isinstance(owner, keras.layers.EinsumDense):
        letters = owner.equation.split("->")[0].split(",")[1].strip()
        kept = [letters.index(letter) for letter in output_letters(owner.equation)]
    elif is_depthwise(owner, v):
        kept = [rank - 2, rank - 1]
    elif isinstance(owner, _TRANSPOSED):
        kept = [rank - 2]
    else:
        kept = [rank - 1]
    return tuple(a for a in range(rank) if a not in kept)


def output_letters(equation: str) -> list[str]:
    """Letters of the kernel that are in the output, in the order of the kernel."""
    inputs, output = equation.split("->")
    return [letter for letter in inputs.split(",")[1].strip() if letter in output]
