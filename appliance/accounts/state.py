"""The memory of accounts, risk and funds: one set of arrays, allocated once, never grown.

Cache lines of a new order that passes every check: its account, firm, holding (account x instrument), instrument (two),
balance, and the slot of the order; the ring of the order rate and the series of duplicates where those limits are set.
Without [[accounts]] all arrays have one item and `state[0]["is_enabled"]` is 0: nobody looks further.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from appliance.config import Config, Instrument
from appliance.config_accounts import STATUSES, Account, Clearing, Firm, InstrumentLimits, index_of
from native.account_layout import (
    ACCOUNT,
    ACCOUNTS_STATE,
    BALANCE,
    CLEARING,
    FIRM,
    FUNDS_MAX,
    GROSS_POSITION_MAX,
    HOLDING,
    HOLDING_ENTITLED,
    HOLDING_RESTRICTED,
    LOTS_MAX,
    OPEN_ORDER,
    ORDER_RATE_MAX,
    ORDER_VALUE_MAX,
    SERIES,
    SERIES_PLACES,
    TRADED_LOTS_MAX,
)
from native.arrays import Arrays
from native.jit import inner_kernel, kernel
from native.limits import EVENTS_MAX, QTY_LOTS_MAX

FREE = -1
NEVER_YET_NS = -(1 << 62)
"""When an account made the requests that it has not made yet."""
COUNT_MAX = (1 << 32) - 1
TICKS_MAX = (1 << 63) - 1
CACHE_LINE_BYTES = 64
OPEN_BUY_WORD = 1
"""Of a HOLDING; the lots of open sells are in the next word."""
NOT_KNOWN = -1
"""As `request_leaves_lots`: `request_more` is not of the request in hand."""
assert HOLDING.fields is not None and HOLDING.fields["open_buy_lots"][1] == 8 * OPEN_BUY_WORD
assert HOLDING.fields["open_sell_lots"][1] == 8 * (OPEN_BUY_WORD + 1)
INSTRUMENT_LIMITS = (
    ("order_lots_max", "order_lots", QTY_LOTS_MAX), ("order_value_max", "order_value", ORDER_VALUE_MAX),
    ("traded_lots_max", "traded_lots", TRADED_LOTS_MAX), ("net_lots_max", "net_lots", LOTS_MAX),
)  # fmt: skip
"""(field, key of the configuration, what holds where it is not set) of CLEARING and HOLDING."""
FIRM_LIMITS = (
    ("order_lots_max", "order_lots", QTY_LOTS_MAX), ("order_value_max", "order_value", ORDER_VALUE_MAX),
    ("gross_position_max", "gross_position", 1 << 62), ("open_orders_max", "open_orders", COUNT_MAX),
    ("daily_loss_max", "daily_loss", FUNDS_MAX),
)  # fmt: skip
ACCOUNT_LIMITS = (*FIRM_LIMITS[:2], ("gross_position_max", "gross_position", GROSS_POSITION_MAX), *FIRM_LIMITS[3:],
                  ("open_positions_max", "open_positions", COUNT_MAX))  # fmt: skip

# indexes of `Accounts.told`, from TOLD_COUNT times the place of the event on
FEE_NANOS = 0
"""FeeAmount of the aggressor (of an auction: the buy) in a trade."""
BALANCE_NANOS = 1
"""And its WalletBalanceAfter."""
MAKER_FEE_NANOS = 2
MAKER_BALANCE_NANOS = 3
TOLD_COUNT = 4
NOTHING_TOLD = -(1 << 63)
"""The null of FeeAmount and WalletBalanceAfter."""


class Accounts(Arrays):
    """Everything that risk and funds know."""

    state: npt.NDArray[np.void]
    """(1,) ACCOUNTS_STATE."""
    accounts: npt.NDArray[np.void]
    """(accounts,) ACCOUNT."""
    account_slots: npt.NDArray[np.int64]
    """(a power of two,) index into accounts by hashed number, FREE where empty."""
    firms: npt.NDArray[np.void]
    """(firms,) FIRM."""
    holdings: npt.NDArray[np.void]
    """(accounts * instruments,) HOLDING; of account a in instrument i: a * instruments + i."""
    marks: npt.NDArray[np.int64]
    """(accounts * instruments,) price ticks at which the result of the day counts the holding's net."""
    clearing: npt.NDArray[np.void]
    """(instruments,) CLEARING."""
    balances: npt.NDArray[np.void]
    """(accounts * assets,) BALANCE; of account a in asset b: a * assets + b."""
    supply: npt.NDArray[np.int64]
    """(assets,) deposits less withdrawals, minor units."""
    minor_unit_nanos: npt.NDArray[np.int64]
    """(assets,) a minor unit in 1e-9 of the asset."""
    minor_units_told_max: npt.NDArray[np.int64]
    """(assets,) the most of them that 64 bits hold in 1e-9 of the asset."""
    asset_ids: npt.NDArray[np.int64]
    """(assets,) number of the asset: its place in [[assets]], from 1."""
    open_orders: npt.NDArray[np.void]
    """(orders_max,) OPEN_ORDER of the book's slots."""
    series: npt.NDArray[np.void]
    """(SERIES_PLACES,) SERIES."""
    request_times: npt.NDArray[np.int64]
    """(accounts * ORDER_RATE_MAX,) when each account made its last requests, ns: a ring each."""
    session_accounts: npt.NDArray[np.int64]
    """(sessions,) index of the session's own account."""
    allowed_first: npt.NDArray[np.int64]
    """(sessions + 1,) where the other accounts of each session begin in `allowed`."""
    allowed: npt.NDArray[np.int64]
    """(n,) indexes of accounts."""
    told: npt.NDArray[np.int64]
    """(TOLD_COUNT * EVENTS_MAX,) what reports tell of the trades among the events of a step."""


