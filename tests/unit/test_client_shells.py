"""The shells of the FIXP client over real sockets, UDP and TCP, against a naive venue."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid

import pytest

from appliance.client.asynchronous import AsyncClient
from appliance.client.blocking import BlockingClient, LogOnError
from appliance.client.fixp import FixpClient
from appliance.client.ledger import BUY, Report, State
from appliance.client.session import ClientSession
from appliance.client.terms import Notice, Phase, Terms
from tests.naive.fixp_venue import KEY_ID, SECRET, FixpVenue, fixp_venue

QUICK = {"answer_timeout_ms": 40, "recovery_timeout_ms": 40, "probe_ms": 20, "keepalive_ms": 100}


def client(*, tcp: bool = False, **terms) -> FixpClient:
    session = ClientSession(uuid.uuid4().bytes, account=1)
    return FixpClient(session, Terms(key_id=KEY_ID, stream=tcp, **{"secret": SECRET, **QUICK, **terms}))


def unused_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_whole_session(tcp):
    with fixp_venue(FixpVenue(silent_about=frozenset({3, 60})), tcp=tcp) as (venue, address):
        fixp = client(tcp=tcp)
        with BlockingClient(fixp, [address]) as desk:
            assert desk.log_on() == [] and fixp.phase is Phase.ESTABLISHED
            for _ in range(60):
                fixp.session.new_order(1, BUY, 5, 10)
            happened = desk.settle(10)
            reports = [one for one in happened if isinstance(one, Report)]
            assert [one.sequence for one in reports] == list(range(1, 61)), "in order, those left out recovered"
            assert len(fixp.session.open_orders()) == 60 and venue.applied == list(range(1, 61))
            desk.log_out()
            assert fixp.phase is Phase.NEGOTIATED
            if tcp:
                desk.reconnect()
            desk.log_on()
            happened = desk.finish()
            assert fixp.phase is Phase.FINISHED and [one.kind for one in happened] == ["finished"]
    names = [name for name, _ in venue.heard]
    assert names.count("Negotiate") == 1 and names.count("Establish") == 2
    assert "FinishedSending" in names and "FinishedReceiving" in names


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_whole_session_by_asyncio(tcp):
    async def main(address) -> list[int]:
        fixp = client(tcp=tcp)
        desk = await AsyncClient.connect(fixp, [address])
        await desk.log_on()
        for _ in range(60):
            fixp.session.new_order(1, BUY, 5, 10)
        desk.send()
        numbers: list[int] = []
        while len(numbers) < 60:
            one = await desk.next(10)
            if isinstance(one, Report):
                numbers.append(one.sequence)
        await asyncio.sleep(0.35)  # three of the server's intervals: heartbeats keep it alive, both ways
        assert fixp.phase is Phase.ESTABLISHED
        desk.log_out()
        while not isinstance(one, Notice) or one.kind != "logged out":
            one = await desk.next(10)
        desk.close()
        return numbers

    with fixp_venue(FixpVenue(silent_about=frozenset({7, 60})), tcp=tcp) as (venue, address):
        assert asyncio.run(main(address)) == list(range(1, 61))
    assert ("Context" in [name for name, _ in venue.heard]) or tcp


def test_two_paths_carry_every_datagram_and_nothing_counts_twice():
    venue = FixpVenue()
    with fixp_venue(venue) as (_, one), fixp_venue(venue) as (_, other):
        fixp = client()
        with BlockingClient(fixp, [one, other]) as desk:
            desk.log_on()
            for _ in range(20):
                fixp.session.new_order(1, BUY, 5, 10)
                desk.settle()
        assert venue.applied == list(range(1, 21)) and len(fixp.session.open_orders()) == 20
        deadline = time.monotonic() + 5
        while [name for name, _ in venue.heard].count("Context") < 40 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [name for name, _ in venue.heard].count("Context") >= 40, "each on both"


def test_a_path_that_is_down_is_counted_and_the_other_carries_on():
    dead = ("127.0.0.1", unused_port(socket.SOCK_DGRAM))
    with fixp_venue() as (_, address):
        fixp = client()
        with BlockingClient(fixp, [dead, address]) as desk:
            desk.log_on()
            fixp.session.new_order(1, BUY, 5, 10)
            desk.settle()
            assert fixp.session.requests[1].state is State.NEW and desk.path_errors > 0


def test_a_log_on_that_is_lost_is_repeated():
    venue = FixpVenue()
    venue.deaf_to = 3
    with fixp_venue(venue) as (_, address), BlockingClient(client(), [address]) as desk:
        desk.log_on()
        assert desk.client.phase is Phase.ESTABLISHED


def test_log_ons_that_fail_say_why():
    venue = FixpVenue()
    with fixp_venue(venue) as (_, address):
        forged = client(secret=b"x" * 32)
        with BlockingClient(forged, [address]) as desk, pytest.raises(LogOnError, match="credentials are not right"):
            desk.log_on()
        venue.refuses_to_establish = 2
        with BlockingClient(client(), [address]) as desk, pytest.raises(LogOnError, match="blocked"):
            desk.log_on()
        venue.deaf_to = 1000
        with BlockingClient(client(), [address]) as desk, pytest.raises(LogOnError, match=r"within 0\.1 s"):
            desk.log_on(0.1)

        async def asynchronously(**terms) -> None:
            desk = await AsyncClient.connect(client(**terms), [address])
            try:
                await desk.log_on(0.1)
            finally:
                desk.close()

        with pytest.raises(LogOnError, match=r"within 0\.1 s"):
            asyncio.run(asynchronously())
        venue.deaf_to = 0
        with pytest.raises(LogOnError, match="blocked"):
            asyncio.run(asynchronously())


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_nobody_listens(tcp):
    address = ("127.0.0.1", unused_port(socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM))

    def plainly() -> None:
        with BlockingClient(client(tcp=tcp), [address]) as desk:
            desk.log_on()

    async def asynchronously() -> None:
        desk = await AsyncClient.connect(client(tcp=tcp), [address])
        try:
            await desk.log_on()
        finally:
            desk.close()

    with pytest.raises(ConnectionRefusedError):
        plainly()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(asynchronously())


def test_a_connection_that_is_lost_is_told_and_the_session_goes_on_over_another():
    venue = FixpVenue()
    fixp = client(tcp=True)
    with fixp_venue(venue, tcp=True) as (_, address):
        desk = BlockingClient(fixp, [address])
        desk.log_on()
    assert [one.kind for one in desk.poll(5) if isinstance(one, Notice)] == ["lost"]
    assert fixp.phase is Phase.NEGOTIATED and desk.poll(0.01) == []

    async def lose() -> str:
        other = client(tcp=True)
        with fixp_venue(FixpVenue(), tcp=True) as (_, there):
            mine = await AsyncClient.connect(other, [there])
            await mine.log_on()
            while (await mine.next(5)).kind != "logged on":
                pass
        one = await mine.next(5)
        mine.close()
        return one.kind

    assert asyncio.run(lose()) == "lost"


def test_a_session_has_a_path():
    for paths, tcp in (([], False), ([("127.0.0.1", 9)] * 2, True)):
        with pytest.raises(ValueError, match="path"):
            BlockingClient(client(tcp=tcp), paths)
        with pytest.raises(ValueError, match="path"):
            AsyncClient(client(tcp=tcp), paths)
