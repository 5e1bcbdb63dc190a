"""Who a client is: FIXP Negotiate and Establish with credentials (`wire.credentials`), where keys are configured.

Taken is what was signed with a secret of a known key that is valid now, whose Timestamp is within 5 s of our clock and
later than that of every message of the key that was taken before: what somebody has recorded is worth nothing. A key
that is taken away, or ends, ends what was logged on with it. Without keys both messages are answered and mean nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from appliance.keys import KeysFile
from appliance.recovery.answers import fixp_frame
from appliance.recovery.codes import EstablishmentRejectCode, NegotiationRejectCode
from wire import credentials

STALE_NS: Final = 5_000_000_000
FLOW_UNSEQUENCED: Final = 2
FLOW_NONE: Final = 3
_NO_SECRET: Final = bytes(32)


class Keys:
    """The keys of a file (`appliance.keys`), and what was taken of each of them."""

    def __init__(self, path: str | Path) -> None:
        """Read the file. Raises KeysError."""
        self.file: Final = KeysFile(path)
        self._newest_ns: dict[str, int] = {}

    def secret_of(self, given: credentials.Credentials, text: bytes, timestamp_ns: int, now_ns: int) -> bytes | None:
        """The secret with which `text` was signed; None where no valid one was it, or it is too old or not new."""
        found: bytes | None = None
        for octets in self._valid(given.key_id, now_ns) or [_NO_SECRET]:  # the same time for keys that do not exist
            if credentials.is_right(octets, text, given.mac) and octets is not _NO_SECRET:
                found = octets
        if found is None or abs(now_ns - timestamp_ns) > STALE_NS:
            return None
        if timestamp_ns <= self._newest_ns.get(given.key_id, 0):
            return None
        self._newest_ns[given.key_id] = timestamp_ns
        return found

    def is_valid(self, key_id: str, now_ns: int) -> bool:
        """Whether the key has a secret that is good now."""
        return bool(self._valid(key_id, now_ns))

    def _valid(self, key_id: str, now_ns: int) -> list[bytes]:
        return [secret.octets for secret in self.file.keys.get(key_id, ()) if secret.is_valid_at(now_ns)]


class LogOn:
    """The state of one connection's session, and the answers to its handshake."""

    def __init__(self, keys: Keys | None, keepalive_ms: int) -> None:
        self._keys = keys
        self._keepalive_ms = keepalive_ms
        self._negotiated: bytes | None = None
        self.key_id = ""
        """Who it is; empty without keys."""
        self.is_established = keys is None
        """It may ask, as long as its key is good."""
        self.refused = 0

    def may_ask(self, now_ns: int) -> bool:
        """It has logged on, with a key that is still good, or nobody needs to."""
        return self.is_established and (self._keys is None or self._keys.is_valid(self.key_id, now_ns))

    def take(self, name: str, values: Any, now_ns: int) -> bytes:
        """The answer to a Negotiate or Establish, as a frame."""
        return self._negotiate(values, now_ns) if name == "Negotiate" else self._establish(values, now_ns)

    def _negotiate(self, values: Any, now_ns: int) -> bytes:
        about = {"SessionId": values.SessionId, "RequestTimestamp": values.Timestamp}
        if values.ClientFlow != FLOW_UNSEQUENCED:
            code, reason = NegotiationRejectCode.FLOW_TYPE_NOT_SUPPORTED, b"ClientFlow is Unsequenced here."
            return fixp_frame("NegotiationReject", **about, Code=code, Reason=reason)
        proof = b""
        if self._keys is not None:
            given = _unpacked(values.Credentials)
            text = b""
            if given is not None:
                text = credentials.negotiate_text(values.SessionId, values.Timestamp, values.ClientFlow, given)
            secret = self._keys.secret_of(given, text, values.Timestamp, now_ns) if given is not None else None
            if given is None or secret is None:
                self.refused += 1
                return fixp_frame("NegotiationReject", **about, Code=NegotiationRejectCode.CREDENTIALS, Reason=b"")
            self.key_id = given.key_id
            text = credentials.response_text(values.SessionId, values.Timestamp, FLOW_NONE, given.key_id)
            proof = credentials.pack(given._replace(mac=credentials.mac(secret, text)))
        self._negotiated = values.SessionId
        return fixp_frame("NegotiationResponse", **about, ServerFlow=FLOW_NONE, Credentials=proof)

    def _establish(self, values: Any, now_ns: int) -> bytes:
        about = {"SessionId": values.SessionId, "RequestTimestamp": values.Timestamp}
        code: EstablishmentRejectCode | None = None
        if self._negotiated != values.SessionId:
            code = EstablishmentRejectCode.UNNEGOTIATED
        elif self._keys is not None:
            given = _unpacked(values.Credentials)
            if self.is_established:
                code = EstablishmentRejectCode.ALREADY_ESTABLISHED
            elif given is None or given.key_id != self.key_id:
                code = EstablishmentRejectCode.CREDENTIALS
            else:
                text = credentials.establish_text(
                    values.SessionId, values.Timestamp, values.KeepaliveInterval, values.NextSeqNo, given
                )
                if self._keys.secret_of(given, text, values.Timestamp, now_ns) is None:
                    code = EstablishmentRejectCode.CREDENTIALS
        if code is not None:
            self.refused += 1
            return fixp_frame("EstablishmentReject", **about, Code=code, Reason=b"")
        self.is_established = True
        return fixp_frame("EstablishmentAck", **about, KeepaliveInterval=self._keepalive_ms, NextSeqNo=None)


def _unpacked(octets: bytes) -> credentials.Credentials | None:
    try:
        return credentials.unpack(octets)
    except credentials.CredentialsError:
        return None
