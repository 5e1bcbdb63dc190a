"""Order entry over TCP: the naive client against the gateway, with a naive core behind the rings."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import parse
from appliance.gateway.connection import TcpLimits
from appliance.gateway.process import GatewayError, make_gateway
from native.gateway_layout import (
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_LOST,
    GATEWAY_IN_STARTED,
    GATEWAY_REASON_CLIENT_CLOSED,
    GATEWAY_REASON_IDLE,
    GATEWAY_REASON_PROTOCOL,
    GATEWAY_REASON_SLOW,
)
from tests.handshakes import Signer, header
from tests.naive.fixp_over_tcp import TcpClient
from tests.naive.gateway_core import GatewayRig, report, running
from wire.gen import order_entry_tables

UUID = bytes(range(16))
BOB = Signer("bob", b"b" * 32)
QUICK = TcpLimits(logon_seconds_max=0.3, stall_seconds_max=0.3, write_buffer_bytes_max=1 << 16)


def order(number: int, block_bytes: int = 40) -> bytes:
    """What is a message to the gateway: it does not look into them."""
    block = struct.pack("<Q", number).ljust(block_bytes, b"x")
    return struct.pack("<HHHH", block_bytes, 100, order_entry_tables.SCHEMA_ID, 0) + block


def client(rig: GatewayRig, session_id: bytes = UUID, signer: Signer | None = None) -> TcpClient:
    return TcpClient(rig.address, session_id, signer or rig.signer, rig.gateway.limits.framing)


@pytest.mark.parametrize("framing", ["sofh", "cme", "b3"])
def test_a_session(tmp_path: Path, framing: str) -> None:
    """Log-on, 500 orders each answered, heartbeat, Terminate."""
    with running(tmp_path, TcpLimits(framing=framing)) as rig:
        one = client(rig)
        one.log_on()
        orders = [order(number) for number in range(1, 501)]
        for start in range(0, 500, 50):
            one.send(one.session.send(*orders[start : start + 50]))
        one.hear_all(500)
        session = rig.core.sessions[UUID]
        assert session.applied == orders and session.row == 0
        assert one.session.got == {number: report(number, order(number)) for number in range(1, 501)}
        heard = rig.core.told[GATEWAY_IN_DATAGRAM]
        one.send(one.session.heartbeat())
        rig.until(lambda: rig.core.told[GATEWAY_IN_DATAGRAM] == heard + 1)
        one.send(one.session.terminate())
        one.hear()
        assert one.session.terminated_by_server == 0 and one.until_closed() == []
        rig.until(lambda: [reason for _, reason in rig.core.lost] == [0])
        assert rig.gateway.counters["messages_in"] == 500


def test_messages_are_gathered_into_datagrams(tmp_path: Path) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send(one.session.send(*(order(number) for number in range(1, 101))))
        one.hear_all(100)
        assert rig.core.told[GATEWAY_IN_DATAGRAM] <= 100 * 48 // (1400 - 32) + 2


def test_a_gap_and_a_repeat_keep_their_numbers(tmp_path: Path) -> None:
    """The numbers that the client gives reach the core: what it makes of them is its own."""
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send(one.session.send(order(1), order(2)))
        one.send(one.session.send(order(2), first=2))
        one.send(one.session.send(order(7), first=7))
        one.hear_all(3)
        assert rig.core.sessions[UUID].applied == [order(1), order(2), order(7)]
        assert rig.core.sessions[UUID].expected == 8


def test_a_message_in_many_segments(tmp_path: Path) -> None:
    """Legal, and counted."""
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        octets = b"".join(map(one.framed, one.session.send(order(1), order(2))))
        for at in range(len(octets)):
            one.socket.sendall(octets[at : at + 1])
            if at % 10 == 0:
                time.sleep(0.002)
        one.hear_all(2)
        assert rig.core.sessions[UUID].applied == [order(1), order(2)]
        assert 1 <= rig.gateway.counters["split_messages"] <= 3


def test_lost_messages_again(tmp_path: Path) -> None:
    """A client that lost its memory asks for all of it, in requests of 500, while new messages come in between."""
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        for start in range(1, 2001, 20):
            one.send(one.session.send(*(order(number) for number in range(start, start + 20))))
        one.hear_all(2000)
        wanted = dict(one.session.got)
        one.session.got.clear()
        for _ in range(4):
            one.send(one.session.recover(time.time_ns()))
            rig.core.tell(UUID, report(rig.core.sessions[UUID].sent + 1, bytes(24)))
            while one.session._asked is not None:
                one.hear()
        one.hear_all(2004)
        assert {number: one.session.got[number] for number in wanted} == wanted
        assert rig.gateway.counters["messages_retransmitted"] == 2000


def test_a_batch_would_fit_into_a_datagram(tmp_path: Path) -> None:
    """Each behind its Retransmission, which says where it begins and how many they are."""
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send(one.session.send(*(order(number) for number in range(1, 201))))
        one.hear_all(200)
        one.send([request(UUID, 1, 200)])
        batches: list[list[bytes]] = []
        while sum(len(batch) - 1 for batch in batches) < 200:
            for message in one.messages():
                batches += [[message]] if message[2] == 12 else []
                batches[-1] += [message] if message[2] != 12 else []
        first = 1
        for head, *messages in batches:
            assert struct.unpack_from("<QI", head, 32) == (first, len(messages))
            assert len(head) + sum(map(len, messages)) <= 1400
            first += len(messages)
        assert len(batches) == 200 * 32 // 1400 + 1


def request(session_id: bytes, first: int, count: int) -> bytes:
    return header(36, 11) + session_id + struct.pack("<QQI", 5, first, count)


@pytest.mark.parametrize(
    ("name", "requests", "code"),
    [
        ("beyond what was sent", [(1, 51)], 2),
        ("nothing", [(1, 0)], 2),
        ("from nothing", [(0, 1)], 2),
        ("two at once", [(1, 50), (1, 50)], 3),
    ],
)
def test_retransmit_violations(tmp_path: Path, name: str, requests: list[tuple[int, int]], code: int) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send(one.session.send(*(order(number) for number in range(1, 51))))
        one.hear_all(50)
        one.send([request(UUID, *each) for each in requests])
        last = one.until_closed()[-1]
        assert last[2] == 14 and last[24] == code, name


def test_a_request_for_another_session_is_rejected(tmp_path: Path) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send([request(bytes(16), 1, 1)])
        (answer,) = one.messages()
        assert answer[2] == 13 and answer[32] == 1  # RetransmitReject{InvalidSession}


# --- who is not let in, or not for long ---------------------------------------------------------------------------


def test_bad_credentials_are_told_and_then_the_port_closes(tmp_path: Path) -> None:
    with running(tmp_path, bad_logons_max=3, closed_seconds=60) as rig:
        mallory = client(rig, signer=replace(rig.signer, secret=b"m" * 32))
        answers = []
        for _ in range(2):
            request = mallory.session.negotiate(time.time_ns())
            mallory.send(request)
            answers += mallory.messages()
            assert len(answers[-1]) <= len(request[0])
        assert [answer[2] for answer in answers] == [3, 3] and answers[0][32] == 0
        mallory.send(mallory.session.establish(time.time_ns()))
        (last,) = mallory.until_closed()
        assert last[2] == 7 and last[32] == 4
        again = client(rig)
        assert again.until_closed() == []
        assert rig.gateway.counters["refused_port_closed"] == 1
        assert rig.gateway.counters["handshakes_forged"] == 3
        assert rig.core.told[GATEWAY_IN_HANDSHAKE] == 0


GARBAGE = [
    ("rubbish", b"GET / HTTP/1.1\r\n\r\n", "closed_garbage"),
    ("a length of nothing", bytes(6), "closed_garbage"),
    ("a length of 4 GiB", b"\xff" * 6, "closed_garbage"),
    ("another encoding", struct.pack(">IH", 20, 0x5BE0) + bytes(14), "closed_garbage"),
    ("a header cut short", struct.pack(">IH", 9, 0xEB50) + b"abc", "closed_violation"),
    ("an order", struct.pack(">IH", 54, 0xEB50) + order(1), "closed_violation"),
    ("a Sequence", struct.pack(">IH", 22, 0xEB50) + header(8, 8) + bytes(8), "closed_violation"),
    ("a malformed Negotiate", struct.pack(">IH", 22, 0xEB50) + header(8, 1) + bytes(8), "closed_violation"),
]


@pytest.mark.parametrize(("octets", "counter"), [row[1:] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_strangers_are_closed_without_a_word(tmp_path: Path, octets: bytes, counter: str) -> None:
    with running(tmp_path) as rig:
        with socket.create_connection(rig.address, 10) as stranger:
            stranger.sendall(octets)
            assert stranger.recv(100) == b""
        rig.until(lambda: rig.gateway.counters[counter] == 1)
        assert set(rig.core.told) <= {GATEWAY_IN_STARTED} and not rig.core.lost
        client(rig).log_on()


VIOLATIONS = [
    ("an unknown schema", [struct.pack("<HHHH", 8, 1, 77, 0) + bytes(8)]),
    ("a block that lies", [order(1)[:-4]]),
    ("a Context", [header(24, 9) + UUID + struct.pack("<Q", 1)]),
    ("a Terminate of another session", [header(17, 14) + bytes(16) + b"\0\0\0"]),
    ("a response", [header(25, 2) + UUID + bytes(9) + b"\0\0"]),
    ("an unknown template", [header(8, 99) + bytes(8)]),
    ("a number of 2**63", [header(8, 8) + struct.pack("<Q", 1 << 63)]),
    ("a number that ends the numbers", [header(8, 8) + struct.pack("<Q", (1 << 64) - 2), *map(order, range(100))]),
]


@pytest.mark.parametrize("messages", [row[1] for row in VIOLATIONS], ids=[row[0] for row in VIOLATIONS])
def test_violations_of_a_session_end_in_terminate(tmp_path: Path, messages: list[bytes]) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send(messages)
        last = one.until_closed()[-1]
        assert last[2] == 14 and last[8:24] == UUID and last[24] == 1
        rig.until(lambda: [reason for _, reason in rig.core.lost] == [GATEWAY_REASON_PROTOCOL])


def test_a_connection_has_one_session(tmp_path: Path) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.send([BOB.negotiate(bytes([3] * 16), time.time_ns())])
        assert one.until_closed()[-1][2] == 14
        rig.until(lambda: rig.core.told[GATEWAY_IN_LOST] == 1)
        assert rig.core.told[GATEWAY_IN_HANDSHAKE] == 2


def test_log_ons_again_and_again(tmp_path: Path) -> None:
    """Good ones are records of the log: a connection has so many, and no more."""
    with running(tmp_path) as rig:
        one = client(rig)
        one.send([rig.signer.negotiate(UUID, time.time_ns() + step) for step in range(100)])
        one.until_closed()
        rig.until(lambda: rig.core.told[GATEWAY_IN_LOST] == 1)  # the last of this connection
        assert rig.core.told[GATEWAY_IN_HANDSHAKE] == 32


def test_counters_that_cannot_be_written_end_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are told once there is room, and the fault but once."""
    place = tmp_path / "folder" / "gateway.json"
    with running(tmp_path, counters_path=place) as rig:
        one = client(rig)
        one.log_on()
        for number in range(1, 4):
            one.send(one.session.send(order(number)))
            one.hear_all(number)
            time.sleep(0.25)
        place.parent.mkdir()
        one.send(one.session.send(order(4)))
        rig.until(lambda: place.exists() and json.loads(place.read_text())["messages_in"] == 4)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"{place} cannot be written: No such file or directory."
    ]


