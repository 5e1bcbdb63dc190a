"""Kernels that write what stands around the blocks of market data: the packet's header, a frame's and a message's."""

from __future__ import annotations

import numpy as np

from native.jit import inner_kernel
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE


@inner_kernel
def put_packet_header(octets, at, sending_time_ns, number, channel_id, flags, messages, epoch):
    """The 24 bytes at `octets[at:]`: `number` is that of the first message, `epoch` in snapshots the instrument.
    Returns 0."""
    md.put_packetHeader_SendingTime(octets, at, sending_time_ns)
    md.put_packetHeader_SeqNum(octets, at, number)
    md.put_packetHeader_ChannelId(octets, at, channel_id)
    md.put_packetHeader_PktFlags(octets, at, flags)
    md.put_packetHeader_MsgCount(octets, at, messages)
    md.put_packetHeader_Epoch(octets, at, epoch)
    return 0


@inner_kernel
def frame_bytes_of(block_bytes):
    """Bytes of the frame of a message with such a block, padding included."""
    return (BEFORE_BLOCK_BYTES + block_bytes + 7) & ~7


@inner_kernel
def begin_frame(octets, at, template_id, block_bytes):
    """Frame header and SBE header of a message at `octets[at:]`, behind them zeros up to the frame's end. Returns where
    its block begins."""
    frame_bytes = frame_bytes_of(block_bytes)
    octets[at : at + frame_bytes] = 0
    md.put_frameHeader_FrameLength(octets, at, frame_bytes)
    header = at + md.frameHeader_SIZE
    md.put_messageHeader_blockLength(octets, header, block_bytes)
    md.put_messageHeader_templateId(octets, header, template_id)
    md.put_messageHeader_schemaId(octets, header, md.SCHEMA_ID)
    md.put_messageHeader_version(octets, header, md.SCHEMA_VERSION)
    return np.int64(at + BEFORE_BLOCK_BYTES)
