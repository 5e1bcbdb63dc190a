"""What lies around the log's SEQUENCED records (native/layout.py): segments, blocks, what its processes share."""

from __future__ import annotations

from native.layout import record

JOURNAL_MAGIC = int.from_bytes(b"PITWJRNL", "little")
JOURNAL_FORMAT_VERSION = 2

JOURNAL_SEGMENT = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("crc32c", "u4"),  # CRC32C over the 12 bytes before and the 4080 behind it
        ("record_bytes", "u4"),
        ("form", "u4"),  # JOURNAL_FORM_*: how the records lie behind this header
        ("segment", "u8"),  # 1, 2, 3, ...
        ("first_sequence", "u8"),  # of the segment's first record
        ("capacity", "u8"),  # records (memory, archive) or blocks (disk) that it has room for
        ("epoch", "u4"),
        ("chain_crc32c", "u4"),  # what the CRC of the first record is begun with; of the log's first one: the epoch
        ("created_ns", "u8"),  # UTC
        ("instance_id", "u1", 16),  # of the log: the same in all its segments
        ("schema_digest", "u1", 32),  # of the message schemas
        ("config_digest", "u1", 32),  # of the configuration that state starts from
        ("reserved", "u1", 3952),
    ],
    size=4096,
)
"""The first 4 KiB of a segment of the log, wherever it lies."""
JOURNAL_FORM_MEMORY = 1
"""Records back to back; JOURNAL_CONTROL beside the segments says how many are whole."""
JOURNAL_FORM_DISK = 2
"""Blocks of 4 KiB, each a JOURNAL_BLOCK and up to JOURNAL_BLOCK_RECORDS records."""
JOURNAL_FORM_ARCHIVE = 3
"""Records back to back to the end, compressed."""

JOURNAL_BLOCK = record(
    [
        ("crc32c", "u4"),  # CRC32C over bytes 4..127
        ("record_count", "u2"),
        ("flags", "u2"),  # JOURNAL_BLOCK_CLOSED
        (
            "segment",
            "u8",
        ),  # with `block` and `instance_id`: what an earlier use of the disk left is not ours
        ("first_sequence", "u8"),  # of the first record; of the next one where there is none
        ("block", "u4"),  # place in the segment in blocks; the segment's header is block 0
        ("group_block", "u4"),  # place of the first block of the group that was written at once
        ("group_blocks", "u4"),  # how many blocks that group has
        ("chain_crc32c", "u4"),  # CRC of the record before the first one
        ("instance_id", "u1", 16),
        ("reserved", "u1", 72),
    ],
    size=128,
)
"""The first 128 bytes of a block on disk; what follows the records is zero. Each block can be judged alone."""
JOURNAL_BLOCK_CLOSED = 1
"""The log was closed in good order: nothing comes after this block, which has no record."""
JOURNAL_BLOCK_BYTES = 4096
JOURNAL_BLOCK_RECORDS = 31

JOURNAL_CONTROL = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("record_bytes", "u4"),
        ("segment_records", "u8"),  # records in a segment
        ("records_max", "u8"),  # records that the log may ever have
        ("first_record", "u8"),  # index of the first record that was ever here: a multiple of segment_records
        ("epoch", "u4"),
        ("closed", "u4"),  # 1: the run ended in good order
        ("instance_id", "u1", 16),
        # a cache line for each writer: the loop
        ("committed_records", "u8"),  # sequence of the last whole record; stored with release after its last byte
        ("reserved_committed", "u1", 56),
        # the housekeeping thread
        ("mapped_records", "u8"),  # records up to this one have memory
        ("removed_records", "u8"),  # records up to this one are gone from here
        ("archived_records", "u8"),  # records up to this one lie in the archive; written by the archiver
        ("reserved_mapped", "u1", 40),
        # the process that makes records durable
        ("durable_records", "u8"),  # sequence of the last record that is safe on disk
        ("writer_state", "u4"),  # JOURNAL_WRITER_*
        ("writer_pid", "u4"),
        ("groups_written", "u8"),
        ("group_records_max", "u8"),  # largest group so far
        ("sync_ns_max", "u8"),  # longest write and sync of a group
        ("no_room", "u8"),  # times that a segment was due and the disk had no room for it
        ("reserved_durable", "u1", 16),
        ("schema_digest", "u1", 32),
        ("config_digest", "u1", 32),
        ("reserved", "u1", 3776),
    ],
    size=4096,
)
"""What the processes around the log in shared memory tell each other."""
JOURNAL_CONTROL_MAGIC = int.from_bytes(b"PITWCTRL", "little")
JOURNAL_WRITER_NONE = 0
JOURNAL_WRITER_RUNS = 1
JOURNAL_WRITER_WAITS = 2
"""The disk has no room for the next segment: nothing is acknowledged until it has."""
JOURNAL_WRITER_FAILED = 3
"""A write or a sync failed: nothing will be acknowledged any more."""
JOURNAL_WRITER_ENDED = 4

HELD = record(
    [
        ("depends_on", "u8"),  # sequence of the newest record that the frame may tell of
        ("frame_bytes", "u4"),  # 0: what follows, to the end of the ring, is not used
        ("reserved", "u4"),
        ("store_bytes", "u8"),  # how far the feed store is public once the frame leaves
        ("store_next", "u8"),
    ],
    size=32,
)
"""Before each frame that waits for its records to become safe."""
