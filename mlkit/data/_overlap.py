"""Examples that two data sets share."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit.data._fingerprint import fingerprint
from mlkit.data._source import Indexed, as_source, call

_BATCH = 512
_SIDE = 8


class Overlap(NamedTuple):
    """What `mk.data.overlap` found.

    Attributes:
        exact: examples of `b` that are equal to one of `a`.
        near: examples of `b` that are near, but not equal, to one of `a`.
        exact_pairs: (index in a, index in b), int64 of shape (exact, 2).
        near_pairs: the same of the near ones.

    Example:
        >>> import mlkit as mk
        >>> mk.data.overlap([1, 2, 3], [3, 4]).exact_pairs.tolist()
        [[2, 0]]
    """

    exact: int
    near: int
    exact_pairs: np.ndarray
    near_pairs: np.ndarray


def overlap(a: Any, b: Any, *, on: Any = None, distance: int | None = None) -> Overlap:
    """Count the examples of one data set that are also in another.

    Exact: the same content. Near, for images: a perceptual hash of 128 bits (whether brightness
    rises between neighbours in an 8×8 version, along rows and columns) differs in at most
    `distance` bits, which finds the same picture after another compression, size or a shift of
    brightness. Look at the near pairs before you believe them: simple drawings resemble each other.

    Args:
        a: source as for `mk.data.pipeline`, such as the training part.
        b: another, such as the test part.
        on: name or position of the component to compare, or a function from an element to it.
            None: the first component of tuples, else everything.
        distance: largest number of different bits, 0 to 128, for near pairs; 4 to 10 is usual.
            None: exact only.

    Returns:
        `Overlap(exact, near, exact_pairs, near_pairs)`: the number of examples of `b` with an
        equal, and with a near but no equal one in `a`; then pairs (index in a, index in b), one
        for each such example, int64 of shape (n, 2).

    Raises:
        ValueError: `distance` is given and the examples are not images of rank 2 or 3.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.random.default_rng(0).integers(0, 255, (20, 16, 16), "uint8")
        >>> mk.data.overlap(x[:12], x[10:]).exact
        2
        >>> mk.data.overlap(x[:12], x[11:] // 2, distance=8).near
        1
    """
    if distance is not None:
        check_integer("distance", distance, low=0, high=128)
    left, right = as_source(a), as_source(b)
    words_a, hashes_a = _hashes(left, on, distance is not None)
    words_b, hashes_b = _hashes(right, on, distance is not None)
    _, first = np.unique(words_a, return_index=True)
    known = words_a[first]
    place = np.searchsorted(known, words_b).clip(max=len(known) - 1)
    equal = known[place] == words_b
    exact = np.stack([first[place[equal]], np.flatnonzero(equal)], axis=1)
    near = np.zeros((0, 2), np.int64)
    if distance is not None:
        near = _near_pairs(hashes_a, hashes_b, np.flatnonzero(~equal), distance)
    return Overlap(len(exact), len(near), exact, near)


def _chosen(element: Any, on: Any) -> Any:
    if callable(on):
        return call(on, element)
    if on is not None:
        return element[on]
    return element[0] if isinstance(element, tuple) else element


def _hashes(source: Indexed, on: Any, pictures: bool) -> tuple[np.ndarray, np.ndarray]:
    """(fingerprints, perceptual hashes) of all examples."""
    words, hashes = [], []
    for element in source:
        value = _chosen(element, on)
        one = tf.nest.map_structure(lambda t: tf.convert_to_tensor(t)[None], value)
        words.append(fingerprint(one)[0].numpy())
        if pictures:
            hashes.append(perceptual_hash(value))
    return np.asarray(words, np.uint64), np.asarray(hashes, np.uint64).reshape(-1, 2)


def perceptual_hash(image: Any) -> np.ndarray:
    """Two words of 64 bits: does brightness rise to the right, and downwards. Flat: both 0."""
    if not tf.is_tensor(image) or image.shape.rank not in (2, 3):
        raise ValueError(
            "`distance` compares images of shape (height, width) or (height, width, channels). "
            "Name the component that is one with `on`."
        )
    grey = tf.cast(image, tf.float32)
    grey = tf.reduce_mean(grey, axis=-1) if image.shape.rank == 3 else grey
    small = [
        tf.image.resize(grey[..., None], size, method="area")[..., 0].numpy()
        for size in ((_SIDE, _SIDE + 1), (_SIDE + 1, _SIDE))
    ]
    bits = [small[0][:, 1:] > small[0][:, :-1], small[1][1:] > small[1][:-1]]
    return np.asarray([np.packbits(b.ravel()).view(np.uint64)[0] for b in bits])


def _near_pairs(a: np.ndarray, b: np.ndarray, rows: np.ndarray, distance: int) -> np.ndarray:
    """For each of these rows of b the nearest of a, if it is near enough."""
    pairs = []
    for start in range(0, len(rows), _BATCH):
        index = rows[start : start + _BATCH]
        bits = np.zeros((len(index), len(a)), np.uint8)
        for word in range(2):
            bits += np.bitwise_count(b[index, None, word] ^ a[None, :, word])
        # Pictures of one colour have no features: they are all alike to this hash.
        bits[:, ~a.any(axis=1)] = 255
        bits[~b[index].any(axis=1)] = 255
        best = bits.argmin(axis=1)
        near = bits[np.arange(len(index)), best] <= distance
        pairs.append(np.stack([best[near], index[near]], axis=1))
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
