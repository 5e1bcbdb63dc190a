"""Records, blocks and headers of the log as bytes: filled and judged by `native/journal.c`.

A chain runs through all records: the CRC32C of each is begun with that of the record before, the first one's with the
epoch. So a record that was lost, doubled, changed or left over from another log does not fit.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from native import _native
from native.layout import SEQUENCED
from native.log_layout import (
    JOURNAL_BLOCK_BYTES,
    JOURNAL_BLOCK_RECORDS,
    JOURNAL_FORMAT_VERSION,
    JOURNAL_MAGIC,
    JOURNAL_SEGMENT,
)

RECORD_BYTES: Final = SEQUENCED.itemsize
HEADER_BYTES: Final = JOURNAL_SEGMENT.itemsize
CONTROL_NAME: Final = "journal.control"
END_OF_TIME: Final = 1 << 63
"""A sequence number that no record has."""
SEGMENT_NAME: Final = re.compile(r"journal\.(\d{6,})(\.zst)?")

_CRC_AT = 12
assert JOURNAL_SEGMENT.fields is not None
assert JOURNAL_SEGMENT.fields["crc32c"][1] == _CRC_AT
assert HEADER_BYTES % JOURNAL_BLOCK_BYTES == 0


class JournalError(Exception):
    """The log cannot be used or not be written; the message is one sentence: where, what, what to do."""


class JournalDamaged(JournalError):
    """What is on disk contradicts itself in a way that no crash explains."""


class RecordsGone(JournalError):
    """The records have left shared memory: they lie in the log on disk, or in the archive."""


class NoRoom(JournalError):
    """The disk or the memory has no room for the next segment; free some and try again."""


@dataclass(frozen=True)
class Identity:
    """Whose log it is: the same in every segment."""

    instance_id: bytes
    """16 bytes; drawn once, when the log begins."""
    epoch: int
    schema_digest: bytes
    """32 bytes, of the message schemas."""
    config_digest: bytes
    """32 bytes, of the configuration that the state starts from."""

    def same_venue(self, other: Identity) -> bool:
        """Whether a log of `other` may be carried on: all but the instance."""
        return (self.epoch, self.schema_digest, self.config_digest) == (
            other.epoch,
            other.schema_digest,
            other.config_digest,
        )


@dataclass(frozen=True)
class SegmentHeader:
    """A JOURNAL_SEGMENT, read."""

    identity: Identity
    form: int
    segment: int
    first_sequence: int
    capacity: int
    chain_crc32c: int


def segment_name(segment: int) -> str:
    """File name of a segment in memory or on disk."""
    return f"journal.{segment:06d}"


def address_of(array: np.ndarray) -> int:
    """Address of the first byte of a contiguous array."""
    assert array.flags.c_contiguous
    return int(array.__array_interface__["data"][0])


def crc32c(octets: bytes | memoryview, begun_with: int = 0) -> int:
    """CRC32C of bytes, carried on from `begun_with`."""
    address = int(_native.ffi.cast("uintptr_t", _native.ffi.from_buffer(octets)))
    return int(_native.lib.crc32c(address, len(octets), begun_with))


def header_bytes(header: SegmentHeader) -> bytes:
    """The 4096 bytes that begin the segment."""
    out = np.zeros(1, JOURNAL_SEGMENT)
    row = out[0]
    row["magic"] = JOURNAL_MAGIC
    row["format_version"] = JOURNAL_FORMAT_VERSION
    row["record_bytes"] = RECORD_BYTES
    row["form"] = header.form
    row["segment"] = header.segment
    row["first_sequence"] = header.first_sequence
    row["capacity"] = header.capacity
    row["epoch"] = header.identity.epoch
    row["chain_crc32c"] = header.chain_crc32c
    row["created_ns"] = time.time_ns()
    row["instance_id"] = np.frombuffer(header.identity.instance_id, np.uint8)
    row["schema_digest"] = np.frombuffer(header.identity.schema_digest, np.uint8)
    row["config_digest"] = np.frombuffer(header.identity.config_digest, np.uint8)
    octets = out.tobytes()
    row["crc32c"] = _header_crc(octets)
    return out.tobytes()


def _header_crc(octets: bytes) -> int:
    return crc32c(octets[_CRC_AT + 4 :], crc32c(octets[:_CRC_AT]))


def read_header(octets: bytes, where: Path | str) -> SegmentHeader:
    """The header in `octets` (the segment's first 4096). Raises JournalError: no log, another format, damaged."""
    if len(octets) < HEADER_BYTES:
        raise JournalDamaged(f"{where}: is shorter than a segment's header; put the file back from a copy.")
    row = np.frombuffer(octets, JOURNAL_SEGMENT, 1)[0]
    if int(row["magic"]) != JOURNAL_MAGIC:
        raise JournalDamaged(f"{where}: byte 0: is not a segment of a log.")
    version = int(row["format_version"])
    if version != JOURNAL_FORMAT_VERSION:
        raise JournalError(
            f"{where}: has log format {version}, this program reads {JOURNAL_FORMAT_VERSION}; "
            "use the version that wrote it."
        )
    if int(row["crc32c"]) != _header_crc(octets[:HEADER_BYTES]):
        raise JournalDamaged(f"{where}: byte {_CRC_AT}: the segment's header is damaged (CRC32C).")
    if int(row["record_bytes"]) != RECORD_BYTES:
        raise JournalError(f"{where}: has records of {int(row['record_bytes'])} bytes, not {RECORD_BYTES}.")
    identity = Identity(
        row["instance_id"].tobytes(), int(row["epoch"]), row["schema_digest"].tobytes(), row["config_digest"].tobytes()
    )
    return SegmentHeader(
        identity,
        int(row["form"]),
        int(row["segment"]),
        int(row["first_sequence"]),
        int(row["capacity"]),
        int(row["chain_crc32c"]),
    )


def blocks_for(records: int) -> int:
    """Blocks that a group of so many records takes."""
    return max(1, -(-records // JOURNAL_BLOCK_RECORDS))


class Cursor:
    """Where the next record belongs: its number, the CRC before it and, on disk, its place."""

    def __init__(
        self,
        next_sequence: int,
        chain_crc32c: int,
        *,
        segment: int = 0,
        block: int = 0,
        instance_id: bytes = bytes(16),
        stop_sequence: int = END_OF_TIME,
    ) -> None:
        self._raw: Any = _native.ffi.new("journal_cursor *")
        self._raw.stop_sequence = stop_sequence
        self._raw.group_sequence = next_sequence
        self._raw.group_chain_crc32c = chain_crc32c
        self._raw.segment = segment
        self._raw.next_sequence = next_sequence
        self._raw.next_block = block
        self._raw.chain_crc32c = chain_crc32c
        self._raw.instance_id = instance_id

    def copy(self) -> Cursor:
        """Another one at the same place."""
        other = Cursor(0, 0)
        other._raw[0] = self._raw[0]
        return other

    @property
    def next_sequence(self) -> int:
        """Number of the next record."""
        return int(self._raw.next_sequence)

    @property
    def chain_crc32c(self) -> int:
        """CRC of the record before."""
        return int(self._raw.chain_crc32c)

    @property
    def next_block(self) -> int:
        """Place of the next block in its segment."""
        return int(self._raw.next_block)

    @property
    def group_sequence(self) -> int:
        """First record of the group that was read last."""
        return int(self._raw.group_sequence)

    @property
    def group_chain_crc32c(self) -> int:
        """CRC of the record before that one."""
        return int(self._raw.group_chain_crc32c)

    @property
    def group_end_block(self) -> int:
        """Place of the block behind the group that was read last."""
        return int(self._raw.group_end_block)

    @property
    def closed(self) -> bool:
        """The block that was read last closes the log."""
        return bool(self._raw.closed)

    def enter(
        self, *, segment: int, block: int, instance_id: bytes, stop_sequence: int, next_sequence: int, chain_crc32c: int
    ) -> None:
        """Go on reading in a segment, from this block on, with which a group begins."""
        self._raw.segment = segment
        self._raw.next_block = block
        self._raw.instance_id = instance_id
        self._raw.stop_sequence = stop_sequence
        self._raw.next_sequence = next_sequence
        self._raw.chain_crc32c = chain_crc32c
        self._raw.group_sequence = next_sequence
        self._raw.group_chain_crc32c = chain_crc32c
        self._raw.group_end_block = 0
        self._raw.closed = 0

    def seal(self, records: np.ndarray) -> None:
        """Number and chain records whose bodies are filled (SEQUENCED[n])."""
        _native.lib.journal_seal(address_of(records), records.size, self._raw)

    def count_whole(self, records: np.ndarray) -> int:
        """How many of these records (SEQUENCED[n]) come next and are whole; moves over them."""
        return int(_native.lib.journal_count_whole(address_of(records), records.size, self._raw))

    def fill_blocks(self, records: np.ndarray, blocks: np.ndarray, flags: int = 0) -> int:
        """Put a group of records into `blocks` (uint8, room for `blocks_for`); returns the blocks filled."""
        assert blocks.size >= blocks_for(records.size) * JOURNAL_BLOCK_BYTES
        return int(
            _native.lib.journal_fill_blocks(address_of(blocks), address_of(records), records.size, flags, self._raw)
        )

    def read_blocks(self, blocks: np.ndarray, records: np.ndarray) -> tuple[int, int]:
        """(whole blocks, records in them) at the start of `blocks` (uint8); the records are put into `records`."""
        count = blocks.size // JOURNAL_BLOCK_BYTES
        assert records.size >= count * JOURNAL_BLOCK_RECORDS
        found = _native.ffi.new("int64_t *")
        whole = _native.lib.journal_read_blocks(address_of(blocks), count, address_of(records), found, self._raw)
        return int(whole), int(found[0])

    def owns(self, block: np.ndarray, number: int) -> bool:
        """Whether `block` (uint8[4096]) has the whole header of block `number` of this segment."""
        return bool(_native.lib.journal_block_is_ours(address_of(block), number, self._raw))
