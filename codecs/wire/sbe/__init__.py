"""SBE (Simple Binary Encoding 1.0): `load_schema(path)` gives a codec for any schema; no numba is imported.

codec = load_schema("order_entry.xml")
octets = codec.encode("NewOrderShort", {"ClOrdID": 1, "Side": "Buy", ...})
message = codec.decode(octets)
message.name, message.Side.name, message.end
"""

from wire.sbe.codec import Codec, load_schema, load_schema_text
from wire.sbe.parser import parse_schema
from wire.sbe.problems import Problem, SchemaError
from wire.sbe.refusals import CodecError, DecodeError, EncodeError
from wire.sbe.values import Message

__all__ = [
    "Codec",
    "CodecError",
    "DecodeError",
    "EncodeError",
    "Message",
    "Problem",
    "SchemaError",
    "load_schema",
    "load_schema_text",
    "parse_schema",
]
