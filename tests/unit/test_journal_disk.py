"""The log on disk where the file system fails: full, read-only, vanished, a sync that fails. One sentence each, and
nothing is acknowledged that is not safe."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from appliance.journal import archive
from appliance.journal.archiver import archive_log
from appliance.journal.disk_log import SPARE_NAME, DiskLog
from appliance.journal.disk_writer import lock_folder
from appliance.journal.files import Files, LocalFiles
from appliance.journal.records import Cursor, Identity, JournalDamaged, JournalError, NoRoom, segment_name
from appliance.journal.recovery import open_log
from appliance.journal.scan import Log, scan
from native.log_layout import JOURNAL_BLOCK_BYTES
from tests.naive.drill_disk import DrillDisk
from tests.naive.event_log import crc32c, made_up_records

EPOCH = 3
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
FOLDER = Path("/log")
SEGMENT_BYTES = 12 * JOURNAL_BLOCK_BYTES
GROUP = 62


def sealed(count: int) -> np.ndarray:
    records = made_up_records(count, 4)
    Cursor(1, EPOCH).seal(records)
    return records


RECORDS = sealed(1000)


def opened(files: Files, folder: Path = FOLDER, *, background: bool = False) -> DiskLog:
    _, log = open_log(files, folder, VENUE, segment_bytes=SEGMENT_BYTES, group_records_max=GROUP, background=background)
    return log


def read(files: Files, folder: Path, start: int = 1, stop: int | None = None) -> tuple[Log, bytes]:
    """The state of the log, and its records from `start` to `stop`."""
    found: list[bytes] = []
    state = scan(
        files,
        folder,
        expected=VENUE,
        from_sequence=start,
        to_sequence=stop,
        take=lambda records: found.append(records.tobytes()),
    )
    return state, b"".join(found)


def append(log: DiskLog, until: int) -> None:
    while log.next_sequence <= until:
        start = log.next_sequence - 1
        log.append(RECORDS[start : min(start + GROUP, until)])


def test_the_chain_is_the_slow_one() -> None:
    chain = EPOCH
    for record in RECORDS[:50]:
        chain = crc32c(record.tobytes()[4:], chain)
        assert int(record["crc32c"]) == chain


@pytest.mark.parametrize("background", [False, True])
def test_a_log_on_this_machines_disk(tmp_path: Path, background: bool) -> None:
    files = LocalFiles()
    log = opened(files, tmp_path, background=background)
    append(log, 700)
    log.abandon()
    state, octets = read(files, tmp_path)
    assert octets == RECORDS[:700].tobytes()
    assert state.last_sequence == 700 and state.torn is None and not state.closed
    assert state.unproven_sequence <= 700 < state.unproven_sequence + GROUP
    assert len(state.segments) > 2

    log = opened(files, tmp_path, background=background)
    append(log, 1000)
    log.close()
    for start in (1, 2, 31, 62, 63, 500, 699, 701, 1000):
        state, octets = read(files, tmp_path, start)
        assert octets == RECORDS[start - 1 :].tobytes()
        assert state.closed and state.unproven_sequence == 1001
        _, octets = read(files, tmp_path, start, min(start + 99, 1000))
        assert octets == RECORDS[start - 1 : start + 99].tobytes()
    with pytest.raises(JournalError, match="ends with record 1000, before record 1002"):
        scan(files, tmp_path, from_sequence=1002)
    assert SPARE_NAME not in os.listdir(tmp_path)


def failing(disk: DrillDisk, operation: str, number: int, after: int = 0) -> None:
    """Let `operation` fail with errno `number` once it was done `after` times."""
    seen = 0

    def fail(done: str, path: Path | None) -> OSError | None:
        nonlocal seen
        if done != operation:
            return None
        seen += 1
        return OSError(number, os.strerror(number)) if seen > after else None

    disk.fail = fail


@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_write_or_sync_that_fails_ends_the_log_for_good(operation: str, number: int) -> None:
    disk = DrillDisk()
    log = opened(disk)
    append(log, 100)
    failing(disk, operation, number)
    with pytest.raises(JournalError, match=f"{os.strerror(number)}; nothing after record 100 is acknowledged") as first:
        append(log, 110)
    assert log.next_sequence == 101
    failing(disk, "nothing", 0)
    with pytest.raises(JournalError) as second:  # the disk is well again, but who knows what it has
        append(log, 110)
    assert str(second.value) == str(first.value)
    log.close()
    assert not scan(disk, FOLDER).closed
    again = opened(disk)
    assert again.next_sequence in (101, 111)
    append(again, 200)
    assert scan(disk, FOLDER).last_sequence == 200


def test_a_full_disk_is_waited_for() -> None:
    disk = DrillDisk()
    log = opened(disk)
    failing(disk, "create", errno.ENOSPC)
    with pytest.raises(NoRoom, match="there is no room for the next segment") as error:
        append(log, 1000)
    assert "nothing is acknowledged until then" in str(error.value)
    safe = log.next_sequence - 1
    assert 0 < safe < 1000 and scan(disk, FOLDER).last_sequence == safe
    with pytest.raises(NoRoom):
        append(log, 1000)
    # room for half a segment: what was made of it is given back
    failing(disk, "write", errno.ENOSPC)
    with pytest.raises(NoRoom):
        append(log, 1000)
    assert SPARE_NAME not in disk.names(FOLDER)
    failing(disk, "nothing", 0)
    append(log, 1000)
    log.close()
    assert scan(disk, FOLDER).last_sequence == 1000


def test_a_file_that_vanished_is_not_written_to_in_silence(tmp_path: Path) -> None:
    log = opened(LocalFiles(), tmp_path)
    append(log, 50)
    (tmp_path / segment_name(1)).rename(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="has been removed or replaced"):
        append(log, 60)
    (tmp_path / "elsewhere").rename(tmp_path / segment_name(1))
    with pytest.raises(JournalError, match="has been removed or replaced"):
        append(log, 60)
    log.abandon()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(JournalError, match="No such file or directory; name a folder"):
        lock_folder(missing)
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        opened(LocalFiles(), missing)
    disk = DrillDisk()
    failing(disk, "create", errno.EROFS)
    with pytest.raises(JournalError, match="Read-only file system"):
        opened(disk)


def test_one_process_a_folder(tmp_path: Path) -> None:
    first = lock_folder(tmp_path)
    for wait_seconds in (0.0, 0.05):
        with pytest.raises(JournalError, match="another process writes its log there"):
            lock_folder(tmp_path, wait_seconds)
    timer = threading.Timer(0.05, os.close, (first,))
    timer.start()
    os.close(lock_folder(tmp_path, 10.0))
    timer.join()


def test_a_disk_that_cannot_be_read_is_told() -> None:
    disk = DrillDisk()
    log = opened(disk)
    append(log, 300)
    failing(disk, "read", errno.EIO, after=1)
    with pytest.raises(JournalError, match="Input/output error"):
        scan(disk, FOLDER)


def test_archived_segments_read_as_before_and_are_small() -> None:
    disk = DrillDisk()
    archives = Path("/archive")
    log = opened(disk)
    append(log, 700)
    done = archive_log(disk, FOLDER, archives)
    assert len(done.segments) >= 2 and done.records == read_all(disk, archives)[1]
    left = [name for name in disk.names(FOLDER) if name != SPARE_NAME]
    assert left == [segment_name(log.segment)], "the newest may still be written"
    append(log, 1000)
    log.close()
    assert RECORDS.tobytes().startswith(read_all(disk, archives)[0])
    state = scan(disk, FOLDER, archive_folder=archives)
    assert state.last_sequence == 1000 and state.closed
    again = opened_with_archive(disk, archives)
    assert again.next_sequence == 1001
    again.close()
    with pytest.raises(JournalError, match="lie in no archive that was named"):
        scan(disk, FOLDER)
    done = archive_log(disk, FOLDER, archives, last_too=True, keep_archives=2)
    assert len(disk.names(archives)) == 2 and done.removed


def opened_with_archive(disk: DrillDisk, archives: Path) -> DiskLog:
    _, log = open_log(
        disk,
        FOLDER,
        VENUE,
        archive_folder=archives,
        segment_bytes=SEGMENT_BYTES,
        group_records_max=GROUP,
        background=False,
    )
    return log


def read_all(disk: DrillDisk, archives: Path) -> tuple[bytes, int]:
    found = b"".join(
        records.tobytes()
        for name in sorted(disk.names(archives))
        for records in archive.read_records(disk, archives / name)
    )
    return found, len(found) // 128


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_archive_is_refused(where: float) -> None:
    disk = DrillDisk()
    archives = Path("/archive")
    log = opened(disk)
    append(log, 700)
    archive_log(disk, FOLDER, archives)
    name = sorted(disk.names(archives))[0]
    octets = bytearray(disk.octets(archives / name))
    octets[int(len(octets) * where)] ^= 4
    disk.put(archives / name, bytes(octets))
    with pytest.raises(JournalDamaged, match=r"journal\.000001\.zst"):
        scan(disk, FOLDER, archive_folder=archives)
    disk.put(archives / name, bytes(octets[:-9]))
    with pytest.raises(JournalDamaged, match=r"journal\.000001\.zst"):
        scan(disk, FOLDER, archive_folder=archives)


def test_an_archive_that_was_not_finished_is_made_again() -> None:
    disk = DrillDisk()
    archives = Path("/archive")
    log = opened(disk)
    append(log, 700)
    failing(disk, "rename", errno.EIO)
    with pytest.raises(JournalError, match="segment 1 cannot be archived"):
        archive_log(disk, FOLDER, archives)
    assert (FOLDER / segment_name(1)) in disk.names_now, "it stays until its archive is there"
    failing(disk, "nothing", 0)
    assert archive_log(disk, FOLDER, archives).segments[0] == 1
    assert not [name for name in disk.names(archives) if name.endswith(".part")]
