"""Accounts, risk and funds and their naive twin: any orders, changes, phases and operators' commands over the real
pipeline give the same reports, counters, limits and balances, and the ledger holds after every step."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.accounts.day import begin_day
from appliance.decide_again import replay_record
from appliance.exchange import allocate, whole_state_hash
from appliance.pipeline import drain
from appliance.sequencer.journal import COMMITTED
from native import counters
from native.jit import INTERPRETED
from native.ports import PortConfig, open_port
from tests.naive.accounts.compare import check_ledger, compare_books
from tests.naive.accounts.ledger import new_day
from tests.property.test_venue_order_types import (
    CHANGE,
    MASS,
    MS,
    ORDER,
    PHASE,
    TIME,
    Both,
    Change,
    Order,
    Phase,
    Time,
)
from tests.venue_rig import VenueRig, demo_sessions, small_config

USD, COIN, GOLD = 1, 2, 3
BOUNDED = {"price_ticks_max": 130, "qty_lots_max": 50}
LIMITS = {
    "order_lots": 40, "order_value": 60_000, "gross_position": 300, "open_orders": 12, "daily_loss": 400,
    "open_positions": 2, "order_rate": 99, "order_rate_ms": 1, "duplicates": 2, "duplicates_ms": 1,
}  # fmt: skip


def config(has_funds: bool) -> Any:
    """Three sessions and five accounts of two firms; instruments as in the test of order types, some with limits."""
    clearing = {"base": "COIN", "quote": "USD", "tick_value": 3, "lot_units": 7, "maker_millionths": 1_000,
                "taker_millionths": 2_700}  # fmt: skip
    gold = {"base": "GOLD", "quote": "USD", "tick_value": 2, "taker_millionths": 50_000, "position_weight": 2}
    swap = {"base": "COIN", "quote": "GOLD", "maker_millionths": 333_333, "taker_millionths": 999_999}
    sessions = demo_sessions(3)
    sessions[0]["accounts"] = [11, 12]
    money = {"USD": 300_000, "COIN": 2_000, "GOLD": 900} if has_funds else {}
    accounts = [
        {"id": number, "firm": firm, "balances": money, "limits": LIMITS if number == 2 else {}}
        for number, firm in ((1, 10), (2, 20), (3, 20), (11, 10), (12, 10))
    ]
    accounts[1]["instruments"] = [{"security_id": 1, "traded_lots": 90, "net_lots": 60, "order_lots": 30}]
    accounts[2] |= {"entitled_to": [1, 2], "limits": {"open_orders": 5}}
    accounts[4] |= {"restricted": [2], "status": "pending_kyc"}
    return small_config(
        instruments=[
            {"security_id": 1, "symbol": "PLAIN", "price_ticks_min": 0, "clearing": clearing} | BOUNDED,
            {"security_id": 2, "symbol": "BANDS", "tick_nanos": 3, "static_reference_ticks": 100,
             "static_band_ticks": 4, "dynamic_band_ticks": 3, "volatility_auction_ms": 2, "breaker_ticks": 3,
             "breaker_window_ms": 3, "halt_ms": 2, "auction_band_ticks": 2, "extension_ms": 1, "extensions_max": 2,
             "market_protection_ticks": 2, "clearing": gold, "limits": {"collar_ticks": 3, "order_value": 9_000},
             } | BOUNDED,
            {"security_id": 3, "symbol": "TIMES", "qty_step_lots": 2, "freeze_ms": 1, "clearing": swap,
             "limits": {"traded_lots": 200, "net_lots": 100}} | BOUNDED,
        ],
        limits={"orders": 64, "levels": 64},
        sessions=sessions,
        firms=[{"id": 10}, {"id": 20, "limits": {"open_orders": 20, "gross_position": 500, "daily_loss": 600}}],
        accounts=accounts,
        assets=[{"code": "USD"}, {"code": "COIN", "decimals": 8}, {"code": "GOLD", "decimals": 0}],
        funds={"enabled": True, "fee_account": 11} if has_funds else {},
    )  # fmt: skip


CONFIGS = {has_funds: config(has_funds) for has_funds in (False, True)}


class Admin(NamedTuple):
    """An operator's command, drawn."""

    action: int
    account: int | None
    firm: int | None
    instrument: int | None
    asset: int | None
    limit: int
    value: int
    value2: int
    session: int | None = None


class Day(NamedTuple):
    """A new trading day."""


