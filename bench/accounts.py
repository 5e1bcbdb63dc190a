"""What risk and funds cost a message: flows through the book with and without every check and the wallet, in turn.

16 accounts of 4 firms, every limit set (at values that few orders reach), funds enabled, fees on both sides. A prefix
of each flow goes through the naive twin first: limits, positions and balances must be equal. Then each way is timed on
fresh state, `--repeats` times over, in CPU time of the thread; the cost is the difference of medians (of the least).
With accounts a request takes the way of `pipeline.decide`: bound or slot, checks, book, the ledger event by event.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from appliance.account_inputs import check_limits
from appliance.accounts.state import Accounts, allocate_accounts
from appliance.book.match import apply, hash_of_request, is_pending, resume
from appliance.book.state import Book, allocate_book
from appliance.config import Config, demo_session_uuid, parse
from appliance.exchange import rules_of
from appliance.funds.ledger import take_events
from bench.flows import SCENARIOS, SESSIONS, make_flow
from bench.host import report
from native.account_layout import KILL_NONE
from native.jit import kernel
from native.layout import EVENT, KIND_NEW_ORDER, KIND_REPLACE, PHASE_CONTINUOUS
from tests.naive.accounts.checks import asked_for, why_not
from tests.naive.accounts.compare import check_ledger, compare_books
from tests.naive.accounts.ledger import take
from tests.naive.accounts.state import Books
from tests.naive.exchange import Exchange

FLOWS = ("routine_day", "routine_100", "friendly_100")
ORDERS_MAX = 1 << 17
LEVELS_MAX = 1 << 16
EVENTS_ROOM = 256
FIRMS = 4
LIMITS = {
    "order_lots": 1 << 20, "order_value": 1 << 49, "gross_position": 1 << 49, "open_orders": 1 << 30,
    "daily_loss": 1 << 60,
}  # fmt: skip
WINDOWS = {"order_rate": 1024, "order_rate_ms": 1, "duplicates": 1 << 30, "open_positions": 1 << 30}


def venue(instruments: int) -> Config:
    """Every check has a limit to compare with; nothing is refused but stale requests."""
    clearing = {"base": "UNIT", "quote": "CASH", "maker_millionths": 100, "taker_millionths": 300}
    holding = {"order_lots": 1 << 20, "order_value": 1 << 49, "traded_lots": 1 << 49, "net_lots": 1 << 39}
    return parse(
        {
            "limits": {"orders": ORDERS_MAX, "levels": LEVELS_MAX},
            "instruments": [
                {"security_id": n, "symbol": f"I{n}", "price_ticks_max": 1 << 20, "qty_lots_max": 1 << 20,
                 "clearing": clearing, "limits": holding | {"collar_ticks": 1 << 20}}
                for n in range(1, instruments + 1)
            ],
            "sessions": [{"uuid": str(demo_session_uuid(n)), "account": n} for n in range(1, SESSIONS + 1)],
            "firms": [{"id": n, "limits": LIMITS} for n in range(FIRMS)],
            "accounts": [
                {"id": n, "firm": n % FIRMS, "limits": LIMITS | WINDOWS, "balances": {"UNIT": 1 << 50, "CASH": 1 << 57}}
                for n in range(1, SESSIONS + 1)
            ],
            "assets": [{"code": "UNIT"}, {"code": "CASH"}],
            "funds": {"enabled": True, "fee_account": 1},
        }
    )  # fmt: skip


@kernel
def run(book: Book, accounts: Accounts, commands: Any, first: int, last: int, events: Any, with_accounts: int) -> int:
    """commands[first:last], one by one. Returns how many were refused before the book."""
    refused = np.int64(0)
    for index in range(first, last):
        if with_accounts:
            hashed = hash_of_request(book, commands, index)
            if check_limits(book, accounts, commands, index, hashed, np.int64(KILL_NONE)) != 0:
                refused += 1
                continue
        count = np.int64(apply(book, commands, index, events, 0))
        while True:
            if with_accounts:
                take_events(accounts, events, count)
            if not is_pending(book):
                break
            count = np.int64(resume(book, events, 0))
    return refused


class Flow:
    """One flow: made, proved, timed."""

    def __init__(self, name: str, messages: int, seed: int) -> None:
        self.name = name
        self.commands, self.before = make_flow(SCENARIOS[name], messages, seed)
        self.messages = self.commands.size - self.before
        self.config = venue(SCENARIOS[name].instruments)
        self.rules = [replace(rules_of(one), phase=PHASE_CONTINUOUS) for one in self.config.instruments]
        self.events = np.zeros(EVENTS_ROOM, EVENT)
        self.ns: dict[int, list[float]] = {0: [], 1: []}

    def fresh(self) -> tuple[Book, Accounts]:
        return allocate_book(self.rules, ORDERS_MAX, LEVELS_MAX), allocate_accounts(self.config)

    def prove(self, validated: int) -> None:
        """A prefix through the naive twin: the same limits, positions and balances, and a ledger that holds."""
        book, accounts = self.fresh()
        refused = int(run(book, accounts, self.commands, 0, validated, self.events, 1))
        check_ledger(accounts, book)
        exchange, books = Exchange(self.rules, ORDERS_MAX, LEVELS_MAX), Books(self.config)
        names = self.commands.dtype.names or ()
        for record in self.commands[:validated]:
            command = {name: int(record[name]) for name in names}
            order = exchange.open.get((command["session"], command["orig_cl_ord_id"]))
            old_id = order.order_id if order else None
            if command["kind"] in (KIND_NEW_ORDER, KIND_REPLACE):
                asked = asked_for(books, command, old_id, command["price_ticks"], command["time_ns"])
                if asked and why_not(books, asked):
                    refused -= 1
                    continue
            for event in exchange.apply(command):
                take(books, event, command["account"], command["price_ticks"])
        assert refused == 0
        compare_books(accounts, book, books)

    def time(self, with_accounts: int) -> int:
        """One repeat. Returns how many requests were refused."""
        book, accounts = self.fresh()
        run(book, accounts, self.commands, 0, self.before, self.events, with_accounts)
        began_ns = time.thread_time_ns()
        refused = run(book, accounts, self.commands, self.before, self.commands.size, self.events, with_accounts)
        self.ns[with_accounts].append((time.thread_time_ns() - began_ns) / self.messages)
        return int(refused)

    def row(self, refused: int) -> dict[str, Any]:
        bare, whole = (statistics.median(self.ns[way]) for way in (0, 1))
        orders = np.isin(self.commands[self.before :]["kind"], (KIND_NEW_ORDER, KIND_REPLACE)).mean()
        return {
            "flow": self.name,
            "messages": self.messages,
            "share_of_orders_and_replaces": round(float(orders), 3),
            "book_ns_a_message": round(bare, 1),
            "with_accounts_ns_a_message": round(whole, 1),
            "risk_and_funds_ns_a_message": round(whole - bare, 1),
            "risk_and_funds_ns_best": round(min(self.ns[1]) - min(self.ns[0]), 1),
            "refused": refused,
        }


def main() -> None:
    """Prove, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.accounts", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--validated", type=int, default=1_500, help="messages that the naive twin runs, too")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", default=list(FLOWS))
    given = parser.parse_args()
    rows = []
    for name in given.flows:
        flow = Flow(name, given.messages, given.seed)
        flow.prove(given.validated)
        refused = 0
        for _ in range(given.repeats):
            flow.time(0)
            refused = flow.time(1)
        rows.append(flow.row(refused))
        if not given.json:
            print(json.dumps(rows[-1]), flush=True)
    highest = max(row["risk_and_funds_ns_a_message"] for row in rows)
    if given.json:
        print(json.dumps(report("risk and funds, the highest of the flows", highest, "ns/message", rows, equal=True)))
    else:
        print(f"risk and funds: {highest} ns a message at most")


if __name__ == "__main__":
    main()
