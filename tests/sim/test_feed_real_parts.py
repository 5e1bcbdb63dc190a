"""Subscribers of all levels against the real distributor and the real recovery server: faulty lines, real TCP.

The L3 packets are a seeded flow's; lines, derived channels and the snapshot loop are what the distributor's kernels
send, recovery is the server over loopback. Books are compared with what L3 implies at the transaction that a message of
the same time ended.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.client.book import SIDE_BUY, SIDE_SELL, FeedBook
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.feed_words import FeedState, Range, SubscriberPolicy
from appliance.client.kernel_book import KernelBook
from appliance.client.recovery import RecoveryClient, RetransmitError
from appliance.client.relay import FaultyLine, LinePolicy
from appliance.client.subscriber import FeedSubscriber
from appliance.config import Config
from appliance.exchange import channel_topic_id
from appliance.recovery import snapshots as recovery_snapshots
from appliance.recovery.allocations import Allocation
from appliance.recovery.limits import ServerLimits
from appliance.recovery.snapshots import BookSizes, SnapshotDesk
from appliance.recovery.store import FeedStore
from tests.distributor_rig import DistributorRig, venue
from tests.naive.l3_flow import L3Flow
from tests.naive.recovery_server import serving
from wire.framing import packets

A, B = "239.192.26.1", "239.192.26.2"
FEED_PORT = 26401
PORTS = {3: (FEED_PORT, 26411), 2: (26403, 26413), 1: (26404, 26414)}
SNAPSHOT_PORTS = (26405, 26415)
SNAPSHOT_CHANNEL = 4
INSTRUMENTS = (1, 2, 3)
STEP_NS = 1_000_000
LOSSES = (LinePolicy(loss_percent=25, reorder_percent=5), LinePolicy(burst_percent=30, burst_length=6))
FULL_DEPTH = 1000


class Truth:
    """What every level's books are after each L3 transaction, by its TransactTime."""

    def __init__(self) -> None:
        self._handler = FeedHandler()
        self._book = FeedBook()
        self.at: dict[int, dict[int, dict[int, Any]]] = {}
        self.latest: dict[int, dict[int, Any]] = {}

    def take(self, packet: bytes) -> None:
        for message in self._handler.receive(packet):
            self._book.apply(message)
            assert message.instrument is not None
            if message.instrument.flags & 2:
                self.latest = {level: {one: held(self._book, level, one) for one in INSTRUMENTS} for level in (3, 2, 1)}
                self.at[message.values.TransactTime] = self.latest


def held(book: Any, level: int, instrument: int) -> Any:
    """An instrument's book in one form for all kinds of books."""
    status = book.trading_status(instrument)
    if level == 3:
        return status, [tuple(order) for order in book.orders(instrument)]
    if level == 2:
        return status, [book.levels(instrument, side, FULL_DEPTH) for side in (SIDE_BUY, SIDE_SELL)]
    return status, tuple(book.top(instrument))


@dataclass
class Follower:
    level: int
    subscriber: FeedSubscriber
    lines: list[FaultyLine]
    truths: dict[int, Truth]
    """By epoch."""
    taken: dict[tuple[str, int], int] = field(default_factory=dict)
    told_right: Counter[int] = field(default_factory=Counter)
    """Books of instruments that were compared at an end of a transaction, by epoch."""
    told_recovering: int = 0
    last: tuple[int, int] = (0, 0)
    """Epoch and TransactTime of the last message."""

    def __post_init__(self) -> None:
        self.subscriber.on_message = self.saw
        self.subscriber.on_transaction = self.ended

    def saw(self, message: FeedMessage) -> None:
        if message.values is not None and hasattr(message.values, "TransactTime"):
            self.last = message.epoch, message.values.TransactTime

    def ended(self, _sequence: int, sound: bool) -> None:
        epoch, time_ns = self.last
        self.told_recovering += not sound
        for instrument in INSTRUMENTS:
            if self.subscriber.is_right(instrument):
                expected = self.truths[epoch].at[time_ns][self.level][instrument]
                assert held(self.subscriber.books, self.level, instrument) == expected
                self.told_right[epoch] += 1
            else:
                assert not sound


