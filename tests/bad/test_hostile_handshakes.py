"""10,000 handshakes of each hostile kind: nobody gets in, each is counted as what it is, and the owner still does."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from appliance.gateway.verify import STALE_NS, Handshake, Verifier
from appliance.keys import Secret
from tests.handshakes import Signer

COUNT = 10_000
NOW = 1_800_000_000_000_000_000
ALICE = Signer("alice", b"a" * 32)


def some_message(draw: random.Random, signer: Signer, timestamp_ns: int) -> bytes:
    session_id = draw.randbytes(16)
    if draw.random() < 0.5:
        return signer.negotiate(session_id, timestamp_ns, draw.choice((0, 1, 2, 3)))
    return signer.establish(session_id, timestamp_ns, draw.choice((None, 1, 99)), draw.randrange(60_000))


def malformed(draw: random.Random, step: int) -> bytes:
    """Of every kind: noise, a length that lies, cut short, too long, another template, another schema."""
    message = bytearray(some_message(draw, ALICE, NOW + step))
    kind = draw.randrange(6)
    if kind == 0:
        return draw.randbytes(draw.randrange(300))
    if kind == 1:
        return bytes(message[: draw.randrange(len(message))])
    if kind == 2:
        return bytes(message) + draw.randbytes(draw.randrange(1, 50))
    if kind == 3:
        message[0:2] = draw.choice((0, 1, 8, 24, 200, 65535)).to_bytes(2, "little")
    elif kind == 4:
        message[2:4] = draw.choice((0, 2, 3, 4, 6, 7, 8, 9, 14, 100, 65535)).to_bytes(2, "little")
    else:
        message[4:6] = draw.choice((0, 1, 2747, 2749, 65535)).to_bytes(2, "little")
    return bytes(message)


def forged(draw: random.Random, step: int) -> bytes:
    """With every part right but the one that only the owner can make; with a good HMAC of other fields."""
    kind = draw.randrange(4)
    if kind == 0:
        return some_message(draw, replace(ALICE, secret=draw.randbytes(32)), NOW + step)
    if kind == 1:
        return some_message(draw, replace(ALICE, secret=b""), NOW + step)
    message = bytearray(some_message(draw, ALICE, NOW + step))
    if kind == 2:
        message[-32:] = draw.randbytes(32)
    else:
        at = draw.randrange(8, 24)  # another SessionId under the HMAC of this one
        message[at] ^= draw.randrange(1, 256)
    return bytes(message)


def stale(draw: random.Random, step: int) -> bytes:
    away = STALE_NS + 1 + draw.randrange(10**18)
    return some_message(draw, ALICE, NOW - away if draw.random() < 0.5 else NOW + away)


def verifier() -> tuple[Verifier, Counter[str]]:
    counters: Counter[str] = Counter()
    return Verifier({"alice": (Secret(b"a" * 32),)}, {"alice": 0}, counters), counters


@pytest.mark.parametrize(("kind", "make"), [("malformed", malformed), ("forged", forged), ("stale", stale)])
def test_nobody_gets_in(kind: str, make: object) -> None:
    draw = random.Random(kind)
    it, counters = verifier()
    for step in range(COUNT):
        found: Handshake = it.verify(make(draw, step), NOW)  # type: ignore[operator]
        assert not found.is_good
        assert found.proof == bytes(32)
    assert counters["handshakes_" + kind] > COUNT * 0.95 and sum(counters.values()) == COUNT
    if kind != "malformed":
        assert counters["handshakes_" + kind] == COUNT
    assert it.verify(ALICE.negotiate(bytes(15) + b"x", NOW), NOW).is_good  # none of them spoiled it for the owner


def test_no_recording_gets_in() -> None:
    """Everything that the owner ever sent, again, in any order; but for the very newest, which changes nothing."""
    draw = random.Random(1)
    it, counters = verifier()
    recorded = []
    for step in range(200):
        recorded.append(some_message(draw, ALICE, NOW + step))
        assert it.verify(recorded[-1], NOW + step).is_good
    newest = {recorded[-1][2]: recorded[-1]}
    newest |= {message[2]: message for message in recorded if message[2] != recorded[-1][2]}
    old = [message for message in recorded if message not in newest.values()]
    for _ in range(COUNT):
        assert not it.verify(draw.choice(old), NOW + 200).is_good
    assert counters == {"handshakes_good": 200, "handshakes_replayed": COUNT}
    assert it.verify(draw.choice(old), NOW + 10**12).verdict != 0  # stale by then, as well
