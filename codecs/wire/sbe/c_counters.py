"""C expressions and statements for numbers of headers, dimensions and lengths."""

from __future__ import annotations

from wire.sbe.plan import CounterPlan, DataPlan, GroupPlan

_TYPES = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}


def read_counter(counter: CounterPlan, at: str) -> str:
    if counter.counter.primitive is None:
        return f"UINT64_C({counter.counter.constant})"
    return f"(uint64_t)PX_get_{counter.counter.primitive.kind}({at} + {counter.offset})"


def outside_range(counter: CounterPlan, name: str) -> str:
    """A C condition that `name` is outside the counter's range; empty where it cannot be."""
    low, high, primitive = counter.counter.minimum, counter.counter.maximum, counter.counter.primitive
    tests = [f"{name} < UINT64_C({low})"] if low > 0 else []
    if primitive is None or high < primitive.highest:
        tests.append(f"{name} > UINT64_C({high})")
    return " || ".join(tests)


def write_counter(counter: CounterPlan | None, name: str, at: str = "p") -> list[str]:
    if counter is None:
        return [f"    (void){name};"]
    primitive = counter.counter.primitive
    if primitive is None:
        return [f"    if ({name} != {counter.counter.constant})", "        return PX_WRONG_VALUE;"]
    too_large = f" || {name} > {int(primitive.highest)}" if primitive.size < 8 else ""
    return [
        f"    if ({name} < 0{too_large})",
        "        return PX_WRONG_VALUE;",
        f"    PX_put_{primitive.kind}({at} + {counter.offset}, ({_TYPES[primitive.size]}){name});",
    ]


def count_in(parts: list[GroupPlan] | list[DataPlan]) -> str:
    """A C expression: how many of them the acting version has."""
    always = sum(part.since == 0 for part in parts)
    later = [f"(w->version >= {part.since})" for part in parts if part.since]
    return " + ".join([str(always), *later])


def when_since(since: int, lines: list[str], otherwise: str) -> list[str]:
    """`lines` where the acting version has the element, else `otherwise`."""
    if not since:
        return [f"    {line}" for line in lines]
    return [
        f"    if (w->version >= {since}) {{",
        *(f"        {line}" for line in lines),
        "    } else {",
        f"        {otherwise}",
        "    }",
    ]
