"""The process that makes the log durable, for real: killed at random moments, its venue killed, a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.journal.control import open_control
from appliance.journal.event_store import EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.keeper import Keeper
from appliance.journal.records import Cursor, Identity, JournalError
from appliance.journal.scan import scan
from appliance.journal.whole import load_log
from native.log_layout import JOURNAL_WRITER_ENDED, JOURNAL_WRITER_FAILED
from tests.naive.event_log import made_up_records

EPOCH = 3
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
SEGMENT_RECORDS = 1 << 14
RECORDS = made_up_records(3 * SEGMENT_RECORDS, 1)
Cursor(1, EPOCH).seal(RECORDS)


@pytest.fixture
def memory() -> Iterator[Path]:
    path = Path(f"/dev/shm/pitwire-test-{uuid.uuid4().hex[:8]}")
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


class Venue:
    """Shared memory with a log, and the process that makes it durable."""

    def __init__(self, memory: Path, folder: Path, durable: int = 0) -> None:
        for file in memory.iterdir():
            file.unlink()
        self.store = EventStore.create(memory, VENUE, segment_records=SEGMENT_RECORDS, records_max=SEGMENT_RECORDS * 4)
        self.store.keep_ahead(4)
        self.folder = folder
        self.written = 0
        self.write(durable)  # as a venue that loaded the log
        self.store.control.store("durable_records", durable)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance.journal", "write"]
            + ["--memory", str(memory), "--folder", str(folder), "--segment-mib", "2"]
            + ["--parent-pid", str(os.getpid())],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        assert json.loads(line) == {"durable_records": durable}

    def write(self, count: int) -> None:
        start = self.written
        self.store.records[start : start + count] = RECORDS[start : start + count]
        self.written += count
        self.store.control.store("committed_records", self.written)

    @property
    def durable(self) -> int:
        return self.store.control.load("durable_records")

    def wait_for(self, durable: int) -> None:
        deadline = time.monotonic() + 20
        while self.durable < durable:
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.0005)

    def end(self, number: int | None = None) -> str:
        """End it in good order, or by a signal; what it said."""
        if number is None:
            self.store.control.row["closed"] = 1
        else:
            self.process.send_signal(number)
        said = self.process.communicate(timeout=20)[1]
        self.store.close()
        return said


def records_on_disk(folder: Path) -> int:
    """Verified, and compared with what was written."""
    seen = 0

    def take(records: object) -> None:
        nonlocal seen
        count = len(records)  # type: ignore[arg-type]
        assert records.tobytes() == RECORDS[seen : seen + count].tobytes()  # type: ignore[attr-defined]
        seen += count

    assert scan(LocalFiles(), folder, expected=VENUE, take=take).last_sequence == seen
    return seen


def test_it_follows_and_ends_in_good_order(memory: Path, tmp_path: Path) -> None:
    venue = Venue(memory, tmp_path)
    for count in (1, 10, 5000, 20_000):
        venue.write(count)
        venue.wait_for(venue.written)
    row = venue.store.control.row
    assert int(row["groups_written"]) >= 4 and int(row["group_records_max"]) <= 4123
    venue.end()
    assert venue.process.returncode == 0
    assert int(open_control(memory).row["writer_state"]) == JOURNAL_WRITER_ENDED
    log = scan(LocalFiles(), tmp_path)
    assert log.closed and log.last_sequence == 25_011 and len(log.segments) > 1


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_killed_at_random_moments_nothing_acknowledged_is_missing(memory: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    durable = 0
    for life in range(3):
        venue = Venue(memory, tmp_path, durable)
        until = time.monotonic() + draw.uniform(0.0, 0.1)
        while time.monotonic() < until:
            venue.write(min(draw.randrange(1, 200), RECORDS.size - venue.written))
        venue.process.send_signal(signal.SIGKILL)
        venue.process.wait()
        acknowledged = venue.durable
        venue.end(signal.SIGKILL)
        durable = records_on_disk(tmp_path)
        assert acknowledged <= durable <= venue.written, life


def test_told_to_end_it_writes_what_was_committed(memory: Path, tmp_path: Path) -> None:
    venue = Venue(memory, tmp_path)
    venue.write(9000)
    for number in (signal.SIGTERM, signal.SIGINT):  # as a service manager or a terminal send to all processes
        venue.process.send_signal(number)
    venue.write(100)
    venue.wait_for(9100)
    venue.end(signal.SIGUSR1)
    assert records_on_disk(tmp_path) == 9100
    assert not scan(LocalFiles(), tmp_path).closed, "the venue had not closed its log"


def test_it_does_not_carry_on_a_log_that_the_venue_does_not_know(memory: Path, tmp_path: Path) -> None:
    venue = Venue(memory, tmp_path)
    venue.write(100)
    venue.wait_for(100)
    venue.end()
    again = Venue(memory, tmp_path, 100)
    again.end()
    with pytest.raises(AssertionError, match="the log ends with record 100, the venue was started with 40"):
        Venue(memory, tmp_path, 40)
    assert int(open_control(memory).row["writer_state"]) == JOURNAL_WRITER_FAILED


def test_a_vanished_file_ends_it_with_one_sentence(memory: Path, tmp_path: Path) -> None:
    venue = Venue(memory, tmp_path)
    venue.write(100)
    venue.wait_for(100)
    for path in tmp_path.glob("journal.0*"):
        path.unlink()
    venue.write(100)
    said = venue.process.communicate(timeout=20)[1]
    assert said.count("\n") == 1 and "has been removed or replaced" in said and "Traceback" not in said
    assert venue.process.returncode == 1 and venue.durable == 100
    assert int(venue.store.control.row["writer_state"]) == JOURNAL_WRITER_FAILED
    venue.store.close()


def test_finished_segments_are_archived_and_leave_shared_memory(memory: Path, tmp_path: Path) -> None:
    """A log in memory and its archiver: what was archived and what is still there are one log."""
    store = EventStore.create(memory, VENUE, segment_records=1024, records_max=1024 * 64)
    archives = tmp_path / "archive"
    keeper = Keeper(store, lambda: store.control.load("archived_records"))
    keeper.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.journal", "archive", "--from", str(memory), "--to", str(archives)]
        + ["--seconds", "0.05", "--parent-pid", str(os.getpid())]
    )
    try:
        total = 20_000
        for start in range(0, total, 500):
            deadline = time.monotonic() + 20
            while store.mapped_records < start + 500:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            store.records[start : start + 500] = RECORDS[start : start + 500]
            store.control.store("committed_records", start + 500)
        deadline = time.monotonic() + 30
        while store.removed_records < total // 1024 * 1024 - 1024:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
    finally:
        process.terminate()
        process.wait()
        keeper.stop()
    assert keeper.problem == "" and process.returncode == 0
    log, records = load_log(memory, archive_folder=archives, expected=VENUE)
    assert log.last_sequence == total and records.tobytes() == RECORDS[:total].tobytes()
    assert len([path for path in memory.iterdir() if path.name.startswith("journal.0")]) < 8
    store.close()


def test_the_archive_of_a_log_on_disk_keeps_what_it_is_told_to(memory: Path, tmp_path: Path) -> None:
    folder, archives = tmp_path / "log", tmp_path / "archive"
    folder.mkdir()
    archives.mkdir()
    durable = 0
    for _ in range(5):  # each start begins a segment
        venue = Venue(memory, folder, durable)
        venue.write(3000)
        venue.wait_for(venue.written)
        venue.end()
        durable = venue.written
    words = ["--from", str(folder), "--to", str(archives), "--once"]
    done = subprocess.run(
        [sys.executable, "-m", "appliance.journal", "archive", *words], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["segments"] == [1, 2, 3, 4]
    assert [path.name for path in folder.glob("journal.0*")] == ["journal.000005"]
    log, records = load_log(folder, archive_folder=archives)
    assert log.closed and records.tobytes() == RECORDS[:15_000].tobytes()
    subprocess.run([sys.executable, "-m", "appliance.journal", "archive", *words, "--keep", "2"], check=True)
    assert sorted(path.name for path in archives.iterdir()) == ["journal.000003.zst", "journal.000004.zst"]
    with pytest.raises(JournalError, match="begins with record 6001"):
        load_log(folder, archive_folder=archives)
