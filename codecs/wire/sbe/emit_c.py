"""A schema's C: a header of packed overlays and getters, a source with few exported functions a message.

`S_check` walks a message once and proves every extent; `S_decode` does the same and puts every value into words;
`S_encode` makes bytes of such words. All of them speak of one stream of int64 words:

    [0] words that the message needs  [1] template id  [2] acting version  [3] block length  [4] offset of the block
    [5] end, or where the fault shows  [6] 1: newer than the schema  [7] 0
    the block: a bit a value that says whether it is present, then the values (`decode` only)
    each group: first entry, distance of entries, entries; then for plain rows (`decode` only, where there are
        entries) the bits and the values, column by column; for entries that hold groups or data, each entry's place,
        its block and what is behind it
    each data field: offset of its bytes, length

A value is a number's bits, for a float those of the double, for an array the offset of its bytes. A group or data
field that is not in the acting version has the place -1. Where the words do not suffice, word 0 says how many do.
"""

from __future__ import annotations

from pathlib import Path

from wire.sbe import refusals
from wire.sbe.c_blocks import CBody, CGroup, all_bodies, block_functions, body_tree, is_walked, overlay
from wire.sbe.c_counters import outside_range, read_counter, when_since
from wire.sbe.c_exports import header_exports, message_exports
from wire.sbe.c_names import Names, identifier
from wire.sbe.c_writing import put_body, write_dimension
from wire.sbe.decoding import unknown_parts
from wire.sbe.ir import Schema
from wire.sbe.plan import DataPlan, DimensionPlan, GroupPlan, HeaderPlan, plan_messages

CODES = (
    refusals.TRUNCATED_HEADER,
    refusals.TRUNCATED_BLOCK,
    refusals.TRUNCATED_DIMENSION,
    refusals.TRUNCATED_LENGTH,
    refusals.GROUP_OVERRUN,
    refusals.DATA_OVERRUN,
    refusals.COUNT_OUT_OF_RANGE,
    refusals.LENGTH_OUT_OF_RANGE,
    refusals.STRIDE_ZERO,
    refusals.WRONG_SCHEMA,
    refusals.UNKNOWN_TEMPLATE,
    refusals.WRONG_VALUE,
    "NO_ROOM",
    "BAD_WORDS",
)
"""Negative results of the C functions: -1 is the first."""
HEADER_WORDS = 8
_SOURCES = Path(__file__).with_name("templates")


def emit_c(schema: Schema, stem: str, source: str) -> dict[str, str]:
    """File name to text of `<stem>.h` and `<stem>.c`; `source` is named in their first lines."""
    emitter = _Emitter(schema, identifier(stem))
    first = f"/* SBE codec of {source}, made by `pitwire sbe generate`; not to be edited. Digest {schema.digest}. */"
    header = [first, *emitter.header()]
    body = [first, f'#include "{stem}.h"', "", *emitter.source()]
    prefix = emitter.prefix
    return {
        name: "\n".join(lines).replace("PX", prefix) + "\n"
        for name, lines in ((f"{stem}.h", header), (f"{stem}.c", body))
    }


def declarations(schema: Schema, stem: str) -> str:
    """The exported functions as C declarations, for cffi."""
    emitter = _Emitter(schema, identifier(stem))
    return "\n".join(emitter.declarations()).replace("PX", emitter.prefix)


