"""Subscribers of all levels against the real distributor and the real recovery server: faulty lines, real TCP.

The L3 packets are a seeded flow's; lines, derived channels and the snapshot loop are what the distributor's kernels
send, recovery is the server over loopback. Books are compared with what L3 implies at the transaction that a message of
the same time ended.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
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
    truth: Truth
    taken: dict[tuple[str, int], int] = field(default_factory=dict)
    told_right: int = 0
    """Books of instruments that were compared at an end of a transaction."""
    last_time_ns: int = 0

    def __post_init__(self) -> None:
        self.subscriber.on_message = self.saw
        self.subscriber.on_transaction = self.ended

    def saw(self, message: FeedMessage) -> None:
        if message.values is not None and hasattr(message.values, "TransactTime"):
            self.last_time_ns = message.values.TransactTime

    def ended(self, _sequence: int, sound: bool) -> None:
        for instrument in INSTRUMENTS:
            if self.subscriber.is_right(instrument):
                expected = self.truth.at[self.last_time_ns][self.level][instrument]
                assert held(self.subscriber.books, self.level, instrument) == expected
                self.told_right += 1
            else:
                assert not sound


class Drill:
    """A rig, a server, three followers; `turn` moves all of them by a millisecond."""

    def __init__(self, rig: DistributorRig, server: Any, policy: SubscriberPolicy, loop: bool) -> None:
        self.rig, self.server, self.loop = rig, server, loop
        self.truth = Truth()
        self.now_ns = 0
        self.followers = []
        for level in (3, 2, 1):
            books = KernelBook(level, 8, 1024, 256) if level == 3 else FeedBook(level)
            subscriber = FeedSubscriber(policy, books, 4 - level, SNAPSHOT_CHANNEL)
            lines = [FaultyLine(one, 10 * level + place) for place, one in enumerate(LOSSES)]
            self.followers.append(Follower(level, subscriber, lines, self.truth))

    def publish(self, l3: list[bytes]) -> None:
        for packet in l3:
            self.truth.take(packet)
            for line in self.followers[0].lines[:1]:  # the matching core sends line A itself
                line.offer(packet, self.now_ns)
        self.rig.publish(l3)

    def turn(self) -> None:
        self.now_ns += STEP_NS
        self.rig.turn(4, STEP_NS // 4)
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


@pytest.mark.parametrize("name", POLICIES)
def test_all_levels_are_right_or_recovering(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing is published while a follower of this drill waits for its answer
    monkeypatch.setattr(recovery_snapshots, "_WAIT_SECONDS_MAX", 0.02)
    policy, loop, before = POLICIES[name]
    config = venue(snapshot_cycle_ms=100)
    flow = L3Flow(len(name)).packets(220, epoch=config.epoch, sizes=8)
    rig = rig_of(tmp_path, config)
    limits = ServerLimits(requests=Allocation(0, 0, 0))  # its seconds are not the drill's
    desk = SnapshotDesk(BookSizes(INSTRUMENTS, 256, 64), limits)
    with serving(FeedStore(tmp_path / "feed"), limits, folder=tmp_path, snapshots=desk) as server:
        drill = Drill(rig, server, policy, loop)
        draw = random.Random(1)
        early, flow = flow[:before], flow[before:]
        for packet in early:  # before anybody listens
            drill.truth.take(packet)
        rig.publish(early)
        rig.settle()
        rig.sent.clear()
        while flow:
            size = draw.randrange(4)
            drill.publish(flow[:size])
            flow = flow[size:]
            drill.turn()
        deadline = time.monotonic() + 60
        while not all(is_done(follower, rig) for follower in drill.followers):
            drill.turn()
            assert time.monotonic() < deadline, [(one.level, one.subscriber.state) for one in drill.followers]
    for follower in drill.followers:
        assert follower.told_right and follower.subscriber.handler.counters.gaps
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
