"""Network interfaces and the devices behind them, from /sys and /proc/net."""

from __future__ import annotations

import re
from collections.abc import Callable

from nic.host.files import Files
from nic.host.inventory import Ethtool, Interface, PciDevice, Queue

_NET = "/sys/class/net"
_PCI = "/sys/bus/pci/devices"
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_NETWORK_CLASS = "0x02"
_NO_OVERRIDE = "(null)"


def read_interfaces(files: Files, ethtool: Callable[[str], Ethtool]) -> tuple[Interface, ...]:
    """Every interface but loopback."""
    routes = _routes(files)
    return tuple(
        _interface(files, name, routes, ethtool(name))
        for name in files.names(_NET)
        if files.is_folder(f"{_NET}/{name}") and name != "lo"
    )


def _routes(files: Files) -> list[tuple[str, str]]:
    """(interface, destination in hexadecimal) of each IPv4 route."""
    rows = [line.split() for line in (files.text("/proc/net/route") or "").splitlines()[1:]]
    return [(row[0], row[1]) for row in rows if len(row) > 1]


def _interface(files: Files, name: str, routes: list[tuple[str, str]], ethtool: Ethtool) -> Interface:
    folder = f"{_NET}/{name}"
    device = files.real(f"{folder}/device")
    pci = next(iter(reversed(_PCI_ADDRESS.findall(device or ""))), None)
    irqs = files.names(f"{_PCI}/{pci}/msi_irqs") if pci else []
    speed = files.number(f"{folder}/speed")
    own = [destination for interface, destination in routes if interface == name]
    return Interface(
        name=name,
        pci=pci,
        virtual=device is None,
        node=_or(files.number(f"{folder}/device/numa_node"), files.number(f"{_PCI}/{pci}/numa_node"), -1),
        mtu=files.number(f"{folder}/mtu") or 0,
        state=files.text(f"{folder}/operstate") or "unknown",
        speed_mbps=speed if speed and speed > 0 else None,
        mac=files.text(f"{folder}/address") or "",
        queues=tuple(
            Queue(
                name=queue,
                cpus=files.text(f"{folder}/queues/{queue}/{'rps' if queue.startswith('rx') else 'xps'}_cpus"),
            )
            for queue in files.names(f"{folder}/queues")
        ),
        irqs=tuple(int(irq) for irq in irqs if irq.isdigit()),
        napi_defer_hard_irqs=files.number(f"{folder}/napi_defer_hard_irqs"),
        gro_flush_timeout_ns=files.number(f"{folder}/gro_flush_timeout"),
        threaded=files.number(f"{folder}/threaded"),
        routes=len(own),
        has_default_route="00000000" in own,
        ethtool=ethtool,
    )


def _or(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def read_pci(files: Files) -> tuple[PciDevice, ...]:
    """The network controllers on PCI, whichever driver has them."""
    devices = []
    for address in files.names(_PCI):
        folder = f"{_PCI}/{address}"
        if not (files.text(f"{folder}/class") or "").startswith(_NETWORK_CLASS):
            continue
        driver, group = files.real(f"{folder}/driver"), files.real(f"{folder}/iommu_group")
        override = files.text(f"{folder}/driver_override")
        ids = (files.text(f"{folder}/vendor") or "", files.text(f"{folder}/device") or "")
        interfaces = [*files.names(f"{folder}/net")]
        for inner in files.names(folder):  # virtio has a bus of its own in between
            if inner.startswith("virtio"):
                interfaces += files.names(f"{folder}/{inner}/net")
        devices.append(
            PciDevice(
                address=address,
                driver=driver.rpartition("/")[2] if driver else None,
                driver_override=None if override in (None, "", _NO_OVERRIDE) else override,
                vendor_device=":".join(part.removeprefix("0x") for part in ids),
                iommu_group=group.rpartition("/")[2] if group else None,
                node=_or(files.number(f"{folder}/numa_node"), -1),
                interfaces=tuple(interfaces),
            )
        )
    return tuple(devices)
