"""Tables of accounts that do not go together: one sentence each, before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.accounts.state import allocate_accounts
from appliance.config import Config, ConfigError, parse
from tests.table.test_account_checks import venue_config

SESSION = {"uuid": "00000000-0000-4000-8000-000000000001", "account": 1}
BOUNDED = {"security_id": 1, "symbol": "A", "price_ticks_max": 1000, "qty_lots_max": 1000}
FIRM, ACCOUNT = {"id": 7}, {"id": 1, "firm": 7}
GOOD: dict[str, Any] = {"sessions": [SESSION], "instruments": [BOUNDED], "firms": [FIRM], "accounts": [ACCOUNT]}
ASSETS = [{"code": "USD"}, {"code": "COIN"}]
CLEARED = BOUNDED | {"clearing": {"base": "COIN", "quote": "USD"}}
MONEY = GOOD | {"assets": ASSETS, "instruments": [CLEARED], "funds": {"enabled": True, "fee_account": 1}}

FAULTS: list[tuple[dict[str, Any], str]] = [
    (GOOD | {"firms": [FIRM, FIRM]}, "two entries have the same firms: id"),
    (GOOD | {"accounts": [ACCOUNT, ACCOUNT]}, "two entries have the same accounts: id"),
    (GOOD | {"assets": [ASSETS[0]] * 2}, "two entries have the same assets: code"),
    (GOOD | {"firms": []}, "account 1: firm 7 is not in [[firms]]"),
    (GOOD | {"sessions": [SESSION | {"account": 2}]}, "account 2 is not in [[accounts]]"),
    (GOOD | {"sessions": [SESSION | {"accounts": [3]}]}, "account 3 is not in [[accounts]]"),
    (GOOD | {"firms": [FIRM, {"id": 8}], "accounts": [ACCOUNT, {"id": 2, "firm": 8}],
             "sessions": [SESSION | {"accounts": [2]}]}, "account 2 is of another firm"),
    ({"sessions": [SESSION | {"accounts": [2]}]}, "sessions: accounts needs [[accounts]]"),
    ({"funds": {"enabled": True}}, "funds.enabled needs [[accounts]]"),
    (GOOD | {"accounts": [ACCOUNT | {"entitled_to": [9]}]}, "account 1: there is no instrument 9"),
    (GOOD | {"accounts": [ACCOUNT | {"restricted": [9]}]}, "account 1: there is no instrument 9"),
    (GOOD | {"accounts": [ACCOUNT | {"instruments": [{"security_id": 9}]}]}, "account 1: there is no instrument 9"),
    (GOOD | {"accounts": [ACCOUNT | {"instruments": [{"security_id": 1}] * 2}]}, "two tables in instruments have"),
    (GOOD | {"accounts": [ACCOUNT | {"balances": {"USD": 1}}]}, "balances do nothing without funds.enabled"),
    (GOOD | {"accounts": [ACCOUNT | {"status": "frozen"}]}, "accounts.0.status ->"),
    (GOOD | {"accounts": [ACCOUNT | {"limits": {"order_lots": -1}}]}, "accounts.0.limits.order_lots"),
    (GOOD | {"accounts": [ACCOUNT | {"limits": {"order_rate": 1025}}]}, "accounts.0.limits.order_rate"),
    (GOOD | {"accounts": [ACCOUNT | {"limits": {"traded_lots": 5}}]}, "Extra inputs are not permitted"),
    (GOOD | {"instruments": [{"security_id": 1, "symbol": "A"}]}, "instrument 1: with [[accounts]] its largest order"),
    (GOOD | {"instruments": [BOUNDED | {"clearing": {"tick_value": 1 << 40}}]}, "must be worth less than 2^50"),
    (GOOD | {"instruments": [BOUNDED | {"clearing": {"lot_units": (1 << 40) + 1}}]}, "clearing.lot_units ->"),
    (GOOD | {"instruments": [BOUNDED | {"qty_lots_max": 2000, "clearing": {"lot_units": 1 << 40}}]}, "less than 2^50"),
    (GOOD | {"instruments": [BOUNDED | {"clearing": {"taker_millionths": 1_000_001}}]}, "taker_millionths ->"),
    (GOOD | {"instruments": [BOUNDED | {"clearing": {"maker_millionths": -1}}]}, "maker_millionths ->"),
    (MONEY | {"funds": {"enabled": True}}, "funds.fee_account must name one of [[accounts]]"),
    (MONEY | {"funds": {"enabled": True, "fee_account": 2}}, "funds.fee_account must name one of [[accounts]]"),
    (MONEY | {"instruments": [BOUNDED]}, "instrument 1: clearing.base '' is not in [[assets]]"),
    (MONEY | {"instruments": [BOUNDED | {"clearing": {"base": "USD", "quote": "USD"}}]}, "base and clearing.quote are"),
    (MONEY | {"instruments": [CLEARED | {"price_ticks_min": -1}]}, "price_ticks_min must not be below 0"),
    (MONEY | {"accounts": [ACCOUNT | {"balances": {"EUR": 1}}]}, "account 1: asset 'EUR' is not in [[assets]]"),
    (MONEY | {"accounts": [ACCOUNT | {"id": n, "balances": {"USD": (1 << 62) - 1}} for n in (1, 2)]}, "above 2^62"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "sentence"), FAULTS, ids=[sentence[:40] for _, sentence in FAULTS])
def test_a_fault_is_told_in_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(values, "venue.toml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("values", [GOOD, MONEY])
def test_what_the_faults_start_from_is_good(values: dict[str, Any]) -> None:
    accounts = allocate_accounts(parse(values))
    assert int(accounts.state[0]["is_enabled"]) == 1


def test_the_digest_knows_accounts_and_only_where_there_are_any() -> None:
    assert parse({"firms": [FIRM], "assets": ASSETS}).state_digest() == Config().state_digest()
    whole = venue_config()
    other = venue_config(limits={"orders": 257, "levels": 64})
    assert whole.state_digest() != other.state_digest()
    more = whole.model_copy(update={"firms": (*whole.firms, whole.firms[0].model_copy(update={"id": 99}))})
    assert more.state_digest() != whole.state_digest()