class For(NamedTuple):
    """An order for another account than the session's own."""

    order: Order
    account: int


VALUES = st.sampled_from([-2, -1, 0, 1, 2, 3, 5, 40, 100, 1000, 1 << 31, 1 << 50, (1 << 62) - 1, (1 << 63) - 1])
NAMED = {
    "account": st.sampled_from([None, None, 1, 2, 3, 11, 12, 99]),
    "firm": st.sampled_from([None, None, None, None, 10, 20, 99]),
    "instrument": st.sampled_from([None, None, None, 0, 1, 2, 3]),
    "asset": st.sampled_from([None, USD, COIN, GOLD, 0, 4]),
    "session": st.sampled_from([None] * 12 + [0, 1, 2, 3]),
}
ADMIN = st.builds(
    Admin, action=st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10]), limit=st.integers(0, 12),
    value=VALUES | st.integers(0, 400), value2=st.sampled_from([0, 0, 1, MS, -1, 1 << 60]), **NAMED,
)  # fmt: skip
USUAL = st.builds(
    Admin, action=st.sampled_from([2, 6, 6, 7, 8, 9, 9, 9]), account=st.sampled_from([1, 2, 3, 11, 12]),
    firm=st.none(), instrument=st.none(), asset=st.sampled_from([USD, COIN, GOLD]), limit=st.just(0),
    value=st.integers(1, 30_000), value2=st.just(0), session=st.none(),
).map(lambda one: one._replace(account=None) if one.action == 9 else one)  # fmt: skip
GOOD = ORDER.filter(lambda one: one.wrong is None)
ANY_ORDER = GOOD | GOOD | GOOD | ORDER | st.builds(For, GOOD, st.sampled_from([1, 2, 11, 11, 12]))
ACTIONS = st.lists(ANY_ORDER | ANY_ORDER | ANY_ORDER | CHANGE | CHANGE | MASS | PHASE | TIME | ADMIN | USUAL
                   | st.builds(Day), max_size=60)  # fmt: skip


class Accounted(Both):
    account: int

    def do(self, action: Any) -> None:
        match action:
            case Admin():
                self.rig.now_ns += 1000
                values = action._asdict()
                mine = self.rig.administer(**values)
                assert mine == self.twin.administer(values, self.rig.now_ns)
            case Day():
                begin_day(self.rig.exchange.accounts)
                new_day(self.twin.books)
            case For(order, account):
                self.account = account
                super().do(order)
            case Order(session=session):
                self.account = session
                super().do(action)
            case _:
                super().do(action)
        check_ledger(self.rig.exchange.accounts, self.rig.exchange.book)

    def account_of(self, asked: Order) -> int:
        return self.account


@settings(max_examples=20 if INTERPRETED else 300, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS, has_funds=st.booleans())
def test_any_actions(actions: list[Any], has_funds: bool) -> None:
    with VenueRig(CONFIGS[has_funds]) as rig:
        both = Accounted(rig)
        for action in actions:
            both.do(action)
            compare_books(rig.exchange.accounts, rig.exchange.book, both.twin.books)
        both.compare()


