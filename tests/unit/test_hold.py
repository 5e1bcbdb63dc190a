"""Nothing leaves before its record is safe, everything does then, in the order in which it was said."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from appliance.exchange import Exchange
from appliance.hold import HELD_BYTES, Hold, allocate_hold, begin_to_hold, is_crowded, is_empty, release
from appliance.loop import RUN_LOG_LOST, RUN_STOPPED, RUN_TURNS_DONE, allocate_loop, day_is_open, run, write_command
from appliance.replay import opening_phases
from appliance.sequencer.journal import COMMITTED
from native import counters
from native.layout import CONTROL_STOP, PKT_CLOCK_REALTIME
from native.log_layout import JOURNAL_WRITER_FAILED, JOURNAL_WRITER_RUNS
from tests.venue_rig import Client, VenueRig, mass_cancel, new, small_config

ONE = small_config(limits={"orders": 4096, "levels": 64})


class HeldRig(VenueRig):
    """A venue whose answers wait for `durable[0]`, in a ring of `hold_bytes`."""

    def __init__(self, hold_bytes: int, *, tx_frames: int = 2048) -> None:
        super().__init__(ONE, opens=False, tx_frames=tx_frames)
        self.durable = np.zeros(2, np.int64)  # what is safe, and the state of who makes it so
        self.durable[1] = JOURNAL_WRITER_RUNS
        members = {name: getattr(self.exchange, name) for name in Exchange.member_names}
        self.exchange = Exchange(**members | {"hold": allocate_hold(hold_bytes)})
        begin_to_hold(self.exchange.hold, self.durable.ctypes.data, self.durable.ctypes.data + 8)
        self.open_day()

    @property
    def hold(self) -> Hold:
        return self.exchange.hold

    @property
    def committed(self) -> int:
        return int(self.exchange.journal.scalars[COMMITTED])

    def is_safe_up_to(self, sequence: int) -> int:
        """The disk has come so far: what leaves now."""
        self.durable[0] = sequence
        exchange = self.exchange
        sent = release(exchange.tables, exchange.feed, self.hold, exchange.tx, self.port.handle, self.now_ns)
        self.collect()
        return int(sent)

    def public_bytes(self) -> int:
        """What may be asked for again."""
        return int(self.exchange.feed.header[0]["committed_bytes"])


def requests(count: int, seed: int = 1) -> list[list[bytes]]:
    """Bursts of new orders of two clients that trade with each other."""
    draw = random.Random(seed)
    clients = Client(1), Client(2)
    bursts = []
    for number in range(1, count + 1):
        burst = []
        for index, client in enumerate(clients):
            side = draw.choice((1, 2))
            burst.append(
                client.frame(new(number, side, draw.randint(1, 9), 100 + draw.randint(-2, 2), Account=index + 1))
            )
        bursts.append(burst)
    return bursts


def frames_without_a_hold(bursts: list[list[bytes]]) -> tuple[list[bytes], list[int]]:
    """What a venue in memory sends, and how many records there were when each frame left."""
    frames: list[bytes] = []
    records: list[int] = []
    with VenueRig(ONE) as rig:
        for burst in ([], *bursts):
            if burst:  # the first look is at what the day began with
                rig.now_ns += 1000
                rig.burst(burst)
            records += [int(rig.exchange.journal.scalars[COMMITTED])] * (len(rig.frames_out) - len(records))
        frames = [out.frame for out in rig.frames_out]
    return frames, records


@pytest.mark.parametrize("seed", range(4))
def test_frames_leave_when_their_records_are_safe_and_not_before(seed: int) -> None:
    draw = random.Random(seed)
    bursts = requests(120, seed)
    frames, records = frames_without_a_hold(bursts)
    with HeldRig(1 << 20) as rig:
        assert rig.frames_out == [] and rig.public_bytes() == 0 and not is_empty(rig.hold)
        for burst in bursts:
            rig.now_ns += 1000
            rig.burst(burst)
            if draw.random() < 0.4:
                safe = draw.randint(int(rig.durable[0]), rig.committed)
                rig.is_safe_up_to(safe)
                expected = [frame for frame, depends_on in zip(frames, records, strict=True) if depends_on <= safe]
                assert [out.frame for out in rig.frames_out] == expected
                assert rig.public_bytes() == sum(16 + -(-len(packet) // 8) * 8 for packet in rig.sent.feed_packets), (
                    "the feed store shows what has left, and no more"
                )
        rig.is_safe_up_to(rig.committed)
        assert [out.frame for out in rig.frames_out] == frames
        assert is_empty(rig.hold)
        assert rig.counter(counters.HOLD_WAITS) == rig.counter(counters.TX_DROPPED) == 0


def test_the_ring_goes_round_many_times() -> None:
    bursts = requests(300, 9)
    frames, _ = frames_without_a_hold(bursts)
    with HeldRig(37 * HELD_BYTES * 4) as rig:  # 4.6 KiB
        for burst in bursts:
            rig.now_ns += 1000
            rig.durable[0] = rig.committed + 40  # safe as soon as they are there
            rig.burst(burst)
        rig.is_safe_up_to(rig.committed)
        assert [out.frame for out in rig.frames_out] == frames


def test_no_input_is_taken_while_the_ring_is_crowded() -> None:
    client = Client(1)
    with HeldRig(16 << 10) as rig:
        loop = allocate_loop(opening_phases(ONE))
        day_is_open(loop)
        for number in range(1, 200):
            assert rig.port.inject(client.frame(new(number)), rig.now_ns, PKT_CLOCK_REALTIME)
            assert run(rig.exchange, loop, rig.port.handle, 2) == RUN_TURNS_DONE
            if is_crowded(rig.hold):
                break
        assert is_crowded(rig.hold) and rig.frames_out == []
        before = rig.committed
        assert rig.port.inject(client.frame(new(number + 1)), rig.now_ns, PKT_CLOCK_REALTIME)
        assert run(rig.exchange, loop, rig.port.handle, 50) == RUN_TURNS_DONE
        assert rig.committed == before and rig.counter(counters.HOLD_CROWDED) >= 50
        rig.durable[0] = before
        assert run(rig.exchange, loop, rig.port.handle, 3) == RUN_TURNS_DONE
        assert rig.committed > before, "it goes on by itself"
        rig.collect()
        assert len(rig.sent.reports[client.uuid]) == number
        assert rig.counter(counters.HOLD_WAITS) == 0


def fill_book(rig: HeldRig, client: Client, orders: int) -> None:
    for number in range(1, orders + 1, 10):
        rig.now_ns += 1000
        rig.burst([client.frame(*(new(n, ticks=90 + n % 9) for n in range(number, number + 10)))], collect=False)
        rig.is_safe_up_to(rig.committed)
    assert is_empty(rig.hold)


def test_one_input_that_says_more_than_the_ring_holds_waits_for_the_disk() -> None:
    client = Client(1)
    with HeldRig(16 << 10) as rig:
        fill_book(rig, client, 1000)
        told = len(rig.sent.reports[client.uuid])

        def disk() -> None:
            time.sleep(0.05)
            rig.durable[0] = 1 << 40

        thread = threading.Thread(target=disk)
        thread.start()
        rig.now_ns += 1000
        rig.burst([client.frame(mass_cancel(5000))])
        thread.join()
        rig.is_safe_up_to(1 << 40)
        assert len(rig.sent.reports[client.uuid]) == told + 1000 + 1
        assert rig.counter(counters.HOLD_WAITS) > 0
        assert rig.counter(counters.HOLD_DISCARDED_BYTES) == rig.counter(counters.TX_DROPPED) == 0


def test_a_disk_that_is_lost_ends_the_loop_and_nothing_more_is_said() -> None:
    client = Client(1)
    with HeldRig(16 << 10) as rig:
        fill_book(rig, client, 1000)
        said = len(rig.frames_out)
        rig.durable[1] = JOURNAL_WRITER_FAILED
        rig.now_ns += 1000
        rig.burst([client.frame(mass_cancel(5000))])
        assert rig.counter(counters.HOLD_DISCARDED_BYTES) > 0
        assert len(rig.frames_out) == said
        loop = allocate_loop(opening_phases(ONE))
        day_is_open(loop)
        assert run(rig.exchange, loop, rig.port.handle, -1) == RUN_LOG_LOST


def test_a_loop_that_is_told_to_stop_says_everything_first() -> None:
    client = Client(1)
    with HeldRig(1 << 20) as rig:
        loop = allocate_loop(opening_phases(ONE))
        day_is_open(loop)
        assert rig.port.inject(client.frame(new(1), new(2)), rig.now_ns, PKT_CLOCK_REALTIME)
        assert run(rig.exchange, loop, rig.port.handle, 3) == RUN_TURNS_DONE
        assert write_command(loop, CONTROL_STOP)
        thread = threading.Timer(0.05, lambda: rig.durable.__setitem__(0, 1 << 40))
        thread.start()
        assert run(rig.exchange, loop, rig.port.handle, -1) == RUN_STOPPED
        rig.collect()
        assert len(rig.sent.reports[client.uuid]) == 2
        assert is_empty(rig.hold)


def test_without_a_disk_nothing_waits() -> None:
    client = Client(1)
    with VenueRig(ONE) as rig:
        rig.send(client.frame(new(1)))
        assert len(rig.sent.reports[client.uuid]) == 1
        assert is_empty(rig.exchange.hold) and not is_crowded(rig.exchange.hold)
