"""What a server sends, taken apart: session messages of FIXP, and application messages with their implied numbers.

One datagram of UDP or one frame of TCP at a time, wholly or not at all: nothing of what cannot be read is used.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from wire.blocks import BlockError, schema

FIXP: Final = schema("fixp")
ORDER_ENTRY: Final = schema("order_entry")
HEADER: Final = FIXP.header
NUMBERED_FIXP: Final = frozenset({"Applied", "NotApplied"})
"""Messages of FIXP that count as application messages."""
_SETS_THE_NUMBER: Final = frozenset({"Context", "Sequence", "Retransmission"})


class Item(NamedTuple):
    """One message. `number`: that of an application message; None: a session message, which has none."""

    number: int | None
    name: str
    values: Any
    """Its fields; None where the template is not known."""


class Parsed(NamedTuple):
    """The messages, or None where they are for another session; and the number of the next one on this transport."""

    items: list[Item] | None
    next_number: int | None


def parse(octets: bytes, session_id: bytes, next_number: int | None = None, *, is_copy: bool = False) -> Parsed:
    """The messages in `octets`. `next_number`: that of the first application message where nothing before it says one
    (a stream); None where something must (a datagram). `is_copy`: they are of a flow that Topic names, to which
    messages of other flows were copied, with the numbers that they have there. Raises BlockError.
    """
    items: list[Item] = []
    at, number, end = 0, next_number, len(octets)
    if not end:
        raise BlockError("There is no message at all.")
    while at < end:
        if end - at < HEADER.size:
            raise BlockError("A message header is cut short.")
        header = HEADER.unpack(octets, at)
        after = at + HEADER.size + header.blockLength
        if after > end:
            raise BlockError(f"The block of template {header.templateId} is cut short.")
        family = FIXP if header.schemaId == FIXP.schema_id else ORDER_ENTRY
        if header.schemaId != family.schema_id or header.templateId not in family.by_template:
            name, values = f"template {header.templateId}", None
        else:
            message = family.decode(octets, at)
            name, values, after = message.block.name, message.values, message.end
            if header.blockLength < message.block.size:  # no version of a schema is shorter than its first
                raise BlockError(f"{name} is shorter than it must be.")
        if family is ORDER_ENTRY or name in NUMBERED_FIXP:
            if number is None:
                raise BlockError(f"{name} stands where nothing has said its number.")
            if not is_copy:
                _check_number(name, values, number)
            items.append(Item(number, name, values))
            number += 1
        else:
            owner = getattr(values, "SessionId", session_id)
            if owner != session_id and not (is_copy and name == "Topic"):
                return Parsed(None, next_number)
            if values is not None and name in _SETS_THE_NUMBER:
                number = values.NextSeqNo
            items.append(Item(None, name, values))
        at = after
    return Parsed(items, number)


def _check_number(name: str, values: Any, number: int) -> None:
    """Reports say their number themselves, too: where the two differ, one was damaged on the way."""
    told = getattr(values, "MsgSeqNum", None)
    if told and told != number:
        raise BlockError(f"{name} says that it is number {told}, its datagram that it is {number}.")
