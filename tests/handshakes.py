"""Handshakes as a client with a secret makes them, from the documents alone: `hmac`, `struct`, and no code of ours."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

SCHEMA_FIXP = 2748
U64_NULL = (1 << 64) - 1


def header(block_bytes: int, template: int) -> bytes:
    return struct.pack("<HHHH", block_bytes, template, SCHEMA_FIXP, 0)


def counted(octets: bytes) -> bytes:
    """Var-data: its count before it."""
    return struct.pack("<H", len(octets)) + octets


@dataclass(frozen=True)
class Signer:
    """A client's key."""

    key_id: str
    secret: bytes
    cod_type: int = 0
    cod_window_ms: int = 0

    def _credentials(self, *signed: object) -> bytes:
        text = "\n".join(map(str, (*signed, self.key_id, 0, self.cod_type, self.cod_window_ms)))
        mac = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
        front = struct.pack("<BBBBI20s", 1, 0, self.cod_type, 0, self.cod_window_ms, self.key_id.encode())
        return counted(front + mac)

    def negotiate(self, session_id: bytes, timestamp_ns: int, flow: int = 1) -> bytes:
        block = struct.pack("<16sQB", session_id, timestamp_ns, flow)
        return header(25, 1) + block + self._credentials("Negotiate", timestamp_ns, session_id.hex(), flow)

    def establish(
        self, session_id: bytes, timestamp_ns: int, next_number: int | None = 1, keepalive_ms: int = 1000
    ) -> bytes:
        block = struct.pack(
            "<16sQIQ", session_id, timestamp_ns, keepalive_ms, U64_NULL if next_number is None else next_number
        )
        number = "" if next_number is None else next_number
        signed = ("Establish", timestamp_ns, session_id.hex(), keepalive_ms, number)
        return header(36, 5) + block + self._credentials(*signed)

    def proof(self, session_id: bytes, timestamp_ns: int) -> bytes:
        """What the server has to show in its NegotiationResponse."""
        text = "\n".join(("NegotiationResponse", str(timestamp_ns), session_id.hex(), "0", self.key_id))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
