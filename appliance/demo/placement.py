"""Which port the demonstration uses and which CPU does what, on the machine at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass

from native.ports import explain_missing
from nic import namespaces

BEST_FIRST = ("xdp", "packet", "udp", "pcap")
"""What auto tries. dpdk is tried where it is asked for alone: it would take a device for itself."""

MEANING = {
    "dpdk": "orders then go through the kernel, at best by AF_XDP, instead of DPDK",
    "xdp": "orders then go through the kernel's packet socket instead of AF_XDP",
    "packet": "orders then go through the kernel's UDP stack on loopback",
    "udp": "the capture is then replayed inside one process, without a wire",
}


@dataclass(frozen=True)
class Placement:
    """CPUs of the three; -1: wherever the scheduler puts it."""

    venue_cpu: int
    client_cpu: int
    subscriber_cpu: int
    idle: str
    """How the venue's loop waits (loop.idle)."""
    subscriber_yields: bool
    """The subscriber shares the client's CPU and takes only what the client leaves."""


def choose_port(wanted: str) -> tuple[str, list[str]]:
    """The port to use for `wanted` (a kind, or auto) and, for each better one that cannot be had, one sentence."""
    if wanted == "dpdk":
        kinds: tuple[str, ...] = ("dpdk", *BEST_FIRST)
    else:
        kinds = BEST_FIRST if wanted == "auto" else BEST_FIRST[BEST_FIRST.index(wanted) :]
    sentences: list[str] = []
    for kind in kinds:
        missing = why_not(kind)
        if missing is None:
            return kind, sentences
        sentences.append(f"{kind}: {missing} What it means: {MEANING[kind]}.")
    raise AssertionError("the pcap port needs nothing")


def why_not(kind: str) -> str | None:
    """Why the demonstration cannot use this port here, in one sentence; None when it can."""
    if kind == "dpdk":
        return explain_missing("dpdk")
    if kind not in ("xdp", "packet"):
        return None
    return explain_missing("xdp" if kind == "xdp" else "packet") or namespaces.explain_missing()


def place() -> Placement:
    """Spread venue, client and subscriber over the CPUs that this process may use."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) >= 3:
        return Placement(cpus[-1], cpus[-2], -1, "spin", False)
    if len(cpus) == 2:
        return Placement(cpus[1], cpus[0], cpus[0], "spin", True)
    return Placement(-1, -1, -1, "yield", True)
