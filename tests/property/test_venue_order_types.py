"""Every order type, phase and protection over the wire, with any value in any field: reports, market data, counters and
book are the naive venue's, and a subscriber's book is what the engine displays."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler
from native.jit import INTERPRETED
from tests.naive.exchange import numbers as n
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, TICK, Client, VenueRig, demo_sessions, run_twin, small_config
from wire.blocks import schema

ORDERS = schema("order_entry")
MS = 1_000_000
# the day begins at 22:13:20 UTC
SCHEDULE = [
    {"time": "22:13:20.004", "phase": "opening_auction"},
    {"time": "22:13:20.010", "phase": "continuous"},
    {"time": "22:13:20.020", "phase": "closing_auction"},
    {"time": "22:13:20.026", "phase": "closed"},
]
CONFIG = small_config(
    instruments=[
        {"security_id": 1, "symbol": "PLAIN"},
        {"security_id": 2, "symbol": "BANDS", "tick_nanos": 3, "static_reference_ticks": 100, "static_band_ticks": 4,
         "dynamic_band_ticks": 3, "volatility_auction_ms": 2, "breaker_ticks": 3, "breaker_window_ms": 3, "halt_ms": 2,
         "auction_band_ticks": 2, "extension_ms": 1, "extensions_max": 2, "market_protection_ticks": 2,
         "tick_table": [{"from_ticks": 1, "step_ticks": 1}, {"from_ticks": 102, "step_ticks": 2}]},
        {"security_id": 3, "symbol": "TIMES", "schedule": SCHEDULE, "freeze_ms": 1, "qty_step_lots": 2},
    ],
    limits={"orders": 64, "levels": 64},
    sessions=demo_sessions(3),
)  # fmt: skip
TICKS = {1: TICK, 2: 3, 3: TICK, 9: 1}
EDGES = [0, 1, 2, (1 << 16) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1]
ANYTHING = st.sampled_from(EDGES) | st.integers(0, (1 << 63) - 1)
PRICES = st.none() | st.integers(95, 105)


class Order(NamedTuple):
    """A NewOrderSingle, drawn."""

    session: int
    security_id: int
    side: int
    qty: int
    ord_type: str
    time_in_force: str
    ticks: int | None
    stop_ticks: int | None
    display: int | None
    least: int | None
    expires_in_ns: int | None
    exec_inst: int
    prevention: int
    prevention_id: int
    group: int | None
    wrong: tuple[str, int] | None


class Change(NamedTuple):
    """A cancel (`qty` None) or replace of one of the session's earlier requests, from the newest."""

    session: int
    target: int
    qty: int | None
    ticks: int | None
    stop_ticks: int | None
    display: int | None


class Mass(NamedTuple):
    """An OrderMassActionRequest."""

    session: int
    scope: int
    security_id: int | None
    side: int | None
    above: int | None
    below: int | None
    group: int | None
    style: int


class Phase(NamedTuple):
    """A phase that is asked for."""

    instrument: int
    phase: int


class Time(NamedTuple):
    """A timer input, so much later."""

    later_ns: int


SESSIONS, SECURITIES = st.integers(1, 3), st.sampled_from([1, 1, 1, 2, 2, 3])
RARELY = st.sampled_from([None] * 5)
ORDER = st.builds(
    Order,
    session=SESSIONS,
    security_id=SECURITIES,
    side=st.sampled_from([1, 1, 2, 2, 5]),
    qty=st.sampled_from([2, 4, 6, 8, 10, 20]) | st.integers(0, 20),
    ord_type=st.sampled_from("2222222134JTKK"),
    time_in_force=st.sampled_from("00000113462677AA"),
    ticks=st.integers(95, 105) | st.integers(95, 105) | PRICES,
    stop_ticks=st.integers(95, 105) | PRICES,
    display=RARELY | st.integers(0, 6),
    least=RARELY | st.integers(0, 6),
    expires_in_ns=st.integers(1, 4 * MS) | st.sampled_from([0, 1 << 62]),
    exec_inst=st.sampled_from([0] * 8 + [1, 2, 3, 4, 4, 16, 16, 20]),
    prevention=st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 5]),
    prevention_id=st.sampled_from([0, 7, 7, 8]),
    group=RARELY | st.integers(0, 2),
    wrong=RARELY
    | st.tuples(st.sampled_from([name for name in ORDERS["NewOrderSingle"].names if name != "ClOrdID"]), ANYTHING),
)
CHANGE = st.builds(
    Change,
    session=SESSIONS,
    target=st.integers(0, 6),
    qty=st.none() | st.integers(0, 20),
    ticks=PRICES,
    stop_ticks=PRICES,
    display=RARELY | st.integers(0, 6),
)
MASS = st.builds(
    Mass,
    session=SESSIONS,
    scope=st.sampled_from([1, 7, 7, 10, 9]),
    security_id=st.sampled_from([None, 1, 2, 3, 9]),
    side=st.sampled_from([None, None, 1, 2, 3]),
    above=RARELY | st.integers(95, 105),
    below=RARELY | st.integers(95, 105),
    group=RARELY | st.integers(0, 2),
    style=st.sampled_from([0, 1, 2, 2, 3]),
)
PHASE = st.builds(Phase, st.integers(0, 2), st.sampled_from([0, 1, 1, 1, 1, 2, 3, 4, 5, 7, 8]))
TIME = st.builds(Time, st.integers(0, 3 * MS))
ACTIONS = st.lists(ORDER | ORDER | ORDER | ORDER | CHANGE | CHANGE | MASS | PHASE | TIME, max_size=60)


