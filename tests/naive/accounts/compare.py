"""The kernels' accounts against the twin's, and the invariants of the ledger: docs/RISK.md, section 3."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.accounts.state import Accounts
from appliance.book.state import Book
from tests.naive.accounts.state import Books


def check_ledger(accounts: Accounts, book: Book) -> None:
    """What holds after every step of everything, of the kernels' state by itself."""
    state = accounts.state[0]
    count, assets = int(state["accounts"]), int(state["assets"])
    rows = accounts.balances[: count * assets].reshape(count, assets)
    for name in ("available", "reserved", "pending_in", "pending_out", "settled"):
        assert (rows[name] >= 0).all(), f"{name} is below 0"
    assert (rows["settled"] == rows["available"] + rows["reserved"] + rows["pending_out"]).all()
    for asset in range(assets):
        supply = int(accounts.supply[asset])
        assert sum(int(one) for one in rows["settled"][:, asset]) == supply
        assert int(rows["pending_in"][:, asset].sum()) == int(rows["pending_out"][:, asset].sum())
    held = {(account, asset): 0 for account in range(count) for asset in range(assets)}
    for slot in np.flatnonzero(accounts.open_orders["leaves_lots"]) if state["has_funds"] else ():
        order = book.orders[slot]
        clearing = accounts.clearing[int(order["instrument"])]
        is_sell = int(order["side"]) != 1
        asset = int(clearing["base" if is_sell else "quote"])
        account = int(np.flatnonzero(accounts.accounts["account_id"] == order["account"])[0])
        held[account, asset] += what_it_holds(accounts.open_orders[slot], clearing, is_sell)
    for (account, asset), amount in held.items():
        assert int(rows[account, asset]["reserved"]) == amount, "reserved is not what the open orders hold"


def what_it_holds(order: Any, clearing: Any, is_sell: bool) -> int:
    """Minor units that an open order can still cost or deliver."""
    lots = int(order["leaves_lots"])
    if is_sell:
        return lots * int(clearing["lot_units"])
    value = int(order["bound_ticks"]) * lots * int(clearing["tick_value"])
    rate = max(int(clearing["maker_millionths"]), int(clearing["taker_millionths"]))
    return value + value * rate // 1_000_000


def compare_books(accounts: Accounts, book: Book, twin: Books) -> None:
    """Everything that the twin has or can count."""
    state, places = accounts.state[0], {number: place for place, number in enumerate(twin.accounts)}
    instruments, assets = len(twin.config.instruments), twin.config.assets
    for number, place in places.items():
        mine, its = accounts.accounts[place], twin.accounts[number]
        told = (mine["status"], mine["kill"], mine["open_orders"], mine["open_positions"], mine["gross_position"])
        counted = (
            its.status, its.kill, len(twin.orders_of(number)), twin.open_positions(number),
            twin.gross_of_account(number),
        )  # fmt: skip
        assert (*(int(n) for n in told), int(mine["day_result"])) == (*counted, its.result), f"account {number}"
        for instrument in range(instruments):
            row, key = accounts.holdings[place * instruments + instrument], (number, instrument)
            lots = tuple(int(row[name]) for name in ("net_lots", "traded_lots", "open_buy_lots", "open_sell_lots"))
            its_lots = (twin.net[key], twin.traded[key], *(twin.open_lots(*key, side) for side in (False, True)))
            assert lots == its_lots, f"account {number} in instrument {instrument}"
        for at, asset in enumerate(assets if twin.has_funds else ()):
            balance, owner = accounts.balances[place * len(assets) + at], (number, asset.code)
            names = ("available", "reserved", "pending_in", "pending_out", "settled", "fees_paid")
            amounts = (
                twin.available(*owner), twin.reserved(*owner), twin.coming[owner], twin.going[owner],
                twin.settled[owner], twin.fees_paid[owner],
            )  # fmt: skip
            assert tuple(int(balance[name]) for name in names) == amounts, f"{asset.code} of account {number}"
    for firm, record in zip(twin.firm_kill, accounts.firms, strict=True):
        told = tuple(int(record[name]) for name in ("kill", "open_orders", "gross_position", "day_result"))
        counted_firm = (twin.firm_kill[firm], twin.open_orders_of_firm(firm), twin.gross_of_firm(firm))
        assert told == (*counted_firm, twin.firm_result[firm]), f"firm {firm}"
    open_orders = {
        int(book.orders[slot]["order_id"]): tuple(int(n) for n in accounts.open_orders[slot].tolist()[:2])
        for slot in np.flatnonzero(accounts.open_orders["leaves_lots"])
    }
    assert open_orders == {order_id: (one.bound, one.leaves) for order_id, one in twin.orders.items()}
    assert [int(n) for n in accounts.supply[: len(assets)]] == [twin.supply[asset.code] for asset in assets]
    assert bool(state["has_funds"]) == twin.has_funds
