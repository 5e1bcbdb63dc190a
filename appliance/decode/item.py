"""One line of `pitwire decode`: where it was found, what it is, and its values; as text and as JSON."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from wire.sbe.values import DataValue, EnumValue, SetValue, TimeValue

NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND
TIME_NS_END = 1 << 63
HEX_BYTES_MAX = 64
"""Bytes of an unknown that a line of text shows; JSON has all."""
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()


class Item(NamedTuple):
    """One message, record or thing that is neither.

    `place` says where: JSON-ready values, times in ns under keys that end in `time_ns`. `name` is the message's; empty
    where it is not known, then `problem` says why and `octets` are its bytes. `prices` names the fields in 1e-9.
    """

    place: Mapping[str, Any]
    name: str = ""
    fields: Mapping[str, Any] = {}
    prices: frozenset[str] = frozenset()
    problem: str = ""
    octets: bytes = b""


def utc_text(time_ns: int) -> str:
    """ISO 8601 with nine places; the number itself where it is no time of the years 1970 to 2262."""
    if not 0 <= time_ns < TIME_NS_END:
        return str(time_ns)
    days, rest_ns = divmod(time_ns, NS_PER_DAY)
    seconds, fraction_ns = divmod(rest_ns, NS_PER_SECOND)
    date = datetime.date.fromordinal(_EPOCH_DAY + days)
    return f"{date}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction_ns:09}Z"


def price_text(price_nanos: int) -> str:
    """Exact decimal text of a price in 1e-9."""
    sign = "-" if price_nanos < 0 else ""
    units, fraction = divmod(abs(price_nanos), NS_PER_SECOND)
    return f"{sign}{units}.{fraction:09}".rstrip("0").rstrip(".")


def uuid_text(octets: bytes) -> str:
    """The usual form of 16 bytes, hexadecimal of any other number."""
    return str(UUID(bytes=octets)) if len(octets) == 16 else octets.hex()


def _octets_text(octets: bytes) -> str:
    if octets.isascii() and octets.decode().isprintable():
        return json.dumps(octets.decode())
    return f"0x{octets.hex()}"


def text_of(value: Any) -> str:
    """A decoded value for people."""
    match value:
        case EnumValue():
            return value.name or f"unknown({int(value)})"
        case SetValue():
            rest = int(value)
            named = "|".join(value)
            return f"{named}({rest:#x})" if named else f"{rest:#x}"
        case TimeValue():
            return utc_text(value.ns)
        case DataValue():
            return _octets_text(value)
        case bytes():
            return uuid_text(value)
        case str():
            return json.dumps(value)
        case Mapping():
            return "{" + _fields_text(value, frozenset()) + "}"
        case list() | tuple():
            numbers = all(type(item) is int and 0 <= item < 256 for item in value)
            return uuid_text(bytes(value)) if value and numbers else f"[{', '.join(map(text_of, value))}]"
        case None:
            return "null"
    if hasattr(value, "__getitem__"):  # the entries of a group
        return f"[{', '.join(text_of(item) for item in value)}]"
    return str(value)


def plain_of(value: Any) -> Any:
    """A decoded value as JSON can hold it: numbers as on the wire, enumerators by name, sets with their number."""
    match value:
        case EnumValue():
            return value.name or int(value)
        case SetValue():
            return {"set": list(value), "raw": int(value)}
        case TimeValue():
            return value.ns
        case bytes():
            return value.hex()
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {name: plain_of(item) for name, item in value.items()}
        case list() | tuple():
            numbers = all(type(item) is int and 0 <= item < 256 for item in value)
            return uuid_text(bytes(value)) if value and numbers else [plain_of(item) for item in value]
    if hasattr(value, "__getitem__"):
        return [plain_of(item) for item in value]
    return str(value)


def _fields_text(fields: Mapping[str, Any], prices: frozenset[str]) -> str:
    """`name=value` of every field but nulls, empty sets and reserved zeros."""
    words = []
    for name, value in fields.items():
        if value is None or (isinstance(value, SetValue) and not value) or (name.startswith("Reserved") and not value):
            continue
        words.append(f"{name}={price_text(value) if name in prices else text_of(value)}")
    return " ".join(words)


def line_of(item: Item) -> str:
    """One line of text."""
    words = []
    for name, value in item.place.items():
        if name == "time_ns":
            words.append(utc_text(value))
        elif name == "from":
            words.append(f"{value} >")
        elif name == "to":
            words.append(str(value))
        else:
            text = str(value)  # a comment may hold line ends and what terminals obey
            words.append(f"{name}={text if text.isprintable() else json.dumps(text)}")
    if item.problem:
        octets = item.octets[:HEX_BYTES_MAX].hex()
        more = f" and {len(item.octets) - HEX_BYTES_MAX} more" if len(item.octets) > HEX_BYTES_MAX else ""
        words.append(f"UNKNOWN {item.problem} ({len(item.octets)} bytes: {octets or 'none'}{more})")
    else:
        words += [item.name, _fields_text(item.fields, item.prices)]
    return " ".join(word for word in words if word)


def json_of(item: Item) -> str:
    """One JSON object on one line. Prices stay in 1e-9, times in ns."""
    described: dict[str, Any] = dict(item.place)
    if item.problem:
        described |= {"problem": item.problem, "bytes": len(item.octets), "hex": item.octets.hex()}
    else:
        described |= {"message": item.name, "fields": {name: plain_of(value) for name, value in item.fields.items()}}
    return json.dumps(described)