class Both:
    """The venue and its naive twin; they are given the same."""

    def __init__(self, rig: VenueRig) -> None:
        self.rig, self.twin = rig, Venue(rig.config)
        self.twin.open_day(START_NS)
        self.clients = {number: Client(number) for number in range(1, 4)}
        self.sent: dict[int, list[tuple[int, int, int]]] = {number: [] for number in range(1, 4)}
        self.cl_ord_id = 0

    def do(self, action: Any) -> None:
        self.rig.now_ns += 1000
        match action:
            case Phase(instrument, phase):
                self.rig.set_phase(instrument, phase)
                self.twin.set_phase(self.twin.instruments[instrument], phase, self.rig.now_ns)
            case Time(later_ns):
                self.rig.now_ns += later_ns
                self.rig.tick()
                self.twin.tick(self.rig.now_ns)
            case _:
                self.cl_ord_id += 1
                frame = self.clients[action.session].frame(self.message(action))
                self.rig.burst([frame])
                run_twin(self.twin, [frame], self.rig.now_ns)

    def message(self, action: Order | Change | Mass) -> bytes:
        match action:
            case Order():
                return self.order(action)
            case Change():
                return self.change(action)
        tick = TICKS[action.security_id or 9]
        return ORDERS.encode(
            "OrderMassActionRequest", ClOrdID=self.cl_ord_id, MassActionType=3, MassActionScope=action.scope,
            SecurityID=action.security_id, Side=action.side, AckStyle=action.style, CancelGroupID=action.group,
            HigherThanPrice=None if action.above is None else action.above * tick + 1,
            LowerThanPrice=None if action.below is None else action.below * tick - 1,
        )  # fmt: skip

    def account_of(self, asked: Order) -> int:
        return asked.session

    def order(self, asked: Order) -> bytes:
        tick = TICKS[asked.security_id]
        self.sent[asked.session].append((self.cl_ord_id, asked.security_id, asked.side))
        values: dict[str, Any] = {
            "SecurityID": asked.security_id, "Account": self.account_of(asked), "Side": asked.side,
            "OrderQty": asked.qty, "OrdType": ord(asked.ord_type),
            "Price": None if asked.ticks is None else asked.ticks * tick,
            "StopPx": None if asked.stop_ticks is None else asked.stop_ticks * tick, "DisplayQty": asked.display,
            "MinQty": asked.least, "TimeInForce": ord(asked.time_in_force), "ExecInst": asked.exec_inst,
            "ExpireTime": None if asked.expires_in_ns is None else self.rig.now_ns + asked.expires_in_ns,
            "STPInstruction": asked.prevention, "SelfMatchPreventionID": asked.prevention_id,
            "CancelGroupID": asked.group,
        }  # fmt: skip
        message = bytearray(ORDERS.encode("NewOrderSingle", ClOrdID=self.cl_ord_id, **values))
        if asked.wrong is not None:
            block = ORDERS["NewOrderSingle"]
            at = len(message) - block.size + block.offsets[asked.wrong[0]]
            places = [*sorted(block.offsets.values()), block.size]
            size = places[places.index(block.offsets[asked.wrong[0]]) + 1] - block.offsets[asked.wrong[0]]
            message[at : at + size] = (asked.wrong[1] & (1 << 8 * size) - 1).to_bytes(size, "little")
        return bytes(message)

    def change(self, asked: Change) -> bytes:
        known = self.sent[asked.session] or [(0, 1, 1)]
        orig, security_id, side = known[-1 - asked.target % len(known)]
        names = {"ClOrdID": self.cl_ord_id, "OrigClOrdID": orig, "SecurityID": security_id, "Side": side}
        if asked.qty is None:
            return ORDERS.encode("OrderCancelRequest", **names)
        tick = TICKS[security_id]
        self.sent[asked.session].append((self.cl_ord_id, security_id, side))
        return ORDERS.encode(
            "OrderCancelReplaceRequest", **names, Account=asked.session, OrderQty=asked.qty,
            Price=None if asked.ticks is None else asked.ticks * tick, DisplayQty=asked.display,
            StopPx=None if asked.stop_ticks is None else asked.stop_ticks * tick,
        )  # fmt: skip

    def compare(self) -> None:
        self.rig.compare(self.twin)
        assert subscriber_digest(self.rig) == self.rig.book_digest()


