"""Convolution that reads at shifted positions."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.images import pair
from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops._weighted_rows import weighted_rows


def deform_conv2d(
    inputs: Tensor,
    offsets: Tensor,
    kernel: Tensor,
    mask: Tensor | None = None,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
) -> Tensor:
    """Two-dimensional convolution whose taps are moved by offsets.

        y[b, i, j] = sum over taps k of w_k . x(b, s * (i, j) - pad + d * k + offset_k(b, i, j))
                     * mask_k(b, i, j)

    with strides s and dilation d. x is read between pixels by bilinear interpolation, and is zero
    outside the image. Gradients go to all four tensors. Channels are last.

    Args:
        inputs: images `(batch, height, width, channels)`.
        offsets: `(batch, new_height, new_width, groups * rows * columns * 2)`: for each group of
            input channels and each tap, row by row, the shift in rows and then in columns, in
            pixels.
        kernel: `(rows, columns, channels / kernel_groups, filters)`; that it has fewer channels
            than the inputs makes a grouped convolution.
        mask: `(batch, new_height, new_width, groups * rows * columns)`, factors on what is read
            (version 2), or None (default).
        strides: an integer or two of them; default 1.
        padding: `"valid"` (default) or `"same"`, as in a Keras convolution.
        dilation_rate: distance of taps, an integer or two of them; default 1.

    Returns:
        Tensor `(batch, new_height, new_width, filters)` of the inputs' dtype.

    Raises:
        ValueError: channels, filters and offsets do not fit together.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.arange(9.0, dtype="float32").reshape(1, 3, 3, 1)
        >>> offsets = np.full((1, 3, 3, 2), 0.5, "float32")
        >>> y = mk.ops.deform_conv2d(x, offsets, np.ones((1, 1, 1, 1), "float32"))
        >>> np.asarray(y)[0, :, :, 0].tolist()
        [[2.0, 3.0, 1.75], [5.0, 6.0, 3.25], [3.25, 3.75, 2.0]]

    Reference:
        Dai et al., 2017, Deformable Convolutional Networks, https://arxiv.org/abs/1703.06211; Zhu
        et al., 2019, Deformable ConvNets v2, https://arxiv.org/abs/1811.11168. Order of offsets and
        border as in torchvision's `deform_conv2d`.
    """
    check_choice("padding", padding, ["valid", "same"])
    offsets = ops.convert_to_tensor(offsets)
    geometry = (pair("strides", strides), padding, pair("dilation_rate", dilation_rate))
    inputs, kernel = ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel)
    rows, columns, depth, filters = kernel.shape
    taps, channels = rows * columns, inputs.shape[-1]
    groups, kernel_groups = offsets.shape[-1] // (2 * taps), channels // depth
    _check(offsets.shape[-1], taps, groups, channels, depth, filters)
    batch, height, width, _ = ops.shape(offsets)
    places = _places(ops.shape(inputs), offsets, (rows, columns), groups, geometry)
    if mask is not None:
        mask = ops.reshape(mask, (batch, height, width, groups, taps, 1))
    values = _read(inputs, places, mask, groups)  # (b, h, w, g, taps, channels / g)
    values = ops.cast(values, inputs.dtype)
    if groups > 1:
        values = ops.transpose(values, (0, 1, 2, 4, 3, 5))
    # The taps with their channels are one axis: what is left is a matrix product.
    if kernel_groups == 1:
        values = ops.reshape(values, (batch * height * width, taps * channels))
        result = ops.matmul(values, ops.reshape(kernel, (taps * channels, filters)))
    else:
        values = ops.reshape(values, (batch * height * width, taps, kernel_groups, depth))
        matrix = ops.reshape(kernel, (taps, depth, kernel_groups, filters // kernel_groups))
        result = ops.einsum("ntgd,tdgf->ngf", values, matrix)
    return ops.reshape(result, (batch, height, width, filters))


def _check(offsets: int, taps: int, groups: int, channels: int, depth: int, filters: int) -> None:
    if not groups or offsets != 2 * taps * groups or channels % groups:
        raise ValueError(
            f"`offsets` must have 2 * {taps} channels for each of some groups that divide the "
            f"{channels} channels of `inputs`. Received: {offsets} channels of offsets"
        )
    if channels % depth or filters % (channels // depth):
        raise ValueError(
            f"`kernel` must have a number of channels that divides the {channels} of `inputs`, in "
            f"groups that divide its {filters} filters. Received: {depth} channels of the kernel"
        )


def _places(shape: Any, offsets: Tensor, size: Any, groups: int, geometry: Any) -> list[Tensor]:
    """Rows and columns at which is read, at least float32, each `(batch, h, w, groups, taps)`."""
    batch, height, width, _ = ops.shape(offsets)
    strides, padding, dilation = geometry
    shifts = wide(offsets)
    shifts = ops.reshape(shifts, (batch, height, width, groups, size[0] * size[1], 2))
    grids = []
    for axis, count in enumerate((height, width)):
        before = 0
        if padding == "same":
            reach = dilation[axis] * (size[axis] - 1) + 1
            needed = (count - 1) * strides[axis] + reach - shape[1 + axis]
            before = ops.maximum(needed, 0) // 2
        start = ops.arange(count, dtype="int32") * strides[axis] - before
        tap = ops.arange(size[axis], dtype="int32") * dilation[axis]
        grids.append(ops.cast(start[:, None] + tap[None, :], shifts.dtype))
    ones = ops.ones(size, shifts.dtype)
    rows = ops.reshape(grids[0][:, :, None] * ones, (height, 1, 1, -1))
    columns = ops.reshape(grids[1][:, None, :] * ones, (1, width, 1, -1))
    return [rows + shifts[..., 0], columns + shifts[..., 1]]


def _read(x: Tensor, places: list[Tensor], mask: Tensor | None, groups: int) -> Tensor:
    """Bilinear interpolation, `(batch, h, w, groups, taps, channels / groups)`, at least float32.

    The image gets a margin of zeros. Positions further out are moved onto it, where value and
    gradient are zero.
    """
    batch, height, width, channels = ops.shape(x)
    size = (height + 2) * (width + 2)
    table = ops.pad(wide(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
    table = ops.reshape(table, (batch, size, groups, channels // groups))
    table = ops.reshape(ops.swapaxes(table, 1, 2), (-1, channels // groups))
    down, row = _between_pixels(places[0], height)
    right, column = _between_pixels(places[1], width)
    images = ops.arange(batch, dtype="int32")[:, None, None, None, None] * groups
    images = images + ops.arange(groups, dtype="int32")[:, None]
    index = images * size + row * (width + 2) + column
    factor = ops.ones((), table.dtype) if mask is None else ops.cast(mask, table.dtype)
    low, high = (1 - down) * factor, down * factor
    weights = [low * (1 - right), low * right, high * (1 - right), high * right]
    return weighted_rows(table, weights, [index, index + 1, index + width + 2, index + width + 3])


def _between_pixels(place: Tensor, size: Any) -> tuple[Tensor, Tensor]:
    """Distance `(..., 1)` from the pixel before, and the index of that with the margin counted."""
    end = ops.cast(size, place.dtype)
    place = ops.clip(place, -1.0, end)
    first = ops.minimum(ops.floor(ops.stop_gradient(place)), end - 1)
    return (place - first)[..., None], ops.cast(first, "int32") + 1
