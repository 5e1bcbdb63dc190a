"""What a replay sends: the order-entry datagrams of a capture, and an index that finds a request by its answer.

Kernels, because a day has millions of requests: `load_workload` reads a capture once and numbers every request, which
the replay then finds by (session, ClOrdID) in a hash table of int64 arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from native.arrays import Arrays
from native.jit import kernel
from native.lowlevel import load_u64
from wire.capture import LINK_TYPE_ETHERNET, Capture
from wire.gen import fixp
from wire.gen import order_entry as oe
from wire.net import udp4

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Int = Any
"""An int64 in a kernel; any integer outside."""

CONTEXT_BYTES = fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH
FREE = -1
NO_REQUEST = -1
SESSIONS_MAX = 1024

# what `_index` counts
DATAGRAMS = 0
MESSAGES = 1
PAYLOAD_BYTES = 2
REQUESTS = 3
SESSIONS = 4
REPEATED = 5
"""Messages whose (session, ClOrdID) came before: sent as they are, waited for once."""
SCALARS_COUNT = 6


class WorkloadError(Exception):
    """The capture cannot be replayed; the message is one sentence that says why."""


class Workload(Arrays):
    """Datagrams d = 0, 1, ...: payload `octets[start[d]:start[d + 1]]`, messages `first_message[d]` to that of d + 1.

    A message's request is `request_of[m]` (NO_REQUEST: one that came before, or one that cannot be read).
    """

    octets: Bytes
    start: Ints
    first_message: Ints
    time_ns: Ints
    """int64[datagrams]: as recorded, from the first datagram on"""
    request_of: Ints
    request_session: Ints
    request_cl_ord_id: Ints
    request_seq: Ints
    """int64[requests]: FIXP number"""
    session_low: Ints
    session_high: Ints
    """int64[SESSIONS_MAX]: the halves of each session's UUID"""
    table: Ints
    """int64[power of two]: request by hash of (session, ClOrdID), FREE where empty"""
    scalars: Ints

    @property
    def datagrams(self) -> int:
        """How many datagrams there are to send."""
        return int(self.scalars[DATAGRAMS])

    @property
    def requests(self) -> int:
        """How many different requests they hold: each is to be answered."""
        return int(self.scalars[REQUESTS])


@kernel
def slot_of(session: Int, cl_ord_id: Int, mask: Int) -> Int:
    """Where the search for a request starts in `Workload.table`."""
    key = cl_ord_id ^ (session * 0x9E3779B9)
    mixed = ((key ^ (key >> 31)) & 0x7FFFFFFF) * 0x5E3779B1  # stays below 2^62: no overflow
    return (mixed ^ (mixed >> 29)) & mask


@kernel
def find_request(workload: Workload, session: Int, cl_ord_id: Int) -> Int:
    """The request of `session` with `cl_ord_id`, or NO_REQUEST."""
    table = workload.table
    mask = np.int64(table.size) - 1
    slot = slot_of(session, cl_ord_id, mask)
    while table[slot] != FREE:
        request = table[slot]
        if workload.request_cl_ord_id[request] == cl_ord_id and workload.request_session[request] == session:
            return request
        slot = (slot + 1) & mask
    return np.int64(NO_REQUEST)


@kernel
def find_session(workload: Workload, low: Int, high: Int) -> Int:
    """Index of the session with this UUID, or FREE."""
    for session in range(workload.scalars[SESSIONS]):
        if workload.session_low[session] == low and workload.session_high[session] == high:
            return np.int64(session)
    return np.int64(FREE)


@kernel
def context_session_at(octets: Bytes, at: Int, size: Int) -> Int:
    """Where the SessionId stands in a payload that starts with a whole Context, or FREE."""
    if size < CONTEXT_BYTES:
        return np.int64(FREE)
    if (
        fixp.get_messageHeader_templateId(octets, at) != fixp.Context_TEMPLATE_ID
        or fixp.get_messageHeader_schemaId(octets, at) != fixp.SCHEMA_ID
        or fixp.get_messageHeader_blockLength(octets, at) != fixp.Context_BLOCK_LENGTH
    ):
        return np.int64(FREE)
    return at + fixp.messageHeader_SIZE


