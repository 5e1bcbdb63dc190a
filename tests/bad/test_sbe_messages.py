"""Bytes from a hostile sender: refused with a code, without a read outside the buffer, without spinning."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.sbe import Codec, DecodeError, generate, load_schema, load_schema_text


def composite(name: str, **members: str) -> str:
    types = "".join(f'<type name="{member}" primitiveType={rest}/>' for member, rest in members.items())
    return f'<composite name="{name}">{types}</composite>'


def grouped(name: str, id: int, inside: str, dimension: str = "groupSizeEncoding") -> str:
    group = f'<group name="g" id="1" dimensionType="{dimension}">{inside}</group>'
    return f'<message name="{name}" id="{id}">{group}</message>'


U16 = '"uint16"'
PAYLOAD = '"uint8" length="0"'
SCHEMA = f"""<messageSchema package="t" id="1" version="0"><types>
{composite("messageHeader", blockLength=U16, templateId=U16, schemaId=U16, version=U16)}
{composite("groupSizeEncoding", blockLength=U16, numInGroup='"uint32"')}
{composite("bounded", blockLength=U16, numInGroup='"uint8" minValue="1" maxValue="2"')}
{composite("var", length='"uint32"', varData=PAYLOAD)}
{composite("short", length='"uint8" maxValue="3"', varData=PAYLOAD)}
</types>
{grouped("Rows", 1, '<field name="a" id="2" type="uint16"/>')}
{grouped("Walk", 2, '<data name="d" id="2" type="var"/>')}
{grouped("Empty", 3, "")}
{grouped("Bounded", 4, '<field name="a" id="2" type="uint8"/>', "bounded")}
<message name="Data" id="5"><data name="d" id="1" type="var"/></message>
<message name="Short" id="6"><data name="d" id="1" type="short"/></message>
</messageSchema>"""
CODEC = load_schema_text(SCHEMA)


def message(template_id: int, body: str, *, block_length: int = 0, schema_id: int = 1, version: int = 0) -> bytes:
    header = b"".join(value.to_bytes(2, "little") for value in (block_length, template_id, schema_id, version))
    return header + bytes.fromhex(body)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "TRUNCATED_HEADER"),
        (bytes(7), "TRUNCATED_HEADER"),
        (message(1, "", schema_id=2), "WRONG_SCHEMA"),
        (message(9, ""), "UNKNOWN_TEMPLATE"),
        (message(1, "00", block_length=2), "TRUNCATED_BLOCK"),
        (message(1, "0200010000"), "TRUNCATED_DIMENSION"),
        (message(1, "0200" + "02000000" + "000000"), "GROUP_OVERRUN"),
        (message(1, "ffff" + "ffffffff"), "GROUP_OVERRUN"),
        (message(1, "0000" + "ffffffff"), "STRIDE_ZERO"),
        (message(3, "0000" + "ffffffff"), "GROUP_OVERRUN"),
        (message(2, "0000" + "ffffffff"), "TRUNCATED_LENGTH"),
        (message(2, "0000" + "02000000" + "00000000"), "TRUNCATED_LENGTH"),
        (message(2, "0100" + "02000000" + "00" + "00000000"), "GROUP_OVERRUN"),
        (message(4, "0100" + "00"), "COUNT_OUT_OF_RANGE"),
        (message(4, "0100" + "03" + "000000"), "COUNT_OUT_OF_RANGE"),
        (message(5, "ffffff"), "TRUNCATED_LENGTH"),
        (message(5, "ffffffff"), "DATA_OVERRUN"),
        (message(5, "02000000" + "00"), "DATA_OVERRUN"),
        (message(6, "04" + "00000000"), "LENGTH_OUT_OF_RANGE"),
    ],
)
def test_refused_with_its_code(octets: bytes, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        CODEC.decode(octets)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")
    assert 0 <= caught.value.offset <= len(octets)


def test_groups_without_bytes_are_legal_and_do_not_spin() -> None:
    assert len(CODEC.decode(message(3, "0000" + "ffff0000")).g) == 65535
    assert CODEC.decode(message(1, "0000" + "00000000")).g[:] == []


def test_an_offset_outside_the_buffer() -> None:
    for offset in (-1, 9, 1 << 70):
        with pytest.raises(DecodeError, match="message header"):
            CODEC.decode(bytes(8), offset)


@given(st.binary(max_size=64), st.integers(1, 6))
def test_any_bytes_give_a_message_or_a_code(tail: bytes, template_id: int) -> None:
    read_or_refuse(CODEC, message(template_id, "") + tail)


OWN = [load_schema(path) for path in sorted(generate.SCHEMAS.glob("*.xml"))]


@given(st.sampled_from(OWN), st.data())
def test_own_messages_with_any_bytes_changed_or_cut(codec: Codec, data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(codec.schema.messages))
    length = wanted.block.length
    octets = bytearray(codec.header_size) + data.draw(st.binary(min_size=0, max_size=length + 40))
    octets[0:8] = message(wanted.id, "", block_length=length, schema_id=codec.schema.id)
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=3)):
        octets[at] = data.draw(st.integers(0, 255))
    read_or_refuse(codec, bytes(octets))


def read_or_refuse(codec: Codec, octets: bytes) -> None:
    try:
        decoded = codec.decode(octets)
    except DecodeError:
        return
    assert codec.header_size + decoded.block_length <= decoded.end <= len(octets)
    decoded.plain()
    repr(decoded)


def test_every_prefix_is_refused_and_the_refusals_follow_the_layout() -> None:
    """Cutting a message at every byte gives the codes in the order in which the parts stand."""
    whole = CODEC.encode("Walk", {"g": [{"d": b"abc"}, {"d": b""}]})
    codes = []
    for length in range(len(whole)):
        with pytest.raises(DecodeError) as caught:
            CODEC.decode(whole[:length])
        codes.append(caught.value.code)
    order = [codes[0], *(after for before, after in pairwise(codes) if before != after)]
    assert order == ["TRUNCATED_HEADER", "TRUNCATED_DIMENSION", "TRUNCATED_LENGTH", "DATA_OVERRUN", "TRUNCATED_LENGTH"]
