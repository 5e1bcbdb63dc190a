"""Actions about accounts, limits and funds: each fills one KIND_ADMIN record (docs/RISK.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from appliance.config_accounts import STATUSES
from appliance.operator.shape import Action, Argument, Given, OperatorError, Venue, bodies, carry_out
from native import account_layout
from native.account_layout import (
    ADMIN,
    ADMIN_DEPOSIT,
    ADMIN_ENTITLE,
    ADMIN_KILL,
    ADMIN_RESET,
    ADMIN_RESTRICT,
    ADMIN_SET_LIMIT,
    ADMIN_SET_STATUS,
    ADMIN_SETTLE,
    ADMIN_WITHDRAW,
    FUNDS_MAX,
    KILL_ALL,
    KILL_BUT_REDUCING,
    LIMIT_NONE,
)
from native.layout import KIND_ADMIN, NO_INDEX

NAME_CHARACTERS_MAX: Final = 16
ID_MAX: Final = NO_INDEX - 1
VALUE_MAX: Final = (1 << 63) - 1
LIMITS: Final[Mapping[str, int]] = {
    name.removeprefix("LIMIT_").lower(): value
    for name, value in vars(account_layout).items()
    if name.startswith("LIMIT_") and name != "LIMIT_NONE"
}
YES_NO: Final[Mapping[str, int]] = {"yes": 1, "no": 0}
KILLS: Final[Mapping[str, int]] = {"all_but_reducing": KILL_BUT_REDUCING, "all": KILL_ALL}

BY = Argument("by", f"who asks, up to {NAME_CHARACTERS_MAX} characters; it is kept in the journal")
ACCOUNT = Argument("account", "number of the account")
SECURITY = Argument("security_id", "the instrument")
ASSET = Argument("asset", "code of the asset, as in [[assets]]")
AMOUNT = Argument("amount", "minor units of the asset")


def _maybe(argument: Argument, help_text: str = "") -> Argument:
    return Argument(argument.name, help_text or argument.help, required=False)


FIRM = Argument("firm", "id of the firm", required=False)
SESSION = Argument("session", "name of the session", required=False)


def _command(venue: Venue, given: Given, action: int, **values: int) -> dict[str, Any]:
    """Fill the record with what was named, and have it sequenced."""
    records = bodies(KIND_ADMIN)
    record = records.view(ADMIN)[0]
    for name in ("firm", "account", "instrument", "asset", "session"):
        record[name] = NO_INDEX
    record["action"] = action
    record["operator"][:] = np.frombuffer(_name(given).ljust(NAME_CHARACTERS_MAX, b"\0"), np.uint8)
    for name in ("account", "firm"):
        if given.has(name):
            record[name] = given.integer(name, 0, ID_MAX)
    if given.has("security_id"):
        record["instrument"] = given.instrument("security_id", venue.config)
    if given.has("asset"):
        codes = [asset.code for asset in venue.config.assets]
        if given.text("asset") not in codes:
            raise OperatorError(f"asset={given.text('asset')} is none of {', '.join(codes) or 'no [[assets]]'}.")
        record["asset"] = 1 + codes.index(given.text("asset"))
    if given.has("session"):
        record["session"] = _session(venue, given.text("session"))
    for name, value in values.items():
        record[name] = value
    return carry_out(venue, records)


def _session(venue: Venue, name: str) -> int:
    """Index of the session with this name."""
    for index, session in enumerate(venue.config.sessions):
        if name and session.name == name:
            return index
    raise OperatorError(f"session={name}: the configuration has no session of this name.")


def _name(given: Given) -> bytes:
    name = given.text("by")
    if not (name.isascii() and name.isprintable() and 0 < len(name) <= NAME_CHARACTERS_MAX):
        raise OperatorError(f"by={name!r} is not a name of 1 to {NAME_CHARACTERS_MAX} printable ASCII characters.")
    return name.encode()


def _limit(venue: Venue, given: Given) -> dict[str, Any]:
    limit = given.choice("limit", LIMITS)
    value = LIMIT_NONE if given.text("value") == "none" else given.integer("value", 0, VALUE_MAX)
    window_ns = given.integer("window_ms", 1, 86_400_000) * 1_000_000 if given.has("window_ms") else 0
    return _command(venue, given, ADMIN_SET_LIMIT, limit=limit, value=value, value2=window_ns)


def _account_status(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_SET_STATUS, value=given.choice("status", STATUSES))


def _entitle(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_ENTITLE, value=given.choice("entitled", YES_NO))


def _restrict(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_RESTRICT, value=given.choice("restricted", YES_NO))


def _kill(venue: Venue, given: Given) -> dict[str, Any]:
    stay = given.choice("orders_stay", YES_NO) if given.has("orders_stay") else 0
    return _command(venue, given, ADMIN_KILL, value=given.choice("refuse", KILLS), value2=stay)


def _reset(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_RESET)


def _deposit(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_DEPOSIT, value=given.integer("amount", 1, FUNDS_MAX))


def _withdraw(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_WITHDRAW, value=given.integer("amount", 1, FUNDS_MAX))


def _settle(venue: Venue, given: Given) -> dict[str, Any]:
    return _command(venue, given, ADMIN_SETTLE)


ACCOUNT_ROWS: Final = (
    Action(
        "limit",
        "Set a limit of an account, an account in an instrument, an instrument or a firm.",
        (
            BY,
            Argument("limit", f"one of {', '.join(LIMITS)}"),
            Argument("value", "the limit, or none"),
            Argument("window_ms", "of order_rate and duplicates", required=False),
            _maybe(ACCOUNT),
            _maybe(SECURITY),
            FIRM,
        ),
        _limit,
    ),
    Action(
        "account-status",
        "Set what an account is.",
        (BY, ACCOUNT, Argument("status", f"one of {', '.join(STATUSES)}")),
        _account_status,
    ),
    Action(
        "entitle",
        "Entitle an account to an instrument, or no more.",
        (BY, ACCOUNT, Argument("entitled", "yes or no"), _maybe(SECURITY, "the instrument; without it: all")),
        _entitle,
    ),
    Action(
        "restrict",
        "Restrict an instrument: for all, for a firm or for an account.",
        (BY, SECURITY, Argument("restricted", "yes or no"), _maybe(ACCOUNT), FIRM),
        _restrict,
    ),
    Action(
        "kill",
        "Lock an account, a firm or a session out and cancel its open orders.",
        (
            BY,
            Argument("refuse", "all, or all_but_reducing: orders that reduce a position are still taken"),
            Argument("orders_stay", "yes: open orders are not cancelled", required=False),
            _maybe(ACCOUNT),
            FIRM,
            SESSION,
        ),
        _kill,
    ),
    Action(
        "reset", "End the lockout of an account, a firm or a session.", (BY, _maybe(ACCOUNT), FIRM, SESSION), _reset
    ),
    Action("deposit", "Add to what an account has available.", (BY, ACCOUNT, ASSET, AMOUNT), _deposit),
    Action("withdraw", "Take from what an account has available.", (BY, ACCOUNT, ASSET, AMOUNT), _withdraw),
    Action(
        "settle",
        "Settle what the fills so far have left pending, of all accounts.",
        (BY, _maybe(ASSET, "code of the asset; without it: all")),
        _settle,
    ),
)