@kernel
def message_end(octets: Bytes, at: Int, end: Int) -> Int:
    """Where the message whose header stands at `at` ends, or FREE when that is beyond `end`."""
    if at + oe.messageHeader_SIZE > end:
        return np.int64(FREE)
    after = at + oe.messageHeader_SIZE + oe.get_messageHeader_blockLength(octets, at)
    return after if after <= end else np.int64(FREE)


@kernel
def _select(
    data: Bytes, offsets: Ints, sizes: Ints, udp_port: Int, fields: Ints, payload_at: Ints, payload_size: Ints
) -> Int:
    """Find the frames that carry a datagram for `udp_port`; returns how many. Payload places go into the arrays."""
    found = 0
    for row in range(offsets.size):
        frame = data[offsets[row] : offsets[row] + sizes[row]]
        payload_at[row] = FREE
        if udp4.parse(frame, 0, fields) == 0 and fields[udp4.DESTINATION_PORT] == udp_port:
            payload_at[row] = offsets[row] + fields[udp4.PAYLOAD_AT]
            payload_size[row] = fields[udp4.PAYLOAD_BYTES]
            found += 1
    return found


@kernel
def _count_messages(octets: Bytes, start: Ints, datagrams: Int) -> Int:
    total = 0
    for datagram in range(datagrams):
        end = start[datagram + 1]
        if context_session_at(octets, start[datagram], end - start[datagram]) == FREE:
            continue
        at = message_end(octets, start[datagram] + CONTEXT_BYTES, end)
        while at != FREE:
            total += 1
            at = message_end(octets, at, end)
    return total


@kernel
def _cl_ord_id(octets: Bytes, at: Int) -> Int:
    """ClOrdID of the request at `at`, or FREE for a message that is none."""
    if oe.get_messageHeader_schemaId(octets, at) != oe.SCHEMA_ID:
        return np.int64(FREE)
    template = oe.get_messageHeader_templateId(octets, at)
    size = oe.get_messageHeader_blockLength(octets, at)
    block = at + oe.messageHeader_SIZE
    if template == oe.NewOrderShort_TEMPLATE_ID and size >= oe.NewOrderShort_BLOCK_LENGTH:
        return oe.get_NewOrderShort_ClOrdID(octets, block)
    if template == oe.NewOrderSingle_TEMPLATE_ID and size >= oe.NewOrderSingle_BLOCK_LENGTH:
        return oe.get_NewOrderSingle_ClOrdID(octets, block)
    if template == oe.OrderCancelReplaceRequest_TEMPLATE_ID and size >= oe.OrderCancelReplaceRequest_BLOCK_LENGTH:
        return oe.get_OrderCancelReplaceRequest_ClOrdID(octets, block)
    if template == oe.OrderMassActionRequest_TEMPLATE_ID and size >= oe.OrderMassActionRequest_BLOCK_LENGTH:
        return oe.get_OrderMassActionRequest_ClOrdID(octets, block)
    if template == oe.OrderCancelRequest_TEMPLATE_ID and size >= oe.OrderCancelRequest_BLOCK_LENGTH:
        return oe.get_OrderCancelRequest_ClOrdID(octets, block)
    return np.int64(FREE)


