"""What is on its way to a client, in batches that end between two frames.

Nothing is kept of a batch that the client has not read yet: it is made again from the store, which only grows, so that
a client that reads slowly costs no memory of this process.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from appliance.recovery.store import FeedStore
from appliance.retransmit.encode import PACKET_BYTES_MAX, SEQUENCE
from wire.blocks import schema
from wire.framing import sofh

FIXP: Final = schema("fixp")


def fixp_frame(name: str, **values: object) -> bytes:
    """A FIXP message as a SOFH frame."""
    return sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, FIXP.encode(name, **values))


_HEAD_BYTES: Final = len(fixp_frame("Retransmission", SessionId=bytes(16), RequestTimestamp=0, NextSeqNo=1, Count=1))


def scratch_for(batch_bytes: int) -> np.ndarray:
    """uint8[]: room for any batch of about `batch_bytes`; one for a whole server."""
    return np.zeros(_HEAD_BYTES + batch_bytes + sofh.HEADER_BYTES + PACKET_BYTES_MAX, np.uint8)


class Answer(Protocol):
    """An answer in batches: `batch` as often as it takes, then `next_batch`, until `finished`."""

    finished: bool

    def batch(self, scratch: np.ndarray) -> memoryview:
        """The current batch, the same bytes each time, in `scratch` or elsewhere. Raises StoreError."""

    def next_batch(self) -> int:
        """The client has the batch that was made last; returns the messages in it."""


class RangeAnswer:
    """Messages [from_sequence, from_sequence + count) of a store that holds them: Retransmission, then packets."""

    def __init__(
        self, store: FeedStore, from_sequence: int, count: int, request_timestamp: int, batch_bytes: int
    ) -> None:
        self._store = store
        self._end = from_sequence + count
        self._timestamp = request_timestamp
        self._batch_bytes = batch_bytes
        self._cursor = store.cursor(from_sequence)
        self._next = self._cursor.copy()
        self.finished = False

    def batch(self, scratch: np.ndarray) -> memoryview:
        """See `Answer`."""
        self._next[:] = self._cursor
        written = self._store.encode(self._next, self._end, scratch, _HEAD_BYTES, self._batch_bytes)
        head = fixp_frame(
            "Retransmission",
            SessionId=self._store.topic_session_id,
            RequestTimestamp=self._timestamp,
            NextSeqNo=int(self._cursor[SEQUENCE]),
            Count=int(self._next[SEQUENCE] - self._cursor[SEQUENCE]),
        )
        octets = scratch.data
        octets[:_HEAD_BYTES] = head
        return octets[: _HEAD_BYTES + written]

    def next_batch(self) -> int:
        """See `Answer`."""
        messages = int(self._next[SEQUENCE] - self._cursor[SEQUENCE])
        self._cursor[:] = self._next
        self.finished = bool(self._cursor[SEQUENCE] >= self._end)
        return messages
