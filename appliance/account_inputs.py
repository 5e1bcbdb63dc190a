"""What an input asks of accounts: a request's checks before the book, an operator's command."""

from __future__ import annotations

import numpy as np

from appliance.accounts.admin import carry_out
from appliance.accounts.state import account_of_session
from appliance.book.bounds import bound_of_new
from appliance.book.index import find_entry, peek_slot
from appliance.risk.check import check
from appliance.risk.limits import check_order, has_limit_price, prefetch_checks
from native import counters
from native.account_layout import OPEN_ORDER
from native.jit import inner_kernel, outer_kernel
from native.layout import COMMAND_PRICE_MISSING, KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE, ORDER
from native.lowlevel import prefetch
from wire.gen import order_entry as oe

OPEN_ORDER_BYTES = OPEN_ORDER.itemsize
ORDER_BYTES = ORDER.itemsize


@inner_kernel
def prefetch_account(accounts, records, index):
    """Start to fetch what the checks of the request `records[index]` will look up. Changes nothing."""
    record = records[np.uint64(index)]
    if np.int64(record["kind"]) == KIND_NEW_ORDER and np.int64(accounts.state[0]["is_enabled"]):
        prefetch_checks(accounts, record)


@inner_kernel
def check_account(exchange, index, hashed):
    """The checks of docs/RISK.md before the book has the request `records[index]`; `hashed`: of the name that it looks
    for. Returns 0 or the code of the reject, whose limit is `accounts.state[0]["limit_value"]`."""
    accounts = exchange.accounts
    records = exchange.journal.records
    record = records[np.uint64(index)]
    accounts.state[0]["limit_value"] = 0
    reason = np.int64(check(exchange.tables, accounts, record))
    kind = np.int64(record["kind"])
    if reason != 0 or np.int64(accounts.state[0]["is_enabled"]) == 0 or kind > KIND_REPLACE:
        return reason
    session = np.int64(record["session"])
    session_kill = np.int64(exchange.tables.sessions[np.uint64(session)]["kill"])
    reason = np.int64(check_limits(exchange.book, accounts, records, index, hashed, session_kill))
    if reason != 0:
        exchange.tables.counters[counters.RISK_REJECTED] += 1
    return reason


@inner_kernel
def check_limits(book, accounts, records, index, hashed, session_kill):
    """The checks behind the first of a new order, cancel or replace; what the ledger will write is fetched meanwhile.
    `hashed`: of the name that the request looks for; `session_kill`: KILL_* of its session. Returns 0 or the code of
    the reject."""
    record = records[np.uint64(index)]
    kind = np.int64(record["kind"])
    session = np.int64(record["session"])
    qty_lots = np.int64(record["qty_lots"])
    open_orders_at = np.int64(accounts.open_orders.ctypes.data)
    if kind == KIND_CANCEL:
        slot = peek_slot(book, hashed)
        prefetch(open_orders_at + slot * OPEN_ORDER_BYTES)
        prefetch(np.int64(book.orders.ctypes.data) + slot * ORDER_BYTES)
        return np.int64(0)
    is_new = kind == KIND_NEW_ORDER
    bound_ticks = np.int64(record["price_ticks"])
    old_bound_ticks = np.int64(0)
    old_lots = np.int64(0)
    if is_new:
        prefetch(open_orders_at + np.int64(book.state[0]["free_order"]) * OPEN_ORDER_BYTES)
        account = account_of_session(accounts, session, np.int64(record["account"]))
        instrument = np.int64(record["instrument"])
        side = np.int64(record["side"])
        has_price = has_limit_price(np.int64(record["ord_type"]))
        leaves_lots = qty_lots
        if not has_price:
            bound_ticks = np.int64(bound_of_new(book, records, index))
    else:
        slot = np.int64(find_entry(book, hashed, session, record["orig_cl_ord_id"]))
        if slot < 0:
            return np.int64(0)
        order = book.orders[np.uint64(slot)]
        leaves_lots = qty_lots - np.int64(order["cum_lots"])
        if leaves_lots <= 0:
            return np.int64(0)
        account = account_of_session(accounts, np.int64(order["session"]), np.int64(order["account"]))
        instrument = np.int64(order["instrument"])
        side = np.int64(order["side"])
        has_price = has_limit_price(np.int64(order["ord_type"]))
        old_lots = np.int64(order["leaves_lots"])
        old_bound_ticks = np.int64(order["price_ticks"])
        if not has_price:
            old_bound_ticks = np.int64(accounts.open_orders[np.uint64(slot)]["bound_ticks"])
        if not has_price or np.int64(record["flags"]) & COMMAND_PRICE_MISSING:
            bound_ticks = old_bound_ticks
    is_sell = np.int64(side != oe.Side_Buy)
    return check_order(
        accounts, record, account, instrument, is_sell, is_new, has_price, bound_ticks, leaves_lots, old_bound_ticks,
        old_lots, session_kill,
    )  # fmt: skip


@outer_kernel
def carry_out_command(exchange, index):
    """The operator's command `admins[index]`, but for what a kill cancels. Returns 0, or why it is refused."""
    tables = exchange.tables
    tables.counters[counters.ADMIN_COMMANDS] += 1
    refusal = np.int64(carry_out(exchange.accounts, tables.sessions.size, exchange.journal.admins, index))
    if refusal != 0:
        tables.counters[counters.ADMIN_REFUSED] += 1
    return refusal
