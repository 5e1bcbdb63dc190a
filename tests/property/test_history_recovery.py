"""A state that was saved and loaded, or recovered from a snapshot and the records behind it, is that of a run that was
never interrupted, byte for byte, and goes on as that one does."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from appliance.exchange import Exchange
from appliance.history.player import Player, begins_burst
from appliance.history.records import RecordArray
from appliance.history.recover import recover
from appliance.history.state import load, save
from appliance.publisher.packet import NEXT_NUMBER
from native.counters import COUNTERS, REPORTS_OUT
from native.jit import INTERPRETED
from tests.history_rig import CONFIG, Day, fresh, make_day, same_state
from tests.sim.test_determinism import stored_from

SEEDS = range(3)
MESSAGES = 120 if INTERPRETED else 400


def boundaries(day: Day) -> list[int]:
    """Records after which a burst ends."""
    return [at for at in range(1, day.records.size) if begins_burst(day.records[at])] + [day.records.size]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loaded_state_goes_on_as_the_original(seed: int, tmp_path: Path) -> None:
    day = make_day(seed, MESSAGES)
    draw = random.Random(seed)
    cut = draw.choice(boundaries(day))
    original, loaded = fresh(), fresh()
    with Player(original) as player:
        player.play(day.records[:cut])
        player.settle()
        path = save(original, CONFIG, tmp_path)
        snapshot = load(loaded, CONFIG, path)
        assert snapshot.sequence == cut
        same_state(original, loaded)
        player.play(day.records[cut:])
        player.settle()
    with Player(loaded) as player:
        player.play(day.records[cut:])
        player.settle()
    same_state(original, loaded)
    same_state(original, day.exchange)
    _same_feed(loaded, day, snapshot.feed_next_number)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quiet_replay_leads_to_the_same_state(seed: int) -> None:
    """Nothing is encoded: the numbers, the counters and every table are those of a run that says everything."""
    day = make_day(50 + seed, MESSAGES)
    exchanges = []
    for quiet in (False, True):
        exchange = fresh()
        with Player(exchange, quiet=quiet) as player:
            player.play(day.records)
            player.settle()
        exchanges.append(exchange)
    told, silent = exchanges
    same_state(told, day.exchange)
    same_state(silent, day.exchange)
    of_packets = {"packets_out", "bytes_out", "report_packets_out", "feed_packets_out"}
    for counter, mine, its in zip(COUNTERS, told.tables.counters, silent.tables.counters, strict=True):
        assert mine == its or counter.name in of_packets, counter.name
    assert int(silent.tables.counters[REPORTS_OUT]) > 50
    assert stored_from(silent, int(silent.feed.scalars[NEXT_NUMBER])) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_recovery_of_every_prefix(seed: int, tmp_path: Path) -> None:
    """For prefixes of any length, with snapshots anywhere before: the state of a run of just these records."""
    day = make_day(100 + seed, MESSAGES)
    draw = random.Random(seed)
    taken = fresh()
    with Player(taken) as player:
        start = 0
        for cut in sorted(draw.sample(boundaries(day), 4)):
            player.play(day.records[start:cut])
            player.settle()
            save(taken, CONFIG, tmp_path)
            start = cut
    lengths = [*range(0, day.records.size, 7 if INTERPRETED else 3), day.records.size]
    straight, done = fresh(), 0
    with Player(straight) as player:
        for length in lengths:
            player.play(day.records[done:length])
            done = length
            recovered = fresh()
            result = recover(recovered, CONFIG, tmp_path, RecordArray(day.records[:length]))
            assert result.last_sequence == length
            assert result.snapshot_sequence <= length
            assert all("which the log does not hold" in sentence for sentence in result.refused)
            assert int(recovered.feed.scalars[NEXT_NUMBER]) == int(straight.feed.scalars[NEXT_NUMBER])
            if length == day.records.size or begins_burst(day.records[length]):
                player.settle()
            same_state(recovered, straight)
            stored_from(recovered, result.feed_first_number)  # no number is missing
    _same_feed(recovered, day, result.feed_first_number)


def _same_feed(exchange: Exchange, day: Day, first_number: int) -> None:
    """The store holds the day's packets from `first_number` on."""
    packets = stored_from(exchange, first_number)
    assert packets == day.feed_packets[len(day.feed_packets) - len(packets) :]
    assert bool(packets) == (first_number < int(day.exchange.feed.scalars[NEXT_NUMBER]))


def test_a_snapshot_of_another_history_is_refused(tmp_path: Path) -> None:
    """A log that was cut and went on otherwise: the older snapshot, which both histories share, is used."""
    day, other = make_day(1, 60), make_day(2, 60)
    taken = fresh()
    cuts = boundaries(day)[-3:]
    with Player(taken) as player:
        start = 0
        for cut in cuts:
            player.play(day.records[start:cut])
            player.settle()
            save(taken, CONFIG, tmp_path)
            start = cut
    recovered = fresh()
    result = recover(recovered, CONFIG, tmp_path, RecordArray(other.records))
    assert result.snapshot is None
    assert len(result.refused) == len(cuts)
    assert all("another history" in s or "does not hold" in s for s in result.refused)
    same_state(recovered, other.exchange)


def test_a_damaged_snapshot_gives_way_to_an_older_one(tmp_path: Path) -> None:
    day = make_day(5, 80)
    taken = fresh()
    cuts = boundaries(day)[3::12][:3]
    paths = []
    with Player(taken) as player:
        start = 0
        for cut in cuts:
            player.play(day.records[start:cut])
            player.settle()
            paths.append(save(taken, CONFIG, tmp_path))
            start = cut
    octets = np.fromfile(paths[-1], np.uint8)
    octets[octets.size // 2] ^= 16
    octets.tofile(paths[-1])
    recovered = fresh()
    result = recover(recovered, CONFIG, tmp_path, RecordArray(day.records))
    assert result.snapshot == paths[-2]
    assert len(result.refused) == 1 and str(paths[-1]) in result.refused[0]
    same_state(recovered, day.exchange)
