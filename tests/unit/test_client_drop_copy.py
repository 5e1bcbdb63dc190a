"""The library's subscriber of a drop copy, and `pitwire client drop-copy`: against the gateway, and against scripts."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.client import command as client
from appliance.client.blocking import BlockingClient, LogOnError
from appliance.client.drop_copy import DropCopyClient
from appliance.client.fixp import FixpClient
from appliance.client.ledger import Report
from appliance.client.parse import FIXP, ORDER_ENTRY
from appliance.client.session import ClientSession
from appliance.client.terms import Phase, Terms
from tests.naive.gateway_core import GatewayRig, NaiveSession
from tests.unit.test_gateway_drop_copy import COPY, HOUSE, UUID, subscribed
from wire import credentials
from wire.framing import sofh

TERMS = Terms(key_id=HOUSE.key_id, secret=HOUSE.secret, keepalive_ms=400)
T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def executions(rig: GatewayRig, first: int, count: int) -> None:
    """Numbers of the firm's flow; those of the session that they are copied from are others."""
    session = rig.core.sessions.setdefault(UUID, NaiveSession(0))
    for number in range(first, first + count):
        message = ORDER_ENTRY.encode(
            "ExecutionReportTrade", MsgSeqNum=7 * number, ClOrdID=number, SecurityID=1, Account=3, Side=1, LastQty=1,
            LastPx=10**10, LeavesQty=0, CumQty=1,
        )  # fmt: skip
        with rig.core.lock:
            rig.core.write_report(session, message, 2, number)


def numbers_until(desk: BlockingClient, last: int) -> list[int]:
    found: list[int] = []
    deadline = time.monotonic() + 20
    while desk.client.flow.next_seq <= last:
        assert time.monotonic() < deadline
        for one in desk.poll(0.2):
            if isinstance(one, Report):
                assert one.values.ClOrdID == one.sequence
                found.append(one.sequence)
    return found


def test_all_of_the_day_once_and_in_order(tmp_path: Path) -> None:
    """What was before the log-on, what comes meanwhile, and what is missed while the connection is gone."""
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 1200)
        copy = DropCopyClient(TERMS)
        with BlockingClient(copy, [address]) as desk:
            got = [report.sequence for report in desk.log_on()]
            executions(rig, 1201, 300)
            got += numbers_until(desk, 1500)
            assert got == list(range(1, 1501)) and copy.flow_id == COPY.flow_id(0) and copy.next_number == 1501
            desk.close()
            copy.disconnected()
            executions(rig, 1501, 50)
            desk.reconnect()
            got = [report.sequence for report in desk.log_on()]
            assert got + numbers_until(desk, 1550) == list(range(1501, 1551))
            desk.log_out()
            assert copy.phase is Phase.NEGOTIATED


@pytest.mark.parametrize(("first_number", "expected"), [(None, range(101, 111)), (95, range(95, 111))])
def test_from_a_number_on(tmp_path: Path, first_number: int | None, expected: range) -> None:
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 100)
        with BlockingClient(DropCopyClient(TERMS, first_number), [address]) as desk:
            got = [report.sequence for report in desk.log_on()]
            executions(rig, 101, 10)
            assert got + numbers_until(desk, 110) == list(expected)


def test_another_day_is_another_flow(tmp_path: Path) -> None:
    """Who was there yesterday gets all of today, from number 1."""
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 20)
        copy = DropCopyClient(TERMS)
        with BlockingClient(copy, [address]) as desk:
            desk.log_on()
            numbers_until(desk, 20)
            executions(rig, 1, 5)
            while copy.phase is Phase.ESTABLISHED:
                desk.poll(0.2)
            desk.reconnect()
            got = [report.sequence for report in desk.log_on()]
            deadline = time.monotonic() + 10
            while len(got) < 5 and time.monotonic() < deadline:
                got += [one.sequence for one in desk.poll(0.2) if isinstance(one, Report)]
            assert got == [1, 2, 3, 4, 5] and copy.flow_id == COPY.flow_id(1)


def test_who_may_not_is_told(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (_, address):
        wrong = Terms(key_id="house", secret=b"x" * 32)
        with BlockingClient(DropCopyClient(wrong), [address]) as desk, pytest.raises(LogOnError, match="credentials"):
            desk.log_on()


def call(tmp_path: Path, address: tuple[str, int], *words: str) -> Result:
    key_file = tmp_path / "house.key"
    key_file.write_text(f"{HOUSE.key_id} {HOUSE.secret.hex()}\n")
    options = ["--host", address[0], "--port", str(address[1]), "--key-file", str(key_file)]
    result = CliRunner().invoke(client, ["drop-copy", *options, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_prints_them(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 3)
        plain = call(tmp_path, address, "--idle", "0.4")
        assert plain.exit_code == 0
        assert plain.stdout.splitlines()[2] == (
            "        3 account 3  filled     order 3 buy instrument 1 1 @ 10, leaves 0, filled 1"
        )
        some = call(tmp_path, address, "--idle", "0.4", "--from", "2", "--json")
        assert [json.loads(line)["seq"] for line in some.stdout.splitlines()] == [2, 3]


def test_the_command_ends_with_the_day(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 3)
        done: list[Result] = []
        thread = threading.Thread(target=lambda: done.append(call(tmp_path, address)))
        thread.start()
        rig.until(lambda: rig.gateway.counters["messages_retransmitted"] == 3)
        executions(rig, 1, 1)
        thread.join(10)
        assert done[0].exit_code == 0 and "finished" in done[0].stderr and len(done[0].stdout.splitlines()) == 3


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (_, address):
        refused = call(tmp_path, address, "--key-id", "nobody")
        assert refused.exit_code == 1 and "holds no key nobody" in refused.stderr
    nobody = call(tmp_path, address)
    assert nobody.exit_code == 1
    assert nobody.stderr == f"Error: No drop copies at TCP {address[0]}:{address[1]}: Connection refused.\n"


def test_in_a_stream_nothing_is_asked_for_twice() -> None:
    """The answer comes, however late: a second request before it ends the session."""
    copy = FixpClient(ClientSession(UUID), Terms(key_id="house", secret=HOUSE.secret, stream=True, keepalive_ms=60_000))
    frames = sofh.FrameReader(1 << 16)

    def asked(now_ns: int) -> list[str]:
        octets = b"".join(copy.outgoing(now_ns))
        return [FIXP.decode(message)[0].name for _, message in frames.feed(octets)]

    def told(name: str, **values: object) -> None:
        message = FIXP.encode(name, **values)
        copy.receive(sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message), T0)

    own = {"SessionId": UUID, "RequestTimestamp": T0}
    copy.log_on(T0)
    asked(T0)
    text = credentials.response_text(UUID, T0, 0, "house")
    proof = credentials.pack(credentials.Credentials("house", mac=credentials.mac(HOUSE.secret, text)))
    told("NegotiationResponse", **own, ServerFlow=0, Credentials=proof)
    asked(T0)
    told("EstablishmentAck", SessionId=UUID, RequestTimestamp=T0 + 1, KeepaliveInterval=60_000, NextSeqNo=10)
    assert asked(T0) == ["RetransmitRequest"]
    copy.tick(T0 + 20 * SECOND)
    assert asked(T0 + 20 * SECOND) == []