class _Emitter:
    def __init__(self, schema: Schema, prefix: str) -> None:
        self.schema = schema
        self.prefix = prefix
        self.order = ">" if schema.big_endian else "<"
        self.header_plan = HeaderPlan(schema.header, self.order)
        self.plans = plan_messages(schema, self.order)
        self.unknown = unknown_parts([plan.body for plan in self.plans])
        self.names = Names()
        for taken in ("walk", "group", "leaf", "writer", "dispatch", "decode", "decode_body", "encode", "digest"):
            self.names.free(f"{prefix}_{taken}")
        self.dimensions: dict[str, tuple[str, DimensionPlan]] = {}
        self.bodies = [
            body_tree(f"{prefix}_{plan.message.name}", plan.body, self.names, self._dimension) for plan in self.plans
        ]

    def _dimension(self, group: GroupPlan) -> str:
        """One reader and one writer for every kind of dimension."""
        plan = group.dimension
        counters = plan.block_length, plan.count, plan.group_count, plan.data_count
        key = repr([plan.size, *(counter and counter.counter for counter in counters)])
        if key not in self.dimensions:
            self.dimensions[key] = f"{self.prefix}__dimension{len(self.dimensions)}", plan
        return self.dimensions[key][0]

    # --- the header

    def header(self) -> list[str]:
        guard = f"{self.prefix.upper()}_SBE_H"
        out = [f"#ifndef {guard}", f"#define {guard}", "", "#include <stddef.h>", "#include <stdint.h>"]
        out += ["#include <string.h>", ""]
        out += [f"#define PX_{code} ({-number})" for number, code in enumerate(CODES, 1)]
        out += [f"#define PX_SCHEMA_ID {self.schema.id}", f"#define PX_SCHEMA_VERSION {self.schema.version}"]
        out += [f"#define PX_IS_BIG {int(self.schema.big_endian)}", ""]
        out += (_SOURCES / "loads.h.txt").read_text(encoding="utf-8").splitlines()
        for plan, body in zip(self.plans, self.bodies, strict=True):
            out += ["", f"/* {plan.message.name} */", f"#define {body.symbol}_TEMPLATE_ID {plan.message.id}"]
            for inner in all_bodies(body):
                out += [f"#define {inner.symbol}_BLOCK_LENGTH {inner.plan.length}", *overlay(inner, "PX")]
            if not any(is_walked(group.plan) for group in body.groups):
                at = HEADER_WORDS
                for group in body.groups:
                    out.append(f"#define {group.body.symbol}_CHECK_WORD {at}")
                    at += 3
                for index, data in enumerate(body.plan.data):
                    out.append(f"#define {body.symbol}_{identifier(data.name)}_CHECK_WORD {at + 2 * index}")
        return [*out, "", *self.declarations(), "", "#endif"]

    def declarations(self) -> list[str]:
        where = "const uint8_t *buf, int64_t length, int64_t at"
        known = "int64_t block_length, int64_t version"
        words = "int64_t *out, int64_t words_max"
        writes = "const int64_t *words, int64_t words_count, const uint8_t *pool, int64_t pool_bytes, uint8_t *out, "
        writes += "int64_t out_bytes"
        out = [
            "extern const char PX_digest[];",
            f"int64_t PX_dispatch({where}, {words});",
            f"int64_t PX_decode({where}, {words});",
            f"int64_t PX_decode_body({where}, int64_t template_id, {known}, {words});",
            f"int64_t PX_encode({writes});",
        ]
        for body in self.bodies:
            out += [
                f"int64_t {body.symbol}_check({where}, {known}, {words});",
                f"int64_t {body.symbol}_decode({where}, {known}, {words});",
                f"int64_t {body.symbol}_encode({writes}, int64_t version);",
            ]
        return out

    # --- the source

    def source(self) -> list[str]:
        out = (_SOURCES / "runtime.c.txt").read_text(encoding="utf-8").splitlines()
        out += ["", f'const char PX_digest[] = "{self.schema.digest}";', ""]
        for symbol, dimension in self.dimensions.values():
            out += [*self._read_dimension(symbol, dimension), *write_dimension(symbol, dimension)]
        out += self._unknown()
        for plan, body in zip(self.plans, self.bodies, strict=True):
            out += ["", f"/* --- {plan.message.name} */"]
            for inner in all_bodies(body):
                out += [*block_functions(inner, "PX"), *self._walk_body(inner), *put_body(inner)]
            out += message_exports(body)
        return out + header_exports(self.schema, self.header_plan, self.bodies)

    def _read_dimension(self, symbol: str, plan: DimensionPlan) -> list[str]:
        out = [
            f"PX_INLINE int64_t {symbol}_read(PX_walk *w, int64_t at, PX_group *g)",
            "{",
            f"    if (w->end - at < {plan.size})",
            "        return PX_fault(w, PX_TRUNCATED_DIMENSION, at);",
            "    const uint8_t *p = w->buf + at;",
            f"    uint64_t count = {read_counter(plan.count, 'p')};",
        ]
        outside = outside_range(plan.count, "count")
        if outside:
            out += [f"    if ({outside})", "        return PX_fault(w, PX_COUNT_OUT_OF_RANGE, at);"]
        for name, counter in (("groups", plan.group_count), ("data", plan.data_count)):
            value = f"w->newer ? {read_counter(counter, 'p')} : 0" if counter is not None else "0"
            out.append(f"    g->{name} = {value};")
        stride = read_counter(plan.block_length, "p")
        return [*out, f"    return PX_extent(w, g, at, {plan.size}, {stride}, count);", "}"]

    def _read_data(self, data: DataPlan, keep: bool) -> list[str]:
        """At `at`, which moves behind the data."""
        out = [
            f"        if (w->end - at < {data.size})",
            "            return PX_fault(w, PX_TRUNCATED_LENGTH, at);",
            f"        uint64_t length = {read_counter(data.length, 'w->buf + at')};",
            f"        if (length > (uint64_t)(w->end - at - {data.size}))",
            "            return PX_fault(w, PX_DATA_OVERRUN, at);",
        ]
        outside = outside_range(data.length, "length")
        if outside:
            out += [f"        if ({outside})", "            return PX_fault(w, PX_LENGTH_OUT_OF_RANGE, at);"]
        if keep:
            out.append(f"        PX_put_data(w, at + {data.size}, (int64_t)length);")
        return [*out, f"        at += {data.size} + (int64_t)length;"]

    def _unknown(self) -> list[str]:
        """Groups and data that only a newer schema knows, where dimensions and header count them."""
        out: list[str] = []
        if self.unknown.data is not None:
            lines = self._read_data(self.unknown.data, keep=False)
            out += ["__attribute__((unused)) static int64_t PX__skip_data(PX_walk *w, int64_t at)", "{"]
            out += [*(line[4:] for line in lines), "    return at;", "}"]
        if self.unknown.dimension is None:
            return out
        symbol = next(s for s, plan in self.dimensions.values() if self._same(plan, self.unknown.dimension))
        data = "data"
        return [
            *out,
            "static int64_t PX__skip_group(PX_walk *w, int64_t at, int depth)",
            "{",
            "    PX_group g;",
            "    if (depth > PX_UNKNOWN_DEPTH_MAX)",
            "        return PX_fault(w, PX_GROUP_OVERRUN, at);",
            f"    int64_t code = {symbol}_read(w, at, &g);",
            "    if (code < 0)",
            "        return code;",
            f"    if (g.groups == 0 && g.{data} == 0)",
            "        return g.start + g.stride * g.count;",
            "    int64_t position = g.start;",
            "    for (int64_t i = 0; i < g.count; i++) {",
            "        if (g.stride > w->end - position)",
            "            return PX_fault(w, PX_GROUP_OVERRUN, position);",
            "        position += g.stride;",
            "        for (uint64_t n = 0; n < g.groups && position >= 0; n++)",
            "            position = PX__skip_group(w, position, depth + 1);",
            *(
                [
                    "        for (uint64_t n = 0; n < g.data && position >= 0; n++)",
                    "            position = PX__skip_data(w, position);",
                ]
                if self.unknown.data is not None
                else []
            ),
            "        if (position < 0)",
            "            return position;",
            "        if (position == g.start)",
            "            break;",
            "    }",
            "    return position;",
            "}",
        ]

    @staticmethod
    def _same(one: DimensionPlan, other: DimensionPlan | None) -> bool:
        def key(plan: DimensionPlan) -> str:
            counters = plan.block_length, plan.count, plan.group_count, plan.data_count
            return repr([plan.size, *(counter and counter.counter for counter in counters)])

        return other is not None and key(one) == key(other)

    # --- reading a body

    def _walk_body(self, body: CBody) -> list[str]:
        out: list[str] = []
        for group in body.groups:
            out += self._walk_group(group)
        if body.is_rows:
            return out
        out += [
            f"PX_INLINE int64_t {body.symbol}_body(PX_walk *w, int64_t at, int64_t block_length, uint64_t groups, "
            "uint64_t data, const int values)",
            "{",
        ]
        if body.leaves:
            words = body.mask_words
            out += [
                "    if (values) {",
                f"        int64_t *out = PX_room(w, {words + len(body.leaves)});",
                "        if (out != NULL) {",
                f"            {body.symbol}_presence(w, block_length, out);",
                f"            {body.symbol}_values(w, at, block_length, out + {words}, 1);",
                "        }",
                "    }",
            ]
        out += ["    (void)w;", "    (void)groups;", "    (void)data;", "    (void)values;", "    at += block_length;"]
        for group in body.groups:
            call = [f"at = {group.body.symbol}_group(w, at, values);", "if (at < 0)", "    return at;"]
            out += when_since(group.plan.since, call, "PX_put_words(w, -1, 0, 0);")
        if self.unknown.dimension is not None:
            out += [
                f"    for (uint64_t n = {len(body.groups)}; w->newer && n < groups; n++) {{",
                "        at = PX__skip_group(w, at, 0);",
                "        if (at < 0)",
                "            return at;",
                "    }",
            ]
        for data in body.plan.data:
            lines = ["{", *(line[4:] for line in self._read_data(data, keep=True)), "}"]
            out += when_since(data.since, lines, "PX_put_data(w, -1, -1);")
        if self.unknown.data is not None and self._counts_data():
            out += [
                f"    for (uint64_t n = {len(body.plan.data)}; w->newer && n < data; n++) {{",
                "        at = PX__skip_data(w, at);",
                "        if (at < 0)",
                "            return at;",
                "    }",
            ]
        return [*out, "    return at;", "}"]

    def _counts_data(self) -> bool:
        counted = any(plan.data_count is not None for _, plan in self.dimensions.values())
        return counted or self.header_plan.data_count is not None

    def _walk_group(self, group: CGroup) -> list[str]:
        body = group.body
        out = [
            f"PX_INLINE int64_t {body.symbol}_group(PX_walk *w, int64_t at, const int values)",
            "{",
            "    PX_group g;",
            f"    int64_t code = {group.dimension}_read(w, at, &g);",
            "    if (code < 0)",
            "        return code;",
        ]
        has_fields = f"{body.symbol}_length_in(w->version) > 0"
        if not is_walked(group.plan):
            out += [
                f"    code = PX_no_bytes(w, &g, at, {has_fields});",
                "    if (code < 0)",
                "        return code;",
                "    PX_put_words(w, g.start, g.stride, g.count);",
            ]
            if body.leaves:
                words, leaves = body.mask_words, len(body.leaves)
                out += [
                    "    if (values && g.count > 0) {",
                    f"        int64_t *out = PX_room(w, {words} + {leaves} * g.count);",
                    "        if (out != NULL) {",
                    f"            {body.symbol}_presence(w, g.stride, out);",
                    "            for (int64_t i = 0; i < g.count; i++)",
                    f"                {body.symbol}_values(w, g.start + i * g.stride, g.stride, out + {words} + i, "
                    "g.count);",
                    "        }",
                    "    }",
                ]
            return [*out, "    (void)values;", "    return g.start + g.stride * g.count;", "}"]
        inside = [*(inner.since for inner in body.plan.groups), *(data.since for data in body.plan.data)]
        rows = "g.groups == 0 && g.data == 0" + (f" && w->version < {min(inside)}" if inside else "")
        if not inside or min(inside) > 0:
            out += [
                f"    if ({rows})",
                f"        code = PX_no_bytes(w, &g, at, {has_fields});",
                "    if (code < 0)",
                "        return code;",
            ]
        return [
            *out,
            "    PX_put_words(w, g.start, g.stride, g.count);",
            "    int64_t position = g.start;",
            "    for (int64_t i = 0; i < g.count; i++) {",
            "        if (g.stride > w->end - position)",
            "            return PX_fault(w, PX_GROUP_OVERRUN, position);",
            "        PX_put_entry(w, position);",
            f"        position = {body.symbol}_body(w, position, g.stride, g.groups, g.data, values);",
            "        if (position < 0)",
            "            return position;",
            "        if (position == g.start && g.count > PX_EMPTY_ENTRIES_MAX)",
            "            return PX_fault(w, PX_GROUP_OVERRUN, at);",
            "    }",
            "    return position;",
            "}",
        ]
