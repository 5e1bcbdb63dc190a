"""Plain blocks against the schemas' own codec, and SOFH framing of any cut of a stream."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.blocks import BlockError, schema
from wire.framing import sofh
from wire.gen import fixp_tables, market_data_tables, order_entry_tables

TABLES = {"fixp": fixp_tables, "market_data": market_data_tables, "order_entry": order_entry_tables}


@pytest.mark.parametrize("name", TABLES)
def test_blocks_stand_where_the_generated_tables_say(name):
    blocks, tables = schema(name), TABLES[name]
    assert blocks.schema_id == tables.SCHEMA_ID and blocks.version == tables.SCHEMA_VERSION
    for template_id, block in blocks.by_template.items():
        assert getattr(tables, f"{block.name}_TEMPLATE_ID") == template_id
        assert getattr(tables, f"{block.name}_BLOCK_LENGTH") == block.size
        for field, offset in block.offsets.items():
            assert getattr(tables, f"{block.name}_{field}_OFFSET") == offset


@pytest.mark.parametrize("name", TABLES)
def test_every_message_survives_a_round_trip(name):
    draw = random.Random(1)
    for block in schema(name).by_template.values():
        values = {}
        for field in block.names:
            octets = draw.randbytes(64)
            sample = block.unpack(octets * 4, 0)
            values[field] = getattr(sample, field)
        data = {field: draw.randbytes(draw.randrange(20)) for field in block.data_names}
        octets = schema(name).encode(block.name, **values, **data)
        decoded = schema(name).decode(octets)
        assert decoded.block is block and decoded.end == len(octets)
        assert decoded.values._asdict() == values | data


def test_what_is_missing_is_none_and_what_is_more_is_skipped():
    blocks = schema("order_entry")
    block = blocks["OrderCancelRequest"]
    octets = block.pack(ClOrdID=1, OrigClOrdID=2, SecurityID=3, Side=1, SendingTime=9)
    assert block.unpack(octets, 0).OrderID is None
    short = block.unpack(octets, 0, block.offsets["SendingTime"] + 4)
    assert short.SendingTime is None and short.SecurityID == 3
    message = bytearray(blocks.encode("OrderCancelRequest", ClOrdID=5) + b"extension")
    struct.pack_into("<H", message, 0, block.size + 9)
    decoded = blocks.decode(bytes(message))
    assert decoded.values.ClOrdID == 5 and decoded.end == len(message)


@given(octets=st.binary(max_size=80))
def test_any_bytes_are_a_message_or_a_block_error(octets):
    for name in TABLES:
        for head in (b"", schema(name).header.pack(blockLength=8, templateId=4, schemaId=schema(name).schema_id)):
            with contextlib.suppress(BlockError):
                assert schema(name).decode(head + octets).end <= len(head + octets)


@given(messages=st.lists(st.tuples(st.sampled_from([1, 0xEB50]), st.binary(max_size=50)), max_size=20), data=st.data())
def test_frames_come_out_however_the_stream_is_cut(messages, data):
    stream = b"".join(sofh.framed(encoding, message) for encoding, message in messages)
    reader, found, at = sofh.FrameReader(50), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == messages


@pytest.mark.parametrize("length", [0, 5, 57])
def test_a_frame_of_a_wrong_length_is_refused(length):
    with pytest.raises(sofh.FrameError):
        sofh.FrameReader(50).feed(struct.pack(">IH", length, 0xEB50))