def _lines(count: int, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Zeroed items, the first at the start of a cache line."""
    item_bytes = np.dtype(dtype).itemsize
    memory = np.zeros(max(1, count) * item_bytes + CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    items: npt.NDArray[np.generic] = memory[start : start + max(1, count) * item_bytes].view(dtype)
    return items


def allocate_accounts(config: Config) -> Accounts:
    """Accounts at the start of the venue's first day, with the balances of the configuration as deposits."""
    is_enabled = bool(config.accounts)
    count, instruments, assets = len(config.accounts), len(config.instruments), len(config.assets)
    holdings = count * instruments
    nanos = [10 ** (9 - asset.decimals) for asset in config.assets] or [1]
    found = Accounts(
        state=_lines(1, ACCOUNTS_STATE),
        accounts=_lines(count, ACCOUNT),
        account_slots=np.full(1 << (2 * max(1, count) - 1).bit_length(), FREE, np.int64),
        firms=_lines(len(config.firms), FIRM),
        holdings=_lines(holdings, HOLDING),
        marks=np.zeros(max(1, holdings), np.int64),
        clearing=_lines(instruments if is_enabled else 1, CLEARING),
        balances=_lines(count * assets, BALANCE),
        supply=np.zeros(max(1, assets), np.int64),
        minor_unit_nanos=np.array(nanos, np.int64),
        minor_units_told_max=np.array([((1 << 63) - 1) // one for one in nanos], np.int64),
        asset_ids=np.arange(1, max(1, assets) + 1, dtype=np.int64),
        open_orders=_lines(config.limits.orders if is_enabled else 1, OPEN_ORDER),
        series=_lines(SERIES_PLACES if is_enabled else 1, SERIES),
        request_times=np.full(max(1, count * ORDER_RATE_MAX), NEVER_YET_NS, np.int64),
        session_accounts=np.zeros(len(config.sessions), np.int64),
        allowed_first=np.zeros(len(config.sessions) + 1, np.int64),
        allowed=np.zeros(max(1, sum(len(session.accounts) for session in config.sessions)), np.int64),
        told=np.full(TOLD_COUNT * EVENTS_MAX, NOTHING_TOLD, np.int64),
    )
    if is_enabled:
        _fill(found, config)
    return found


def _fill(found: Accounts, config: Config) -> None:
    places = {account.id: place for place, account in enumerate(config.accounts)}
    firms = {firm.id: place for place, firm in enumerate(config.firms)}
    instruments = {instrument.security_id: place for place, instrument in enumerate(config.instruments)}
    state = found.state[0]
    state["is_enabled"] = 1
    state["has_funds"] = config.funds.enabled
    state["accounts"], state["instruments"] = len(places), len(instruments)
    state["assets"] = len(config.assets)
    if config.funds.fee_account is not None and config.funds.enabled:
        state["fee_account"] = places[config.funds.fee_account]
    for record, firm in zip(found.firms, config.firms, strict=True):
        record["firm_id"] = firm.id
        _fill_limits(record, FIRM_LIMITS, firm)
    for record, instrument in zip(found.clearing, config.instruments, strict=True):
        _fill_clearing(record, instrument, config)
    for place, account in enumerate(config.accounts):
        _insert(found.account_slots, account.id, place)
        _fill_account(found, place, account, firms[account.firm], instruments)
        for code, amount in account.balances.items():
            asset = index_of(config.assets, code)
            balance = found.balances[place * len(config.assets) + asset]
            balance["available"] = balance["settled"] = amount
            found.supply[asset] += amount
    at = 0
    for place, session in enumerate(config.sessions):
        found.session_accounts[place] = places[session.account]
        found.allowed_first[place] = at
        for number in session.accounts:
            found.allowed[at] = places[number]
            at += 1
    found.allowed_first[-1] = at


def _fill_limits(record: np.void, table: tuple[tuple[str, str, int], ...], owner: Firm | Account) -> None:
    for field, key, unset in table:
        value = getattr(owner.limits, key)
        record[field] = unset if value is None else value


def _fill_clearing(record: np.void, instrument: Instrument, config: Config) -> None:
    clearing, limits = instrument.clearing or Clearing(), instrument.limits or InstrumentLimits()
    for name in ("price_ticks_min", "price_ticks_max", "qty_lots_max"):
        record[name] = getattr(instrument, name)
    for name in ("tick_value", "lot_units", "maker_millionths", "taker_millionths", "position_weight"):
        record[name] = getattr(clearing, name)
    record["base"], record["quote"] = (index_of(config.assets, code) for code in (clearing.base, clearing.quote))
    for field, key, unset in INSTRUMENT_LIMITS:
        value = getattr(limits, key)
        record[field] = unset if value is None else value
    record["collar_ticks"] = TICKS_MAX if limits.collar_ticks is None else limits.collar_ticks
    if instrument.static_reference_ticks is not None:
        record["has_reference"] = 1
        record["reference_ticks"] = instrument.static_reference_ticks


def _fill_account(found: Accounts, place: int, account: Account, firm: int, instruments: dict[int, int]) -> None:
    record = found.accounts[place]
    record["account_id"], record["firm"], record["status"] = account.id, firm, STATUSES[account.status]
    _fill_limits(record, ACCOUNT_LIMITS, account)
    record["rate_max"] = account.limits.order_rate or 0
    record["rate_window_ns"] = account.limits.order_rate_ms * 1_000_000
    record["duplicates_max"] = account.limits.duplicates or 0
    record["duplicate_window_ns"] = account.limits.duplicates_ms * 1_000_000
    holdings = found.holdings[place * len(instruments) : (place + 1) * len(instruments)]
    for field, _, unset in INSTRUMENT_LIMITS:
        holdings[field] = unset
    for security_id, at in instruments.items():
        if account.entitled_to == "all" or security_id in account.entitled_to:
            holdings[at]["flags"] |= HOLDING_ENTITLED
        if security_id in account.restricted:
            holdings[at]["flags"] |= HOLDING_RESTRICTED
    for table in account.instruments:
        for field, key, unset in INSTRUMENT_LIMITS:
            value = getattr(table, key)
            holdings[instruments[table.security_id]][field] = unset if value is None else value


def _insert(slots: npt.NDArray[np.int64], number: int, place: int) -> None:
    at = int(hash_account(np.int64(number))) & (slots.size - 1)
    while slots[at] != FREE:
        at = (at + 1) & (slots.size - 1)
    slots[at] = place


@kernel
def hash_account(number):
    """Spread of an account's number for `account_slots`."""
    return ((number * 2654435761) >> 7) & 0x7FFFFFFF


@kernel
def find_account(accounts, number):
    """Index of the account with this number, or FREE."""
    slots = accounts.account_slots
    mask = slots.size - 1
    at = hash_account(number) & mask
    for _ in range(slots.size):  # at most half full: an empty slot ends the search
        index = slots[at]
        if index == FREE or np.int64(accounts.accounts[index]["account_id"]) == number:
            return index
        at = (at + 1) & mask
    return np.int64(FREE)


@inner_kernel
def account_of_session(accounts, session, number):
    """Index of the account with this number where the session may trade for it, or FREE."""
    own = accounts.session_accounts[np.uint64(session)]
    if np.int64(accounts.accounts[np.uint64(own)]["account_id"]) == number:
        return own
    return np.int64(other_account_of_session(accounts, session, number))


@kernel
def other_account_of_session(accounts, session, number):
    """The same among the accounts that are not the session's own."""
    for at in range(accounts.allowed_first[session], accounts.allowed_first[session + 1]):
        other = accounts.allowed[at]
        if np.int64(accounts.accounts[other]["account_id"]) == number:
            return other
    return np.int64(FREE)


def accounts_hash(accounts: Accounts) -> bytes:
    """SHA-256 of all that sequenced inputs made of accounts, risk and funds."""
    digest = hashlib.sha256()
    for name in ("accounts", "firms", "holdings", "marks", "clearing", "balances", "supply", "open_orders", "series"):
        digest.update(getattr(accounts, name).tobytes())
    digest.update(accounts.request_times.tobytes())
    for name in ("commands", "refused"):
        digest.update(int(accounts.state[0][name]).to_bytes(8, "little"))
    return digest.digest()
