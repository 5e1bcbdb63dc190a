"""An independent decoder (PyPI `sbe`) reads our messages from the shipped schemas.

What it cannot do is left out: arrays of numbers (so FIXP messages with a SessionId), sets and references inside
composites (the packet and instrument header, which no message contains), and it does not tell null from a value.
"""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from wire.sbe import Codec, generate, load_schema
from wire.sbe.ir import BitSet, Enum, Message, Scalar

sbe = pytest.importorskip("sbe", reason="the PyPI package sbe is not installed")


def witness(stem: str) -> Any:
    text = (generate.SCHEMAS / f"{stem}.xml").read_text()
    text = re.sub(r'<composite name="(packetHeader|instrumentHeader)".*?</composite>', "", text, flags=re.DOTALL)
    return sbe.Schema.parse(io.BytesIO(text.encode()))


def values_of(message: Message) -> dict[str, Any]:
    """A value for every field, as both decoders write it."""
    values: dict[str, Any] = {}
    for number, item in enumerate(message.block.fields, start=2):
        encoding = item.encoding
        if isinstance(encoding, Enum):
            values[item.name] = encoding.members[number % len(encoding.members)].name
        elif isinstance(encoding, BitSet):
            values[item.name] = [encoding.choices[number % len(encoding.choices)].name]
        else:
            assert isinstance(encoding, Scalar)
            values[item.name] = 0 if encoding.maximum == 0 else number * (257 if encoding.primitive.size > 1 else 1)
    return values


def simple_messages(codec: Codec) -> list[Message]:
    return [
        message
        for message in codec.schema.messages
        if not message.block.data
        and not any(isinstance(item.encoding, Scalar) and item.encoding.length != 1 for item in message.block.fields)
    ]


@pytest.mark.parametrize(("stem", "count"), [("order_entry", 18), ("market_data", 20), ("fixp", 4)])
def test_the_witness_reads_what_we_write(stem: str, count: int) -> None:
    codec, other = load_schema(generate.SCHEMAS / f"{stem}.xml"), witness(stem)
    messages = simple_messages(codec)
    assert len(messages) == count
    for message in messages:
        values = values_of(message)
        decoded = other.decode(codec.encode(message.name, values))
        assert decoded.message_name == message.name
        assert decoded.value == values
