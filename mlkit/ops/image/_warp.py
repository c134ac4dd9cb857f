"""Images bent by a field of displacements, or by a few points that are moved."""

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops.image._resample import sample
from mlkit.ops.image._spline import interpolate_spline


def dense_image_warp(image: Tensor, flow: Tensor, name: str | None = None) -> Tensor:
    """Images whose pixels are read where a field of displacements points back to.

        y[b, i, j] = image[b, i - flow[b, i, j, 0], j - flow[b, i, j, 1]]

    bilinear, and beyond the edge the nearest pixel. Gradients go to the image and to the flow.

    Args:
        image: `(batch, height, width, channels)`.
        flow: displacements in pixels, rows first, `(batch, height, width, 2)`.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of the shape and dtype of the image.

    Raises:
        ValueError: shapes other than these.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.arange(3.0).reshape(1, 1, 3, 1)
        >>> flow = np.zeros((1, 1, 3, 2))
        >>> flow[..., 1] = 0.5
        >>> np.asarray(mk.ops.image.dense_image_warp(image, flow)).ravel().tolist()
        [0.0, 0.5, 1.5]

    Reference:
        Jaderberg et al., 2015, Spatial Transformer Networks, https://arxiv.org/abs/1506.02025;
        `tfa.image.dense_image_warp`.
    """
    image, flow = ops.convert_to_tensor(image), wide(flow)
    if len(image.shape) != 4 or len(flow.shape) != 4 or flow.shape[-1] != 2:
        raise ValueError(
            "`image` must have shape (batch, height, width, channels) and `flow` "
            f"(batch, height, width, 2). Received: image.shape={tuple(image.shape)}, "
            f"flow.shape={tuple(flow.shape)}"
        )
    batch, height, width, channels = ops.shape(image)
    with keras.name_scope(name or "dense_image_warp"):
        y = ops.arange(height, dtype=flow.dtype)[:, None] - flow[..., 0]
        x = ops.arange(width, dtype=flow.dtype) - flow[..., 1]
        y, x = (ops.reshape(place, (batch, height * width)) for place in (y, x))
        values = sample(image, y, x, fill_mode="nearest")
        return ops.reshape(values, (batch, height, width, channels))


def sparse_image_warp(
    image: Tensor,
    source_control_point_locations: Tensor,
    dest_control_point_locations: Tensor,
    interpolation_order: int = 2,
    regularization_weight: float = 0.0,
    num_boundary_points: int = 0,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """Images bent so that given points move to given places.

    A polyharmonic spline through the displacements of the points gives the flow everywhere.

    Args:
        image: `(batch, height, width, channels)`.
        source_control_point_locations: points (row, column) in pixels, `(batch, points, 2)`.
        dest_control_point_locations: where they go, of the same shape.
        interpolation_order: order of the spline, at least 1; 2 is a thin plate. Default 2.
        regularization_weight: ≥ 0; with 0 the points go exactly there. Default 0.0.
        num_boundary_points: points on each edge of the image that stay where they are; with 1 the
            corners, with 2 also the middles of the edges. Default 0.
        name: of the operations in a graph. Default None.

    Returns:
        The images, of their shape and dtype, and the flow `(batch, height, width, 2)`, as for
        `mlkit.ops.image.dense_image_warp`.

    Raises:
        ValueError: an argument out of its range, or shapes other than these.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.zeros((1, 5, 5, 1), "float32")
        >>> image[0, 2, 2] = 1.0
        >>> old, new = np.array([[[2.0, 2.0]]]), np.array([[[3.0, 2.0]]])
        >>> y, flow = mk.ops.image.sparse_image_warp(image, old, new, num_boundary_points=1)
        >>> round(float(y[0, 3, 2, 0]), 3)
        1.0

    Reference:
        Bookstein, 1989, Principal Warps: Thin-Plate Splines and the Decomposition of
        Deformations, https://doi.org/10.1109/34.24792; `tfa.image.sparse_image_warp`.
    """
    check_integer("num_boundary_points", num_boundary_points, low=0)
    image = ops.convert_to_tensor(image)
    old, new = wide(source_control_point_locations), wide(dest_control_point_locations)
    if len(image.shape) != 4 or len(old.shape) != 3 or tuple(old.shape) != tuple(new.shape):
        raise ValueError(
            "`image` must have shape (batch, height, width, channels), and both locations "
            f"(batch, points, 2). Received: image.shape={tuple(image.shape)}, "
            f"source_control_point_locations.shape={tuple(old.shape)}, "
            f"dest_control_point_locations.shape={tuple(new.shape)}"
        )
    batch, height, width, _ = ops.shape(image)
    with keras.name_scope(name or "sparse_image_warp"):
        if num_boundary_points:
            edge = _edge_points(height, width, num_boundary_points, old.dtype)
            edge = ops.broadcast_to(edge, (batch, *edge.shape[1:]))
            old, new = (ops.concatenate([points, edge], axis=1) for points in (old, new))
        rows, columns = ops.meshgrid(
            ops.arange(height, dtype=old.dtype), ops.arange(width, dtype=old.dtype), indexing="ij"
        )
        places = ops.reshape(ops.stack([rows, columns], axis=-1), (1, -1, 2))
        places = ops.broadcast_to(places, (batch, height * width, 2))
        flow = interpolate_spline(
            new, new - old, places, interpolation_order, regularization_weight
        )
        flow = ops.reshape(flow, (batch, height, width, 2))
        return dense_image_warp(image, flow), flow


def _edge_points(height: int, width: int, count: int, dtype: str) -> Tensor:
    """`(1, 4 * count, 2)`: `count` steps along each edge, round the image."""
    far = ops.cast(ops.stack([height - 1, width - 1]), dtype)
    step = ops.arange(count, dtype=dtype) / count
    low, high = ops.zeros_like(step), ops.ones_like(step)
    rows = ops.concatenate([low, step, high, 1.0 - step])
    columns = ops.concatenate([step, high, 1.0 - step, low])
    return (ops.stack([rows, columns], axis=-1) * far)[None]
