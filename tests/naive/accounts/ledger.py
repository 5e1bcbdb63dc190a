"""What the exchange's events do to accounts: docs/RISK.md, sections 1 and 3."""

from __future__ import annotations

from tests.naive.accounts.state import Books, OpenOrder, within
from tests.naive.exchange import numbers as n
from tests.naive.exchange.state import Event

Told = dict[str, int | None]
"""FeeAmount and WalletBalanceAfter of one side."""


def take(books: Books, event: Event, account: int, bound: int) -> list[Told]:
    """`account`, `bound`: of the order that the request in hand brings. Returns what both sides of a trade are told."""
    match event["kind"]:
        case n.ACCEPTED:
            books.orders[event["order_id"]] = OpenOrder(
                account, event["instrument"], event["side"] != n.BUY, event["ord_type"] in n.HAVE_PRICE, bound,
                event["leaves_lots"],
            )  # fmt: skip
        case n.TRADE:
            return trade(books, event)
        case n.CANCELED:
            del books.orders[event["order_id"]]
        case n.RESTED | n.REPLACED | n.RESTATED | n.TRIGGERED:
            order = books.orders[event["order_id"]]
            order.leaves = event["leaves_lots"]
            order.has_price = event["ord_type"] in n.HAVE_PRICE
            if order.has_price:
                order.bound = event["price_ticks"]
    return []


def trade(books: Books, event: Event) -> list[Told]:
    in_auction = event["flags"] & n.IN_AUCTION
    sides = (
        (event["order_id"], "maker_millionths" if in_auction else "taker_millionths"),
        (event["maker_order_id"], "maker_millionths"),
    )
    orders = [books.orders[order_id] for order_id, _ in sides]
    fees = [fill(books, order_id, event["price_ticks"], event["qty_lots"], rate) for order_id, rate in sides]
    books.last[event["instrument"]] = event["price_ticks"]
    if not books.has_funds:
        return []
    quote = books.clearing(event["instrument"], "quote")
    fee_account = books.config.funds.fee_account
    assert fee_account is not None
    books.coming[fee_account, quote] += sum(fees)
    return [
        {
            "FeeAmount": books.in_nanos(quote, fee),
            "WalletBalanceAfter": books.in_nanos(quote, books.owned(order.account, quote)),
        }
        for order, fee in zip(orders, fees, strict=True)
    ]


def fill(books: Books, order_id: int, ticks: int, lots: int, rate: str) -> int:
    """One side. Returns its fee."""
    order = books.orders[order_id]
    account, key = books.accounts[order.account], (order.account, order.instrument)
    value = books.value(order.instrument, ticks, lots)
    fee = books.fee(order.instrument, value, rate) if books.has_funds else 0
    books.add_result(account, within(books.value(order.instrument, ticks - books.marks[key], books.net[key])))
    books.add_result(account, -fee)
    books.marks[key] = ticks
    books.net[key] += -lots if order.is_sell else lots
    books.traded[key] += lots
    if books.has_funds:
        pay(books, order, value, fee, lots)
    order.leaves -= lots
    order.filled += lots
    if order.leaves == 0:
        del books.orders[order_id]
    return fee


def pay(books: Books, order: OpenOrder, value: int, fee: int, lots: int) -> None:
    """What is to be paid and delivered, and what is to come."""
    cash = (order.account, books.clearing(order.instrument, "quote"))
    units = (order.account, books.clearing(order.instrument, "base"))
    delivered = lots * books.clearing(order.instrument, "lot_units")
    if order.is_sell:
        books.going[units] += delivered
        books.coming[cash] += value - fee
    else:
        books.going[cash] += value + fee
        books.coming[units] += delivered
    books.fees_paid[cash] += fee


def new_day(books: Books) -> None:
    books.traded.clear()
    for account in books.accounts.values():
        account.result = 0
        for place, last in books.last.items():
            books.marks[account.number, place] = last
    books.firm_result = dict.fromkeys(books.firm_result, 0)
