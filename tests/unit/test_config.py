"""The configuration: every fault in one sentence with its place, defaults that anyone can compute."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config, ConfigError, demo_session_uuid, load, parse
from appliance.exchange import index_key, rules_of
from native.layout import PHASE_CLOSED, PHASE_OPENING_AUCTION, PHASE_PRE_OPEN


def test_the_empty_file_is_the_demonstration_venue(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    config = load(path)
    assert config == Config()
    assert [i.security_id for i in config.instruments] == list(range(1, 65))
    assert config.sessions[0].uuid_bytes == uuid.uuid5(uuid.NAMESPACE_DNS, "session-1.pitwire.example").bytes
    assert config.sessions[15].uuid_bytes == demo_session_uuid(16).bytes


def test_json_of_a_configuration_is_that_configuration(tmp_path: Path) -> None:
    config = parse({"name": "lab", "loop": {"cpu": 1, "idle": "sleep"}})
    path = tmp_path / "again.json"
    path.write_text(config.to_json())
    assert load(path) == config
    assert parse(json.loads(config.to_json())).state_digest() == config.state_digest()


SESSION = {"uuid": "00000000-0000-4000-8000-000000000001", "account": 1}
INSTRUMENT = {"security_id": 1, "symbol": "A"}
ROW = {"from_ticks": 1, "step_ticks": 1}
OPEN = {"time": "09:00:00", "phase": "continuous"}

FAULTS = [
    ({"prot": {}}, "prot -> Extra inputs are not permitted"),
    ({"port": {"kind": "dpdk2"}}, "port.kind ->"),
    ({"port": {"kind": "xdp"}}, "port.interface must name a network interface for the xdp port"),
    ({"feed": {"ttl": "1"}}, "feed.ttl -> Input should be a valid integer (got '1')"),
    ({"feed": {"group": "10.0.0.1"}}, "feed.group 10.0.0.1 is not a multicast address"),
    ({"feed": {"group": "all"}}, "feed.group 'all' is not an IPv4 address"),
    ({"order_entry": {"udp_port": 0}}, "order_entry.udp_port ->"),
    ({"name": "../x"}, "name ->"),
    ({"instruments": []}, "instruments ->"),
    ({"instruments": [INSTRUMENT, INSTRUMENT]}, "two entries have the same security_id"),
    ({"sessions": [SESSION, SESSION]}, "two entries have the same uuid"),
    ({"sessions": [{"uuid": "x", "account": 1}]}, "sessions.0 -> badly formed hexadecimal UUID string"),
    ({"instruments": [INSTRUMENT | {"price_ticks_min": 5, "price_ticks_max": 4}]}, "price_ticks_min is above"),
    ({"instruments": [INSTRUMENT | {"tick_nanos": 10**12, "price_ticks_max": 10**12}]}, "does not fit 64 bits"),
    ({"limits": {"orders": 1 << 30}}, "limits.orders ->"),
    ({"instruments": [INSTRUMENT | {"qty_lots_min": 6, "qty_lots_max": 5}]}, "qty_lots_min is above qty_lots_max"),
    ({"instruments": [INSTRUMENT | {"qty_lots_min": 6, "qty_lots_max": 9, "qty_step_lots": 5}]}, "no multiple of"),
    ({"instruments": [INSTRUMENT | {"static_reference_ticks": 0}]}, "static_reference_ticks is outside"),
    ({"instruments": [INSTRUMENT | {"static_band_ticks": -1}]}, "instruments.0.static_band_ticks ->"),
    ({"instruments": [INSTRUMENT | {"breaker_ticks": 5}]}, "breaker_ticks does nothing without breaker_window_ms"),
    ({"instruments": [INSTRUMENT | {"extension_ms": 5}]}, "extension_ms does nothing without extensions_max"),
    ({"instruments": [INSTRUMENT | {"tick_table": [ROW, ROW]}]}, "from_ticks must rise from row to row"),
    ({"instruments": [INSTRUMENT | {"tick_table": [ROW | {"step_ticks": 0}]}]}, "tick_table.0.step_ticks ->"),
    ({"instruments": [INSTRUMENT | {"tick_table": [ROW] * 33}]}, "instruments.0.tick_table -> Tuple should have at"),
    ({"instruments": [INSTRUMENT | {"schedule": [OPEN | {"time": "9:00"}]}]}, "is not a time of the day such as"),
    ({"instruments": [INSTRUMENT | {"schedule": [OPEN | {"time": "24:00:00"}]}]}, "time '24:00:00' is not a time"),
    ({"instruments": [INSTRUMENT | {"schedule": [OPEN | {"phase": "freeze"}]}]}, "instruments.0.schedule.0.phase ->"),
    ({"instruments": [INSTRUMENT | {"schedule": [OPEN, OPEN]}]}, "the times must rise from row to row"),
    ({"instruments": [INSTRUMENT | {"schedule": [OPEN], "status": "closed"}]}, "status and schedule: give one"),
]


@pytest.mark.parametrize(("values", "sentence"), FAULTS, ids=[sentence[:40] for _, sentence in FAULTS])
def test_a_fault_is_named_with_its_place(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(values, "venue.toml")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("venue.toml: ")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"feed": {"ttl": "x", "colour": 1}, "loop": {"idle": "never"}})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"name = ", "Invalid value"), (b"\xff\xfe", "is not UTF-8 text"), (b"a = 1\na = 2\n", "Cannot overwrite")],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "venue.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence):
        load(path)


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load("/nonexistent/venue.toml")


def test_the_rules_of_an_instrument_reach_the_book() -> None:
    values = INSTRUMENT | {
        "price_ticks_min": 10, "price_ticks_max": 9000, "qty_lots_min": 2, "qty_lots_max": 900, "qty_step_lots": 2,
        "tick_table": [{"from_ticks": 0, "step_ticks": 1}, {"from_ticks": 1000, "step_ticks": 5}],
        "schedule": [{"time": "08:00:00.5", "phase": "opening_auction"}, {"time": "23:59:59", "phase": "closed"}],
        "static_reference_ticks": 100, "static_band_ticks": 11, "dynamic_band_ticks": 12, "breaker_ticks": 13,
        "breaker_window_ms": 14, "market_protection_ticks": 15, "auction_band_ticks": 16, "volatility_auction_ms": 17,
        "extension_ms": 18, "extensions_max": 19, "halt_ms": 20, "freeze_ms": 21,
    }  # fmt: skip
    rules = rules_of(parse({"instruments": [values]}).instruments[0])
    for name, value in values.items():
        if name.endswith("_ms"):
            assert getattr(rules, name.removesuffix("_ms") + "_ns") == value * 1_000_000
        elif name not in ("security_id", "symbol", "tick_table", "schedule"):
            assert getattr(rules, name) == value, name
    assert rules.tick_table == ((0, 1), (1000, 5))
    assert rules.schedule == ((8 * 3600 * 10**9 + 500_000_000, PHASE_OPENING_AUCTION), (86399 * 10**9, PHASE_CLOSED))
    assert rules.phase == PHASE_PRE_OPEN


def test_the_key_of_the_index_is_that_of_the_sessions() -> None:
    assert index_key(Config()) == index_key(parse({"epoch": 9}))
    assert 0 <= index_key(Config()) < 1 << 64
    assert index_key(parse({"sessions": [SESSION]})) != index_key(Config())


def test_the_state_digest_depends_on_what_state_depends_on() -> None:
    digest = Config().state_digest()
    assert parse({"loop": {"idle": "sleep"}, "port": {"kind": "udp"}}).state_digest() == digest
    assert parse({"epoch": 2}).state_digest() != digest
    assert parse({"instruments": [INSTRUMENT]}).state_digest() != digest
    assert parse({"sessions": [SESSION]}).state_digest() != digest
    remembered = {"order_entry": {"session_ids_remembered": 16}}
    assert parse(remembered).state_digest() == digest
    keyed = {"sessions": [{"key_id": "key", "account": 1}]}
    assert parse(keyed | remembered).state_digest() != parse(keyed).state_digest()


DISTRIBUTOR_FAULTS = [
    ({"group_b": "10.0.0.1"}, "group_b 10.0.0.1 is not a multicast address"),
    ({"interface_ip_b": "239.1.1.1"}, "interface_ip_b 239.1.1.1 is a multicast address"),
    ({"interface_ip": "x"}, "interface_ip 'x' is not an IPv4 address"),
    ({"snapshot_cycle_ms": 5001}, "distributor.snapshot_cycle_ms ->"),
    ({"tiers": [{"name": "l2", "depth": 5}]}, "two tiers have the same name, or that of a channel"),
    ({"tiers": [{"name": "a", "depth": 0}]}, "distributor.tiers.0.depth ->"),
    ({"tiers": [{"name": f"t{n}", "depth": 1} for n in range(5)]}, "distributor.tiers ->"),
    (
        {"subscribers": [{"name": "s", "ip": "10.0.0.1", "udp_port": 1, "channels": ["top"]}]},
        "no channel or tier 'top'",
    ),
    ({"subscribers": [{"name": "s", "ip": "10.0.0.1", "udp_port": 1, "channels": []}]}, "channels ->"),
    ({"subscribers": [{"name": "s", "ip": "239.0.0.1", "udp_port": 1, "channels": ["l1"]}]}, "is a multicast address"),
    ({"subscribers": [{"name": "s", "ip": "10.0.0.1", "udp_port": 1, "channels": ["l1", "l1"]}]}, "a channel twice"),
]


@pytest.mark.parametrize(("values", "sentence"), DISTRIBUTOR_FAULTS)
def test_faults_of_the_distributor_are_told(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse({"distributor": values})


def test_channels_need_ids() -> None:
    with pytest.raises(ConfigError, match=r"feed\.channel_id leaves no ids"):
        parse({"feed": {"channel_id": 65_533}})
    config = parse({"distributor": {"tiers": [{"name": "a", "depth": 1}, {"name": "b", "depth": 2}]}})
    assert [config.distributor.channel_id(name, 7) for name in ("l3", "l2", "l1", "snapshot", "b")] == [7, 8, 9, 10, 12]


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"admission": {"sources": ["10.0.0.1/8"]}}, "admission.*'10.0.0.1/8' is not an IPv4 network"),
        ({"admission": {"sources": ["here"]}}, "is not an IPv4 network"),
        ({"admission": {"sources": ["10.0.0.0/8"]}}, "the udp port admits everybody"),
        ({"gateway": {"enabled": True}}, "keys_file must name a file"),
        ({"gateway": {"ring_kib": 100}}, "ring_kib is not a power of two"),
        ({"gateway": {"framing": "fix"}}, "gateway.framing"),
        ({"gateway": {"ip": "here"}}, "gateway.ip 'here' is not an IPv4 address"),
        ({"drop_copies": [{"key_id": "a"}, {"key_id": "a"}]}, "two entries have the same key_id"),
        ({"drop_copies": [{"key_id": "a b"}]}, "drop_copies.0.key_id"),
        (
            {"drop_copies": [{"key_id": "a"}], "sessions": [{"key_id": "a", "account": 1}]},
            "two entries have the same key_id",
        ),
        ({"drop_copies": [{"key_id": "a", "firm": 7}]}, "key a is for firm 7, of which there are no accounts"),
        ({"drop_copies": [{"key_id": "a", "firm": 7}], "firms": [{"id": 7}]}, "firm 7, of which there are no accounts"),
        (
            {"sessions": [SESSION | {"name": "a"}, {"key_id": "k", "account": 1, "name": "a"}]},
            "the same name of a session",
        ),
        ({"admission": {"datagrams_a_second": 5}}, "datagrams_a_second does nothing without sources"),
        ({"throttle": {"messages_reject": 9, "messages_logout": 8}}, "messages_logout is below messages_reject"),
        ({"throttle": {"cancels_reject": 9, "cancels_logout": 8}}, "cancels_logout is below cancels_reject"),
    ],
)
def test_gateway_and_admission(tables: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse(tables)
