"""A replica beside a loop that goes on: its state is the loop's, its snapshots are of states that the loop had."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance.distributor.seeds import channels_of
from appliance.distributor_config import Tier
from appliance.exchange import SharedFolder, venue_identity, whole_state_hash
from appliance.history.records import RecordArray
from appliance.history.recover import choose, recover
from appliance.history.replica import Replica, ReplicaError
from appliance.history.snapshot import find_snapshots, read_header
from appliance.journal.archiver import archive_log
from appliance.journal.event_store import EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.recovery import open_log
from native.layout import COMMAND_FIRST_OF_BURST, FEED_ENTRY, FEED_HEADER
from tests.distributor_rig import DistributorRig, packets_of
from tests.history_rig import CONFIG, Day, fresh, make_day, same_state
from tests.naive.derived_feed import DerivedFeed
from tests.naive.feed_writer import FeedWriter
from tests.sim.test_determinism import stored_from
from wire.framing import packets


class Growing:
    """A log in shared memory that holds more records of `day` whenever it is told to, in segments of 64 records, beside
    what the day published."""

    def __init__(self, day: Day, folder: Path) -> None:
        folder.mkdir()
        feed = FeedWriter(folder / "feed", epoch=CONFIG.epoch)
        for packet in day.feed_packets:
            feed.append(packet, packets.parse_header(packet).message_count)
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

    @property
    def committed_records(self) -> int:
        return self._store.committed_records

    def leave(self, safe_records: int) -> None:
        """What is safe elsewhere leaves shared memory."""
        for name in ("durable_records", "archived_records"):
            self._store.control.store(name, safe_records)
        self._store.keep_ahead()
        assert self._store.release(safe_records)

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
    twin = DerivedFeed(CONFIG.feed.channel_id, CONFIG.epoch)
    for packet in day.feed_packets:
        twin.take(packet)
    for path in draw.sample(found, 5):
        for newer in found[: found.index(path)]:
            newer.rename(newer.with_suffix(".aside"))
        recovered = fresh()
        result = recover(recovered, CONFIG, tmp_path / "s", RecordArray(day.records))
        assert result.snapshot == path
        same_state(recovered, day.exchange)
        chosen = choose(CONFIG, tmp_path / "s", RecordArray(day.records), channels=channels_of(CONFIG))
        assert chosen.snapshot == path and chosen.refused == () and chosen.seed is not None
        assert chosen.seed.l3_next_number == result.feed_first_number
        rig = DistributorRig(tmp_path / path.stem, CONFIG, seed=chosen.seed)
        rig.publish(stored_from(recovered, result.feed_first_number))
        rig.settle()
        for name, channel in (("feed.l2", twin.l2), ("feed.l1", twin.l1)):
            first = chosen.seed.next_number(channel.channel_id)
            expected = [one for one in channel.packets if packets.parse_header(one).sequence >= first]
            assert packets_of(rig.folder / name) == expected
        for newer in found[: found.index(path)]:
            newer.with_suffix(".aside").rename(newer)


def test_a_snapshot_that_does_not_know_the_channels(tmp_path: Path) -> None:
    """Nobody followed them, or they were others: who needs them begins with an older one, or with the day."""
    day = make_day(5, 60)
    ends = [int(at) for at in np.flatnonzero(day.records["flags"] & COMMAND_FIRST_OF_BURST)][-3:]
    for number, (tiers, is_followed) in enumerate((([], True), ([{"name": "top", "depth": 1}], True), ([], False))):
        growing = Growing(day, tmp_path / f"journal{number}")
        growing.grow(ends[number])
        distributor = CONFIG.distributor.model_copy(
            update={"enabled": is_followed, "tiers": tuple(Tier(**tier) for tier in tiers)}
        )
        recovery = CONFIG.recovery.model_copy(update={"snapshots": is_followed})
        config = CONFIG.model_copy(update={"distributor": distributor, "recovery": recovery})
        growing.close()
        with Replica(config, growing.folder, tmp_path / "s", snapshot_seconds=60) as replica:
            replica.run(lambda: False)
    chosen = choose(CONFIG, tmp_path / "s", RecordArray(day.records), channels=channels_of(CONFIG))
    assert chosen.sequence == ends[0]
    assert ["had come to" in sentence for sentence in chosen.refused] == [True, True]
    assert choose(CONFIG, tmp_path / "s", RecordArray(day.records)).sequence == ends[2]
    find_snapshots(tmp_path / "s", CONFIG.epoch)[-1].unlink()
    chosen = choose(CONFIG, tmp_path / "s", RecordArray(day.records), channels=channels_of(CONFIG))
    assert (chosen.sequence, chosen.snapshot, chosen.seed) == (0, None, None)


def test_no_snapshot_tells_of_more_than_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is behind: what the replica knows of and nobody was told must not be begun with."""
    monkeypatch.setattr("appliance.history.replica._PUBLISHED_SECONDS_MAX", 0.01)
    day = make_day(6, 60)
    growing = Growing(day, tmp_path / "journal")
    growing.grow(1000)
    feed = np.memmap(growing.folder / "feed", np.uint8, mode="r+")[: FEED_HEADER.itemsize].view(FEED_HEADER)
    published = int(feed[0]["committed_bytes"])
    feed[0]["committed_bytes"] = 0
    with Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=0) as replica:
        replica.step()
        assert replica.sequence > 20 and replica.snapshot is None and replica.refused == []
        feed[0]["committed_bytes"] = published
        growing.close()
        replica.run(lambda: False)
        assert replica.snapshot is not None and read_header(replica.snapshot).sequence == day.records.size
    # what was published is damaged, or is not all that was
    feed[0]["committed_bytes"] = published
    (tmp_path / "s").rename(tmp_path / "aside")
    octets = np.memmap(growing.folder / "feed", np.uint8, mode="r+")[FEED_HEADER.itemsize :]
    octets[FEED_ENTRY.itemsize + 8] ^= 2  # SeqNum
    with (
        Replica(CONFIG, growing.folder, tmp_path / "s", snapshot_seconds=0) as replica,
        pytest.raises(ReplicaError, match="What market data has come to cannot be kept"),
    ):
        replica.run(lambda: False)


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


