"""Faults on purpose: a seeded filter that loses datagrams, so that recovery can be practised."""

from __future__ import annotations

import random


class Dropper:
    """Says for each datagram whether it is lost: `percent` of them, the same ones for the same seed."""

    def __init__(self, percent: float, seed: int = 1) -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"{percent} percent is outside 0..100")
        self._share = percent / 100
        self._draw = random.Random(seed)
        self.dropped = 0

    def loses(self) -> bool:
        """Draw for the next datagram."""
        if self._share == 0 or self._draw.random() >= self._share:
            return False
        self.dropped += 1
        return True
