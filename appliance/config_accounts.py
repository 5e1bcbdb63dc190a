"""The tables of the configuration that say who trades for whom, within which limits, with which money: docs/RISK.md.

`appliance/config.py` has them as parts of the whole file; `check_accounts` looks at what one table says of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from native.account_layout import (
    ACCOUNTS_MAX,
    ASSETS_MAX,
    FIRMS_MAX,
    FUNDS_MAX,
    GROSS_POSITION_MAX,
    HOLDINGS_MAX,
    LOTS_MAX,
    MILLION,
    ORDER_RATE_MAX,
    ORDER_VALUE_MAX,
    POSITION_WEIGHT_MAX,
    STATUS_ACTIVE,
    STATUS_CLOSED,
    STATUS_PENDING_KYC,
    STATUS_SUSPENDED,
    TRADED_LOTS_MAX,
)
from native.limits import QTY_LOTS_MAX

STATUSES = {
    "pending_kyc": STATUS_PENDING_KYC,
    "active": STATUS_ACTIVE,
    "suspended": STATUS_SUSPENDED,
    "closed": STATUS_CLOSED,
}

Id = Annotated[int, Field(ge=0, le=(1 << 32) - 2)]
OrderLots = Annotated[int, Field(ge=0, le=QTY_LOTS_MAX)] | None
OrderValue = Annotated[int, Field(ge=0, le=ORDER_VALUE_MAX)] | None
Lots = Annotated[int, Field(ge=0, le=LOTS_MAX)] | None
TradedLots = Annotated[int, Field(ge=0, le=TRADED_LOTS_MAX)] | None
Gross = Annotated[int, Field(ge=0, le=GROSS_POSITION_MAX)] | None
Number = Annotated[int, Field(ge=0, le=(1 << 32) - 1)] | None
Ticks = Annotated[int, Field(ge=0, le=1 << 62)] | None
Loss = Annotated[int, Field(ge=0, le=FUNDS_MAX)] | None
WindowMs = Annotated[int, Field(ge=1, le=86_400_000)]
Millionths = Annotated[int, Field(ge=0, le=MILLION)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class OrderLimits(_Table):
    """Limits of a single order."""

    order_lots: OrderLots = None
    order_value: OrderValue = None
    """Minor units of the quote asset."""


class HoldingLimits(OrderLimits):
    """Limits of an account in an instrument."""

    traded_lots: TradedLots = None
    """A day's; what is open counts as traded."""
    net_lots: Lots = None


class InstrumentLimits(HoldingLimits):
    """[instruments.limits]: of every account in the instrument."""

    collar_ticks: Ticks = None


class FirmLimits(OrderLimits):
    """[firms.limits]."""

    gross_position: Gross = None
    open_orders: Number = None
    daily_loss: Loss = None
    """Minor units; quote assets are not told apart."""


class AccountLimits(FirmLimits):
    """[accounts.limits]."""

    open_positions: Number = None
    order_rate: Annotated[int, Field(ge=1, le=ORDER_RATE_MAX)] | None = None
    order_rate_ms: WindowMs = 1000
    duplicates: Annotated[int, Field(ge=1, le=(1 << 32) - 1)] | None = None
    duplicates_ms: WindowMs = 1000


class HoldingTable(HoldingLimits):
    """[[accounts.instruments]]: limits of the account in one instrument."""

    security_id: int


class Clearing(_Table):
    """[instruments.clearing]: what lots and prices are worth."""

    base: str = ""
    """Code of the asset that is traded; needed with funds."""
    quote: str = ""
    """Code of the asset that it is paid in; needed with funds."""
    tick_value: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    """Minor units of the quote asset that one lot costs at a price of one tick."""
    lot_units: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    """Minor units of the base asset in a lot."""
    maker_millionths: Millionths = 0
    """Fee of the maker, in millionths of the value; rounded down."""
    taker_millionths: Millionths = 0
    position_weight: Annotated[int, Field(ge=0, le=POSITION_WEIGHT_MAX)] = 1
    """What a lot counts in gross positions."""


class Asset(_Table):
    """[[assets]]: what balances are of."""

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,16}$")]
    decimals: Annotated[int, Field(ge=0, le=9)] = 2
    """Places of a minor unit behind the point."""


class Firm(_Table):
    """[[firms]]: whose the accounts are. SelfMatchPreventionIDs are a firm's own."""

    id: Id
    name: Annotated[str, Field(max_length=64)] = ""
    limits: FirmLimits = FirmLimits()


class Account(_Table):
    """[[accounts]]: who trades; with any of them every session needs one."""

    id: Id
    """The number on the wire."""
    firm: Id
    name: Annotated[str, Field(max_length=64)] = ""
    status: Literal["pending_kyc", "active", "suspended", "closed"] = "active"
    entitled_to: Literal["all"] | tuple[int, ...] = "all"
    """SecurityIDs that the account may trade."""
    restricted: tuple[int, ...] = ()
    """SecurityIDs that it must not trade, though entitled."""
    balances: dict[str, Annotated[int, Field(ge=0, le=FUNDS_MAX)]] = Field(default_factory=dict)
    """Minor units by code of the asset that the account begins with: its first deposits."""
    limits: AccountLimits = AccountLimits()
    instruments: tuple[HoldingTable, ...] = ()


class Funds(_Table):
    """[funds]: orders reserve cash or units of their account before they may rest."""

    enabled: bool = False
    fee_account: Id | None = None
    """The account that gets the fees."""