def test_who_does_not_log_on_is_closed(tmp_path: Path) -> None:
    with running(tmp_path, QUICK) as rig:
        assert client(rig).until_closed() == []
        one = client(rig)
        one.log_on()
        one.socket.sendall(b"\0\0")  # a frame that is never completed
        one.until_closed()
        rig.until(lambda: [reason for _, reason in rig.core.lost] == [GATEWAY_REASON_IDLE])
        assert rig.gateway.counters["closed_idle"] == 2


def test_who_does_not_read_is_closed(tmp_path: Path) -> None:
    with running(tmp_path, QUICK) as rig:
        one = client(rig)
        one.log_on()
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bob = client(rig, bytes(16 * [7]), BOB)
        bob.log_on()
        for _ in range(4000):  # some 6 MB
            rig.until(lambda: rig.core.send(rig.core.sessions[UUID].connection, _datagram()))
            if rig.core.lost:
                break
        rig.until(lambda: [reason for _, reason in rig.core.lost] == [GATEWAY_REASON_SLOW])
        bob.send(bob.session.send(order(1)))
        bob.hear_all(1)
        assert len(bob.session.got) == 1


def _datagram() -> bytes:
    return header(24, 9) + UUID + struct.pack("<Q", 1) + report(1, bytes(24)) * 40


