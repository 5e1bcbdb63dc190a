"""The messages in a UDP payload: FIXP with order entry behind it, market data packets, or a schema of the caller's.

What a payload is, its bytes say: FIXP and SBE by the schema id in the first message header, a market data packet by
frames that fit it exactly. Everything else, and everything behind damage, is given as unknown bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.decode.item import Item, uuid_text
from wire.blocks import SCHEMA_FOLDERS
from wire.framing import packets
from wire.gen import fixp_tables
from wire.sbe.codec import Codec, load_schema
from wire.sbe.refusals import TRUNCATED_HEADER, UNKNOWN_TEMPLATE, WRONG_SCHEMA, DecodeError
from wire.sbe.values import Message

OWN_SCHEMAS = ("fixp", "order_entry", "market_data")
OWN_PACKAGE = "pitwire."
"""Their packages start so; a field of their type Price is in 1e-9."""
_ASKED_IS_OTHER = (WRONG_SCHEMA, UNKNOWN_TEMPLATE, TRUNCATED_HEADER)
_HEADER = struct.Struct("<HHHH")  # every schema of ours has this header: block length, template, schema, version
_PACKET_FLAG_NAMES = {
    packets.FLAG_INCREMENTAL: "incremental",
    packets.FLAG_SNAPSHOT: "snapshot",
    packets.FLAG_RETRANSMIT: "retransmit",
}


class PayloadDecoder:
    """Codecs of the project's schemas, and of one more (`schema`), which is tried first."""

    def __init__(self, schema: Codec | None = None) -> None:
        self._asked = schema
        self._own = {codec.schema.id: codec for codec in map(_own_codec, OWN_SCHEMAS)}
        self._prices: dict[tuple[int, str], frozenset[str]] = {}
        for codec in (*self._own.values(), *((schema,) if schema else ())):
            for message in codec.schema.messages:
                self._prices[id(codec), message.name] = frozenset(
                    field.name
                    for field in message.block.fields
                    if codec.schema.package.startswith(OWN_PACKAGE) and field.encoding.name == "Price"
                )

    def items(self, payload: bytes, place: Mapping[str, Any]) -> Iterator[Item]:
        """The messages of a payload; `place` is where it was found, and the start of each item's place."""
        if not payload:
            yield Item({**place}, "EmptyDatagram")
        elif not self._is_asked(payload) and (bounds := self._frames(payload)) is not None:
            yield from self._packet(payload, place, bounds)
        else:
            yield from self._messages(payload, place)

    def _is_asked(self, payload: bytes, at: int = 0) -> bool:
        """Whether the message at `at` is of the asked schema, be it damaged."""
        if self._asked is None:
            return False
        try:
            self._asked.decode(payload, at)
        except DecodeError as error:
            return error.code not in _ASKED_IS_OTHER
        return True

    def _codec_at(self, payload: bytes, at: int) -> Codec | None:
        """The codec for the message at `at`: the asked one, or else by its schema id."""
        if self._is_asked(payload, at):
            return self._asked
        if at + _HEADER.size > len(payload):
            return None
        return self._own.get(_HEADER.unpack_from(payload, at)[2])

    def _messages(self, payload: bytes, place: Mapping[str, Any]) -> Iterator[Item]:
        """Messages back to back. A Context is shown by the messages that it numbers; alone, as itself."""
        at, here = 0, dict(place)
        while at < len(payload):
            codec = self._codec_at(payload, at)
            if codec is None:
                yield self._unknown(payload[at:], _unnumbered(here))
                return
            try:
                message = codec.decode(payload, at)
            except DecodeError as error:
                yield Item(_unnumbered(here), problem=error.sentence, octets=payload[at:])
                return
            at = message.end
            context = _context_of(codec, message) if at < len(payload) else None
            if context is not None:
                here = {**place, **context}
                continue
            yield self._item(codec, message, here)
            if "number" in here:
                here = {**here, "number": here["number"] + 1}

    def _frames(self, payload: bytes) -> list[tuple[int, int]] | None:
        """Where the messages of a market data packet stand, if the payload is one to the last byte."""
        try:
            header = packets.parse_header(payload)
            bounds = list(packets.frames(payload, header.message_count))
        except packets.PacketError:
            return None
        fits = header.flags < 8 and (bounds[-1][1] if bounds else packets.HEADER_BYTES) == len(payload)
        known = all(self._codec_at(payload[:end], start) is not None for start, end in bounds)
        return bounds if fits and known else None

    def _packet(self, payload: bytes, place: Mapping[str, Any], bounds: list[tuple[int, int]]) -> Iterator[Item]:
        header = packets.parse_header(payload)
        flags = "|".join(name for bit, name in _PACKET_FLAG_NAMES.items() if header.flags & bit) or "none"
        here = {**place, "channel": header.channel_id, "epoch": header.epoch, "flags": flags}
        if not bounds:
            yield Item({**here, "number": header.sequence}, "Heartbeat", {"SendingTime": header.sending_time_ns})
        for position, (start, end) in enumerate(bounds):
            numbered = {**here, "number": header.sequence + position} if header.flags else here
            codec = self._codec_at(payload[:end], start)
            assert codec is not None  # `_frames` has seen to it
            try:
                yield self._item(codec, codec.decode(payload[:end], start), numbered)
            except DecodeError as error:
                yield Item(numbered, problem=error.sentence, octets=payload[start:end])

    def _item(self, codec: Codec, message: Message, place: Mapping[str, Any]) -> Item:
        return Item(place, message.name, message, self._prices[id(codec), message.name])

    def _unknown(self, octets: bytes, place: Mapping[str, Any]) -> Item:
        if len(octets) < _HEADER.size:
            return Item({**place}, problem="These are fewer bytes than a message header has.", octets=octets)
        schema_id = _HEADER.unpack_from(octets)[2]
        return Item({**place}, problem=f"No schema with id {schema_id} is at hand.", octets=octets)


def _context_of(codec: Codec, message: Message) -> dict[str, Any] | None:
    """The session and first number that a whole FIXP Context gives to the messages behind it."""
    if message.template_id != fixp_tables.Context_TEMPLATE_ID or codec.schema.id != fixp_tables.SCHEMA_ID:
        return None
    session_id, number = message["SessionId"], message["NextSeqNo"]
    return {"session": uuid_text(bytes(session_id)), "number": int(number)} if session_id and number else None


def _unnumbered(place: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in place.items() if name != "number"}


def _own_codec(name: str) -> Codec:
    for folder in SCHEMA_FOLDERS:
        path = folder / f"{name}.xml"
        if path.exists():
            return load_schema(path)
    raise FileNotFoundError(f"{name}.xml")
