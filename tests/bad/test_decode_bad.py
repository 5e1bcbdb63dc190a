"""Whatever the bytes are, `decode` gives lines or one DecodeFileError; nothing else comes out of it."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np
import pytest

from appliance.decode.files import items_of
from appliance.decode.item import Item, json_of, line_of
from appliance.decode.journal import DecodeFileError
from appliance.decode.payload import PayloadDecoder
from appliance.journal.records import Identity, SegmentHeader, header_bytes
from native import layout, log_layout
from pcap.committed import FOLDER
from wire.blocks import schema
from wire.capture import PcapWriter, open_capture
from wire.framing import packets
from wire.net.frames import parse_udp_frame

DECODER = PayloadDecoder()


def rendered(items: Iterator[Item]) -> int:
    count = 0
    for item in items:
        assert "\n" not in line_of(item) and "\n" not in json_of(item)
        count += 1
    return count


def good_payloads() -> list[bytes]:
    payloads = [parse_udp_frame(packet.data).payload for packet in list(open_capture(FOLDER / "smoke.pcap"))[:60]]
    order_entry, market_data, fixp = schema("order_entry"), schema("market_data"), schema("fixp")
    for block in order_entry.by_template.values():
        payloads.append(fixp.encode("Context", SessionId=bytes(16), NextSeqNo=1) + order_entry.encode(block.name))
    for block in fixp.by_template.values():
        payloads.append(fixp.encode(block.name, **{name: bytes(16) for name in block.names if name == "SessionId"}))
    for block in market_data.by_template.values():
        frame = packets.frame(market_data.encode(block.name))
        payloads.append(packets.pack_header(packets.PacketHeader(1, 1, 1, 1, 2, 1)) + frame + frame)
    return payloads


def test_damaged_payloads() -> None:
    draw, good = random.Random(1), good_payloads()
    for payload in good:
        assert rendered(DECODER.items(payload, {})) > 0
    for _ in range(4000):
        data = bytearray(draw.choice(good))
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        payload = bytes(data[: draw.randint(1, len(data))] if draw.random() < 0.3 else data)
        assert rendered(DECODER.items(payload, {})) > 0


def test_random_payloads_are_unknown() -> None:
    draw = random.Random(2)
    for size in range(1, 200):
        octets = draw.randbytes(size)
        (item,) = DECODER.items(octets, {})
        assert item.problem and item.octets == octets


def journal() -> bytes:
    identity = Identity(bytes(16), 0, bytes(32), bytes(32))
    header = header_bytes(SegmentHeader(identity, log_layout.JOURNAL_FORM_MEMORY, 1, 1, 7, 0))
    records = np.zeros(7, dtype=layout.SEQUENCED)
    records["sequence"], records["length"] = range(1, 8), 128
    records["kind"] = (1, 2, 3, 16, 4, 5, 6)
    return header + records.tobytes()


def feed_store() -> bytes:
    payload = packets.pack_header(packets.PacketHeader(1, 1, 1, 1, 0, 1))
    body = (1).to_bytes(8, "little") + (0).to_bytes(4, "little") + len(payload).to_bytes(4, "little") + payload
    header = np.zeros(1, dtype=layout.FEED_HEADER)
    header["magic"], header["format_version"], header["committed_bytes"] = layout.FEED_MAGIC, 1, 2 * len(body)
    return header.tobytes() + body + body


def capture() -> bytes:
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    for packet in list(open_capture(FOLDER / "smoke.pcap"))[:20]:
        writer.write(packet.time_ns, packet.data)
    return stream.getvalue()


@pytest.mark.parametrize("make", [journal, feed_store, capture])
def test_damaged_files(make: object) -> None:
    good: bytes = make()  # type: ignore[operator]
    draw = random.Random(3)
    places = [*range(min(len(good), 80)), *range(4096, min(len(good), 4700))]
    ends = []
    for _ in range(400):
        data = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            data[draw.choice(places)] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
        try:
            rendered(items_of(bytes(data), "file", DECODER))
        except DecodeFileError as error:
            ends.append(str(error))
    assert ends and all(end.startswith("file: ") for end in ends)
