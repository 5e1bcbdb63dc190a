"""A drill without I/O: a venue, two faulty lines a level, a snapshot loop, a recovery server, subscribers. Seeded.

Time is simulated. Whenever a subscriber tells of a transaction's end with sound books, every book that it has is
compared with the venue's of that very message; instruments that it calls right are compared at every step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from appliance.client.book import FeedBook
from appliance.client.feed_words import Books, FeedState, Range, Snapshot, SubscriberPolicy
from appliance.client.relay import FaultyLine, LinePolicy
from appliance.client.subscriber import FeedSubscriber
from tests.naive.feed_venue import SNAPSHOT_CHANNEL, FeedVenue
from wire.framing import packets

STEP_NS = 200_000
HEARTBEAT_STEPS = 10
SNAPSHOT_EVERY_STEPS = 40
LAST_STEPS = 4000
GOOD = LinePolicy()
DEFAULT = SubscriberPolicy()


@dataclass(frozen=True)
class Plan:
    """What a drill does."""

    lines: tuple[LinePolicy, ...] = (GOOD, GOOD)
    snapshot_line: LinePolicy = GOOD
    policy: SubscriberPolicy = DEFAULT
    levels: tuple[int, ...] = (3, 2, 1)
    steps: int = 400
    transactions_before: int = 0
    """The subscribers join after so many."""
    restart_at: int = -1
    """The publisher starts anew at this step: a later epoch, empty books."""
    server_down: tuple[int, int] = (0, 0)
    """Steps in which the recovery server refuses."""
    server_steps: int = 2
    """How long an answer takes."""
    books: Callable[[int], Books] = FeedBook
    by_packets: bool = False
    """Nobody listens to transactions, so that kernel books take whole packets; books are compared after each step."""
    compares: bool = True
    """False where lines damage packets: a changed price is believed, so books are not compared, only the states."""


@dataclass
class Follower:
    """One subscriber, its lines, and what it has told."""

    level: int
    subscriber: FeedSubscriber
    lines: list[FaultyLine]
    snapshot_line: FaultyLine
    told_sound: int = 0
    told_recovering: int = 0
    states: set[FeedState] = field(default_factory=set)
    asked: tuple[Range | Snapshot, int] | None = None


def held(books: Books, level: int, instrument: int) -> Any:
    """What a book says of an instrument, in the form of `FeedVenue.book_at`."""
    status = books.trading_status(instrument)
    if level == 3:
        return status, [tuple(order) for order in books.orders(instrument)]
    if level == 2:
        levels = {
            (side, price): (lots, orders)
            for side in (1, 2)
            for price, lots, orders in books.levels(instrument, side, 1000)
        }
        return status, sorted(levels.items())
    return status, tuple(books.top(instrument))


class Drill:
    """Run it with `run`; it asserts on its way."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.plan = plan
        self.draw = random.Random(seed)
        self.seed = seed
        self.venue = FeedVenue(seed, epoch=1)
        self.step = 0
        for _ in range(plan.transactions_before):
            self.venue.transaction(0)
        self.followers = [self._follower(level) for level in plan.levels]

    def _follower(self, level: int) -> Follower:
        subscriber = FeedSubscriber(
            policy=self.plan.policy, books=self.plan.books(level), snapshot_channel_id=SNAPSHOT_CHANNEL
        )
        lines = [FaultyLine(policy, self.seed * 31 + level * 7 + n) for n, policy in enumerate(self.plan.lines)]
        follower = Follower(level, subscriber, lines, FaultyLine(self.plan.snapshot_line, self.seed * 17 + level))
        if not self.plan.by_packets:
            subscriber.on_transaction = lambda sequence, sound: self._check(follower, sequence, sound)
        return follower

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return self.step * STEP_NS

    def _check(self, follower: Follower, sequence: int, sound: bool) -> None:
        channel = self.venue.channels[follower.level]
        if not self.plan.compares:
            return
        if follower.subscriber.handler.epoch != self.venue.epoch:
            return  # it cannot know yet that there is a new one; the old venue's books are compared no more
        assert sequence in channel.truth, f"{sequence} is no end of a transaction"
        follower.told_sound += sound
        follower.told_recovering += not sound
        for instrument, expected in channel.truth[sequence].items():
            if follower.subscriber.is_right(instrument):
                found = held(follower.subscriber.books, follower.level, instrument)
                assert found == expected, (self.step, follower.level, instrument, sequence)
            else:
                assert not sound

    def run(self) -> None:
        """All steps, then quiet steps until every follower is complete."""
        for _ in range(self.plan.steps):
            self._one_step(busy=True)
        for _ in range(LAST_STEPS):
            self._one_step(busy=False)
            if all(map(self._is_done, self.followers)):
                break
        for follower in self.followers:
            subscriber = follower.subscriber
            assert subscriber.complete, (follower.level, subscriber.state, subscriber.counters, subscriber.last_fault)
            assert self._is_done(follower)
            if not self.plan.compares:
                continue
            for instrument in self.venue.books:
                expected = self.venue.book_at(follower.level, instrument)
                assert held(subscriber.books, follower.level, instrument) == expected
            assert subscriber.books.faults == 0

    def _is_done(self, follower: Follower) -> bool:
        """It says that it is complete, and a heartbeat has told it of the last message."""
        last = len(self.venue.channels[follower.level].frames)
        return follower.subscriber.complete and follower.subscriber.sequence == last

    def _one_step(self, busy: bool) -> None:
        self.step += 1
        if self.step == self.plan.restart_at:
            self.venue = FeedVenue(self.seed + 1, epoch=2)
        sent = self.venue.transaction(self.now_ns) if busy and self.draw.random() < 0.7 else {}
        for follower in self.followers:
            packets_now = list(sent.get(follower.level, []))
            if self.step % HEARTBEAT_STEPS == 0:
                packets_now.append(self.venue.heartbeat(follower.level))
            for line in follower.lines:
                for packet in packets_now:
                    line.offer(packet, self.now_ns)
            if self.plan.policy.has_snapshot_loop and self.step % SNAPSHOT_EVERY_STEPS == 0:
                for packet in self._loop(follower.level):
                    follower.snapshot_line.offer(packet, self.now_ns)
            self._deliver(follower)
            self._serve(follower)
            follower.states.add(follower.subscriber.state)
            sequence = follower.subscriber.sequence
            if self.plan.by_packets and sequence in self.venue.channels[follower.level].truth:
                self._check(follower, sequence, follower.subscriber.sound)

    def _loop(self, level: int) -> Iterator[bytes]:
        """What a snapshot port sends: the cycles of all levels, L3's on the loop's own channel."""
        yield from self.venue.snapshot(3, SNAPSHOT_CHANNEL)[:-1] if level != 3 else ()
        if level == 3:
            yield from self.venue.snapshot(3, SNAPSHOT_CHANNEL)
        else:
            yield from self.venue.snapshot(level, self.venue.channels[level].channel_id)[:-1]
            yield self.venue.snapshot(3, SNAPSHOT_CHANNEL)[-1]

    def _deliver(self, follower: Follower) -> None:
        for number, line in enumerate(follower.lines):
            for packet in line.due(self.now_ns):
                follower.subscriber.receive(packet, self.now_ns, number)
        for packet in follower.snapshot_line.due(self.now_ns):
            follower.subscriber.receive_snapshot(packet, self.now_ns)

    def _serve(self, follower: Follower) -> None:
        """The recovery server answers what was asked `server_steps` ago."""
        subscriber = follower.subscriber
        if follower.asked is None:
            wanted = subscriber.wanted(self.now_ns)
            if wanted is not None:
                follower.asked = wanted, self.step
            return
        wanted, asked_at = follower.asked
        if self.step < asked_at + self.plan.server_steps:
            return
        follower.asked = None
        down_from, down_to = self.plan.server_down
        channel = self.venue.channels[follower.level]
        if down_from <= self.step < down_to:
            subscriber.answered(wanted, self.now_ns, "The server is down.")
            return
        if isinstance(wanted, Range):
            answer = self.venue.range(follower.level, wanted.from_sequence, wanted.messages)
            for packet in answer:
                subscriber.receive(packet, self.now_ns)
            subscriber.answered(wanted, self.now_ns, "" if answer else "The range was not published.")
            return
        if wanted.minimum_sequence > len(channel.frames):
            subscriber.answered(wanted, self.now_ns, "It is not published yet.")
            return
        if wanted.security_id not in (0, *self.venue.books):
            subscriber.answered(wanted, self.now_ns, "There is no such instrument.")
            return
        for packet in self.venue.snapshot(follower.level, channel.channel_id, wanted.security_id):
            if not (wanted.security_id and packets.parse_header(packet).epoch == 0):
                subscriber.receive_snapshot(packet, self.now_ns)
        subscriber.answered(wanted, self.now_ns)
