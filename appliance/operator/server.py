"""The operator's socket: a request and an answer a connection, each one line of JSON, at /dev/shm/pitwire-NAME/control.

Who may connect is a matter of the socket's mode: the user that runs the appliance, and root. One request is carried out
at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, Final

from appliance.operator.actions import OperatorError, Venue, run_action

SOCKET_NAME: Final = "control"
LINE_BYTES_MAX: Final = 1 << 16
_REQUEST_SECONDS_MAX: Final = 5.0
"""For the request to arrive: an idle connection keeps others waiting no longer."""
_BACKLOG: Final = 8
_OWNER_ONLY: Final = 0o177


class OperatorServer:
    """Serves `venue` in a thread until it is stopped."""

    def __init__(self, path: Path, venue: Venue) -> None:
        """Raises OSError where the socket cannot be made."""
        self._venue = venue
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            path.unlink(missing_ok=True)  # of a process that was killed
            mask = os.umask(_OWNER_ONLY)
            try:
                self._listener.bind(str(path))
            finally:
                os.umask(mask)
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            raise
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="pitwire-operator", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the request in hand; again is harmless."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(_REQUEST_SECONDS_MAX)
                    request = read_line(connection)
                    connection.sendall(json.dumps(self._answer(request)).encode() + b"\n")
                except OSError:
                    continue  # the operator went away

    def _answer(self, request: bytes) -> dict[str, Any]:
        try:
            name, values = _read(request)
            return {"done": run_action(self._venue, name, values)}
        except OperatorError as error:
            return {"refused": str(error)}


def read_line(connection: socket.socket) -> bytes:
    """Everything up to the end of the line or of the connection, LINE_BYTES_MAX at most. Raises OSError."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= LINE_BYTES_MAX:
        got = connection.recv(LINE_BYTES_MAX)
        if not got:
            break
        line += got
    return line


def _read(request: bytes) -> tuple[str, dict[str, str]]:
    try:
        if len(request) > LINE_BYTES_MAX:
            raise ValueError
        row = json.loads(request)
        name, values = row["action"], row.get("arguments", {})
        if not isinstance(name, str) or any(not isinstance(value, str) for value in values.values()):
            raise ValueError
        return name, values
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise OperatorError('A request is one line, {"action": "...", "arguments": {"name": "value"}}.') from None
