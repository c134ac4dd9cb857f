"""The frames of a TFRecord file: length, checksum, bytes, checksum."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

FRAME = 16  # bytes of a record beside its data


def _table() -> list[int]:
    """The table of CRC-32C (Castagnoli)."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """The checksum of the format: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Damage(NamedTuple):
    """A place where a file cannot be read."""

    file: str
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, byte {self.offset}: {self.reason}"


def frames(path: Path) -> Iterator[bytes | Damage]:
    """The records of a damaged file, and where each damage is.

    Checks every byte in Python, a few MB a second: for files that TensorFlow's reader refused.
    """
    data, offset = path.read_bytes(), 0
    while offset < len(data):
        head = data[offset : offset + 12]
        if len(head) < 12:
            yield Damage(str(path), offset, "the file ends within the head of a record")
            return
        length, check = struct.unpack("<QI", head)
        if masked_crc(head[:8]) != check:
            left = len(data) - offset
            yield Damage(str(path), offset, f"damaged length, so the last {left} bytes are lost")
            return
        body = data[offset + 12 : offset + 12 + length]
        tail = data[offset + 12 + length : offset + 16 + length]
        if len(body) < length or len(tail) < 4:
            yield Damage(str(path), offset, f"the file ends within a record of {length} bytes")
            return
        if masked_crc(body) != struct.unpack("<I", tail)[0]:
            yield Damage(str(path), offset, f"a record of {length} bytes has a wrong checksum")
        else:
            yield body
        offset += 16 + length


def read_file(path: Path, expected: int | None) -> tuple[list[bytes], list[Damage]]:
    """All good records of a file, and its damages.

    A file that was cut between two records looks whole: it is found by the `expected` number.
    """
    try:
        batches = tf.data.TFRecordDataset(str(path)).batch(1024)
        records = [record for batch in batches for record in batch.numpy().tolist()]
        damages: list[Damage] = []
    except tf.errors.NotFoundError:
        return [], [Damage(str(path), 0, "the file does not exist")]
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
        items = list(frames(path))
        records = [item for item in items if isinstance(item, bytes)]
        damages = [item for item in items if isinstance(item, Damage)]
    if not damages and expected is not None and len(records) != expected:
        reason = f"the file ends after {len(records)} of {expected} records"
        damages = [Damage(str(path), path.stat().st_size, reason)]
    return records, damages


def walk(path: Path, expected: int) -> list[Damage]:
    """The damages that the heads of the records show, without reading what is between them."""
    if not path.exists():
        return [Damage(str(path), 0, "the file does not exist")]
    size, offset, count = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            head = file.read(12)
            if len(head) < 12 or masked_crc(head[:8]) != struct.unpack("<I", head[8:])[0]:
                return [Damage(str(path), offset, "the head of a record is damaged")]
            length = struct.unpack("<Q", head[:8])[0]
            if offset + 16 + length > size:
                reason = f"the file ends within a record of {length} bytes"
                return [Damage(str(path), offset, reason)]
            offset, count = offset + 16 + length, count + 1
    if count != expected:
        return [Damage(str(path), size, f"the file ends after {count} of {expected} records")]
    return []


def shard_name(name: str, number: int, count: int) -> str:
    """The usual name of a shard: train-00003-of-00008.tfrecord."""
    return f"{name}-{number:05d}-of-{count:05d}.tfrecord"


def index_of(shard: Path) -> Path:
    """The file beside a shard with the offset of each record: 8 bytes, little endian."""
    return shard.with_suffix(".index")


def checksum(path: Path) -> int:
    """CRC-32 of a file, read in pieces."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            value = zlib.crc32(piece, value)
    return value
