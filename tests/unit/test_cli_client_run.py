"""`pitwire client` with a key, and `pitwire client run`: log-on, memory of the session, lines of every kind."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli.client import command as client
from appliance.cli.client_requests import LineReader, RequestError
from appliance.client.session import ClientSession
from tests.naive.answering_venue import ORDER_ENTRY, acknowledge, answering
from tests.naive.fixp_venue import KEY_ID, SECRET, FixpVenue, fixp_venue
from wire import credentials

ROOT = Path(__file__).resolve().parents[2]
SEND = ("send", "--security-id", "7", "--side", "buy", "--qty", "5", "--price", "10.005")


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "desk.key"
    path.write_text(f"other {'00' * 32}\n{KEY_ID} {SECRET.hex()}\n")
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, key_file):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def call(address, *words, keyed=True, timeout="2"):
        options = ["--port", str(address[1]), "--timeout", timeout]
        if keyed:
            options += ["--key-file", str(key_file), "--key-id", KEY_ID]
        result = CliRunner().invoke(client, [words[0], *options, *words[1:]])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.mark.parametrize(
    ("words", "cod"),
    [
        ((), (0, 0)),
        (("--cancel-on", "loss"), (1, 0)),
        (("--cancel-on", "both", "--cancel-after-ms", "50"), (3, 50)),
        (("--cancel-on", "logout", "--gtc-stay"), (6, 0)),
    ],
)
def test_when_the_venue_cancels(run, tmp_path, words, cod):
    requests = tmp_path / "requests"
    requests.write_text("")
    with fixp_venue() as (venue, address):
        assert run(address, "run", *words, str(requests)).exit_code == 0
    (given,) = [credentials.unpack(values.Credentials) for name, values in venue.heard if name == "Establish"]
    assert (given.cod_type, given.cod_window_ms) == cod


@pytest.mark.parametrize(
    ("words", "keyed", "sentence"),
    [
        (("--cancel-on", "loss"), False, "--cancel-on needs --key-file"),
        (("--gtc-stay",), True, "say how --cancel-on cancels: give that, too"),
        (("--cancel-after-ms", "5"), True, "say how --cancel-on cancels: give that, too"),
    ],
)
def test_what_would_cancel_nothing_is_told(run, words, keyed, sentence):
    result = run(("127.0.0.1", 9), "run", *words, "-", keyed=keyed)
    assert result.exit_code == 2 and sentence in " ".join(result.stderr.split())


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_send_logs_on_and_out_and_goes_on_next_time(run, tcp):
    more = ("--tcp",) if tcp else ()
    with fixp_venue(tcp=tcp) as (venue, address):
        first = run(address, *SEND, *more)
        assert first.exit_code == 0 and first.stdout.startswith("accepted   order 1 buy instrument 7 5 @ 10.005")
        assert "logged out" in first.stderr
        second = run(address, "cancel", "--order", "1", *more)
        assert second.exit_code == 0 and second.stdout.startswith("cancelled  order 2")
        assert venue.applied == [1, 2] and len(venue.reports) == 1, "the same session"
    names = [name for name, _ in venue.heard if name != "Context"]
    assert names == ["Negotiate", "Establish", "Terminate", "Establish", "Terminate"]


def test_what_was_missed_in_between_is_told_at_the_next_log_on(run):
    with fixp_venue() as (venue, address):
        assert run(address, *SEND).exit_code == 0
        trade = ORDER_ENTRY.encode("ExecutionReportTrade", ClOrdID=1, Side=1, SecurityID=7, LastQty=5, CumQty=5)
        next(iter(venue.reports.values())).append(trade)
        lines = run(address, *SEND).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["filled", "accepted"]


def test_a_session_that_the_venue_has_no_more_is_replaced_by_a_new_one(run):
    with fixp_venue() as (_, address):
        assert run(address, *SEND).exit_code == 0
    port = address[1]
    venue = FixpVenue()
    with fixp_venue(venue) as (_, address):
        state = next(Path(os.environ["XDG_STATE_HOME"]).rglob(f"*-{port}.json"))
        state.rename(state.with_name(state.name.replace(str(port), str(address[1]))))
        result = run(address, *SEND)
    assert result.exit_code == 0 and "a new one is opened" in result.stderr
    assert venue.applied == [2], "ClOrdIDs go on rising"


def test_log_ons_that_fail_are_one_sentence(run, key_file, tmp_path):
    venue = FixpVenue()
    venue.deaf_to = 1000
    with fixp_venue(venue) as (_, address):
        assert "did not answer within 0.2 s" in run(address, *SEND, timeout="0.2").output
    key_file.write_text(f"{KEY_ID} {'11' * 32}\n")
    with fixp_venue() as (_, address):
        result = run(address, *SEND)
    assert result.exit_code == 1 and "credentials are not right" in result.output
    key_file.write_text("# nothing\n")
    assert "holds no key" in run(address, *SEND).output
    key_file.write_text(f"a {'11' * 32}\n")
    assert f"holds no key {KEY_ID}" in run(address, *SEND).output
    key_file.write_text("a b\n")
    assert "not hexadecimal" in run(address, *SEND).output


@pytest.mark.parametrize("words", [("--tcp",), ("--key-id", "x"), ("--also-via", "x"), ("--also-via", "1.2.3.4:0")])
def test_misuse_is_status_2(run, words):
    assert run(("127.0.0.1", 9), *SEND, *words, keyed=False).exit_code == 2


def test_status_and_watermark(run):
    with fixp_venue() as (venue, address):
        venue.applied.append(41)
        assert run(address, *SEND).stdout.startswith("accepted   order 42"), "a new memory asks where ids go on"
        told = run(address, "status", "--order", "42")
        assert told.exit_code == 0
        assert told.stdout == "open       order 42 buy instrument 7 3 @ 10 open, 2 filled, OrderID 1\n"
        assert run(address, "status", "--order", "9").stdout == "not open   order 9\n"
        assert run(address, "watermark").stdout == "watermark  42 is the highest ClOrdID that was taken\n"
        assert json.loads(run(address, "watermark", "--json").stdout)["ClOrdID"] == 42


CSV = """do,id,order,security_id,side,qty,price,tif,type,stop_price
send,a,,7,buy,5,10.005,,,
send,b,,7,sell,6,,,stop,9.5

