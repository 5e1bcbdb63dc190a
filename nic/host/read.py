"""`read`: this host, or one that was recorded, as an `Inventory`."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from nic.host.cpulist import parse_list
from nic.host.files import Files
from nic.host.inventory import (
    UNLIMITED,
    Cpu,
    Ethtool,
    Hugepages,
    IdleState,
    Inventory,
    Irq,
    Kernel,
    Limits,
    Machine,
    Node,
)
from nic.host.read_network import read_interfaces, read_pci
from nic.host.sysctls import SYSCTLS

_CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"
_THP = "/sys/kernel/mm/transparent_hugepage"
_DAEMONS = {"chronyd", "irqbalance", "ntpd", "phc2sys", "ptp4l", "systemd-timesyn", "tuned"}
_BOOT_WORDS = {
    "amd_iommu",
    "amd_pstate",
    "cpuidle.off",
    "default_hugepagesz",
    "hugepages",
    "hugepagesz",
    "idle",
    "intel_idle.max_cstate",
    "intel_iommu",
    "intel_pstate",
    "iommu",
    "irqaffinity",
    "isolcpus",
    "mitigations",
    "nohz_full",
    "nosmt",
    "pcie_aspm",
    "preempt",
    "processor.max_cstate",
    "rcu_nocbs",
    "skew_tick",
    "transparent_hugepage",
    "tsc",
}
_CONFIG = {
    "BPF_JIT",
    "BPF_SYSCALL",
    "CPU_ISOLATION",
    "HIGH_RES_TIMERS",
    "HUGETLBFS",
    "NO_HZ_FULL",
    "PREEMPT_DYNAMIC",
    "RCU_NOCB_CPU",
    "VFIO",
    "VFIO_NOIOMMU",
    "VFIO_PCI",
    "XDP_SOCKETS",
}


def read(files: Files, ethtool: Callable[[str], Ethtool]) -> Inventory:
    """Everything that checks and plans look at. `ethtool` says what the driver of an interface says."""
    return Inventory(
        machine=_machine(files),
        kernel=_kernel(files),
        limits=_limits(files),
        cpus=_cpus(files),
        nodes=_nodes(files),
        irqs=_irqs(files),
        pci=read_pci(files),
        interfaces=read_interfaces(files, ethtool),
    )


def read_here() -> Inventory:
    """This host, in the network namespace of the calling thread and with the /sys that it sees."""
    from nic.host.ethtool import Drivers

    with Drivers() as drivers:
        return read(Files(), drivers.read)


def _machine(files: Files) -> Machine:
    processor = (files.text("/proc/cpuinfo") or "").split("\n\n")[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in processor.splitlines())}
    flags = facts.get("flags", "").split()
    stat = (files.text("/proc/stat") or "").splitlines()
    ticks = [int(word) for word in stat[0].split()[1:]] if stat and stat[0].startswith("cpu ") else []
    clocks = "/sys/devices/system/clocksource/clocksource0"
    return Machine(
        cpu_model=facts.get("model name", ""),
        is_virtual="hypervisor" in flags,
        vendor=files.text("/sys/class/dmi/id/sys_vendor") or "",
        product=files.text("/sys/class/dmi/id/product_name") or "",
        has_invariant_tsc={"constant_tsc", "nonstop_tsc"} <= set(flags),
        smt=files.text(f"{_CPUS}/smt/control") or "",
        idle_driver=files.text(f"{_CPUS}/cpuidle/current_driver"),
        clocksource=files.text(f"{clocks}/current_clocksource") or "",
        clocksources=tuple((files.text(f"{clocks}/available_clocksource") or "").split()),
        thp=files.chosen(f"{_THP}/enabled"),
        thp_defrag=files.chosen(f"{_THP}/defrag"),
        steal_ticks=ticks[7] if len(ticks) > 7 else 0,
        total_ticks=sum(ticks[:8]),
        ptp_clocks=tuple(
            f"{name} {files.text(f'/sys/class/ptp/{name}/clock_name') or ''}".strip()
            for name in files.names("/sys/class/ptp")
        ),
        daemons=_daemons(files),
        irqbalance_banned=_irqbalance_banned(files),
        vfio=files.exists("/sys/bus/pci/drivers/vfio-pci"),
        vfio_no_iommu=files.text("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"),
    )


def _daemons(files: Files) -> tuple[str, ...]:
    names = {files.text(f"/proc/{name}/comm") for name in files.names("/proc") if name.isdigit()}
    return tuple(sorted(name for name in names if name in _DAEMONS))


def _irqbalance_banned(files: Files) -> str:
    for path in ("/etc/default/irqbalance", "/etc/sysconfig/irqbalance"):
        for line in (files.text(path) or "").splitlines():
            key, _, value = line.strip().partition("=")
            if key == "IRQBALANCE_BANNED_CPULIST":
                return value.strip("\"'")
    return ""


def _kernel(files: Files) -> Kernel:
    release = files.text("/proc/sys/kernel/osrelease") or ""
    boot: dict[str, str] = {}
    for word in (files.text("/proc/cmdline") or "").split():
        if word == "--":  # the rest is for init
            break
        key, _, value = word.partition("=")
        if key in _BOOT_WORDS:
            boot[key] = value
    sysctls = {}
    for key in (sysctl.key for sysctl in SYSCTLS):
        setting = files.text(f"/proc/sys/{key.replace('.', '/')}")
        if setting is not None:
            sysctls[key] = " ".join(setting.split())
    return Kernel(
        release=release,
        boot=boot,
        config=_config(files, release),
        isolated=_list(files, f"{_CPUS}/isolated"),
        nohz_full=_list(files, f"{_CPUS}/nohz_full"),
        sysctls=sysctls,
        boot_id=files.text("/proc/sys/kernel/random/boot_id") or "",
    )


def _config(files: Files, release: str) -> dict[str, str] | None:
    packed = files.bytes("/proc/config.gz")
    text = gzip.decompress(packed).decode() if packed else files.text(f"/boot/config-{release}")
    if text is None:
        return None
    lines = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
    options = {key.removeprefix("CONFIG_"): value for key, _, value in lines}
    return {name: options[name] for name in sorted(_CONFIG & options.keys())}


def _limits(files: Files) -> Limits:
    soft = {}
    for line in (files.text("/proc/self/limits") or "").splitlines()[1:]:
        name, value = line[:26].strip(), line[26:].split()[0]
        soft[name] = UNLIMITED if value == "unlimited" else int(value)
    capabilities = 0
    for line in (files.text("/proc/self/status") or "").splitlines():
        if line.startswith("CapEff:"):
            capabilities = int(line.split()[1], 16)
    return Limits(
        memlock_bytes=soft.get("Max locked memory", UNLIMITED),
        open_files=soft.get("Max open files", UNLIMITED),
        realtime_priority=soft.get("Max realtime priority", UNLIMITED),
        capabilities=capabilities,
    )


def _list(files: Files, path: str) -> tuple[int, ...]:
    try:
        return parse_list(files.text(path) or "")
    except ValueError:  # `(null)`: no such CPUs
        return ()


def _cpus(files: Files) -> tuple[Cpu, ...]:
    node_of = {
        cpu: int(name.removeprefix("node"))
        for name in files.names(_NODES)
        if name.startswith("node") and name[4:].isdigit()
        for cpu in _list(files, f"{_NODES}/{name}/cpulist")
    }
    cpus = []
    for number in _list(files, f"{_CPUS}/online"):
        folder = f"{_CPUS}/cpu{number}"
        cpus.append(
            Cpu(
                cpu=number,
                node=node_of.get(number, 0),
                package=files.number(f"{folder}/topology/physical_package_id") or 0,
                siblings=_list(files, f"{folder}/topology/thread_siblings_list") or (number,),
                governor=files.text(f"{folder}/cpufreq/scaling_governor"),
                governors=tuple((files.text(f"{folder}/cpufreq/scaling_available_governors") or "").split()),
                idle_states=tuple(
                    IdleState(
                        name=files.text(f"{folder}/cpuidle/{state}/name") or state,
                        latency_us=files.number(f"{folder}/cpuidle/{state}/latency") or 0,
                        enabled=files.text(f"{folder}/cpuidle/{state}/disable") != "1",
                    )
                    for state in files.names(f"{folder}/cpuidle")
                    if state.startswith("state")
                ),
            )
        )
    return tuple(cpus)


def _nodes(files: Files) -> tuple[Node, ...]:
    nodes = []
    for name in files.names(_NODES):
        if not (name.startswith("node") and name[4:].isdigit()):
            continue
        pools = f"{_NODES}/{name}/hugepages"
        nodes.append(
            Node(
                node=int(name[4:]),
                cpus=_list(files, f"{_NODES}/{name}/cpulist"),
                hugepages=tuple(
                    Hugepages(
                        size_kib=int(pool.removeprefix("hugepages-").removesuffix("kB")),
                        total=files.number(f"{pools}/{pool}/nr_hugepages") or 0,
                        free=files.number(f"{pools}/{pool}/free_hugepages") or 0,
                    )
                    for pool in files.names(pools)
                ),
            )
        )
    return tuple(sorted(nodes, key=lambda node: node.node))


def _irqs(files: Files) -> tuple[Irq, ...]:
    irqs = []
    for number in files.names("/proc/irq"):
        folder = f"/proc/irq/{number}"
        cpus = files.text(f"{folder}/smp_affinity_list") if number.isdigit() else None
        if cpus is None:
            continue
        actions = [name for name in files.names(folder) if files.is_folder(f"{folder}/{name}")]
        irqs.append(
            Irq(
                number=int(number),
                name=" ".join(actions) or number,
                cpus=cpus,
                effective=files.text(f"{folder}/effective_affinity_list"),
            )
        )
    return tuple(irqs)
