"""The power is cut at every operation of a disk writer's run, with every fate of what was not synced; snapshots of any
moment lie beside the log, also of records that are lost. The state after the start is the state of exactly the records
that survived, and none that was acknowledged is missing."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

from appliance.exchange import venue_identity, whole_state_hash
from appliance.history.player import Player
from appliance.history.recover import recover
from appliance.history.state import save
from appliance.journal.found import FoundLog
from appliance.journal.recovery import open_log
from native.jit import INTERPRETED
from tests.history_rig import CONFIG, Day, fresh, make_day
from tests.naive.drill_disk import FATES, DrillDisk, PowerCut
from tests.property.test_history_recovery import boundaries

LOG = Path("/log")
VENUE = venue_identity(CONFIG)
GROUP_RECORDS_MAX = 40


@cache
def day() -> Day:
    return make_day(77, 150 if INTERPRETED else 400)


def hash_of(length: int) -> str:
    """The twin: a run of just these records, never interrupted."""
    return _hashes()[length]


@cache
def _hashes() -> list[str]:
    exchange = fresh()
    found = [whole_state_hash(exchange)]
    with Player(exchange) as player:
        for at in range(day().records.size):
            player.play(day().records[at : at + 1])
            found.append(whole_state_hash(exchange))
    return found


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ten moments of the day."""
    folder = tmp_path_factory.mktemp("snapshots")
    draw = random.Random(1)
    exchange, start = fresh(), 0
    with Player(exchange, quiet=True) as player:
        for cut in sorted(draw.sample(boundaries(day()), 10)):
            player.play(day().records[start:cut])
            player.settle()
            save(exchange, CONFIG, folder)
            start = cut
    return folder


def run(disk: DrillDisk) -> int:
    """Write the day in groups until the power goes; returns the records that were acknowledged."""
    safe = 0
    draw = random.Random(3)
    try:
        _, log = open_log(disk, LOG, VENUE, segment_bytes=0, group_records_max=GROUP_RECORDS_MAX, background=False)
        while safe < day().records.size:
            group = day().records[safe : safe + draw.randint(1, GROUP_RECORDS_MAX)]
            log.append(group)
            safe += group.size
    except PowerCut:
        pass
    return safe


def cut(cut_at: int, fate: str, names_are_there: bool, snapshots: Path) -> None:
    disk = DrillDisk(cut_at)
    safe = run(disk)
    draw = random.Random(f"{cut_at} {fate} {names_are_there}")
    left = disk.after_power_cut(fate, names_are_there, draw)
    log = FoundLog(left, LOG, None, VENUE)
    exchange = fresh()
    recovered = recover(exchange, CONFIG, snapshots, log)
    assert safe <= recovered.last_sequence <= safe + GROUP_RECORDS_MAX
    assert recovered.last_sequence == log.last_sequence
    assert recovered.snapshot_sequence <= recovered.last_sequence
    assert all("which the log does not hold" in sentence for sentence in recovered.refused)
    assert whole_state_hash(exchange) == hash_of(recovered.last_sequence)


def operations() -> int:
    disk = DrillDisk()
    assert run(disk) == day().records.size
    return len(disk.operations)


def cases() -> list[tuple[int, str, bool]]:
    return [(at, fate, names) for at in range(operations()) for fate in FATES for names in (False, True)]


def test_the_state_is_that_of_exactly_the_records_that_survived(snapshots: Path) -> None:
    everywhere = cases()
    assert len(everywhere) > 400
    for case in random.Random(5).sample(everywhere, 30 if INTERPRETED else 150):
        cut(*case, snapshots)


@pytest.mark.long
def test_the_state_is_that_of_exactly_the_records_that_survived_everywhere(snapshots: Path) -> None:
    for case in cases():
        cut(*case, snapshots)
