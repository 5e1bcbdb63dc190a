"""The keys of those who may log on, to the gateway or to the recovery server: a file, read again when it changes.

A line a key: `KEY_ID SECRET [NOT_BEFORE [NOT_AFTER]]`, the secret in hexadecimal (16 to 64 bytes), the times in ISO
8601, UTC where they name no zone, `-` for none. Empty lines and lines that begin with # are skipped. A key id may stand
on two lines: while both are valid either secret is good, so that a client changes over when it likes (rotation).
"""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wire.credentials import KEY_ID_BYTES, SECRET_BYTES_MAX, SECRET_BYTES_MIN

SECRETS_A_KEY_MAX: Final = 2
KEYS_FILE_BYTES_MAX: Final = 1 << 20
_NEVER_NS: Final = 1 << 63

log = logging.getLogger("pitwire.keys")


class KeysError(Exception):
    """The file of keys cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Secret:
    """A secret and when it counts, ns since 1970."""

    octets: bytes
    not_before_ns: int = 0
    not_after_ns: int = _NEVER_NS

    def __repr__(self) -> str:  # a secret has no place in a log
        return f"Secret(not_before_ns={self.not_before_ns}, not_after_ns={self.not_after_ns})"

    def is_valid_at(self, now_ns: int) -> bool:
        return self.not_before_ns <= now_ns < self.not_after_ns


Keys = dict[str, tuple[Secret, ...]]


def parse_keys(text: str, source: str = "keys") -> Keys:
    """Secrets by key id. Raises KeysError; a sentence never holds a secret."""
    keys: Keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{source}:{number}"
        if not 2 <= len(words) <= 4:
            raise KeysError(f"{where}: a line is a key id, a secret in hexadecimal and at most two times.")
        key_id = words[0]
        if len(key_id) > KEY_ID_BYTES or not all("!" <= letter <= "~" for letter in key_id):
            raise KeysError(f"{where}: a key id is 1 to {KEY_ID_BYTES} printable ASCII characters.")
        try:
            octets = bytes.fromhex(words[1])
        except ValueError:
            raise KeysError(f"{where}: the secret is not hexadecimal.") from None
        if not SECRET_BYTES_MIN <= len(octets) <= SECRET_BYTES_MAX:
            raise KeysError(f"{where}: a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes.")
        times = [_time_ns(word, where) for word in words[2:]]
        not_before_ns = times[0] if times and times[0] is not None else 0
        not_after_ns = times[1] if len(times) > 1 and times[1] is not None else _NEVER_NS
        if not_before_ns >= not_after_ns:
            raise KeysError(f"{where}: the key ends before it begins.")
        secrets = (*keys.get(key_id, ()), Secret(octets, not_before_ns, not_after_ns))
        if len(secrets) > SECRETS_A_KEY_MAX:
            raise KeysError(f"{where}: key {key_id} has more than {SECRETS_A_KEY_MAX} secrets.")
        keys[key_id] = secrets
    return keys


def _time_ns(word: str, where: str) -> int | None:
    if word == "-":
        return None
    try:
        time = datetime.fromisoformat(word)
    except ValueError:
        raise KeysError(f"{where}: {word!r} is not a time such as 2026-11-21T08:00:00Z, nor -.") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return int(time.timestamp()) * 10**9


class KeysFile:
    """A file of keys. `keys` are what it said when it was last read whole."""

    def __init__(self, path: str | Path) -> None:
        """Read the file. Raises KeysError."""
        self.path: Final = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._refused: tuple[int, int, int] | None = None
        self.keys, self._seen = self._read()

    def refresh(self) -> bool | None:
        """Read the file again if it changed. True: it did; None: it did and cannot be used, so that the keys of before
        stay good (logged once for each change)."""
        try:
            found = os.stat(self.path)
            identity = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            identity = (0, 0, 0)
        if identity in (self._seen, self._refused):
            return False
        try:
            self.keys, self._seen = self._read()
        except KeysError as error:
            self._refused = identity
            log.error("The keys stay as they were: %s", error)
            return None
        self._refused = None
        log.info("%s was read again: %d keys.", self.path, len(self.keys))
        return True

    def _read(self) -> tuple[Keys, tuple[int, int, int]]:
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise KeysError(f"{self.path}: is not a file.")
                if found.st_mode & 0o077:
                    raise KeysError(f"{self.path}: others than its owner may use it; run chmod 600 on it.")
                if found.st_uid not in (0, os.geteuid()):
                    raise KeysError(f"{self.path}: belongs to another user.")
                octets = os.read(file, KEYS_FILE_BYTES_MAX + 1)
            finally:
                os.close(file)
        except OSError as error:
            raise KeysError(f"{self.path}: cannot be read: {error.strerror}.") from None
        if len(octets) > KEYS_FILE_BYTES_MAX:
            raise KeysError(f"{self.path}: is larger than {KEYS_FILE_BYTES_MAX} bytes.")
        try:
            keys = parse_keys(octets.decode("ascii"), str(self.path))
        except UnicodeDecodeError:
            raise KeysError(f"{self.path}: is not ASCII text.") from None
        return keys, (found.st_mtime_ns, found.st_size, found.st_ino)
