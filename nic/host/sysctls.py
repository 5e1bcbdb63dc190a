"""The kernel settings that Pitwire wants, as `sysctl/90-pitwire.conf` gives them; a test keeps the two the same.

The reasons are in that file. `at_least`: more is fine too.
"""

from __future__ import annotations

from typing import NamedTuple


class Sysctl(NamedTuple):
    """A key, what it should be, and whether more is as good."""

    key: str
    wanted: str
    at_least: bool = False


SYSCTLS = (
    Sysctl("net.core.rmem_max", "67108864", True),
    Sysctl("net.core.wmem_max", "67108864", True),
    Sysctl("net.core.rmem_default", "1048576", True),
    Sysctl("net.core.wmem_default", "1048576", True),
    Sysctl("net.core.netdev_max_backlog", "16384", True),
    Sysctl("net.core.netdev_budget", "600", True),
    Sysctl("net.core.somaxconn", "4096", True),
    Sysctl("net.core.busy_poll", "50", True),
    Sysctl("net.core.busy_read", "50", True),
    Sysctl("net.core.bpf_jit_enable", "1", True),
    Sysctl("net.ipv4.igmp_max_memberships", "512", True),
    Sysctl("net.ipv4.conf.all.rp_filter", "2"),
    Sysctl("net.ipv4.conf.default.rp_filter", "2"),
    Sysctl("net.ipv4.tcp_fastopen", "3"),
    Sysctl("net.ipv4.tcp_slow_start_after_idle", "0"),
    Sysctl("net.ipv4.tcp_autocorking", "0"),
    Sysctl("net.ipv4.tcp_notsent_lowat", "131072"),
    Sysctl("net.ipv4.tcp_rmem", "4096 131072 33554432"),
    Sysctl("net.ipv4.tcp_wmem", "4096 262144 33554432"),
    Sysctl("net.ipv4.tcp_keepalive_time", "60"),
    Sysctl("net.ipv4.tcp_keepalive_intvl", "10"),
    Sysctl("net.ipv4.tcp_keepalive_probes", "3"),
    Sysctl("net.ipv4.tcp_mtu_probing", "1"),
    Sysctl("vm.stat_interval", "10", True),
    Sysctl("vm.swappiness", "1"),
    Sysctl("vm.compaction_proactiveness", "0"),
    Sysctl("vm.max_map_count", "262144", True),
    Sysctl("kernel.numa_balancing", "0"),
    Sysctl("kernel.nmi_watchdog", "0"),
    Sysctl("kernel.timer_migration", "0"),
    Sysctl("kernel.sched_rt_runtime_us", "-1"),
)


def is_met(sysctl: Sysctl, found: str) -> bool:
    """Is `found`, as the kernel prints it, good enough?"""
    if sysctl.at_least and found.lstrip("-").isdigit():
        return int(found) >= int(sysctl.wanted)
    return found.split() == sysctl.wanted.split()
