"""The operator's way in: from a line on a socket through the loop's ring into the journal, and the answer back."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli.control import command
from appliance.exchange import Exchange, allocate, save_journal, whole_state_hash
from appliance.loop import IDLE_SLEEP, RUN_STOPPED, allocate_loop, run
from appliance.operator.actions import ACTIONS, OperatorError, bodies, run_action
from appliance.operator.client import ask
from appliance.operator.server import LINE_BYTES_MAX, SOCKET_NAME, OperatorServer
from appliance.replay import LOCAL_MAC, opening_phases, replay_journal
from appliance.running_venue import RunningVenue
from appliance.sequencer.journal import COMMITTED
from native import codes, counters
from native.layout import (
    KIND_DAY_END,
    KIND_NEW_ORDER,
    KIND_PHASE,
    PHASE_CLOSED,
    PHASE_CONTINUOUS,
    PHASE_HALT,
    PKT_CLOCK_REALTIME,
)
from native.ports import Port, PortConfig, open_port
from tests.venue_rig import Client, new, small_config

CONFIG = small_config()


class Running:
    """A loop in a thread, and the operator's server beside it."""

    def __init__(self, folder: Path, records: int = 1 << 12) -> None:
        journal = CONFIG.journal.model_copy(update={"records": records})
        self.config = CONFIG.model_copy(update={"journal": journal})
        self.folder = folder
        self.exchange: Exchange = allocate(self.config, local_mac=LOCAL_MAC)
        self.loop = allocate_loop(opening_phases(self.config), idle=IDLE_SLEEP)
        self.port: Port = open_port(PortConfig(kind="memory", rx_frames=64, tx_frames=4096))
        run(self.exchange, self.loop, self.port.handle, 1)  # compile or load the kernels
        self.ended_with = -1
        self.thread = threading.Thread(target=self._turn, daemon=True)
        self.venue = RunningVenue(
            self.config, self.exchange, self.loop, turns=self.thread.is_alive, durable_records=None
        )
        self.server = OperatorServer(folder / SOCKET_NAME, self.venue)

    def _turn(self) -> None:
        self.ended_with = int(run(self.exchange, self.loop, self.port.handle, -1))

    def phase(self, instrument: int) -> int:
        return int(self.exchange.book.instruments[instrument]["phase"])

    def __enter__(self) -> Running:
        self.thread.start()
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        if self.thread.is_alive():
            self.venue.stop_loop()
            self.thread.join(10)
        assert not self.thread.is_alive()
        self.port.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


def test_an_action_is_an_input_like_any_other(running: Running) -> None:
    done = ask(running.folder, "phase", {"phase": "halt", "security_id": "1"})
    (sequence,) = done["sequences"]
    assert running.phase(0) == PHASE_HALT
    record = running.exchange.journal.records[sequence - 1]
    assert (int(record["sequence"]), int(record["kind"]), int(record["qty_lots"])) == (sequence, KIND_PHASE, PHASE_HALT)
    assert record["time_ns"] == record["receive_time_ns"] > 0
    done = ask(running.folder, "phase", {"phase": "continuous"})
    count = len(running.config.instruments)
    assert done["sequences"] == list(range(sequence + 1, sequence + 1 + count))
    assert {running.phase(instrument) for instrument in range(count)} == {PHASE_CONTINUOUS}
    status = ask(running.folder, "status", {})
    assert (status["committed_records"], status["day_is_over"]) == (sequence + count, False)


def test_the_socket_is_for_its_owner_and_goes_with_the_server(running: Running) -> None:
    path = running.folder / SOCKET_NAME
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    running.server.stop()
    running.server.stop()
    assert not path.exists()
    with pytest.raises(OperatorError, match="No appliance runs"):
        ask(running.folder, "status", {})


def test_end_of_day_closes_everything_and_stays_over(running: Running, tmp_path: Path) -> None:
    client = Client(1)
    assert running.port.inject(client.frame(new(1), new(2, tif="1")), 1, PKT_CLOCK_REALTIME)
    while ask(running.folder, "status", {})["open_orders"] < 2:
        pass
    done = ask(running.folder, "end-of-day", {})
    assert running.venue.stop_asked.is_set()
    assert ask(running.folder, "end-of-day", {}) == done, "asked for again: the same answer"
    status = ask(running.folder, "status", {})
    assert status["day_is_over"] and status["open_orders"] == 1, "the DAY order went, the GTC order stays"
    assert {running.phase(n) for n in range(len(running.config.instruments))} == {PHASE_CLOSED}
    with pytest.raises(OperatorError, match="The day is over"):
        ask(running.folder, "phase", {"phase": "continuous"})
    running.server.stop()
    running.venue.stop_loop()
    running.thread.join(10)
    assert running.ended_with == RUN_STOPPED
    last = running.exchange.journal.records[int(running.exchange.journal.scalars[COMMITTED]) - 1]
    assert (int(last["kind"]), int(last["sequence"])) == (KIND_DAY_END, done["last_sequence"])
    save_journal(running.exchange, running.config, tmp_path / "day.journal")
    again = replay_journal(tmp_path / "day.journal", running.config)
    assert again.state_hash == whole_state_hash(running.exchange)
    assert again.open_orders == 1


