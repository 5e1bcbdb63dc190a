"""The client library and its command line against a running venue: real loop, real gateway process, real sockets."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.book.state import open_orders
from appliance.cli.client import command as client
from appliance.client.asynchronous import AsyncClient
from appliance.client.blocking import BlockingClient, LogOnError
from appliance.client.fixp import FixpClient
from appliance.client.ledger import BUY, SELL, Report, State
from appliance.client.session import ClientSession
from appliance.client.terms import Notice, Phase, Terms
from appliance.control import Appliance
from tests.sim.test_gateway_live import KEYS, TCP_PORT, UDP_PORT, venue_config

UDP, TCP = ("127.0.0.1", UDP_PORT), ("127.0.0.1", TCP_PORT)
PRICE = 100_000_000


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    appliance = Appliance(venue_config(tmp_path_factory.mktemp("client-live"), "client"))
    with appliance:
        yield appliance
        appliance.check()
    appliance.shared.remove()


def fixp_client(number: int, *, tcp: bool = False, **more) -> FixpClient:
    key = KEYS[number - 1]
    terms = Terms(key_id=key.key_id, stream=tcp, **{"secret": key.secret, "keepalive_ms": 200, **more})
    return FixpClient(ClientSession(uuid.uuid4().bytes, account=number), terms)


def after_the_watermark(desk: BlockingClient) -> ClientSession:
    """ClOrdIDs of the key go on where the tests before left them."""
    session = desk.client.session
    session.ask_watermark()
    desk.settle(10)
    assert not session.queries
    return session


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_session_from_log_on_to_its_end(venue: Appliance, tcp: bool) -> None:
    fixp = fixp_client(1, tcp=tcp)
    with BlockingClient(fixp, [TCP if tcp else UDP]) as desk:
        desk.log_on()
        session = after_the_watermark(desk)
        orders = [session.new_order(1, BUY, PRICE - 1_000_000 * (n % 5), 10) for n in range(200)]
        crossing = session.new_order(1, SELL, PRICE, 15)
        replaced = session.replace(orders[7].cl_ord_id, PRICE - 9_000_000, 20)
        session.cancel(orders[8].cl_ord_id)
        query = session.ask_status(replaced.cl_ord_id)
        desk.settle(10)
        assert orders[0].state is State.FILLED and orders[5].state is State.PARTIALLY_FILLED
        assert crossing.state is State.FILLED and query.state is State.DONE
        assert (orders[7].state, replaced.state, replaced.leaves_lots) == (State.REPLACED, State.NEW, 20)
        mine = {int(one["cl_ord_id"]) for one in open_orders(venue.exchange.book) if int(one["session"]) == 0}
        assert mine == {one.cl_ord_id for one in session.open_orders()}
        desk.log_out()
        assert fixp.phase is Phase.NEGOTIATED
        if tcp:
            desk.reconnect()
        desk.log_on()
        session.mass_cancel()
        desk.settle(10)
        assert session.open_orders() == []
        assert [one.kind for one in desk.finish(10) if isinstance(one, Notice)] == ["finished"]


def test_reports_that_came_while_nobody_was_there_come_at_the_next_log_on(venue: Appliance) -> None:
    passive, active = fixp_client(1), fixp_client(2)
    with BlockingClient(passive, [UDP]) as desk, BlockingClient(active, [UDP, UDP]) as other:
        desk.log_on()
        order = after_the_watermark(desk).new_order(3, BUY, PRICE, 10)
        desk.settle(10)
        desk.log_out()
        other.log_on()
        after_the_watermark(other).new_order(3, SELL, PRICE, 10)
        other.settle(10)
        assert order.state is State.NEW
        desk.log_on()
        desk.settle(10)
        assert order.state is State.FILLED and passive.session.counters.retransmit_requests == 1
        other.log_out()
        desk.log_out()


def test_heartbeats_keep_a_session_and_a_new_one_takes_the_row_over(venue: Appliance) -> None:
    async def main() -> None:
        first, second = fixp_client(3), fixp_client(3, tcp=True)
        desk = await AsyncClient.connect(first, [UDP])
        await desk.log_on()
        await asyncio.sleep(1.0)  # five intervals
        assert first.phase is Phase.ESTABLISHED
        first.session.new_order(2, BUY, PRICE, 10)
        desk.send()
        while not isinstance(told := await desk.next(10), Report):
            pass
        assert told.name == "ExecutionReportNew"
        other = await AsyncClient.connect(second, [TCP])
        await other.log_on()
        while not (isinstance(lost := await desk.next(10), Notice) and lost.kind == "lost"):
            pass
        second.session.ask_watermark()
        other.send()
        while not (isinstance(told := await other.next(10), Report) and told.name == "WatermarkReport"):
            pass
        assert told.values.ClOrdID == 1, "ClOrdIDs go on, also in another session"
        second.session.cancel(1, 2, BUY)
        other.send()
        while not (isinstance(told := await other.next(10), Report) and told.name == "ExecutionReportCancel"):
            pass
        other.log_out()
        while not (isinstance(out := await other.next(10), Notice) and out.kind == "logged out"):
            pass
        desk.close()
        other.close()

    asyncio.run(main())


def test_who_has_not_the_key_does_not_get_in(venue: Appliance) -> None:
    for tcp in (False, True):
        forged = fixp_client(1, tcp=tcp, secret=b"x" * 32)
        with BlockingClient(forged, [TCP if tcp else UDP]) as desk, pytest.raises(LogOnError, match="credentials"):
            desk.log_on()


def test_the_command_line(venue: Appliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = KEYS[1]
    (tmp_path / "desk.key").write_text(f"{key.key_id} {key.secret.hex()}\n")
    (tmp_path / "orders").write_text("send 5 buy 10 0.1\nsend 5 sell 4 0.1\nwatermark\nmass-cancel 5\n")

    def run(word: str, *words: str) -> list[str]:
        options = ["--key-file", str(tmp_path / "desk.key"), "--port", str(UDP_PORT), "--account", "2"]
        result = CliRunner().invoke(client, [word, *options, *words])
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    lines = run("run", str(tmp_path / "orders"))
    assert [line.split()[0] for line in lines] == [
        "accepted", "accepted", "filled", "filled", "watermark", "cancelled", "done"
    ]  # fmt: skip
    assert json.loads(run("watermark", "--json")[0])["message"] == "WatermarkReport"
