"""`journal.control`: what the processes around the log in shared memory tell each other, one JOURNAL_CONTROL."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

import numpy as np

from appliance.journal.records import CONTROL_NAME, RECORD_BYTES, Identity, JournalError, address_of
from native import _native
from native.log_layout import JOURNAL_CONTROL, JOURNAL_CONTROL_MAGIC, JOURNAL_FORMAT_VERSION

_FIELDS = JOURNAL_CONTROL.fields
assert _FIELDS is not None


class Control:
    """The mapped file. Counts that other processes follow are read with acquire and written with release."""

    def __init__(self, mapping: mmap.mmap) -> None:
        self._mapping: Final = mapping
        self.array: Final = np.frombuffer(mapping, JOURNAL_CONTROL, 1)
        """JOURNAL_CONTROL[1]"""
        self._base = address_of(self.array)

    @property
    def row(self) -> np.void:
        """The record itself: for fields that nobody waits for."""
        row: np.void = self.array[0]
        return row

    def address(self, field: str) -> int:
        """Where a field of 64 bits lies."""
        assert _FIELDS is not None
        return self._base + int(_FIELDS[field][1])

    def load(self, field: str) -> int:
        """A field of 64 bits; what its writer stored before it is there to see."""
        return int(_native.lib.journal_load_acquire(self.address(field)))

    def store(self, field: str, value: int) -> None:
        """Write a field of 64 bits after everything that was written before."""
        _native.lib.journal_store_release(self.address(field), value)

    def wait(self, field: str, value: int, spin_ns: int) -> int:
        """Spin until the field is not `value`, for `spin_ns` at most; returns what it is."""
        return int(_native.lib.journal_wait(self.address(field), value, spin_ns))

    @property
    def identity(self) -> Identity:
        """Whose log it is."""
        row = self.row
        return Identity(
            row["instance_id"].tobytes(),
            int(row["epoch"]),
            row["schema_digest"].tobytes(),
            row["config_digest"].tobytes(),
        )


def create_control(folder: Path, identity: Identity, *, segment_records: int, records_max: int) -> Control:
    """A new control file. Raises OSError."""
    file = os.open(folder / CONTROL_NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(file, 0, JOURNAL_CONTROL.itemsize)
        control = Control(mmap.mmap(file, JOURNAL_CONTROL.itemsize))
    finally:
        os.close(file)
    row = control.row
    row["format_version"] = JOURNAL_FORMAT_VERSION
    row["record_bytes"] = RECORD_BYTES
    row["segment_records"] = segment_records
    row["records_max"] = records_max
    row["epoch"] = identity.epoch
    row["instance_id"] = np.frombuffer(identity.instance_id, np.uint8)
    row["schema_digest"] = np.frombuffer(identity.schema_digest, np.uint8)
    row["config_digest"] = np.frombuffer(identity.config_digest, np.uint8)
    control.store("magic", JOURNAL_CONTROL_MAGIC)  # last: whoever finds it finds the rest
    return control


def open_control(folder: Path, *, writable: bool = False) -> Control:
    """The control file of a log in shared memory. Raises JournalError."""
    path = folder / CONTROL_NAME
    try:
        file = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        try:
            if os.fstat(file).st_size < JOURNAL_CONTROL.itemsize:
                raise JournalError(f"{path}: is too short for the control file of a log.")
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            control = Control(mmap.mmap(file, JOURNAL_CONTROL.itemsize, mmap.MAP_SHARED, protection))
        finally:
            os.close(file)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}.") from None
    row = control.row
    if control.load("magic") != JOURNAL_CONTROL_MAGIC:
        raise JournalError(f"{path}: is not the control file of a log.")
    if int(row["format_version"]) != JOURNAL_FORMAT_VERSION or int(row["record_bytes"]) != RECORD_BYTES:
        raise JournalError(
            f"{path}: has log format {int(row['format_version'])}, this program reads {JOURNAL_FORMAT_VERSION}; "
            "use the version that wrote it."
        )
    return control


def read_control(folder: Path) -> np.void:
    """What the control file says now. Raises JournalError."""
    return open_control(folder).row.copy()
