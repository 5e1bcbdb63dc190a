"""Everything of a host that can be set, as one flat table of names and values, and how each is written.

eth1/rings/rx = 1024        irq/mlx5_comp0@pci:0000:3b:00.0 = 0-15        thp/enabled = always
"""

from __future__ import annotations

import re
from collections import Counter
from enum import IntEnum
from typing import NamedTuple

from nic.host.inventory import Interface, Inventory

Value = str | int | bool | None
"""None: there is no such thing (a receive rule that is not there)."""


class Phase(IntEnum):
    """What must be done first. After the first two the host is looked at again: queues and interrupts are new."""

    DRIVER = 0
    QUEUES = 1
    REST = 2


class FileTarget(NamedTuple):
    """A file of /sys or /proc."""

    path: str


class GroupTarget(NamedTuple):
    """A field of `ethtool -G`, `-L` or `-C`; fields of a group are set in one call."""

    interface: str
    group: str
    field: str


class FeatureTarget(NamedTuple):
    """An offload."""

    interface: str
    feature: str


class RuleTarget(NamedTuple):
    """A receive rule; its value is the kernel's record in hexadecimal."""

    interface: str
    location: int


class DriverTarget(NamedTuple):
    """The driver that has a PCI device."""

    address: str


Target = FileTarget | GroupTarget | FeatureTarget | RuleTarget | DriverTarget


class Setting(NamedTuple):
    """What is set, and where."""

    value: Value
    target: Target
    phase: Phase = Phase.REST


_RULE = re.compile(r"([^/]+)/rules/(\d+)")


def settings_of(inventory: Inventory) -> dict[str, Setting]:
    """All settings, by name."""
    found: dict[str, Setting] = {}
    for device in inventory.pci:
        folder = f"/sys/bus/pci/devices/{device.address}"
        override = FileTarget(f"{folder}/driver_override")
        found[f"pci/{device.address}/driver_override"] = Setting(device.driver_override or "", override, Phase.DRIVER)
        found[f"pci/{device.address}/driver"] = Setting(device.driver, DriverTarget(device.address), Phase.DRIVER)
    if inventory.machine.vfio_no_iommu is not None:
        path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
        found["vfio/no_iommu"] = Setting(inventory.machine.vfio_no_iommu, FileTarget(path), Phase.DRIVER)
    for nic in inventory.interfaces:
        found |= _of_interface(nic)
    for irq, name in irq_names(inventory).items():
        cpus = next(one.cpus for one in inventory.irqs if one.number == irq)
        found[name] = Setting(cpus, FileTarget(f"/proc/irq/{irq}/smp_affinity_list"))
    for cpu in inventory.cpus:
        if cpu.governor is not None:
            path = f"/sys/devices/system/cpu/cpu{cpu.cpu}/cpufreq/scaling_governor"
            found[f"cpu{cpu.cpu}/governor"] = Setting(cpu.governor, FileTarget(path))
    if inventory.machine.thp is not None:
        path = "/sys/kernel/mm/transparent_hugepage/enabled"
        found["thp/enabled"] = Setting(inventory.machine.thp, FileTarget(path))
    for node in inventory.nodes:
        for pool in node.hugepages:
            path = f"/sys/devices/system/node/node{node.node}/hugepages/hugepages-{pool.size_kib}kB/nr_hugepages"
            found[f"node{node.node}/hugepages-{pool.size_kib}kB"] = Setting(str(pool.total), FileTarget(path))
    return found


def _of_interface(nic: Interface) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    name, said = nic.name, nic.ethtool
    for group, record, fields, phase in (
        ("channels", said.channels, ("rx", "tx", "combined"), Phase.QUEUES),
        ("rings", said.rings, ("rx", "tx"), Phase.QUEUES),
        (
            "coalesce",
            said.coalesce,
            ("adaptive_rx", "adaptive_tx", "rx_usecs", "rx_frames", "tx_usecs", "tx_frames"),
            Phase.REST,
        ),
    ):
        if record is not None:
            for field in fields:
                target = GroupTarget(name, group, field)
                found[f"{name}/{group}/{field}"] = Setting(int(getattr(record, field)), target, phase)
    for feature, state in said.features.items():
        if state.changeable:
            found[f"{name}/offloads/{feature}"] = Setting(state.on, FeatureTarget(name, feature))
    for rule in said.rules or ():
        found[f"{name}/rules/{rule.location}"] = Setting(rule.raw, RuleTarget(name, rule.location))
    folder = f"/sys/class/net/{name}"
    found[f"{name}/mtu"] = Setting(str(nic.mtu), FileTarget(f"{folder}/mtu"), Phase.QUEUES)
    for key, number in (
        ("napi_defer_hard_irqs", nic.napi_defer_hard_irqs),
        ("gro_flush_timeout", nic.gro_flush_timeout_ns),
        ("threaded", nic.threaded),
    ):
        if number is not None:
            found[f"{name}/{key}"] = Setting(str(number), FileTarget(f"{folder}/{key}"))
    for queue in nic.queues:
        if queue.cpus is not None:
            key = "rps_cpus" if queue.name.startswith("rx") else "xps_cpus"
            target_file = FileTarget(f"{folder}/queues/{queue.name}/{key}")
            found[f"{name}/queues/{queue.name}/{key}"] = Setting(queue.cpus, target_file)
    return found


def setting(found: dict[str, Setting], key: str) -> Setting | None:
    """The setting `key`; a receive rule that is not there is one with the value None."""
    if key in found:
        return found[key]
    rule = _RULE.fullmatch(key)
    return Setting(None, RuleTarget(rule[1], int(rule[2]))) if rule else None


def irq_names(inventory: Inventory) -> dict[int, str]:
    """Number of each interrupt to the name of its setting: that of its action, which outlives the number."""
    times = Counter(irq.name for irq in inventory.irqs)
    return {irq.number: f"irq/{irq.name if times[irq.name] == 1 else irq.number}" for irq in inventory.irqs}


def belongings(inventory: Inventory, interface: str) -> list[str]:
    """Names of everything that an interface loses when its queues are made anew."""
    nic = inventory.interface(interface)
    names = irq_names(inventory)
    own = [key for key in settings_of(inventory) if key.startswith(f"{interface}/")]
    return own + [names[irq] for irq in (nic.irqs if nic else ()) if irq in names]
