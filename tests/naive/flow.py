"""Seeded random requests for the book: every kind of order and request, clustered and extreme prices, mistakes.

A Flow is quick and nearly blind: it remembers ids that it sent, not what became of them, so some requests are stale.
Where it is told of the open orders, most name one of these.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from native.layout import (
    COMMAND,
    COMMAND_ANY_SESSION,
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    COMMAND_STOP_PRICE_MISSING,
    COMMAND_STOP_PRICE_OFF_TICK,
    KIND_CANCEL,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_PHASE,
    KIND_REPLACE,
    KIND_TIMER,
    NO_INDEX,
)
from tests.naive.profiles import (
    BEGIN_NS,
    EXTREMES,
    GTD,
    HIDDEN,
    INT64_MAX,
    INT64_MIN,
    IOC,
    LIMIT,
    MARKET,
    MTL,
    PRICED,
    PROFILES,
    SECOND_NS,
    STAY,
    STOP,
    STOP_LIMIT,
    TRIGGERED,
    Profile,
    spread,
)

__all__ = ["INT64_MAX", "INT64_MIN", "PROFILES", "Flow", "Profile"]

NAMES = COMMAND.names or ()
BLANK = dict.fromkeys(NAMES, 0)


class Named(NamedTuple):
    """What the flow knows of an order."""

    session: int = 0
    cl_ord_id: int = 0
    instrument: int = 0
    side: int = 1
    exec_inst: int = 0
    price_ticks: int = 0
    stop_price_ticks: int = 0
    qty_lots: int = 0


class Flow:
    """Makes COMMAND records: of a profile, or else orders, cancels and replaces in continuous trading."""

    def __init__(
        self, seed: int, instruments: int = 3, sessions: int = 3, ticks: int = 8, remembered: int = 60,
        wrong: float = 0.05, extreme: float = 0.02, profile: Profile | None = None,
    ) -> None:  # fmt: skip
        self.profile = profile or Profile(
            instruments=instruments, ticks=ticks, remembered=remembered, wrong=wrong, extreme=extreme,
            tight_rules=False, mass=0, phase=0, timer=0,
        )  # fmt: skip
        self.random = random.Random(seed)
        self.uniform = self.random.random
        self.tables = [rules.tick_table for rules in self.profile.rules(seed)]
        self.steps = [rules.qty_step_lots for rules in self.profile.rules(seed)]
        one = self.profile
        self.requests = spread(
            {
                KIND_NEW_ORDER: one.new, KIND_CANCEL: one.cancel, KIND_REPLACE: one.replace,
                KIND_MASS_CANCEL: one.mass, KIND_PHASE: one.phase, KIND_TIMER: one.timer,
            }
        )  # fmt: skip
        self.makers = {
            KIND_NEW_ORDER: self.new_order, KIND_CANCEL: self.cancel, KIND_REPLACE: self.replace,
            KIND_MASS_CANCEL: self.mass_cancel, KIND_PHASE: self.change_phase, KIND_TIMER: self.timer,
        }  # fmt: skip
        self.now_ns = BEGIN_NS
        self.next_id = [1] * sessions
        self.sent: list[Named] = []
        self.open: dict[tuple[int, int], Any] = {}
        """The open orders of the naive exchange, where the flow runs beside one."""

    def batch(self, count: int) -> Any:
        return np.array([tuple(self.request().values()) for _ in range(count)], dtype=COMMAND)

    def request(self) -> dict[str, int]:
        self.now_ns += self.below(self.profile.step_ns)
        if self.uniform() < self.profile.leap:
            self.now_ns += self.below(20 * 3600 * SECOND_NS)
        fields = self.makers[self.one_of(self.requests)]()
        fields["time_ns"] = self.now_ns
        if self.uniform() < self.profile.wrong:
            fields |= self.mistake(fields)
        return BLANK | fields

    # --- drawing ------------------------------------------------------------------------------------------------

    def below(self, limit: int) -> int:
        return int(self.uniform() * limit)

    def one_of(self, items: Sequence[Any]) -> Any:
        return items[int(self.uniform() * len(items))]

    def price(self, side: int, instrument: int = 0) -> int:
        draw = self.uniform()
        if draw < self.profile.extreme:
            if draw < self.profile.extreme / 4:
                return self.random.getrandbits(64) - (1 << 63)
            return int(self.one_of(EXTREMES))
        price = 4096 - self.profile.ticks // 2 + self.below(self.profile.ticks) - (1 if side == 1 else -1)
        table = self.tables[instrument % len(self.tables)]
        if table and draw < 0.9:
            step = next((step for start, step in reversed(table) if price >= start), table[0][1])
            price -= price % step
        return price

    def qty(self, instrument: int) -> int:
        step = self.steps[instrument % len(self.steps)]
        return (1 + self.below(20)) * step if self.uniform() < 0.95 else 1 + self.below(20)

    def account(self, session: int) -> int:
        return session + 1 + (10 if self.uniform() < 0.2 else 0)

    # --- requests -----------------------------------------------------------------------------------------------

    def new_order(self) -> dict[str, int]:
        profile = self.profile
        session, instrument = self.below(len(self.next_id)), self.below(profile.instruments)
        side = self.one_of((1, 1, 1, 2, 5, 6))
        ord_type, time_in_force, exec_inst = self.one_of(profile.kinds)
        qty_lots = self.qty(instrument)
        fields = {
            "kind": KIND_NEW_ORDER, "session": session, "account": self.account(session), "instrument": instrument,
            "side": side, "ord_type": ord_type, "time_in_force": time_in_force, "exec_inst": exec_inst,
            "qty_lots": qty_lots, "price_ticks": self.price(side, instrument), "cl_ord_id": self.next_id[session],
            "cancel_group": self.below(3), "flags": 0,
        }  # fmt: skip
        if ord_type not in PRICED and self.uniform() < 0.5:
            fields["flags"] = COMMAND_PRICE_MISSING
        if ord_type in TRIGGERED:
            rises = (side == 1) == (ord_type in (STOP, STOP_LIMIT))
            fields["stop_price_ticks"] = self.price(2 if rises else 1, instrument)
        if time_in_force == GTD:
            fields["expire_time_ns"] = self.now_ns + self.below(40 * profile.step_ns)
        if self.uniform() < profile.own:
            fields["self_match_prevention_id"] = 1 + self.below(2)
            fields["stp_instruction"] = self.below(6)
        stays = time_in_force in STAY
        if stays and not exec_inst & HIDDEN and ord_type in (*PRICED, MTL) and self.uniform() < profile.iceberg:
            fields["display_qty_lots"] = 1 + self.below(max(1, qty_lots // 2))
        if ord_type in (LIMIT, MARKET) and time_in_force in (*STAY, IOC) and self.uniform() < profile.min_qty:
            fields["min_qty_lots"] = 1 + self.below(qty_lots)
        if stays or not self.below(4):
            self.remember(Named(session, self.next_id[session], instrument, side, exec_inst))
        self.next_id[session] += self.one_of((1, 1, 1, 2, 5))
        return fields

    def remember(self, known: Named) -> None:
        if len(self.sent) < self.profile.remembered:
            self.sent.append(known)
        else:
            self.sent[self.below(len(self.sent))] = known

    def named(self) -> tuple[Named, dict[str, int]]:
        """An order: mostly one that is open, where the flow is told of them; else one that was sent."""
        if self.open and self.uniform() < 0.9:
            one = self.one_of(list(self.open.values()))
            known = Named(
                one.session, one.cl_ord_id, one.instrument, one.side, one.exec_inst, one.price_ticks,
                one.stop_price_ticks, one.leaves_lots + one.cum_lots,
            )  # fmt: skip
        else:
            known = self.one_of(self.sent or [Named()])
        fields = {
            "session": known.session, "account": known.session + 1, "instrument": known.instrument, "side": known.side,
            "orig_cl_ord_id": known.cl_ord_id, "cl_ord_id": self.next_id[known.session],
        }  # fmt: skip
        self.next_id[known.session] += 1
        return known, fields

    def cancel(self) -> dict[str, int]:
        fields = self.named()[1]
        fields["kind"] = KIND_CANCEL
        return fields

    def replace(self) -> dict[str, int]:
        known, fields = self.named()
        side, instrument = known.side, known.instrument
        draw = self.uniform()
        flags = (COMMAND_PRICE_MISSING if draw < 0.3 else 0) | (COMMAND_STOP_PRICE_MISSING if 0.2 < draw < 0.9 else 0)
        same, less = self.uniform() < 0.4, self.uniform() < 0.4
        fields |= {
            "kind": KIND_REPLACE, "flags": flags,
            "qty_lots": self.below(known.qty_lots + 1) if less and known.qty_lots else self.qty(instrument),
            "price_ticks": known.price_ticks if same else self.price(side, instrument),
            "stop_price_ticks": known.stop_price_ticks if same else self.price(side, instrument),
            "exec_inst": known.exec_inst if draw < 0.5 else 0,
            "display_qty_lots": 1 + self.below(6) if self.uniform() < self.profile.iceberg else 0,
        }  # fmt: skip
        self.remember(Named(known.session, fields["cl_ord_id"], instrument, side, known.exec_inst))
        return fields

    def mass_cancel(self) -> dict[str, int]:
        session = self.below(len(self.next_id))
        flags = COMMAND_ANY_SESSION if self.uniform() < 0.3 else 0
        flags |= (COMMAND_PRICE_MISSING if self.below(3) else 0) | (COMMAND_STOP_PRICE_MISSING if self.below(3) else 0)
        return {
            "kind": KIND_MASS_CANCEL, "session": session, "flags": flags, "side": self.one_of((0, 0, 1, 2, 5)),
            "instrument": self.below(self.profile.instruments) if self.uniform() < 0.7 else NO_INDEX,
            "account": self.account(session) if self.uniform() < 0.3 else NO_INDEX, "cl_ord_id": self.next_id[session],
            "cancel_group": self.below(3) if self.uniform() < 0.3 else 0, "price_ticks": self.price(2),
            "stop_price_ticks": self.price(1), "ord_type": self.below(4), "exec_inst": self.below(2),
        }  # fmt: skip

    def change_phase(self) -> dict[str, int]:
        instrument = self.below(self.profile.instruments)
        return {"kind": KIND_PHASE, "instrument": instrument, "qty_lots": self.one_of(self.profile.phases)}

    def timer(self) -> dict[str, int]:
        return {"kind": KIND_TIMER}

    # --- mistakes -----------------------------------------------------------------------------------------------

    def mistake(self, fields: dict[str, int]) -> dict[str, int]:
        if fields["kind"] in (KIND_PHASE, KIND_TIMER):
            return {}
        known = self.one_of(self.sent or [Named()])
        cl_ord_id = known.cl_ord_id
        parts = (-1, 1, 30)
        min_parts = (1, 30, 0xFFFF) if fields["kind"] == KIND_MASS_CANCEL else parts  # there: a reason of 16 bits
        flag = self.one_of(
            (COMMAND_PRICE_OFF_TICK, COMMAND_QTY_OUT_OF_RANGE, COMMAND_PRICE_MISSING, COMMAND_STOP_PRICE_MISSING,
             COMMAND_STOP_PRICE_OFF_TICK)
        )  # fmt: skip
        wrong: dict[str, int] = self.one_of(
            (
                {"side": self.one_of((0, 3, 4, 7, 255))}, {"side": 2 if fields.get("side") == 1 else 1},
                {"ord_type": self.one_of((0, 49, 51, 74, 80))}, {"time_in_force": self.one_of((0, 51, 53, 54, 65))},
                {"exec_inst": self.one_of((1, 2, 4, 16, 32, 64, 128, 256, 1 << 15, known.exec_inst))},
                {"qty_lots": self.one_of((0, -1, -(1 << 31), (1 << 31) - 1))}, {"flags": fields.get("flags", 0) | flag},
                {"cl_ord_id": cl_ord_id}, {"orig_cl_ord_id": cl_ord_id},
                {"instrument": self.below(self.profile.instruments)}, {"order_id": 12345},
                {"order_id": (1 << 64) - 1}, {"qty_lots": (1 << 31) - 1}, {"stp_instruction": 6},
                {"display_qty_lots": self.one_of(parts)}, {"min_qty_lots": self.one_of(min_parts)},
                {"expire_time_ns": self.now_ns}, {"session": known.session},
            )
        )  # fmt: skip
        return wrong
