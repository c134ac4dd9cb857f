"""What one component of a data set holds, gathered batch by batch."""

from typing import Any

import numpy as np

_FEW = 30  # whole numbers with at most so many values are taken for classes
_MANY = 10_000  # different labels that are counted where the number of classes is known


class Column:
    """Facts about one component; what it keeps does not grow with the data, strings apart.

    Args:
        name: path of the component.
        classes: number of classes, if this component is the label and it is known.
    """

    def __init__(self, name: str, classes: int | None = None) -> None:
        self.name, self.classes = name, classes
        self.count, self.kind, self.shape = 0, "", ()
        self.shortest = self.longest = None
        self.words: set[bytes] = set()
        self.empty = 0
        self.labels: dict[int, int] | None = {}
        self.missing = self.numbers = 0
        self.low, self.high, self.mean, self.square = np.inf, -np.inf, 0.0, 0.0
        self.first: Any = None
        self.same: Any = None  # of vectors: which columns never changed
        self.blank, self.blank_at = 0, 0

    def add(self, values: np.ndarray) -> None:
        """Take in a batch of elements of one shape."""
        if self.first is None:
            self.first, self.shape = values[0], values.shape[1:]
            text = values.dtype.kind in "OSU"
            self.kind = "string" if text else str(values.dtype)
        if values.ndim > 1:
            length = values.shape[1]
            self.shortest = length if self.shortest is None else min(self.shortest, length)
            self.longest = length if self.longest is None else max(self.longest, length)
        if self.kind == "string":
            flat = np.ravel(values).tolist()
            self.words.update(flat)
            self.empty += sum(not item for item in flat)
        else:
            self._add_labels(values)
            self._add_numbers(np.ravel(values))
            self._add_shapes(values)
        self.count += len(values)

    @property
    def varies(self) -> bool:
        return self.shortest != self.longest

    def _add_labels(self, values: np.ndarray) -> None:
        if self.labels is None or values.dtype.kind not in "iub" or values.ndim > 1:
            self.labels = None
            return
        names, counts = np.unique(values, return_counts=True)
        for name, count in zip(names.tolist(), counts.tolist(), strict=True):
            self.labels[int(name)] = self.labels.get(int(name), 0) + count
        if len(self.labels) > (_FEW if self.classes is None else _MANY):
            self.labels = None

    def _add_numbers(self, flat: np.ndarray) -> None:
        """Merge the mean and the sum of squares of a batch: no cancellation."""
        numbers = flat.astype(np.float64)
        finite = np.isfinite(numbers)
        if not finite.all():
            self.missing += int((~finite).sum())
            numbers = numbers[finite]
        if not numbers.size:
            return
        size, mean = numbers.size, numbers.mean()
        delta, whole = mean - self.mean, self.numbers + size
        self.square += ((numbers - mean) ** 2).sum() + delta**2 * self.numbers * size / whole
        self.mean += delta * size / whole
        self.numbers = whole
        self.low, self.high = min(self.low, numbers.min()), max(self.high, numbers.max())

    def _add_shapes(self, values: np.ndarray) -> None:
        """Constant columns of vectors, images of one colour."""
        if values.ndim <= 2 and values.shape[1:] == self.shape:
            same = np.atleast_1d((values == self.first).all(axis=0))
            self.same = same if self.same is None else self.same & same
        elif values.ndim in (3, 4) and values.size:
            pixels = values.reshape(len(values), values.shape[1] * values.shape[2], -1)
            blank = np.flatnonzero((pixels == pixels[:, :1]).all(axis=(1, 2)))
            if len(blank) and not self.blank:
                self.blank_at = self.count + int(blank[0])
            self.blank += len(blank)

    # What is said of it.

    def facts(self) -> dict[str, Any]:
        """Type, shape, classes or range, for `print`."""
        lengths = f"lengths from {self.shortest} to {self.longest}"
        facts: dict[str, Any] = {self.kind: lengths if self.varies else str(self.shape)}
        if self.kind == "string":
            facts["different"] = len(self.words)
            return {**facts, "empty": self.empty} if self.empty else facts
        if self.labels:
            if len(self.labels) <= _FEW:
                return {**facts, "classes": dict(sorted(self.labels.items()))}
            times = self.labels.values()
            return {**facts, "classes": f"{len(times)}, {min(times)} to {max(times)} times each"}
        if self.missing:
            facts["missing"] = self.missing
        if self.numbers:
            facts["from"] = f"{self.low:g} to {self.high:g}"
            facts["mean"] = f"{self.mean:g}"
            facts["std"] = f"{np.sqrt(self.square / self.numbers):g}"
        return facts

    def suspicious(self) -> list[str]:
        """Sentences about what should be looked at."""
        if self.kind == "string":
            constant = self.count > 1 and len(self.words) == 1
            return [f"{self.name} is constant: {next(iter(self.words))!r}"] if constant else []
        if not self.numbers and not self.missing:
            return [f"{self.name} has no values"]
        if self.labels:
            return self._about_labels(self.labels)
        found = []
        if self.missing:
            found.append(f"{self.name} has {self.missing} values that are not finite")
        if self.count > 1:
            found += self._about_shapes()
        return found

    def _about_labels(self, labels: dict[int, int]) -> list[str]:
        name, found = self.name, []
        values = sorted(labels)
        if len(values) == 1 and self.count > 1:
            found.append(f"{name} is constant: {values[0]}")
        if self.classes is not None:
            outside = [value for value in values if not 0 <= value < self.classes]
            if outside:
                times = sum(labels[value] for value in outside)
                found.append(
                    f"{name} is out of the range 0 to {self.classes - 1} {times} times, such as "
                    f"{outside[-1]}"
                )
            missing = sorted(set(range(self.classes)) - set(values))
        else:
            missing = sorted(set(range(values[0], values[-1] + 1)) - set(values))
            missing = missing if values[0] in (0, 1) else []
            negative = sum(times for value, times in labels.items() if value < 0)
            if negative:
                found.append(f"{name} is negative {negative} times: a label out of range?")
        if missing:
            shown = missing if len(missing) <= 10 else [*missing[:10], "…"]
            found.append(f"{name} never takes [{', '.join(map(str, shown))}]")
        often, rare = max(labels, key=labels.__getitem__), min(labels, key=labels.__getitem__)
        if len(values) > 1 and labels[often] >= 10 * labels[rare]:
            found.append(
                f"{name} is {labels[often] / labels[rare]:.0f} times as often {often} as {rare}: "
                "see `mk.data.class_weights`"
            )
        return found

    def _about_shapes(self) -> list[str]:
        name = self.name
        if self.blank and not self.varies:
            return [f"{self.blank} of {name} are of one colour, such as element {self.blank_at}"]
        if self.same is None or self.varies or not self.same.any():
            return []
        if not self.shape:
            return [f"{name} is constant: {float(self.first):g}"]
        same = np.flatnonzero(self.same)
        found = [f"column {i} of {name} is constant: {float(self.first[i]):g}" for i in same[:5]]
        return found + ([f"{len(same)} columns of {name} are constant"] if len(same) > 5 else [])
