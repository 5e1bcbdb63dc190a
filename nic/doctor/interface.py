"""Checks of an interface: driver, queues, interrupts, offloads, XDP."""

from __future__ import annotations

from nic.doctor.finding import Finding, InterfaceCheckFunction, Subject, bad, cpus_text, ok, skip, warn
from nic.host.cpulist import parse_list, parse_mask
from nic.host.drivers import DRIVERS, JOINING, combined_max, has_native_xdp, has_zero_copy, joins_for_good, version_of
from nic.host.inventory import Interface, Inventory

RING_MIN = 512
USECS_OK = 4
ENA_VERSION_MIN = (2, 13)
"""AF_XDP zero-copy came back in 2.13.0 (Amazon's release notes)."""
PORT_FRAME_MTU_MAX = 1518
"""The xdp port's buffers hold one frame each; a larger MTU keeps native mode away."""


def _nic(inventory: Inventory, name: str) -> Interface:
    found = inventory.interface(name)
    assert found is not None  # the table only asks about interfaces that are there
    return found


def driver(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Driver and version."""
    nic = _nic(inventory, name)
    said = nic.ethtool
    value = " ".join(filter(None, (said.driver, said.version, said.firmware)))
    if said.driver is None:
        return warn("unknown", "The driver does not even say its name, so nothing is known of it.")
    if said.driver == "ena" and said.version and said.version.endswith("g"):
        if version_of(said.version) < ENA_VERSION_MIN:
            return warn(value, "Amazon's ENA driver has AF_XDP zero-copy from 2.13.0 on.",
                        "dkms install amzn-drivers/2.17.0  # from github.com/amzn/amzn-drivers")  # fmt: skip
        return ok(value, "Amazon's own driver, recent enough for AF_XDP zero-copy.")
    if said.driver == "ena":
        return warn(value, "The kernel's own ENA driver has XDP but no AF_XDP zero-copy and no hardware time stamps.",
                    "dkms install amzn-drivers/2.17.0  # from github.com/amzn/amzn-drivers")  # fmt: skip
    if nic.virtual:
        return warn(value, "An interface made by software: right for tests, no NIC of its own behind it.")
    if said.driver not in DRIVERS:
        return warn(value, "This driver is not in the table of those whose XDP is known.")
    return ok(value, "A driver whose XDP is known.")


def link(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Is it up?"""
    nic = _nic(inventory, name)
    speed = f", {nic.speed_mbps // 1000} Gbit/s" if nic.speed_mbps and nic.speed_mbps >= 1000 else ""
    if nic.state in ("up", "unknown"):
        return ok(f"{nic.state}{speed}", "The interface is up.")
    return bad(nic.state, "Nothing is sent or received.", f"ip link set {name} up")


def rings(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Descriptors."""
    found = _nic(inventory, name).ethtool.rings
    if found is None:
        return skip("none", "The driver has no rings that can be sized.")
    value = f"rx {found.rx}/{found.rx_max}, tx {found.tx}/{found.tx_max}"
    if found.rx >= RING_MIN:
        return ok(value, "A burst waits in the ring while the loop finishes its turn.")
    if found.rx_max <= found.rx:
        return warn(value, "The receive ring is small and cannot grow: a burst of some hundred frames is dropped.")
    return bad(value, "A burst of some hundred frames overflows the receive ring and is lost.",
               f"ethtool -G {name} rx {min(2048, found.rx_max)}")  # fmt: skip


def coalescing(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """How long interrupts wait for company."""
    found = _nic(inventory, name).ethtool.coalesce
    if found is None:
        return skip("none", "The driver has no interrupt coalescing that can be set.")
    adaptive = "adaptive " if found.adaptive_rx or found.adaptive_tx else ""
    value = f"{adaptive}rx {found.rx_usecs} us, tx {found.tx_usecs} us"
    fix = f"ethtool -C {name} adaptive-rx off rx-usecs 0 tx-usecs 0"
    if found.adaptive_rx:
        return bad(value, "The driver chooses by itself how long a frame waits before it is announced.", fix)
    if found.rx_usecs > USECS_OK:
        return bad(value, f"Each frame may wait {found.rx_usecs} us before the NIC announces it.", fix)
    if found.tx_usecs > USECS_OK or found.adaptive_tx:
        return warn(value, "Sent buffers come back late, which matters when all are in use.", fix)
    return ok(value, "Frames are announced as they come.")


def offloads(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Offloads that join frames."""
    features = _nic(inventory, name).ethtool.features
    if not features:
        return skip("none", "The driver says nothing about offloads.")
    joined = [key for key in JOINING if (found := features.get(key)) and found.on]
    stuck = joins_for_good(_nic(inventory, name))
    if stuck:
        return bad(", ".join(stuck), "The device joins frames and its driver cannot be told not to: native XDP is "
                   "refused.")  # fmt: skip
    if joined:
        return bad(", ".join(joined), "The NIC joins frames: XDP programs are refused or see frames too large.",
                   f"ethtool -K {name} " + " ".join(f"{key} off" for key in joined))  # fmt: skip
    gro = features.get("rx-gro")
    if gro and gro.on and subject.port in ("udp", "packet"):
        return warn("rx-gro", "The kernel waits to join datagrams before a socket sees them.",
                    f"ethtool -K {name} gro off")  # fmt: skip
    return ok("none that join", "Every frame comes up as it was sent.")


def _rule_in_place(nic: Interface, subject: Subject) -> bool:
    rules = nic.ethtool.rules or ()
    return any(
        rule.protocol == "udp4" and rule.dst_port == subject.udp_port and rule.queue == subject.queue for rule in rules
    )


def steering(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """Do orders come to the queue that the port polls?"""
    if subject.port not in ("xdp", "packet"):
        return None
    nic = _nic(inventory, name)
    receiving = [queue for queue in nic.queues if queue.name.startswith("rx")]
    channels = nic.ethtool.channels
    count = channels.combined + channels.rx if channels else len(receiving)
    if count <= 1:
        return ok("one queue", "There is only one queue for orders to come to.")
    if _rule_in_place(nic, subject):
        return ok(f"rule to queue {subject.queue}", "A receive rule brings every order to the port's queue.")
    value = f"{count} queues, no rule"
    sentence = f"RSS spreads clients over {count} queues and the port polls one: the others' orders are not seen."
    if nic.ethtool.rules is None:
        return bad(value, sentence, f"ethtool -L {name} combined 1")
    rule = f"flow-type udp4 dst-port {subject.udp_port} action {subject.queue}"
    return bad(value, sentence, f"ethtool -K {name} ntuple on && ethtool -N {name} {rule}")


def channels(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Queues, and whether XDP has room for its own."""
    nic = _nic(inventory, name)
    found = nic.ethtool.channels
    if found is None:
        return skip("none", "The driver has no channels that can be set.")
    count = found.combined or found.rx
    most = combined_max(nic, with_xdp=subject.port == "xdp")
    value = f"{count} of {found.combined_max or found.rx_max}"
    if subject.queue >= max(count, 1):
        return bad(value, f"The port's queue {subject.queue} does not exist.", f"ethtool -L {name} combined {most}")
    if most and count > most:
        return bad(value, f"With XDP this driver needs a second transmit queue a channel: at most {most} can be used.",
                   f"ethtool -L {name} combined {most}")  # fmt: skip
    return ok(value, "There are queues enough for the port and for XDP.")


def nic_irqs(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Where the interface's own interrupts go."""
    nic = _nic(inventory, name)
    irqs = inventory.irqs_of(nic)
    if not irqs:
        return skip("none", "The interface has no interrupts of its own.")
    loop = set(subject.loop_cpus)
    on_loop = [irq for irq in irqs if set(parse_list(irq.effective or irq.cpus)) & loop]
    fix = "pitwire nic apply --config venue.toml"
    if on_loop:
        return bad(f"{len(on_loop)} on the loop", f"{cpus_text(loop)} polls and is interrupted by the same NIC.", fix)
    node = inventory.node(nic.node)
    if node and len(inventory.nodes) > 1:
        far = [irq for irq in irqs if not set(parse_list(irq.effective or irq.cpus)) & set(node.cpus)]
        if far:
            return warn(f"{len(far)} on another node", "Interrupts are handled on the other socket, far from the NIC's "
                        "memory.", fix)  # fmt: skip
    wide = [irq for irq in irqs if len(parse_list(irq.cpus)) > 1]
    if wide and not loop:
        return warn(f"{len(wide)} anywhere", "Interrupts may be delivered to any CPU, the loop's included.", fix)
    return ok(f"{len(irqs)}, none on the loop" if loop else f"{len(irqs)}, each on one CPU",
              "The NIC's interrupts keep to their CPUs.")  # fmt: skip


def steering_masks(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """RPS and XPS."""
    nic = _nic(inventory, name)
    rps = [queue for queue in nic.queues if queue.name.startswith("rx") and queue.cpus and parse_mask(queue.cpus)]
    if rps:
        return bad(
            f"RPS on {rps[0].name}",
            "The kernel hands received frames to other CPUs by an interrupt between processors.",
            f"for f in /sys/class/net/{name}/queues/rx-*/rps_cpus; do echo 0 > $f; done",
        )
    transmit = [queue for queue in nic.queues if queue.name.startswith("tx") and queue.cpus is not None]
    if len(transmit) < 2:
        return ok("one queue", "There is nothing to choose between.")
    owners = [queue.name for queue in transmit if set(parse_mask(queue.cpus or "")) & set(subject.loop_cpus)]
    if subject.loop_cpus and len(owners) != 1:
        return warn(f"XPS {len(owners)} queues", "The loop's CPU shares its transmit queue with others, and waits for "
                    "their lock.", "pitwire nic apply --config venue.toml")  # fmt: skip
    return ok("XPS " + (owners[0] if owners else "set"), "The loop's CPU has a transmit queue of its own.")


def mtu(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """XDP and large frames."""
    if subject.port != "xdp":
        return None
    found = _nic(inventory, name).mtu
    if found <= PORT_FRAME_MTU_MAX:
        return ok(str(found), "Frames fit the buffers of the xdp port.")
    return bad(str(found), "Native XDP is refused: a frame of this size does not fit one buffer.",
               f"ip link set {name} mtu 1500")  # fmt: skip


def xdp(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """Native XDP."""
    if subject.port != "xdp":
        return None
    nic = _nic(inventory, name)
    able = has_native_xdp(nic)
    if able is None:
        return skip("unknown", "The kernel (before 6.3) does not say, and the driver is not in our table.")
    if able:
        return ok("native", "The driver runs the XDP program before it makes a socket buffer.")
    return bad("generic only", "XDP runs after the kernel has made a socket buffer, which costs a microsecond a frame.")


def zero_copy(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """AF_XDP without a copy."""
    if subject.port != "xdp":
        return None
    nic = _nic(inventory, name)
    able = has_zero_copy(nic)
    if able is None:
        return skip("unknown", "The kernel (before 6.3) does not say, and the driver is not in our table.")
    if able:
        return ok("yes", "The driver says that it writes frames straight into the port's memory.")
    return warn("no", "Each frame is copied once in the kernel, and each transmission is a system call.")


def timestamps(inventory: Inventory, subject: Subject, name: str) -> Finding:
    """Hardware time stamps."""
    found = _nic(inventory, name).ethtool.timestamping
    if found is None:
        return skip("unknown", "The driver does not say what it can stamp.")
    clock = f", PTP clock {found.phc}" if found.phc is not None else ""
    if found.hardware_rx and found.hardware_tx:
        return ok(f"hardware{clock}", "Latency can be measured on the wire itself.")
    if found.hardware_rx:
        return warn(f"hardware receive only{clock}", "The moment of sending is known only as the kernel sees it.")
    return warn(
        "software" if found.software else "none",
        "No time stamps in hardware: latency is measured between programs, the NIC's own share unseen.",
    )


def busy_poll(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """NAPI that waits for the application to poll."""
    nic = _nic(inventory, name)
    if subject.port != "xdp" or nic.virtual:
        return None
    if nic.napi_defer_hard_irqs is None or nic.gro_flush_timeout_ns is None:
        return skip("none", "This kernel cannot defer interrupts for busy polling.")
    value = f"defer {nic.napi_defer_hard_irqs}, flush {nic.gro_flush_timeout_ns} ns"
    if nic.napi_defer_hard_irqs and nic.gro_flush_timeout_ns:
        return ok(value, "While the loop polls, the NIC does not interrupt.")
    return warn(
        value,
        "Each burst begins with an interrupt, although the loop polls already.",
        f"echo 2 > /sys/class/net/{name}/napi_defer_hard_irqs; echo 200000 > /sys/class/net/{name}/gro_flush_timeout",
    )


def drops(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """What the NIC had no room for."""
    counted = {
        key: value
        for key, value in _nic(inventory, name).ethtool.statistics.items()
        if key in ("rx_out_of_buffer", "rx_missed_errors", "rx_no_buffer_count", "rx_drops")
    }
    if not counted:
        return None
    lost = {key: value for key, value in counted.items() if value}
    if not lost:
        return ok("none", "The NIC has lost no frame since it was set up.")
    key, value = max(lost.items(), key=lambda item: item[1])
    return warn(f"{key} {value}", "Frames came faster than they were taken, since the NIC was set up.",
                f"ethtool -S {name}; pitwire nic apply --config venue.toml")  # fmt: skip


def dpdk_binding(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """Can DPDK have a device?"""
    if subject.port != "dpdk":
        return None
    bound = [device.address for device in inventory.pci if device.driver in ("vfio-pci", "igb_uio", "uio_pci_generic")]
    nic = _nic(inventory, name)
    if bound:
        return ok(", ".join(bound), "A device is DPDK's.")
    if nic.ethtool.driver == "mlx5_core":
        return ok("mlx5_core", "The mlx5 driver of DPDK works beside the kernel's: nothing is to be bound.")
    if not inventory.machine.vfio:
        return bad("no vfio-pci", "DPDK gets at a NIC by vfio-pci only; virtual devices (memif, ring, af_packet) "
                   "still work.", "modprobe vfio-pci")  # fmt: skip
    spare = next((d.address for d in inventory.pci if name in d.interfaces), "PCI")
    return warn("none bound", "No device is bound to vfio-pci yet.",
                f"set host.dpdk_devices = [\"{spare}\"] and: pitwire nic apply --config venue.toml")  # fmt: skip


CHECKS: dict[str, InterfaceCheckFunction] = {
    "driver": driver,
    "link": link,
    "channels": channels,
    "steering": steering,
    "rings": rings,
    "coalescing": coalescing,
    "offloads": offloads,
    "nic-irqs": nic_irqs,
    "rps-xps": steering_masks,
    "mtu": mtu,
    "xdp": xdp,
    "zero-copy": zero_copy,
    "timestamps": timestamps,
    "busy-poll": busy_poll,
    "drops": drops,
    "dpdk": dpdk_binding,
}
