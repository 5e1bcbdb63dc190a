"""What an order-entry message means, for the naive venue: ticks, lots and indexes, and flags where there are none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.naive.exchange import numbers as n

UNKNOWN_SECURITY = 2
ANY = n.ALL
QUERY = 25
QUERY_TEMPLATES = {"OrderStatusRequest": 130, "WatermarkRequest": 131}
KINDS = {
    "NewOrderShort": n.NEW,
    "NewOrderSingle": n.NEW,
    "OrderCancelRequest": n.CANCEL,
    "OrderCancelReplaceRequest": n.REPLACE,
    "OrderMassActionRequest": n.MASS_CANCEL,
    "OrderStatusRequest": QUERY,
    "WatermarkRequest": QUERY,
}
BLANK = dict.fromkeys(
    ("kind", "sequence", "time_ns", "receive_time_ns", "session_seq", "cl_ord_id", "orig_cl_ord_id", "order_id",
     "price_ticks", "stop_price_ticks", "expire_time_ns", "qty_lots", "display_qty_lots", "min_qty_lots", "instrument",
     "account", "self_match_prevention_id", "session", "cancel_group", "risk_group", "side", "ord_type",
     "time_in_force", "stp_instruction", "exec_inst", "flags"), 0,
)  # fmt: skip
SAME = {
    "ClOrdID": "cl_ord_id", "OrigClOrdID": "orig_cl_ord_id", "OrderID": "order_id", "Account": "account",
    "SelfMatchPreventionID": "self_match_prevention_id", "CancelGroupID": "cancel_group", "RiskGroupID": "risk_group",
    "Side": "side", "OrdType": "ord_type", "TimeInForce": "time_in_force", "STPInstruction": "stp_instruction",
    "ExecInst": "exec_inst",
}  # fmt: skip
"""Fields that go over as they are; missing is 0."""


def command_of(session: int, name: str, values: Any, instruments: dict[int, Any]) -> dict[str, int]:
    """The command of message `name`; `instruments` by SecurityID have `index` and `tick_nanos`."""
    given = {field: value for field, value in values._asdict().items() if value is not None}
    command = BLANK | {ours: given.get(theirs, 0) for theirs, ours in SAME.items()}
    command |= {"kind": KINDS[name], "session": session}
    instrument = instruments.get(given.get("SecurityID", -1))
    if instrument is not None:
        command["instrument"] = instrument.index
    elif "SecurityID" in given:
        command["instrument"] = given["SecurityID"]
        command["flags"] |= UNKNOWN_SECURITY
    if name in QUERY_TEMPLATES:
        number = {"orig_cl_ord_id": given["OrdStatusReqID"], "ord_type": QUERY_TEMPLATES[name]}
        return command | number | {"instrument": ANY}
    tick = 1 if instrument is None else instrument.tick_nanos
    if name == "OrderMassActionRequest":
        return command | mass_action(command, given, tick)
    if name != "NewOrderSingle":
        command["ord_type"] = n.LIMIT
    if name == "OrderCancelRequest":
        return command
    if name == "NewOrderShort":
        command["stp_instruction"] = n.STP_NEWEST if command["self_match_prevention_id"] else 0
        given.setdefault("Price", -(2**63))  # a required field has no null
        given["StopPx"] = 0
    take_price(command, given, "Price", "price_ticks", tick, n.PRICE_MISSING, n.PRICE_OFF_TICK)
    take_price(command, given, "StopPx", "stop_price_ticks", tick, n.STOP_PRICE_MISSING, n.STOP_PRICE_OFF_TICK)
    command["expire_time_ns"] = min(given.get("ExpireTime", 0), 2**63 - 1)
    for theirs, ours in (("OrderQty", "qty_lots"), ("DisplayQty", "display_qty_lots"), ("MinQty", "min_qty_lots")):
        lots = given.get(theirs, 0)
        command[ours] = min(lots, n.QTY_MAX)
        if lots > n.QTY_MAX:
            command["flags"] |= n.QTY_OUT_OF_RANGE
    return command


def take_price(
    command: dict[str, int], given: dict[str, int], theirs: str, ours: str, tick: int, missing: int, off_tick: int
) -> None:
    if theirs not in given:
        command["flags"] |= missing
        return
    command[ours], rest = divmod(given[theirs], tick)
    command["flags"] |= off_tick if rest else 0


def mass_action(command: dict[str, int], given: dict[str, int], tick: int) -> dict[str, int]:
    """A band between two ticks reaches the same orders as the tick that it excludes."""
    found = {
        "ord_type": given["MassActionType"], "time_in_force": given["MassActionScope"],
        "stp_instruction": given["AckStyle"], "exec_inst": given.get("Lockout", 255),
        "account": given.get("Account", ANY),
    }  # fmt: skip
    flags = command["flags"]
    if "SecurityID" not in given:
        found["instrument"] = ANY
    if "HigherThanPrice" in given:
        found["price_ticks"] = given["HigherThanPrice"] // tick
    else:
        flags |= n.PRICE_MISSING
    if "LowerThanPrice" in given:
        found["stop_price_ticks"] = -(-given["LowerThanPrice"] // tick)
    else:
        flags |= n.STOP_PRICE_MISSING
    return found | {"flags": flags}


def why_not(command: dict[str, int], own_accounts: Collection[int]) -> int:
    """The checks before the book, in their order; 0: none failed."""
    if command["flags"] & UNKNOWN_SECURITY:
        return 1
    if command["kind"] == n.CANCEL:
        return 0
    is_mass = command["kind"] == n.MASS_CANCEL
    if command["account"] not in own_accounts and not (is_mass and command["account"] == ANY):
        return 15
    return why_not_mass_action(command) if is_mass else 0


def why_not_mass_action(command: dict[str, int]) -> int:
    kind, scope, style, lockout = (
        command[name] for name in ("ord_type", "time_in_force", "stp_instruction", "exec_inst")
    )
    if kind != 3 or scope not in (1, 7, 10) or style not in (0, 1, 2) or lockout not in (0, 255):
        return 9012
    has_band = command["flags"] & (n.PRICE_MISSING | n.STOP_PRICE_MISSING) != n.PRICE_MISSING | n.STOP_PRICE_MISSING
    if command["instrument"] == ANY and (scope == 1 or has_band):
        return 9013
    return 9013 if scope == 10 and not command["cancel_group"] else 0