AccountTables = Annotated[tuple[Account, ...], Field(max_length=ACCOUNTS_MAX)]
FirmTables = Annotated[tuple[Firm, ...], Field(max_length=FIRMS_MAX)]
AssetTables = Annotated[tuple[Asset, ...], Field(max_length=ASSETS_MAX)]


def check_accounts(config: Any) -> None:
    """ValueError, with one sentence, where the tables of a Config do not go together."""
    for what, values in (
        ("firms: id", [firm.id for firm in config.firms]),
        ("accounts: id", [account.id for account in config.accounts]),
        ("assets: code", [asset.code for asset in config.assets]),
    ):
        if len(set(values)) != len(values):
            raise ValueError(f"two entries have the same {what}")
    if not config.accounts:
        if config.funds.enabled:
            raise ValueError("funds.enabled needs [[accounts]]")
        if any(session.accounts for session in config.sessions):
            raise ValueError("sessions: accounts needs [[accounts]]")
        return
    if len(config.accounts) * len(config.instruments) > HOLDINGS_MAX:
        raise ValueError(f"accounts times instruments is above {HOLDINGS_MAX}")
    accounts = {account.id: account for account in config.accounts}
    firms = {firm.id for firm in config.firms}
    securities = {instrument.security_id for instrument in config.instruments}
    for account in config.accounts:
        _check_account(account, firms, securities)
    for session in config.sessions:
        name = session.name or session.uuid or session.key_id
        for number in (session.account, *session.accounts):
            if number not in accounts:
                raise ValueError(f"session {name}: account {number} is not in [[accounts]]")
            if accounts[number].firm != accounts[session.account].firm:
                raise ValueError(f"session {name}: account {number} is of another firm")
    for instrument in config.instruments:
        _check_worth(instrument)
    if config.funds.enabled:
        _check_funds(config, accounts)
    elif any(account.balances for account in config.accounts):
        raise ValueError("accounts: balances do nothing without funds.enabled")


def _check_account(account: Account, firms: set[int], securities: set[int]) -> None:
    if account.firm not in firms:
        raise ValueError(f"account {account.id}: firm {account.firm} is not in [[firms]]")
    tables = [table.security_id for table in account.instruments]
    if len(set(tables)) != len(tables):
        raise ValueError(f"account {account.id}: two tables in instruments have the same security_id")
    entitled = () if account.entitled_to == "all" else account.entitled_to
    for security_id in (*entitled, *account.restricted, *tables):
        if security_id not in securities:
            raise ValueError(f"account {account.id}: there is no instrument {security_id}")


def _check_worth(instrument: Any) -> None:
    """No order of the instrument can be worth more than ORDER_VALUE_MAX."""
    clearing = instrument.clearing or Clearing()
    price_ticks = max(abs(instrument.price_ticks_min), abs(instrument.price_ticks_max))
    if (
        price_ticks * instrument.qty_lots_max * clearing.tick_value > ORDER_VALUE_MAX
        or instrument.qty_lots_max * clearing.lot_units > ORDER_VALUE_MAX
    ):
        raise ValueError(
            f"instrument {instrument.security_id}: with [[accounts]] its largest order must be worth less than 2^50 "
            "minor units: give a lower price_ticks_max, qty_lots_max, tick_value or lot_units"
        )


def _check_funds(config: Any, accounts: dict[int, Account]) -> None:
    codes = {asset.code for asset in config.assets}
    if config.funds.fee_account not in accounts:
        raise ValueError("funds.fee_account must name one of [[accounts]]")
    for instrument in config.instruments:
        clearing = instrument.clearing or Clearing()
        for key, code in (("base", clearing.base), ("quote", clearing.quote)):
            if code not in codes:
                raise ValueError(f"instrument {instrument.security_id}: clearing.{key} {code!r} is not in [[assets]]")
        if clearing.base == clearing.quote:
            raise ValueError(f"instrument {instrument.security_id}: clearing.base and clearing.quote are the same")
        if instrument.price_ticks_min < 0:
            raise ValueError(f"instrument {instrument.security_id}: with funds price_ticks_min must not be below 0")
    for account in config.accounts:
        for code in account.balances:
            if code not in codes:
                raise ValueError(f"account {account.id}: asset {code!r} is not in [[assets]]")
    for code in codes:
        if sum(account.balances.get(code, 0) for account in config.accounts) > FUNDS_MAX:
            raise ValueError(f"the balances of {code} are above 2^62 in sum")


def facts_of_accounts(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a configuration's digest without what says nothing, so that a venue without accounts has the digest
    that it had before there were any."""
    for instrument in facts["instruments"]:
        for key in ("clearing", "limits"):
            if instrument[key] is None:
                del instrument[key]
    for session in facts["sessions"]:
        if not session["accounts"]:
            del session["accounts"]
    return facts


def session_firms(config: Any) -> list[int]:
    """Place of each session's firm in [[firms]]; all 0 without [[accounts]]."""
    if not config.accounts:
        return [0] * len(config.sessions)
    firms = {firm.id: place for place, firm in enumerate(config.firms)}
    owners = {account.id: firms[account.firm] for account in config.accounts}
    return [owners[session.account] for session in config.sessions]


def index_of(codes: Sequence[Asset], code: str) -> int:
    """Place of an asset in [[assets]]; 0 where funds are off and no asset is named."""
    return next((place for place, asset in enumerate(codes) if asset.code == code), 0)
