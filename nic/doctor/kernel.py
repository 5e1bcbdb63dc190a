"""Checks of the kernel, its settings, its clocks and what the process may do."""

from __future__ import annotations

from nic.doctor.finding import CheckFunction, Finding, Subject, bad, ok, skip, warn
from nic.host.inventory import UNLIMITED, Inventory
from nic.host.sysctls import SYSCTLS, is_met

OPEN_FILES_MIN = 4096
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_BPF": 39}
_CAP_SYS_ADMIN = 21
_CAP_SYS_NICE = 23
_NEEDED_BY_PORT = {
    "xdp": ("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"),
    "packet": ("CAP_NET_RAW",),
    "dpdk": (),
    "udp": (),
}
_CONFIG_WANTED = {
    "XDP_SOCKETS": "AF_XDP",
    "BPF_SYSCALL": "XDP programs",
    "BPF_JIT": "compiled XDP programs",
    "HUGETLBFS": "huge pages",
    "HIGH_RES_TIMERS": "timers finer than a tick",
    "CPU_ISOLATION": "isolated CPUs",
    "NO_HZ_FULL": "CPUs without a tick",
    "RCU_NOCB_CPU": "CPUs without RCU callbacks",
}
_SLOW_CLOCKS = {"hpet", "acpi_pm", "jiffies", "refined-jiffies"}
_CLOCK_DAEMONS = {"chronyd", "ntpd", "phc2sys", "ptp4l", "systemd-timesyn"}
_PRECISE_DAEMONS = {"phc2sys", "ptp4l"}


def hypervisor(inventory: Inventory, subject: Subject) -> Finding:
    """Bare metal or not."""
    machine = inventory.machine
    name = " ".join(filter(None, (machine.vendor, machine.product))) or machine.cpu_model or "unknown"
    if not machine.is_virtual:
        return ok(name, "No hypervisor stands between the loop and its CPU.")
    return warn(
        f"virtual: {name}",
        "A hypervisor can stop any CPU at any time; only bare metal (on EC2 a .metal size) has no such stops.",
    )


def kernel_options(inventory: Inventory, subject: Subject) -> Finding:
    """What the kernel was built with."""
    config = inventory.kernel.config
    if config is None:
        return skip("unreadable", "Neither /proc/config.gz nor /boot/config tells how this kernel was built.")
    missing = [name for name in _CONFIG_WANTED if name not in config]
    if not missing:
        return ok(inventory.kernel.release, "The kernel has everything that the ports use.")
    needed = {"xdp": {"XDP_SOCKETS", "BPF_SYSCALL"}, "dpdk": {"HUGETLBFS"}}.get(subject.port, set())
    sentence = f"This kernel lacks {', '.join(_CONFIG_WANTED[name] for name in missing)}."
    names = ", ".join(f"CONFIG_{name}" for name in missing)
    fix = "apt-get install linux-image-amd64 && reboot"
    return (bad if needed & set(missing) else warn)(f"without {names}", sentence, fix)


def sysctls(inventory: Inventory, subject: Subject) -> Finding:
    """The settings of sysctl/90-pitwire.conf."""
    found = inventory.kernel.sysctls
    wrong = [sysctl for sysctl in SYSCTLS if sysctl.key in found and not is_met(sysctl, found[sysctl.key])]
    if not wrong:
        return ok(f"{len(found)} as wanted", "Kernel settings are those of 90-pitwire.conf.")
    some = ", ".join(f"{sysctl.key}={found[sysctl.key]}" for sysctl in wrong[:2])
    return warn(
        f"{len(wrong)} of {len(found)} differ",
        f"The kernel's own defaults hold ({some}{', ...' if len(wrong) > 2 else ''}); "
        "sysctl/90-pitwire.conf says what each costs.",
        "cp sysctl/90-pitwire.conf /etc/sysctl.d/ && sysctl --system",
    )


def clocksource(inventory: Inventory, subject: Subject) -> Finding:
    """What clock_gettime reads."""
    machine = inventory.machine
    if machine.clocksource == "tsc":
        return ok("tsc", "Reading the clock costs some twenty nanoseconds and no system call.")
    if machine.clocksource in _SLOW_CLOCKS:
        return bad(
            machine.clocksource,
            "Reading the clock is a system call that takes about a microsecond, several times a turn.",
            "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
        )
    fix = "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"
    return warn(
        machine.clocksource or "unknown",
        "A clock of the hypervisor is read instead of the TSC, which costs twice as much.",
        fix if "tsc" in machine.clocksources else "",
    )


def clock_sync(inventory: Inventory, subject: Subject) -> Finding:
    """Who keeps the clock right."""
    machine = inventory.machine
    running = sorted(set(machine.daemons) & _CLOCK_DAEMONS)
    ptp = f"{len(machine.ptp_clocks)} PTP clocks" if machine.ptp_clocks else "no PTP clock"
    if not running:
        return warn(
            f"nobody, {ptp}",
            "No daemon keeps the clock right, so time stamps of different hosts cannot be compared.",
            "apt-get install chrony" + (" && echo 'refclock PHC /dev/ptp0 poll 0' >> /etc/chrony/chrony.conf"
                                        if machine.ptp_clocks else ""),
        )  # fmt: skip
    value = f"{', '.join(running)}, {ptp}"
    if machine.ptp_clocks or set(running) & _PRECISE_DAEMONS:
        return ok(value, "The clock is kept right, with a hardware clock to keep it by.")
    return warn(value, "The clock is kept right over the network only, to some hundred microseconds.")


def capabilities(inventory: Inventory, subject: Subject) -> Finding:
    """What this process may do."""
    held = inventory.limits.capabilities
    needed = _NEEDED_BY_PORT.get(subject.port, ())
    admin = bool(held >> _CAP_SYS_ADMIN & 1)
    missing = [name for name in needed if not (held >> _CAPABILITIES[name] & 1 or (name == "CAP_BPF" and admin))]
    if not missing:
        return ok(", ".join(needed) or "none needed", f"The {subject.port} port can be opened by this process.")
    return bad(
        f"without {', '.join(missing)}",
        f"This process cannot open the {subject.port} port.",
        "systemctl start pitwire@NAME  # the unit gives them, or: sudo",
    )


def limits(inventory: Inventory, subject: Subject) -> Finding:
    """ulimits."""
    found = inventory.limits
    files = found.open_files
    value = f"files {'unlimited' if files == UNLIMITED else files}"
    if files != UNLIMITED and files < OPEN_FILES_MIN:
        return warn(value, "The recovery server runs out of connections.", f"ulimit -n {OPEN_FILES_MIN}")
    if found.realtime_priority == 0 and not found.capabilities >> _CAP_SYS_NICE & 1:
        return warn(
            f"{value}, no real-time priority",
            "The loop cannot be given a real-time priority, so on a shared CPU others come first.",
            "systemctl edit pitwire@NAME  # LimitRTPRIO=99",
        )
    return ok(value, "Files and priorities are enough.")


CHECKS: dict[str, CheckFunction] = {
    "hypervisor": hypervisor,
    "kernel-options": kernel_options,
    "sysctl": sysctls,
    "clock-source": clocksource,
    "clock-sync": clock_sync,
    "capabilities": capabilities,
    "limits": limits,
}
