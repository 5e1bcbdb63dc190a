"""The power is cut at every operation of a recorded run, with every fate of what was not synced: nothing that was
acknowledged is missing, nothing is there that was not written, and the log can be carried on, crash after crash."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from appliance.journal.disk_log import DiskLog
from appliance.journal.records import Cursor, Identity, JournalDamaged
from appliance.journal.recovery import open_log
from appliance.journal.scan import Log, scan
from tests.naive.drill_disk import FATES, DrillDisk, PowerCut
from tests.naive.event_log import made_up_records

FOLDER = Path("/log")
EPOCH = 5
VENUE = Identity(bytes(range(16)), EPOCH, b"s" * 32, b"c" * 32)
GROUP_RECORDS_MAX = 70
GROUP_SIZES = (1, 30, 31, 32, 62, 63, 70, 5, 70, 70, 1, 1, 40, 70, 70, 70, 9)


def sealed(count: int, seed: int = 1) -> np.ndarray:
    records = made_up_records(count, seed)
    Cursor(1, EPOCH).seal(records)
    return records


RECORDS = sealed(2 * sum(GROUP_SIZES))


class Life:
    """One run of the appliance: opens the log and appends until the power goes."""

    def __init__(self, disk: DrillDisk) -> None:
        self.disk = disk
        self.found: list[np.ndarray] = []
        self.log: Log | None = None
        self.safe = 0
        """Records that were acknowledged."""

    def open(self) -> DiskLog:
        self.log, writer = open_log(
            self.disk,
            FOLDER,
            VENUE,
            segment_bytes=0,
            group_records_max=GROUP_RECORDS_MAX,
            take=lambda records: self.found.append(records.copy()),
            background=False,
        )
        self.safe = self.log.last_sequence
        return writer

    def run(self, sizes: tuple[int, ...] = GROUP_SIZES, close: bool = False) -> None:
        try:
            writer = self.open()
            for size in sizes:
                writer.append(RECORDS[self.safe : self.safe + size])
                self.safe += size
            if close:
                writer.close()
        except PowerCut:
            pass

    def records(self) -> np.ndarray:
        return np.concatenate([RECORDS[:0], *self.found])


def life_after(disk: DrillDisk, safe_before: int, written_before: int, cut_at: int | None = None) -> Life:
    """Start on what a crash left; what is found must be a prefix of what was written and hold all that was safe."""
    disk.cut_at = cut_at
    life = Life(disk)
    life.run((3, 70, 31))
    if life.log is not None:
        found = life.records()
        assert safe_before <= found.size <= written_before
        assert found.tobytes() == RECORDS[: found.size].tobytes()
        assert life.log.last_sequence == found.size
    return life


def operations_of_a_run() -> int:
    disk = DrillDisk()
    Life(disk).run()
    return len(disk.operations)


OPERATIONS = operations_of_a_run()


def crash_everywhere(seed: int, fates: tuple[str, ...]) -> int:
    cases = 0
    for cut_at in range(OPERATIONS):
        first = Life(DrillDisk(cut_at))
        first.run()
        for fate in fates:
            for names_are_there in (False, True):
                draw = random.Random(f"{seed} {cut_at} {fate} {names_are_there}")
                left = first.disk.after_power_cut(fate, names_are_there, draw)
                second = life_after(left, first.safe, first.safe + GROUP_RECORDS_MAX, draw.randrange(60))
                again = second.disk.after_power_cut(draw.choice(FATES), draw.random() < 0.5, draw)
                safe = max(second.safe, first.safe)
                third = life_after(again, safe, safe + GROUP_RECORDS_MAX)
                assert third.log is not None, "nothing cut it"
                whole = scan(third.disk, FOLDER, expected=VENUE)
                assert whole.last_sequence == third.safe
                cases += 1
    return cases


def test_a_run_has_something_to_cut() -> None:
    assert OPERATIONS > 60
    disk = DrillDisk()
    Life(disk).run()
    assert len([name for name in disk.names(FOLDER) if name != "journal.spare"]) > 3, "segments"


@pytest.mark.parametrize("fate", FATES)
def test_nothing_acknowledged_is_lost_wherever_the_power_goes(fate: str) -> None:
    assert crash_everywhere(1, (fate,)) == 2 * OPERATIONS


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 42))
def test_nothing_acknowledged_is_lost_wherever_the_power_goes_long(seed: int) -> None:
    crash_everywhere(seed, FATES)


def test_a_sync_that_lies_loses_records_or_is_refused_but_never_invents_any() -> None:
    outcomes = set()
    for fate in FATES:
        for names_are_there in (False, True):
            draw = random.Random(fate)
            disk = DrillDisk()
            Life(disk).run(GROUP_SIZES[:6])
            disk.syncs_lie = True
            Life(disk).run(GROUP_SIZES[:4])
            left = disk.after_power_cut(fate, names_are_there, draw)
            try:
                found = life_after(left, sum(GROUP_SIZES[:6]), RECORDS.size)
            except JournalDamaged as error:
                outcomes.add("refused")
                sentence = str(error)
                assert "byte" in sentence or "shorter" in sentence
            else:
                assert found.log is not None
                outcomes.add("cut")
    assert outcomes == {"refused", "cut"}
