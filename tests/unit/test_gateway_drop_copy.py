"""Drop copy: the executions of a firm, the same flow to every subscriber, recoverable."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.gateway.connection import TcpLimits
from appliance.gateway.drop_copy_server import DropCopy
from tests.handshakes import Signer, header
from tests.naive.fixp_over_tcp import Subscriber, TcpClient
from tests.naive.gateway_core import GatewayRig, NaiveSession, report, running

UUID = bytes(range(16))
COPY = DropCopy("house", 2, "firm-2.example", "drop copy of firm 2")
FLOW = COPY.flow_id(0)
HOUSE = Signer("house", b"h" * 32)
KEEPALIVE_MS = 400


@contextmanager
def subscribed(folder: Path, limits: TcpLimits | None = None) -> Iterator[tuple[GatewayRig, tuple[str, int]]]:
    """A gateway with a drop copy of firm 2 for the key `house`."""
    with running(folder, limits) as rig:
        beside = folder / "more"
        beside.touch(0o600)
        beside.write_text(rig.keys_path.read_text() + f"house {HOUSE.secret.hex()}\n")
        beside.rename(rig.keys_path)
        listening = rig.gateway.listen_for_drop_copies([COPY], "127.0.0.1", 0)
        address = asyncio.run_coroutine_threadsafe(listening, rig.loop).result(10)
        rig.until(lambda: rig.gateway.counters["keys_file_changes"] == 1)
        yield rig, address


def executions(rig: GatewayRig, first: int, count: int, firm: int = 2) -> None:
    """What the core writes down; every third message is of another firm, or of none."""
    session = rig.core.sessions.setdefault(UUID, NaiveSession(0))
    for number in range(first, first + count):
        with rig.core.lock:
            rig.core.write_report(session, message(number), firm, number)
            if number % 3 == 0:
                rig.core.write_report(session, report(10**6, bytes(24)), 1 if number % 2 else 0, 0)


def message(number: int) -> bytes:
    return report(number, bytes(8) + struct.pack("<QQ", number, number))


def test_every_subscriber_gets_the_same_flow(tmp_path: Path) -> None:
    """What was before is asked for, what comes is told, in the same numbers."""
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 1000)
        first = Subscriber(address, UUID, HOUSE)
        first.log_on()
        assert first.session.server_next == 1001 and first.topic[8:24] == FLOW
        executions(rig, 1001, 500)
        second = Subscriber(address, bytes([5] * 16), HOUSE)
        second.log_on()
        executions(rig, 1501, 1000)
        for subscriber in (first, second):
            while subscriber.session.server_next <= 2500:
                subscriber.hear()
            while len(subscriber.session.got) < 2500:
                subscriber.send(subscriber.session.recover(time.time_ns()))
                while subscriber.session._asked is not None:
                    subscriber.hear()
            assert subscriber.session.got == {number: message(number) for number in range(1, 2501)}


def test_the_flow_has_a_name_of_its_own(tmp_path: Path) -> None:
    """A RetransmitRequest for the UUID of Topic is answered with it."""
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 10)
        one = Subscriber(address, UUID, HOUSE)
        one.log_on()
        one.send([header(36, 11) + FLOW + struct.pack("<QQI", 77, 3, 2)])
        found = one.messages()
        while len(found) < 3:
            found += one.messages()
        assert found[0][2] == 12 and found[0][8:24] == FLOW and found[1:] == [message(3), message(4)]
        one.send([header(36, 11) + UUID + struct.pack("<QQI", 78, 11, 1)])
        last = one.until_closed()[-1]
        assert last[2] == 14 and last[24] == 2  # Terminate{ReRequestOutOfBounds}


def test_heartbeats_both_ways(tmp_path: Path) -> None:
    """Sequence at least once an interval; who is silent for three of them is told and closed."""
    with subscribed(tmp_path) as (_, address):
        kept, silent = Subscriber(address, UUID, HOUSE), Subscriber(address, bytes([5] * 16), HOUSE)
        kept.session.keepalive_ms = silent.session.keepalive_ms = KEEPALIVE_MS
        kept.log_on()
        silent.log_on()
        beats = 0
        until = time.monotonic() + 4 * KEEPALIVE_MS / 1000
        while time.monotonic() < until:
            kept.send(kept.session.heartbeat())
            beats += sum(found[2] == 8 for found in kept.messages())
        assert beats >= 2
        last = silent.until_closed()[-1]
        assert last[2] == 14
        kept.send(kept.session.terminate())
        assert kept.until_closed()[-1][2] == 14


BAD = [
    ("an unknown key", replace(HOUSE, key_id="guest"), 3, (3, 0)),
    ("a forged one", replace(HOUSE, secret=b"x" * 32), 3, (3, 0)),
    ("a key of order entry", Signer("alice", b"a" * 32), 3, (3, 0)),
    ("a flow of its own", HOUSE, 1, (3, 1)),
]


@pytest.mark.parametrize(("signer", "flow", "reject"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_who_may_not_subscribe(tmp_path: Path, signer: Signer, flow: int, reject: tuple[int, int]) -> None:
    with subscribed(tmp_path) as (_, address):
        one = Subscriber(address, UUID, signer)
        one.send(one.session.negotiate(time.time_ns(), flow=flow))
        one.hear()
        assert one.session.rejects == [reject]


def test_a_session_has_to_be_negotiated(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (_, address):
        one = Subscriber(address, UUID, HOUSE)
        one.send(one.session.establish(time.time_ns()))
        one.hear()
        one.session.keepalive_ms = 5
        one.send(one.session.negotiate(time.time_ns(), flow=3))
        one.hear_until("negotiated")
        one.send(one.session.establish(time.time_ns()))
        one.hear()
        assert one.session.rejects == [(7, 0), (7, 3)]


def test_log_ons_again_and_again(tmp_path: Path) -> None:
    """A connection has so many, good or bad, and no more."""
    with subscribed(tmp_path) as (rig, address):
        one = Subscriber(address, UUID, HOUSE)
        one.send([HOUSE.negotiate(UUID, time.time_ns() + step, flow=3) for step in range(100)])
        assert len([answer for answer in one.until_closed() if answer[2] == 2]) == 32
        assert rig.gateway.counters["closed_violation"] == 1


def test_the_house_key_sends_no_orders(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (rig, address):
        one = TcpClient(rig.address, UUID, HOUSE)
        one.send(one.session.negotiate(time.time_ns()))
        one.hear()
        assert one.session.rejects == [(3, 0)]
        two = Subscriber(address, UUID, HOUSE)
        two.log_on()
        two.send([struct.pack("<HHHH", 8, 100, 9100, 0) + bytes(8)])
        assert two.until_closed()[-1][2] == 14


def test_a_new_day_is_a_new_flow(tmp_path: Path) -> None:
    """Its numbers begin again: whoever is there is told that the old one is over, and logs on to the new one."""
    with subscribed(tmp_path) as (rig, address):
        executions(rig, 1, 10)
        one = Subscriber(address, UUID, HOUSE)
        one.log_on()
        executions(rig, 1, 5)
        last = one.until_closed()[-1]
        assert last[2] == 14 and last[24] == 0  # Terminate{Finished}
        two = Subscriber(address, bytes([5] * 16), HOUSE)
        two.log_on()
        two.recover_all()
        assert two.session.got == {number: message(number) for number in range(1, 6)}
        assert two.topic[8:24] == COPY.flow_id(1) != FLOW


def test_what_was_before_a_restart_cannot_be_had(tmp_path: Path) -> None:
    """The log of a venue that carries on may begin later: the flow goes on, older messages are OutOfRange."""
    with subscribed(tmp_path) as (rig, address):
        early = Subscriber(address, UUID, HOUSE)
        early.log_on()
        executions(rig, 101, 50)
        while early.session.server_next <= 150:
            early.hear()
        assert sorted(early.session.got) == list(range(101, 151))
        early.send(early.session.recover(time.time_ns()))
        while not early.session.rejects:
            early.hear()
        assert early.session.rejects == [(13, 0)]
        early.send([header(36, 11) + UUID + struct.pack("<QQI", time.time_ns(), 101, 10)])
        assert early.messages()[0][2] == 12
