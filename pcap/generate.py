"""Seeded order flow: what the clients of a venue do all day. Integers only, so a seed gives the same bytes anywhere.

Orders arrive in bursts on instruments of unequal activity. Most are passive: placed around a moving mid at a power-law
depth, with a power-law life, after which they are cancelled. A fifth are modified meanwhile, mostly repriced by a step.
15 % are immediate-or-cancel: misses, parts, whole orders, and now and then a sweep of many levels. Some cancels come
twice, some come after the fill. The generator keeps books of its own (`flow_book`), so passive orders are passive and
sessions know what is open. The shares are tuned so that about 95 % of the orders that could rest end cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush
from typing import NamedTuple

from appliance.config import DEMO_INSTRUMENTS_COUNT, DEMO_SESSIONS_COUNT, DEMO_TICK_NANOS
from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from pcap.draws import Draws, power_law
from pcap.flow_book import FlowBook, Order
from pcap.messages import SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_DAY, TIME_IN_FORCE_IOC
from pcap.requests import FAULT_DUPLICATE, FAULT_LATE, FAULT_LOST, FAULT_NONE, FAULTS_WITHOUT_EFFECT, Request
from pcap.scenarios import PROGRESS_END, SCENARIOS, value_at

START_NS = 1_767_603_600_000_000_000
"""2026-01-05 09:00:00 UTC, a Monday."""
REQUEST_SPACING_NS = 500

STEP_TICKS = (1, 5, 10, 50)
"""Price steps of instruments 1, 2, 3, 4 and so on in turn: their own tick, a multiple of the venue's."""
BASE_STEPS_MIN, BASE_STEPS_RANGE = 1500, 1500

IOC_PER_10000 = 1500
MARKETABLE_PER_10000 = 80
"""Of the orders that may rest: priced to trade at once."""
MODIFIED_PER_10000 = 2200
STALE_CANCEL_PER_10000 = 4000
"""Of the cancels that find their order filled: sent all the same."""
DUPLICATE_CANCEL_PER_10000 = 200
PULL_PER_10000 = 9000
"""Of the quotes that the mid has left behind: pulled by their owner rather than taken."""

_DEPTH_STEPS = power_law(100, half_powers=3)
_LIFE_UNITS = power_law(4096, half_powers=2)
_LIFE_UNIT_NS = 200_000
_QTY_LOTS = power_law(50, half_powers=3)
_GAP_UNITS = power_law(1000, half_powers=3)
_GAP_UNIT_NS = 12_000
_BURST_PER_10000 = 300
_BURST_MESSAGES = 40
_BURST_GAP_NS = 2000

_CANCEL, _MODIFY, _CANCEL_AGAIN = range(3)


class _Planned(NamedTuple):
    """Something that an order's owner will do; the serial keeps the order of equal times."""

    time_ns: int
    serial: int
    what: int
    order: Order
    cl_ord_id: int  # of the order to name in a repeated cancel


class _Market:
    """One instrument: its book, its mid and its price step."""

    def __init__(self, index: int, draws: Draws) -> None:
        self.security_id = index + 1
        self.book = FlowBook()
        self.base_steps = BASE_STEPS_MIN + draws.below(BASE_STEPS_RANGE)
        self.mid_1024 = self.base_steps * 1024
        self.step_nanos = STEP_TICKS[index % len(STEP_TICKS)] * DEMO_TICK_NANOS

    @property
    def mid_steps(self) -> int:
        return self.mid_1024 >> 10


