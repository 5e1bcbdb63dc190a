"""Operators' actions about accounts and funds: from words to a journaled record, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from appliance.config import Config
from appliance.operator.account_actions import ACCOUNT_ROWS, LIMITS
from appliance.operator.actions import ACTIONS, Decided, OperatorError, run_action
from appliance.sequencer.journal import COMMITTED
from appliance.venue_intake import take_asked
from native import codes
from native.layout import KIND_ADMIN
from tests.naive.accounts.compare import check_ledger
from tests.table.test_account_checks import venue_config
from tests.venue_rig import Client, VenueRig, new, replies


class RigVenue:
    """A venue on a memory port, driven from here."""

    def __init__(self, rig: VenueRig) -> None:
        self.rig = rig

    @property
    def config(self) -> Config:
        return self.rig.config

    def sequence(self, records: np.ndarray) -> list[Decided]:
        decided = []
        for at in range(records.size):
            outcome = int(take_asked(self.rig.exchange, self.rig.port.handle, records, at, self.rig.now_ns))
            decided.append(Decided(int(self.rig.exchange.journal.scalars[COMMITTED]), outcome))
        self.rig.collect()
        return decided

    def ask_to_stop(self) -> None:
        raise AssertionError

    def facts(self) -> dict[str, Any]:
        raise AssertionError

    def do(self, action: str, **values: str) -> dict[str, Any]:
        return run_action(self, action, {"by": "ann"} | values)


@pytest.fixture
def venue() -> Iterator[RigVenue]:
    with VenueRig(venue_config()) as rig:
        yield RigVenue(rig)


def test_every_action_does_what_it_says(venue: RigVenue) -> None:
    accounts = venue.rig.exchange.accounts
    venue.do("limit", limit="traded_lots", value="1000000", account="1", security_id="1")
    assert int(accounts.holdings[0]["traded_lots_max"]) == 1_000_000
    venue.do("limit", limit="order_rate", value="5", window_ms="10", account="3")
    assert (int(accounts.accounts[2]["rate_max"]), int(accounts.accounts[2]["rate_window_ns"])) == (5, 10_000_000)
    venue.do("limit", limit="open_orders", value="7", firm="8")
    assert int(accounts.firms[1]["open_orders_max"]) == 7
    venue.do("limit", limit="open_orders", value="none", firm="8")
    assert int(accounts.firms[1]["open_orders_max"]) == (1 << 32) - 1
    venue.do("entitle", account="3", entitled="no", security_id="2")
    assert [int(flags) for flags in accounts.holdings["flags"][4:6]] == [1, 0]
    venue.do("restrict", security_id="2", restricted="yes", firm="7")
    assert [int(flags) for flags in accounts.holdings["flags"]] == [1, 5, 1, 1, 1, 4]
    venue.do("deposit", account="1", asset="USD", amount="5")
    venue.do("withdraw", account="1", asset="USD", amount="1000005")
    assert int(accounts.balances[0]["available"]) == 0
    venue.do("settle", asset="COIN")
    venue.do("settle")
    venue.do("account-status", account="3", status="suspended")
    assert int(accounts.accounts[2]["status"]) == 2
    check_ledger(accounts, venue.rig.exchange.book)


def test_a_kill_and_its_end(venue: RigVenue) -> None:
    client = Client(1)
    venue.rig.send(client.frame(new(1, 2, 5, 200)), client.frame(new(2, 2, 5, 200)))
    venue.do("kill", account="1", refuse="all_but_reducing", orders_stay="yes")
    assert int(venue.rig.exchange.accounts.accounts[0]["open_orders"]) == 2
    venue.do("kill", firm="7", refuse="all")
    assert int(venue.rig.exchange.accounts.accounts[0]["open_orders"]) == 0
    assert [name for name, _ in replies(venue.rig.sent, client)][-2:] == ["ExecutionReportCancel"] * 2
    venue.do("reset", firm="7")
    venue.do("reset", account="1")
    venue.rig.send(client.frame(new(3)))
    assert replies(venue.rig.sent, client)[-1][0] == "ExecutionReportNew"


def test_a_session_is_killed_and_reset_by_name(venue: RigVenue) -> None:
    client = Client(1)
    venue.rig.send(client.frame(new(1, 2, 5, 200)))
    venue.do("kill", session="first", refuse="all_but_reducing", orders_stay="yes")
    assert int(venue.rig.exchange.accounts.accounts[0]["open_orders"]) == 1
    venue.do("kill", session="first", refuse="all")
    assert int(venue.rig.exchange.accounts.accounts[0]["open_orders"]) == 0
    venue.rig.send(client.frame(new(2)))
    assert replies(venue.rig.sent, client)[-1][1]["OrdRejReason"] == codes.REJECT_SESSION_BLOCKED
    venue.do("reset", session="first")
    venue.rig.send(client.frame(new(3)))
    assert replies(venue.rig.sent, client)[-1][0] == "ExecutionReportNew"


def test_who_made_it_is_in_the_journal(venue: RigVenue) -> None:
    done = venue.do("deposit", account="1", asset="USD", amount="5", by="Ann of the desk")
    record = venue.rig.exchange.journal.admins[done["sequences"][0] - 1]
    assert int(record["kind"]) == KIND_ADMIN
    assert bytes(record["operator"]).rstrip(b"\0") == b"Ann of the desk"
    assert (int(record["account"]), int(record["asset"]), int(record["value"])) == (1, 1, 5)


FAULTS: list[tuple[str, dict[str, str], str]] = [
    ("deposit", {"account": "1", "asset": "EUR", "amount": "1"}, "asset=EUR is none of USD, COIN."),
    ("deposit", {"account": "9", "asset": "USD", "amount": "1"}, "There is no such account."),
    ("deposit", {"account": "1", "asset": "USD", "amount": "9" * 5000}, "is not a whole number from 1"),
    ("deposit", {"account": "1", "asset": "USD", "amount": "0"}, "amount=0 is not a whole number from 1"),
    ("withdraw", {"account": "1", "asset": "USD", "amount": "1000001"}, "The account has not so much available."),
    ("limit", {"limit": "lots", "value": "1"}, "limit=lots is none of order_lots, order_value"),
    ("limit", {"limit": "order_lots", "value": "many", "account": "1"}, "value=many is not a whole number"),
    ("limit", {"limit": "order_lots", "value": "1"}, "The action or limit does not go with what was named."),
    ("limit", {"limit": "order_rate", "value": "1", "account": "1"}, "The value is out of its range."),
    ("limit", {"limit": "daily_loss", "value": "1", "firm": "9"}, "There is no such firm."),
    ("account-status", {"account": "1", "status": "closed"}, "The account has open orders, a position or a balance."),
    ("kill", {"refuse": "all"}, "The action or limit does not go with what was named."),
    ("kill", {"refuse": "all", "account": "1", "orders_stay": "maybe"}, "orders_stay=maybe is none of yes, no."),
    ("kill", {"session": "first", "account": "1", "refuse": "all"}, "does not go with what was named."),
    ("reset", {"session": "third"}, "session=third: the configuration has no session of this name."),
    ("reset", {"by": ""}, "by='' is not a name of 1 to 16 printable ASCII characters."),
    ("reset", {"by": "seventeen letters"}, "is not a name of 1 to 16"),
    ("restrict", {"security_id": "99", "restricted": "yes"}, "security_id=99: the configuration has no such"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "values", "sentence"), FAULTS)
def test_what_is_wrong_is_told(venue: RigVenue, action: str, values: dict[str, str], sentence: str) -> None:
    with pytest.raises(OperatorError) as caught:
        venue.do(action, **values)
    assert sentence in str(caught.value)
    check_ledger(venue.rig.exchange.accounts, venue.rig.exchange.book)


def test_every_limit_has_its_name_and_every_action_its_row() -> None:
    assert sorted(LIMITS.values()) == list(range(1, 12))
    assert {row.name for row in ACCOUNT_ROWS} <= set(ACTIONS)
    refusals = {value for name, value in vars(codes).items() if name.startswith("REFUSAL_")}
    assert refusals == set(range(-314, -300))
