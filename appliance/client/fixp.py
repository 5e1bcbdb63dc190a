"""The client's side of FIXP 1.1, sans I/O: log on, keep alive, recover missed reports, resend, log out.

    client = FixpClient(ClientSession(uuid4().bytes, account=1), Terms(key_id="desk-1", secret=secret))
    client.log_on(now_ns)
    while True:
        for octets in client.outgoing(now_ns): ...      # send each as a datagram (or write it to the stream)
        ...                                             # wait for input until client.deadline_ns
        happened = client.receive(octets, now_ns)       # or client.tick(now_ns) when the deadline has passed

`now_ns` is UTC, in ns since 1970, and must not go back: log-on messages are stamped with it. What happened comes as
`Report` (a message of the server, in order, each once) and `Notice` (what became of the session). Two network paths:
send every datagram on both and give what comes from either to `receive`; what is there twice is counted and dropped.

The client's flow is idempotent, the server's recoverable (PROTOCOLS 2 and 3.1).
"""

from __future__ import annotations

from typing import Any, Final

from appliance.client.flow import ReportFlow
from appliance.client.parse import FIXP, Item, Parsed, parse
from appliance.client.session import ClientSession
from appliance.client.terms import (
    ESTABLISHMENT_REJECTS,
    FLOW_IDEMPOTENT,
    FLOW_RECOVERABLE,
    FRAME_BYTES_MAX,
    MILLISECOND_NS,
    NEGOTIATION_REJECTS,
    NEVER_NS,
    NOTICE_FINISHED,
    NOTICE_GAP,
    NOTICE_LOGGED_ON,
    NOTICE_LOGGED_OUT,
    NOTICE_LOST,
    NOTICE_NOT_RECOVERABLE,
    NOTICE_RECOVERED,
    NOTICE_REFUSED,
    REJECT_ALREADY_ESTABLISHED,
    REJECT_DUPLICATE_ID,
    REJECT_UNNEGOTIATED,
    RETRANSMIT_INVALID_SESSION,
    RETRANSMIT_LIMIT_EXCEEDED,
    RETRANSMIT_REJECTS,
    SILENT_INTERVALS_MAX,
    TERMINATE_FINISHED,
    TERMINATE_UNSPECIFIED,
    TERMINATIONS,
    Happened,
    Notice,
    Phase,
    Terms,
)
from wire import credentials
from wire.blocks import BlockError
from wire.credentials import Credentials, CredentialsError
from wire.framing import sofh