def test_connections_have_bounds(tmp_path: Path) -> None:
    with running(tmp_path, TcpLimits(connections_max=3, connections_a_source_max=2)) as rig:
        kept = [client(rig), client(rig)]
        assert client(rig).until_closed() == []
        assert rig.gateway.counters["refused_too_many_of_a_source"] == 1
        kept.pop().socket.close()
        rig.until(lambda: rig.gateway.counters["closed_by_client"] == 1)
        client(rig).log_on()


def test_a_client_that_goes_is_told_to_the_core(tmp_path: Path) -> None:
    with running(tmp_path) as rig:
        one = client(rig)
        one.log_on()
        one.socket.close()
        rig.until(lambda: rig.core.lost == [(rig.core.sessions[UUID].connection, GATEWAY_REASON_CLIENT_CLOSED)])


def test_a_core_that_stands_still_stops_the_reading(tmp_path: Path) -> None:
    """The ring is full: nothing is lost, nothing piles up without bound, and it goes on when the core does."""
    with running(tmp_path, ring_bytes=4096) as rig:
        one = client(rig)
        one.log_on()
        rig.core.dead = True
        one.socket.settimeout(0.5)
        sent = send_until_it_stalls(one)
        rig.core.dead = False
        rig.until(lambda: len(rig.core.sessions[UUID].applied) >= sent, 60)
        assert rig.gateway.counters["ring_full"] > 0
        assert rig.core.sessions[UUID].applied[:sent] == [order(number) for number in range(sent)]


