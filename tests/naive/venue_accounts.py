"""What the naive venue asks of accounts before the book, and what it tells them behind it: docs/RISK.md."""

from __future__ import annotations

from collections import Counter
from typing import Any

from appliance.config import Config
from tests.naive.accounts.admin import Command as AdminCommand
from tests.naive.accounts.admin import carry_out, killed_accounts
from tests.naive.accounts.checks import asked_for, why_not
from tests.naive.accounts.ledger import Told, take
from tests.naive.accounts.numbers import KILL, KILLED
from tests.naive.accounts.state import Books
from tests.naive.exchange import Event, Exchange
from tests.naive.exchange import numbers as n
from tests.naive.exchange.places import best_price
from tests.naive.venue_commands import ANY, BLANK
from tests.naive.venue_reports import BY_VENUE, Session


class WithAccounts:
    """One rule a function; `Venue` has the state."""

    books: Books
    book: Exchange
    config: Config
    count: Counter[str]
    time_ns: int
    receive_ns: int
    told: list[Told]
    sessions: list[Session]
    request: tuple[int, int] = (0, 0)
    """Account and bound of the order that the request in hand brings."""

    def firms_of_sessions(self) -> dict[int, int]:
        if not self.books.accounts:
            return {}
        accounts = self.books.accounts
        return {place: accounts[one.account].firm for place, one in enumerate(self.config.sessions)}

    def why_not_for_account(self, command: dict[str, int]) -> tuple[int, int]:
        """Code and limit; (0, 0): the request may go to the book."""
        if not self.books.accounts or command["kind"] not in (n.NEW, n.REPLACE):
            return 0, 0
        old_id, bound = None, 0
        if command["kind"] == n.NEW:
            bound = self.bound_of_new(command)
            self.request = command["account"], bound
        elif order := self.book.open.get((command["session"], command["orig_cl_ord_id"])):
            old_id = order.order_id
        session_kill = self.sessions[command["session"]].kill
        asked = asked_for(self.books, command, old_id, bound, self.time_ns, session_kill)
        refusal = why_not(self.books, asked) if asked else None
        self.count["risk_rejected"] += refusal is not None
        return refusal or (0, 0)

    def bound_of_new(self, command: dict[str, int]) -> int:
        """The highest price at which the order could trade."""
        ord_type, market = command["ord_type"], self.book.markets[command["instrument"]]
        highest: int = market.rules.price_ticks_max
        if ord_type in n.HAVE_PRICE:
            return command["price_ticks"]
        parked = command["time_in_force"] in (n.AT_CLOSE, n.GOOD_FOR_AUCTION)
        if ord_type not in (n.MARKET, n.MARKET_TO_LIMIT) or market.phase != n.CONTINUOUS or parked:
            return highest
        buys = command["side"] == n.BUY
        best = best_price(market, not buys)
        if best is None:
            return 0
        if ord_type == n.MARKET_TO_LIMIT or not buys:
            return best
        protection = market.rules.market_protection_ticks
        return min(highest, best + protection) if protection else highest

    def account_for(self, event: Event) -> None:
        self.told = take(self.books, event, *self.request) if self.books.accounts else []

    # --- operators ---------------------------------------------------------------------------------------------

    def administer(self, command: AdminCommand, now_ns: int) -> int:
        """An operator's command. Returns 0, or why it is refused."""
        self.sequence(now_ns)
        self.count["admin_commands"] += 1
        refusal = carry_out(self.books, command)
        self.count["admin_refused"] += refusal != 0
        if not refusal and command.get("session") is not None:
            self.sessions[command["session"]].kill = command["value"] if command["action"] == KILL else 0
            if command["action"] == KILL and not command["value2"]:
                self.cancel_orders(self.sessions[command["session"]], KILLED)
        elif not refusal:
            for account in killed_accounts(self.books, command):
                flags = n.ANY_SESSION | n.PRICE_MISSING | n.STOP_PRICE_MISSING | BY_VENUE
                wanted = {"kind": n.MASS_CANCEL, "account": account, "instrument": ANY, "flags": flags}
                self.match(BLANK | wanted | {"min_qty_lots": KILLED})
        self.end_transaction()
        return refusal

    def cancel_orders(self, session: Session, reason: int = 0) -> None:
        raise NotImplementedError

    def sequence(self, now_ns: int) -> None:
        raise NotImplementedError

    def match(self, command: dict[str, int]) -> None:
        raise NotImplementedError

    def end_transaction(self) -> Any:
        raise NotImplementedError
