"""Who a client is: FIXP Negotiate and Establish with credentials (`wire.credentials`), where keys are configured.

Taken is what was signed with the secret of a known key, whose Timestamp is within 5 s of our clock and later than that
of every message of the key that was taken before: what somebody has recorded is worth nothing. Without keys both
messages are answered and mean nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from appliance.recovery.answers import fixp_frame
from appliance.recovery.codes import EstablishmentRejectCode, NegotiationRejectCode
from wire import credentials

STALE_NS: Final = 5_000_000_000
FLOW_UNSEQUENCED: Final = 2
FLOW_NONE: Final = 3
_NO_SECRET: Final = bytes(32)


class KeysError(Exception):
    """The file of keys cannot be used; the message is one sentence."""


class Keys:
    """The secrets by key id, read again when their file changes, and what was taken of each key."""

    def __init__(self, path: Path) -> None:
        """Read the file (`wire.credentials.read_keys`), which only its owner may read. Raises KeysError."""
        self._path = path
        self._secrets, self._seen = self._read()
        self._newest_ns: dict[str, int] = {}

    def refresh(self) -> str:
        """Read the file again if it has changed; returns why it cannot be used, and the keys of before stay good."""
        try:
            found = os.stat(self._path)
            if (found.st_mtime_ns, found.st_size, found.st_ino) != self._seen:
                self._secrets, self._seen = self._read()
        except OSError as error:
            return f"{self._path}: cannot be read: {error.strerror}."
        except KeysError as error:
            return str(error)
        return ""

    def _read(self) -> tuple[dict[str, bytes], tuple[int, int, int]]:
        try:
            found = os.stat(self._path)
            if found.st_mode & 0o077:
                raise KeysError(f"{self._path}: others than its owner may use it; run chmod 600 on it.")
            keys = credentials.read_keys(self._path)
        except OSError as error:
            raise KeysError(f"{self._path}: cannot be read: {error.strerror}.") from None
        except credentials.CredentialsError as error:
            raise KeysError(str(error)) from None
        return keys, (found.st_mtime_ns, found.st_size, found.st_ino)

    def secret_of(self, given: credentials.Credentials, text: bytes, timestamp_ns: int, now_ns: int) -> bytes | None:
        """The secret with which `text` was signed; None where it was not, or is too old or not new."""
        secret = self._secrets.get(given.key_id)
        # the same time for keys that exist and that do not
        is_right = credentials.is_right(secret or _NO_SECRET, text, given.mac)
        if secret is None or not is_right or abs(now_ns - timestamp_ns) > STALE_NS:
            return None
        if timestamp_ns <= self._newest_ns.get(given.key_id, 0):
            return None
        self._newest_ns[given.key_id] = timestamp_ns
        return secret


class LogOn:
    """The state of one connection's session, and the answers to its handshake."""

    def __init__(self, keys: Keys | None, keepalive_ms: int) -> None:
        self._keys = keys
        self._keepalive_ms = keepalive_ms
        self._negotiated: bytes | None = None
        self.key_id = ""
        """Who it is; empty without keys."""
        self.is_established = keys is None
        """It may ask."""
        self.refused = 0

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
