"""Snapshot packets as SOFH frames, for the answer over TCP."""

from __future__ import annotations

import numpy as np

from appliance.retransmit.encode import put_sofh
from appliance.snapshot.encode import CYCLE_PACKET_BYTES, encode_end_of_cycle, encode_packet
from native.jit import kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.framing.sofh import HEADER_BYTES as SOFH_BYTES

FRAME_BYTES_MAX = SOFH_BYTES + DATAGRAM_PAYLOAD_BYTES_MAX
CYCLE_FRAME_BYTES = SOFH_BYTES + CYCLE_PACKET_BYTES


@kernel
def encode_frames(octets, at, head, entries, entry_count, place):
    """Write the packets of a snapshot (see `encode_packet`) from message `place` on at `octets[at:]`, a frame each, as
    long as there is room for the longest. Returns (bytes written, place of the next message)."""
    start = at
    while place < entry_count + 2 and at + FRAME_BYTES_MAX <= octets.size:
        packet_bytes, place = encode_packet(octets, at + SOFH_BYTES, head, entries, entry_count, place)
        put_sofh(octets, at, SOFH_BYTES + packet_bytes)
        at += SOFH_BYTES + packet_bytes
    return at - start, place


@kernel
def encode_end_frame(octets, at, head, instrument_count):
    """Write EndOfCycle as a frame at `octets[at:]`. Returns its CYCLE_FRAME_BYTES bytes."""
    put_sofh(octets, at, np.int64(CYCLE_FRAME_BYTES))
    encode_end_of_cycle(octets, at + SOFH_BYTES, head, instrument_count)
    return np.int64(CYCLE_FRAME_BYTES)
