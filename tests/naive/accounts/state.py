"""What the naive twin of accounts, risk and funds knows: docs/RISK.md, section 1.

Nothing that can be counted is kept: open lots, exposures and reserves are summed up over the open orders whenever they
are asked for, and what is available is what is settled and neither reserved nor to be paid.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from appliance.config import Config
from tests.naive.accounts.numbers import ACTIVE, FIRM_GROSS_MAX, LARGEST, PENDING, RESULT_MAX
from tests.naive.accounts.numbers import CLOSED as STATUS_CLOSED
from tests.naive.accounts.numbers import SUSPENDED as STATUS_SUSPENDED

STATUSES = {"pending_kyc": PENDING, "active": ACTIVE, "suspended": STATUS_SUSPENDED, "closed": STATUS_CLOSED}
Key = tuple[int, int]
"""Account and instrument, or account and asset."""


@dataclass
class OpenOrder:
    account: int
    instrument: int
    is_sell: bool
    has_price: bool
    bound: int
    leaves: int
    filled: int = 0


@dataclass
class Account:
    number: int
    firm: int
    status: int
    kill: int = 0
    result: int = 0
    requests: list[int] = field(default_factory=list)
    """Times of those that were counted for the order rate."""


class Books:
    """Accounts by number, instruments by place, assets by code."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.has_funds = config.funds.enabled
        self.accounts = {one.id: Account(one.id, one.firm, STATUSES[one.status]) for one in config.accounts}
        self.firm_kill = {firm.id: 0 for firm in config.firms}
        self.firm_result = {firm.id: 0 for firm in config.firms}
        self.entitled: dict[Key, bool] = {}
        self.restricted: set[tuple[str, int, int]] = set()
        """("account", number, instrument), ("firm", number, instrument), ("all", 0, instrument)."""
        self.limits: dict[tuple[str, int, int, str], int] = {}
        """By level ("i", "a", "h", "f"), account or firm, instrument, name: what is set."""
        self.windows: dict[tuple[int, str], int] = {}
        self.series: dict[int, tuple[tuple[int, ...], int, int]] = {}
        """What is alike, time of the first, how many: by place."""
        self.orders: dict[int, OpenOrder] = {}
        self.net: defaultdict[Key, int] = defaultdict(int)
        self.traded: defaultdict[Key, int] = defaultdict(int)
        self.marks: defaultdict[Key, int] = defaultdict(int)
        self.last: dict[int, int] = {}
        self.reference: dict[int, int] = {}
        self.settled: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.coming: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.going: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.supply: defaultdict[str, int] = defaultdict(int)
        self.fees_paid: defaultdict[tuple[int, str], int] = defaultdict(int)
        for place, one in enumerate(config.instruments):
            if one.static_reference_ticks is not None:
                self.reference[place] = one.static_reference_ticks
        self.set_limits()
        self.set_rights()

    # --- as configured -----------------------------------------------------------------------------------------

    def set_limits(self) -> None:
        def take(level: str, number: int, instrument: int, table: Any) -> None:
            for name in LARGEST:
                value = getattr(table, name, None)
                if value is not None:
                    self.limits[level, number, instrument, name] = value

        for place, one in enumerate(self.config.instruments):
            take("i", 0, place, one.limits)
        for firm in self.config.firms:
            take("f", firm.id, 0, firm.limits)
        for account in self.config.accounts:
            take("a", account.id, 0, account.limits)
            self.windows[account.id, "order_rate"] = account.limits.order_rate_ms * 1_000_000
            self.windows[account.id, "duplicates"] = account.limits.duplicates_ms * 1_000_000
            for table in account.instruments:
                take("h", account.id, self.place_of(table.security_id), table)

    def set_rights(self) -> None:
        for account in self.config.accounts:
            for place, one in enumerate(self.config.instruments):
                wanted = account.entitled_to
                self.entitled[account.id, place] = wanted == "all" or one.security_id in wanted
                if one.security_id in account.restricted:
                    self.restricted.add(("account", account.id, place))
            for code, amount in account.balances.items():
                self.settled[account.id, code] += amount
                self.supply[code] += amount

    def place_of(self, security_id: int) -> int:
        return [one.security_id for one in self.config.instruments].index(security_id)

    # --- instruments -------------------------------------------------------------------------------------------

    def clearing(self, instrument: int, name: str) -> Any:
        defaults = {"tick_value": 1, "lot_units": 1, "position_weight": 1, "base": "", "quote": ""}
        table = self.config.instruments[instrument].clearing
        return defaults.get(name, 0) if table is None else getattr(table, name)

    def value(self, instrument: int, ticks: int, lots: int) -> int:
        return int(ticks * lots * self.clearing(instrument, "tick_value"))

    def fee(self, instrument: int, value: int, rate: str) -> int:
        return int(value * self.clearing(instrument, rate) // 1_000_000)

    # --- limits ------------------------------------------------------------------------------------------------

    def limit(self, name: str, account: Account, instrument: int, levels: str) -> int:
        """The smallest of those at these levels."""
        keys = {
            "i": ("i", 0, instrument, name), "a": ("a", account.number, 0, name),
            "h": ("h", account.number, instrument, name), "f": ("f", account.firm, 0, name),
        }  # fmt: skip
        largest = FIRM_GROSS_MAX if (name, levels) == ("gross_position", "f") else LARGEST[name]
        return min([largest, *(self.limits[keys[level]] for level in levels if keys[level] in self.limits)])

    def window_limit(self, name: str, account: Account) -> int:
        """0: none."""
        return self.limits.get(("a", account.number, 0, name), 0)

    # --- what is counted ---------------------------------------------------------------------------------------

    def orders_of(self, account: int, instrument: int | None = None) -> list[OpenOrder]:
        return [
            order
            for order in self.orders.values()
            if order.account == account and instrument in (None, order.instrument)
        ]

    def open_lots(self, account: int, instrument: int, is_sell: bool) -> int:
        return sum(order.leaves for order in self.orders_of(account, instrument) if order.is_sell == is_sell)

    def reducible(self, account: int, instrument: int, is_sell: bool, without: int) -> int:
        others = self.open_lots(account, instrument, is_sell) - without
        net = self.net[account, instrument]
        return max(0, (net if is_sell else -net) - others)

    def exposure(self, account: int, instrument: int, more_buy: int = 0, more_sell: int = 0) -> int:
        net = self.net[account, instrument]
        buys = self.open_lots(account, instrument, False) + more_buy
        sells = self.open_lots(account, instrument, True) + more_sell
        return int(max(abs(net + buys), abs(net - sells)) * self.clearing(instrument, "position_weight"))

    def gross_of_account(self, account: int) -> int:
        return sum(self.exposure(account, place) for place in range(len(self.config.instruments)))

    def accounts_of(self, firm: int) -> list[Account]:
        return [one for one in self.accounts.values() if one.firm == firm]

    def gross_of_firm(self, firm: int) -> int:
        return sum(self.gross_of_account(one.number) for one in self.accounts_of(firm))

    def is_open(self, account: int, instrument: int) -> bool:
        return bool(self.net[account, instrument] or self.orders_of(account, instrument))

    def open_positions(self, account: int) -> int:
        return sum(self.is_open(account, place) for place in range(len(self.config.instruments)))

    def open_orders_of_firm(self, firm: int) -> int:
        return sum(len(self.orders_of(one.number)) for one in self.accounts_of(firm))

    def add_result(self, account: Account, amount: int) -> None:
        account.result = within(account.result + amount)
        self.firm_result[account.firm] = within(self.firm_result[account.firm] + amount)

    # --- money -------------------------------------------------------------------------------------------------

    def reserve(self, instrument: int, is_sell: bool, bound: int, leaves: int) -> int:
        if is_sell:
            return int(leaves * self.clearing(instrument, "lot_units"))
        value = self.value(instrument, bound, leaves)
        rates = ("maker_millionths", "taker_millionths")
        return value + max(self.fee(instrument, value, rate) for rate in rates)

    def reserve_of(self, order: OpenOrder) -> int:
        return self.reserve(order.instrument, order.is_sell, order.bound, order.leaves)

    def asset_of(self, order: OpenOrder) -> str:
        return str(self.clearing(order.instrument, "base" if order.is_sell else "quote"))

    def reserved(self, account: int, asset: str) -> int:
        return sum(self.reserve_of(order) for order in self.orders_of(account) if self.asset_of(order) == asset)

    def available(self, account: int, asset: str) -> int:
        return self.settled[account, asset] - self.going[account, asset] - self.reserved(account, asset)

    def owned(self, account: int, asset: str) -> int:
        return self.settled[account, asset] - self.going[account, asset] + self.coming[account, asset]

    def in_nanos(self, asset: str, amount: int) -> int | None:
        decimals = next(one.decimals for one in self.config.assets if one.code == asset)
        nanos = amount * 10 ** (9 - decimals)
        return nanos if nanos < 2**63 else None


def within(result: int) -> int:
    return max(-RESULT_MAX, min(RESULT_MAX, result))