def test_the_day_is_not_over_while_an_instrument_is_open(running: Running) -> None:
    (decided,) = running.venue.sequence(bodies(KIND_DAY_END))
    assert decided.sequence > 0 and decided.outcome == codes.ERROR_NOT_CLOSED
    assert not running.venue.facts()["day_is_over"]


def test_what_is_no_input_of_an_operator_gets_no_number(running: Running) -> None:
    before = running.venue.facts()["committed_records"]
    for record in (bodies(KIND_NEW_ORDER), bodies(0), bodies(65535)):
        (decided,) = running.venue.sequence(record)
        assert (decided.sequence, decided.outcome) == (0, codes.ERROR_INVALID_ARGUMENT)
    assert running.venue.facts()["committed_records"] == before


def test_a_full_journal_refuses(tmp_path: Path) -> None:
    with Running(tmp_path, records=1024) as running:
        turns = [bodies(KIND_PHASE), bodies(KIND_PHASE)]
        turns[0]["qty_lots"], turns[1]["qty_lots"] = PHASE_HALT, PHASE_CONTINUOUS
        for phase in turns * 512:
            running.venue.sequence(phase)
        with pytest.raises(OperatorError, match="journal or the feed store is full"):
            ask(running.folder, "phase", {"phase": "halt"})
        assert int(running.exchange.tables.counters[counters.DROP_JOURNAL_FULL]) > 0


@pytest.mark.parametrize(
    ("action", "values", "sentence"),
    [
        ("dance", {}, "There is no action 'dance'; there are status, phase, end-of-day, stop"),
        ("phase", {}, "phase needs phase=...: one of pre_open"),
        ("phase", {"phase": "asleep"}, "phase=asleep is none of pre_open"),
        ("phase", {"phase": "halt", "security_id": "x"}, "security_id=x is not a whole number from 1 to"),
        ("phase", {"phase": "halt", "security_id": "0"}, "is not a whole number"),
        ("phase", {"phase": "halt", "security_id": "²"}, "is not a whole number"),
        ("phase", {"phase": "halt", "security_id": "999999"}, "has no such instrument"),
        ("phase", {"phase": "halt", "colour": "red"}, "phase has no argument 'colour'; it has phase, security_id"),
        ("stop", {"when": "now"}, "stop has no argument 'when'; it has none"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    running: Running, action: str, values: dict[str, str], sentence: str
) -> None:
    with pytest.raises(OperatorError, match=sentence.replace("(", r"\(")):
        ask(running.folder, action, values)
    assert not running.venue.stop_asked.is_set()


@pytest.mark.parametrize(
    "request_line",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b'{"action": 1}\n',
        b'{"action": "phase", "arguments": {"phase": 1}}\n',
        b'{"action": "phase", "arguments": []}\n',
        b'{"arguments": {}}\n',
        b"\xff\xfe\n",
        b"[" * 30_000 + b"\n",
        b"x" * (LINE_BYTES_MAX + 1) + b"\n",
    ],
)
def test_a_line_that_is_no_request(running: Running, request_line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(running.folder / SOCKET_NAME))
        connection.sendall(request_line)
        answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
    assert answer["refused"].startswith("A request is one line")
    assert ask(running.folder, "status", {})["name"] == running.config.name


def test_an_operator_that_goes_away_harms_nobody(running: Running) -> None:
    for octets in (b"", b'{"action": "sta', b'{"action": "status"}\n'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(running.folder / SOCKET_NAME))
            connection.sendall(octets)
    assert ask(running.folder, "status", {})["name"] == running.config.name


def test_a_loop_that_has_ended_is_told(running: Running) -> None:
    running.venue.stop_loop()
    running.thread.join(10)
    with pytest.raises(OperatorError, match="The loop"):
        run_action(running.venue, "phase", {"phase": "halt"})


def test_the_command_line_lists_every_action_and_misuse_is_told() -> None:
    listed = CliRunner().invoke(command, [])
    assert listed.exit_code == 0 and all(f"\n{name}" in f"\n{listed.output}" for name in ACTIONS)
    assert CliRunner().invoke(command, ["phase", "halt"]).exit_code == 2
    away = CliRunner().invoke(command, ["status", "--name", "nobody-has-this-name"])
    assert away.exit_code == 1 and "No appliance runs" in away.output
