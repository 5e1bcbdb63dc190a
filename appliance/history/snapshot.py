"""Snapshots: every array of the state at one sequence number in one file, loaded whole or not at all.

A file is SNAPSHOT_HEADER, SNAPSHOT_ARRAY[array_count], then the arrays, each compressed with zstd, back to back up to
the end of the file. Every byte is under a CRC32C (the header's, or its array's), and the array's own bytes are under
another. It is written under another name, synced and renamed, so a name stands for a whole file.

Only the bytes count here; what the arrays mean, and the hash over the state, is `appliance.history.state`'s.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from native._native import lib
from native.layout import record

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAME: Final = re.compile(r"snapshot-(\d{10})-(\d{16})\.pws")
"""Epoch, sequence."""
SNAPSHOT_MAGIC: Final = int.from_bytes(b"PITWSNAP", "little")
SNAPSHOT_FORMAT_VERSION: Final = 1
_PART: Final = re.compile(r"snapshot-(\d+)\.part")
"""Process: the replica of a run that was killed may still write when that of the next one does."""
_LEVEL: Final = 1
"""zstd: tables are mostly zeros and rising numbers; higher levels take longer and win little."""

SNAPSHOT_HEADER = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("epoch", "u4"),
        ("sequence", "u8"),  # of the last input that the state contains
        ("time_ns", "u8"),  # of that input, UTC
        ("chain_crc32c", "u4"),  # CRC32C of that input's record; before the first: the epoch
        ("array_count", "u4"),
        ("feed_next_number", "u8"),
        ("file_bytes", "u8"),
        ("schema_digest", "u1", 32),
        ("config_digest", "u1", 32),
        ("state_hash", "u1", 32),
        ("reserved", "u1", 36),
        ("crc32c", "u4"),  # over the header before this field and all SNAPSHOT_ARRAY
    ],
    size=192,
)
SNAPSHOT_ARRAY = record(
    [
        ("name", "S32"),
        ("dtype_digest", "u1", 16),  # first half of the SHA-256 of the dtype's description
        ("items", "u8"),
        ("item_bytes", "u4"),
        ("crc32c", "u4"),  # of the array's bytes
        ("stored_bytes", "u8"),
        ("stored_crc32c", "u4"),  # of the compressed bytes
        ("reserved", "u4"),
    ],
    size=80,
)
_ARRAYS_MAX: Final = 256
_HEAD_BYTES_MAX: Final = SNAPSHOT_HEADER.itemsize + _ARRAYS_MAX * SNAPSHOT_ARRAY.itemsize
_ARRAY_BYTES_MAX: Final = 1 << 40
_NO_CRC: Final = 0
NOTHING: Final[Mapping[str, np.ndarray]] = {}


class SnapshotError(Exception):
    """The snapshot cannot be written or used; the message is one sentence with the file and the reason."""


@dataclass(frozen=True)
class Snapshot:
    """What the header of a snapshot says."""

    epoch: int
    sequence: int
    """Of the last input that the state contains; 0: the state that a day starts with."""
    time_ns: int
    chain_crc32c: int
    feed_next_number: int
    schema_digest: bytes
    config_digest: bytes
    state_hash: str

    @property
    def file_name(self) -> str:
        """Names sort by epoch, then by sequence."""
        return f"snapshot-{self.epoch:010d}-{self.sequence:016d}.pws"


def _crc32c(octets: np.ndarray) -> int:
    return int(lib.crc32c(octets.ctypes.data, octets.size, _NO_CRC))


def _dtype_digest(dtype: np.dtype) -> bytes:
    return hashlib.sha256(repr(dtype.descr).encode()).digest()[:16]


def _octets(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint8)


def write_snapshot(folder: Path, snapshot: Snapshot, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write `arrays` (of one dimension, contiguous) under the name that `snapshot` has, and return the path once the
    file and its name are safe. Raises SnapshotError."""
    assert 0 < len(arrays) <= _ARRAYS_MAX
    table = np.zeros(len(arrays), SNAPSHOT_ARRAY)
    stored = []
    for row, (name, array) in zip(table, arrays.items(), strict=True):
        octets = _octets(array)
        compressed = zstd.compress(octets.data, _LEVEL)
        stored.append(compressed)
        row["name"] = name.encode()
        row["dtype_digest"] = np.frombuffer(_dtype_digest(array.dtype), np.uint8)
        row["items"] = array.size
        row["item_bytes"] = array.dtype.itemsize
        row["crc32c"] = _crc32c(octets)
        row["stored_bytes"] = len(compressed)
        row["stored_crc32c"] = _crc32c(np.frombuffer(compressed, np.uint8))
    header = np.zeros(1, SNAPSHOT_HEADER)
    row = header[0]
    row["magic"] = SNAPSHOT_MAGIC
    row["format_version"] = SNAPSHOT_FORMAT_VERSION
    for field in ("epoch", "sequence", "time_ns", "chain_crc32c", "feed_next_number"):
        row[field] = getattr(snapshot, field)
    row["array_count"] = table.size
    row["file_bytes"] = header.nbytes + table.nbytes + sum(map(len, stored))
    row["schema_digest"] = np.frombuffer(snapshot.schema_digest, np.uint8)
    row["config_digest"] = np.frombuffer(snapshot.config_digest, np.uint8)
    row["state_hash"] = np.frombuffer(bytes.fromhex(snapshot.state_hash), np.uint8)
    row["crc32c"] = _head_crc32c(header, table)
    path = folder / snapshot.file_name
    try:
        _put_file(folder, path, [header.tobytes(), table.tobytes(), *stored])
    except OSError as error:
        raise SnapshotError(f"{path}: the snapshot cannot be written: {error.strerror}.") from None
    return path


