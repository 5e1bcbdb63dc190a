"""One line a check of docs/RISK.md, section 2, in the order of the checks.

One order breaks every rule. It is refused by the first; that rule is lifted by an operator's command, and the next one
refuses it, with its code and its limit, until nothing is left that could. Then what each limit counts, at its edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.config import Config
from native import account_layout as layout
from native import codes
from tests.naive.accounts.compare import check_ledger
from tests.naive.venue import Venue
from tests.venue_rig import (
    START_NS,
    TICK,
    Client,
    VenueRig,
    cancel,
    demo_sessions,
    new,
    replace,
    replies,
    run_twin,
    single,
    small_config,
)

USD, COIN = 1, 2
DAY_NS = 86_400_000_000_000


def venue_config(*, has_funds: bool = True, **more: Any) -> Config:
    """Three accounts of two firms; one lot is 2 units of COIN and costs 5 cents a tick."""
    clearing = {"base": "COIN", "quote": "USD", "tick_value": 5, "lot_units": 2, "maker_millionths": 1_000,
                "taker_millionths": 2_000}  # fmt: skip
    money = {"USD": 1_000_000, "COIN": 10_000} if has_funds else {}
    bounded = {"price_ticks_max": 1000, "qty_lots_max": 1000}
    return small_config(
        instruments=[
            {"security_id": 1, "symbol": "ONE", "clearing": clearing} | bounded,
            {"security_id": 2, "symbol": "TWO", "clearing": clearing | {"position_weight": 3}} | bounded,
        ],
        sessions=[demo_sessions(3)[0] | {"accounts": [3], "name": "first"}, *demo_sessions(3)[1:2]],
        firms=[{"id": 7}, {"id": 8}],
        accounts=[{"id": number, "firm": firm, "balances": money} for number, firm in ((1, 7), (2, 8), (3, 7))],
        assets=[{"code": "USD"}, {"code": "COIN", "decimals": 0}],
        funds={"enabled": True, "fee_account": 2} if has_funds else {},
        **more,
    )


class Desk:
    """The venue and its twin: session 1 is the one that is looked at, session 2 trades with it."""

    def __init__(self, rig: VenueRig) -> None:
        self.rig, self.twin = rig, Venue(rig.config)
        self.twin.open_day(START_NS)
        self.clients = {1: Client(1), 2: Client(2)}
        self.number = 0

    def send(self, message: bytes, session: int = 1) -> tuple[str, dict[str, Any]]:
        """The last report that the session gets."""
        frame = self.clients[session].frame(message)
        self.rig.send(frame)
        run_twin(self.twin, [frame], self.rig.now_ns)
        self.rig.compare(self.twin)
        check_ledger(self.rig.exchange.accounts, self.rig.exchange.book)
        return replies(self.rig.sent, self.clients[session])[-1]

    def buy(self, qty: int = 1, ticks: int = 100, **more: Any) -> tuple[str, dict[str, Any]]:
        session = more.pop("session", 1)
        self.number += 1
        return self.send(new(self.number, 1, qty, ticks, **{"Account": session} | more), session)

    def sell(self, qty: int = 1, ticks: int = 100, **more: Any) -> tuple[str, dict[str, Any]]:
        session = more.pop("session", 1)
        self.number += 1
        return self.send(new(self.number, 2, qty, ticks, **{"Account": session} | more), session)

    def cancel(self, orig: int, side: int = 1, **more: int) -> tuple[str, dict[str, Any]]:
        self.number += 1
        return self.send(cancel(self.number, orig, side, **more))

    def replace(self, orig: int, **more: Any) -> tuple[str, dict[str, Any]]:
        self.number += 1
        return self.send(replace(self.number, orig, **more))

    def admin(self, action: int, **values: int) -> int:
        self.rig.now_ns += 1000
        given = dict.fromkeys(("account", "firm", "instrument", "asset")) | {"limit": 0, "value": 0, "value2": 0}
        given |= {"action": action} | values
        mine = self.rig.administer(**given)
        assert mine == self.twin.administer(given, self.rig.now_ns)
        self.rig.compare(self.twin)
        check_ledger(self.rig.exchange.accounts, self.rig.exchange.book)
        return mine

    def limit(self, limit: int, value: int, **values: int) -> None:
        assert self.admin(layout.ADMIN_SET_LIMIT, limit=limit, value=value, **values) == 0

    def available(self, account: int, asset: int) -> int:
        return int(self.rig.exchange.accounts.balances[(account - 1) * 2 + asset - 1]["available"])


@pytest.fixture
def desk() -> Iterator[Desk]:
    with VenueRig(venue_config()) as rig:
        yield Desk(rig)


def refused(told: tuple[str, dict[str, Any]]) -> tuple[int, int | None] | None:
    name, report = told
    return (report["OrdRejReason"], report["LimitValue"]) if name == "ExecutionReportReject" else None


NONE = {"value": layout.LIMIT_NONE}
LIFT = {"action": layout.ADMIN_SET_LIMIT} | NONE
IN_ONE, HIS, HIS_IN_ONE, OF_FIRM = {"instrument": 0}, {"account": 1}, {"account": 1, "instrument": 0}, {"firm": 7}
BY_HIM = {"session": 0}
MONEY = 1_000_000 - 5 * 105 * 10 - 10 - 5 + 5 * 100 * 10

# code, LimitValue, what lifts the rule; the order is to buy 10 at 110
LADDER: list[tuple[int, int | None, dict[str, int]]] = [
    (codes.REJECT_ACCOUNT_PENDING, None, HIS | {"action": layout.ADMIN_SET_STATUS, "value": layout.STATUS_SUSPENDED}),
    (codes.REJECT_ACCOUNT_SUSPENDED, None, HIS | {"action": layout.ADMIN_SET_STATUS, "value": layout.STATUS_ACTIVE}),
    (codes.REJECT_NOT_ENTITLED, None, HIS | {"action": layout.ADMIN_ENTITLE, "value": 1}),
    (codes.REJECT_RESTRICTED, None, IN_ONE | {"action": layout.ADMIN_RESTRICT, "value": 0}),
    (codes.REJECT_RESTRICTED, None, HIS_IN_ONE | {"action": layout.ADMIN_RESTRICT, "value": 0}),
    (codes.REJECT_RESTRICTED, None, OF_FIRM | IN_ONE | {"action": layout.ADMIN_RESTRICT, "value": 0}),
    (codes.REJECT_ACCOUNT_KILLED, 0, HIS | {"action": layout.ADMIN_RESET}),
    (codes.REJECT_FIRM_KILLED, 0, OF_FIRM | {"action": layout.ADMIN_RESET}),
    (codes.REJECT_SESSION_KILLED, 0, BY_HIM | {"action": layout.ADMIN_RESET}),
    (codes.REJECT_PRICE_COLLAR, 105 * TICK, LIFT | IN_ONE | {"limit": layout.LIMIT_COLLAR_TICKS}),
    (codes.REJECT_ORDER_LOTS, 6, LIFT | IN_ONE | {"limit": layout.LIMIT_ORDER_LOTS}),
    (codes.REJECT_ORDER_LOTS, 7, LIFT | HIS_IN_ONE | {"limit": layout.LIMIT_ORDER_LOTS}),
    (codes.REJECT_ORDER_LOTS, 8, LIFT | HIS | {"limit": layout.LIMIT_ORDER_LOTS}),
    (codes.REJECT_ORDER_LOTS, 9, LIFT | OF_FIRM | {"limit": layout.LIMIT_ORDER_LOTS}),
    (codes.REJECT_ORDER_VALUE, 5_000, LIFT | IN_ONE | {"limit": layout.LIMIT_ORDER_VALUE}),
    (codes.REJECT_ORDER_VALUE, 5_100, LIFT | HIS_IN_ONE | {"limit": layout.LIMIT_ORDER_VALUE}),
    (codes.REJECT_ORDER_VALUE, 5_200, LIFT | HIS | {"limit": layout.LIMIT_ORDER_VALUE}),
    (codes.REJECT_ORDER_VALUE, 5_499, LIFT | OF_FIRM | {"limit": layout.LIMIT_ORDER_VALUE}),
    (codes.REJECT_TRADED_LOTS, 28, LIFT | IN_ONE | {"limit": layout.LIMIT_TRADED_LOTS}),
    (codes.REJECT_TRADED_LOTS, 29, LIFT | HIS_IN_ONE | {"limit": layout.LIMIT_TRADED_LOTS}),
    (codes.REJECT_NET_POSITION, 8, LIFT | IN_ONE | {"limit": layout.LIMIT_NET_LOTS}),
    (codes.REJECT_NET_POSITION, 9, LIFT | HIS_IN_ONE | {"limit": layout.LIMIT_NET_LOTS}),
    (codes.REJECT_GROSS_POSITION, 8, LIFT | HIS | {"limit": layout.LIMIT_GROSS_POSITION}),
    (codes.REJECT_GROSS_POSITION, 9, LIFT | OF_FIRM | {"limit": layout.LIMIT_GROSS_POSITION}),
    (codes.REJECT_OPEN_ORDERS, 0, LIFT | HIS | {"limit": layout.LIMIT_OPEN_ORDERS}),
    (codes.REJECT_OPEN_ORDERS, 0, LIFT | OF_FIRM | {"limit": layout.LIMIT_OPEN_ORDERS}),
    (codes.REJECT_OPEN_POSITIONS, 0, LIFT | HIS | {"limit": layout.LIMIT_OPEN_POSITIONS}),
    (codes.REJECT_DAILY_LOSS, 264, LIFT | HIS | {"limit": layout.LIMIT_DAILY_LOSS}),
    (codes.REJECT_DAILY_LOSS, 263, LIFT | OF_FIRM | {"limit": layout.LIMIT_DAILY_LOSS}),
    (codes.REJECT_ORDER_RATE, 1, LIFT | HIS | {"limit": layout.LIMIT_ORDER_RATE}),
    (codes.REJECT_DUPLICATE_IN_WINDOW, 1, LIFT | HIS | {"limit": layout.LIMIT_DUPLICATES}),
    (codes.REJECT_INSUFFICIENT_FUNDS, 5_510, HIS | {"action": layout.ADMIN_DEPOSIT, "asset": USD, "value": 1}),
]  # fmt: skip


def test_every_check_in_order(desk: Desk) -> None:
    desk.limit(layout.LIMIT_ORDER_RATE, 1000, account=1, value2=DAY_NS)
    desk.limit(layout.LIMIT_DUPLICATES, 1000, account=1, value2=DAY_NS)
    desk.sell(10, 105, session=2)
    desk.buy(10, 105)  # he pays 5,250 and a fee of 10
    desk.buy(10, 100, session=2)
    desk.sell(10, 100)  # gets 5,000 less a fee of 10: he has lost 250 and 20
    desk.buy(10, 110)
    desk.cancel(desk.number)
    accounts = desk.rig.exchange.accounts
    assert int(accounts.accounts[0]["day_result"]) == -270
    assert desk.admin(layout.ADMIN_SETTLE) == 0
    assert desk.admin(layout.ADMIN_WITHDRAW, asset=USD, value=desk.available(1, USD) - 5_510, **HIS) == 0
    desk.limit(layout.LIMIT_ORDER_RATE, 1, value2=DAY_NS, **HIS)
    desk.limit(layout.LIMIT_DUPLICATES, 1, value2=DAY_NS, **HIS)
    for code, limit, lift in LADDER:
        scope = {name: lift[name] for name in ("account", "firm", "instrument", "session") if name in lift}
        if lift["action"] == layout.ADMIN_SET_LIMIT and lift["limit"] < layout.LIMIT_ORDER_RATE:
            assert limit is not None
            in_ticks = code == codes.REJECT_PRICE_COLLAR
            desk.limit(lift["limit"], 5 if in_ticks else limit, **scope)
        if lift["action"] == layout.ADMIN_RESTRICT:
            assert desk.admin(layout.ADMIN_RESTRICT, value=1, **scope) == 0
        if lift["action"] == layout.ADMIN_RESET:
            kill = layout.KILL_BUT_REDUCING if "session" in scope else layout.KILL_ALL  # all: refused before accounts
            assert desk.admin(layout.ADMIN_KILL, value=kill, **scope) == 0
    assert desk.admin(layout.ADMIN_ENTITLE, value=0, **HIS) == 0
    assert desk.admin(layout.ADMIN_SET_STATUS, value=layout.STATUS_PENDING_KYC, **HIS) == 0
    for code, limit, lift in LADDER:
        assert refused(desk.buy(10, 110, SecurityID=1, Account=2)) == (codes.REJECT_UNKNOWN_ACCOUNT, None)
        assert refused(desk.buy(10, 110)) == (code, limit), codes.REJECT_SENTENCES[code]
        assert desk.admin(**lift) == 0  # type: ignore[arg-type]
    assert desk.buy(10, 110)[0] == "ExecutionReportNew"
    assert int(accounts.state[0]["refused"]) == 0
    assert {code for code, _, _ in LADDER} | {codes.REJECT_ACCOUNT_CLOSED, codes.REJECT_INSUFFICIENT_UNITS} == {
        value for name, value in vars(codes).items() if name.startswith("REJECT_") and value in range(9020, 9041)
    }


def test_a_closed_account(desk: Desk) -> None:
    for asset in (USD, COIN):
        assert desk.admin(layout.ADMIN_WITHDRAW, account=3, asset=asset, value=desk.available(3, asset)) == 0
    assert desk.admin(layout.ADMIN_SET_STATUS, account=3, value=layout.STATUS_CLOSED) == 0
    assert refused(desk.buy(Account=3)) == (codes.REJECT_ACCOUNT_CLOSED, None)
    assert desk.admin(layout.ADMIN_DEPOSIT, account=3, asset=USD, value=1) == codes.REFUSAL_STATUS


def test_units(desk: Desk) -> None:
    assert refused(desk.sell(1000)) is None
    assert refused(desk.sell(1000, ticks=900)) is None
    assert desk.available(1, COIN) == 6000
    desk.admin(layout.ADMIN_WITHDRAW, account=1, asset=COIN, value=5999)
    assert refused(desk.sell(1)) == (codes.REJECT_INSUFFICIENT_UNITS, 1)


def test_the_day_s_quantity_counts_what_is_open(desk: Desk) -> None:
    """No more than 10 lots a day: no fill can exceed it."""
    desk.limit(layout.LIMIT_TRADED_LOTS, 10, account=1, instrument=0)
    assert refused(desk.buy(6)) is None
    assert refused(desk.sell(5, 101)) == (codes.REJECT_TRADED_LOTS, 10)
    assert refused(desk.sell(4, 101)) is None
    assert refused(desk.sell(1, 101)) == (codes.REJECT_TRADED_LOTS, 10)
    desk.sell(6, session=2)  # fills the buy
    assert refused(desk.buy(1, SecurityID=2)) is None
    assert refused(desk.buy(1)) == (codes.REJECT_TRADED_LOTS, 10)
    assert refused(desk.replace(3, SecurityID=1, Side=2, qty=5, ticks=101)) == (codes.REJECT_TRADED_LOTS, 10)
    assert refused(desk.replace(3, SecurityID=1, Side=2, qty=3, ticks=101)) is None
    assert refused(desk.buy(1)) is None


def test_a_net_limit_below_the_position_takes_what_reduces_it(desk: Desk) -> None:
    desk.sell(10, session=2)
    desk.buy(10)
    desk.limit(layout.LIMIT_NET_LOTS, 4, instrument=0)
    assert refused(desk.buy(1)) == (codes.REJECT_NET_POSITION, 4)
    assert refused(desk.sell(14, 200)) is None
    assert refused(desk.sell(1, 200)) == (codes.REJECT_NET_POSITION, 4)


def test_gross_positions_are_weighted(desk: Desk) -> None:
    desk.limit(layout.LIMIT_GROSS_POSITION, 10, account=1)
    assert refused(desk.buy(2, SecurityID=2)) is None  # counts 6
    assert refused(desk.buy(4)) is None
    assert refused(desk.buy(1)) == (codes.REJECT_GROSS_POSITION, 10)
    assert refused(desk.sell(4, 101)) is None  # no larger a position could come of both
    assert refused(desk.sell(5, 101)) == (codes.REJECT_GROSS_POSITION, 10)


def test_open_positions(desk: Desk) -> None:
    desk.limit(layout.LIMIT_OPEN_POSITIONS, 1, account=1)
    assert refused(desk.buy()) is None
    assert refused(desk.buy()) is None
    assert refused(desk.buy(SecurityID=2)) == (codes.REJECT_OPEN_POSITIONS, 1)
    desk.cancel(1)
    desk.cancel(2)
    assert refused(desk.buy(SecurityID=2)) is None


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (HIS, codes.REJECT_ACCOUNT_KILLED),
        (OF_FIRM, codes.REJECT_FIRM_KILLED),
        (BY_HIM, codes.REJECT_SESSION_KILLED),
    ],
)
def test_a_kill_cancels_and_takes_what_reduces(desk: Desk, scope: dict[str, int], code: int) -> None:
    desk.sell(10, session=2)
    desk.buy(10)
    desk.buy(3, 90)
    desk.buy(2, 90, Account=3)
    assert desk.admin(layout.ADMIN_KILL, value=layout.KILL_BUT_REDUCING, **scope) == 0
    left = 1 if scope == HIS else 0
    assert int(desk.rig.exchange.accounts.firms[0]["open_orders"]) == left
    name, report = replies(desk.rig.sent, desk.clients[1])[-1]
    assert (name, report["ExecRestatementReason"]) == ("ExecutionReportCancel", codes.RESTATEMENT_KILLED)
    assert refused(desk.buy(1)) == (code, 0)
    assert refused(desk.sell(11, 200)) == (code, 10)
    assert refused(desk.sell(6, 200)) is None
    assert refused(desk.sell(5, 200)) == (code, 4)
    assert refused(desk.cancel(desk.number - 1, 2)) is None
    assert desk.admin(layout.ADMIN_KILL, value=layout.KILL_ALL, value2=1, **scope) == 0
    blocked = (codes.REJECT_SESSION_BLOCKED, None)  # the session's own rules come before those of accounts
    assert refused(desk.sell(1, 200)) == (blocked if scope == BY_HIM else (code, 0))
    assert desk.admin(layout.ADMIN_RESET, **scope) == 0
    assert refused(desk.buy(1)) is None


def test_order_rate_is_a_sliding_window(desk: Desk) -> None:
    desk.limit(layout.LIMIT_ORDER_RATE, 2, account=1, value2=10_000)
    assert refused(desk.buy()) is None
    assert refused(desk.replace(1, qty=2)) is None
    assert refused(desk.buy()) == (codes.REJECT_ORDER_RATE, 2)
    desk.rig.now_ns += 7_000  # the third message is 10 us behind the first but the second is in the window
    assert refused(desk.buy()) is None
    assert refused(desk.buy()) is None
    assert refused(desk.buy()) == (codes.REJECT_ORDER_RATE, 2)
    assert refused(desk.buy(session=2)) is None


def test_duplicates_begin_anew_after_the_window(desk: Desk) -> None:
    desk.limit(layout.LIMIT_DUPLICATES, 2, account=1, value2=10_000)
    assert refused(desk.buy()) is None
    assert refused(desk.buy()) is None
    assert refused(desk.buy()) == (codes.REJECT_DUPLICATE_IN_WINDOW, 2)
    assert refused(desk.buy(2)) is None
    assert refused(desk.sell(ticks=200)) is None
    assert refused(desk.buy(tif="1")) is None
    assert refused(desk.buy(Account=3)) is None
    desk.rig.now_ns += 10_000
    assert refused(desk.buy()) is None


def test_a_daily_loss_leaves_the_way_out_open(desk: Desk) -> None:
    desk.limit(layout.LIMIT_DAILY_LOSS, 100, account=1)
    desk.sell(10, 100, session=2)
    desk.buy(10, 100)  # a fee of 10
    desk.buy(1, 98, session=2)
    desk.sell(1, 98, session=2)  # the market is at 98: 10 lots of 2 ticks of 5 cents are lost
    assert refused(desk.buy(1, 90)) == (codes.REJECT_DAILY_LOSS, 100)
    assert refused(desk.sell(11, 200)) == (codes.REJECT_DAILY_LOSS, 100)
    assert refused(desk.sell(10, 200)) is None
    assert refused(desk.buy(1, 90, SecurityID=2)) is None  # what other positions lost, counts at his own trades


def test_a_replace_reserves_what_is_more(desk: Desk) -> None:
    before = desk.available(1, USD)
    desk.buy(10, 100)
    assert before - desk.available(1, USD) == 5_000 + 10
    assert refused(desk.replace(1, qty=20, ticks=100)) is None
    assert before - desk.available(1, USD) == 10_000 + 20
    assert refused(desk.replace(2, qty=20, ticks=50)) is None
    assert before - desk.available(1, USD) == 5_000 + 10
    assert desk.admin(layout.ADMIN_WITHDRAW, account=1, asset=USD, value=desk.available(1, USD)) == 0
    assert refused(desk.replace(3, qty=21, ticks=50)) == (codes.REJECT_INSUFFICIENT_FUNDS, 0)
    assert refused(desk.replace(3, qty=19, ticks=50)) is None
    assert refused(desk.cancel(5)) is None


def test_a_better_price_gives_back_the_difference(desk: Desk) -> None:
    before = desk.available(1, USD)
    desk.sell(4, 100, session=2)
    desk.sell(4, 101, session=2)
    _, report = desk.buy(10, 110)
    paid = 5 * 4 * 100 + 5 * 4 * 101
    fees = 4 + 4
    assert report["FeeAmount"] == 4 * 10**7
    assert report["WalletBalanceAfter"] == (before - paid - fees) * 10**7
    open_order = 5 * 2 * 110 + 2
    assert before - desk.available(1, USD) == paid + fees + open_order
    desk.cancel(desk.number)
    assert before - desk.available(1, USD) == paid + fees


def test_a_market_order_reserves_within_its_bound(desk: Desk) -> None:
    desk.sell(4, 100, session=2)
    desk.number += 1
    message = single(desk.number, 1, 300, None, OrdType="1", TimeInForce="3")  # 300 lots at 1000 ticks at most
    assert refused(desk.send(message)) == (codes.REJECT_INSUFFICIENT_FUNDS, 1_000_000)
    desk.number += 1
    told = desk.send(single(desk.number, 1, 100, None, OrdType="1", TimeInForce="3"))
    assert told[0] == "ExecutionReportCancel"
    assert desk.available(1, USD) == 1_000_000 - 2_000 - 4
    desk.number += 1
    assert refused(desk.send(single(desk.number, 1, 300, None, OrdType="3", StopPx=200 * TICK))) is not None


def test_without_accounts_nothing_is_looked_at() -> None:
    with VenueRig(small_config()) as rig:
        assert rig.administer(action=layout.ADMIN_RESET, account=1) == codes.REFUSAL_NO_ACCOUNTS
        for kill, refusal in ((layout.KILL_BUT_REDUCING, codes.REFUSAL_NO_ACCOUNTS), (layout.KILL_ALL, 0), (3, -308)):
            assert rig.administer(action=layout.ADMIN_KILL, session=3, value=kill) == refusal
        client = Client(1)
        rig.send(client.frame(new(1, 2)), client.frame(new(2)))
        trades = [report for name, report in replies(rig.sent, client) if name == "ExecutionReportTrade"]
        assert [(report["FeeAmount"], report["WalletBalanceAfter"]) for report in trades] == [(None, None)] * 2


def test_more_firms_than_sessions() -> None:
    """Each has its drop copy's numbers; those of the last have room, too."""
    config = venue_config()
    firms = (*(config.firms[0].model_copy(update={"id": 100 + n}) for n in range(9)), *config.firms)
    with VenueRig(config.model_copy(update={"firms": firms})) as rig:
        rig.send(Client(1).frame(new(1)), Client(2).frame(new(1, Account=2)))
        assert rig.exchange.tables.firm_numbers.tolist() == [1] * 9 + [2, 2]
        assert rig.exchange.reports.firm_numbers.tolist() == [1] * 9 + [2, 2]
