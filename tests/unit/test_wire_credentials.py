"""Credentials: layout, canonical texts written out, and what is refused."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from wire import credentials as c

UUID = bytes(range(16))
GIVEN = c.Credentials("desk-1", cod_type=3, cod_window_ms=500)


def test_the_layout_is_60_bytes_little_endian():
    octets = c.pack(GIVEN._replace(mac=b"m" * 32))
    assert octets == b"\1\0\3\0\xf4\1\0\0" + b"desk-1" + bytes(14) + b"m" * 32 and len(octets) == c.CREDENTIALS_BYTES
    assert c.unpack(octets) == GIVEN._replace(mac=b"m" * 32)


def test_the_canonical_texts():
    digits = "000102030405060708090a0b0c0d0e0f"
    assert c.negotiate_text(UUID, 17, 1, GIVEN) == f"Negotiate\n17\n{digits}\n1\ndesk-1\n0\n3\n500".encode()
    assert c.establish_text(UUID, 18, 1000, 5, GIVEN) == f"Establish\n18\n{digits}\n1000\n5\ndesk-1\n0\n3\n500".encode()
    assert c.establish_text(UUID, 18, 1000, None, GIVEN).split(b"\n")[4] == b""
    assert c.response_text(UUID, 17, 0, "desk-1") == f"NegotiationResponse\n17\n{digits}\n0\ndesk-1".encode()


def test_the_mac_is_hmac_sha256():
    assert c.mac(b"k" * 32, b"text") == hmac.new(b"k" * 32, b"text", hashlib.sha256).digest()
    assert c.is_right(b"k" * 32, b"text", c.mac(b"k" * 32, b"text"))
    assert not c.is_right(b"k" * 32, b"texT", c.mac(b"k" * 32, b"text"))
    assert not c.is_right(b"k" * 32, b"text", b"")


@pytest.mark.parametrize("key_id", ["", "x" * 21, "a b", "\xe9"])
def test_key_ids_that_cannot_be_written(key_id):
    with pytest.raises(c.CredentialsError, match="printable ASCII"):
        c.pack(GIVEN._replace(key_id=key_id))


def test_numbers_that_cannot_be_written():
    with pytest.raises(c.CredentialsError, match="cannot be written"):
        c.pack(GIVEN._replace(cod_window_ms=1 << 32))


GOOD = c.pack(GIVEN)
BAD = {
    "short": GOOD[:-1],
    "long": GOOD + b"\0",
    "version": b"\2" + GOOD[1:],
    "reserved": GOOD[:3] + b"\1" + GOOD[4:],
    "no key": GOOD[:8] + bytes(20) + GOOD[28:],
    "hole in the key": GOOD[:8] + b"a\0b" + bytes(17) + GOOD[28:],
    "not ASCII": GOOD[:8] + b"\xff" + bytes(19) + GOOD[28:],
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_credentials(name):
    with pytest.raises(c.CredentialsError):
        c.unpack(BAD[name])


def test_a_file_of_keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# a comment\n\ndesk-1 " + "ab" * 32 + "\n  desk-2\t" + "CD" * 16 + " - 2026-12-01T00:00:00Z \n")
    assert c.read_keys(path) == {"desk-1": b"\xab" * 32, "desk-2": b"\xcd" * 16}
    path.write_text("desk-1 " + "ab" * 32 + "\ndesk-1 " + "cd" * 32)
    assert c.read_keys(path) == {"desk-1": b"\xcd" * 32}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("desk-1", "a line is a key id and a secret"),
        ("desk-1 xyz", "not hexadecimal"),
        ("desk-1 " + "ab" * 15, "16 to 64 bytes"),
        ("desk-1 " + "ab" * 65, "16 to 64 bytes"),
        ("d" * 21 + " " + "ab" * 32, "1 to 20 printable"),
    ],
)
def test_files_of_keys_that_are_refused(tmp_path, text, fault):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(c.CredentialsError, match=fault):
        c.read_keys(path)
