"""`pitwire client` and `pitwire observe` as people and scripts see them: lines, JSON, exit status, no traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from appliance import observe
from appliance.cli.client import command as client
from appliance.cli.client_text import Price
from appliance.cli.observe import command as observe_command
from appliance.client.memory import Memory, remembered
from appliance.observe import ObserveError, Observer, instances, rates
from native.counters import COUNTERS
from tests.naive.answering_venue import ORDER_ENTRY, acknowledge, answering
from wire.blocks import schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def call(address, *words):
        result = CliRunner().invoke(client, [words[0], "--port", str(address[1]), "--timeout", "2", *words[1:]])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


SEND = ("send", "--security-id", "7", "--side", "buy", "--qty", "5", "--price", "10.005")


def test_send_replace_cancel_remember_each_other(run):
    with answering() as address:
        sent = run(address, *SEND)
        assert sent.exit_code == 0 and sent.output == "accepted   order 1 buy instrument 7 5 @ 10.005, OrderID 1\n"
        replaced = run(address, "replace", "--order", "1", "--qty", "9", "--price", "11")
        assert replaced.exit_code == 0 and "9 @ 11" in replaced.output
        cancelled = run(address, "cancel", "--order", "2", "--json")
        facts = json.loads(cancelled.output)
        assert (facts["message"], facts["ClOrdID"], facts["OrigClOrdID"], facts["seq"]) == (
            "ExecutionReportCancel",
            3,
            2,
            3,
        )
        unknown = run(address, "cancel", "--order", "99")
        assert unknown.exit_code == 1 and "give --security-id and --side" in unknown.output
        assert run(address, "cancel", "--order", "99", "--security-id", "7", "--side", "sell").exit_code == 0


FULL = (
    "send", "--security-id", "7", "--side", "sell", "--qty", "50", "--type", "stop-limit", "--price", "9.5",
    "--stop-price", "9.75", "--tif", "gtd", "--expire", "2026-11-21T17:30:00.000001+01:00", "--display-qty", "10",
    "--min-qty", "5", "--slide", "--reduce-only", "--hidden", "--stp-id", "12", "--stp", "decrement", "--group", "3",
)  # fmt: skip


def test_send_with_every_term(run):
    seen = []

    def rule(name, values, number):
        seen.append((name, values))
        return acknowledge(name, values, number)

    with answering(rule) as address:
        assert run(address, *FULL).output.startswith("accepted   order 1 sell instrument 7 50 @ 9.5")
        market = run(address, "send", "--security-id", "7", "--side", "buy", "--qty", "5", "--type", "market")
        assert "5 @ market" in market.output
        mass = run(address, "mass-cancel", "--security-id", "7", "--side", "sell", "--above", "9", "--group", "3")
        assert mass.output == "done       mass cancel 3: 4 orders are gone\n"
    (name, values), (_, bare), (_, wide) = seen
    assert name == "NewOrderSingle"
    assert values._replace(SendingTime=0)._asdict() == {
        "ClOrdID": 1, "SecurityID": 7, "Account": 1, "Price": 9_500_000_000, "StopPx": 9_750_000_000, "OrderQty": 50,
        "DisplayQty": 10, "MinQty": 5, "ExpireTime": 1_795_278_600_000_001_000, "SendingTime": 0,
        "SelfMatchPreventionID": 12, "CancelGroupID": 3, "RiskGroupID": None, "Side": 2, "OrdType": ord("4"),
        "TimeInForce": ord("6"), "STPInstruction": 4, "ExecInst": 2 | 4 | 16, "OrderCapacity": None,
        "ManualOrderIndicator": None,
    }  # fmt: skip
    assert (bare.Price, bare.StopPx, bare.OrdType, bare.STPInstruction) == (None, None, ord("1"), 0)
    assert (wide.MassActionScope, wide.SecurityID, wide.Side, wide.CancelGroupID) == (10, 7, 2, 3)
    assert (wide.HigherThanPrice, wide.LowerThanPrice, wide.AckStyle) == (9_000_000_000, None, 2)


def test_every_report_of_a_datagram_is_printed(run):
    def fills(name, values, number):
        trade = ORDER_ENTRY.encode(
            "ExecutionReportTrade", ClOrdID=values.ClOrdID, Side=1, SecurityID=7, LastQty=5, LastPx=1, CumQty=5
        )
        return [*acknowledge(name, values, number), trade]

    with answering(fills) as address:
        lines = run(address, *SEND).output.splitlines()
    assert [line.split()[0] for line in lines] == ["accepted", "filled"]
    assert lines[1].endswith("5 @ 0.000000001, leaves 0, filled 5")


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (lambda v, n: ORDER_ENTRY.encode("ExecutionReportReject", ClOrdID=v.ClOrdID, OrdRejReason=1), "not known here"),
        (lambda v, n: schema("fixp").encode("NotApplied", FromSeqNo=n, Count=1), "not applied"),
        (lambda v, n: ORDER_ENTRY.encode("BusinessMessageReject", RefSeqNum=n), "rejected"),
    ],
)
def test_a_refused_order_is_status_1(run, report, text):
    with answering(lambda name, values, number: [report(values, number)]) as address:
        result = run(address, *SEND)
    assert result.exit_code == 1 and text in result.output


def test_no_answer_and_nobody_there_are_one_sentence(run):
    with answering(lambda name, values, number: []) as address:
        silent = run(address, *SEND, "--timeout", "0.1")
    assert silent.exit_code == 1 and "No answer within 0.1 s: is the appliance running" in silent.output
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    gone = run(address, *SEND)
    assert gone.exit_code == 1 and "Nobody listens at" in gone.output


@pytest.mark.parametrize(
    "words",
    [
        (*SEND[:-1], "ten"),
        (*SEND[:-1], "1e-10"),
        (*SEND[:-1], "10000000000"),
        (*SEND[:-1], "nan"),
        (*SEND, "--stp", "both"),
        (*SEND, "--tif", "gtd", "--expire", "tomorrow"),
        (*SEND, "--tif", "gtd", "--expire", "1969-12-31"),
        ("mass-cancel", "--above", "1"),
        (*SEND, "--session", "17"),
        (*SEND, "--uuid", "xyz"),
        ("send",),
        ("nonsense",),
        ("retransmit", "--from", "0", "--count", "1"),
        ("watch", "--drop-percent", "101"),
        ("replay", "x.pcap", "--rate", "1", "--multiplier", "1"),
    ],
)
def test_misuse_is_status_2(run, words):
    result = run(("127.0.0.1", 9), *words)
    assert result.exit_code == 2 and "Traceback" not in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "/nonexistent.pcap"),
        ("replay", str(Path(__file__))),
        ("retransmit", "--from", "1", "--count", "1", "--tcp-port", "9", "--topic", "0" * 32),
        ("watch", "--seconds", "0.1"),
        ("watch", "--seconds", "0.1", "--group", "10.0.0.1"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_a_sentence(words):
    if words[0] == "watch":
        words = (*words, "--port", "26498")
    result = CliRunner().invoke(client, list(words))
    assert result.exit_code == 1 and "Error: " in result.output and isinstance(result.exception, SystemExit)


def test_a_recovery_server_can_be_named_where_the_configuration_has_none(tmp_path):
    path = tmp_path / "venue.toml"
    path.write_text("[recovery]\nenabled = false\n")
    words = ["retransmit", "--config", str(path), "--from", "1", "--count", "1", "--topic", "0" * 32]
    result = CliRunner().invoke(client, words)
    assert result.exit_code == 2 and "give --tcp-port" in result.output
    result = CliRunner().invoke(client, [*words, "--tcp-port", "9"])
    assert result.exit_code == 1 and "No recovery server at TCP 127.0.0.1:9" in result.output


@pytest.mark.parametrize("name", ["send", "cancel", "replace", "watch", "retransmit", "replay"])
def test_every_command_has_help_with_an_example(name):
    result = CliRunner().invoke(client, [name, "--help"])
    assert result.exit_code == 0 and f"pitwire client {name}" in result.output and "Example" in result.output


def test_prices_are_exact():
    convert = Price().convert
    assert [convert(text, None, None) for text in ("10.005", "-0.000000001", "9.2e3", "0")] == [
        10_005_000_000,
        -1,
        9_200_000_000_000,
        0,
    ]


def test_a_damaged_memory_is_a_new_one(tmp_path):
    path = tmp_path / "deep" / "memory.json"
    with remembered(path) as memory:
        memory.next_seq, memory.orders["4"] = 9, [1, 2]
    with remembered(path) as memory:
        assert memory == Memory(9, 1, {"4": [1, 2]})
    for text in ("", "{", "[]", '{"next_seq": "x"}', '{"next_seq": 1, "next_cl_ord_id": 1, "orders": [1]}'):
        path.write_text(text)
        with remembered(path) as memory:
            assert memory == Memory()


@pytest.mark.parametrize("module", ["client", "client_watch", "client_replay", "observe", "relay"])
def test_the_commands_do_not_import_numba(module):
    code = f"import sys, appliance.cli.{module}; sys.exit('numba' in sys.modules)"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}", "PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


@pytest.fixture
def instance(tmp_path, monkeypatch):
    folder = tmp_path / "pitwire-desk"
    folder.mkdir()
    values = np.memmap(folder / "counters", np.int64, "w+", shape=(len(COUNTERS),))
    monkeypatch.setattr(observe, "SHARED_MEMORY_ROOT", tmp_path)
    monkeypatch.setattr(Observer.__init__, "__defaults__", (tmp_path,))
    monkeypatch.setattr(instances, "__defaults__", (tmp_path,))
    return values


def test_observe_prints_what_the_loop_counts(instance):
    names = [counter.name for counter in COUNTERS]
    instance[names.index("fills")] = 1234
    plain = CliRunner().invoke(observe_command, ["--name", "desk"])
    assert plain.exit_code == 0 and plain.output.split() == ["fills", "1,234"]
    assert len(CliRunner().invoke(observe_command, ["--name", "desk", "--all"]).output.splitlines()) == len(COUNTERS)
    facts = json.loads(CliRunner().invoke(observe_command, ["--name", "desk", "--json"]).output)
    assert facts["counters"]["fills"] == 1234 and facts["turn_latency_ns"] == {}
    twice = CliRunner().invoke(observe_command, ["--name", "desk", "--json", "--watch", "0.05", "--count", "2"])
    first, second = map(json.loads, twice.output.splitlines())
    assert "rates" not in facts and first["rates"]["fills"] == second["rates"]["fills"] == 0


def test_observe_without_an_instance(instance):
    result = CliRunner().invoke(observe_command, ["--name", "other"])
    assert result.exit_code == 1 and "No appliance named 'other' runs on this machine; running: desk." in result.output
    with pytest.raises(ObserveError):
        Observer("other", Path("/nonexistent"))


def test_rates_leave_out_what_is_no_total():
    assert rates({"fills": 10, "open_orders": 5}, {"fills": 30, "open_orders": 1}, 2.0) == {"fills": 10.0}