def subscriber_digest(rig: VenueRig) -> str:
    """Digest of the book of a subscriber who saw every packet."""
    handler, book = FeedHandler(), FeedBook()
    for packet in rig.sent.feed_packets:
        for message in handler.receive(packet):
            book.apply(message)
    assert handler.counters.packets_bad == handler.counters.messages_unknown == 0
    assert (book.faults, book.last_fault) == (0, "")
    assert all(one.whole for one in book.instruments.values())
    return book.digest()


@settings(max_examples=20 if INTERPRETED else 400, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
def test_any_orders(actions: list[Any]) -> None:
    with VenueRig(CONFIG) as rig:
        both = Both(rig)
        for action in actions:
            both.do(action)
        both.compare()


@settings(max_examples=20 if INTERPRETED else 200, deadline=None, suppress_health_check=list(HealthCheck))
@given(orders=st.lists(ORDER.filter(lambda o: o.wrong is None), max_size=60))
def test_what_is_not_displayed_is_never_published(orders: list[Order]) -> None:
    """No OrderPut shows more of an iceberg than its DisplayQty, and nothing puts or deletes a hidden order."""
    with VenueRig(CONFIG) as rig:
        both = Both(rig)
        for order in orders:
            both.do(order)
        both.compare()
        shown: dict[int, int] = {}
        for session in both.twin.sessions:
            for _, name, fields in rig.sent.reports[session.uuid]:
                if name == "ExecutionReportNew":
                    shown[fields["OrderID"]] = fields["DisplayQty"]
        for _, name, fields in rig.sent.feed:
            if name == "OrderPut":
                assert 0 < fields["Quantity"] <= shown[fields["OrderId"]]
            elif name == "OrderDelete":
                assert shown[fields["OrderId"]] > 0


def test_the_draw_reaches_every_kind_of_event() -> None:
    """What Hypothesis would have to be lucky for, once on purpose."""
    script: list[Any] = [
        Order(1, 1, 2, 10, "2", "0", 100, None, 2, None, None, 0, 0, 0, None, None),  # an iceberg
        Order(1, 1, 2, 4, "2", "0", 100, None, None, None, None, 16, 0, 0, None, None),  # hidden behind it
        Order(2, 1, 1, 6, "3", "0", None, 100, None, None, None, 0, 0, 0, None, None),  # a stop
        Order(2, 1, 2, 2, "T", "0", 103, 101, None, None, None, 0, 0, 0, 1, None),
        Order(3, 1, 1, 4, "2", "3", 100, None, None, None, None, 0, 0, 0, None, None),  # trades, and triggers the stop
        Order(3, 1, 1, 4, "K", "0", None, None, None, None, None, 0, 0, 0, None, None),
        Order(3, 1, 1, 2, "2", "6", 99, None, None, None, MS, 0, 0, 0, None, None),
        Time(2 * MS),  # good till date is over
        Phase(0, 7),
        Order(1, 1, 1, 8, "1", "2", None, None, None, None, None, 0, 0, 0, None, None),
        Order(1, 1, 1, 8, "2", "A", 101, None, None, None, None, 0, 0, 0, None, None),
        Order(2, 1, 2, 12, "2", "0", 99, None, None, None, None, 0, 0, 0, None, None),
        Time(MS),
        Phase(0, 5),
        Change(2, 0, None, None, None, None),  # frozen
        Phase(0, 1),
        Mass(1, 7, None, None, None, None, None, 2),
        Mass(2, 1, 1, 2, None, None, None, 0),
        Mass(3, 1, 1, None, None, None, None, 1),
    ]
    with VenueRig(CONFIG) as rig:
        both = Both(rig)
        for action in script:
            both.do(action)
        both.compare()
        told = {name for session in both.twin.sessions for _, name, _ in session.reports}
        assert told >= {
            "ExecutionReportNew", "ExecutionReportTrade", "ExecutionReportRestated", "ExecutionReportCancel",
            "ExecutionReportReject", "OrderMassActionReport",
        }  # fmt: skip
        assert {name for _, name, _ in both.twin.feed} == {
            "TradingStatusUpdate", "AuctionUpdate", "OrderPut", "OrderDelete", "Trade", "TradeSummary",
        }  # fmt: skip
        seen = both.twin.count
        for name in ("orders_triggered", "orders_restated", "auction_trades", "orders_expired", "orders_mass_canceled"):
            assert seen[name] > 0, name
        rejected = [
            fields["OrdRejReason"]
            for session in both.twin.sessions
            for _, name, fields in session.reports
            if name == "ExecutionReportReject"
        ]
        assert rejected == [n.FROZEN]
