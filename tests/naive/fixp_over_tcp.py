"""A socket around the naive FIXP client: SOFH by hand."""

from __future__ import annotations

import socket
import struct
import time

from tests.handshakes import SCHEMA_FIXP, Signer
from tests.naive.fixp_client import NaiveFixpClient


class TcpClient:
    """One connection of one session."""

    def __init__(self, address: tuple[str, int], session_id: bytes, signer: Signer, framing: str = "sofh") -> None:
        self.socket = socket.create_connection(address, 10)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = NaiveFixpClient(session_id, signer, multiplexed=False)
        self.framing = framing
        self.closed = False
        self._pending = b""

    def framed(self, message: bytes) -> bytes:
        if self.framing == "sofh":
            return struct.pack(">IH", 6 + len(message), 0xEB50) + message
        return struct.pack("<HH", 4 + len(message), 0xCAFE if self.framing == "cme" else 0xEB50) + message

    def send(self, messages: list[bytes]) -> None:
        self.socket.sendall(b"".join(map(self.framed, messages)))

    def messages(self) -> list[bytes]:
        """What can be read at once, at least one message; none at the end."""
        found: list[bytes] = []
        head, width, order = (6, 4, "big") if self.framing == "sofh" else (4, 2, "little")
        while not found:
            try:
                octets = self.socket.recv(1 << 16)
            except ConnectionResetError:
                octets = b""
            if not octets:
                self.closed = True
                return []
            self._pending += octets
            while len(self._pending) >= head:
                length = int.from_bytes(self._pending[:width], order)  # type: ignore[arg-type]
                if len(self._pending) < length:
                    break
                found.append(self._pending[head:length])
                self._pending = self._pending[length:]
        return found

    def hear(self) -> None:
        self.session.receive(self.messages())

    def log_on(self) -> None:
        """Negotiate and establish, and hear that both are accepted."""
        self.send(self.session.negotiate(time.time_ns()))
        self.hear_until("negotiated")
        self.send(self.session.establish(time.time_ns()))
        self.hear_until("established")

    def hear_until(self, state: str) -> None:
        while self.session.state != state and not self.closed:
            self.hear()
        assert self.session.state == state, self.session.state

    def hear_all(self, count: int) -> None:
        """Until so many of the server's messages are here."""
        while len(self.session.got) < count and not self.closed:
            self.hear()

    def until_closed(self) -> list[bytes]:
        found: list[bytes] = []
        while not self.closed:
            found += self.messages()
        return found


class Subscriber(TcpClient):
    """Of a drop copy: it sends no messages of its own, but asks for what it lacks."""

    topic = b""
    """The message that names the flow."""

    def log_on(self) -> None:
        self.send(self.session.negotiate(time.time_ns(), flow=3))
        self.hear_until("negotiated")
        self.send(self.session.establish(time.time_ns()))
        self.hear_until("established")
        while not self.topic:
            self.hear()

    def hear(self) -> None:
        messages = self.messages()
        for message in messages:
            if message[4:6] == struct.pack("<H", SCHEMA_FIXP) and message[2] == 4:
                self.topic = message
        self.session.receive([message for message in messages if message is not self.topic])

    def recover_all(self) -> None:
        """Until nothing is missing."""
        while request := self.session.recover(time.time_ns()):
            self.send(request)
            while self.session._asked is not None:
                self.hear()
