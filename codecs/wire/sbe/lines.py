"""Messages as lines: hex to JSON and back, the formats of `pitwire sbe decode` and `pitwire sbe encode`."""

from __future__ import annotations

import binascii
import json
from typing import Any

from wire.sbe import refusals
from wire.sbe.codec import Codec
from wire.sbe.refusals import CodecError
from wire.sbe.values import Message


def message_object(message: Message) -> dict[str, Any]:
    """What a line says of a message: {"message", "template_id", "version", "block_length", "end", "fields"}."""
    return {
        "message": message.name,
        "template_id": message.template_id,
        "version": message.version,
        "block_length": message.block_length,
        "end": message.end,
        "fields": message.plain(),
    }


def error_object(error: CodecError) -> dict[str, Any]:
    """What a line says where there is no message: {"error": CODE, "sentence"}."""
    return {"error": error.code, "sentence": error.sentence}


def hex_octets(text: str) -> bytes:
    """The bytes of hex digits, spaces between bytes allowed. Raises CodecError."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CodecError(refusals.NOT_HEX, "The line is not pairs of hex digits.") from None


def decoded(codec: Codec, octets: bytes, offset: int = 0) -> dict[str, Any]:
    """The object of the message at `offset`, or of what is wrong with it."""
    try:
        return message_object(codec.decode(octets, offset))
    except CodecError as error:
        return error_object(error)


def decode_line(codec: Codec, line: str) -> dict[str, Any]:
    """The object of one hex message, header included."""
    try:
        return decoded(codec, hex_octets(line))
    except CodecError as error:
        return error_object(error)


def encode_line(codec: Codec, line: str) -> str:
    """Hex of the message in a JSON object {"message", "fields"}, with "version" where it is an older one.

    A version above the schema's, as a decoded message may have, is written as the schema's. Raises CodecError.
    """
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deep or holds no text"
        raise CodecError(refusals.NOT_JSON, f"The line is not JSON: {reason}.") from None
    if not isinstance(item, dict) or not isinstance(item.get("message"), str):
        raise CodecError(refusals.NOT_JSON, 'The line is not an object with "message" and "fields".')
    version = item.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise CodecError(refusals.WRONG_VALUE, '"version" is not an integer.')
    fields = item.get("fields") or {}
    if not isinstance(fields, dict):
        raise CodecError(refusals.WRONG_VALUE, '"fields" is not an object.')
    if version is not None:
        version = min(version, codec.schema.version)
    octets = codec.encode_plain(item["message"], fields, version=version)
    return binascii.hexlify(octets).decode()
