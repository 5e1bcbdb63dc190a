"""Log-on credentials: what stands in the Credentials of Negotiate, Establish and NegotiationResponse.

FIXP leaves the object opaque; this is the project's own, 60 bytes, little-endian:

    u8 version = 1 | u8 flags | u8 cod_type | u8 reserved = 0 | u32 cod_window_ms | char key_id[20] | u8 mac[32]

`mac` is HMAC-SHA256 by the key's secret over a canonical text: ASCII, one value a line, numbers in decimal, the
SessionId as 32 lower-case hex digits, an absent number as an empty line. The first line is the message's name, so
that what was signed for one message is worth nothing in another. Pure functions; client and server share them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from pathlib import Path
from typing import Final, NamedTuple

VERSION: Final = 1
KEY_ID_BYTES: Final = 20
MAC_BYTES: Final = 32
SECRET_BYTES_MIN: Final = 16
SECRET_BYTES_MAX: Final = 64
_LAYOUT: Final = struct.Struct(f"<BBBBI{KEY_ID_BYTES}s{MAC_BYTES}s")
CREDENTIALS_BYTES: Final = _LAYOUT.size
_KEY_ID: Final = re.compile(r"[!-~]{1,20}")


class CredentialsError(Exception):
    """Credentials or a file of keys cannot be read; the message is one sentence."""


class Credentials(NamedTuple):
    """Who asks (`key_id`: 1 to 20 printable ASCII characters), what becomes of its orders without it, the proof."""

    key_id: str
    cod_type: int = 0
    """Cancel on disconnect: 0 never, 1 on loss, 2 on Terminate, 3 on both; 4 more: not of GTC and GTD orders."""
    cod_window_ms: int = 0
    """How long after that, within which a new Establish keeps the orders."""
    flags: int = 0
    mac: bytes = bytes(MAC_BYTES)


def pack(credentials: Credentials) -> bytes:
    """The CREDENTIALS_BYTES of the object. Raises CredentialsError for a value that does not fit."""
    if not _KEY_ID.fullmatch(credentials.key_id):
        raise CredentialsError(f"Key id {credentials.key_id!r} is not 1 to {KEY_ID_BYTES} printable ASCII characters.")
    try:
        return _LAYOUT.pack(
            VERSION,
            credentials.flags,
            credentials.cod_type,
            0,
            credentials.cod_window_ms,
            credentials.key_id.encode("ascii"),
            credentials.mac,
        )
    except struct.error as error:
        raise CredentialsError(f"Credentials cannot be written: {error}.") from None


def unpack(octets: bytes) -> Credentials:
    """Raises CredentialsError for bytes that are no such object."""
    if len(octets) != CREDENTIALS_BYTES:
        raise CredentialsError(f"Credentials are {CREDENTIALS_BYTES} bytes, not {len(octets)}.")
    version, flags, cod_type, reserved, cod_window_ms, padded, mac_bytes = _LAYOUT.unpack(octets)
    if version != VERSION or reserved != 0:
        raise CredentialsError(f"Credentials of version {version} are not known.")
    key_id = padded.rstrip(b"\0").decode("latin-1")
    if not _KEY_ID.fullmatch(key_id):
        raise CredentialsError("The key id is not printable ASCII, padded with zeros.")
    return Credentials(key_id, cod_type, cod_window_ms, flags, mac_bytes)


def _text(*values: object) -> bytes:
    return "\n".join(str(value) for value in values).encode("ascii")


def negotiate_text(session_id: bytes, timestamp_ns: int, client_flow: int, given: Credentials) -> bytes:
    """What the mac of a Negotiate is over."""
    terms = (given.key_id, given.flags, given.cod_type, given.cod_window_ms)
    return _text("Negotiate", timestamp_ns, session_id.hex(), client_flow, *terms)


def establish_text(
    session_id: bytes, timestamp_ns: int, keepalive_ms: int, next_seq: int | None, given: Credentials
) -> bytes:
    """What the mac of an Establish is over."""
    terms = (given.key_id, given.flags, given.cod_type, given.cod_window_ms)
    number = "" if next_seq is None else next_seq
    return _text("Establish", timestamp_ns, session_id.hex(), keepalive_ms, number, *terms)


def response_text(session_id: bytes, request_timestamp_ns: int, server_flow: int, key_id: str) -> bytes:
    """What the mac of a NegotiationResponse is over: the server's proof that it knows the secret, too."""
    return _text("NegotiationResponse", request_timestamp_ns, session_id.hex(), server_flow, key_id)


def mac(secret: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 of `text` (RFC 2104, FIPS 180-4), MAC_BYTES bytes."""
    return hmac.digest(secret, text, hashlib.sha256)


def is_right(secret: bytes, text: bytes, given_mac: bytes) -> bool:
    """Whether `given_mac` is that of `text`; takes the same time wherever they differ."""
    return hmac.compare_digest(mac(secret, text), given_mac)


def read_keys(path: Path) -> dict[str, bytes]:
    """Secrets by key id from a file of keys: a line a key, `KEY_ID SECRET`, the secret in hexadecimal, 16 to 64 bytes.

    Empty lines and lines that begin with # are skipped, and what stands behind the secret (when it is valid, for the
    server). A key that stands there twice has the secret of the last line. Raises CredentialsError, OSError.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2:
            raise CredentialsError(f"{path}:{number}: a line is a key id and a secret in hexadecimal.")
        key_id, digits = words[:2]
        try:
            secret = bytes.fromhex(digits)
        except ValueError:
            raise CredentialsError(f"{path}:{number}: the secret is not hexadecimal.") from None
        if not _KEY_ID.fullmatch(key_id):
            raise CredentialsError(f"{path}:{number}: a key id is 1 to {KEY_ID_BYTES} printable ASCII characters.")
        if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
            raise CredentialsError(f"{path}:{number}: a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes.")
        keys[key_id] = secret
    return keys
