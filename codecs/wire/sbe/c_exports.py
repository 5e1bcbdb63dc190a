"""The exported C functions: check, decode and encode of a message, and those that read the template from a header."""

from __future__ import annotations

from wire.sbe.c_blocks import CBody
from wire.sbe.c_counters import count_in, read_counter, write_counter
from wire.sbe.ir import Schema
from wire.sbe.plan import HeaderPlan

_WHERE = "const uint8_t *buf, int64_t length, int64_t at"
_KNOWN = "int64_t block_length, int64_t version"
_WORDS = "int64_t *out, int64_t words_max"
_WRITES = (
    "const int64_t *words, int64_t words_count, const uint8_t *pool, int64_t pool_bytes, uint8_t *out, "
    "int64_t out_bytes"
)
_ARGUMENTS = "words, words_count, pool, pool_bytes"


def message_exports(body: CBody) -> list[str]:
    """`S_check`, `S_decode`, `S_encode`, and `S_read` behind the first two."""
    symbol = body.symbol
    out = [
        f"PX_INLINE int64_t {symbol}_read({_WHERE}, {_KNOWN}, uint64_t groups, uint64_t data, {_WORDS}, "
        "const int values)",
        "{",
        "    PX_walk w = {buf, length, version, version > PX_SCHEMA_VERSION, out, words_max, 8, at};",
        "    int64_t code;",
        "    if (length < 0 || at < 0 || at > length || block_length < 0 || block_length > length - at)",
        "        code = PX_TRUNCATED_BLOCK;",
        "    else",
        f"        code = {symbol}_body(&w, at, block_length, groups, data, values);",
        "    if (words_max >= 8) {",
        "        out[0] = w.words;",
        f"        out[1] = {symbol}_TEMPLATE_ID;",
        "        out[2] = version;",
        "        out[3] = block_length;",
        "        out[4] = at;",
        "        out[5] = code < 0 ? w.fault_at : code;",
        "        out[6] = w.newer;",
        "        out[7] = 0;",
        "    }",
        "    return code;",
        "}",
    ]
    for name, values in (("check", 0), ("decode", 1)):
        out += [
            f"int64_t {symbol}_{name}({_WHERE}, {_KNOWN}, {_WORDS})",
            "{",
            f"    return {symbol}_read(buf, length, at, block_length, version, 0, 0, out, words_max, {values});",
            "}",
        ]
    return [
        *out,
        f"int64_t {symbol}_encode({_WRITES}, int64_t version)",
        "{",
        "    PX_writer w = {words, words_count, 8, pool, pool_bytes, out, out_bytes, 0, version};",
        f"    int64_t code = {symbol}_put(&w);",
        "    return code < 0 ? code : w.used;",
        "}",
    ]


