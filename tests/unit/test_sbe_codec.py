"""The generic codec: how messages read and write; null, absence and versions; the traps that venues set."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest

from wire.sbe import Codec, DecodeError, EncodeError, load_schema_text

HEADER = (
    '<composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>'
    '<type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>'
    '<type name="version" primitiveType="uint16"/></composite>'
)
GROUP = (
    '<composite name="groupSizeEncoding"><type name="blockLength" primitiveType="uint16"/>'
    '<type name="numInGroup" primitiveType="uint8"/></composite>'
)
DATA = (
    '<composite name="var"><type name="length" primitiveType="uint8"/>'
    '<type name="varData" primitiveType="uint8" length="0" characterEncoding="UTF-8"/></composite>'
)


def number(name: str, primitive: str, attributes: str = "") -> str:
    return f'<type name="{name}" primitiveType="{primitive}" {attributes}/>'


def composite(name: str, *members: str) -> str:
    return f'<composite name="{name}">{"".join(members)}</composite>'


def enum(name: str, encoding: str, values: dict[str, str]) -> str:
    listed = "".join(f'<validValue name="{key}">{value}</validValue>' for key, value in values.items())
    return f'<enum name="{name}" encodingType="{encoding}">{listed}</enum>'


def field(name: str, id: int, type: str, attributes: str = "") -> str:
    return f'<field name="{name}" id="{id}" type="{type}" {attributes}/>'


OPTIONAL = 'presence="optional"'


def codec(types: str = "", body: str = "", *, version: int = 0, extra: str = "", header: str = HEADER) -> Codec:
    return load_schema_text(
        f'<x:messageSchema package="t" id="7" version="{version}" {extra}>'
        f'<types>{header}{GROUP}{DATA}</types><types>{types}</types><x:message name="M" id="1">{body}</x:message>'
        "</x:messageSchema>"
    )


def body_of(the_codec: Codec, **fields: object) -> str:
    return the_codec.encode("M", fields)[the_codec.header_size :].hex()


SIDE = enum("Side", "char", {"Buy": "1", "None": " "})


def test_enum_reads_as_number_and_name_and_writes_either() -> None:
    c = codec(SIDE, '<field name="s" id="1" type="Side"/><field name="o" id="2" type="Side" presence="optional"/>')
    assert body_of(c, s="Buy") == body_of(c, s=49) == body_of(c, s="1") == body_of(c, s={"raw": 49}) == "3100"
    message = c.decode(c.encode("M", {"s": "Buy"}))
    assert (message.s, message.s.name, message.o) == (49, "Buy", None)
    assert message.s == "Buy"
    assert c.decode(c.encode("M", {"s": "None"})).s.name == "None", "one space is a value"
    unknown = c.decode(c.encode("M", {"s": 90}))
    assert (unknown.s, unknown.s.name, unknown.plain()["s"]) == (90, None, {"enum": None, "raw": 90})
    with pytest.raises(EncodeError, match='Side has no value "Sell"'):
        body_of(c, s="Sell")


def test_null_of_an_enum_is_that_of_its_encoding_type() -> None:
    c = codec(
        '<type name="N" primitiveType="uint8" presence="optional" nullValue="0"/>'
        + enum("E", "N", {"Nothing": "0", "One": "1"}),
        '<field name="e" id="1" type="E" presence="optional"/>',
    )
    assert body_of(c) == "00"
    message = c.decode(c.encode("M", {}))
    assert message.e is None
    assert message.plain()["e"] == {"enum": "Nothing", "raw": 0}
    assert any("equals the null value" in warning.sentence for warning in c.schema.warnings)


def test_signed_enum() -> None:
    c = codec(
        '<enum name="E" encodingType="int8"><validValue name="Minus">-1</validValue></enum>',
        '<field name="e" id="1" type="E"/>',
    )
    assert body_of(c, e="Minus") == "ff"
    assert c.decode(c.encode("M", {"e": -1})).e.name == "Minus"


def test_set_reads_as_names_and_writes_names_or_bits() -> None:
    c = codec(
        '<set name="S" encodingType="uint64"><choice name="Low">0</choice><choice name="High">63</choice></set>',
        '<field name="s" id="1" type="S" presence="optional"/>',
    )
    assert body_of(c, s=["High", "Low"]) == body_of(c, s=(1 << 63) + 1) == "0100000000000080"
    message = c.decode(c.encode("M", {"s": ["High"]}))
    assert "High" in message.s and "Low" not in message.s
    assert (list(message.s), int(message.s)) == (["High"], 1 << 63)
    assert body_of(c) == "00" * 8, "a set that is not given is empty: sets have no null"
    assert c.decode(c.encode("M", {})).s == 0


def test_scalars_their_defaults_and_nulls() -> None:
    c = codec(
        '<type name="N" primitiveType="int16" presence="optional" nullValue="5"/>',
        '<field name="a" id="1" type="int32"/><field name="b" id="2" type="int32" presence="optional"/>'
        '<field name="c" id="3" type="N"/><field name="d" id="4" type="N" presence="required"/>'
        + field("e", 5, "double", OPTIONAL)
        + field("f", 6, "char", OPTIONAL),
    )
    raw = c.encode("M", {"a": -1, "d": 5})
    assert raw[8:].hex() == "ffffffff" + "00000080" + "0500" + "0500" + struct.pack("<d", float("nan")).hex() + "00"
    message = c.decode(raw)
    assert dict(message) == {"a": -1, "b": None, "c": None, "d": 5, "e": None, "f": None}
    assert message.plain() == {"a": -1, "b": None, "c": None, "d": 5, "e": None, "f": None}
    with pytest.raises(EncodeError, match="a is required and not given") as caught:
        body_of(c, d=1)
    assert (caught.value.code, caught.value.path) == ("MISSING_FIELD", "a")
    with pytest.raises(EncodeError, match="takes -2147483648 to 2147483647"):
        body_of(c, a=1 << 31, d=1)
    with pytest.raises(EncodeError, match="no field x"):
        body_of(c, a=1, d=1, x=1)


def test_char_null_of_one_digit_is_the_character() -> None:
    c = codec(
        '<type name="C" primitiveType="char" presence="optional" nullValue="0"/>'
        '<type name="D" primitiveType="char" presence="optional" nullValue="32"/>',
        '<field name="c" id="1" type="C"/><field name="d" id="2" type="D"/>',
    )
    assert body_of(c) == "3020"
    assert any("read as the character" in warning.sentence for warning in c.schema.warnings)


def test_text_is_padded_cut_at_nul_and_in_its_charset() -> None:
    c = codec(
        '<type name="T" primitiveType="char" length="6" characterEncoding="UTF-8"/>'
        '<type name="L" primitiveType="char" length="3" presence="optional"/>',
        '<field name="t" id="1" type="T"/><field name="l" id="2" type="L"/>',
    )
    raw = c.encode("M", {"t": "Zürs"})
    assert raw[8:] == "Zürs".encode() + bytes(1) + bytes(3)
    message = c.decode(raw)
    assert (message.t, message.l, message.plain()["t"]) == ("Zürs", "", "ZÃ¼rs")
    assert c.encode_plain("M", message.plain()) == raw
    with pytest.raises(EncodeError, match="room for 3 bytes, not 4"):
        body_of(c, t="", l="abcd")


def test_numeric_arrays() -> None:
    c = codec(
        '<type name="A" primitiveType="uint16" length="3"/>',
        '<field name="a" id="1" type="A"/>',
        extra='byteOrder="bigEndian"',
    )
    assert body_of(c, a=[1, 2, 65535]) == "00010002ffff"
    assert c.decode(c.encode("M", {"a": (1, 2, 3)})).a == (1, 2, 3)
    for wrong in ([1, 2], [1, 2, 65536], "abc", [1, 2, "x"]):
        with pytest.raises(EncodeError):
            body_of(c, a=wrong)


PRICE = (
    '<composite name="Price"><type name="mantissa" primitiveType="int64"/>'
    '<type name="exponent" primitiveType="int8" presence="constant">-9</type></composite>'
    + composite("Wire", number("mantissa", "int32"), number("exponent", "int8"))
)


def test_decimals_are_exact() -> None:
    c = codec(
        PRICE,
        field("p", 1, "Price", OPTIONAL) + field("w", 2, "Wire", OPTIONAL),
    )
    message = c.decode(c.encode("M", {"p": Decimal("1.000000001"), "w": "12.50"}))
    assert (message.p, message.w) == (Decimal("1.000000001"), Decimal("12.50"))
    assert message.plain() == {
        "p": {"mantissa": 1000000001, "exponent": {"const": -9}},
        "w": {"mantissa": 1250, "exponent": -2},
    }
    largest = c.decode(c.encode("M", {"p": {"mantissa": 2**63 - 1}}))
    assert str(largest.p) == "9223372036.854775807"
    empty = c.decode(c.encode("M", {}))
    assert (empty.p, empty.w) == (None, None), "a composite is null exactly if its first member is"
    assert empty.plain()["w"] == {"mantissa": None, "exponent": None}
    assert c.decode(c.encode("M", {"w": 1200})).plain()["w"] == {"mantissa": 1200, "exponent": 0}
    with pytest.raises(EncodeError, match="more than 9 decimals"):
        body_of(c, p="1.0000000001")
    with pytest.raises(EncodeError, match="takes a Decimal"):
        body_of(c, p=1.5)


def test_an_exponent_in_a_field_around() -> None:
    body = (
        '<field name="priceExponent" id="1" type="int8"/>'
        '<field name="p" id="2" type="int64" mbx:exponent="priceExponent"/>'
        '<group name="g" id="3"><field name="q" id="4" type="int64" mbx:exponent="priceExponent"/></group>'
    )
    c = codec("", body)
    message = c.decode(
        c.encode("M", {"priceExponent": -2, "p": Decimal("1.25"), "g": [{"q": 7}, {"q": Decimal("0.5")}]})
    )
    assert message.p == Decimal("1.25")
    assert [entry.q for entry in message.g] == [Decimal("0.07"), Decimal("0.50")]
    assert message.plain()["p"] == 125


def test_times_carry_nanoseconds() -> None:
    c = codec(
        '<composite name="Ts"><type name="time" primitiveType="uint64"/>'
        '<type name="unit" primitiveType="uint8" presence="constant">3</type></composite>',
        '<field name="a" id="1" type="uint64" semanticType="UTCTimestamp"/><field name="b" id="2" type="Ts"/>'
        '<field name="c" id="3" type="uint64" semanticType="UTCTimestamp" timeUnit="microsecond"/>',
    )
    message = c.decode(c.encode("M", {"a": 5, "b": 6, "c": 7}))
    assert [(value, value.ns) for value in (message.a, message.b, message.c)] == [(5, 5), (6, 6_000_000), (7, 7000)]


def test_constants_take_no_bytes_and_may_not_be_contradicted() -> None:
    c = codec(
        SIDE + '<type name="Ten" primitiveType="uint8" presence="constant">10</type>',
        '<field name="k" id="1" type="Side" presence="constant" valueRef="Side.Buy"/>'
        + field("n", 2, "Ten")
        + field("r", 3, "char", 'presence="constant" valueRef="Side.Buy"'),
    )
    assert body_of(c) == body_of(c, k="Buy", n=10) == ""
    message = c.decode(c.encode("M", {}))
    assert (message.k.name, message.n, message.r) == ("Buy", 10, "1")
    assert message.plain() == {"k": {"const": "Side.Buy"}, "n": {"const": 10}, "r": {"const": "1"}}
    with pytest.raises(EncodeError, match="is the constant 10, not 11"):
        body_of(c, n=11)


def test_padding_is_zeroed_and_skipped() -> None:
    c = codec("", '<field name="a" id="1" type="uint8" offset="2"/><field name="b" id="2" type="uint16" offset="4"/>')
    assert body_of(c, a=1, b=2) == "00000100" + "0200"
    assert c.decode(c.encode("M", {"a": 1, "b": 2})).b == 2


NESTED = (
    '<field name="x" id="1" type="uint8"/><group name="outer" id="2"><field name="a" id="3" type="uint16"/>'
    '<group name="inner" id="4"><field name="b" id="5" type="uint8"/><data name="d" id="6" type="var"/></group>'
    '</group><group name="empty" id="8"></group><data name="tail" id="7" type="var"/>'
)


def test_groups_in_groups_with_data_read_depth_first() -> None:
    c = codec("", NESTED)
    fields = {
        "x": 1,
        "outer": [{"a": 2, "inner": [{"b": 3, "d": b"xy"}, {"b": 4}]}, {"a": 5}],
        "empty": [{}, {}],
        "tail": "ä",
    }
    raw = c.encode("M", fields)
    assert (
        raw[8:].hex()
        == "01" + "020002" + "0200" + "010002" + "03" + "027879" + "04" + "00" + "0500" + "010000" + "000002" + "02c3a4"
    )
    message = c.decode(b"\xff" * 3 + raw + b"\xff", 3)
    assert message.end == 3 + len(raw)
    assert [[bytes(i.d) for i in entry.inner] for entry in message.outer] == [[b"xy", b""], []]
    assert (len(message.empty), message.tail.text, message.outer[-1].a) == (2, "ä", 5)
    assert c.encode_plain("M", message.plain()) == raw
    with pytest.raises(EncodeError) as caught:
        body_of(c, x=1, outer=[{"a": 1, "inner": [{"b": 300}]}])
    assert caught.value.path == "outer[0].inner[0].b"
    with pytest.raises(EncodeError, match="has 256 entries") as caught:
        body_of(c, x=1, empty=[{}] * 256)
    assert caught.value.code == "COUNT_OUT_OF_RANGE"
    with pytest.raises(EncodeError, match="255 bytes; 0 to 254"):
        body_of(c, x=1, tail=b"a" * 255)


VERSIONED = (
    '<field name="a" id="1" type="uint8"/><field name="b" id="2" type="uint8" sinceVersion="1"/>'
    '<field name="c" id="3" type="uint8" sinceVersion="2" presence="optional"/>'
    '<group name="g" id="4" sinceVersion="2"><field name="h" id="5" type="uint8"/></group>'
    '<data name="d" id="6" type="var" sinceVersion="1"/>'
)


def test_every_version_is_written_and_read() -> None:
    c = codec("", VERSIONED, version=2)
    fields = {"a": 1, "b": 2, "c": 3, "g": [{"h": 4}], "d": b"z"}
    assert c.encode("M", fields, version=0)[8:].hex() == "01"
    assert c.encode("M", fields, version=1)[8:].hex() == "0102" + "017a"
    assert c.encode("M", fields)[8:].hex() == "010203" + "01000104" + "017a"
    old = c.decode(c.encode("M", fields, version=0))
    assert (old.version, old.a, old.b, old.c, old.g, old.d) == (0, 1, None, None, None, None)
    assert old.plain()["b"] == old.plain()["g"] == old.plain()["d"] == {"absent": True}
    assert c.encode_plain("M", old.plain(), version=0) == c.encode("M", fields, version=0)
    with pytest.raises(EncodeError, match="from version 0 to 2, not in 3"):
        c.encode("M", fields, version=3)


def test_a_short_block_has_absent_fields_and_a_long_one_is_skipped() -> None:
    c = codec("", '<field name="a" id="1" type="uint8"/><field name="b" id="2" type="uint32"/>')
    short = c.decode(bytes.fromhex("0300010007000000" + "aabbcc"))
    assert (short.a, short.b, short.end) == (0xAA, None, 11), "a field that is cut is absent, not half read"
    long = c.decode(bytes.fromhex("0600010007000000" + "aa01000000ee"))
    assert (long.b, long.end) == (1, 14)


def test_unknown_groups_and_data_of_a_newer_version_are_skipped_where_they_are_counted() -> None:
    counts = number("numGroups", "uint16") + number("numVarDataFields", "uint16")
    header = HEADER.replace("</composite>", counts + "</composite>")
    dimension = composite("dim", number("blockLength", "uint16"), number("numInGroup", "uint16"), counts)
    group = '<group name="g" id="2" dimensionType="dim"><field name="a" id="3" type="uint8"/></group>'
    data = '<data name="d" id="9" type="var"/>'
    newer_group = (
        '<group name="n" id="4" dimensionType="dim" sinceVersion="1"><field name="b" id="5" type="uint8"/>'
        '<group name="m" id="6" dimensionType="dim" sinceVersion="1"><field name="c" id="7" type="uint8"/></group>'
        '<data name="e" id="8" type="var" sinceVersion="1"/></group>'
    )
    old = codec(dimension, group + data, header=header)
    new = codec(
        dimension,
        group + newer_group + data + '<data name="f" id="10" type="var" sinceVersion="1"/>',
        version=1,
        header=header,
    )
    entries = [{"b": 2, "m": [{"c": 3}, {"c": 4}], "e": b"123"}, {"b": 5}]
    raw = new.encode("M", {"g": [{"a": 1}], "n": entries, "d": b"known", "f": b"new"})
    assert raw[8:12].hex() == "02000200"
    message = old.decode(raw)
    assert (message.newer, [e.a for e in message.g], bytes(message.d), message.end) == (True, [1], b"known", len(raw))


def test_template_and_lengths_from_the_caller() -> None:
    c = codec("", VERSIONED, version=2)
    message = c.decode_body(bytes.fromhex("ff0102"), 1, block_length=2, version=0, offset=1)
    assert (message.a, message.b, message.header, message.end) == (1, None, None, 3)
    assert c.encode_body("M", {"a": 1, "b": 2}) == bytes.fromhex("0102ff" + "010000" + "00")
    with pytest.raises(DecodeError, match="no message with template id 9") as caught:
        c.decode_body(b"", 9)
    assert caught.value.code == "UNKNOWN_TEMPLATE"


def test_a_header_of_a_venue_with_members_of_its_own() -> None:
    header = composite(
        "Frame",
        number("frameLength", "uint16"),
        number("blockLength", "uint8"),
        '<set name="flags" encodingType="uint8"><choice name="Last">7</choice></set>',
        number("templateId", "uint8"),
        number("version", "uint16"),
        number("schemaId", "uint32", 'offset="8"'),
    )
    c = codec(
        "", '<field name="a" id="1" type="uint8"/>', extra='headerType="Frame" byteOrder="bigEndian"', header=header
    )
    raw = c.encode("M", {"a": 9}, header={"frameLength": 13, "flags": ["Last"]})
    assert raw.hex() == "000d" + "01" + "80" + "01" + "0000" + "00" + "00000007" + "09"
    message = c.decode(raw)
    assert message.header is not None
    assert (message.header.frameLength, list(message.header.flags), message.a) == (13, ["Last"], 9)


def test_dimensions_are_read_by_member_name() -> None:
    dimension = composite("dim", number("blockLength", "uint16"), number("numInGroup", "uint8", 'offset="7"'))
    c = codec(dimension, '<group name="g" id="1" dimensionType="dim"><field name="a" id="2" type="uint8"/></group>')
    assert body_of(c, g=[{"a": 5}]) == "0100" + "0000000000" + "01" + "05"
    assert c.decode(c.encode("M", {"g": [{"a": 5}]})).g[0].a == 5


def test_a_payload_without_length_zero_is_still_variable() -> None:
    types = composite("v8", number("length", "uint32"), number("varData", "int8"))
    c = codec(types, '<data name="d" id="1" type="v8"/>')
    assert body_of(c, d=b"abc") == "03000000616263"
    assert bytes(c.decode(c.encode("M", {"d": b"abc"})).d) == b"abc"


def test_a_reserved_field_defaults_to_its_only_value() -> None:
    c = codec('<type name="R" primitiveType="uint8" minValue="0" maxValue="0"/>', '<field name="r" id="1" type="R"/>')
    assert body_of(c) == "00"


def test_names_that_are_keywords_or_attributes() -> None:
    c = codec("", '<field name="end" id="1" type="uint8"/><field name="class" id="2" type="uint8"/>')
    message = c.decode(c.encode("M", {"end": 1, "class": 2}))
    assert (message["end"], message["class"], message.end) == (1, 2, 10)
    with pytest.raises(AttributeError, match="there are end, class"):
        _ = message.begin


def test_the_digest_changes_with_the_bytes_and_not_with_the_words() -> None:
    plain = codec("", '<field name="a" id="1" type="uint8"/>').schema.digest
    assert codec("", '\n<field name="a" id="1" type="uint8" description="words"/>').schema.digest == plain
    assert codec("", '<field name="a" id="1" type="int8"/>').schema.digest != plain
    assert codec("", '<field name="a" id="1" type="uint8" presence="optional"/>').schema.digest != plain
