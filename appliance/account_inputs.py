"""What an input asks of accounts: a request's checks before the book, an operator's command."""

from __future__ import annotations

import numpy as np

from appliance.accounts.admin import carry_out
from appliance.book.bounds import bound_of_new, slot_of_orig
from appliance.book.index import hash_of, peek_slot
from appliance.risk.check import check
from appliance.risk.limits import check_new, check_replace
from native import counters
from native.account_layout import OPEN_ORDER
from native.jit import kernel
from native.layout import KIND_NEW_ORDER, KIND_REPLACE, ORDER
from native.lowlevel import prefetch

OPEN_ORDER_BYTES = OPEN_ORDER.itemsize
ORDER_BYTES = ORDER.itemsize


@kernel
def check_account(exchange, index):
    """The checks of docs/RISK.md before the book has the request `records[index]`. Returns 0 or the code of the reject,
    whose limit is `accounts.state[0]["limit_value"]`."""
    accounts = exchange.accounts
    book = exchange.book
    records = exchange.journal.records
    record = records[index]
    accounts.state[0]["limit_value"] = 0
    reason = np.int64(check(exchange.tables, accounts, record))
    kind = np.int64(record["kind"])
    if reason != 0 or np.int64(accounts.state[0]["is_enabled"]) == 0 or kind > KIND_REPLACE:
        return reason
    reason = np.int64(check_limits(book, accounts, records, index))
    if reason != 0:
        exchange.tables.counters[counters.RISK_REJECTED] += 1
    return reason


@kernel
def check_limits(book, accounts, records, index):
    """The checks behind the first of a new order, cancel or replace; what the ledger will write is fetched meanwhile.
    Returns 0 or the code of the reject."""
    kind = np.int64(records[index]["kind"])
    open_orders_at = np.int64(accounts.open_orders.ctypes.data)
    if kind == KIND_NEW_ORDER:
        prefetch(open_orders_at + np.int64(book.state[0]["free_order"]) * OPEN_ORDER_BYTES)
        return check_new(accounts, records, index, bound_of_new(book, records, index))
    if kind == KIND_REPLACE:
        return check_replace(accounts, records, index, book.orders, slot_of_orig(book, records, index))
    slot = peek_slot(book, hash_of(book, np.int64(records[index]["session"]), records[index]["orig_cl_ord_id"]))
    prefetch(open_orders_at + slot * OPEN_ORDER_BYTES)
    prefetch(np.int64(book.orders.ctypes.data) + slot * ORDER_BYTES)
    return np.int64(0)


@kernel
def carry_out_command(exchange, index):
    """The operator's command `admins[index]`, but for what a kill cancels. Returns 0, or why it is refused."""
    tables = exchange.tables
    tables.counters[counters.ADMIN_COMMANDS] += 1
    refusal = np.int64(carry_out(exchange.accounts, tables.sessions.size, exchange.journal.admins, index))
    if refusal != 0:
        tables.counters[counters.ADMIN_REFUSED] += 1
    return refusal