@kernel
def _index(workload: Workload) -> Int:
    """Number the requests of all datagrams. Returns 0, or FREE when there are more than SESSIONS_MAX sessions."""
    octets = workload.octets
    scalars = workload.scalars
    mask = np.int64(workload.table.size) - 1
    message = np.int64(0)
    for datagram in range(scalars[DATAGRAMS]):
        workload.first_message[datagram] = message
        end = workload.start[datagram + 1]
        uuid_at = context_session_at(octets, workload.start[datagram], end - workload.start[datagram])
        if uuid_at == FREE:
            continue
        low = load_u64(octets, uuid_at)
        high = load_u64(octets, uuid_at + 8)
        session = find_session(workload, low, high)
        if session == FREE:
            session = scalars[SESSIONS]
            if session == SESSIONS_MAX:
                return np.int64(FREE)
            workload.session_low[session] = low
            workload.session_high[session] = high
            scalars[SESSIONS] += 1
        number = fixp.get_Context_NextSeqNo(octets, uuid_at)
        at = workload.start[datagram] + CONTEXT_BYTES
        after = message_end(octets, at, end)
        while after != FREE:
            workload.request_of[message] = NO_REQUEST
            cl_ord_id = _cl_ord_id(octets, at)
            if cl_ord_id != FREE:
                slot = slot_of(session, cl_ord_id, mask)
                known = find_request(workload, session, cl_ord_id)
                if known != NO_REQUEST:
                    scalars[REPEATED] += 1
                else:
                    while workload.table[slot] != FREE:
                        slot = (slot + 1) & mask
                    request = scalars[REQUESTS]
                    workload.table[slot] = request
                    workload.request_session[request] = session
                    workload.request_cl_ord_id[request] = cl_ord_id
                    workload.request_seq[request] = number
                    workload.request_of[message] = request
                    scalars[REQUESTS] += 1
            number += 1
            message += 1
            at = after
            after = message_end(octets, at, end)
    workload.first_message[scalars[DATAGRAMS]] = message
    return 0


def load_workload(capture: Capture, udp_port: int, datagrams_max: int | None = None) -> Workload:
    """The first `datagrams_max` (None: all) datagrams of `capture` for the order-entry port. Raises WorkloadError."""
    rows = capture.packets
    if any(capture.interfaces[number].link_type != LINK_TYPE_ETHERNET for number in np.unique(rows["interface"])):
        raise WorkloadError(f"{capture.file}: is not a capture of Ethernet frames.")
    data = np.frombuffer(capture.data, dtype=np.uint8)
    payload_at, payload_size = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    offsets, sizes = rows["offset"].astype(np.int64), rows["captured_bytes"].astype(np.int64)
    fields = np.zeros(udp4.FIELDS_COUNT, np.int64)
    if not _select(data, offsets, sizes, udp_port, fields, payload_at, payload_size):
        raise WorkloadError(f"{capture.file}: holds no datagram for UDP port {udp_port}.")
    chosen = np.flatnonzero(payload_at != FREE)[:datagrams_max]
    times = rows["time_ns"][chosen].astype(np.int64)
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(payload_size[chosen])))
    parts = [data[at : at + size] for at, size in zip(payload_at[chosen], payload_size[chosen], strict=True)]
    return make_workload(np.concatenate(parts), start, times - times[0])


def make_workload(octets: Bytes, start: Ints, time_ns: Ints) -> Workload:
    """Index the datagrams `octets[start[d]:start[d + 1]]`. Raises WorkloadError."""
    datagrams = len(start) - 1
    messages = _count_messages(octets, start, datagrams)
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    scalars[DATAGRAMS], scalars[MESSAGES], scalars[PAYLOAD_BYTES] = datagrams, messages, len(octets)
    room = max(messages, 1)

    def ints(size: int, fill: int = 0) -> Any:
        return np.full(size, fill, np.int64)

    workload = Workload(
        octets=octets,
        start=start,
        first_message=ints(datagrams + 1),
        time_ns=np.ascontiguousarray(time_ns),
        request_of=ints(room, NO_REQUEST),
        request_session=ints(room),
        request_cl_ord_id=ints(room),
        request_seq=ints(room),
        session_low=ints(SESSIONS_MAX),
        session_high=ints(SESSIONS_MAX),
        table=ints(1 << (2 * room - 1).bit_length(), FREE),
        scalars=scalars,
    )
    if _index(workload) == FREE:
        raise WorkloadError(f"The capture holds more than {SESSIONS_MAX} sessions.")
    return workload