# in between
replace,c,a,,,8,10.006,,,
cancel,,c,,,,,,,
mass-cancel,,,7,,,,,,
"""
JSON_LINES = [
    {"do": "send", "id": "a", "security_id": 7, "side": "buy", "qty": 5, "price": "10.005", "post_only": True},
    {"do": "replace", "id": "c", "order": "a", "qty": 8, "price": 10.5},
    {"do": "cancel", "order": 2},
]


def lines_of(result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()]


def test_a_file_of_rows(run, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(CSV)
    with fixp_venue() as (venue, address):
        result = run(address, "run", str(path))
    assert result.exit_code == 0, result.output
    assert lines_of(result) == ["accepted", "accepted", "replaced", "cancelled", "done"]
    assert venue.applied == [1, 2, 3, 4, 5] and "8 @ 10.006" in result.stdout


def test_json_lines_and_a_provisioned_session(run, tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_text("\n".join(map(json.dumps, JSON_LINES)))
    with answering() as address:
        result = run(address, "run", "--json", str(path), keyed=False)
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["message"] for one in told] == ["ExecutionReportNew", "ExecutionReportModify", "ExecutionReportCancel"]
    assert told[2]["OrigClOrdID"] == 2


def started(address, key_file, tmp_path, standard_input) -> subprocess.Popen[str]:
    """`pitwire client run` as a process of its own."""
    words = ["client", "run", "--port", str(address[1]), "--key-file", str(key_file), "--key-id", KEY_ID]
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", *words],
        stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"},
    )  # fmt: skip


def test_words_from_a_pipe(tmp_path, key_file):
    words = "help\nwatermark\nstatus 1\nsend 7 buy 5 10.005 ioc\ncancel 1\norders\nnonsense\nquit\nsend 7 buy 5 10\n"
    with fixp_venue() as (venue, address):
        process = started(address, key_file, tmp_path, subprocess.PIPE)
        out, err = process.communicate(words, timeout=60)
    assert venue.applied == [1, 2], err
    assert [line.split()[0] for line in out.splitlines()] == ["watermark", "not", "accepted", "cancelled"]
    assert process.returncode == 1 and "'nonsense' is none of" in err and "mass-cancel" in err


def test_words_that_are_typed_get_their_answer_before_the_next(tmp_path, key_file):
    master, slave = pty.openpty()
    with fixp_venue() as (_, address):
        process = started(address, key_file, tmp_path, slave)
        os.close(slave)
        os.write(master, b"send 7 buy 5 10.005\n")
        assert process.stdout is not None and process.stdout.readline().startswith("accepted   order 1")
        os.write(master, b"nonsense\ncancel 1\n")
        assert process.stdout.readline().startswith("cancelled  order 2")
        os.write(master, b"quit\n")
        _, err = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 0 and err.startswith("send SECURITY_ID SIDE QTY PRICE"), (
        "a slip of the pen is no failure"
    )


def test_refusals_and_silence_are_status_1(run, tmp_path):
    path = tmp_path / "orders"
    path.write_text("send 7 buy 5 10\n")

    def refuse(name, values, number):
        return [ORDER_ENTRY.encode("ExecutionReportReject", ClOrdID=values.ClOrdID, OrdRejReason=1)]

    with fixp_venue(FixpVenue(rule=refuse)) as (_, address):
        assert run(address, "run", str(path)).exit_code == 1
    with fixp_venue(FixpVenue(rule=lambda *_: [])) as (_, address):
        result = run(address, "run", str(path), timeout="0.3")
    assert result.exit_code == 1 and "1 requests were not answered within 0.3 s" in result.stderr


BAD_LINES = {
    "{": "not JSON",
    '{"do": "buy"}': "'buy' is none of send, cancel",
    "send 7 buy": "send needs qty",
    "send 7 buy 5 10 day more": "too many words",
    "send 7 up 5 10": "side: ",
    "send 7 buy 5 ten": "price: 'ten' is not a decimal",
    "send 7 buy 5 1e1000000": "price: '1e1000000' is not a decimal",
    "send 7 buy 5 1e999000": "price: 1e999000 is not a whole multiple",
    "send 7 buy 5 nan": "price: 'nan' is not a decimal",
    "cancel " + "9" * 5000: "no request with the id",
    '{"do": "cancel", "order": ' + "9" * 5000 + "}": "not JSON",
    'cancel "': "cannot be read",
    "cancel x": "no request with the id 'x'",
    "cancel 99": "not in this session's ledger",
    '{"do": "cancel", "order": 1, "qty": 5}': "cancel has no qty",
    '{"do": "mass-cancel", "above": "1"}': "need security_id",
    '{"do": "send", "security_id": 1, "side": "buy", "qty": 5, "stp": "both", "price": 1}': "STP id",
    '{"do": "send", "security_id": 1, "side": "buy", "qty": 5, "price": 1, "hidden": "maybe"}': "hidden: ",
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_bad_lines_are_one_sentence(line):
    with pytest.raises(RequestError, match=BAD_LINES[line]):
        LineReader(ClientSession(bytes(16)), lambda _: None).request(line)


def test_a_row_longer_than_its_header():
    reader = LineReader(ClientSession(bytes(16)), lambda _: None)
    assert reader.request("do,security_id") is None
    with pytest.raises(RequestError, match="3 columns, the header 2"):
        reader.request("send,1,2")


def test_orders_that_were_sent_before_are_known_by_memory():
    session = ClientSession(bytes(16), next_cl_ord_id=5)
    reader = LineReader(session, {3: (7, 1)}.get)
    request = reader.request("cancel 3")
    assert request is not None and (request.security_id, request.side) == (7, 1)


def test_help_has_examples():
    result = CliRunner().invoke(client, ["run", "--help"])
    assert result.exit_code == 0 and "pitwire client run --key-file" in result.output
    assert acknowledge("nothing", None, 1) == []
