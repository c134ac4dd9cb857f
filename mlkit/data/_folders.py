"""Folders of pictures, sound or text, one sub-folder for each class."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.types import Tensor
from mlkit.data._errors import check_on_error, report
from mlkit.data._frames import Damage
from mlkit.data._memory import free_memory
from mlkit.data._source import Indexed

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


def read_images(
    path: str | os.PathLike[str],
    size: int | tuple[int, int],
    *,
    labels: bool = True,
    color: str = "rgb",
    on_error: str = "raise",
) -> Indexed:
    """Read a folder of pictures, with the names of its sub-folders as classes.

    Every file is decoded once when this is called, so that a torn one is found before training. The
    encoded bytes stay in memory if they take at most half of what is free; else files are read when
    they are needed. `source.classes` holds the names, in order of their numbers.

    Args:
        path: folder: `path/class/name.png`; without labels: `path/**/name.png`.
        size: height and width to resize to (bilinear, with antialiasing); one number for squares.
        labels: give (image, label); False: images only.
        color: `"rgb"`, `"grayscale"` or `"rgba"`.
        on_error: `"raise"`: files that cannot be decoded raise, all named. `"skip"`: go on without
            them, and warn with their number and names.

    Returns:
        A source of images (height, width, channels), uint8, and labels, int32. PNG, JPEG, GIF (its
        first picture) and BMP.

    Raises:
        ValueError: no pictures, fewer than two classes, or (with `on_error="raise"`) damaged files.

    Example:
        >>> import pathlib, tempfile
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     _ = (folder / name).mkdir()
        ...     picture = tf.io.encode_png(tf.zeros((6, 5, 3), tf.uint8))
        ...     _ = (folder / name / "1.png").write_bytes(picture.numpy())
        >>> source = mk.data.read_images(folder, 4)
        >>> source.classes, source.element_spec[0].shape
        (['cat', 'dog'], TensorShape([4, 4, 3]))
    """
    check_choice("color", color, _CHANNELS)
    height, width = (size, size) if isinstance(size, int) else size
    check_integer("size", height, low=1)
    check_integer("size", width, low=1)
    channels = _CHANNELS[color]

    def decode(data: Tensor) -> Tensor:
        image = tf.io.decode_image(data, channels=channels, expand_animations=False)
        image.set_shape([None, None, channels])
        shape = tf.shape(image)
        small = tf.image.resize(image, (height, width), antialias=True)
        small = tf.cast(tf.clip_by_value(tf.round(small), 0.0, 255.0), tf.uint8)
        whole = (shape[0] == height) & (shape[1] == width)
        image = tf.cond(whole, lambda: image, lambda: small)
        return tf.ensure_shape(image, [height, width, channels])

    return _folder(path, PICTURES, decode, labels, on_error, "pictures")


def read_audio(
    path: str | os.PathLike[str],
    length: int,
    *,
    labels: bool = True,
    on_error: str = "raise",
) -> Indexed:
    """Read a folder of WAV files, with the names of its sub-folders as classes.

    Args:
        path: folder: `path/class/name.wav`; without labels: `path/**/name.wav`.
        length: samples of each element: longer files are cut, shorter ones end in zeros.
        labels: give (waveform, label); False: waveforms only.
        on_error: `"raise"` or `"skip"`, as for `mk.data.read_images`.

    Returns:
        A source of waveforms (length,), float32 in [-1, 1], the mean of the channels, and labels.

    Raises:
        ValueError: no files, fewer than two classes, or damaged files.

    Example:
        >>> import pathlib, tempfile
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> wave = tf.audio.encode_wav(tf.zeros((100, 1)), 16000).numpy()
        >>> _ = (folder / "a.wav").write_bytes(wave)
        >>> mk.data.read_audio(folder, 160, labels=False).element_spec.shape
        TensorShape([160])
    """
    check_integer("length", length, low=1)

    def decode(data: Tensor) -> Tensor:
        wave = tf.reduce_mean(tf.audio.decode_wav(data).audio, axis=-1)[:length]
        return tf.ensure_shape(tf.pad(wave, [[0, length - tf.shape(wave)[0]]]), [length])

    return _folder(path, (".wav",), decode, labels, on_error, "sounds")


def read_text(
    path: str | os.PathLike[str], *, labels: bool = True, on_error: str = "raise"
) -> Indexed:
    """Read a folder of text files, with the names of its sub-folders as classes.

    Args:
        path: folder: `path/class/name.txt`; without labels: `path/**/name.txt`.
        labels: give (text, label); False: texts only.
        on_error: files that are not UTF-8: `"raise"` or `"skip"`.

    Returns:
        A source of strings, and labels, int32.

    Raises:
        ValueError: no files, fewer than two classes, or files that are not UTF-8.

    Example:
        >>> import pathlib, tempfile
        >>> import mlkit as mk
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("some words")
        >>> [text.numpy() for text in mk.data.read_text(folder, labels=False)]
        [b'some words']
    """
    check_on_error(on_error)
    files, numbers, classes = _list(Path(path), (".txt",), labels)
    texts, kept, damages = [], [], []
    for i, file in enumerate(files):
        data = file.read_bytes()
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            damages.append(Damage(str(file), error.start, "not UTF-8"))
        else:
            texts.append(data)
            kept.append(i)
    report(damages, len(files), "texts", on_error)
    _some(texts, path)
    rows = tf.constant(texts)
    if labels:
        rows = (rows, tf.constant([numbers[i] for i in kept], tf.int32))
    source = Indexed(rows, title=f"texts of {Path(path).name}")
    source.classes = classes
    return source


def _list(
    path: Path, endings: Sequence[str], labels: bool
) -> tuple[list[Path], list[int], list[str]]:
    """(files, number of the class of each, names of the classes), in alphabetical order."""
    if not path.is_dir():
        raise ValueError(f"`path` must be a folder. Received: {path}")
    if not labels:
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in endings)
        return _some(files, path), [], []
    classes = sorted(d.name for d in path.iterdir() if d.is_dir() and not d.name.startswith("."))
    files, numbers = [], []
    for number, name in enumerate(classes):
        found = sorted(f for f in (path / name).rglob("*") if f.suffix.lower() in endings)
        if not found:
            raise ValueError(f"The class folder {path / name} has no file of {', '.join(endings)}.")
        files += found
        numbers += [number] * len(found)
    if len(classes) < 2:
        raise ValueError(
            f"Labels need at least two class folders in {path}. Found: {classes}. "
            "Without classes pass labels=False."
        )
    return files, numbers, classes


def _some(found: list[Any], path: Any) -> list[Any]:
    if not found:
        raise ValueError(f"No file in {path} can be used.")
    return found


def _folder(
    path: Any,
    endings: Sequence[str],
    decode: Callable[[Tensor], Tensor],
    labels: bool,
    on_error: str,
    what: str,
) -> Indexed:
    """A source over encoded files, each of which was decoded once."""
    check_on_error(on_error)
    files, numbers, classes = _list(Path(path), endings, labels)
    free, size = free_memory(), sum(f.stat().st_size for f in files)
    resident = free is not None and size <= 0.5 * free
    good, damages = _verify(files, decode)
    report(damages, len(files), what, on_error)
    _some(good, path)
    kept = [str(files[i]) for i in good]
    rows: Any = tf.constant([Path(f).read_bytes() for f in kept] if resident else kept)
    read = (lambda data: data) if resident else tf.io.read_file

    def load(*row: Tensor) -> Any:
        value = decode(read(row[0]))
        return (value, row[1]) if labels else value

    if labels:
        rows = (rows, tf.constant([numbers[i] for i in good], tf.int32))
    place = "encoded in memory" if resident else "on disk"
    source = Indexed(rows, load_row=load, title=f"{what} of {Path(path).name}, {place}")
    source.classes = classes
    return source


def _verify(files: list[Path], decode: Callable[[Tensor], Tensor]) -> tuple[list[int], list[Any]]:
    """Numbers of the files that can be decoded, and what is wrong with the others."""
    names = tf.data.Dataset.from_tensor_slices([str(f) for f in files]).enumerate()

    def attempt(number: Tensor, name: Tensor) -> Any:
        # The shape alone would be known without decoding, and the decoder left out.
        return number, tf.reduce_max(tf.cast(decode(tf.io.read_file(name)), tf.float32))

    decoded = names.map(attempt, tf.data.AUTOTUNE)
    good = {int(i) for i, _ in decoded.ignore_errors(log_warning=False)}
    damages = []
    for i, file in enumerate(files):
        if i not in good:
            damages.append(Damage(str(file), file.stat().st_size, _reason(file, decode)))
    return sorted(good), damages


def _reason(file: Path, decode: Callable[[Tensor], Tensor]) -> str:
    """What the decoder says, in one line without the names of operations."""
    try:
        decode(tf.constant(file.read_bytes()))
    except (tf.errors.OpError, ValueError) as error:
        text = str(getattr(error, "message", error)).split("}}")[-1].splitlines()[0]
        return f"cannot be decoded ({text.partition(' [Op:')[0].strip()})"
    return "cannot be read"
