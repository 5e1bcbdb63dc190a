"""Kernel accessors and the generic codec say the same of the same bytes, for any values."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.jit import INTERPRETED
from wire.sbe import Codec, generate, load_schema
from wire.sbe.ir import BitSet, Composite, Enum, Field, Message, Scalar

import numba  # isort: skip  # after native.jit, which sets its environment

QUICK = [
    ("order_entry", "NewOrderShort"),
    ("order_entry", "ExecutionReportTrade"),
    ("market_data", "OrderPut"),
    ("market_data", "AuctionUpdate"),
    ("fixp", "Context"),
]


@cache
def codec(stem: str) -> Codec:
    return load_schema(generate.SCHEMAS / f"{stem}.xml")


def numeric_fields(message: Message) -> list[Field]:
    return [item for item in message.block.fields if not is_array(item)]


def is_array(item: Field) -> bool:
    assert not isinstance(item.encoding, Composite)
    return isinstance(item.encoding, Scalar) and item.encoding.length != 1


@cache
def kernels(stem: str, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`write(buf, at, values)` and `read(buf, at, out)` over all numeric fields of a message, compiled once."""
    message = codec(stem).schema.message(name)
    assert message is not None
    names = [f"{name}_{item.name}" for item in numeric_fields(message)]
    puts = "".join(f"    put_{field}(buf, at, values[{i}])\n" for i, field in enumerate(names))
    gets = "".join(f"    out[{i}] = get_{field}(buf, at)\n" for i, field in enumerate(names))
    scope = dict(vars(importlib.import_module(f"wire.gen.{stem}")))
    exec(f"def write(buf, at, values):\n{puts}    return 0\ndef read(buf, at, out):\n{gets}    return 0\n", scope)
    if INTERPRETED:
        return scope["write"], scope["read"]
    return numba.njit(scope["write"]), numba.njit(scope["read"])


def as_int64(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def drawn_value(item: Field, data: st.DataObject) -> int:
    encoding = item.encoding
    assert not isinstance(encoding, Composite)
    low, high = int(encoding.primitive.lowest), int(encoding.primitive.highest)
    edges = st.sampled_from([low, high, 0, high - 1, *([int(item.null)] if item.null is not None else [])])
    return data.draw(edges | st.integers(low, high), label=item.name)


def plain_of(item: Field, value: int) -> Any:
    """What `Message.plain()` says of the raw value."""
    encoding = item.encoding
    if isinstance(encoding, Enum):
        return {"enum": {m.value: m.name for m in encoding.members}.get(value), "raw": value}
    if isinstance(encoding, BitSet):
        return {"set": [c.name for c in encoding.choices if value >> c.bit & 1], "raw": value}
    return None if item.presence == "optional" and value == item.null else value


def check(stem: str, name: str, data: st.DataObject) -> None:
    the_codec = codec(stem)
    message = the_codec.schema.message(name)
    assert message is not None
    write, read = kernels(stem, name)
    fields = numeric_fields(message)
    values = [drawn_value(item, data) for item in fields]
    arrays = {
        item.name: data.draw(st.binary(min_size=item.size, max_size=item.size))
        for item in message.block.fields
        if is_array(item)
    }
    plain = {item.name: plain_of(item, value) for item, value in zip(fields, values, strict=True)}
    plain |= {array: list(octets) for array, octets in arrays.items()}
    plain |= {item.name: {"hex": ""} for item in message.block.data}
    encoded = the_codec.encode_plain(name, plain)
    at = the_codec.header_size

    out = np.zeros(len(fields), np.int64)
    read(np.frombuffer(encoded, np.uint8), at, out)
    assert out.tolist() == [as_int64(value) for value in values]

    built = np.zeros(len(encoded), np.uint8)
    write(built, at, np.array([as_int64(value) for value in values], np.int64))
    built[:at] = np.frombuffer(encoded[:at], np.uint8)
    for array, octets in arrays.items():
        offset = at + vars(importlib.import_module(f"wire.gen.{stem}"))[f"{name}_{array}_OFFSET"]
        built[offset : offset + len(octets)] = np.frombuffer(octets, np.uint8)
    assert built.tobytes() == encoded
    assert the_codec.decode(built.tobytes()).plain() == plain


@pytest.mark.parametrize(("stem", "name"), QUICK)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_accessors_and_codec_agree(stem: str, name: str, data: st.DataObject) -> None:
    check(stem, name, data)


@pytest.mark.long
@pytest.mark.parametrize("stem", ["order_entry", "market_data", "fixp"])
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_accessors_and_codec_agree_on_every_message(stem: str, data: st.DataObject) -> None:
    for message in codec(stem).schema.messages:
        check(stem, message.name, data)


def test_headers_are_composites_with_accessors() -> None:
    market_data = importlib.import_module("wire.gen.market_data")

    def write(buf: Any) -> int:
        market_data.put_packetHeader_SendingTime(buf, 1, -2)
        market_data.put_packetHeader_Epoch(buf, 1, -3)
        market_data.put_frameHeader_FrameLength(buf, 25, 65535)
        market_data.put_messageHeader_templateId(buf, 27, 20)
        return market_data.get_packetHeader_Epoch(buf, 1)  # type: ignore[no-any-return]

    buf = np.zeros(40, np.uint8)
    assert (write if INTERPRETED else numba.njit(write))(buf) == -3
    assert bytes(buf) == b"\0" + (-2).to_bytes(8, "little", signed=True) + bytes(12) + b"\xfd\xff\xff\xff" + (
        b"\xff\xff" + b"\0\0" + b"\x14\0" + bytes(9)
    )
