"""One client of the recovery server: frames in, answers out, by callbacks of the event loop.

Requests are answered one after the other; a second one while the first is being answered ends the connection with
Terminate(ReRequestInProgress). Every way to an end is one counter and one line in the log. What a connection holds is
bounded: one frame that is not whole, one small answer, and the place where a large one stands.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from appliance.recovery.answers import FIXP, Answer, RangeAnswer, fixp_frame
from appliance.recovery.codes import RejectCode, TerminationCode
from appliance.recovery.logon import LogOn
from appliance.recovery.store import StoreError
from wire.blocks import BlockError, schema
from wire.framing import sofh

if TYPE_CHECKING:
    from appliance.recovery.server import RecoveryServer

MARKET_DATA: Final = schema("market_data")
log = logging.getLogger("pitwire.recovery")
_RECEIVE_BYTES: Final = 2048
_LOG_ONS_REFUSED_MAX: Final = 2
_FRAMES_A_TURN: Final = 8
"""Frames of one client that are looked at before others get their turn."""
_LINGER_SECONDS: Final = 1.0
"""So long a client has to take the last frame before the connection is closed."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time."""
_HEADER: Final = struct.Struct("<HHHH")
_SNAPSHOT_REQUEST: Final = (MARKET_DATA["SnapshotRequest"].template_id, MARKET_DATA.schema_id)


class Closed(Exception):
    """A connection has to end: the counter that says why, the sentence, and the Terminate code, if one is sent."""

    def __init__(self, counter: str, sentence: str, code: TerminationCode | None = None) -> None:
        super().__init__(sentence)
        self.counter = counter
        self.code = code