def generate(
    seed: int,
    scenario: str = "calm",
    messages: int = 20_000,
    instruments: int = 16,
    sessions: int = 4,
    *,
    faults_per_10000: int = 0,
    start_ns: int = START_NS,
) -> Iterator[Request]:
    """`messages` requests in the order of time, which rises strictly; ClOrdIDs count them from 1.

    Of 10,000 requests `faults_per_10000` carry a FAULT: the network duplicates, loses or delays their datagram.
    Lost and late ones take no effect here, as they take none at the venue. Raises ValueError for what is out of range.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"The scenario {scenario!r} is none of {', '.join(SCENARIOS)}.")
    for name, value, least, most in (
        ("messages", messages, 0, 1 << 32),
        ("instruments", instruments, 1, DEMO_INSTRUMENTS_COUNT),
        ("sessions", sessions, 1, DEMO_SESSIONS_COUNT),
        ("faults", faults_per_10000, 0, 5000),
    ):
        if not least <= value <= most:
            raise ValueError(f"The number of {name} is {value}, not from {least} to {most}.")
    flow = _Flow(Draws(seed), scenario, messages, instruments, sessions, faults_per_10000, start_ns)
    return flow.run()


class _Flow:
    def __init__(
        self,
        draws: Draws,
        scenario: str,
        messages: int,
        instruments: int,
        sessions: int,
        faults_per_10000: int,
        start_ns: int,
    ) -> None:
        self.draws = draws
        self.scenario = SCENARIOS[scenario]
        self.messages = messages
        self.sessions = sessions
        self.faults_per_10000 = faults_per_10000
        self.now_ns = start_ns
        self.arrival_ns = start_ns
        self.burst_left = 0
        self.markets = [_Market(index, draws) for index in range(instruments)]
        self.activity = power_law(instruments, half_powers=1)
        self.planned: list[_Planned] = []
        self.serial = 0
        self.sent = 0

    def run(self) -> Iterator[Request]:
        while self.sent < self.messages:
            if self.planned and self.planned[0].time_ns <= self.arrival_ns:
                request = self._act(heappop(self.planned))
            else:
                request = self._arrive()
            if request is not None:
                yield request

    # --- time ---------------------------------------------------------------------------------------------------

    def _next_arrival(self) -> None:
        if self.burst_left:
            self.burst_left -= 1
            self.arrival_ns += REQUEST_SPACING_NS + self.draws.below(_BURST_GAP_NS)
            return
        if self.draws.chance(_BURST_PER_10000):
            self.burst_left = 4 + self.draws.below(_BURST_MESSAGES)
        units = 1 + self.draws.weighted(_GAP_UNITS)
        self.arrival_ns += units * _GAP_UNIT_NS + self.draws.below(_GAP_UNIT_NS)

    def _plan(self, delay_ns: int, what: int, order: Order) -> None:
        self.serial += 1
        heappush(self.planned, _Planned(self.now_ns + delay_ns, self.serial, what, order, order.cl_ord_id))

    # --- sending ------------------------------------------------------------------------------------------------

    def _request(
        self, due_ns: int, kind: int, order: Order, orig_cl_ord_id: int = 0, time_in_force: int = 0
    ) -> Request:
        """The next request, of `order` as it is now; the caller changes the book unless the network loses it."""
        self.sent += 1
        self.now_ns = max(due_ns, self.now_ns + REQUEST_SPACING_NS)
        fault = FAULT_NONE
        if self.faults_per_10000 and self.draws.chance(self.faults_per_10000):
            fault = (FAULT_DUPLICATE, FAULT_LOST, FAULT_LATE)[self.draws.below(3)]
        market = self.markets[order.instrument]
        bare = kind == KIND_CANCEL
        return Request(
            self.now_ns,
            order.session,
            kind,
            market.security_id,
            self.sent,
            orig_cl_ord_id,
            order.side,
            0 if bare else order.price_steps * market.step_nanos,
            0 if bare else order.qty_lots,
            time_in_force,
            fault,
        )

    # --- arrivals -----------------------------------------------------------------------------------------------

    def _arrive(self) -> Request:
        due_ns = self.arrival_ns
        self._next_arrival()
        draws = self.draws
        progress = self.sent * PROGRESS_END // max(self.messages, 1)
        index = draws.weighted(self.activity)
        market = self.markets[index]
        self._move_mid(market, progress)

        left_behind = self._left_behind(market)
        if left_behind is not None:
            if draws.chance(PULL_PER_10000):
                return self._cancel(due_ns, left_behind)
            return self._take(due_ns, index, left_behind, progress)
        if draws.chance(IOC_PER_10000):
            sells = draws.chance(value_at(self.scenario.taker_sells, progress))
            maker = market.book.best(SIDE_BUY if sells else SIDE_SELL)
            if maker is not None:
                return self._take(due_ns, index, maker, progress)
        return self._place(due_ns, index)

    def _move_mid(self, market: _Market, progress: int) -> None:
        shift = value_at(self.scenario.target, progress)
        target_1024 = market.base_steps * (10_000 + shift) * 1024 // 10_000
        noise = self.scenario.noise_1024
        market.mid_1024 += (target_1024 - market.mid_1024) // 8 + self.draws.below(2 * noise + 1) - noise

    def _left_behind(self, market: _Market) -> Order | None:
        """A best order that stands beyond the mid: its owner should hurry."""
        bid, ask = market.book.best(SIDE_BUY), market.book.best(SIDE_SELL)
        if bid is not None and bid.price_steps > market.mid_steps + 1:
            return bid
        if ask is not None and ask.price_steps < market.mid_steps:
            return ask
        return None

    def _other_session(self, session: int) -> int:
        """A session, another than `session` where there are several: both sides of a fill are different."""
        if self.sessions == 1:
            return 1
        return 1 + (session + self.draws.below(self.sessions - 1)) % self.sessions

    def _new_order(self, index: int, session: int, side: int, price_steps: int, qty_lots: int) -> Order:
        self.serial += 1
        return Order(self.serial, session, index, side, max(price_steps, 1), qty_lots, qty_lots, self.sent + 1)

    def _place(self, due_ns: int, index: int) -> Request:
        """An order that may rest: passive but for a few."""
        draws, market = self.draws, self.markets[index]
        side = SIDE_SELL if draws.below(2) else SIDE_BUY
        depth = draws.weighted(_DEPTH_STEPS)
        opposite = market.book.best(SIDE_BUY if side == SIDE_SELL else SIDE_SELL)
        session = 1 + draws.below(self.sessions)
        qty_lots = self._draw_qty()
        price_steps = market.mid_steps - depth if side == SIDE_BUY else market.mid_steps + 1 + depth
        if opposite is not None:
            if draws.chance(MARKETABLE_PER_10000):
                price_steps, session = opposite.price_steps, self._other_session(opposite.session)
            else:
                price_steps = self._passive(side, price_steps, opposite)
        order = self._new_order(index, session, side, price_steps, qty_lots)
        request = self._request(due_ns, KIND_NEW_ORDER, order, time_in_force=TIME_IN_FORCE_DAY)
        if request.fault not in FAULTS_WITHOUT_EFFECT:
            for _maker, lots in market.book.match(side, order.price_steps, qty_lots):
                order.leaves_lots -= lots
            if order.is_open:
                market.book.insert(order)
                self._plan_life(order)
        return request

    def _plan_life(self, order: Order) -> None:
        draws = self.draws
        life_ns = (1 + draws.weighted(_LIFE_UNITS)) * _LIFE_UNIT_NS - draws.below(_LIFE_UNIT_NS)
        if draws.chance(MODIFIED_PER_10000):
            self._plan(life_ns * (1 + draws.below(5)) // 10, _MODIFY, order)
        self._plan(life_ns, _CANCEL, order)

    def _draw_qty(self) -> int:
        """Mostly a few round lots of ten, sometimes an odd number."""
        lots = 10 * (1 + self.draws.weighted(_QTY_LOTS))
        return lots if self.draws.below(4) else lots - self.draws.below(10)

    @staticmethod
    def _passive(side: int, price_steps: int, opposite: Order) -> int:
        if side == SIDE_BUY:
            return min(price_steps, opposite.price_steps - 1)
        return max(price_steps, opposite.price_steps + 1)

    def _take(self, due_ns: int, index: int, maker: Order, progress: int) -> Request:
        """An immediate-or-cancel order against the side of `maker`, which is first there."""
        draws, market = self.draws, self.markets[index]
        side = SIDE_SELL if maker.side == SIDE_BUY else SIDE_BUY
        deeper = 1 if side == SIDE_BUY else -1
        price_steps, qty_lots = maker.price_steps, maker.leaves_lots
        if draws.chance(value_at(self.scenario.sweeps, progress)):
            price_steps += deeper * (4 + draws.below(30))
            qty_lots = 100 * (1 + draws.below(10))
        else:
            way = draws.below(100)
            if way < 25:
                price_steps -= deeper  # too late for this price: a miss
            elif way < 96:
                qty_lots = 1 + draws.below(max(1, (maker.leaves_lots + 1) // 2))
        order = self._new_order(index, self._other_session(maker.session), side, price_steps, qty_lots)
        request = self._request(due_ns, KIND_NEW_ORDER, order, time_in_force=TIME_IN_FORCE_IOC)
        if request.fault not in FAULTS_WITHOUT_EFFECT:
            for _maker, lots in market.book.match(side, order.price_steps, qty_lots):
                order.leaves_lots -= lots
        return request

    # --- what was planned ---------------------------------------------------------------------------------------

    def _act(self, planned: _Planned) -> Request | None:
        order = planned.order
        if planned.what == _CANCEL_AGAIN:
            return self._request(planned.time_ns, KIND_CANCEL, order, planned.cl_ord_id)
        if not order.is_open:
            stale = planned.what == _CANCEL and not order.is_canceled and self.draws.chance(STALE_CANCEL_PER_10000)
            return self._request(planned.time_ns, KIND_CANCEL, order, order.cl_ord_id) if stale else None
        if planned.what == _MODIFY:
            return self._modify(planned.time_ns, order)
        return self._cancel(planned.time_ns, order)

    def _cancel(self, due_ns: int, order: Order) -> Request:
        request = self._request(due_ns, KIND_CANCEL, order, order.cl_ord_id)
        if request.fault in FAULTS_WITHOUT_EFFECT:
            self._plan(_LIFE_UNIT_NS, _CANCEL, order)  # told that it was not applied, the owner tries again
            return request
        self.markets[order.instrument].book.remove(order)
        order.leaves_lots = 0
        order.is_canceled = True
        if self.draws.chance(DUPLICATE_CANCEL_PER_10000):
            self._plan(self.draws.below(_LIFE_UNIT_NS), _CANCEL_AGAIN, order)
        return request

    def _modify(self, due_ns: int, order: Order) -> Request:
        draws, book = self.draws, self.markets[order.instrument].book
        wanted = replace(order)
        way = draws.below(100)
        if way >= 95 and order.leaves_lots > 1:
            less = 1 + draws.below(order.leaves_lots - 1)
            wanted.qty_lots -= less
            wanted.leaves_lots -= less
        elif way >= 88:
            more = self._draw_qty()
            wanted.qty_lots += more
            wanted.leaves_lots += more
        else:
            away = -1 if order.side == SIDE_BUY else 1
            opposite = book.best(SIDE_BUY if order.side == SIDE_SELL else SIDE_SELL)
            price_steps = order.price_steps + (away if draws.below(2) else -away)
            if opposite is not None and self._passive(order.side, price_steps, opposite) != price_steps:
                price_steps = order.price_steps + away
            wanted.price_steps = max(price_steps, 1)
        request = self._request(due_ns, KIND_REPLACE, wanted, order.cl_ord_id)
        if request.fault in FAULTS_WITHOUT_EFFECT:
            return request
        keeps_priority = wanted.price_steps == order.price_steps and wanted.qty_lots <= order.qty_lots
        if not keeps_priority:
            book.remove(order)
        order.price_steps, order.qty_lots, order.leaves_lots = wanted.price_steps, wanted.qty_lots, wanted.leaves_lots
        order.cl_ord_id = request.cl_ord_id
        if not keeps_priority:
            book.insert(order)
        return request
