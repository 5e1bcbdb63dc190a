"""Faults on purpose: one line of datagrams in, and out again with losses, delays, swaps, doubles and damage. Sans I/O.

Everything is drawn from one seeded generator, a fixed number of draws a datagram, so the same datagrams meet the same
faults again. Losses come at random, and in bursts after Gilbert and Elliott: a line is good or bad, changes between the
two at random at each datagram, and while it is bad loses all of them.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class LinePolicy:
    """What happens to the datagrams of a line. Shares are percents of all datagrams, times are ns."""

    loss_percent: float = 0.0
    """Lost one by one."""
    burst_percent: float = 0.0
    """Lost in bursts: the share of time that the line is bad."""
    burst_length: float = 8.0
    """Mean length of a burst in datagrams."""
    delay_ns: int = 0
    """Every datagram is late by so much ..."""
    jitter_ns: int = 0
    """... and by up to so much more, each by its own: so they may overtake each other."""
    reorder_percent: float = 0.0
    """Held back by another `reorder_ns`, so that those behind it come first."""
    reorder_ns: int = 1_000_000
    duplicate_percent: float = 0.0
    """Sent twice."""
    corrupt_percent: float = 0.0
    """One to three bytes are changed. The UDP checksum is right again: only what reads the message can notice."""

    def __post_init__(self) -> None:
        """Raises ValueError, with one sentence, for what no line can do."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name.endswith("_percent") and not 0 <= value <= 100:
                raise ValueError(f"{each.name} is {value}: give 0 to 100.")
            if each.name.endswith("_ns") and value < 0:
                raise ValueError(f"{each.name} is {value}: give 0 or more.")
        if not self.burst_length >= 1:  # nor a NaN
            raise ValueError(f"burst_length is {self.burst_length}: give 1 or more.")


@dataclass
class LineCounts:
    """What became of the datagrams of a line."""

    taken: int = 0
    sent: int = 0
    lost: int = 0
    lost_in_bursts: int = 0
    bursts: int = 0
    reordered: int = 0
    duplicated: int = 0
    corrupted: int = 0
    overflowed: int = 0
    """Lost because `waiting_max` were on their way."""


@dataclass
class FaultyLine:
    """Takes datagrams by `offer` and gives those whose time has come by `due`."""

    policy: LinePolicy
    seed: int = 1
    waiting_max: int = 65_536
    counts: LineCounts = field(default_factory=LineCounts)
    _waiting: list[tuple[int, int, bytes]] = field(default_factory=list)
    _offered: int = 0
    _is_bad: bool = False

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        share = min(self.policy.burst_percent / 100, 1.0)
        self._leave = 1 / self.policy.burst_length
        self._enter = 1.0 if share == 1 else min(1.0, share * self._leave / (1 - share))

    def offer(self, datagram: bytes, now_ns: int) -> None:
        """A datagram has come."""
        self.counts.taken += 1
        change, loss, jitter, reorder, duplicate, corrupt = (self._draw.random() for _ in range(6))
        if self.policy.burst_percent:
            was_bad = self._is_bad
            leaves = self.policy.burst_percent < 100 and change < self._leave
            self._is_bad = not leaves if was_bad else change < self._enter
            self.counts.bursts += self._is_bad and not was_bad
        if self._is_bad:
            self.counts.lost_in_bursts += 1
            return
        if loss < self.policy.loss_percent / 100:
            self.counts.lost += 1
            return
        if corrupt < self.policy.corrupt_percent / 100:
            self.counts.corrupted += 1
            datagram = self._corrupted(datagram)
        due_ns = now_ns + self.policy.delay_ns + int(jitter * self.policy.jitter_ns)
        if reorder < self.policy.reorder_percent / 100:
            self.counts.reordered += 1
            due_ns += self.policy.reorder_ns
        self._send(due_ns, datagram)
        if duplicate < self.policy.duplicate_percent / 100:
            self.counts.duplicated += 1
            self._send(due_ns, datagram)

    def _send(self, due_ns: int, datagram: bytes) -> None:
        if len(self._waiting) >= self.waiting_max:
            self.counts.overflowed += 1
            return
        self._offered += 1
        heapq.heappush(self._waiting, (due_ns, self._offered, datagram))

    def _corrupted(self, datagram: bytes) -> bytes:
        octets = bytearray(datagram)
        for place in self._draw.sample(range(len(octets)), min(self._draw.randrange(1, 4), len(octets))):
            octets[place] ^= self._draw.randrange(1, 256)
        return bytes(octets)

    @property
    def next_due_ns(self) -> int | None:
        """When the next datagram leaves; None: none waits."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now_ns: int) -> list[bytes]:
        """Datagrams that leave by now, in the order of their times."""
        leaving = []
        while self._waiting and self._waiting[0][0] <= now_ns:
            leaving.append(heapq.heappop(self._waiting)[2])
        self.counts.sent += len(leaving)
        return leaving