def _head_crc32c(header: np.ndarray, table: np.ndarray) -> int:
    head = np.concatenate([_octets(header)[:-4], _octets(table)])
    return _crc32c(head)


def _put_file(folder: Path, path: Path, parts: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"snapshot-{os.getpid()}.part"
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for octets in parts:
                file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)  # it may be what fills the disk
        raise
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def read_header(path: Path) -> Snapshot:
    """What the header of the snapshot at `path` says; the arrays are not looked at. Raises SnapshotError."""
    try:
        size_bytes = path.stat().st_size
        data = np.fromfile(path, np.uint8, count=_HEAD_BYTES_MAX)
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}.") from None
    return _read_head(data, size_bytes, path)[0]


def _read_head(data: np.ndarray, size_bytes: int, path: Path) -> tuple[Snapshot, np.ndarray]:
    head_bytes = SNAPSHOT_HEADER.itemsize
    if data.size < head_bytes:
        raise SnapshotError(f"{path}: is shorter than a snapshot's header.")
    header = data[:head_bytes].view(SNAPSHOT_HEADER)
    row = header[0]
    if int(row["magic"]) != SNAPSHOT_MAGIC:
        raise SnapshotError(f"{path}: is not a snapshot.")
    if int(row["format_version"]) != SNAPSHOT_FORMAT_VERSION:
        raise SnapshotError(
            f"{path}: has snapshot format {int(row['format_version'])}; this program reads {SNAPSHOT_FORMAT_VERSION}."
        )
    count = int(row["array_count"])
    end = head_bytes + count * SNAPSHOT_ARRAY.itemsize
    if not 0 < count <= _ARRAYS_MAX or end > data.size:
        raise SnapshotError(f"{path}: byte 36: names {count} arrays.")
    table = data[head_bytes:end].view(SNAPSHOT_ARRAY)
    if _head_crc32c(header, table) != int(row["crc32c"]):
        raise SnapshotError(f"{path}: byte {head_bytes - 4}: the CRC32C of the header is wrong.")
    if int(row["file_bytes"]) != size_bytes:
        raise SnapshotError(f"{path}: has {size_bytes} bytes, its header says {int(row['file_bytes'])}.")
    snapshot = Snapshot(
        epoch=int(row["epoch"]),
        sequence=int(row["sequence"]),
        time_ns=int(row["time_ns"]),
        chain_crc32c=int(row["chain_crc32c"]),
        feed_next_number=int(row["feed_next_number"]),
        schema_digest=row["schema_digest"].tobytes(),
        config_digest=row["config_digest"].tobytes(),
        state_hash=row["state_hash"].tobytes().hex(),
    )
    return snapshot, table


def read_snapshot(
    path: Path, wanted: Mapping[str, np.ndarray], of_any_size: Mapping[str, np.ndarray] = NOTHING
) -> tuple[Snapshot, dict[str, np.ndarray]]:
    """The header, and the arrays as new uint8 arrays under the names of `wanted`, whose dtypes and sizes they have.
    Behind them stand those of `of_any_size`, whose dtypes they have; they are not unpacked.

    Nothing in `wanted` is written. Raises SnapshotError for a file that cannot be read, is damaged anywhere, or holds
    other arrays.
    """
    return _read(path, {**wanted, **of_any_size}, unpacked=wanted, sized=wanted)


