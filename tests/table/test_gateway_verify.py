"""Who gets in: every verdict on a handshake, in the order of the checks, and the file of keys with its rotation."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.gateway.verify import STALE_NS, VERDICT_NAMES, Verifier, rejection
from appliance.keys import Keys, KeysError, KeysFile, Secret, parse_keys
from native.gateway_layout import (
    VERDICT_FORGED,
    VERDICT_GOOD,
    VERDICT_KEY_NOT_VALID_NOW,
    VERDICT_MALFORMED,
    VERDICT_REPLAYED,
    VERDICT_STALE,
    VERDICT_UNKNOWN_KEY,
)
from tests.handshakes import Signer
from wire.blocks import schema

FIXP = schema("fixp")
NOW = 1_800_000_000_000_000_000
UUID = bytes(range(16))
ALICE = Signer("alice", b"a" * 32)
OLD_ALICE = Signer("alice", b"o" * 32)
LATER = Signer("later", b"l" * 32)
NO_ROW = Signer("norow", b"n" * 32)
KEYS: Keys = {
    "alice": (Secret(b"a" * 32), Secret(b"o" * 32, 0, NOW)),
    "later": (Secret(b"l" * 32, NOW + 1),),
    "norow": (Secret(b"n" * 32),),
}
GOOD = ALICE.negotiate(UUID, NOW)


def verifier() -> Verifier:
    return Verifier(KEYS, {"alice": 3, "later": 4, "nosecret": 5})


ONE = [
    ("a good Negotiate", GOOD, VERDICT_GOOD),
    ("a good Establish", ALICE.establish(UUID, NOW, 7, 500), VERDICT_GOOD),
    ("without NextSeqNo", ALICE.establish(UUID, NOW, None), VERDICT_GOOD),
    ("5 s old", ALICE.negotiate(UUID, NOW - STALE_NS), VERDICT_GOOD),
    ("5 s early", ALICE.negotiate(UUID, NOW + STALE_NS), VERDICT_GOOD),
    ("older than 5 s", ALICE.negotiate(UUID, NOW - STALE_NS - 1), VERDICT_STALE),
    ("more than 5 s early", ALICE.negotiate(UUID, NOW + STALE_NS + 1), VERDICT_STALE),
    ("a secret that has ended", OLD_ALICE.negotiate(UUID, NOW), VERDICT_FORGED),
    ("a key that has not begun", LATER.negotiate(UUID, NOW), VERDICT_KEY_NOT_VALID_NOW),
    ("a key of nobody", Signer("mallory", b"a" * 32).negotiate(UUID, NOW), VERDICT_UNKNOWN_KEY),
    ("a key without a row", NO_ROW.negotiate(UUID, NOW), VERDICT_UNKNOWN_KEY),
    ("a row without a secret", Signer("nosecret", b"a" * 32).negotiate(UUID, NOW), VERDICT_UNKNOWN_KEY),
    ("another's secret", replace(ALICE, secret=b"b" * 32).negotiate(UUID, NOW), VERDICT_FORGED),
    ("forged and stale", replace(ALICE, secret=b"b" * 32).negotiate(UUID, 1), VERDICT_FORGED),
    ("nothing", b"", VERDICT_MALFORMED),
    ("cut short", GOOD[:-1], VERDICT_MALFORMED),
    ("a byte too many", GOOD + b"x", VERDICT_MALFORMED),
    ("without credentials", FIXP.encode("Negotiate", SessionId=UUID, Timestamp=NOW, ClientFlow=1), VERDICT_MALFORMED),
    ("another message", FIXP.encode("Context", SessionId=UUID, NextSeqNo=1), VERDICT_MALFORMED),
    ("SessionId zero", ALICE.negotiate(bytes(16), NOW), VERDICT_MALFORMED),
]


@pytest.mark.parametrize(("message", "verdict"), [row[1:] for row in ONE], ids=[row[0] for row in ONE])
def test_one_handshake(message: bytes, verdict: int) -> None:
    counters: Counter[str] = Counter()
    found = Verifier(KEYS, {"alice": 3, "later": 4, "nosecret": 5}, counters).verify(message, NOW)
    assert VERDICT_NAMES[found.verdict] == VERDICT_NAMES[verdict]
    assert counters == {"handshakes_" + VERDICT_NAMES[verdict]: 1}
    assert found.is_good == (verdict == VERDICT_GOOD)


def test_what_a_good_one_says() -> None:
    found = verifier().verify(ALICE.establish(UUID, NOW, 7, 500), NOW)
    assert (found.row, found.session_id, found.timestamp_ns) == (3, UUID, NOW)
    assert (found.next_number, found.keepalive_ms, found.key_id) == (7, 500, "alice")
    assert verifier().verify(GOOD, NOW).proof == ALICE.proof(UUID, NOW)


def test_every_bit_is_signed() -> None:
    """No single bit can change and still be let in."""
    for message in (GOOD, ALICE.establish(UUID, NOW, 7, 500)):
        for bit in range(8 * len(message)):
            changed = bytearray(message)
            changed[bit // 8] ^= 1 << bit % 8
            found = verifier().verify(bytes(changed), NOW)
            # the version in the header of the message, which no meaning hangs on
            assert found.verdict in (VERDICT_MALFORMED, VERDICT_UNKNOWN_KEY, VERDICT_FORGED) or bit // 8 in (6, 7)


def test_replays() -> None:
    """A Timestamp counts once for a key; the newest Negotiate and the newest Establish may come again as they were."""
    it = verifier()
    steps = [
        (ALICE.negotiate(UUID, NOW), VERDICT_GOOD),
        (ALICE.negotiate(UUID, NOW), VERDICT_GOOD),
        (ALICE.negotiate(UUID, NOW - 1), VERDICT_REPLAYED),
        (ALICE.negotiate(bytes(reversed(UUID)), NOW), VERDICT_REPLAYED),
        (ALICE.establish(UUID, NOW), VERDICT_REPLAYED),
        (ALICE.establish(UUID, NOW + 1), VERDICT_GOOD),
        (ALICE.negotiate(UUID, NOW), VERDICT_GOOD),
        (ALICE.establish(UUID, NOW + 1, 2), VERDICT_REPLAYED),
        (ALICE.establish(UUID, NOW + 2, 2), VERDICT_GOOD),
        (ALICE.establish(UUID, NOW + 1), VERDICT_REPLAYED),
    ]
    for message, verdict in steps:
        assert it.verify(message, NOW).verdict == verdict


def test_a_refused_one_moves_nothing() -> None:
    """Who does not know the secret cannot make the owner's next message a replay."""
    it = verifier()
    it.verify(replace(ALICE, secret=b"b" * 32).negotiate(UUID, NOW + 1000), NOW)
    it.verify(ALICE.negotiate(UUID, NOW + STALE_NS + 1), NOW)
    assert it.verify(ALICE.negotiate(UUID, NOW - 5), NOW).is_good


