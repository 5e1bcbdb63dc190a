"""Checks of memory: pages, nodes, what may be locked."""

from __future__ import annotations

from nic.doctor.finding import CheckFunction, Finding, Subject, bad, ok, skip, warn
from nic.host.inventory import UNLIMITED, Inventory

MEMLOCK_BYTES_MIN = 64 << 20
HUGEPAGES_MIB_MIN = 256
"""What EAL takes by default for a pool of 64 Ki buffers, with room."""
_CAP_IPC_LOCK = 14


def thp(inventory: Inventory, subject: Subject) -> Finding:
    """Transparent huge pages."""
    found = inventory.machine.thp
    if found is None:
        return ok("none", "The kernel has no transparent huge pages.")
    if found == "always":
        return bad(
            found,
            "The kernel joins and moves pages of any process while it runs; the one it stops waits milliseconds.",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        )
    if inventory.machine.thp_defrag == "always":
        return warn(
            f"{found}, defrag always",
            "A first touch may wait while the kernel compacts memory.",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/defrag",
        )
    return ok(found, "Pages are joined only where a program asks for it.")


def hugepages(inventory: Inventory, subject: Subject) -> Finding:
    """Huge pages of the node that the port is on."""
    free = {node.node: sum(pool.size_kib * pool.free for pool in node.hugepages) // 1024 for node in inventory.nodes}
    nics = [nic for name in subject.interfaces if (nic := inventory.interface(name))]
    wanted = sorted({max(nic.node, 0) for nic in nics}) or sorted(free)[:1]
    value = ", ".join(f"node {node} {mib} MiB" for node, mib in sorted(free.items())) or "none"
    short = [node for node in wanted if free.get(node, 0) < HUGEPAGES_MIB_MIN]
    if not short:
        return ok(f"{value} free", "Frame buffers can live in huge pages beside the NIC.")
    fix = f"echo {HUGEPAGES_MIB_MIN} > /sys/devices/system/node/node{short[0]}/hugepages/hugepages-2048kB/nr_hugepages"
    if subject.port == "dpdk":
        return bad(f"{value} free", f"The dpdk port finds no huge pages on node {short[0]} and does not open; with "
                   "--no-huge in port.eal_args it does, for devices without a NIC behind them.", fix)  # fmt: skip
    return warn(f"{value} free", "Frame buffers lie in small pages, which cost a TLB miss now and then.", fix)


def numa(inventory: Inventory, subject: Subject) -> Finding:
    """NIC and loop on one node."""
    if len(inventory.nodes) < 2:
        return ok("one node", "All memory is equally near.")
    nics = [nic for name in subject.interfaces if (nic := inventory.interface(name))]
    nodes = {nic.node for nic in nics if nic.node >= 0}
    if not nodes:
        return skip(f"{len(inventory.nodes)} nodes", "The NIC does not say which node it is on.")
    loop = {cpu.node for number in subject.loop_cpus if (cpu := inventory.cpu(number))}
    if not loop:
        return warn(
            f"NIC on node {min(nodes)}", "No CPU is chosen for the loop; it must be one of the NIC's node.",
            f"set loop.cpu in venue.toml to a CPU of node {min(nodes)}",
        )  # fmt: skip
    if loop <= nodes:
        return ok(f"node {min(loop)}", "NIC, loop and memory are on one node.")
    return bad(
        f"NIC {min(nodes)}, loop {min(loop)}",
        "Every frame crosses between sockets, some hundred nanoseconds each way.",
        f"set loop.cpu in venue.toml to a CPU of node {min(nodes)}",
    )


def memlock(inventory: Inventory, subject: Subject) -> Finding:
    """Memory that the process may lock."""
    limits = inventory.limits
    if limits.capabilities >> _CAP_IPC_LOCK & 1:
        return ok("CAP_IPC_LOCK", "Buffers of any size can be locked.")
    if limits.memlock_bytes == UNLIMITED or limits.memlock_bytes >= MEMLOCK_BYTES_MIN:
        size = "unlimited" if limits.memlock_bytes == UNLIMITED else f"{limits.memlock_bytes >> 20} MiB"
        return ok(size, "The frame buffers of AF_XDP can be locked.")
    return bad(
        f"{limits.memlock_bytes >> 10} KiB",
        "AF_XDP cannot lock its frame buffers: the port fails to open with more than some thousand frames.",
        "systemctl edit pitwire@NAME  # LimitMEMLOCK=infinity, or: ulimit -l unlimited",
    )


CHECKS: dict[str, CheckFunction] = {"thp": thp, "hugepages": hugepages, "numa": numa, "memlock": memlock}