class Connection:
    """The state of one client's connection."""

    def __init__(self, server: RecoveryServer, connected: socket.socket, client: str, peer: str) -> None:
        self.server = server
        self.source = client
        self.client = client
        """Whose allocation is used: the source, or the key that has logged on."""
        self.limits = server.limits
        self._socket = connected
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._log_on = LogOn(server.keys, int(server.limits.idle_seconds_max * 1000))
        self._pending = bytearray()
        self._small = b""
        """Frames of our own that wait to be sent."""
        self._answer: Answer | None = None
        self._batch_sent_bytes = 0
        self._awaits_snapshot = False
        self._refusals = 0
        self._beats = self._beats_second = 0
        self._ending = False
        """What waits is sent, then nothing more."""
        self._lingers = False
        self._writes = False
        self._reads = True
        now = time.monotonic()
        self._active_at = self._frame_at = self._batch_at = self._end_at = now
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # a buffer of fixed size would slow far clients down; this bounds what waits behind what is on its way
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self.limits.write_buffer_bytes_max)
        self._loop.add_reader(connected, self._readable)

    # --- from the client -------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            octets = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._broke(error)
            return
        if self._lingers:
            if not octets:
                self.drop()
            return
        if octets:
            if not self._pending:
                self._frame_at = time.monotonic()
            self._pending += octets
            self._work()
        elif self._pending:
            self._end(Closed("closed_garbage", "the client closed in the middle of a frame."))
        else:
            self._end(Closed("closed_by_client", "the client closed."))

    def _work(self) -> None:
        """Take the frames that are whole, a few at a time; others get their turn in between."""
        try:
            for _ in range(_FRAMES_A_TURN):
                if self._ending or self._small or not self._take_frame():
                    break
            else:
                self._loop.call_soon(self._work_on)
        except Closed as end:
            self._end(end)
        except StoreError as error:
            self._end(Closed("closed_store_damaged", str(error), TerminationCode.UNSPECIFIED_ERROR))
        else:
            self._attend()

    def _work_on(self) -> None:
        if self._socket.fileno() >= 0 and not self._lingers:
            self._work()

    def _take_frame(self) -> bool:
        if len(self._pending) < sofh.HEADER_BYTES:
            return False
        try:
            size, encoding = sofh.parse_header(self._pending[: sofh.HEADER_BYTES], self.limits.request_bytes_max)
        except sofh.FrameError as error:
            raise Closed("closed_garbage", str(error)) from None
        if encoding != sofh.ENCODING_SBE_LITTLE_ENDIAN:
            raise Closed("closed_garbage", f"A frame has encoding {encoding:#06x}, not SBE.")
        end = sofh.HEADER_BYTES + size
        if len(self._pending) < end:
            return False
        message = bytes(self._pending[sofh.HEADER_BYTES : end])
        del self._pending[:end]
        self._active_at = self._frame_at = time.monotonic()
        self._take(message)
        return True

    def _take(self, message: bytes) -> None:
        blocks = FIXP
        if len(message) >= _HEADER.size and _HEADER.unpack_from(message)[1:3] == _SNAPSHOT_REQUEST:
            blocks = MARKET_DATA
        try:
            decoded = blocks.decode(message)
        except BlockError as error:
            raise Closed("closed_garbage", str(error), TerminationCode.UNSPECIFIED_ERROR) from None
        name = decoded.block.name
        values = decoded.values
        match name:
            case "RetransmitRequest" | "SnapshotRequest":
                if None in values:
                    raise Closed("closed_garbage", f"A {name} lacks fields.", TerminationCode.UNSPECIFIED_ERROR)
                if self._answer is not None or self._awaits_snapshot:
                    raise Closed(
                        "closed_request_in_progress",
                        "a second request came while the first was being answered.",
                        TerminationCode.RE_REQUEST_IN_PROGRESS,
                    )
                self.server.counters["requests"] += 1
                if not self._log_on.may_ask(time.time_ns()):
                    why = (
                        "its key is not good any more." if self._log_on.is_established else "asked without logging on."
                    )
                    raise Closed("closed_not_logged_on", why, TerminationCode.UNSPECIFIED_ERROR)
                self._asked(name, values)
            case "Negotiate" | "Establish":
                self._logs_on(name, values)
            case "Terminate":
                raise Closed("closed_by_client", "the client terminated.", TerminationCode.FINISHED)
            case "Sequence" | "UnsequencedHeartbeat":
                self._beat()
            case _:
                raise Closed("closed_garbage", f"{name} has no place here.", TerminationCode.UNSPECIFIED_ERROR)

    def _beat(self) -> None:
        """A heartbeat takes nothing of an allocation, so there is another end to them."""
        second = int(self._active_at)
        if second != self._beats_second:
            self._beats_second, self._beats = second, 0
        self._beats += 1
        if self._beats > self.limits.heartbeats_a_second_max:
            sentence = f"more than {self.limits.heartbeats_a_second_max} heartbeats came in a second."
            raise Closed("closed_greedy", sentence, TerminationCode.UNSPECIFIED_ERROR)

    def _logs_on(self, name: str, values: Any) -> None:
        """Answer; each attempt counts against the allocation of its source, so that nobody can guess for long."""
        fields = values._asdict() | {"NextSeqNo": 0}
        if None in fields.values():
            raise Closed("closed_garbage", f"A {name} lacks fields.", TerminationCode.UNSPECIFIED_ERROR)
        if self._log_on.key_id and name == "Negotiate":
            raise Closed("closed_garbage", "A second Negotiate came.", TerminationCode.UNSPECIFIED_ERROR)
        if self.server.allocations.take(self.source, 0, time.time_ns()) is not None:
            raise Closed("closed_exhausted", "its allocation is exhausted.", TerminationCode.UNSPECIFIED_ERROR)
        refused_before = self._log_on.refused
        self._small += self._log_on.take(name, values, time.time_ns())
        self.server.counters["log_ons_refused"] += self._log_on.refused - refused_before
        if self._log_on.is_established and self._log_on.key_id:
            self.client = f"key {self._log_on.key_id}"
        if self._log_on.refused > _LOG_ONS_REFUSED_MAX:
            raise Closed("closed_not_logged_on", "its log-ons were refused.", TerminationCode.UNSPECIFIED_ERROR)
        self._pump()

    def _asked(self, name: str, request: Any) -> None:
        if name == "RetransmitRequest":
            store = self.server.channels.by_session(request.SessionId)
            refusal = self.server.refusal_of_range(self, store, request)
            messages = 0 if refusal else request.Count
            if not self._is_granted(refusal, request.SessionId, request.Timestamp, messages):
                return
            assert store is not None
            self._begin(
                RangeAnswer(store, request.FromSeqNo, request.Count, request.Timestamp, self.limits.batch_bytes)
            )
            return
        store = self.server.channels.by_id(request.ChannelId)
        refusal = self.server.refusal_of_snapshot(self, store, request)
        session_id = store.topic_session_id if store is not None else bytes(16)
        if self._is_granted(refusal, session_id, 0, 0):
            assert store is not None and self.server.snapshots is not None
            self._awaits_snapshot = True
            self.server.snapshots.ask(self, store, request.InstrumentId, request.MinimumSequenceNumber)

    def _is_granted(
        self, refusal: tuple[RejectCode, str] | None, session_id: bytes, timestamp: int, messages: int
    ) -> bool:
        """Count the request; reject it where there is a refusal or its client has nothing left."""
        exhausted = self.server.allocations.take(self.client, messages, time.time_ns())
        if exhausted is not None:
            self._refusals += 1
            self.server.counters["rejects_exhausted"] += 1
            if self._refusals > self.limits.refusals_in_a_row_max:
                raise Closed(
                    "closed_greedy",
                    f"asked {self._refusals} times in a row with an exhausted allocation.",
                    TerminationCode.UNSPECIFIED_ERROR,
                )
            refusal = RejectCode.REQUEST_LIMIT_EXCEEDED, f"{exhausted.sentence} retry_ns={exhausted.retry_ns}"
        if refusal is None:
            self._refusals = 0
            return True
        self.reject(*refusal, session_id=session_id, timestamp=timestamp)
        return False

    # --- to the client ---------------------------------------------------------------------------------------------

    def reject(self, code: RejectCode, reason: str, *, session_id: bytes, timestamp: int = 0) -> None:
        """Refuse the request that was made last; the connection stays."""
        self._awaits_snapshot = False
        self.server.counters["rejects"] += 1
        self._small += fixp_frame(
            "RetransmitReject", SessionId=session_id, RequestTimestamp=timestamp, Code=code, Reason=reason.encode()
        )
        self._pump()

    def answer_snapshot(self, answer: Answer, messages: int) -> None:
        """The snapshot that was asked for has been made."""
        self._awaits_snapshot = False
        self.server.counters["snapshots"] += 1
        self.server.allocations.charge(self.client, messages, time.time_ns())
        self._begin(answer)
        self._attend()

    @property
    def key_id(self) -> str:
        """The key that has logged on; empty: none."""
        return self._log_on.key_id if self._log_on.is_established else ""

    @property
    def awaits_snapshot(self) -> bool:
        """It asked for a snapshot, has none yet and is still there."""
        return self._awaits_snapshot

    def _begin(self, answer: Answer) -> None:
        self._answer = answer
        self._batch_sent_bytes = 0
        self._batch_at = time.monotonic()
        self._pump()

    def _writable(self) -> None:
        self._pump()
        if self._socket.fileno() >= 0 and not self._lingers:
            self._work()  # a frame may have waited for what was being sent

    def _pump(self) -> None:
        """Send what waits, at most one batch: others get their turn in between."""
        try:
            if self._answer is not None and not (self._small and self._batch_sent_bytes == 0):
                self._send_batch()
            elif self._small:
                sent = self._socket.send(self._small)
                self.server.counters["bytes_out"] += sent
                self._small = self._small[sent:]
                self._active_at = time.monotonic()
        except BlockingIOError:
            pass
        except StoreError as error:
            self._answer = None
            self._end(Closed("closed_store_damaged", str(error), TerminationCode.UNSPECIFIED_ERROR))
            return
        except OSError as error:
            self._broke(error)
            return
        self._attend()

    def _send_batch(self) -> None:
        assert self._answer is not None
        batch = self._answer.batch(self.server.scratch)
        sent = self._socket.send(batch[self._batch_sent_bytes :])
        self.server.counters["bytes_out"] += sent
        self._batch_sent_bytes += sent
        if self._batch_sent_bytes < len(batch):
            return
        self.server.counters["messages"] += self._answer.next_batch()
        self._batch_sent_bytes = 0
        self._active_at = self._batch_at = time.monotonic()
        if self._answer.finished or self._ending:
            self._answer = None

    def _attend(self) -> None:
        """Listen for what the state waits for: room to write, frames to read."""
        if self._socket.fileno() < 0:
            return
        writes = self._answer is not None or bool(self._small)
        if writes != self._writes:
            self._writes = writes
            self._batch_at = time.monotonic()
            if writes:
                self._loop.add_writer(self._socket, self._writable)
            else:
                self._loop.remove_writer(self._socket)
        if self._ending and not writes and not self._lingers:
            self._lingers = True
            self._end_at = time.monotonic() + _LINGER_SECONDS
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.drop()
                return
        # a client that does not take its rejects gets no more of them
        reads = self._lingers or not (self._small or self._ending or len(self._pending) >= _RECEIVE_BYTES)
        if reads != self._reads:
            self._reads = reads
            if reads:
                self._loop.add_reader(self._socket, self._readable)
            else:
                self._loop.remove_reader(self._socket)

    # --- ends --------------------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End the connection where its client has been silent, or has not read, for too long."""
        if self._lingers:
            if now > self._end_at:
                self.drop()
        elif self._writes:
            if now - self._batch_at > self.limits.stall_seconds_max:
                sentence = f"the client did not read a batch within {self.limits.stall_seconds_max:g} s."
                self._end(Closed("closed_slow_reader", sentence))
        elif self._pending:
            if now - self._frame_at > self.limits.idle_seconds_max:
                sentence = f"a frame was not completed within {self.limits.idle_seconds_max:g} s."
                self._end(Closed("closed_idle", sentence))
        elif not self._awaits_snapshot and now - self._active_at > self.limits.idle_seconds_max:
            self._end(Closed("closed_idle", f"nothing was asked within {self.limits.idle_seconds_max:g} s."))

    def _broke(self, error: OSError) -> None:
        self._end(Closed("closed_by_client", f"the connection broke: {error.strerror or error}."))

    def _end(self, end: Closed) -> None:
        """Count and log why; say it as the last frame, where there is a code for it, behind a batch that has begun."""
        if self._ending:
            if end.code is None:
                self.drop()
            return
        self._ending = True
        self.server.counters[end.counter] += 1
        level = logging.DEBUG if end.counter == "closed_by_client" else logging.WARNING
        log.log(level, "%s: closed: %s", self._peer, end)
        if end.code is None:
            self.drop()
            return
        if self._batch_sent_bytes == 0:
            self._answer = None
        self._small += fixp_frame(
            "Terminate",
            SessionId=self.server.channels.main.topic_session_id,
            Code=end.code,
            Reason=str(end).encode(),
        )
        self._pump()

    def drop(self) -> None:
        """Close at once. What was not read is thrown away: the kernel would keep it for as long as the client likes."""
        if self._socket.fileno() < 0:
            return
        if self._writes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._answer = None
        self._awaits_snapshot = False
        self._ending = True
        self.server.forget(self)
