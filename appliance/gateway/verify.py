"""Is this Negotiate or Establish from who it says? By an HMAC over its fields (wire.credentials), its time, its age.

FIXP 1.1 leaves Credentials opaque; PROTOCOLS 3.1 says what ours are. In this order: the message is whole, its key is
known, a secret of the key that is valid now gives the HMAC, Timestamp is within 5 s of our clock, and later than that
of every message of the key that was taken before; the very octets of the newest one are taken again, for they are from
a client that did not hear the answer. What the session's state makes of it is decided elsewhere, by the core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.keys import Keys, Secret
from native.gateway_layout import (
    VERDICT_FORGED,
    VERDICT_GOOD,
    VERDICT_KEY_NOT_VALID_NOW,
    VERDICT_MALFORMED,
    VERDICT_REPLAYED,
    VERDICT_STALE,
    VERDICT_UNKNOWN_KEY,
)
from wire import credentials
from wire.blocks import BlockError, schema

FIXP: Final = schema("fixp")
NEGOTIATE: Final = FIXP["Negotiate"].template_id
ESTABLISH: Final = FIXP["Establish"].template_id

STALE_NS: Final = 5_000_000_000
SERVER_FLOW_RECOVERABLE: Final = 0
HANDSHAKE_BYTES_MAX: Final = 256

VERDICT_NAMES: Final = {
    VERDICT_GOOD: "good",
    VERDICT_MALFORMED: "malformed",
    VERDICT_UNKNOWN_KEY: "unknown_key",
    VERDICT_FORGED: "forged",
    VERDICT_KEY_NOT_VALID_NOW: "key_not_valid_now",
    VERDICT_STALE: "stale",
    VERDICT_REPLAYED: "replayed",
}
"""The counters: `handshakes_<name>`."""


@dataclass(frozen=True)
class Handshake:
    """A Negotiate or Establish, and what is to be thought of it."""

    verdict: int
    template_id: int = 0
    session_id: bytes = bytes(16)
    timestamp_ns: int = 0
    key_id: str = ""
    row: int = -1
    """Row of [[sessions]] that the key belongs to; -1: none."""
    next_number: int | None = None
    """Establish: NextSeqNo, where it is given."""
    keepalive_ms: int = 0
    flow: int = 0
    """Negotiate: ClientFlow."""
    proof: bytes = bytes(32)
    """What the server shows in NegotiationResponse, to prove that it knows the secret too."""

    @property
    def is_good(self) -> bool:
        return self.verdict == VERDICT_GOOD

    @property
    def may_be_answered(self) -> bool:
        """Whether a refusal is said: not to what makes no sense, and not to what somebody may have recorded."""
        return self.verdict not in (VERDICT_MALFORMED, VERDICT_REPLAYED)


_MALFORMED: Final = Handshake(VERDICT_MALFORMED)


@dataclass
class _Accepted:
    """What was taken of a key: no older message counts any more."""

    timestamp_ns: int = 0
    newest: dict[int, bytes] = field(default_factory=dict)
    """The newest message of each template."""


class Verifier:
    """Verifies handshakes for `rows` (row of [[sessions]] by key id). `keys` may be replaced at any time."""

    def __init__(self, keys: Keys, rows: Mapping[str, int], counters: Counter[str] | None = None) -> None:
        self.keys = keys
        self.rows: Final = rows
        self.counters: Final = counters if counters is not None else Counter()
        self._accepted: dict[str, _Accepted] = {}

    def verify(self, message: bytes, now_ns: int) -> Handshake:
        """Judge the bytes of one message, which end where they do; counts the verdict."""
        handshake = self._judge(message, now_ns)
        self.counters["handshakes_" + VERDICT_NAMES[handshake.verdict]] += 1
        return handshake

    def _judge(self, message: bytes, now_ns: int) -> Handshake:
        try:
            said, mac, text = _parse(message)
        except (BlockError, credentials.CredentialsError):
            return _MALFORMED
        row = self.rows.get(said.key_id)
        secrets = self.keys.get(said.key_id)
        if row is None or not secrets:
            credentials.is_right(bytes(32), text, mac)  # the same time for keys that exist and that do not
            return replace(said, verdict=VERDICT_UNKNOWN_KEY)
        said = replace(said, row=row)
        valid = [secret for secret in secrets if secret.is_valid_at(now_ns)]
        secret = _right_one(valid, text, mac)
        if secret is None:
            return replace(said, verdict=VERDICT_FORGED if valid else VERDICT_KEY_NOT_VALID_NOW)
        if abs(now_ns - said.timestamp_ns) > STALE_NS:
            return replace(said, verdict=VERDICT_STALE)
        accepted = self._accepted.setdefault(said.key_id, _Accepted())
        if said.timestamp_ns > accepted.timestamp_ns:
            accepted.timestamp_ns = said.timestamp_ns
            accepted.newest[said.template_id] = message
        elif accepted.newest.get(said.template_id) != message:
            return replace(said, verdict=VERDICT_REPLAYED)
        if said.template_id != NEGOTIATE:
            return replace(said, verdict=VERDICT_GOOD)
        answer = credentials.response_text(said.session_id, said.timestamp_ns, SERVER_FLOW_RECOVERABLE, said.key_id)
        return replace(said, verdict=VERDICT_GOOD, proof=credentials.mac(secret.octets, answer))


def _right_one(secrets: list[Secret], text: bytes, mac: bytes) -> Secret | None:
    found = None
    for secret in secrets:
        if credentials.is_right(secret.octets, text, mac):
            found = secret
    return found


def _parse(message: bytes) -> tuple[Handshake, bytes, bytes]:
    """What it says, its HMAC, and the text that this is over. Raises BlockError, CredentialsError."""
    if len(message) > HANDSHAKE_BYTES_MAX:
        raise BlockError("A handshake is not so long.")
    decoded = FIXP.decode(message)
    values = decoded.values
    if decoded.end != len(message) or decoded.block.template_id not in (NEGOTIATE, ESTABLISH):
        raise BlockError("This is not one Negotiate or Establish.")
    given = credentials.unpack(values.Credentials or b"")
    is_negotiate = decoded.block.template_id == NEGOTIATE
    if None in (values.SessionId, values.Timestamp, values.ClientFlow if is_negotiate else values.KeepaliveInterval):
        raise BlockError("A field is missing.")
    said = Handshake(
        VERDICT_MALFORMED,
        decoded.block.template_id,
        bytes(values.SessionId),
        int(values.Timestamp),
        given.key_id,
        next_number=None if is_negotiate else values.NextSeqNo,
        keepalive_ms=0 if is_negotiate else int(values.KeepaliveInterval),
        flow=int(values.ClientFlow) if is_negotiate else 0,
    )
    if said.session_id == bytes(16):
        raise BlockError("SessionId is zero.")
    if is_negotiate:
        text = credentials.negotiate_text(said.session_id, said.timestamp_ns, said.flow, given)
    else:
        text = credentials.establish_text(
            said.session_id, said.timestamp_ns, said.keepalive_ms, said.next_number, given
        )
    return said, given.mac, text


def rejection(handshake: Handshake) -> bytes:
    """The message that refuses it: shorter than any request that has credentials."""
    facts = {"SessionId": handshake.session_id, "RequestTimestamp": handshake.timestamp_ns}
    if handshake.template_id == NEGOTIATE:
        return FIXP.encode("NegotiationReject", **facts, Code=0)  # Credentials
    return FIXP.encode("EstablishmentReject", **facts, Code=4)  # Credentials