def send_until_it_stalls(one: TcpClient) -> int:
    """Orders sent until nothing more was taken for half a second."""
    for sent in range(0, 1_000_000, 100):
        try:
            one.socket.sendall(b"".join(map(one.framed, one.session.send(*(order(sent + n) for n in range(100))))))
        except TimeoutError:
            return sent
    raise AssertionError("it took a million orders")


# --- by UDP -------------------------------------------------------------------------------------------------------


def test_handshakes_by_udp(tmp_path: Path) -> None:
    """Good ones go on to the core, bad ones are answered by something smaller, until the port is closed to them."""
    with running(tmp_path, bad_logons_max=3) as rig:
        now = time.time_ns()
        message = rig.signer.negotiate(UUID, now)
        rig.core.knock(message, 1)
        rig.until(lambda: rig.core.handshakes == [(0, 0, message, rig.signer.proof(UUID, now))])
        bad = replace(rig.signer, secret=b"m" * 32).negotiate(UUID, now + 1)
        for _ in range(6):
            rig.core.knock(bad, 2)
        rig.core.knock(b"rubbish", 3)
        rig.core.knock(message[:-1], 3)
        rig.core.knock(rig.signer.negotiate(UUID, now - 1), 3)  # a replay is not answered
        good = rig.signer.establish(UUID, now + 2)
        rig.core.knock(good, 2)  # in the name of whom the port is closed to
        rig.until(lambda: len(rig.core.handshakes) == 2)
        assert [ip for ip, _ in rig.core.answers] == [2, 2]
        assert all(len(answer) < len(bad) and answer[2] == 3 for _, answer in rig.core.answers)
        assert rig.gateway.counters["handshakes_malformed"] == 2 and rig.gateway.counters["handshakes_replayed"] == 1


def test_keys_are_rotated_while_it_runs(tmp_path: Path) -> None:
    with running(tmp_path) as rig:
        fresh = Signer("alice", b"n" * 32)
        beside = tmp_path / "keys.new"
        beside.touch(0o600)
        beside.write_text(f"alice {(b'a' * 32).hex()}\nalice {(b'n' * 32).hex()}\n")
        beside.rename(rig.keys_path)
        rig.until(lambda: rig.gateway.counters["keys_file_changes"] == 1)
        client(rig).log_on()
        client(rig, bytes(16 * [9]), fresh).log_on()


def test_a_key_that_is_missing_is_told_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody would be let in, and nobody would know why. (The rings are missing, too: that ends it.)"""
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(f"alice {(b'a' * 32).hex()}\n")
    sessions = [{"key_id": name, "account": at} for at, name in enumerate(("alice", "bob"))]
    gateway = {"enabled": True, "keys_file": str(keys)}
    config = parse({"gateway": gateway, "sessions": sessions, "drop_copies": [{"key_id": "house"}]})
    with pytest.raises(GatewayError, match="cannot be mapped"):
        make_gateway(tmp_path, config)
    assert [record.getMessage() for record in caplog.records] == [
        f"{keys} has no key {name}: until it does, nobody can log on with it." for name in ("bob", "house")
    ]


def test_it_needs_no_numba() -> None:
    code = "import sys, appliance.gateway.__main__; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