class FixpClient:
    """One session. Requests are collected in `session` and leave with `outgoing` once it is established."""

    CLIENT_FLOW = FLOW_IDEMPOTENT
    """The type of our flow, as Negotiate says it."""

    def __init__(self, session: ClientSession, terms: Terms | None = None, *, is_negotiated: bool = False) -> None:
        """`is_negotiated`: `session` was logged on before, and its numbers are where it stood: it goes on."""
        self.session = session
        self.terms: Final = terms or Terms()
        self.is_provisioned: Final = not self.terms.key_id
        self.phase = Phase.ESTABLISHED if self.is_provisioned else Phase.UNNEGOTIATED
        if is_negotiated and not self.is_provisioned:
            self.phase = Phase.NEGOTIATED
        self.flow = ReportFlow(session.next_report_seq or 1)
        self._adopts: bool = session.next_report_seq is None
        """The first number that the server says is where we begin."""
        self.server_keepalive_ms = 0
        """0: the server has not said one, so its silence means nothing."""
        self.deadline_ns = NEVER_NS
        """When `tick` wants to be called."""
        self.requests_unanswered_max: int | None = None
        """Hold requests back while so many are unanswered (None: never)."""
        self._control: list[bytes] = []
        self._timestamp_ns = 0
        self._tries = 0
        self._repeat_ns = NEVER_NS
        self._last_sent_ns = 0
        self._last_heard_ns = 0
        self._probe_ns = NEVER_NS
        self._probe_interval_ns = 0
        self._asked: tuple[int, int] | None = None
        self._is_answered = False
        """What we asked for last was answered, at least in part."""
        self._asked_again_ns = NEVER_NS
        self._ask_not_before_ns = 0
        self._stamps: list[int] = []
        """Of the messages that the phase waits to be answered: any of them may be."""
        self._finished_sending = False
        self._finish_is_confirmed = False
        self._server_finished = False
        self._server_told_all = False
        """The number of its last report came after it had all of our requests."""
        self._terminate_code = TERMINATE_FINISHED
        self._frames = sofh.FrameReader(FRAME_BYTES_MAX)
        self._stream_number: int | None = None

    # --- what the user wants ------------------------------------------------------------------------------------

    def log_on(self, now_ns: int) -> None:
        """Negotiate (once a session id) and establish; answers are awaited, messages repeated. A provisioned session
        that was logged out goes on at once. ValueError where the phase does not allow it."""
        if self.is_provisioned and self.phase is Phase.NEGOTIATED:
            self.phase = Phase.ESTABLISHED
        elif self.phase is Phase.UNNEGOTIATED:
            self._begin(Phase.NEGOTIATING, now_ns)
        elif self.phase is Phase.NEGOTIATED:
            self._begin(Phase.ESTABLISHING, now_ns)
        else:
            raise ValueError(f"The session is {self.phase}: it cannot log on.")

    def log_out(self, now_ns: int, code: int = TERMINATE_FINISHED) -> None:
        """Terminate: unbind the transport. The session stays, and can log on again."""
        if self.phase not in (Phase.ESTABLISHED, Phase.ESTABLISHING):
            raise ValueError(f"The session is {self.phase}: it cannot log out.")
        self._terminate_code = code
        self._begin(Phase.TERMINATING, now_ns)

    def finish_sending(self, now_ns: int) -> None:
        """Say that no request follows, ever; what was not answered is known when the server confirms it. Then log out.

        The message is repeated until it is answered; NOTICE_FINISHED tells.
        """
        if self.phase is not Phase.ESTABLISHED or self.session.collected:
            raise ValueError("An established session whose requests have all left can finish, no other.")
        self._finished_sending = True
        self._tries = 0
        self._send_again(now_ns)
        self._schedule()

    def begin_anew(self, session_id: bytes) -> None:
        """Another session id in place of a session that cannot go on; then `log_on`. What becomes of unanswered
        requests: `ClientSession.begin_anew`."""
        self.session.begin_anew(session_id)
        self._forget_binding()
        self._control.clear()
        self.flow = ReportFlow()
        self._adopts = False
        self.phase = Phase.UNNEGOTIATED
        self._finished_sending = self._finish_is_confirmed = self._server_finished = self._server_told_all = False
        self._schedule()

    def disconnected(self) -> None:
        """The connection is gone (TCP): the session is as before `log_on`."""
        if self.phase not in (Phase.UNNEGOTIATED, Phase.FINISHED):
            was_known = self.phase is not Phase.NEGOTIATING
            self._forget_binding()
            self.phase = Phase.NEGOTIATED if was_known else Phase.UNNEGOTIATED
            self._control.clear()
            self._schedule()

    # --- out ----------------------------------------------------------------------------------------------------

    def outgoing(self, now_ns: int) -> list[bytes]:
        """Everything that is to be sent now: datagrams, or pieces of the stream."""
        out = self._control
        self._control = []
        if self.phase is Phase.ESTABLISHED and not self._finished_sending and self.session.collected:
            room = None
            if self.requests_unanswered_max is not None:
                room = max(self.requests_unanswered_max - self.session.unanswered_count, 0)
            if room is None or room:
                out += self._requests(room)
                if not self.terms.stream:
                    self._probe_interval_ns = self.terms.probe_ms * MILLISECOND_NS
                    self._probe_ns = now_ns + self._probe_interval_ns
        if out:
            self._last_sent_ns = now_ns
            self._schedule()
        return out

    def _requests(self, room: int | None) -> list[bytes]:
        if not self.terms.stream:
            return self.session.datagrams(room)
        return [b"".join(self._framed(message) for _, message in self.session.numbered(room))]

    def _framed(self, message: bytes) -> bytes:
        return sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message) if self.terms.stream else message

    def _put(self, name: str, **values: Any) -> None:
        self._control.append(self._framed(FIXP.encode(name, SessionId=self.session.uuid, **values)))

    def _put_heartbeat(self) -> None:
        if self.terms.stream:
            self._control.append(self._framed(FIXP.encode("Sequence", NextSeqNo=self.session.next_seq)))
        else:
            self._put("Context", NextSeqNo=self.session.next_seq)

    def _new_timestamp(self, now_ns: int) -> int:
        self._timestamp_ns = max(now_ns, self._timestamp_ns + 1)
        self._stamps.append(self._timestamp_ns)
        return self._timestamp_ns

    def _begin(self, phase: Phase, now_ns: int) -> None:
        self.phase = phase
        self._tries = 0
        self._stamps.clear()
        self._send_again(now_ns)
        self._schedule()

    def _send_again(self, now_ns: int) -> None:
        """The message that the phase waits to be answered, with a new time."""
        self._tries += 1
        self._repeat_ns = now_ns + self.terms.answer_timeout_ms * MILLISECOND_NS
        if self.terms.stream:
            self._repeat_ns = now_ns + self.terms.answer_timeout_ms * MILLISECOND_NS * self.terms.tries_max
        session_id = self.session.uuid
        given = Credentials(self.terms.key_id, self.terms.cod_type, self.terms.cod_window_ms)
        if self.phase is Phase.NEGOTIATING:
            stamp = self._new_timestamp(now_ns)
            text = credentials.negotiate_text(session_id, stamp, self.CLIENT_FLOW, given)
            self._put("Negotiate", Timestamp=stamp, ClientFlow=self.CLIENT_FLOW, Credentials=self._proof(given, text))
        elif self.phase is Phase.ESTABLISHING:
            stamp, keepalive_ms, next_seq = self._new_timestamp(now_ns), self.terms.keepalive_ms, self.session.next_seq
            text = credentials.establish_text(session_id, stamp, keepalive_ms, next_seq, given)
            self._put(
                "Establish",
                Timestamp=stamp,
                KeepaliveInterval=keepalive_ms,
                NextSeqNo=next_seq,
                Credentials=self._proof(given, text),
            )
        elif self.phase is Phase.TERMINATING:
            self._put("Terminate", Code=self._terminate_code)
        elif self._finished_sending:
            self._put("FinishedSending", LastSeqNo=self.session.next_seq - 1)

    def _proof(self, given: Credentials, text: bytes) -> bytes:
        return credentials.pack(given._replace(mac=credentials.mac(self.terms.secret, text)))

    # --- time ---------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> Happened:
        """Do what is due at `now_ns`."""
        happened: Happened = []
        if now_ns >= self._repeat_ns:
            happened += self._repeat(now_ns)
        if self.phase is Phase.ESTABLISHED:
            interval_ns = self.server_keepalive_ms * MILLISECOND_NS
            if interval_ns and now_ns - self._last_heard_ns >= SILENT_INTERVALS_MAX * interval_ns:
                self._put("Terminate", Code=TERMINATE_UNSPECIFIED)
                happened.append(self._unbound(NOTICE_LOST, "The server has been silent for too long."))
            else:
                self._keep_alive(now_ns)
                if now_ns >= self._asked_again_ns:
                    self._asked = None
                self._recover(now_ns)
        self._schedule()
        return happened

    def _repeat(self, now_ns: int) -> Happened:
        waited_for = {
            Phase.NEGOTIATING: "Negotiate",
            Phase.ESTABLISHING: "Establish",
            Phase.TERMINATING: "Terminate",
        }.get(self.phase, "FinishedSending")
        if self._tries < self.terms.tries_max and not self.terms.stream:
            self._send_again(now_ns)
            return []
        self._repeat_ns = NEVER_NS
        if self.phase is Phase.TERMINATING:
            return [self._unbound(NOTICE_LOGGED_OUT, "The server did not confirm the end.")]
        text = f"The server did not answer {waited_for}, which was sent {self._tries} times."
        if self.phase is Phase.NEGOTIATING:
            self._forget_binding()
            self.phase = Phase.UNNEGOTIATED
            return [Notice(NOTICE_REFUSED, text)]
        return [self._unbound(NOTICE_LOST, text)]

    def _keep_alive(self, now_ns: int) -> None:
        if not self.session.unanswered_count:
            self._probe_ns = NEVER_NS
        probe = now_ns >= self._probe_ns
        silent = not self.is_provisioned and now_ns - self._last_sent_ns >= self.terms.keepalive_ms * MILLISECOND_NS
        if probe or silent:
            self._put_heartbeat()
            if probe:  # less often each time: a request that the server ignores is never answered
                self._probe_interval_ns *= 2
                self._probe_ns = now_ns + self._probe_interval_ns

    def _recover(self, now_ns: int) -> None:
        """Ask for what is missing, where nothing is asked for already."""
        if self._asked is not None or now_ns < self._ask_not_before_ns:
            return
        self._asked_again_ns = NEVER_NS
        self._asked = self.flow.wanted()
        self._is_answered = False
        if self._asked is not None:
            first, count = self._asked
            self._stamps.clear()
            stamp = self._new_timestamp(now_ns)
            self._put("RetransmitRequest", Timestamp=stamp, FromSeqNo=first, Count=count)
            self._ask_again_later(now_ns)
            self.session.counters.retransmit_requests += 1

    def _ask_again_later(self, now_ns: int) -> None:
        """An answer may be lost, where there are datagrams. In a stream it comes, and to ask before it has is a
        violation."""
        if not self.terms.stream:
            self._asked_again_ns = now_ns + self.terms.recovery_timeout_ms * MILLISECOND_NS

    def _schedule(self) -> None:
        due = self._repeat_ns
        if self.phase is Phase.ESTABLISHED:
            due = min(due, self._asked_again_ns, self._probe_ns)
            if self.server_keepalive_ms:
                due = min(due, self._last_heard_ns + SILENT_INTERVALS_MAX * self.server_keepalive_ms * MILLISECOND_NS)
            if not self.is_provisioned:
                due = min(due, self._last_sent_ns + self.terms.keepalive_ms * MILLISECOND_NS)
        self.deadline_ns = due

    # --- in -----------------------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now_ns: int) -> Happened:
        """Take one datagram; of a stream, whatever came. sofh.FrameError: the stream cannot be read on."""
        if not self.terms.stream:
            return self._take(octets, now_ns)
        happened: Happened = []
        for encoding, frame in self._frames.feed(octets):
            if encoding != sofh.ENCODING_SBE_LITTLE_ENDIAN:
                raise sofh.FrameError(f"The server sent a frame of unknown encoding {encoding:#06x}.")
            happened += self._take(frame, now_ns)
        return happened

    def _take(self, octets: bytes, now_ns: int) -> Happened:
        counters = self.session.counters
        counters.datagrams += 1
        try:
            number = self._stream_number if self.terms.stream else None
            items, following = self._parse(octets, number)
            if items:
                self._check(items)
        except BlockError as error:
            counters.datagrams_bad += 1
            self.session.last_fault = str(error)
            return []
        if items is None:
            counters.datagrams_of_others += 1
            return []
        if self.terms.stream:
            self._stream_number = following
        self._last_heard_ns = now_ns
        happened: Happened = []
        missing_before = self.flow.missing
        first = 0
        run: list[Item] = []
        for item in items:
            if item.number is None:
                happened += self._session_message(item, now_ns)
            elif run and item.number == first + len(run):
                run.append(item)
            else:
                happened += self._reports(first, run)
                first, run = item.number, [item]
        happened += self._reports(first, run)
        happened += self._gaps(missing_before, now_ns)
        happened += self._endings(now_ns)
        self._schedule()
        return happened

    def _parse(self, octets: bytes, number: int | None) -> Parsed:
        return parse(octets, self.session.uuid, number)

    def _check(self, items: list[Item]) -> None:
        for item in items:
            number = item.number
            if number is None and item.name in ("Context", "Sequence", "Retransmission"):
                number = item.values.NextSeqNo
            if number is not None and self._adopts:
                self.flow, self._adopts = ReportFlow(max(number, 1)), False
            if number is not None and self.flow.is_damage(number):
                raise BlockError(f"Number {number} is far from the next one, {self.flow.next_seq}.")

    def _reports(self, first: int, run: list[Item]) -> Happened:
        if not run:
            return []
        session, flow = self.session, self.flow
        session.counters.duplicates += sum(not flow.is_new(item.number) for item in run if item.number is not None)
        happened: Happened = [session.apply(number, item.name, item.values) for number, item in flow.take(first, run)]
        session.next_report_seq = flow.next_seq
        if self.terms.resends and not self._finished_sending:
            session.resend_lost()
        return happened

    def _gaps(self, missing_before: int, now_ns: int) -> Happened:
        missing = self.flow.missing
        self.session.counters.missing = missing
        happened: Happened = []
        if missing > missing_before:
            self.session.counters.gaps += 1
            happened.append(Notice(NOTICE_GAP, f"{missing} reports are missing.", missing))
        elif missing < missing_before:
            if not missing:
                happened.append(Notice(NOTICE_RECOVERED, "All reports have come."))
            self._ask_again_later(now_ns)
        if self._asked is not None and self._is_answered and self.flow.next_seq >= sum(self._asked):
            self._asked = None  # not before: our request may be on its way still, and two at once are a violation
        if self.phase is Phase.ESTABLISHED:
            self._recover(now_ns)
        return happened

    # --- the session itself -------------------------------------------------------------------------------------

    def _session_message(self, item: Item, now_ns: int) -> Happened:
        values, phase = item.values, self.phase
        answers_us = getattr(values, "RequestTimestamp", None) in self._stamps
        match item.name:
            case "Context" | "Sequence":
                self.flow.announce(values.NextSeqNo)
                self._server_told_all = self._finish_is_confirmed
            case "NegotiationResponse" if phase is Phase.NEGOTIATING and answers_us:
                return self._negotiated(values, now_ns)
            case "NegotiationReject" if phase is Phase.NEGOTIATING and answers_us:
                if values.Code == REJECT_DUPLICATE_ID and self._tries > 1:  # an earlier try of ours was heard
                    self._begin(Phase.ESTABLISHING, now_ns)
                    return []
                self._forget_binding()
                self.phase = Phase.UNNEGOTIATED
                return [self._refusal("Negotiate", NEGOTIATION_REJECTS, values)]
            case "EstablishmentAck" if phase is Phase.ESTABLISHING and answers_us:
                self.server_keepalive_ms = values.KeepaliveInterval
                if values.NextSeqNo is not None:
                    if self._adopts:
                        self.flow, self._adopts = ReportFlow(max(values.NextSeqNo, 1)), False
                    self.flow.restart(values.NextSeqNo)
                    self._stream_number = values.NextSeqNo
                return self._established()
            case "EstablishmentReject" if phase is Phase.ESTABLISHING and answers_us:
                if values.Code == REJECT_ALREADY_ESTABLISHED and self._tries > 1:
                    return self._established()
                self._forget_binding()
                self.phase = Phase.UNNEGOTIATED if values.Code == REJECT_UNNEGOTIATED else Phase.NEGOTIATED
                return [self._refusal("Establish", ESTABLISHMENT_REJECTS, values)]
            case "RetransmitReject" if self._asked is not None and answers_us:
                return self._not_retransmitted(values, now_ns)
            case "Retransmission" if answers_us:
                self._is_answered = True
            case "Terminate" if phase not in (Phase.UNNEGOTIATED, Phase.NEGOTIATED, Phase.FINISHED):
                return self._terminated(values)
            case "FinishedReceiving" if self._finished_sending:
                self._finish_is_confirmed = True
                self._repeat_ns = NEVER_NS
            case "FinishedSending":
                if values.LastSeqNo is not None and not self.flow.is_damage(values.LastSeqNo + 1):
                    self.flow.announce(values.LastSeqNo + 1)
                self._server_finished = self._server_told_all = True
        return []

    def _refusal(self, what: str, sentences: dict[int, str], values: Any) -> Notice:
        reason = values.Reason.decode("utf-8", "replace")
        text = f"The server refused {what}: {sentences.get(values.Code, f'code {values.Code}')}. {reason}".strip()
        return Notice(NOTICE_REFUSED, text, values.Code)

    def _negotiated(self, values: Any, now_ns: int) -> Happened:
        """The server took us; whether it is who it should be is seen by its proof."""
        text = credentials.response_text(
            self.session.uuid, values.RequestTimestamp, values.ServerFlow, self.terms.key_id
        )
        try:
            proof = credentials.unpack(values.Credentials)
        except CredentialsError:
            proof = Credentials("")
        if not credentials.is_right(self.terms.secret, text, proof.mac):
            self._forget_binding()
            self.phase = Phase.UNNEGOTIATED
            return [Notice(NOTICE_REFUSED, "Who answered does not know the key's secret: this is not the venue.")]
        if values.ServerFlow != FLOW_RECOVERABLE:
            self._forget_binding()
            self.phase = Phase.UNNEGOTIATED
            return [Notice(NOTICE_REFUSED, f"The server's flow is of type {values.ServerFlow}, not recoverable.")]
        self._begin(Phase.ESTABLISHING, now_ns)
        return []

    def _established(self) -> Happened:
        self.phase = Phase.ESTABLISHED
        self._repeat_ns = NEVER_NS
        self._stamps.clear()
        return [Notice(NOTICE_LOGGED_ON, f"Established; the server's next report is number {self.flow.end_seq}.")]

    def _terminated(self, values: Any) -> Happened:
        sentence = TERMINATIONS.get(values.Code, f"code {values.Code}")
        reason = values.Reason.decode("utf-8", "replace")
        if self.phase is Phase.TERMINATING:
            return [self._unbound(NOTICE_LOGGED_OUT, "Logged out.")]
        text = f"The server ended it: {sentence}. {reason}".strip()
        if self.is_provisioned:  # it has forgotten our address, no more, and learns it from what we send next
            self._asked, self._asked_again_ns = None, NEVER_NS
            return [Notice(NOTICE_LOST, text, values.Code)]
        self._put("Terminate", Code=TERMINATE_FINISHED)
        return [self._unbound(NOTICE_LOST, text)._replace(code=values.Code)]

    def _not_retransmitted(self, values: Any, now_ns: int) -> Happened:
        assert self._asked is not None
        first, count = self._asked
        self._asked = None
        reason = values.Reason.decode("utf-8", "replace")
        sentence = RETRANSMIT_REJECTS.get(values.Code, f"code {values.Code}")
        if values.Code == RETRANSMIT_LIMIT_EXCEEDED:
            self._ask_not_before_ns = now_ns + _retry_after_ns(reason, self.terms.recovery_timeout_ms * MILLISECOND_NS)
            self._asked_again_ns = self._ask_not_before_ns
            return []
        if values.Code == RETRANSMIT_INVALID_SESSION:  # it has unbound us, and what told us so was lost
            return [self._unbound(NOTICE_LOST, "The server has ended the binding.")]
        happened: Happened = [
            Notice(NOTICE_NOT_RECOVERABLE, f"Reports {first}..{first + count - 1}: {sentence}. {reason}", values.Code)
        ]
        for number, item in self.flow.give_up(first + count):
            happened.append(self.session.apply(number, item.name, item.values))
        self.session.next_report_seq = self.flow.next_seq
        return happened

    def _endings(self, now_ns: int) -> Happened:
        """When everything has come that there will be: say so, and log out."""
        if self.phase not in (Phase.ESTABLISHED, Phase.TERMINATING) or self.flow.missing:
            return []
        if self._server_finished:
            self._put("FinishedReceiving")
            self._server_finished = False
        if self.phase is Phase.TERMINATING:
            return []
        if self._finish_is_confirmed and (self._server_told_all or not self.session.unanswered_count):
            self._begin(Phase.TERMINATING, now_ns)
        return []

    def _unbound(self, kind: str, text: str) -> Notice:
        self._forget_binding()
        if self._finish_is_confirmed:
            self.phase = Phase.FINISHED
            return Notice(NOTICE_FINISHED, text)
        self.phase = Phase.NEGOTIATED
        return Notice(kind, text)

    def _forget_binding(self) -> None:
        self._repeat_ns = self._asked_again_ns = self._probe_ns = NEVER_NS
        self._ask_not_before_ns = 0
        self._asked = None
        self._stamps.clear()
        self._stream_number = None
        self._frames = sofh.FrameReader(FRAME_BYTES_MAX)
        self.server_keepalive_ms = 0


def _retry_after_ns(reason: str, otherwise_ns: int) -> int:
    """The `retry_ns=...` of a RetransmitReject."""
    _, _, digits = reason.partition("retry_ns=")
    text = digits.split()[0] if digits.split() else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else otherwise_ns
