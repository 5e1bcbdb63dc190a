"""The log that a start finds, with an archive beside it: what is carried on, and what is not taken for it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.config import Config, parse
from appliance.exchange import SharedFolder, venue_identity
from appliance.journal.archiver import archive_log
from appliance.journal.disk_writer import lock_folder
from appliance.journal.files import LocalFiles
from appliance.journal.records import Cursor, Identity, JournalError
from appliance.journal.recovery import open_log
from appliance.journal.whole import load_log
from appliance.venue_log import VenueLog
from tests.naive.event_log import made_up_records

EPOCH = 9


def config_of(tmp_path: Path, **journal: Any) -> Config:
    own = {"records": 4096, "segment_records": 1024, "disk_segment_mib": 2, "archive": str(tmp_path / "archive")}
    return parse({"name": "log", "epoch": EPOCH, "journal": own | journal})


def disk(tmp_path: Path, **journal: Any) -> Config:
    return config_of(tmp_path, mode="disk", directory=str(tmp_path / "log"), **journal)


def write(folder: Path, venue: Identity, runs: int, records_a_run: int, seed: int = 1) -> np.ndarray:
    """A log of so many runs, each of which begins a segment."""
    records = made_up_records(runs * records_a_run, seed)
    Cursor(1, venue.epoch).seal(records)
    folder.mkdir(exist_ok=True)
    for start in range(0, records.size, records_a_run):
        _, log = open_log(LocalFiles(), folder, venue, segment_bytes=1 << 20, background=False)
        log.append(records[start : start + records_a_run])
        log.close()
    return records


def opened(tmp_path: Path, config: Config, decided: int = 0) -> VenueLog:
    shared = SharedFolder(config.name, tmp_path)
    shared.path.mkdir(exist_ok=True)
    log = VenueLog(config, shared)
    try:
        log.open(lambda _: decided)
    finally:
        log.stop(in_good_order=False)  # lets go of the folder's lock
    return log


def test_the_oldest_archives_are_gone_and_a_snapshot_is_there(tmp_path: Path) -> None:
    """Records before the snapshot are in no need: not even those of its own segment in shared memory."""
    config = disk(tmp_path)
    records = write(tmp_path / "log", venue_identity(config), 6, 100)
    (tmp_path / "archive").mkdir()
    archive_log(LocalFiles(), tmp_path / "log", tmp_path / "archive", keep_archives=2)
    log = opened(tmp_path, config, decided=350)
    assert (log.recovered_records, log.decided_records) == (600, 350)
    assert log.last_crc32c == int(records[-1]["crc32c"])
    assert log.store.records[350:600].tobytes() == records[350:600].tobytes()
    with pytest.raises(JournalError, match="begins with record 301"):
        opened(tmp_path, config, decided=0)


@pytest.mark.parametrize("mode", ["memory", "disk"])
def test_an_archive_of_another_log_is_not_added_to(mode: str, tmp_path: Path) -> None:
    """Its segments have the same names: to believe that ours are among them would lose ours."""
    config = disk(tmp_path) if mode == "disk" else config_of(tmp_path)
    other = dataclasses.replace(venue_identity(config), instance_id=b"o" * 16)
    records = write(tmp_path / "other", other, 3, 100, seed=2)
    (tmp_path / "archive").mkdir()
    archive_log(LocalFiles(), tmp_path / "other", tmp_path / "archive", last_too=True, remove=False)
    with pytest.raises(JournalError, match=r"archive: holds segments of another log; name another journal\.archive"):
        opened(tmp_path, config)
    assert not (tmp_path / "log").exists() or not list((tmp_path / "log").glob("journal.0*"))
    # and where the archiver, or somebody who reads, meets with both
    own = write(tmp_path / "own", venue_identity(config), 3, 50)
    for names in (("own", "archive"), ("other", "archive")):
        folder, archive = (tmp_path / name for name in names)
        if folder.name == "own":
            with pytest.raises(JournalError, match="belongs to another log"):
                archive_log(LocalFiles(), folder, archive)
            with pytest.raises(JournalError, match="belongs to another log"):
                load_log(folder, archive_folder=archive)
        else:
            assert load_log(folder, archive_folder=archive)[1].tobytes() == records.tobytes()
    assert load_log(tmp_path / "own")[1].tobytes() == own.tobytes()


def test_a_start_that_is_refused_leaves_what_lies_in_shared_memory(tmp_path: Path) -> None:
    """Of a log that ended in good order the last segment is not in the archive."""
    config = config_of(tmp_path)
    before = opened(tmp_path, config)
    before.store.control.row["closed"] = 1
    write(tmp_path / "other", venue_identity(config), 1, 10)
    archive_log(LocalFiles(), tmp_path / "other", tmp_path / "archive", last_too=True)
    shared = SharedFolder(config.name, tmp_path)
    log = VenueLog(config, shared)
    with pytest.raises(JournalError, match="holds segments of another log"):
        log.open()
    assert log.is_only_copy and (shared.path / "journal.000001").exists()


def test_the_writer_of_a_venue_that_was_killed_has_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed lies in shared memory until it is on disk."""
    config = disk(tmp_path)
    left = tmp_path / "pitwire-log" / "journal.000007"
    left.parent.mkdir()
    left.write_bytes(b"")
    (tmp_path / "log").mkdir()
    writer = lock_folder(tmp_path / "log")
    monkeypatch.setattr("appliance.venue_log._LOCK_SECONDS_MAX", 0.05)
    with pytest.raises(JournalError, match="another process writes its log there"):
        opened(tmp_path, config)
    assert left.exists()
    os.close(writer)
    opened(tmp_path, config)
    assert not left.exists()


def test_nothing_is_archived_of_no_log(tmp_path: Path) -> None:
    for name in ("log", "archive"):
        (tmp_path / name).mkdir()
    assert archive_log(LocalFiles(), tmp_path / "log", tmp_path / "archive", keep_archives=1).segments == []


def test_a_log_that_goes_on_may_have_its_archive(tmp_path: Path) -> None:
    config = disk(tmp_path)
    venue = venue_identity(config)
    records = write(tmp_path / "log", venue, 3, 100)
    (tmp_path / "archive").mkdir()
    archive_log(LocalFiles(), tmp_path / "log", tmp_path / "archive", remove=False)
    assert opened(tmp_path, config).recovered_records == 300
    archive_log(LocalFiles(), tmp_path / "log", tmp_path / "archive")
    assert opened(tmp_path, config).recovered_records == 300
    assert load_log(tmp_path / "log", archive_folder=tmp_path / "archive")[1].tobytes() == records.tobytes()
