"""The primitive types of SBE 1.0 (section 2, Field encoding): sizes, ranges and null values."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive type. `minimum` to `maximum` are the values it may have by default, `null` the one outside."""

    name: str
    size: int
    """Bytes."""
    code: str
    """Letter of the `struct` module."""
    minimum: int | float
    maximum: int | float
    null: int | float

    @property
    def is_float(self) -> bool:
        return self.code in "fd"

    @property
    def is_char(self) -> bool:
        return self.name == "char"

    @property
    def is_signed(self) -> bool:
        return self.name.startswith("int")

    @property
    def is_unsigned(self) -> bool:
        return self.name.startswith("uint")

    @property
    def lowest(self) -> int | float:
        """Smallest value that the bits can hold, null included."""
        if self.is_float:
            return -math.inf
        return -(1 << (8 * self.size - 1)) if self.is_signed else 0

    @property
    def highest(self) -> int | float:
        """Largest value that the bits can hold, null included."""
        if self.is_float:
            return math.inf
        bits = 8 * self.size
        return (1 << (bits - 1)) - 1 if self.is_signed else (1 << bits) - 1

    @property
    def kind(self) -> str:
        """Name of the type in `native.lowlevel`: u8, i64, f32, ..."""
        letter = "f" if self.is_float else "i" if self.is_signed else "u"
        return f"{letter}{8 * self.size}"


def _integers() -> dict[str, Primitive]:
    table = {}
    for size, signed, unsigned in ((1, "b", "B"), (2, "h", "H"), (4, "i", "I"), (8, "q", "Q")):
        bits = 8 * size
        top = 1 << bits
        half = 1 << (bits - 1)
        table[f"int{bits}"] = Primitive(f"int{bits}", size, signed, -half + 1, half - 1, -half)
        table[f"uint{bits}"] = Primitive(f"uint{bits}", size, unsigned, 0, top - 2, top - 1)
    return table


PRIMITIVES: dict[str, Primitive] = {
    "char": Primitive("char", 1, "B", 0x20, 0x7E, 0),
    **_integers(),
    "float": Primitive("float", 4, "f", -math.inf, math.inf, math.nan),
    "double": Primitive("double", 8, "d", -math.inf, math.inf, math.nan),
}


class NumberFault(ValueError):
    """The text is not a value of the primitive; the message says why."""


def parse_value(text: str, primitive: Primitive) -> int | float:
    """The value that `text` stands for in a schema. Raises `NumberFault` where the bits cannot hold it.

    A character is itself; a numeral of two digits or more is a character's code. Other text is a number, trimmed.
    """
    if primitive.is_char:
        return _parse_char(text)
    stripped = text.strip()
    if primitive.is_float:
        try:
            return float(stripped)
        except ValueError:
            raise NumberFault(f'"{text}" is not a number') from None
    try:
        value = int(stripped, 16) if stripped.lower().startswith(("0x", "-0x")) else int(stripped, 10)
    except ValueError:
        if len(stripped) == 1 and stripped.isascii():  # a character where the encoding is a plain octet
            value = ord(stripped)
        else:
            raise NumberFault(f'"{text}" is not an integer') from None
    if not primitive.lowest <= value <= primitive.highest:
        raise NumberFault(f"{value} does not fit into {primitive.name}")
    return value


def _parse_char(text: str) -> int:
    if len(text) != 1:
        stripped = text.strip()
        if len(stripped) != 1:
            if stripped.isdecimal() and stripped.isascii() and int(stripped) <= 255:
                return int(stripped)
            if stripped.lower().startswith("0x") and len(stripped) <= 4:
                try:
                    return int(stripped, 16)
                except ValueError:
                    pass
            raise NumberFault(f'"{text}" is not one character')
        text = stripped
    code = ord(text)
    if code > 255:
        raise NumberFault(f'"{text}" does not fit into one octet')
    return code