class Drill:
    """A rig, a server, three followers; `turn` moves all of them by a millisecond."""

    def __init__(self, folder: Path, config: Config, policy: SubscriberPolicy, loop: bool) -> None:
        self.folder, self.loop = folder, loop
        self.now_ns = 0
        self.server: Any = None
        self._server_ends = ExitStack()
        self.distributes = True
        self.truths: dict[int, Truth] = {}
        self.followers = []
        self.open_venue(config)
        for level in (3, 2, 1):
            books = KernelBook(level, 8, 1024, 256) if level == 3 else FeedBook(level)
            subscriber = FeedSubscriber(policy, books, 4 - level, SNAPSHOT_CHANNEL)
            lines = [FaultyLine(one, 10 * level + place) for place, one in enumerate(LOSSES)]
            self.followers.append(Follower(level, subscriber, lines, self.truths))

    def open_venue(self, config: Config) -> None:
        """A core and a distributor that number anew, in the place of what was there."""
        for path in self.folder.iterdir():
            path.unlink()
        self.config = config
        self.rig = rig_of(self.folder, config)
        self.truth = self.truths[config.epoch] = Truth()
        for follower in self.followers:
            follower.taken.clear()

    def start_server(self) -> None:
        limits = ServerLimits(requests=Allocation(0, 0, 0))  # its seconds are not the drill's
        desk = SnapshotDesk(BookSizes(INSTRUMENTS, 256, 64), limits)
        served = serving(FeedStore(self.folder / "feed"), limits, folder=self.folder, snapshots=desk)
        self.server = self._server_ends.enter_context(served)

    def stop_server(self) -> None:
        """Its port stays what followers ask: nobody is there."""
        self._server_ends.close()

    def __enter__(self) -> Drill:
        self.start_server()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_server()

    def publish_before(self, l3: list[bytes]) -> None:
        """Before anybody listens."""
        for packet in l3:
            self.truth.take(packet)
        self.rig.publish(l3)
        self.rig.settle()
        self.rig.sent.clear()

    def play(self, l3: list[bytes], draw: random.Random) -> None:
        """Publish all of it, a few packets a turn."""
        while l3:
            size = draw.randrange(4)
            self.publish(l3[:size])
            l3 = l3[size:]
            self.turn()

    def until_done(self) -> None:
        """Until everybody is complete; then the books are the venue's."""
        deadline = time.monotonic() + 60
        while not all(is_done(follower, self.rig) for follower in self.followers):
            self.turn()
            assert time.monotonic() < deadline, [(one.level, one.subscriber.state) for one in self.followers]
        for follower in self.followers:
            assert follower.told_right[self.config.epoch] and follower.subscriber.handler.counters.gaps
            for instrument in INSTRUMENTS:
                found = held(follower.subscriber.books, follower.level, instrument)
                assert found == self.truth.latest[follower.level][instrument]

    def publish(self, l3: list[bytes]) -> None:
        for packet in l3:
            self.truth.take(packet)
            for line in self.followers[0].lines[:1]:  # the matching core sends line A itself
                line.offer(packet, self.now_ns)
        self.rig.publish(l3)

    def turn(self, step_ns: int = STEP_NS) -> None:
        self.now_ns += step_ns
        if self.distributes:
            self.rig.turn(4, step_ns // 4)
        for follower in self.followers:
            self._offer(follower)
            for number, line in enumerate(follower.lines):
                for packet in line.due(self.now_ns):
                    follower.subscriber.receive(packet, self.now_ns, number)
            if self.loop:
                for packet in self._new(follower, A, SNAPSHOT_PORTS[0]):
                    follower.subscriber.receive_snapshot(packet, self.now_ns)
            self._recover(follower)

    def _offer(self, follower: Follower) -> None:
        for number, (group, port) in enumerate(zip((A, B), PORTS[follower.level], strict=True)):
            for packet in self._new(follower, group, port):
                follower.lines[number].offer(packet, self.now_ns)

    def _new(self, follower: Follower, group: str, port: int) -> Iterator[bytes]:
        sent = self.rig.sent.get((group, port), [])
        start = follower.taken.get((group, port), 0)
        follower.taken[group, port] = len(sent)
        yield from sent[start:]

    def _recover(self, follower: Follower) -> None:
        subscriber = follower.subscriber
        wanted = subscriber.wanted(self.now_ns)
        topic = subscriber.handler.topic_session_id
        if wanted is None or (isinstance(wanted, Range) and topic is None):
            return
        fault = ""
        try:
            with RecoveryClient(self.server.ip, self.server.port, topic or bytes(16)) as client:
                if isinstance(wanted, Range):
                    for packet in client.fetch(*wanted):
                        subscriber.receive(packet, self.now_ns)
                else:
                    for packet in client.snapshot(4 - follower.level, *wanted):
                        subscriber.receive_snapshot(packet, self.now_ns)
        except (OSError, RetransmitError) as error:
            fault = str(error)
        subscriber.answered(wanted, self.now_ns, fault)


def rig_of(folder: Path, config: Config) -> DistributorRig:
    """The rig, its L3 store under the Topic that the distributor announces on line B."""
    rig = DistributorRig(folder, config)
    topic = channel_topic_id(config, config.feed.channel_id).bytes
    rig.writer.header[0]["topic_session_id"] = np.frombuffer(topic, np.uint8)
    return rig


POLICIES = {
    "ranges": (SubscriberPolicy(from_first=True, retry_ns=STEP_NS), False, 0),
    "snapshots by TCP": (SubscriberPolicy(has_ranges=False, has_snapshots=True, retry_ns=STEP_NS), False, 60),
    "snapshot loop": (SubscriberPolicy(has_ranges=False, has_snapshot_loop=True, retry_ns=STEP_NS), True, 60),
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing is published while a follower of this drill waits for its answer
    monkeypatch.setattr(recovery_snapshots, "_WAIT_SECONDS_MAX", 0.02)


@pytest.mark.parametrize("name", POLICIES)
def test_all_levels_are_right_or_recovering(tmp_path: Path, name: str) -> None:
    policy, loop, before = POLICIES[name]
    config = venue(snapshot_cycle_ms=100)
    flow = L3Flow(len(name)).packets(220, epoch=config.epoch, sizes=8)
    with Drill(tmp_path, config, policy, loop) as drill:
        drill.publish_before(flow[:before])
        drill.play(flow[before:], random.Random(1))
        drill.until_done()


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
@pytest.mark.parametrize("name", POLICIES)
def test_distributor_server_and_venue_are_started_anew_in_the_middle(tmp_path: Path, name: str, seed: int) -> None:
    policy, loop, before = POLICIES[name]
    config = venue(snapshot_cycle_ms=100)
    flow = L3Flow(seed).packets(200, epoch=config.epoch, sizes=8)
    draw = random.Random(seed)
    parts = [flow[start : start + len(flow) // 6 + 1] for start in range(0, len(flow), len(flow) // 6 + 1)]
    with Drill(tmp_path, config, policy, loop) as drill:
        drill.publish_before(flow[: before // 4])
        drill.play(parts[0][before // 4 :], draw)
        drill.distributes = False  # it is killed: line A of L3 goes on
        drill.play(parts[1], draw)
        drill.rig.restart()
        drill.distributes = True
        drill.play(parts[2], draw)
        drill.stop_server()
        drill.play(parts[3], draw)
        failures = [follower.subscriber.counters.failures for follower in drill.followers]
        drill.start_server()
        drill.play(parts[4], draw)
        drill.rig.restart()  # at once
        drill.play(parts[5], draw)
        drill.until_done()
        drill.stop_server()  # which ends with its venue
        drill.open_venue(config.model_copy(update={"epoch": config.epoch + 1}))
        anew = L3Flow(seed + 1).packets(100, epoch=config.epoch + 1, sizes=8)
        drill.play(anew[: len(anew) // 2], draw)
        drill.start_server()
        drill.play(anew[len(anew) // 2 :], draw)
        drill.until_done()
    assert loop or any(failures)
    assert all(follower.told_recovering or name == "ranges" for follower in drill.followers)


def test_a_late_joiner_is_right_within_5_s_by_the_loop_as_it_is_configured(tmp_path: Path) -> None:
    policy = SubscriberPolicy(has_ranges=False, has_snapshot_loop=True)
    config = venue()
    flow = L3Flow(5).packets(400, epoch=config.epoch, sizes=8)
    with Drill(tmp_path, config, policy, loop=True) as drill:
        for follower in drill.followers:
            follower.lines = [FaultyLine(LinePolicy()) for _ in follower.lines]
        drill.publish_before(flow[: len(flow) // 2])
        for packet in flow[len(flow) // 2 :]:
            drill.publish([packet])
            drill.turn(10 * STEP_NS)
            if all(follower.subscriber.complete for follower in drill.followers):
                break
        assert drill.now_ns <= 5_000_000_000
        for follower in drill.followers:
            assert follower.subscriber.complete and follower.subscriber.counters.snapshots_loaded
            for instrument in INSTRUMENTS:
                found = held(follower.subscriber.books, follower.level, instrument)
                assert found == drill.truth.latest[follower.level][instrument]


def is_done(follower: Follower, rig: DistributorRig) -> bool:
    """It says that it is complete, and has heard of the channel's last message."""
    if follower.level == 3:
        last = rig.writer.next_sequence - 1
    else:
        last = int(rig.state.derivation.channels[3 - follower.level]["next_number"]) - 1
    subscriber = follower.subscriber
    return subscriber.state is FeedState.COMPLETE and subscriber.sequence == last


def test_the_heartbeats_tell_the_topic(tmp_path: Path) -> None:
    """Each channel's Topic is that of its store, so that ranges are asked of the right one."""
    config = venue()
    rig = rig_of(tmp_path, config)
    rig.publish(L3Flow(2).packets(5, epoch=config.epoch))
    rig.settle()
    rig.turn(5, 1_200_000_000)
    found = {}
    for level, (_, port) in PORTS.items():
        handler = FeedHandler(channel_id=4 - level)
        for packet in rig.sent[B, port]:
            handler.receive(packet)
        found[level] = handler.topic_session_id
    assert len(set(found.values())) == 3 and None not in found.values()
    assert found[3] == FeedStore(tmp_path / "feed").topic_session_id
    assert {packets.parse_header(packet).channel_id for packet in rig.sent[B, PORTS[2][1]]} == {2}
