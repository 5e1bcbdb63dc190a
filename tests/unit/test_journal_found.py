"""A log as a start finds it: its end is known without its beginning, every record can be asked for, in every form."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.journal.archiver import archive_log
from appliance.journal.event_store import EventStore
from appliance.journal.files import Files, LocalFiles
from appliance.journal.found import FoundLog
from appliance.journal.records import Cursor, Identity, JournalDamaged, JournalError, segment_name
from appliance.journal.recovery import open_log
from tests.naive.drill_disk import DrillDisk
from tests.naive.event_log import made_up_records

EPOCH = 4
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
COUNT = 300
SEGMENT_RECORDS = 64


def sealed() -> np.ndarray:
    records = made_up_records(COUNT, 7)
    Cursor(1, EPOCH).seal(records)
    return records


RECORDS = sealed()


@pytest.fixture
def memory() -> Iterator[Path]:
    path = Path(f"/dev/shm/pitwire-test-{uuid.uuid4().hex[:8]}")
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def in_memory(folder: Path, *, is_sealed: bool = False) -> None:
    """As a killed venue leaves it: the newest segments were not told what their chain begins with. `is_sealed`: as one
    that has stopped."""
    store = EventStore.create(folder, VENUE, segment_records=SEGMENT_RECORDS, records_max=1024)
    for start in range(0, COUNT, 50):
        if start < 200 or is_sealed:
            store.keep_ahead(3)
        store.records[start : start + 50] = RECORDS[start : start + 50]
        store.control.store("committed_records", start + 50)
    if is_sealed:
        store.seal_headers()
    store.close()


def on_disk() -> DrillDisk:
    disk = DrillDisk()
    _, log = open_log(disk, Path("/log"), VENUE, segment_bytes=0, group_records_max=40, background=False)
    for start in range(0, COUNT, 40):
        log.append(RECORDS[start : start + 40])
    log.close()
    return disk


def check(log: FoundLog) -> None:
    assert (log.first_sequence, log.last_sequence) == (1, COUNT)
    assert log.end.last_crc32c == int(RECORDS[-1]["crc32c"])
    for sequence in (0, COUNT + 1):
        assert log.crc32c_of(sequence) is None
    for sequence in range(1, COUNT + 1, 7):
        assert log.crc32c_of(sequence) == int(RECORDS[sequence - 1]["crc32c"])
    for start in (1, 2, 63, 64, 65, 128, 129, 250, COUNT, COUNT + 1):
        found: list[np.ndarray] = []
        assert log.read(start, lambda records, found=found: found.append(records.copy())) == COUNT  # type: ignore[misc]
        assert b"".join(one.tobytes() for one in found) == RECORDS[start - 1 :].tobytes()


def test_in_shared_memory(memory: Path) -> None:
    in_memory(memory)
    check(FoundLog(LocalFiles(), memory, None, VENUE))


def test_on_disk() -> None:
    disk = on_disk()
    assert len(disk.names(Path("/log"))) > 2, "segments"
    check(FoundLog(disk, Path("/log"), None, VENUE))


def test_in_the_archive_and_in_shared_memory(memory: Path, tmp_path: Path) -> None:
    in_memory(memory)
    archive_log(LocalFiles(), memory, tmp_path, remove=False, up_to_record=COUNT - SEGMENT_RECORDS)
    check(FoundLog(LocalFiles(), memory, tmp_path, VENUE))
    (memory / segment_name(1)).unlink()
    check(FoundLog(LocalFiles(), memory, tmp_path, VENUE))


def test_all_of_a_log_in_shared_memory_is_archived_when_nobody_carries_it_on(memory: Path, tmp_path: Path) -> None:
    in_memory(memory, is_sealed=True)
    done = archive_log(LocalFiles(), memory, tmp_path, last_too=True, remove=False)
    assert (done.records, len(done.segments)) == (COUNT, -(-COUNT // SEGMENT_RECORDS))
    check(FoundLog(LocalFiles(), tmp_path, None, VENUE))


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    log = FoundLog(LocalFiles(), tmp_path, None, VENUE)
    assert (log.last_sequence, log.crc32c_of(1)) == (0, None)
    assert log.read(1, lambda records: pytest.fail("there is nothing")) == 0


def test_only_what_is_needed_is_looked_at() -> None:
    """Damage before the snapshot's record harms no start; damage behind it is refused; so is another venue's log."""
    disk = on_disk()
    first = Path("/log") / segment_name(1)
    octets = bytearray(disk.octets(first))
    octets[4096 + 200] ^= 1
    disk.put(first, bytes(octets))
    log = FoundLog(disk, Path("/log"), None, VENUE)
    assert log.read(200, lambda records: None) == COUNT
    with pytest.raises(JournalDamaged, match="record 1 is damaged"):
        log.read(1, lambda records: None)
    other: Files = on_disk()
    with pytest.raises(JournalError, match="another configuration"):
        FoundLog(other, Path("/log"), None, Identity(bytes(16), EPOCH, b"s" * 32, b"d" * 32))
