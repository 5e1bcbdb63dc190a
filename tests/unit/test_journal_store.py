"""The log in shared memory: one array over segments that come and go, followers in other processes, and what is said
when there is no room."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.journal.control import open_control
from appliance.journal.event_store import RECORDS_A_PAGE, EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.follower import Follower
from appliance.journal.keeper import Keeper
from appliance.journal.records import Cursor, Identity, JournalDamaged, JournalError, NoRoom, segment_name
from appliance.journal.scan import scan
from tests.naive.event_log import is_next, made_up_records

EPOCH = 3
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
SEGMENT_RECORDS = 4 * RECORDS_A_PAGE
FILES = LocalFiles()


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(f"/dev/shm/pitwire-test-{uuid.uuid4().hex[:8]}")
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


@pytest.fixture
def store(folder: Path) -> Iterator[EventStore]:
    made = EventStore.create(folder, VENUE, segment_records=SEGMENT_RECORDS, records_max=SEGMENT_RECORDS * 64)
    yield made
    made.close()


class Writer:
    """Writes as the loop does: fill, seal, publish, record by record."""

    def __init__(self, store: EventStore, seed: int = 1) -> None:
        self.store = store
        self.cursor = Cursor(1, EPOCH)
        self.bodies = made_up_records(5000, seed)

    def write(self, count: int) -> None:
        for _ in range(count):
            index = self.cursor.next_sequence - 1
            assert index < self.store.mapped_records
            record = self.store.records[index : index + 1]
            record[:] = self.bodies[index]
            self.cursor.seal(record)
            self.store.control.store("committed_records", index + 1)


def test_records_run_through_segments_as_one_array(store: EventStore) -> None:
    writer = Writer(store)
    assert store.mapped_records == SEGMENT_RECORDS, "the first segment"
    for _ in range(10):
        store.keep_ahead(1)
        writer.write(SEGMENT_RECORDS - 3)
    chain = EPOCH
    for index in range(store.committed_records):
        assert is_next(store.records[index].tobytes(), index + 1, chain)
        chain = int(store.records[index]["crc32c"])
    assert store.committed_records == 10 * (SEGMENT_RECORDS - 3)


def test_a_follower_sees_each_record_once_and_whole(store: EventStore, folder: Path) -> None:
    writer, follower = Writer(store), Follower(folder, verify_from_crc32c=EPOCH)
    assert follower.poll().size == 0
    seen = []
    for count in (1, 2, 100, 28, 300, 5):
        store.keep_ahead(4)
        writer.write(count)
        while (records := follower.poll(50)).size:
            assert records.size <= 50 and not records.flags.writeable
            seen.append(records.copy())
    assert np.concatenate(seen).tobytes() == store.records[: store.committed_records].tobytes()
    assert not follower.is_over
    store.control.row["closed"] = 1
    assert follower.is_over


def test_what_is_removed_is_gone_here_and_readable_for_who_has_it(store: EventStore, folder: Path) -> None:
    writer, follower = Writer(store), Follower(folder)
    for _ in range(6):
        store.keep_ahead(1)
        writer.write(SEGMENT_RECORDS)
    store.keep_ahead(1)
    held = follower.poll(10)
    assert not store.release(SEGMENT_RECORDS - 1), "its last record is needed"
    assert store.release(3 * SEGMENT_RECORDS + 5)
    assert store.removed_records == 3 * SEGMENT_RECORDS
    assert not (folder / segment_name(3)).exists() and (folder / segment_name(4)).exists()
    assert int(held[9]["sequence"]) == 10
    with pytest.raises(JournalError, match=f"begins with {3 * SEGMENT_RECORDS + 1}"):
        Follower(folder).poll()
    # the segment that is now the first one says what its chain begins with
    late = Follower(folder, 3 * SEGMENT_RECORDS + 1)
    assert late.poll().size == SEGMENT_RECORDS
    assert scan(FILES, folder, from_sequence=3 * SEGMENT_RECORDS + 1).last_sequence == 6 * SEGMENT_RECORDS
    store.release(1 << 40)
    assert (folder / segment_name(6)).exists(), "the newest with records stays"


def test_a_killed_writer_is_carried_on(store: EventStore, folder: Path) -> None:
    writer = Writer(store)
    for _ in range(3):
        store.keep_ahead(1)
        writer.write(SEGMENT_RECORDS - 10)
    # killed in the middle of a record and of a new segment
    index = writer.cursor.next_sequence - 1
    store.records[index]["cl_ord_id"] = 99
    (folder / "journal.part").write_bytes(bytes(100))
    mapped = store.mapped_records
    store.keep_ahead(2)
    store.control.store("mapped_records", mapped)
    store.close()

    assert scan(FILES, folder, expected=VENUE).last_sequence == index
    again = EventStore.attach(folder)
    assert again.committed_records == index and again.mapped_records > index
    writer.store = again
    again.keep_ahead(1)
    writer.write(SEGMENT_RECORDS)
    assert scan(FILES, folder).last_sequence == index + SEGMENT_RECORDS
    again.close()


def test_damage_in_shared_memory_is_found(store: EventStore, folder: Path) -> None:
    Writer(store).write(20)
    store.records[7]["qty_lots"] ^= 1
    with pytest.raises(JournalDamaged, match="record 8 is damaged"):
        scan(FILES, folder)
    with pytest.raises(JournalDamaged, match="record 8 is damaged"):
        Follower(folder, verify_from_crc32c=EPOCH).poll()


def test_no_room_is_said_in_one_sentence_and_passes(
    store: EventStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(store).write(SEGMENT_RECORDS)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(NoRoom, match=f"input is refused from record {SEGMENT_RECORDS + 1} on"):
            store.keep_ahead()
        assert store.mapped_records == SEGMENT_RECORDS and not (folder / segment_name(2)).exists()
        keeper = Keeper(store, lambda: 0)
        keeper.start()
        wait_until(lambda: "No space left" in keeper.problem)
    wait_until(lambda: store.mapped_records > SEGMENT_RECORDS and not keeper.problem)
    keeper.stop()


def wait_until(holds: object) -> None:
    deadline = time.monotonic() + 10
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)


FOLLOW = """
import sys
from pathlib import Path
from appliance.journal.follower import Follower
follower = Follower(Path(sys.argv[1]), verify_from_crc32c=int(sys.argv[2]))
print("ready", flush=True)
while not follower.is_over:
    follower.poll(37)
print(follower.next_sequence - 1, "numba" in sys.modules)
"""


def test_another_process_follows_while_the_keeper_moves_the_segments(store: EventStore, folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(folder), str(EPOCH)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        keeper = Keeper(store, lambda: 0)
        keeper.start()
        writer = Writer(store)
        while store.committed_records < 4000:
            wait_until(lambda: store.committed_records + 50 <= store.mapped_records)
            writer.write(50)
        open_control(folder, writable=True).row["closed"] = 1
        assert process.stdout.read() == "4000 False\n"
        keeper.stop()
    assert process.returncode == 0
