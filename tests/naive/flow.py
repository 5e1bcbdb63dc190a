"""Seeded random requests for the book: clustered prices, extreme prices, and everything that can be wrong with one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from native.layout import COMMAND

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
NEW, CANCEL, REPLACE = 1, 2, 3


class Flow:
    """Makes batches of COMMAND records. Remembers the ids it sent, not what became of them: some requests are stale."""

    def __init__(
        self, seed: int, instruments: int = 3, sessions: int = 3, ticks: int = 8, remembered: int = 60,
        wrong: float = 0.05, extreme: float = 0.02,
    ) -> None:  # fmt: skip
        self.random = random.Random(seed)
        self.instruments = instruments
        self.ticks = ticks
        self.remembered = remembered
        self.wrong = wrong
        self.extreme = extreme
        self.next_id = [1] * sessions
        self.sent: list[tuple[int, int, int, int]] = []  # session, cl_ord_id, instrument, side

    def price(self, side: int) -> int:
        draw = self.random.random()
        if draw < self.extreme:
            return self.random.choice((INT64_MIN, INT64_MAX, 0, -1, INT64_MIN + 1, INT64_MAX - 64, 1 << 60, -(1 << 36)))
        if draw < 2 * self.extreme:
            return self.random.getrandbits(64) - (1 << 63)
        return 4096 - self.ticks // 2 + self.random.randrange(self.ticks) - (1 if side == 1 else -1)

    def batch(self, count: int) -> Any:
        commands = np.zeros(count, dtype=COMMAND)
        for index in range(count):
            for name, value in self.request().items():
                commands[index][name] = value
        return commands

    def request(self) -> dict[str, int]:
        draw = self.random
        session = draw.randrange(len(self.next_id))
        side = draw.choice((1, 1, 1, 2, 5, 6))
        fields = {
            "kind": NEW, "session": session, "account": session + 1, "instrument": draw.randrange(self.instruments),
            "side": side, "ord_type": 50, "time_in_force": draw.choice((48, 48, 48, 49, 49, 51, 52)),
            "qty_lots": draw.randint(1, 20), "price_ticks": self.price(side), "cl_ord_id": self.next_id[session],
        }  # fmt: skip
        self.next_id[session] += draw.choice((1, 1, 1, 2, 5))
        if self.sent and draw.random() < 0.6:
            session, orig, instrument, side = draw.choice(self.sent)
            fields |= {
                "kind": draw.choice((CANCEL, CANCEL, REPLACE)), "session": session, "account": session + 1,
                "instrument": instrument, "side": side, "orig_cl_ord_id": orig, "ord_type": 0, "time_in_force": 0,
                "price_ticks": self.price(side), "cl_ord_id": self.next_id[session],
            }  # fmt: skip
            self.next_id[session] += 1
        if fields["kind"] != CANCEL:
            known = (session, fields["cl_ord_id"], fields["instrument"], side)
            if len(self.sent) < self.remembered:
                self.sent.append(known)
            else:
                self.sent[draw.randrange(self.remembered)] = known
        if draw.random() < self.wrong:
            fields |= self.mistake(fields)
        return fields

    def mistake(self, fields: dict[str, int]) -> dict[str, int]:
        others = self.sent or [(0, 0, 0, 1)]
        return self.random.choice(
            [
                {"side": self.random.choice((0, 3, 4, 7, 255))},
                {"side": 2 if fields["side"] == 1 else 1},
                {"ord_type": 49}, {"time_in_force": 54}, {"exec_inst": 1},
                {"qty_lots": self.random.choice((0, -1, INT64_MIN, 1 << 31, INT64_MAX))}, {"flags": 8}, {"flags": 4},
                {"cl_ord_id": self.random.choice(others)[1]}, {"orig_cl_ord_id": self.random.choice(others)[1]},
                {"instrument": self.random.randrange(self.instruments)}, {"order_id": 12345},
                {"order_id": (1 << 64) - 1}, {"qty_lots": (1 << 31) - 1},
            ]
        )  # fmt: skip
