"""The blocking and the asyncio shell over real sockets, against a venue that answers by rule."""

from __future__ import annotations

import asyncio
import socket
import uuid

import pytest

from appliance.client.ledger import BUY, State
from appliance.client.session import ClientSession
from appliance.client.udp import AsyncUdpClient, UdpClient
from tests.naive.answering_venue import answering


def session_with(orders: int) -> ClientSession:
    session = ClientSession(uuid.UUID(int=5).bytes)
    for _ in range(orders):
        session.new_order(1, BUY, 5, 10)
    return session


def unused_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_blocking_client_gets_every_report():
    session = session_with(60)
    with answering() as address, UdpClient(session, *address) as client:
        assert client.send() == 3 and client.send() == 0
        reports = list(client.reports(1))
        assert client.receive(0.01) == []
    assert [report.values.ClOrdID for report in reports] == list(range(1, 61))
    assert all(request.state is State.NEW for request in session.requests.values()) and not session.unanswered()


def test_the_blocking_client_says_when_nobody_listens():
    with UdpClient(session_with(1), "127.0.0.1", unused_port()) as client:
        client.send()
        with pytest.raises(ConnectionRefusedError):
            client.receive(1)


def test_the_asyncio_client_gets_every_report_and_times_out():
    async def main(address) -> list[int]:
        client = await AsyncUdpClient.connect(session_with(60), *address)
        assert client.send() == 3
        found = [(await client.report(5)).values.ClOrdID for _ in range(60)]
        with pytest.raises(TimeoutError):
            await client.report(0.01)
        client.close()
        return found

    with answering() as address:
        assert asyncio.run(main(address)) == list(range(1, 61))


def test_unread_reports_are_bounded_and_the_ledger_has_them_all():
    async def main(address) -> tuple[ClientSession, int]:
        session = session_with(60)
        client = await AsyncUdpClient.connect(session, *address, reports_max=5)
        client.send()
        while session.unanswered():
            await asyncio.sleep(0.01)
        client.close()
        return session, client.overflow

    with answering() as address:
        session, overflow = asyncio.run(asyncio.wait_for(main(address), 10))
    assert overflow == 55 and len(session.open_orders()) == 60


def test_the_asyncio_client_says_when_nobody_listens():
    async def main() -> None:
        client = await AsyncUdpClient.connect(session_with(1), "127.0.0.1", unused_port())
        client.send()
        with pytest.raises(ConnectionRefusedError):
            await client.report(5)
        client.close()

    asyncio.run(main())
