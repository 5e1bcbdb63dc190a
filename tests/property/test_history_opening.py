"""A venue that was killed and recovered goes on with its day: opened once, numbers and chain without a hole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.history.opening import finish_opening
from appliance.history.player import Player
from appliance.history.records import RecordArray
from appliance.history.recover import recover
from appliance.journal.records import Cursor
from appliance.loop import allocate_loop, open_day
from appliance.publisher.packet import NEXT_NUMBER
from appliance.replay import opening_phases
from native import counters
from native.layout import KIND_PHASE
from tests.history_rig import CONFIG, Day, fresh, make_day, same_state
from tests.venue_rig import FIXP, START_NS, Client, VenueRig, single
from wire.framing import packets
from wire.net.frames import parse_udp_frame


def _resumed(day: Day, length: int, folder: Path) -> tuple[VenueRig, int]:
    """A venue that was killed after `length` records and goes on; how many instruments it still had to open."""
    rig = VenueRig(CONFIG, opens=False)
    rig.exchange.journal.records[:length] = day.records[:length]
    result = recover(rig.exchange, CONFIG, folder, RecordArray(day.records[:length]))
    rig.now_ns = START_NS + 1
    loop = allocate_loop(opening_phases(CONFIG))
    opened = finish_opening(rig.exchange, loop, rig.port.handle, result.last_sequence, rig.now_ns)
    open_day(rig.exchange, loop, rig.port.handle, rig.now_ns)
    return rig, opened


@pytest.mark.parametrize("length", range(10))
def test_a_kill_amid_the_opening(length: int, tmp_path: Path) -> None:
    day = make_day(7, 30)
    rig, opened = _resumed(day, length, tmp_path)
    with rig:
        kinds = rig.exchange.journal.records["kind"]
        assert np.count_nonzero(kinds == KIND_PHASE) - np.count_nonzero(
            day.records[4:length]["kind"] == KIND_PHASE
        ) == len(CONFIG.instruments), "each was opened once"
        assert opened == {0: 0, 1: 3, 2: 2, 3: 1}.get(length, 0)
        records = rig.exchange.journal.records[: int(rig.exchange.journal.scalars[0])]
        assert Cursor(1, CONFIG.epoch).count_whole(records) == records.size, "the chain goes on"


def test_after_a_kill_clients_and_subscribers_go_on(tmp_path: Path) -> None:
    """Numbers go on, what is sent again is known, and the journal of both runs replays to the same state."""
    day = make_day(21, 120)
    length = day.records.size
    rig, _ = _resumed(day, length, tmp_path)
    with rig:
        numbers = day.exchange.tables.sessions[["expected_seq", "next_out_seq"]].copy()
        assert (rig.exchange.tables.sessions[["expected_seq", "next_out_seq"]] == numbers).all()
        client = Client(1)
        expected = int(numbers["expected_seq"][0])
        rig.now_ns = int(day.records["time_ns"][-1]) + 1000
        rig.burst([client.frame(single(9999, 1, 2, 97), at=expected - 1)], collect=False)
        assert rig.counter(counters.DROP_DUPLICATE) == 1
        rig.burst([client.frame(single(9999, 1, 2, 97), at=expected)], collect=False)
        assert int(rig.exchange.tables.sessions["expected_seq"][0]) == expected + 1
        frames = []
        while (got := rig.port.collect()) is not None:
            frames.append(parse_udp_frame(got.frame))
        feed = [f.payload for f in frames if f.destination.udp_port == CONFIG.feed.udp_port]
        reports = [f.payload for f in frames if f.destination.udp_port != CONFIG.feed.udp_port]
        number = int(numbers["next_out_seq"][0])
        assert [FIXP.decode(payload).NextSeqNo for payload in reports] == [number]
        for payload in feed[:1]:
            assert packets.parse_header(payload).sequence == int(day.exchange.feed.scalars[NEXT_NUMBER])
        total = int(rig.exchange.journal.scalars[0])
        with Player(again := fresh()) as player:
            player.play(rig.exchange.journal.records[:total].copy())
            player.settle()
        same_state(again, rig.exchange)
