"""A network that loses, doubles, delays and damages what it carries: seeded, one direction, the test's own clock.

What a link damages, the receiving NIC throws away (frame check sequence): for whoever is behind it the frame is lost.
What a switch damages inside, between two checks, arrives with a right frame check sequence; then it is the UDP checksum
that tells, where the sender made one. `Damage` says which of the two it is.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

BURST_BITS: Final = 12
"""Damage is in so many neighbouring bits: less than the 16 of a checksum's word, so that a checksum sees all of it."""
FIRST_DAMAGED_BYTE: Final = 14
"""The addresses of Ethernet are left alone: they decide who gets the frame, and nothing else."""

Frame = bytes


class Damage(Enum):
    """Where a frame is damaged."""

    LINK = auto()
    """Before the frame check sequence is looked at: nobody sees it."""
    SWITCH = auto()
    """Behind it: delivered, with the checksums that it had."""
    DISHONEST = auto()
    """Behind it, and something on the way makes every checksum right again."""


def damaged(frame: Frame, draw: random.Random, first: int = FIRST_DAMAGED_BYTE) -> Frame:
    """`frame` with a burst of wrong bits somewhere behind its first bytes."""
    octets = bytearray(frame)
    bit = draw.randrange(first * 8, len(octets) * 8 - BURST_BITS)
    pattern = draw.getrandbits(BURST_BITS) | 1
    for offset in range(BURST_BITS):
        if pattern >> offset & 1:
            octets[(bit + offset) // 8] ^= 1 << ((bit + offset) % 8)
    return bytes(octets)


class LossyPath:
    """One direction. `percent` of the frames each are lost, doubled, delayed by up to `delay_ns_max`, damaged."""

    def __init__(
        self,
        seed: int,
        percent: float,
        *,
        damage: Damage = Damage.LINK,
        delay_ns_max: int = 2_000_000,
        transit_ns: int = 10_000,
        repair: Callable[[Frame], Frame] | None = None,
    ) -> None:
        """`repair` makes the checksums of a damaged frame right (Damage.DISHONEST)."""
        self.count: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._share = percent / 100
        self._damage = damage
        self._delay_ns_max = delay_ns_max
        self._transit_ns = transit_ns
        self._repair = repair
        self._on_the_way: list[tuple[int, int, Frame]] = []
        self._serial = 0

    def _happens(self, what: str) -> bool:
        if self._draw.random() >= self._share:
            return False
        self.count[what] += 1
        return True

    def send(self, frame: Frame, now_ns: int) -> None:
        """Put a frame on the way, or not."""
        self.count["sent"] += 1
        if self._happens("lost"):
            return
        for _ in range(1 + self._happens("doubled")):
            self._carry(frame, now_ns)

    def _carry(self, frame: Frame, now_ns: int) -> None:
        if self._happens("damaged"):
            frame = damaged(frame, self._draw)
            if self._damage is Damage.LINK:
                return
            if self._damage is Damage.DISHONEST and self._repair is not None:
                frame = self._repair(frame)
        arrives_ns = now_ns + self._transit_ns
        if self._happens("delayed"):
            arrives_ns += self._draw.randrange(self._delay_ns_max)
        self._serial += 1
        heapq.heappush(self._on_the_way, (arrives_ns, self._serial, frame))

    def arrived(self, now_ns: int) -> list[Frame]:
        """Frames that are there by `now_ns`, in the order in which they come."""
        frames = []
        while self._on_the_way and self._on_the_way[0][0] <= now_ns:
            frames.append(heapq.heappop(self._on_the_way)[2])
        return frames

    @property
    def is_empty(self) -> bool:
        """Nothing is on the way."""
        return not self._on_the_way