def test_rejections_are_shorter_than_requests() -> None:
    for message in (GOOD, ALICE.establish(UUID, NOW)):
        found = Verifier({}, {}).verify(message, NOW)
        answer = FIXP.decode(rejection(found))
        assert found.may_be_answered and len(rejection(found)) < len(message)
        assert answer.block.name in ("NegotiationReject", "EstablishmentReject")
        assert answer.values.SessionId == UUID and answer.values.RequestTimestamp == NOW
        assert answer.values.Code == (0 if answer.block.name == "NegotiationReject" else 4)
    assert not verifier().verify(b"rubbish", NOW).may_be_answered


# --- the file ------------------------------------------------------------------------------------------------------

SECRET = "ab" * 16
LINES = [
    ("alice", "a line is a key id, a secret"),
    ("alice xyz", "not hexadecimal"),
    ("alice abcd", "16 to 64 bytes"),
    (f"alice {'ab' * 65}", "16 to 64 bytes"),
    (f"{'k' * 21} {SECRET}", "1 to 20 printable"),
    (f"alice {SECRET} tomorrow", "not a time"),
    (f"alice {SECRET} 2026-01-02 2026-01-01", "ends before it begins"),
    (f"alice {SECRET} - - -", "at most two times"),
    (f"alice {SECRET}\nalice {SECRET}\nalice {SECRET}", "more than 2 secrets"),
]


@pytest.mark.parametrize(("text", "sentence"), LINES, ids=[row[1] for row in LINES])
def test_bad_lines(text: str, sentence: str) -> None:
    with pytest.raises(KeysError, match=sentence) as caught:
        parse_keys(text)
    assert SECRET not in str(caught.value)


def test_lines() -> None:
    keys = parse_keys(f"# comment\n\nalice {SECRET}\nalice {SECRET} 2026-01-01T00:00:00Z\nbob {SECRET} - 2026-01-01\n")
    new_year_ns = 1_767_225_600 * 10**9
    assert [secret.is_valid_at(0) for secret in keys["alice"]] == [True, False]
    assert keys["alice"][1].is_valid_at(new_year_ns) and not keys["alice"][1].is_valid_at(new_year_ns - 1)
    assert keys["bob"][0].is_valid_at(new_year_ns - 1) and not keys["bob"][0].is_valid_at(new_year_ns)
    assert SECRET not in repr(keys) and str(bytes.fromhex(SECRET)) not in repr(keys)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """As an operator does it who wants no half file to be read."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.rename(path)


def test_rotation_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, f"alice {(b'1' * 32).hex()}\n")
    file = KeysFile(path)
    it = Verifier(file.keys, {"alice": 0})
    one, two = Signer("alice", b"1" * 32), Signer("alice", b"2" * 32)

    def verdicts(now_ns: int) -> list[bool]:
        it.keys = file.keys
        return [it.verify(who.negotiate(UUID, now_ns + at), now_ns).is_good for at, who in enumerate((one, two))]

    assert verdicts(NOW) == [True, False] and file.refresh() is False
    write(path, f"alice {(b'1' * 32).hex()}\nalice {(b'2' * 32).hex()}\n")
    assert file.refresh() is True and verdicts(NOW + 10) == [True, True]
    write(path, "alice is gone")
    assert file.refresh() is None and file.refresh() is False and verdicts(NOW + 20) == [True, True]
    path.unlink()
    assert file.refresh() is None and file.refresh() is False and verdicts(NOW + 30) == [True, True]
    write(path, f"alice {(b'2' * 32).hex()}\n")
    assert file.refresh() is True and verdicts(NOW + 40) == [False, True]


def test_files_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, f"alice {SECRET}", 0o640)
    with pytest.raises(KeysError, match="chmod 600"):
        KeysFile(path)
    with pytest.raises(KeysError, match="cannot be read"):
        KeysFile(tmp_path / "none")
    with pytest.raises(KeysError, match="is not a file"):
        KeysFile(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeysError, match="is not a file"):
        KeysFile(tmp_path / "pipe")
    path.write_bytes(b"\xff" * 10)
    path.chmod(0o600)
    with pytest.raises(KeysError, match="not ASCII"):
        KeysFile(path)