@pytest.mark.parametrize("mode", ["disk", "memory"])
def test_what_has_left_shared_memory_is_read_where_it_went(mode: str, tmp_path: Path) -> None:
    """The loop is faster than the replica: at its start, and in the midst of the day."""
    day = make_day(7, 400)
    places = {"mode": mode, "directory": str(tmp_path / "log") if mode == "disk" else ""}
    places["archive"] = str(tmp_path / "archive") if mode == "memory" else ""
    config = CONFIG.model_copy(update={"journal": CONFIG.journal.model_copy(update=places)})
    for name in ("log", "archive"):
        (tmp_path / name).mkdir()
    growing = Growing(day, tmp_path / "journal")
    done = 0

    def go_on(records: int) -> None:
        nonlocal done
        growing.grow(records)
        _, log = open_log(
            LocalFiles(), tmp_path / "log", venue_identity(CONFIG), segment_bytes=1 << 20, background=False
        )
        log.append(day.records[done : growing.committed_records])
        log.close()
        done = growing.committed_records
        if mode == "memory":
            archive_log(LocalFiles(), tmp_path / "log", tmp_path / "archive", last_too=True, remove=False)
        growing.leave(done)

    go_on(150)
    with Replica(config, growing.folder, tmp_path / "s", snapshot_seconds=0, kept=1000) as replica:
        replica.step()
        assert replica.sequence == 150
        go_on(100)  # which are gone before it looks again
        go_on(50)
        replica.step()
        assert replica.sequence == 300 < day.records.size - 20
        growing.grow(20)
        replica.step()
        kept = read_header(replica.snapshot).sequence if replica.snapshot else 0
        assert kept > 300
    go_on(1000)
    assert done == day.records.size > kept + 64, "the record of the snapshot is gone, too"
    growing.close()
    with Replica(config, growing.folder, tmp_path / "s", snapshot_seconds=60) as replica:
        assert (replica.refused, replica.sequence) == ([], kept)
        replica.run(lambda: False)
        assert replica.state_hash == whole_state_hash(day.exchange)
    nowhere = CONFIG.model_copy(update={"journal": CONFIG.journal.model_copy(update={"archive": ""})})
    with (
        Replica(nowhere, growing.folder, tmp_path / "other", snapshot_seconds=60) as replica,
        pytest.raises(ReplicaError, match="records from 1 on are nowhere any more"),
    ):
        replica.run(lambda: False)


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
        (tmp_path / "venue.json").write_text(config.model_copy(update={"epoch": 0}).to_json())  # that of the log
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
