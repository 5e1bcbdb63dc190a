"""What is fetched ahead for a frame is a guess: it reads within any frame, cut anywhere, and changes nothing."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.frames_ahead import fetch_frame, fetch_lookups
from appliance.replay import LOCAL_MAC
from appliance.session.receive import session_at
from appliance.state import FREE
from native.jit import kernel
from native.layout import PKT
from pcap.generate import generate
from pcap.messages import encode_request
from tests.venue_rig import Client


@kernel
def session_of(exchange: Exchange, octets: Any, guess: int) -> int:
    return session_at(exchange.tables, octets, 0, guess)


@kernel
def look(exchange: Exchange, packets: Any) -> int:
    fetch_frame(packets[0])
    fetch_lookups(exchange, packets[0])
    return 0


def look_at(exchange: Exchange, frame: bytes) -> None:
    octets = np.frombuffer(frame + b"\xff", np.uint8)  # one more, so that a frame of no bytes has an address
    packets = np.zeros(1, PKT)
    packets["data"], packets["len"] = octets.ctypes.data, len(frame)
    look(exchange, packets)


def test_any_frame_is_looked_at_and_nothing_changes() -> None:
    exchange = allocate(Config(), local_mac=LOCAL_MAC)
    before = whole_state_hash(exchange), exchange.tables.counters.copy()
    client, draws = Client(1), random.Random(16)
    for request in generate(16, messages=20):
        frame = client.frame(encode_request(request, 1))
        for size in (*range(0, len(frame), 7), len(frame)):
            look_at(exchange, frame[:size])
        garbage = bytearray(frame)
        for _ in range(30):
            garbage[draws.randrange(len(garbage))] = draws.randrange(256)
            look_at(exchange, bytes(garbage))
    assert whole_state_hash(exchange) == before[0] and (exchange.tables.counters == before[1]).all()


def test_a_wrong_guess_is_searched() -> None:
    exchange = allocate(Config(), local_mac=LOCAL_MAC)
    for session in range(exchange.tables.sessions.size):
        octets = np.frombuffer(Client(session + 1).uuid, np.uint8)
        for guess in (FREE, session, (session + 1) % exchange.tables.sessions.size):
            assert session_of(exchange, octets, guess) == session
    for guess in (FREE, 0):
        assert session_of(exchange, np.arange(16, dtype=np.uint8), guess) == FREE
