"""Damaged logs: every bit flipped, every length cut, segments of other logs and other versions. Each ends in one
sentence that says where, or in the records up to the damage at the very end; never in a record that was not written."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from appliance.journal.disk_log import DiskLog
from appliance.journal.records import (
    HEADER_BYTES,
    Cursor,
    Identity,
    JournalDamaged,
    JournalError,
    crc32c,
    header_bytes,
    read_header,
    segment_name,
)
from appliance.journal.recovery import open_log
from appliance.journal.scan import Log, scan
from native.log_layout import JOURNAL_BLOCK_BYTES, JOURNAL_FORMAT_VERSION, JOURNAL_SEGMENT
from tests.naive.drill_disk import DrillDisk
from tests.naive.event_log import made_up_records, records_of_segment

FOLDER = Path("/log")
EPOCH = 9
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
GROUP_SIZES = (31, 64, 1, 90, 10)
COUNT = sum(GROUP_SIZES)
SEGMENT_BYTES = 16 * JOURNAL_BLOCK_BYTES
FIRST = FOLDER / segment_name(1)


def written(*, close: bool, sizes: tuple[int, ...] = GROUP_SIZES, seed: int = 1) -> tuple[DrillDisk, np.ndarray]:
    """A disk with a log of one segment, and its records."""
    records = made_up_records(sum(sizes), seed)
    Cursor(1, EPOCH).seal(records)
    disk = DrillDisk()
    _, log = open_log(disk, FOLDER, VENUE, segment_bytes=SEGMENT_BYTES, group_records_max=90, background=False)
    append(log, records, sizes)
    if close:
        log.close()
    else:
        log.abandon()
    return disk, records


def append(log: DiskLog, records: np.ndarray, sizes: tuple[int, ...]) -> None:
    at = 0
    for size in sizes:
        log.append(records[at : at + size])
        at += size


CLOSED, RECORDS = written(close=True)
OPEN, _ = written(close=False)
OCTETS = CLOSED.octets(FIRST)
BLOCKS_USED = 1 + 1 + 3 + 1 + 3 + 1  # the header and the groups
assert len(OCTETS) == SEGMENT_BYTES


def read(octets: bytes) -> tuple[Log, bytes]:
    """The log in a segment of these bytes."""
    disk = DrillDisk()
    disk.put(FIRST, octets)
    found: list[bytes] = []
    log = scan(disk, FOLDER, expected=VENUE, take=lambda records: found.append(records.tobytes()))
    return log, b"".join(found)


def test_the_naive_reader_finds_the_same() -> None:
    for disk in (CLOSED, OPEN):
        log, found = read(disk.octets(FIRST))
        assert found == RECORDS.tobytes() == b"".join(records_of_segment(disk.octets(FIRST), EPOCH))
        assert log.last_sequence == COUNT and log.torn is None
        assert log.closed is (disk is CLOSED)


def flip(octets: bytes, bit: int) -> bytes:
    wrong = bytearray(octets)
    wrong[bit // 8] ^= 1 << bit % 8
    return bytes(wrong)


def flip_and_read(disk: DrillDisk, bit: int) -> str:
    """What becomes of a log with one wrong bit: `refused`, `cut` or `unharmed`."""
    closed = disk is CLOSED
    block = bit // 8 // JOURNAL_BLOCK_BYTES
    last_group = BLOCKS_USED - 1
    try:
        log, found = read(flip(disk.octets(FIRST), bit))
    except JournalError as error:
        sentence = str(error)
        assert "journal.000001" in sentence and sentence.endswith(".")
        assert block == 0 or block < (last_group + closed)
        return "refused"
    assert RECORDS.tobytes().startswith(found)
    if len(found) == RECORDS.nbytes:
        # a whole log: what was hit is the closing block, or the unused rest
        assert block >= last_group
        assert log.torn is not None or closed or block == last_group
        return "cut" if log.torn else "unharmed"
    assert block == last_group and not closed, "only the last group of a log that was not closed may be cut"
    assert log.torn is not None and "byte" in log.torn.sentence
    # every record before the wrong bit is kept
    assert len(found) >= RECORDS.nbytes - GROUP_SIZES[-1] * 128
    return "cut"


def test_one_wrong_bit_is_found_or_harms_nothing() -> None:
    draw = random.Random(1)
    bits = [draw.randrange(len(OCTETS) * 8) for _ in range(3000)]
    bits += [HEADER_BYTES * 8 + n for n in range(0, 128 * 8, 3)]  # the first block's header
    seen = {(disk is CLOSED, flip_and_read(disk, bit)) for bit in bits for disk in (CLOSED, OPEN)}
    assert seen >= {(True, "refused"), (True, "unharmed"), (False, "refused"), (False, "cut")}


@pytest.mark.long
def test_every_single_wrong_bit_is_found_or_harms_nothing() -> None:
    assert len(OCTETS) * 8 == 524_288
    for bit in range(len(OCTETS) * 8):
        flip_and_read(CLOSED, bit)
        flip_and_read(OPEN, bit)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.long), 131])
def test_a_file_that_was_cut_gives_every_whole_record_before_the_cut(step: int) -> None:
    for length in range(0, len(OCTETS), step):
        if length < HEADER_BYTES:
            with pytest.raises(JournalDamaged, match="shorter than a segment's header"):
                read(OCTETS[:length])
            continue
        log, found = read(OCTETS[:length])
        naive = b"".join(records_of_segment(OCTETS[: length // JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES], EPOCH))
        assert RECORDS.tobytes().startswith(found) and len(naive) <= len(found)
        if len(found) < RECORDS.nbytes:
            assert log.torn is not None and f"record {log.last_sequence}" in log.torn.sentence


def test_damage_in_the_middle_names_the_place_and_the_record() -> None:
    # the 40th record lies in the second group's first block
    at = 2 * JOURNAL_BLOCK_BYTES + (1 + 8) * 128 + 60
    with pytest.raises(JournalDamaged, match=f"byte {2 * JOURNAL_BLOCK_BYTES}: record 40 is damaged"):
        read(flip(OPEN.octets(FIRST), at * 8))


def test_a_log_of_another_format_schema_or_configuration_is_refused() -> None:
    header = np.frombuffer(OCTETS[:HEADER_BYTES], JOURNAL_SEGMENT).copy()
    header[0]["format_version"] = JOURNAL_FORMAT_VERSION + 1
    with pytest.raises(JournalError, match=f"has log format {JOURNAL_FORMAT_VERSION + 1}"):
        read(header.tobytes() + OCTETS[HEADER_BYTES:])
    for venue, sentence in (
        (Identity(VENUE.instance_id, EPOCH, b"x" * 32, b"c" * 32), "other message schemas"),
        (Identity(VENUE.instance_id, EPOCH, b"s" * 32, b"x" * 32), "another configuration"),
        (Identity(VENUE.instance_id, EPOCH + 1, b"s" * 32, b"c" * 32), "another configuration"),
    ):
        before = CLOSED.copy()
        with pytest.raises(JournalError, match=sentence):
            open_log(before, FOLDER, venue, segment_bytes=SEGMENT_BYTES, background=False)
        assert before.operations == [], "nothing was changed"


def three_segments() -> DrillDisk:
    """A log that was carried on twice."""
    disk, records = written(close=True)
    more = made_up_records(20, 2)
    Cursor(COUNT + 1, int(records[-1]["crc32c"])).seal(more)
    for start in (0, 10):
        _, log = open_log(disk, FOLDER, VENUE, segment_bytes=SEGMENT_BYTES, group_records_max=90, background=False)
        log.append(more[start : start + 10])
        log.close()
    return disk


def test_a_segment_that_is_missing_or_foreign_is_refused() -> None:
    disk = three_segments()
    assert scan(disk, FOLDER).last_sequence == COUNT + 20
    lost = disk.copy()
    lost.remove(FOLDER / segment_name(2))
    with pytest.raises(JournalDamaged, match=r"segment 2 is missing before journal\.000003"):
        scan(lost, FOLDER)

    misnamed = disk.copy()
    misnamed.put(FOLDER / segment_name(4), disk.octets(FOLDER / segment_name(2)))
    with pytest.raises(JournalDamaged, match="says that it is segment 2"):
        scan(misnamed, FOLDER)

    foreign = disk.copy()
    header = read_header(disk.octets(FOLDER / segment_name(3))[:HEADER_BYTES], "")
    other = Identity(b"y" * 16, EPOCH, VENUE.schema_digest, VENUE.config_digest)
    changed = header_bytes(header.__class__(other, header.form, 3, header.first_sequence, header.capacity, 0))
    foreign.put(FOLDER / segment_name(3), changed + disk.octets(FOLDER / segment_name(3))[HEADER_BYTES:])
    with pytest.raises(JournalDamaged, match=r"belongs to another log than journal\.000002"):
        scan(foreign, FOLDER)


def test_the_end_of_an_earlier_segment_may_not_be_cut() -> None:
    disk = three_segments()
    octets = bytearray(disk.octets(FIRST))
    octets[(BLOCKS_USED - 1) * JOURNAL_BLOCK_BYTES + 3 * 128] ^= 1  # in the last group of segment 1
    disk.put(FIRST, bytes(octets))
    with pytest.raises(JournalDamaged, match=r"journal\.000001: (ends with record|byte)"):
        scan(disk, FOLDER)


def test_blocks_of_an_earlier_use_of_the_disk_are_never_taken_for_ours() -> None:
    """The same records in the same places, but of another log or another segment: the headers tell."""
    ours, records = written(close=False, sizes=(31, 31), seed=1)
    stale, _ = written(close=False, sizes=(31, 31, 31), seed=1)
    third = stale.octets(FIRST)[3 * JOURNAL_BLOCK_BYTES : 4 * JOURNAL_BLOCK_BYTES]
    for byte, change in ((8, 1), (32, 1)):  # segment, instance_id
        block = bytearray(third)
        block[byte] ^= change
        octets = bytearray(ours.octets(FIRST))
        octets[3 * JOURNAL_BLOCK_BYTES : 4 * JOURNAL_BLOCK_BYTES] = reseal(block)
        log, found = read(bytes(octets))
        assert found == records.tobytes()[: len(found)] and log.torn is not None
        # the chain vouches for the records themselves, so those that truly follow may be kept
        assert log.last_sequence >= 62


def reseal(block: bytearray) -> bytes:
    block[:4] = crc32c(bytes(block[4:128])).to_bytes(4, "little")
    return bytes(block)


def test_a_stale_block_behind_the_end_is_not_carried_on_from() -> None:
    """A run is cut back by a crash and carried on otherwise; what the first run had written never comes back."""
    disk, _ = written(close=False, sizes=(31, 31, 31), seed=1)
    octets = bytearray(disk.octets(FIRST))
    octets[2 * JOURNAL_BLOCK_BYTES : 4 * JOURNAL_BLOCK_BYTES] = bytes(2 * JOURNAL_BLOCK_BYTES)
    disk.put(FIRST, bytes(octets))
    log, writer = open_log(disk, FOLDER, VENUE, segment_bytes=SEGMENT_BYTES, group_records_max=90, background=False)
    assert log.last_sequence == 31
    other = made_up_records(31, 77)
    Cursor(32, log.last_crc32c).seal(other)
    writer.append(other)
    writer.close()
    found: list[np.ndarray] = []
    scan(disk, FOLDER, take=lambda records: found.append(records.copy()))
    assert np.concatenate(found)[31:].tobytes() == other.tobytes()
