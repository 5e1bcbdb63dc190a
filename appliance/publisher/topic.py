"""The FIXP Topic of a channel: whom to ask for lost messages. Beside the numbering, with every heartbeat."""

from __future__ import annotations

from native.jit import kernel
from native.lowlevel import load_u64, store_u64
from wire.gen import fixp
from wire.gen import market_data as md

_CLASSIFICATION_BYTES = 2
"""The Topic's last field, an empty text: its length alone."""
_MESSAGE_BYTES = fixp.messageHeader_SIZE + fixp.Topic_BLOCK_LENGTH + _CLASSIFICATION_BYTES
_FRAME_BYTES = (md.frameHeader_SIZE + _MESSAGE_BYTES + 7) & ~7
TOPIC_BYTES = md.packetHeader_SIZE + _FRAME_BYTES


@kernel
def write_topic(octets, at, topic_id, topic_at, flow, keepalive_ms):
    """The one message of a Topic's packet, whose header (PktFlags 0, MsgCount 1) stands at `octets[at]`, for the
    SessionId of 16 bytes at `topic_id[topic_at]`. Returns the bytes of the packet."""
    frame = at + md.packetHeader_SIZE
    octets[frame : frame + _FRAME_BYTES] = 0
    md.put_frameHeader_FrameLength(octets, frame, _FRAME_BYTES)
    header = frame + md.frameHeader_SIZE
    fixp.put_messageHeader_blockLength(octets, header, fixp.Topic_BLOCK_LENGTH)
    fixp.put_messageHeader_templateId(octets, header, fixp.Topic_TEMPLATE_ID)
    fixp.put_messageHeader_schemaId(octets, header, fixp.SCHEMA_ID)
    fixp.put_messageHeader_version(octets, header, fixp.SCHEMA_VERSION)
    block = header + fixp.messageHeader_SIZE
    store_u64(octets, block + fixp.Topic_SessionId_OFFSET, load_u64(topic_id, topic_at))
    store_u64(octets, block + fixp.Topic_SessionId_OFFSET + 8, load_u64(topic_id, topic_at + 8))
    fixp.put_Topic_Flow(octets, block, flow)
    fixp.put_Topic_KeepaliveInterval(octets, block, keepalive_ms)
    return TOPIC_BYTES