def header_exports(
    schema: Schema,
    header: HeaderPlan,
    bodies: list[CBody],
) -> list[str]:
    """`dispatch`, `decode`, `decode_body`, `encode`."""
    out = [
        "",
        "/* --- by the message header */",
        "static int64_t PX__by_template("
        f"{_WHERE}, int64_t template_id, {_KNOWN}, uint64_t groups, uint64_t data, {_WORDS}, int values)",
        "{",
        "    (void)groups;",
        "    (void)data;",
        "    switch (template_id) {",
    ]
    counted = header.group_count is not None or header.data_count is not None
    for body in bodies:
        out.append(f"    case {body.symbol}_TEMPLATE_ID:")
        known = "buf, length, at, block_length, version"
        for values, name in ((1, "decode"), (0, "check")):
            call = f"_{name}({known}, out, words_max)"
            if counted:
                call = f"_read({known}, groups, data, out, words_max, {values})"
            lead = "return values ? " if values else "              : "
            out.append(f"        {lead}{body.symbol}{call}{'' if values else ';'}")
    out += [
        "    }",
        "    if (words_max >= 8) {",
        "        memset(out, 0, 8 * sizeof *out);",
        "        out[1] = template_id;",
        "        out[5] = at;",
        "    }",
        "    return PX_UNKNOWN_TEMPLATE;",
        "}",
        f"PX_INLINE int64_t PX__at_header({_WHERE}, {_WORDS}, const int values)",
        "{",
        "    if (words_max >= 8) {",
        "        memset(out, 0, 8 * sizeof *out);",
        "        out[5] = at;",
        "    }",
        f"    if (length < 0 || at < 0 || at > length || length - at < {header.size})",
        "        return PX_TRUNCATED_HEADER;",
        "    const uint8_t *p = buf + at;",
    ]
    if header.schema_id is not None and header.schema_id.packer is not None:
        out += [
            f"    if ({read_counter(header.schema_id, 'p')} != UINT64_C({schema.id}))",
            "        return PX_WRONG_SCHEMA;",
        ]
    version = read_counter(header.version, "p") if header.version else str(schema.version)
    out += [
        f"    uint64_t template_id = {read_counter(header.template_id, 'p')};",
        f"    uint64_t version = {version};",
        *([f"    uint64_t block_length = {read_counter(header.block_length, 'p')};"] if header.block_length else []),
        *([] if header.block_length else _compiled_length(bodies)),
        "    if (template_id > (uint64_t)INT64_MAX)",
        "        return PX_UNKNOWN_TEMPLATE;",
        "    if (version > (uint64_t)INT64_MAX)",
        "        version = (uint64_t)INT64_MAX;",
        "    if (block_length > (uint64_t)INT64_MAX)",
        "        block_length = (uint64_t)INT64_MAX;",
    ]
    groups = read_counter(header.group_count, "p") if header.group_count else "0"
    data = read_counter(header.data_count, "p") if header.data_count else "0"
    out += [
        f"    int64_t code = PX__by_template(buf, length, at + {header.size}, (int64_t)template_id, "
        f"(int64_t)block_length, (int64_t)version, {groups}, {data}, out, words_max, values);",
        "    if (code == PX_UNKNOWN_TEMPLATE && words_max >= 8)",
        "        out[5] = at;",
        "    return code;",
        "}",
    ]
    for name, values in (("dispatch", 0), ("decode", 1)):
        out += [
            f"int64_t PX_{name}({_WHERE}, {_WORDS})",
            "{",
            f"    return PX__at_header(buf, length, at, out, words_max, {values});",
            "}",
        ]
    out += [
        f"int64_t PX_decode_body({_WHERE}, int64_t template_id, {_KNOWN}, {_WORDS})",
        "{",
        "    return PX__by_template(buf, length, at, template_id, block_length, version, 0, 0, out, words_max, 1);",
        "}",
    ]
    return out + _encode(schema, header, bodies)


def _compiled_length(bodies: list[CBody]) -> list[str]:
    """The header says no block length: it is the schema's."""
    out = ["    uint64_t block_length = 0;", "    switch (template_id) {"]
    for body in bodies:
        out += [f"    case {body.symbol}_TEMPLATE_ID:", f"        block_length = {body.plan.length};", "        break;"]
    return [*out, "    }"]


def _encode(schema: Schema, header: HeaderPlan, bodies: list[CBody]) -> list[str]:
    known = (
        (header.block_length, "block_length"),
        (header.template_id, "template_id"),
        (header.schema_id, "schema_id"),
        (header.version, "version"),
        (header.group_count, "groups"),
        (header.data_count, "data"),
    )
    out = [
        "/* Header and body of the message whose words 1 and 2 give template and version. */",
        f"int64_t PX_encode({_WRITES})",
        "{",
        f"    if (words_count < 8 || out_bytes < {header.size})",
        "        return words_count < 8 ? PX_BAD_WORDS : PX_NO_ROOM;",
        "    int64_t template_id = words[1], version = words[2], used = 0, block_length = 0, groups = 0, data = 0;",
        f"    const int64_t schema_id = {schema.id};",
        "    uint8_t *p = out;",
        f"    memset(p, 0, {header.size});",
        "    switch (template_id) {",
    ]
    rest = f"out + {header.size}, out_bytes - {header.size}"
    for body in bodies:
        out += [
            f"    case {body.symbol}_TEMPLATE_ID:",
            f"        used = {body.symbol}_encode({_ARGUMENTS}, {rest}, version);",
            f"        block_length = {body.symbol}_length_in(version);",
        ]
        for counter, name, parts in (
            (header.group_count, "groups", body.plan.groups),
            (header.data_count, "data", body.plan.data),
        ):
            if counter is not None:
                out.append(f"        {name} = {count_in(parts).replace('w->', '')};")
        out.append("        break;")
    out += ["    default:", "        return PX_UNKNOWN_TEMPLATE;", "    }", "    if (used < 0)", "        return used;"]
    for counter, name in known:
        if counter is not None and counter.packer is None:
            out.append(f"    (void){name};")  # a constant of the header is not on the wire
        else:
            out += write_counter(counter, name)
    return [*out, f"    return used + {header.size};", "}"]
