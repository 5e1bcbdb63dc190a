"""A replica beside a loop that goes on: its state is the loop's, its snapshots are of states that the loop had."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.exchange import SharedFolder, venue_identity, whole_state_hash
from appliance.history.records import RecordArray
from appliance.history.recover import choose, recover
from appliance.history.replica import Replica, ReplicaError
from appliance.history.snapshot import find_snapshots, read_header
from appliance.journal.event_store import EventStore
from tests.history_rig import CONFIG, Day, fresh, make_day, same_state


class Growing:
    """A log in shared memory that holds more records of `day` whenever it is told to, in segments of 64 records."""

    def __init__(self, day: Day, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._store = EventStore.create(folder, venue_identity(CONFIG), segment_records=64, records_max=64 * 64)
        self._records = day.records

    def grow(self, records: int) -> bool:
        start = self._store.committed_records
        done = min(self._records.size, start + records)
        self._store.keep_ahead(2 + (done - start) // 64)
        self._store.records[start:done] = self._records[start:done]
        self._store.control.store("committed_records", done)
        return done < self._records.size

    def close(self) -> None:
        self._store.control.row["closed"] = 1


@pytest.mark.parametrize("seed", range(3))
def test_a_replica_and_its_snapshots(seed: int, tmp_path: Path) -> None:
    day = make_day(200 + seed, 200)
    draw = random.Random(seed)
    growing = Growing(day, tmp_path / "journal")
    with Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=0, kept=1000) as replica:
        while growing.grow(draw.choice((0, 1, 2, 5, 30))):
            replica.step()
        growing.close()
        replica.run(lambda: False)
        assert replica.sequence == day.records.size
        assert replica.refused == []
        assert replica.state_hash == whole_state_hash(day.exchange)
        same_state(replica.exchange, day.exchange)
    found = find_snapshots(tmp_path / "s", CONFIG.epoch)
    assert len(found) > 8
    assert read_header(found[0]).sequence == day.records.size
    for path in draw.sample(found, 5):
        for newer in found[: found.index(path)]:
            newer.rename(newer.with_suffix(".aside"))
        recovered = fresh()
        assert recover(recovered, CONFIG, tmp_path / "s", RecordArray(day.records)).snapshot == path
        same_state(recovered, day.exchange)
        for newer in found[: found.index(path)]:
            newer.with_suffix(".aside").rename(newer)
    whole = choose(CONFIG, tmp_path / "s", RecordArray(day.records), with_whole_feed=True)
    assert whole.sequence == 0
    assert len(whole.refused) == len([path for path in found if read_header(path).sequence > 0])
    assert all("need the feed from the day's first message" in sentence for sentence in whole.refused)


def test_a_replica_that_comes_back(tmp_path: Path) -> None:
    day = make_day(300, 120)
    growing = Growing(day, tmp_path / "journal")
    growing.grow(80)

    def replica() -> Replica:
        return Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=0, kept=2)

    with replica() as first:
        first.step()
        reached = read_header(first.snapshot).sequence if first.snapshot else 0
        assert 0 < reached <= 80
    growing.grow(1000)
    growing.close()
    with replica() as second:
        assert second.sequence == reached
        second.run(lambda: False)
        assert second.state_hash == whole_state_hash(day.exchange)
    assert len(find_snapshots(tmp_path / "s", CONFIG.epoch)) == 2


def test_a_snapshot_of_another_log_is_not_begun_with(tmp_path: Path) -> None:
    for seed in (1, 2):
        growing = Growing(make_day(seed, 60), tmp_path / f"journal{seed}")
        growing.grow(1000)
        growing.close()
        with Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=60) as replica:
            replica.run(lambda: False)
            assert ["is not of this log" in sentence for sentence in replica.refused] == [True] * (seed - 1)
            assert replica.snapshot is not None


def test_snapshots_beyond_the_log_are_of_a_history_that_came_to_nothing(tmp_path: Path) -> None:
    """The machine stopped, what was not on disk is lost, and a shorter log goes on: its own snapshots stay."""
    longer, shorter = make_day(1, 200), make_day(2, 40)
    assert longer.records.size > shorter.records.size
    for number, day in enumerate((longer, shorter)):
        growing = Growing(day, tmp_path / f"journal{number}")
        growing.grow(1000)
        growing.close()
        with Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=60) as replica:
            replica.run(lambda: False)
    assert [read_header(path).sequence for path in find_snapshots(tmp_path / "s", CONFIG.epoch)] == [
        shorter.records.size
    ]


def test_damage_is_told(tmp_path: Path) -> None:
    day = make_day(3, 60)
    day.records[20]["qty_lots"] ^= 1
    growing = Growing(day, tmp_path / "journal")
    growing.grow(1000)
    with (
        Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=60) as replica,
        pytest.raises(ReplicaError, match="record 21 is damaged"),
    ):
        replica.step()
    with pytest.raises(ReplicaError, match="cannot be read"):
        Replica(CONFIG, tmp_path / "nothing", tmp_path / "s", snapshot_seconds=60)
    other = CONFIG.model_copy(update={"trading_session_date": 5})
    with pytest.raises(ReplicaError, match="another configuration"):
        Replica(other, growing.folder, tmp_path / "s", snapshot_seconds=60)


def test_command(tmp_path: Path) -> None:
    day = make_day(4, 60)
    name = f"replica-{os.getpid()}"
    config = CONFIG.model_copy(
        update={"name": name, "journal": CONFIG.journal.model_copy(update={"snapshots": str(tmp_path / "s")})}
    )
    memory = SharedFolder(name).path
    try:
        growing = Growing(day, memory)
        growing.grow(1000)
        growing.close()
        (tmp_path / "venue.json").write_text(config.to_json())
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "replica", "--config", str(tmp_path / "venue.json"), "--json"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0] == {"follows": 0}
    assert Path(rows[1]["snapshot"]).is_file()
    assert rows[-1]["ended"]["state_hash"] == whole_state_hash(day.exchange)
