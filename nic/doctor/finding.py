"""What a check says, and about what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from nic.host.cpulist import format_list
from nic.host.inventory import Inventory

Verdict = Literal["ok", "warn", "bad", "skip"]


class Finding(NamedTuple):
    """The result of one check."""

    verdict: Verdict
    """`skip`: it cannot be judged here; `why` says why not."""
    value: str
    """What was found, in few words."""
    why: str
    """One sentence: what that means for latency or safety."""
    fix: str = ""
    """The command that mends it; empty where there is nothing to mend or no command can."""


class Subject(NamedTuple):
    """What the venue uses of the host."""

    interfaces: tuple[str, ...] = ()
    loop_cpus: tuple[int, ...] = ()
    """CPUs that are to be the loop's alone; empty: nobody has chosen."""
    port: str = "xdp"
    """Kind of port: xdp, dpdk, packet or udp."""
    udp_port: int = 26400
    queue: int = 0


CheckFunction = Callable[[Inventory, Subject], Finding | None]
InterfaceCheckFunction = Callable[[Inventory, Subject, str], Finding | None]


def ok(value: str, why: str) -> Finding:
    """Nothing to mend."""
    return Finding("ok", value, why)


def warn(value: str, why: str, fix: str = "") -> Finding:
    """Costs latency, or will one day."""
    return Finding("warn", value, why, fix)


def bad(value: str, why: str, fix: str = "") -> Finding:
    """Breaks latency, or the thing itself."""
    return Finding("bad", value, why, fix)


def skip(value: str, why: str) -> Finding:
    """Cannot be judged here."""
    return Finding("skip", value, why)


def boot_line(words: str) -> str:
    """The command that adds `words` to the boot line of a Debian or Ubuntu host."""
    line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"'
    return f"echo '{line}' >> /etc/default/grub.d/90-pitwire.cfg && update-grub && reboot"


def cpus_text(cpus: Iterable[int]) -> str:
    """`CPU 3`, `CPUs 2-5`."""
    chosen = sorted(set(cpus))
    return f"CPU{'s' if len(chosen) > 1 else ''} {format_list(chosen)}"


def proposed_cpus(inventory: Inventory, subject: Subject) -> tuple[int, ...]:
    """The loop's CPUs; where nobody chose any, the last core (all its threads), never all that there is."""
    if subject.loop_cpus:
        return subject.loop_cpus
    if len(inventory.cpus) < 2:
        return ()
    last = inventory.cpus[-1]
    return last.siblings if len(last.siblings) < len(inventory.cpus) else (last.cpu,)
