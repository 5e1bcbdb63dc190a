"""Hostile and clumsy clients of the retransmit server, each by name: one counter, one close, and others are served."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.client.recovery import RecoveryClient, RetransmitError
from appliance.recovery.allocations import Allocation
from appliance.recovery.codes import TerminationCode
from appliance.recovery.few_lines import FewLines
from appliance.recovery.limits import ServerLimits
from appliance.recovery.store import FeedStore
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter
from tests.naive.recovery_server import serving
from wire.blocks import schema
from wire.framing import sofh

FIXP = schema("fixp")
SBE = sofh.ENCODING_SBE_LITTLE_ENDIAN
LIMITS = ServerLimits(
    messages_a_request_max=50_000,
    connections_max=4,
    idle_seconds_max=0.3,
    stall_seconds_max=0.3,
    write_buffer_bytes_max=16 * 1024,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "feed"
    FeedWriter(path, capacity_bytes=4 << 20).publish([21] * 2_500)
    return FeedStore(path)


@pytest.fixture
def running(store):
    with serving(store, LIMITS) as server:
        yield server


def connect(running) -> socket.socket:
    return socket.create_connection((running.ip, running.port), 5)


def request(first: int, count: int, session_id: bytes = TOPIC_SESSION_ID) -> bytes:
    message = FIXP.encode("RetransmitRequest", SessionId=session_id, Timestamp=5, FromSeqNo=first, Count=count)
    return sofh.framed(SBE, message)


def until_closed(connection: socket.socket) -> bytes:
    """Everything the server sends until it closes; a reset is a close too."""
    octets = b""
    try:
        while part := connection.recv(1 << 16):
            octets += part
    except ConnectionResetError:
        pass
    return octets


def session_messages(octets: bytes) -> list:
    return [FIXP.decode(message) for encoding, message in sofh.FrameReader(4096).feed(octets) if encoding == SBE]


def well_behaved_is_served(running) -> None:
    with RecoveryClient(running.ip, running.port, TOPIC_SESSION_ID) as client:
        assert len(list(client.fetch(20, 30))) == 3


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "zeros": bytes(64),
    "frame_shorter_than_its_header": struct.pack(">IH", 3, SBE) + bytes(20),
    "frame_of_4_gigabytes": struct.pack(">IH", 0xFFFFFFFF, SBE) + bytes(20),
    "frame_over_the_limit": sofh.framed(SBE, bytes(LIMITS.request_bytes_max + 1)),
    "unknown_encoding": sofh.framed(0xF000, bytes(8)),
    "market_data_from_a_client": sofh.framed(sofh.ENCODING_MARKET_DATA_PACKET, bytes(24)),
    "closed_inside_a_frame": b"\0\0\0",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_on_the_stream_is_closed_at_once(running, name, caplog):
    with caplog.at_level(logging.WARNING, "pitwire.recovery"), connect(running) as connection:
        connection.sendall(GARBAGE[name])
        if name == "closed_inside_a_frame":
            connection.shutdown(socket.SHUT_WR)
        assert until_closed(connection) == b""
    assert running.server.counters["closed_garbage"] == 1
    assert sum("closed:" in record.message for record in caplog.records) == 1
    well_behaved_is_served(running)


def _foreign_schema() -> bytes:
    return schema("market_data").encode("OrderDelete", OrderId=1)


def _unknown_template() -> bytes:
    return FIXP.header.pack(blockLength=0, templateId=999, schemaId=FIXP.schema_id, version=0)


def _block_cut_short() -> bytes:
    return FIXP.header.pack(blockLength=400, templateId=11, schemaId=FIXP.schema_id, version=0)


def _request_without_count() -> bytes:
    block = FIXP["RetransmitRequest"]
    header = FIXP.header.pack(blockLength=block.size - 4, templateId=11, schemaId=FIXP.schema_id, version=0)
    return header + bytes(block.size - 4)


def _server_message() -> bytes:
    return FIXP.encode("Retransmission", SessionId=TOPIC_SESSION_ID, NextSeqNo=1, Count=1)


def _header_cut_short() -> bytes:
    return b"\0\0\0"


@pytest.mark.parametrize(
    "message",
    [
        _foreign_schema,
        _unknown_template,
        _block_cut_short,
        _request_without_count,
        _server_message,
        _header_cut_short,
    ],
)
def test_a_frame_that_is_no_request_is_terminated(running, message):
    with connect(running) as connection:
        connection.sendall(sofh.framed(SBE, message()))
        [terminate] = session_messages(until_closed(connection))
    assert terminate.block.name == "Terminate"
    assert terminate.values.Code == TerminationCode.UNSPECIFIED_ERROR
    assert terminate.values.Reason
    assert running.server.counters["closed_garbage"] == 1


def test_random_bytes_never_hurt(running):
    draw = random.Random(7)
    for _ in range(100):
        with connect(running) as connection:
            connection.sendall(sofh.framed(SBE, draw.randbytes(draw.randrange(1, 60))))
            connection.shutdown(socket.SHUT_WR)
            until_closed(connection)
    well_behaved_is_served(running)


def test_rejects_name_their_reason_and_leave_the_connection_open(running):
    asked = [
        (request(0, 5), 0),
        (request(1, 0), 0),
        (request(52_501, 1), 0),
        (request(52_500, 2), 0),
        (request(2**64 - 1, 4), 0),
        (request(1, 5, bytes(16)), 1),
        (request(1, 50_001), 2),
    ]
    with connect(running) as connection:
        for octets, code in asked:
            connection.sendall(octets)
            [reject] = session_messages(connection.recv(4096))
            assert (reject.block.name, reject.values.Code) == ("RetransmitReject", code)
            assert reject.values.RequestTimestamp == 5
            assert reject.values.Reason
    assert running.server.counters["rejects"] == len(asked)


def test_a_second_request_while_one_is_answered_terminates(running):
    with connect(running) as connection:
        connection.sendall(request(1, 50_000) * 2)
        last = session_messages(until_closed(connection))[-1]
    assert last.block.name == "Terminate"
    assert last.values.Code == TerminationCode.RE_REQUEST_IN_PROGRESS
    assert running.server.counters["closed_request_in_progress"] == 1
    well_behaved_is_served(running)


def test_a_reader_that_does_not_read_is_closed(running):
    counters = running.server.counters
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((running.ip, running.port))
        connection.sendall(request(1, 50_000))
        deadline = time.monotonic() + 10
        while not counters["closed_slow_reader"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert counters["closed_slow_reader"] == 1
        assert counters["messages"] < 50_000
    well_behaved_is_served(running)


def test_silence_is_closed(running):
    with connect(running) as connection:
        assert until_closed(connection) == b""
    assert running.server.counters["closed_idle"] == 1


def test_a_frame_that_never_ends_is_closed(running):
    with connect(running) as connection:
        connection.sendall(request(1, 1)[:20])
        assert until_closed(connection) == b""
    assert running.server.counters["closed_idle"] == 1


def test_heartbeats_keep_a_quiet_client(running):
    with connect(running) as connection:
        for _ in range(4):
            time.sleep(0.15)
            connection.sendall(sofh.framed(SBE, FIXP.encode("UnsequencedHeartbeat")))
        connection.sendall(request(1, 1))
        assert session_messages(connection.recv(4096))[0].block.name == "Retransmission"


def test_nothing_but_heartbeats_is_the_end(running):
    beat = sofh.framed(SBE, FIXP.encode("UnsequencedHeartbeat"))
    with connect(running) as connection:
        connection.sendall(beat * 3 * LIMITS.heartbeats_a_second_max)
        [terminate] = session_messages(until_closed(connection))
    assert b"heartbeats came in a second" in terminate.values.Reason
    assert running.server.counters["closed_greedy"] == 1
    well_behaved_is_served(running)


def test_a_log_has_so_many_lines_a_second(caplog):
    few = FewLines(3)
    logger = logging.getLogger("pitwire.test")
    logger.addFilter(few)
    try:
        with caplog.at_level(logging.WARNING, "pitwire.test"):
            second = int(time.time())
            for number in range(50):
                record = logger.makeRecord("pitwire.test", logging.WARNING, "", 0, "closed %d", (number,), None)
                record.created = second + number // 40 + 0.5
                logger.handle(record)
    finally:
        logger.removeFilter(few)
    told = [record.getMessage() for record in caplog.records]
    assert told[:4] == ["closed 0", "closed 1", "closed 2", "closed 40 (37 lines before this one were left out.)"]
    assert told[4:] == ["closed 41", "closed 42"]


def test_a_request_in_the_first_packet_is_answered(running):
    """TCP fast open: where the host has it, the data comes with the SYN from the second time on; else behind it."""
    for _ in range(2):
        with socket.socket() as connection:
            connection.settimeout(10)
            try:
                connection.sendto(request(1, 1), socket.MSG_FASTOPEN, (running.ip, running.port))
            except OSError as error:
                pytest.skip(f"no TCP fast open as a client here: {error}")
            assert session_messages(connection.recv(4096))[0].block.name == "Retransmission"


def test_an_exhausted_allocation_is_said_and_asked_for_too_often_is_the_end(store):
    limits = ServerLimits(requests=Allocation(0, 0, 3), refusals_in_a_row_max=2)
    with serving(store, limits) as running:
        with connect(running) as connection:
            connection.sendall(request(1, 1))
            connection.recv(4096)
            connection.sendall(request(0, 1) + request(1, 1, bytes(16)))  # refused, and counted all the same
            connection.sendall(request(1, 1) * 5)
            rejects = [one.values for one in session_messages(until_closed(connection))]
        assert [one.Code for one in rejects] == [0, 1, 2, 2, TerminationCode.UNSPECIFIED_ERROR]
        reason = rejects[2].Reason.decode()
        assert reason.startswith("day request allocation of 3 exhausted. retry_ns=")
        assert 0 < int(reason.rpartition("=")[2]) <= 86_400 * 10**9
        assert running.server.counters["closed_greedy"] == 1
        with connect(running) as connection:
            assert until_closed(connection) == b"", "it is not let in again"
        assert running.server.counters["closed_exhausted"] == 1


def test_an_allocation_of_messages_counts_what_is_granted(store):
    limits = ServerLimits(messages_a_request_max=10, messages=Allocation(0, 0, 15))
    with serving(store, limits) as running, connect(running) as connection:
        connection.sendall(request(60_000, 10))
        assert session_messages(connection.recv(4096))[0].values.Code == 0
        connection.sendall(request(1, 10))
        assert session_messages(connection.recv(1 << 16))[0].values.Count == 10
        connection.sendall(request(1, 10))
        assert b"day message allocation of 15" in session_messages(connection.recv(4096))[0].values.Reason
        connection.sendall(request(1, 5))
        assert session_messages(connection.recv(1 << 16))[0].values.Count == 5
    with pytest.raises(ValueError, match="would never be granted"):
        ServerLimits(messages_a_request_max=20, messages=Allocation(0, 0, 15))


def test_one_client_has_so_many_connections(store):
    with serving(store, ServerLimits(connections_a_client_max=1)) as running, connect(running) as first:
        first.sendall(request(1, 1))
        first.recv(4096)
        with connect(running) as second:
            assert until_closed(second) == b""
        with socket.create_connection((running.ip, running.port), 5, source_address=("127.0.0.9", 0)) as other:
            other.sendall(request(1, 1))
            assert session_messages(other.recv(4096))[0].block.name == "Retransmission"


def test_more_connections_than_allowed_are_refused(running):
    held = [connect(running) for _ in range(LIMITS.connections_max)]
    try:
        deadline = time.monotonic() + 5
        while running.server.counters["connections"] < LIMITS.connections_max and time.monotonic() < deadline:
            time.sleep(0.01)
        with connect(running) as one_more:
            assert until_closed(one_more) == b""
        assert running.server.counters["closed_too_many_connections"] == 1
    finally:
        for connection in held:
            connection.close()


def test_a_damaged_store_ends_the_answer_with_a_sentence(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    writer.publish([2])
    store = FeedStore(tmp_path / "feed")
    with serving(store) as running:
        writer.append_raw(b"broken", 1, 3)
        with (
            RecoveryClient(running.ip, running.port, TOPIC_SESSION_ID) as client,
            pytest.raises(RetransmitError, match="bad length"),
        ):
            list(client.fetch(3, 1))
        assert running.server.counters["closed_store_damaged"] == 1


ROOT = Path(__file__).resolve().parents[2]


def start(*words: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_the_process_serves_and_ends_on_sigterm(tmp_path):
    FeedWriter(tmp_path / "feed").publish([3])
    (tmp_path / "venue.toml").write_text("[recovery]\nsnapshots = false\n")
    server = [sys.executable, "-m", "appliance.recovery", "--store", str(tmp_path), "--port", "0"]
    server += ["--config", str(tmp_path / "venue.toml")]
    with start(*server, "--parent-pid", str(os.getpid())) as process:
        assert '"listening"' in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"counters"' in out


def test_the_process_ends_when_its_parent_dies(tmp_path):
    FeedWriter(tmp_path / "feed").publish([3])
    code = (
        "import os, subprocess, sys\n"
        "from appliance.recovery.process import command_line\n"
        "words = command_line(sys.argv[1], sys.argv[2], parent_pid=os.getpid())\n"
        "child = subprocess.Popen(words, stdout=subprocess.PIPE)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    config = tmp_path / "venue.toml"
    config.write_text("[recovery]\ntcp_port = 26482\nsnapshots = false\n")
    with start(sys.executable, "-c", code, str(tmp_path), str(config)) as parent:
        child = int(parent.stdout.readline().split()[0])
        parent.wait(60)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break  # ended; whoever inherited it has yet to reap it
        time.sleep(0.01)
    else:
        assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--store", "/nonexistent", "--wait-seconds", "0"], "Is the appliance running?")],
)
def test_a_start_that_cannot_be_is_one_sentence(arguments, sentence):
    with start(sys.executable, "-m", "appliance.recovery", *arguments) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentence in err and "Traceback" not in err