def busy_day(seed: int, count: int) -> list[Any]:
    """A long day in which most orders are good and many trade, with every type, phase and command in between."""
    random = Random(seed)

    def order() -> Any:
        kind = random.choice("2222222222111134JTKK")
        stays = kind in "34JTK" or random.random() < 0.6
        tif = random.choice("0016" if stays else "34" if kind in "12" and random.random() < 0.8 else "027A3")
        hides = kind in "2T" and stays and tif in "016" and random.random() < 0.1
        found = Order(
            random.randint(1, 3), random.choice([1, 1, 1, 2, 3]), random.choice([1, 1, 2, 2, 5]),
            random.choice([2, 4, 4, 6, 8, 10, 20]), kind, tif, None if kind in "13JK" else random.randint(96, 104),
            random.randint(96, 104) if kind in "34JT" else None,
            2 if stays and not hides and kind in "24T" and random.random() < 0.2 else None,
            2 if kind == "2" and tif == "3" and random.random() < 0.2 else None,
            random.randint(1, 4 * MS), 16 if hides else random.choice([0] * 12 + [1, 2, 4] if kind == "2" else [0]),
            random.choice([0, 0, 0, 1, 2, 3, 4, 5]), random.choice([0, 7]), random.choice([None, 1]), None,
        )  # fmt: skip
        return For(found._replace(session=1), random.choice([11, 12])) if random.random() < 0.2 else found

    def change() -> Any:
        given = random.randint(96, 104)
        qty = random.choice([None, 0, 2, 4, 8, 12, 20, 30])
        return Change(random.randint(1, 3), random.randint(0, 6), qty, random.choice([None, given]), None, None)

    def phase() -> list[Any]:
        auction = random.choice([0, 3, 7, 8])
        return [Phase(instrument := random.randint(0, 2), auction), *(order() for _ in range(8)), Phase(instrument, 1)]

    def command() -> Any:
        action, account = random.choice([1, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 9]), random.choice([1, 2, 3, 11, 12])
        instrument = random.randint(0, 2) if action == 4 or (action == 1 and random.random() < 0.6) else None
        value = random.choice(
            {1: [-1, 5, 50, 500], 2: [1, 1, 1, 2], 7: [100, 10_000], 8: [300, 1_000]}.get(action, [1, 1, 0])
        )
        firm = random.choice([None, None, None, 10, 20]) if action in (1, 4, 5, 6) else None
        named = None if firm or action == 9 else account
        asset = random.choice([USD, COIN, GOLD])
        if action == 5 and random.random() < 0.3:
            return Admin(5, None, None, None, None, 0, 2, 0, random.randint(0, 2))
        return Admin(action, named, firm, instrument, asset, random.randint(1, 11), value, random.choice([0, MS]))

    def relief() -> list[Any]:
        """Everybody may trade again."""
        blank = Admin(0, None, None, None, None, 0, 1, 0)
        found: list[Any] = [blank._replace(action=6, firm=firm) for firm in (10, 20)]
        found += [blank._replace(action=6, session=session) for session in range(3)]
        for account in (1, 2, 3, 11, 12):
            found += [blank._replace(action=action, account=account) for action in (2, 3, 6)]
            found += [
                blank._replace(action=1, account=account, limit=limit, value=-1) for limit in (6, 7, 8, 9, 10, 11)
            ]
        rate = blank._replace(action=1, account=3, limit=10, value=2, value2=4_000)
        found += [rate, rate._replace(limit=11, account=1, value=1, value2=MS)]
        found += [blank._replace(action=4, instrument=instrument, value=0) for instrument in range(3)]
        return [*found, blank._replace(action=9), Day()]

    actions: list[Any] = relief()
    while len(actions) < count:
        drawn = random.random()
        if drawn < 0.70:
            actions.append(order())
        elif drawn < 0.86:
            actions.append(change())
        elif drawn < 0.90:
            actions.append(Time(random.randint(0, MS)))
        elif drawn < 0.92:
            actions += phase()
        elif drawn < 0.99:
            actions.append(command())
        else:
            actions += relief()
    return actions


@pytest.mark.parametrize("has_funds", [False, True])
@pytest.mark.parametrize("seed", [1, 2] if INTERPRETED else range(8))
def test_a_busy_day(seed: int, has_funds: bool) -> None:
    with VenueRig(CONFIGS[has_funds]) as rig:
        both = Accounted(rig)
        for number, action in enumerate(busy_day(seed, 400 if INTERPRETED else 1500)):
            both.do(action)
            if number % 20 == 0:
                compare_books(rig.exchange.accounts, rig.exchange.book, both.twin.books)
        both.compare()
        assert both.twin.count["fills"] > 20
        assert both.twin.count["risk_rejected"] > 5


def test_a_replay_of_the_journal_gives_the_same_accounts() -> None:
    """Operators' commands are inputs like any other: the same records, the same state and the same frames."""
    config = CONFIGS[True]
    with VenueRig(config) as rig:
        both = Accounted(rig)
        for action in busy_day(5, 250 if INTERPRETED else 2000):
            if not isinstance(action, Day):
                both.do(action)
        written = int(rig.exchange.journal.scalars[COMMITTED])
        again = allocate(config, records=rig.exchange.journal.records[:written].copy())
        with open_port(PortConfig(kind="memory", tx_frames=2048)) as port:
            frames = 0
            for index in range(written):
                replay_record(again, port.handle, index)
                drain(again, port.handle)
                while port.collect() is not None:
                    frames += 1
        assert whole_state_hash(again) == whole_state_hash(rig.exchange)
        assert int(again.tables.counters[counters.ADMIN_COMMANDS]) > 50
        assert frames > written // 4
