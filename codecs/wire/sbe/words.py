"""The words of the compiled C as messages, and values as such words (`wire.sbe.emit_c` says how they stand)."""

from __future__ import annotations

import struct
from typing import Any

from wire.sbe.c_blocks import is_walked
from wire.sbe.encoding import Encoder, Fields
from wire.sbe.plan import ABSENT, BodyPlan, DataPlan, GroupPlan, MessagePlan
from wire.sbe.values import DataValue, Entries, Entry, Message

_DOUBLE = struct.Struct("<d")
_WORD = struct.Struct("<q")
_ALL = (1 << 64) - 1
HEADER_WORDS = 8


class WordReader:
    """A message out of its words and the bytes it was decoded from."""

    def __init__(self, words: list[int], data: Any) -> None:
        self.words = words
        self.data = data
        self.at = HEADER_WORDS
        self.version = words[2]

    def message(self, plan: MessagePlan, schema_version: int) -> Message:
        """All values as the C decoded them."""
        words, body = self.words, plan.body
        message = Message(body, self._block(body, 1)[0], self.version, {}, {}, None)
        message.name = plan.message.name
        message.template_id = words[1]
        message.version, message.block_length, message.offset, message.end = words[2], words[3], words[4], words[5]
        message.newer = self.version > schema_version
        message.header = None
        self._behind(message, body)
        return message

    def _take(self, count: int) -> list[int]:
        self.at += count
        return self.words[self.at - count : self.at]

    def _block(self, body: BodyPlan, rows: int) -> list[tuple[Any, ...]]:
        """The raw values of `rows` blocks that stand column by column."""
        leaves = body.block.leaves
        if not leaves:
            return [()] * rows
        mask = 0
        for index, word in enumerate(self._take((len(leaves) + 63) // 64)):
            mask |= (word & _ALL) << 64 * index
        columns: list[list[Any]] = []
        for index, leaf in enumerate(leaves):
            column: list[Any] = self._take(rows)
            if not mask >> index & 1:
                column = [ABSENT] * rows
            elif leaf.node.items is not None:
                column = [bytes(self.data[place : place + leaf.size]) for place in column]
            elif leaf.code in "fd":
                column = [_DOUBLE.unpack(_WORD.pack(word))[0] for word in column]
            elif leaf.code == "Q":
                column = [word & _ALL for word in column]
            columns.append(column)
        return list(zip(*columns, strict=True))

    def _behind(self, entry: Entry, body: BodyPlan) -> None:
        """The groups and data behind a block."""
        for group in body.groups:
            start, stride, count = self._take(3)
            if start < 0:
                continue
            items: list[Entry] = []
            if not is_walked(group):
                rows = self._block(group.body, count) if count else []
                items = [Entry(group.body, raw, self.version, {}, {}, entry) for raw in rows]
            else:
                for _ in range(count):
                    self._take(1)
                    item = Entry(group.body, self._block(group.body, 1)[0], self.version, {}, {}, entry)
                    self._behind(item, group.body)
                    items.append(item)
            stride &= _ALL
            entry._groups[group.name] = Entries(group.body, self.data, start, stride, count, self.version, entry, items)
        for data in body.data:
            place, length = self._take(2)
            if place >= 0:
                octets = bytes(self.data[place : place + length])
                entry._data[data.name] = DataValue(octets, data.character_encoding)


class WordWriter(Encoder):
    """Values, checked as the generic encoder checks them, as words and a pool of bytes for arrays and data."""

    def __init__(self, plan: MessagePlan, version: int, *, plain: bool) -> None:
        super().__init__(plan, version, plain=plain)
        self.words = [0] * HEADER_WORDS
        self.words[1], self.words[2] = plan.message.id, version
        self.pool = bytearray()
        self.bytes_max = 0
        """The message's body has at most so many bytes."""

    def run(self, fields: Fields) -> None:
        """Fill words and pool. Raises `EncodeError`."""
        self._body(self.plan.body, fields, "", [], bytearray())
        self.words[0] = len(self.words)

    def _body(self, plan: BodyPlan, fields: Fields, path: str, scopes: list[Fields], out: bytearray) -> None:
        scopes = self._checked_scopes(plan, fields, path, scopes)
        self._rows(plan, [self._block(plan.block, fields, path, scopes)])
        for group in plan.groups:
            value = fields.get(group.name)
            if group.since > self.version:
                self.words += (-1, 0, 0)
            else:
                self._group(group, value, f"{path}.{group.name}" if path else group.name, scopes, out)
        for data in plan.data:
            if data.since > self.version:
                self.words += (-1, -1)
            else:
                self._data(data, fields.get(data.name), f"{path}.{data.name}" if path else data.name, out)

    def _rows(self, plan: BodyPlan, rows: list[list[Any]]) -> None:
        leaves = plan.block.leaves
        self.bytes_max += plan.length * len(rows)
        if not leaves or not rows:
            return
        present = sum(1 << index for index, value in enumerate(rows[0]) if value is not ABSENT)
        for at in range(0, len(leaves), 64):
            self.words.append(_as_word(present >> at & _ALL))
        for leaf, column in zip(leaves, zip(*rows, strict=True), strict=True):
            for value in column:
                self.words.append(self._word(leaf.code, value))

    def _word(self, code: str, value: Any) -> int:
        if value is ABSENT:
            return 0
        if isinstance(value, (bytes, bytearray)):
            self.pool += value
            return len(self.pool) - len(value)
        if code in "fd":
            word: int = _WORD.unpack(_DOUBLE.pack(value))[0]
            return word
        return _as_word(int(value))

    def _group(self, group: GroupPlan, entries: Any, path: str, scopes: list[Fields], out: bytearray) -> None:
        entries = self._entries(group, entries, path)
        self.words += (0, group.body.length_in(self.version), len(entries))
        self.bytes_max += group.dimension.size
        if is_walked(group):
            for index, entry in enumerate(entries):
                self.words.append(0)
                self._body(group.body, entry, f"{path}[{index}]", scopes, out)
            return
        rows = []
        for index, entry in enumerate(entries):
            place = f"{path}[{index}]"
            inner = self._checked_scopes(group.body, entry, place, scopes)
            rows.append(self._block(group.body.block, entry, place, inner))
        self._rows(group.body, rows)

    def _data(self, data: DataPlan, value: Any, path: str, out: bytearray) -> None:
        octets = self._octets(data, value, path)
        self.words += (len(self.pool), len(octets))
        self.pool += octets
        self.bytes_max += data.size + len(octets)


def _as_word(value: int) -> int:
    """The 64 bits of a number as a signed word."""
    return value - (1 << 64) if value >> 63 == 1 else value
