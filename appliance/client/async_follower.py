"""A subscriber for asyncio: the lines are read by the event loop, recovery runs beside them, messages are iterated.

    async with AsyncFeedFollower(FeedAddress(...)) as follower:
        async for message in follower:
            ...  # follower.books are as of this message or a later one; follower.state says what they are worth

Whoever is slow to take messages loses none: when `queue_max` wait, the sockets are not read until there is room, the
kernel drops what comes then, and recovery brings it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType

from appliance.client.book import BookTrade, FeedBook
from appliance.client.feed import FeedMessage
from appliance.client.feed_words import Books, FeedState, Range, Snapshot, SubscriberPolicy
from appliance.client.follower import BURST_MAX, DATAGRAM_BYTES_MAX, FeedAddress, join, policy_of
from appliance.client.recovery import AsyncRecoveryClient, RetransmitError, RetransmitRejected
from appliance.client.subscriber import FeedSubscriber

TICK_SECONDS = 0.002


class AsyncFeedFollower:
    """Follows a feed from an event loop. Use as an async context manager, and iterate."""

    def __init__(
        self,
        address: FeedAddress,
        *,
        policy: SubscriberPolicy | None = None,
        books: Books | None = None,
        on_trade: Callable[[BookTrade], None] | None = None,
        on_transaction: Callable[[int, bool], None] | None = None,
        queue_max: int = 65_536,
    ) -> None:
        """policy None: from the first message on, by whatever the address has."""
        self.address = address
        self.subscriber = FeedSubscriber(
            policy or policy_of(address),
            FeedBook() if books is None else books,
            address.channel_id,
            address.snapshot_channel_id,
            on_message=self._queue_message,
            on_trade=on_trade,
            on_transaction=on_transaction,
        )
        self._queue_max = queue_max
        self._queue: deque[FeedMessage] = deque()
        self._more = asyncio.Event()
        self._sockets: list[socket.socket] = []
        self._reading = False
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    @property
    def books(self) -> Books:
        """The books."""
        return self.subscriber.books

    @property
    def state(self) -> FeedState:
        """What the books are worth."""
        return self.subscriber.state

    async def __aenter__(self) -> AsyncFeedFollower:
        """Join the lines. Raises OSError."""
        try:
            for line in (*self.address.lines, *self.address.snapshot_lines):
                receiver = join(line.ip, line.udp_port, line.interface_ip)
                receiver.setblocking(False)
                self._sockets.append(receiver)
        except OSError:
            self._close_sockets()
            raise
        self._read(True)
        self._task = asyncio.create_task(self._recover())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lines."""
        self._read(False)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._close_sockets()
        self._more.set()

    def _close_sockets(self) -> None:
        for receiver in self._sockets:
            receiver.close()
        self._sockets.clear()

    def __aiter__(self) -> AsyncIterator[FeedMessage]:
        return self

    async def __anext__(self) -> FeedMessage:
        """The next message of the channel. Raises StopAsyncIteration after `async with` was left, and what a callback
        has raised: nothing is followed any more then."""
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            if not self._sockets:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        message = self._queue.popleft()
        has_room = len(self._queue) <= self._queue_max // 2
        if not self._reading and has_room and self._sockets and self._failure is None:
            self._read(True)
        return message

    def _queue_message(self, message: FeedMessage) -> None:
        self._queue.append(message)
        self._more.set()

    def _read(self, wanted: bool) -> None:
        loop = asyncio.get_running_loop()
        self._reading = wanted
        for number, receiver in enumerate(self._sockets):
            if wanted:
                loop.add_reader(receiver, self._readable, receiver, number)
            else:
                loop.remove_reader(receiver)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._read(False)
        self._more.set()

    def _readable(self, receiver: socket.socket, number: int) -> None:
        try:
            self._take_burst(receiver, number)
        except Exception as error:
            self._fail(error)

    def _take_burst(self, receiver: socket.socket, number: int) -> None:
        for _ in range(BURST_MAX):
            try:
                datagram = receiver.recv(DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                break
            now_ns = time.monotonic_ns()
            if number >= len(self.address.lines):
                self.subscriber.receive_snapshot(datagram, now_ns)
            else:
                self.subscriber.receive(datagram, now_ns, number)
        if len(self._queue) >= self._queue_max:
            self._read(False)

    async def _recover(self) -> None:
        try:
            await self._mend()
        except Exception as error:
            self._fail(error)

    async def _mend(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            wanted = self.subscriber.wanted(time.monotonic_ns())
            is_range = isinstance(wanted, Range)
            if wanted is None or not self._reading or (is_range and not self.subscriber.handler.topic_session_id):
                continue
            fault, retry_ns = await self._ask(wanted)
            self.subscriber.answered(wanted, time.monotonic_ns(), fault, retry_ns)

    async def _ask(self, wanted: Range | Snapshot) -> tuple[str, int]:
        """Get it. Returns why that did not work, or nothing; and how long to wait before the next try, ns."""
        handler = self.subscriber.handler
        topic = handler.topic_session_id or bytes(16)
        client = None
        try:
            address = self.address
            client = await AsyncRecoveryClient.connect(
                address.recovery_ip, address.recovery_port, topic, key=address.recovery_key
            )
            if isinstance(wanted, Range):
                async for packet in client.fetch(wanted.from_sequence, wanted.messages):
                    self.subscriber.receive(packet, time.monotonic_ns())
                if self.subscriber.sequence < wanted.from_sequence:
                    return "The recovery server serves another epoch or channel than the feed's.", 0
            else:
                assert handler.channel_id is not None
                async for packet in client.snapshot(handler.channel_id, wanted.security_id, wanted.minimum_sequence):
                    self.subscriber.receive_snapshot(packet, time.monotonic_ns())
        except RetransmitRejected as error:
            return str(error), error.retry_ns
        except (OSError, RetransmitError) as error:
            return str(error) or type(error).__name__, 0
        finally:
            if client is not None:
                await client.close()
        return "", 0
