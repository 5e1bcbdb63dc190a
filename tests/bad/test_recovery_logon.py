"""Log-on to the recovery server: who has a key is served, each way to be without one has its refusal."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli.client import command as client_command
from appliance.client.follower import FeedAddress, FeedFollower
from appliance.client.recovery import AsyncRecoveryClient, Key, LogOn, RecoveryClient, RetransmitError
from appliance.keys import KeysError
from appliance.recovery.logon import FLOW_NONE, FLOW_UNSEQUENCED, Keys
from appliance.recovery.store import FeedStore
from appliance.recovery_config import Entitlement
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter, packet
from tests.naive.recovery_server import serving
from tests.naive.recovery_talk import FIXP, SBE, Talk, range_request
from wire import credentials
from wire.framing import sofh

SECRET = bytes(range(32))
SESSION = uuid.UUID(int=77).bytes


def framed(name: str, **values: Any) -> bytes:
    return sofh.framed(SBE, FIXP.encode(name, **values))


def negotiate(
    *, key_id: str = "alice", secret: bytes = SECRET, at_ns: int | None = None, flow: int = FLOW_UNSEQUENCED
) -> bytes:
    time_ns = time.time_ns() if at_ns is None else at_ns
    given = credentials.Credentials(key_id)
    text = credentials.negotiate_text(SESSION, time_ns, flow, given)
    octets = credentials.pack(given._replace(mac=credentials.mac(secret, text)))
    return framed("Negotiate", SessionId=SESSION, Timestamp=time_ns, ClientFlow=flow, Credentials=octets)


def establish(*, key_id: str = "alice", secret: bytes = SECRET, session_id: bytes = SESSION) -> bytes:
    time_ns = time.time_ns()
    given = credentials.Credentials(key_id)
    text = credentials.establish_text(session_id, time_ns, 1000, None, given)
    octets = credentials.pack(given._replace(mac=credentials.mac(secret, text)))
    return framed(
        "Establish", SessionId=session_id, Timestamp=time_ns, KeepaliveInterval=1000, NextSeqNo=None, Credentials=octets
    )


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# those who may ask\nalice {SECRET.hex()}\nbob {SECRET[::-1].hex()}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def running(tmp_path: Path, keys_file: Path):
    FeedWriter(tmp_path / "feed").publish([5])
    rows = (Entitlement(key="alice"), Entitlement(key="bob", channels=(2,)))
    with serving(FeedStore(tmp_path / "feed"), keys=Keys(keys_file), entitlements=rows) as server:
        yield server


def logged_on(talk: Talk, key_id: str, secret: bytes) -> None:
    talk.say(negotiate(key_id=key_id, secret=secret))
    response = talk.session_message()
    assert (response.block.name, response.values.ServerFlow) == ("NegotiationResponse", FLOW_NONE)
    proof = credentials.unpack(response.values.Credentials)
    text = credentials.response_text(SESSION, response.values.RequestTimestamp, FLOW_NONE, key_id)
    assert credentials.is_right(secret, text, proof.mac), "the server knows the secret too"
    talk.say(establish(key_id=key_id, secret=secret))
    assert talk.session_message().block.name == "EstablishmentAck"


def test_who_has_a_key_is_served_what_it_is_entitled_to(running) -> None:
    with Talk(running.ip, running.port) as talk:
        logged_on(talk, "alice", SECRET)
        assert talk.range(1, 5)
    with Talk(running.ip, running.port) as talk:
        logged_on(talk, "bob", SECRET[::-1])
        talk.say(range_request(1, 5))
        assert b"Not entitled" in talk.session_message().values.Reason


def test_nobody_asks_without_logging_on(running) -> None:
    with Talk(running.ip, running.port) as talk:
        talk.say(range_request(1, 5))
        assert talk.session_message().block.name == "Terminate"
    with Talk(running.ip, running.port) as talk:
        talk.say(negotiate())
        assert talk.session_message().block.name == "NegotiationResponse"
        talk.say(range_request(1, 5))
        assert talk.session_message().block.name == "Terminate"
    assert running.server.counters["closed_not_logged_on"] == 2


REFUSED: dict[str, Callable[[], bytes]] = {
    "unknown_key": lambda: negotiate(key_id="mallory"),
    "wrong_secret": lambda: negotiate(secret=bytes(32)),
    "too_old": lambda: negotiate(at_ns=time.time_ns() - 6 * 10**9),
    "from_the_future": lambda: negotiate(at_ns=time.time_ns() + 6 * 10**9),
    "no_credentials": lambda: framed(
        "Negotiate", SessionId=SESSION, Timestamp=time.time_ns(), ClientFlow=FLOW_UNSEQUENCED, Credentials=b""
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_log_on_that_is_refused(running, name) -> None:
    with Talk(running.ip, running.port) as talk:
        for _ in range(2):
            talk.say(REFUSED[name]())
            reject = talk.session_message()
            assert (reject.block.name, reject.values.Code) == ("NegotiationReject", 0)
        talk.say(REFUSED[name]())
        names = [FIXP.decode(octets).block.name for _, octets in talk.frames()]
        assert names == ["NegotiationReject", "Terminate"], "three times are enough"


def test_what_was_recorded_is_worth_nothing(running) -> None:
    recorded = negotiate()
    for expected in ("NegotiationResponse", "NegotiationReject"):
        with Talk(running.ip, running.port) as talk:
            talk.say(recorded)
            assert talk.session_message().block.name == expected


def test_what_is_out_of_order_is_refused(running) -> None:
    with Talk(running.ip, running.port) as talk:
        talk.say(establish())
        reject = talk.session_message()
        assert (reject.block.name, reject.values.Code) == ("EstablishmentReject", 0)
        talk.say(negotiate(flow=1))
        reject = talk.session_message()
        assert (reject.block.name, reject.values.Code) == ("NegotiationReject", 1)
        talk.say(negotiate())
        assert talk.session_message().block.name == "NegotiationResponse"
        talk.say(establish(secret=bytes(32)))
        assert talk.session_message().values.Code == 4
        talk.say(establish())
        assert talk.session_message().block.name == "EstablishmentAck"
        talk.say(negotiate())
        assert talk.session_message().block.name == "Terminate"


def test_keys_are_read_again_and_bad_ones_are_not(running, keys_file: Path) -> None:
    keys = running.server.keys.file
    keys_file.write_text("nonsense\n")
    assert keys.refresh() is None
    with Talk(running.ip, running.port) as talk:
        logged_on(talk, "alice", SECRET)
    keys_file.write_text(f"carol {SECRET.hex()}\n")
    assert keys.refresh()
    with Talk(running.ip, running.port) as talk:
        talk.say(negotiate())
        assert talk.session_message().block.name == "NegotiationReject"
    os.chmod(keys_file, 0o644)
    with pytest.raises(KeysError, match="chmod 600"):
        Keys(keys_file)
    with pytest.raises(KeysError, match="cannot be read"):
        Keys(keys_file.with_name("missing"))


def test_a_key_is_good_as_long_as_its_line_says(running, keys_file: Path) -> None:
    early, late = bytes([1] * 16), bytes([2] * 16)
    keys_file.write_text(
        f"alice {early.hex()} - 2020-01-01\nalice {late.hex()}\nbob {early.hex()} 2120-01-01\ncarol {early.hex()} - -\n"
    )
    assert running.server.keys.file.refresh()
    for refused in (negotiate(secret=early), negotiate(key_id="bob", secret=early)):
        with Talk(running.ip, running.port) as talk:
            talk.say(refused)
            assert talk.session_message().block.name == "NegotiationReject"
    assert running.server.counters["log_ons_refused"] == 2
    with Talk(running.ip, running.port) as talk:
        logged_on(talk, "alice", late)
        assert talk.range(1, 5)
        keys_file.write_text(f"alice {early.hex()}\nalice {late.hex()}\n")  # rotation: both are good
        assert running.server.keys.file.refresh()
        assert talk.range(1, 5)
        keys_file.write_text(f"bob {late.hex()}\n")
        assert running.server.keys.file.refresh()
        talk.say(range_request(1, 5))
        terminate = talk.session_message()
        assert (terminate.block.name, terminate.values.Reason) == ("Terminate", b"its key is not good any more.")


def test_the_client_logs_on(running) -> None:
    with RecoveryClient(running.ip, running.port, TOPIC_SESSION_ID, key=Key("alice", SECRET)) as client:
        assert len(list(client.fetch(1, 5))) == 1

    async def fetch() -> int:
        client = await AsyncRecoveryClient.connect(running.ip, running.port, TOPIC_SESSION_ID, key=Key("alice", SECRET))
        found = [packet async for packet in client.fetch(1, 5)]
        await client.close()
        return len(found)

    assert asyncio.run(fetch()) == 1
    for key in (Key("alice", bytes(32)), Key("mallory", SECRET)):
        with pytest.raises(RetransmitError, match=f"refused the log-on with key {key.key_id}"):
            RecoveryClient(running.ip, running.port, TOPIC_SESSION_ID, key=key)
    assert SECRET.hex() not in repr(Key("alice", SECRET)) and str(SECRET) not in repr(Key("alice", SECRET))


def test_a_follower_and_a_command_log_on(running, tmp_path: Path) -> None:
    address = FeedAddress("127.0.0.1", 26497, "127.0.0.1", running.ip, running.port, recovery_key=Key("alice", SECRET))
    with FeedFollower(address) as follower:
        follower.subscriber.receive(packet(6, []), time.monotonic_ns())
        follower.handler.topic_session_id = TOPIC_SESSION_ID
        deadline = time.monotonic() + 10
        while not follower.recoveries and time.monotonic() < deadline:
            follower.poll(0.01)
        assert follower.recoveries == 1 and follower.subscriber.sequence == 5
    path = tmp_path / "desk.key"
    path.write_text(f"alice {SECRET.hex()}\n")
    words = ["retransmit", "--from", "1", "--count", "5", "--topic", str(uuid.UUID(bytes=TOPIC_SESSION_ID))]
    words += ["--host", running.ip, "--tcp-port", str(running.port)]
    result = CliRunner().invoke(client_command, [*words, "--key-file", str(path), "--json"])
    assert result.exit_code == 0 and len(result.output.splitlines()) == 5
    result = CliRunner().invoke(client_command, words)
    assert result.exit_code == 1 and "asked without logging on" in result.output
    result = CliRunner().invoke(client_command, [*words, "--key-id", "alice"])
    assert result.exit_code == 2 and "--key-id needs --key-file" in result.output


def test_a_server_that_does_not_know_the_secret_is_not_believed() -> None:
    log_on = LogOn(Key("alice", SECRET), SESSION, 77)
    [(_, asked)] = sofh.FrameReader(4096).feed(log_on.request)
    assert FIXP.decode(asked).values.Timestamp == 77
    proof = credentials.pack(credentials.Credentials("alice", mac=bytes(32)))
    about = {"SessionId": SESSION, "RequestTimestamp": 77, "ServerFlow": FLOW_NONE}
    with pytest.raises(RetransmitError, match="does not know the secret of key alice"):
        log_on.receive(framed("NegotiationResponse", **about, Credentials=proof))
    with pytest.raises(RetransmitError, match="cannot be read"):
        LogOn(Key("alice", SECRET), SESSION, 77).receive(framed("NegotiationResponse", **about, Credentials=b"x"))
    with pytest.raises(RetransmitError, match="closed the connection"):
        LogOn(Key("alice", SECRET), SESSION, 77).receive(b"")


def test_without_keys_a_log_on_is_answered(tmp_path: Path) -> None:
    FeedWriter(tmp_path / "feed").publish([5])
    with serving(FeedStore(tmp_path / "feed")) as server, Talk(server.ip, server.port) as talk:
        talk.say(negotiate(key_id="anybody"))
        assert talk.session_message().block.name == "NegotiationResponse"
        talk.say(establish(key_id="anybody"))
        assert talk.session_message().block.name == "EstablishmentAck"
        assert talk.range(1, 5)
