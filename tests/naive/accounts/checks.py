"""The checks of docs/RISK.md section 2 from the second on: a function each, in their order in CHECKS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.naive.accounts import numbers as a
from tests.naive.accounts.state import Account, Books
from tests.naive.exchange import numbers as n

Refusal = tuple[int, int] | None
"""Code and limit."""


@dataclass
class Asked:
    """What a new order or a replace would make of its order."""

    command: Mapping[str, int]
    account: Account
    instrument: int
    is_new: bool
    is_sell: bool
    has_price: bool
    bound: int
    qty: int
    leaves: int
    old_leaves: int
    held: int
    now: int
    session_kill: int = 0

    @property
    def more(self) -> int:
        return self.leaves - self.old_leaves


def asked_for(
    books: Books, command: Mapping[str, int], old_id: int | None, bound: int, now: int, session_kill: int = 0
) -> Asked | None:
    """None: a replace that goes to the book at once. `old_id`: OrderID of the order that it names."""
    if command["kind"] == n.NEW:
        account = books.accounts[command["account"]]
        has_price = command["ord_type"] in n.HAVE_PRICE
        return Asked(
            command, account, command["instrument"], True, command["side"] != n.BUY, has_price, bound,
            command["qty_lots"], command["qty_lots"], 0, 0, now, session_kill,
        )  # fmt: skip
    if old_id is None:
        return None
    order = books.orders[old_id]
    leaves = command["qty_lots"] - order.filled
    if leaves <= 0:
        return None
    given = order.has_price and not command["flags"] & n.PRICE_MISSING
    return Asked(
        command, books.accounts[order.account], order.instrument, False, order.is_sell, order.has_price,
        command["price_ticks"] if given else order.bound, command["qty_lots"], leaves, order.leaves,
        books.reserve_of(order) if books.has_funds else 0, now, session_kill,
    )  # fmt: skip


def why_not(books: Books, asked: Asked) -> Refusal:
    for check in CHECKS:
        if check is has_numbers:
            if not has_numbers(books, asked):
                return None
        elif refusal := check(books, asked):
            return refusal  # type: ignore[return-value]
    return None


def status(books: Books, asked: Asked) -> Refusal:
    code = a.STATUS_CODES.get(asked.account.status)
    return (code, 0) if code else None


def entitlement(books: Books, asked: Asked) -> Refusal:
    return None if books.entitled[asked.account.number, asked.instrument] else (a.NOT_ENTITLED, 0)


def restriction(books: Books, asked: Asked) -> Refusal:
    for who in (("all", 0), ("account", asked.account.number), ("firm", asked.account.firm)):
        if (*who, asked.instrument) in books.restricted:
            return a.RESTRICTED, 0
    return None


def reducible(books: Books, asked: Asked) -> int:
    return books.reducible(asked.account.number, asked.instrument, asked.is_sell, asked.old_leaves)


def kill(books: Books, asked: Asked) -> Refusal:
    kills = (
        (a.ACCOUNT_KILLED, asked.account.kill),
        (a.FIRM_KILLED, books.firm_kill[asked.account.firm]),
        (a.SESSION_KILLED, asked.session_kill),
    )
    for code, mode in kills:
        if mode == a.KILL_ALL:
            return code, 0
        if mode == a.KILL_BUT_REDUCING and asked.leaves > reducible(books, asked):
            return code, reducible(books, asked)
    return None


def has_numbers(books: Books, asked: Asked) -> bool:
    command, instrument = asked.command, books.config.instruments[asked.instrument]
    if command["flags"] & n.QTY_OUT_OF_RANGE or not 1 <= asked.qty <= instrument.qty_lots_max:
        return False
    types = (n.MARKET, *n.HAVE_PRICE, *n.HAVE_TRIGGER, n.MARKET_TO_LIMIT)
    if asked.is_new and (command["side"] not in n.SIDES or command["ord_type"] not in types):
        return False
    if not asked.has_price:
        return True
    if command["flags"] & n.PRICE_MISSING:
        return not asked.is_new
    on_tick = not command["flags"] & n.PRICE_OFF_TICK
    return on_tick and instrument.price_ticks_min <= command["price_ticks"] <= instrument.price_ticks_max


def collar(books: Books, asked: Asked) -> Refusal:
    reference = books.last.get(asked.instrument, books.reference.get(asked.instrument))
    if reference is None or not asked.has_price:
        return None
    ticks = books.limit("collar_ticks", asked.account, asked.instrument, "i")
    furthest = reference - ticks if asked.is_sell else reference + ticks
    beyond = asked.bound < furthest if asked.is_sell else asked.bound > furthest
    return (a.COLLAR, furthest) if beyond else None


def above(code: int, amount: int, limit: int) -> Refusal:
    return (code, limit) if amount > limit else None


def order_lots(books: Books, asked: Asked) -> Refusal:
    return above(a.ORDER_LOTS, asked.qty, books.limit("order_lots", asked.account, asked.instrument, "iahf"))


def order_value(books: Books, asked: Asked) -> Refusal:
    value = abs(books.value(asked.instrument, asked.bound, asked.qty))
    return above(a.ORDER_VALUE, value, books.limit("order_value", asked.account, asked.instrument, "iahf"))


def open_both(books: Books, asked: Asked) -> tuple[int, int]:
    number = asked.account.number
    return tuple(books.open_lots(number, asked.instrument, side) for side in (False, True))  # type: ignore[return-value]


def traded_lots(books: Books, asked: Asked) -> Refusal:
    if asked.more <= 0:
        return None
    lots = books.traded[asked.account.number, asked.instrument] + sum(open_both(books, asked)) + asked.more
    return above(a.TRADED_LOTS, lots, books.limit("traded_lots", asked.account, asked.instrument, "ih"))


def net_position(books: Books, asked: Asked) -> Refusal:
    if asked.more <= 0:
        return None
    buys, sells = open_both(books, asked)
    net = books.net[asked.account.number, asked.instrument]
    lots = (sells - net if asked.is_sell else net + buys) + asked.more
    return above(a.NET_POSITION, lots, books.limit("net_lots", asked.account, asked.instrument, "ih"))


def gross_position(books: Books, asked: Asked) -> Refusal:
    number, firm = asked.account.number, asked.account.firm
    more = (0, asked.more) if asked.is_sell else (asked.more, 0)
    rise = books.exposure(number, asked.instrument, *more) - books.exposure(number, asked.instrument)
    if asked.more <= 0 or rise <= 0:
        return None
    for level, now in (("a", books.gross_of_account(number)), ("f", books.gross_of_firm(firm))):
        limit = books.limit("gross_position", asked.account, asked.instrument, level)
        if refusal := above(a.GROSS_POSITION, now + rise, limit):
            return refusal
    return None


def open_orders(books: Books, asked: Asked) -> Refusal:
    if not asked.is_new:
        return None
    counts = (("a", len(books.orders_of(asked.account.number))), ("f", books.open_orders_of_firm(asked.account.firm)))
    for level, count in counts:
        limit = books.limit("open_orders", asked.account, asked.instrument, level)
        if refusal := above(a.OPEN_ORDERS, count + 1, limit):
            return refusal
    return None


def open_positions(books: Books, asked: Asked) -> Refusal:
    number = asked.account.number
    if not asked.is_new or books.is_open(number, asked.instrument):
        return None
    limit = books.limit("open_positions", asked.account, asked.instrument, "a")
    return above(a.OPEN_POSITIONS, books.open_positions(number) + 1, limit)


def daily_loss(books: Books, asked: Asked) -> Refusal:
    key = (asked.account.number, asked.instrument)
    moved = books.last.get(asked.instrument, books.marks[key]) - books.marks[key]
    now = max(-a.RESULT_MAX, min(a.RESULT_MAX, books.value(asked.instrument, moved, books.net[key])))
    for level, result in (("a", asked.account.result), ("f", books.firm_result[asked.account.firm])):
        limit = books.limit("daily_loss", asked.account, asked.instrument, level)
        if result + now < -limit and asked.leaves > reducible(books, asked):
            return a.DAILY_LOSS, limit
    return None


def order_rate(books: Books, asked: Asked) -> Refusal:
    account = asked.account
    number = books.window_limit("order_rate", account)
    if number == 0:
        return None
    last = account.requests[-number:]
    if len(last) == number and asked.now - last[0] < books.windows[account.number, "order_rate"]:
        return a.ORDER_RATE, number
    account.requests.append(asked.now)
    return None


def duplicates(books: Books, asked: Asked) -> Refusal:
    account = asked.account
    number = books.window_limit("duplicates", account)
    if number == 0 or not asked.is_new:
        return None
    names = ("instrument", "side", "ord_type", "time_in_force", "price_ticks", "stop_price_ticks", "qty_lots")
    key = (account.number, *(asked.command[name] for name in names))
    place = place_of_series(books, asked)
    known, first, count = books.series.get(place, ((), 0, 0))
    if known == key and asked.now - first < books.windows[account.number, "duplicates"]:
        if count >= number:
            return a.DUPLICATES, number
        books.series[place] = key, first, count + 1
    else:
        books.series[place] = key, asked.now, 1
    return None


def place_of_series(books: Books, asked: Asked) -> int:
    command, account = asked.command, list(books.accounts).index(asked.account.number)
    mixed = command["price_ticks"] % 2**31 * 0x9E3779B1 ^ command["qty_lots"] * 0x85EBCA6B
    mixed ^= account * 0xC2B2AE35 ^ asked.instrument * 0x27D4EB2F
    return int((mixed ^ mixed >> 29 ^ command["side"]) % 4096)


def funds(books: Books, asked: Asked) -> Refusal:
    if not books.has_funds:
        return None
    asset = books.clearing(asked.instrument, "base" if asked.is_sell else "quote")
    wanted = books.reserve(asked.instrument, asked.is_sell, asked.bound, asked.leaves) - asked.held
    code = a.NO_UNITS if asked.is_sell else a.NO_CASH
    return above(code, wanted, books.available(asked.account.number, asset))


CHECKS = (
    status, entitlement, restriction, kill, has_numbers, collar, order_lots, order_value, traded_lots, net_position,
    gross_position, open_orders, open_positions, daily_loss, order_rate, duplicates, funds,
)  # fmt: skip
