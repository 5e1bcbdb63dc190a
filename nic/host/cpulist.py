"""CPU lists (`0-3,8`) and CPU masks (`00000000,0000010f`) as the kernel writes them."""

from __future__ import annotations

from collections.abc import Iterable

_DIGITS_A_GROUP = 8


def parse_list(text: str) -> tuple[int, ...]:
    """CPUs of a list such as `0-3,8`, in order; empty text: none. ValueError where it is not one."""
    cpus: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.strip().split(","))):
        first, dash, last = part.partition("-")
        low, high = int(first), int(last) if dash else int(first)
        if low < 0 or high < low:
            raise ValueError(f"{text!r} is not a list of CPUs")
        cpus.update(range(low, high + 1))
    return tuple(sorted(cpus))


def format_list(cpus: Iterable[int]) -> str:
    """The list as the kernel prints it: ascending, ranges joined."""
    runs: list[tuple[int, int]] = []
    for cpu in sorted(set(cpus)):
        if runs and runs[-1][1] == cpu - 1:
            runs[-1] = (runs[-1][0], cpu)
        else:
            runs.append((cpu, cpu))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def parse_mask(text: str) -> tuple[int, ...]:
    """CPUs of a mask in hexadecimal groups of 32 bits, the highest group first."""
    bits = int(text.strip().replace(",", "") or "0", 16)
    return tuple(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)


def format_mask(cpus: Iterable[int], like: str) -> str:
    """The mask with as many digits as `like`, which the same file held: it then reads back as it was written."""
    digits = len(like.strip().replace(",", ""))
    text = f"{sum(1 << cpu for cpu in set(cpus)):0{digits}x}"
    groups: list[str] = []
    while text:
        groups.append(text[-_DIGITS_A_GROUP:])
        text = text[:-_DIGITS_A_GROUP]
    return ",".join(reversed(groups))
