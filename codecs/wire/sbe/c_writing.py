"""The C that writes: dimensions, bodies, groups and data out of the words of a message."""

from __future__ import annotations

from wire.sbe.c_blocks import CBody, CGroup, is_walked
from wire.sbe.c_counters import count_in, outside_range, when_since, write_counter
from wire.sbe.plan import DataPlan, DimensionPlan


def _claim(covered: int, size: int) -> str:
    """How to take `size` bytes of which values cover `covered`: padding is zeroed."""
    return "PX_space" if covered == size else "PX_claim"


def _covered(body: CBody) -> int:
    """Bytes that are written in every version; -1 where that depends on the version."""
    return -1 if body.plan.block.newest else sum(item.leaf.size for item in body.leaves)


def _counted(plan: DimensionPlan) -> int:
    counters = plan.block_length, plan.count, plan.group_count, plan.data_count
    return sum(counter.packer.size for counter in counters if counter is not None and counter.packer is not None)


def write_dimension(symbol: str, plan: DimensionPlan) -> list[str]:
    out = [
        f"PX_INLINE int64_t {symbol}_write(PX_writer *w, int64_t stride, int64_t count, int64_t groups, int64_t data)",
        "{",
        f"    uint8_t *p = {_claim(_counted(plan), plan.size)}(w, {plan.size});",
        "    if (p == NULL)",
        "        return PX_NO_ROOM;",
        "    if (count < 0)",
        "        return PX_BAD_WORDS;",
    ]
    outside = outside_range(plan.count, "(uint64_t)count")
    if outside:
        out += [f"    if ({outside})", "        return PX_COUNT_OUT_OF_RANGE;"]
    for counter, name in (
        (plan.block_length, "stride"),
        (plan.count, "count"),
        (plan.group_count, "groups"),
        (plan.data_count, "data"),
    ):
        out += write_counter(counter, name)
    return [*out, "    return 0;", "}"]


def put_body(body: CBody) -> list[str]:
    out: list[str] = []
    for group in body.groups:
        out += _put_group(group)
    if body.is_rows:
        return out
    out += [
        f"static int64_t {body.symbol}_put(PX_writer *w)",
        "{",
        f"    uint8_t *p = {_claim(_covered(body), body.plan.length)}(w, {body.symbol}_length_in(w->version));",
        "    if (p == NULL)",
        "        return PX_NO_ROOM;",
    ]
    if body.leaves:
        words = body.mask_words
        out += [
            f"    const int64_t *in = PX_take(w, {words + len(body.leaves)});",
            f"    if (in == NULL || {body.symbol}_store(w, p, in, in + {words}, 1) < 0)",
            "        return PX_BAD_WORDS;",
        ]
    for group in body.groups:
        call = [f"if ((code = {group.body.symbol}_put_group(w)) < 0)", "    return code;"]
        out += when_since(
            group.plan.since, ["{", "    int64_t code;", *("    " + line for line in call), "}"], "PX_take(w, 3);"
        )
    for data in body.plan.data:
        out += when_since(data.since, ["{", *_put_data(data), "}"], "PX_take(w, 2);")
    return [*out, "    return 0;", "}"]


def _put_data(data: DataPlan) -> list[str]:
    outside = outside_range(data.length, "(uint64_t)length")
    return [
        "    const int64_t *in = PX_take(w, 2);",
        "    if (in == NULL || in[1] < 0)",
        "        return PX_BAD_WORDS;",
        "    int64_t length = in[1];",
        *([f"    if ({outside})", "        return PX_LENGTH_OUT_OF_RANGE;"] if outside else []),
        f"    uint8_t *to = PX_claim(w, {data.size});",
        "    if (to == NULL)",
        "        return PX_NO_ROOM;",
        *write_counter(data.length, "length", "to"),
        "    to = PX_space(w, length);",
        "    if (to == NULL)",
        "        return PX_NO_ROOM;",
        "    if (PX_copy(w, to, in[0], length) < 0)",
        "        return PX_BAD_WORDS;",
    ]


def _put_group(group: CGroup) -> list[str]:
    body = group.body
    counts = [count_in(body.plan.groups), count_in(body.plan.data)]
    out = [
        f"static int64_t {body.symbol}_put_group(PX_writer *w)",
        "{",
        "    const int64_t *head = PX_take(w, 3);",
        "    if (head == NULL)",
        "        return PX_BAD_WORDS;",
        "    int64_t count = head[2];",
        f"    int64_t stride = {body.symbol}_length_in(w->version);",
        f"    int64_t code = {group.dimension}_write(w, stride, count, {counts[0]}, {counts[1]});",
        "    if (code < 0)",
        "        return code;",
    ]
    if is_walked(group.plan):
        return [
            *out,
            "    for (int64_t i = 0; i < count; i++) {",
            "        if (PX_take(w, 1) == NULL)",
            "            return PX_BAD_WORDS;",
            f"        code = {body.symbol}_put(w);",
            "        if (code < 0)",
            "            return code;",
            "    }",
            "    return 0;",
            "}",
        ]
    if body.leaves:
        words, leaves = body.mask_words, len(body.leaves)
        out += [
            "    if (count == 0)",
            "        return 0;",
            f"    if (count > (w->words_count - w->word_at) / {leaves})",
            "        return PX_BAD_WORDS;",
            f"    const int64_t *in = PX_take(w, {words} + {leaves} * count);",
            f"    uint8_t *p = {_claim(_covered(body), body.plan.length)}(w, stride * count);",
            "    if (in == NULL || p == NULL)",
            "        return in == NULL ? PX_BAD_WORDS : PX_NO_ROOM;",
            "    for (int64_t i = 0; i < count; i++)",
            f"        if ({body.symbol}_store(w, p + i * stride, in, in + {words} + i, count) < 0)",
            "            return PX_BAD_WORDS;",
        ]
    elif body.plan.length:
        out += [
            "    if (stride > 0 && (count > w->out_bytes / stride || PX_claim(w, stride * count) == NULL))",
            "        return PX_NO_ROOM;",
        ]
    return [*out, "    return 0;", "}"]