def read_some(
    path: Path, wanted: Mapping[str, np.ndarray], of_any_size: Mapping[str, np.ndarray]
) -> tuple[Snapshot, dict[str, np.ndarray]]:
    """The same file, and of its arrays those of `of_any_size`; the others are looked at and not unpacked, and have the
    dtypes of `wanted`. Raises SnapshotError."""
    return _read(path, {**wanted, **of_any_size}, unpacked=of_any_size, sized=NOTHING)


def _read(
    path: Path, named: Mapping[str, np.ndarray], unpacked: Mapping[str, np.ndarray], sized: Mapping[str, np.ndarray]
) -> tuple[Snapshot, dict[str, np.ndarray]]:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}.") from None
    snapshot, table = _read_head(data, data.size, path)
    found = {}
    at = SNAPSHOT_HEADER.itemsize + table.nbytes
    for row, (name, array) in zip(table, _matched(path, table, named), strict=True):
        _check_form(path, row, name, array)
        items = int(row["items"])
        if name in sized and items != array.size:
            raise SnapshotError(f"{path}: array {name} has {items} items, {array.size} are wanted.")
        if items * array.itemsize > _ARRAY_BYTES_MAX:
            raise SnapshotError(f"{path}: array {name} has {items} items: more than can be.")
        stored = _stored(path, data, at, row, name)
        if name in unpacked:
            found[name] = _decompressed(stored, items * array.itemsize, int(row["crc32c"]), path, name)
        at += stored.size
    if at != data.size:
        raise SnapshotError(f"{path}: byte {at}: something stands behind the last array.")
    return snapshot, found


def _matched(path: Path, table: np.ndarray, wanted: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    names = [row["name"].decode("ascii", "replace") for row in table]
    if names != list(wanted):
        differing = sorted(set(names) ^ set(wanted)) or names
        raise SnapshotError(f"{path}: was written by another version of the program ({', '.join(differing[:3])}).")
    return list(wanted.items())


def _check_form(path: Path, row: np.void, name: str, array: np.ndarray) -> None:
    if row["dtype_digest"].tobytes() != _dtype_digest(array.dtype) or int(row["item_bytes"]) != array.dtype.itemsize:
        raise SnapshotError(f"{path}: array {name} has another form here: another version wrote it.")


def _stored(path: Path, data: np.ndarray, at: int, row: np.void, name: str) -> np.ndarray:
    stored = data[at : at + int(row["stored_bytes"])]
    if stored.size != int(row["stored_bytes"]) or _crc32c(stored) != int(row["stored_crc32c"]):
        raise SnapshotError(f"{path}: byte {at}: array {name} is damaged (CRC32C).")
    return stored


def _decompressed(stored: np.ndarray, size_bytes: int, crc32c: int, path: Path, name: str) -> np.ndarray:
    reader = zstd.ZstdDecompressor()
    try:
        octets = np.frombuffer(reader.decompress(stored.data, max_length=size_bytes + 1), np.uint8)
    except zstd.ZstdError as error:
        raise SnapshotError(f"{path}: array {name} cannot be unpacked: {error}.") from None
    if octets.size != size_bytes or not reader.eof or reader.unused_data or _crc32c(octets) != crc32c:
        raise SnapshotError(f"{path}: array {name} is not what was packed.")
    return octets


def find_snapshots(folder: Path, epoch: int) -> list[Path]:
    """The snapshots of `epoch` in `folder` by their names, newest first. A folder that is not there has none."""
    try:
        matches = [NAME.fullmatch(name) for name in os.listdir(folder)]
    except OSError:
        return []
    return [folder / name for name in sorted((m[0] for m in matches if m and int(m[1]) == epoch), reverse=True)]


def sequence_of_name(path: Path) -> int:
    """The sequence that a snapshot's name says."""
    match = NAME.fullmatch(path.name)
    assert match is not None
    return int(match[2])


def remove_old_snapshots(folder: Path, epoch: int, keep: int, newest_sequence: int) -> list[Path]:
    """Remove all but the newest `keep` snapshots of `epoch`; returns those that went. Those beyond `newest_sequence`,
    where the log is now, are of a history that came to nothing: they go first. The one that the day began with, of
    sequence 0, stays."""
    found = [path for path in find_snapshots(folder, epoch) if sequence_of_name(path) > 0]
    ours = [path for path in found if sequence_of_name(path) <= newest_sequence]
    removed = found[: len(found) - len(ours)] + ours[keep:]
    for path in removed + [folder / name for name in os.listdir(folder) if _is_left_behind(name)]:
        path.unlink(missing_ok=True)
    return removed


def _is_left_behind(name: str) -> bool:
    """Whether it is an unfinished snapshot of a process that has ended."""
    match = _PART.fullmatch(name)
    return match is not None and not Path(f"/proc/{match[1]}").exists()
