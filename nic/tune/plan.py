"""From an inventory and a configuration to what is to be changed. Pure: the same inputs give the same plan."""

from __future__ import annotations

from typing import NamedTuple

from appliance.config import Config
from nic.host.cpulist import format_list, format_mask, parse_list
from nic.host.drivers import combined_max
from nic.host.ethtool import rule_text, udp4_rule
from nic.host.inventory import Interface, Inventory
from nic.tune.settings import Phase, Value, irq_names, setting, settings_of

LEAVE = -1


class PlanError(Exception):
    """The configuration does not fit this host; the message is one sentence."""


class Change(NamedTuple):
    """One setting, from what was found to what is wanted."""

    key: str
    found: Value
    wanted: Value
    why: str
    phase: Phase


class Plan(NamedTuple):
    """What to change, in this order, and what cannot be."""

    changes: list[Change]
    notes: list[str]
    """Sentences about what is wanted and left."""


class _Wishes:
    """Collects what is wanted."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Value, str]] = {}
        self.notes: list[str] = []

    def want(self, key: str, value: Value, why: str) -> None:
        self.values[key] = (value, why)


def make_plan(inventory: Inventory, config: Config) -> Plan:
    """Everything in which the host differs from what `config` wants. PlanError where that cannot be."""
    wishes = _Wishes()
    loop, others = _divide_cpus(inventory, config)
    name = config.host.interface or config.port.interface
    taken = _devices(inventory, config, wishes)
    if name and name not in taken:
        nic = inventory.interface(name)
        if nic is None:
            raise PlanError(f"This host has no interface {name}; it has {_names(inventory)}.")
        _interface(nic, config, wishes)
        _masks(nic, config, loop, others, wishes)
        _nic_irqs(inventory, nic, config, loop, others, wishes)
    elif not name:
        wishes.notes.append("No interface is named (port.interface or host.interface): only the host is prepared.")
    _other_irqs(inventory, name, loop, others, wishes)
    _machine(inventory, config, name, wishes)
    return _compare(inventory, config, wishes)


def _compare(inventory: Inventory, config: Config, wishes: _Wishes) -> Plan:
    found = settings_of(inventory)
    changes = []
    for key, (wanted, why) in wishes.values.items():
        now = setting(found, key)
        if now is None or now.value == wanted:
            continue
        if key.startswith(config.host.leave):
            wishes.notes.append(f"{key} is left as it is ({_text(now.value)}): host.leave says so.")
            continue
        changes.append(Change(key, now.value, wanted, why, now.phase))
    return Plan(sorted(changes, key=lambda change: change.phase), wishes.notes)


def _names(inventory: Inventory) -> str:
    return ", ".join(nic.name for nic in inventory.interfaces) or "none"


def _divide_cpus(inventory: Inventory, config: Config) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """CPUs of the loop, and the rest."""
    loop = loop_cpus(config)
    irqs = parse_list(config.host.irq_cpus)
    for key, cpus in (("host.loop_cpus or loop.cpu", loop), ("host.irq_cpus", irqs)):
        if missing := sorted(set(cpus) - set(inventory.online)):
            raise PlanError(f"{key} names CPU {format_list(missing)}, which this host does not have online.")
    if shared := sorted(set(loop) & set(irqs)):
        raise PlanError(f"CPU {format_list(shared)} is both the loop's and in host.irq_cpus.")
    others = tuple(cpu for cpu in inventory.online if cpu not in loop)
    if loop and not others:
        raise PlanError("The loop would have every CPU; leave at least one for the kernel.")
    return loop, others


def loop_cpus(config: Config) -> tuple[int, ...]:
    """The CPUs that the configuration gives to the loop."""
    if config.host.loop_cpus:
        return parse_list(config.host.loop_cpus)
    return (config.loop.cpu,) if config.loop.cpu >= 0 else ()


def _devices(inventory: Inventory, config: Config, wishes: _Wishes) -> set[str]:
    """Devices for DPDK; gives the interfaces that go away."""
    taken: set[str] = set()
    for address in config.host.dpdk_devices:
        device = next((one for one in inventory.pci if one.address == address), None)
        if device is None:
            raise PlanError(f"This host has no network device {address}.")
        routed = [name for name in device.interfaces if (nic := inventory.interface(name)) and nic.routes]
        if routed:
            wishes.notes.append(f"{address} is left to the kernel: {routed[0]} carries routes, perhaps yours.")
            continue
        if config.host.dpdk_driver == "vfio-pci" and not device.iommu_group:
            if config.host.vfio_no_iommu:
                wishes.want("vfio/no_iommu", "Y", "there is no IOMMU; the device will reach all memory")
            else:
                wishes.notes.append(f"{address} has no IOMMU group: vfio-pci needs host.vfio_no_iommu = true.")
                continue
        why = "the dpdk port drives the device itself"
        wishes.want(f"pci/{address}/driver_override", config.host.dpdk_driver, why)
        wishes.want(f"pci/{address}/driver", config.host.dpdk_driver, why)
        taken |= set(device.interfaces)
    return taken


def _channels_wanted(nic: Interface, config: Config) -> tuple[int, str]:
    """Channels, and why; LEAVE for as they are."""
    host, channels = config.host, nic.ethtool.channels
    if channels is None or host.channels == LEAVE:
        return LEAVE, ""
    xdp = config.port.kind == "xdp"
    most = combined_max(nic, with_xdp=xdp)
    if host.channels > 0:
        return min(host.channels, most), "host.channels says so"
    if config.port.kind not in ("xdp", "packet"):
        return LEAVE, ""
    if nic.ethtool.rules is None or not host.receive_rule:
        return config.port.queue + 1, "without receive rules only a single queue surely gets every order"
    now = channels.combined or channels.rx
    return min(now, most), "with XDP the driver needs a second transmit queue for each channel"


def _interface(nic: Interface, config: Config, wishes: _Wishes) -> None:
    name, host, said = nic.name, config.host, nic.ethtool
    if config.port.kind == "xdp" and host.mtu != LEAVE:
        wishes.want(f"{name}/mtu", str(host.mtu), "with XDP a frame must fit one buffer")
    count, why = _channels_wanted(nic, config)
    if said.channels and count > 0:
        for field in ("combined",) if said.channels.combined_max else ("rx", "tx"):
            wishes.want(f"{name}/channels/{field}", count, why)
        if count != (said.channels.combined or said.channels.rx):
            wishes.notes.append("Queues and interrupts are planned again once the number of channels has changed.")
    if said.rings:
        room = "a burst waits here while the loop finishes its turn"
        for field, wanted, most in (("rx", host.rx_ring, said.rings.rx_max), ("tx", host.tx_ring, said.rings.tx_max)):
            if wanted != LEAVE and most:
                wishes.want(f"{name}/rings/{field}", min(wanted, most), room)
    if said.coalesce:
        _coalesce(nic, config, wishes)
    for feature in host.offloads_off:
        state = said.features.get(feature)
        if state and state.on and not state.changeable:
            wishes.notes.append(f"{name}/offloads/{feature} stays on: the driver does not let it be changed.")
        elif state:
            wishes.want(f"{name}/offloads/{feature}", False, "joined frames wait, and XDP does not take them")
    _rule(nic, config, wishes)
    if config.port.kind == "xdp":
        why = "while the loop polls, the NIC need not interrupt"
        for key, number, known in (
            ("napi_defer_hard_irqs", host.napi_defer_hard_irqs, nic.napi_defer_hard_irqs),
            ("gro_flush_timeout", host.gro_flush_timeout_ns, nic.gro_flush_timeout_ns),
        ):
            if number != LEAVE and known is not None:
                wishes.want(f"{name}/{key}", str(number), why)


def _coalesce(nic: Interface, config: Config, wishes: _Wishes) -> None:
    name, found = nic.name, nic.ethtool.coalesce
    assert found is not None
    why = "a frame is announced when it comes"
    for side, usecs, adaptive, frames in (
        ("rx", config.host.rx_usecs, found.adaptive_rx, found.rx_frames),
        ("tx", config.host.tx_usecs, found.adaptive_tx, found.tx_frames),
    ):
        if usecs == LEAVE:
            continue
        if adaptive:
            wishes.want(f"{name}/coalesce/adaptive_{side}", 0, why)
        wishes.want(f"{name}/coalesce/{side}_usecs", usecs, why)
        if usecs == 0 and frames > 1:  # else a driver that counts frames waits for as many
            wishes.want(f"{name}/coalesce/{side}_frames", 1, why)


def _rule(nic: Interface, config: Config, wishes: _Wishes) -> None:
    rules, port = nic.ethtool.rules, config.order_entry.udp_port
    if not config.host.receive_rule or config.port.kind not in ("xdp", "packet") or rules is None:
        return
    if any(rule.protocol == "udp4" and rule.dst_port == port and rule.queue == config.port.queue for rule in rules):
        return
    location = config.host.rule_location
    if any(rule.location == location for rule in rules):
        wishes.notes.append(f"{nic.name}/rules/{location} is in use: give another host.rule_location.")
        return
    switch = nic.ethtool.features.get("rx-ntuple-filter")
    if switch and switch.changeable:
        wishes.want(f"{nic.name}/offloads/rx-ntuple-filter", True, "receive rules need it")
    rule = udp4_rule(location, port, config.port.queue)
    wishes.want(f"{nic.name}/rules/{location}", rule.raw, f"UDP to {port} comes to queue {config.port.queue}")


def _masks(nic: Interface, config: Config, loop: tuple[int, ...], others: tuple[int, ...], wishes: _Wishes) -> None:
    count, _ = _channels_wanted(nic, config)
    queues = [
        queue for queue in nic.queues if queue.cpus is not None and (count <= 0 or int(queue.name[3:]) < count)
    ]  # those beyond will be gone
    transmit = [queue for queue in queues if queue.name.startswith("tx")]
    for queue in queues:
        assert queue.cpus is not None
        if queue.name.startswith("rx"):
            why = "frames stay on the CPU that takes them from the NIC"
            wishes.want(f"{nic.name}/queues/{queue.name}/rps_cpus", format_mask((), queue.cpus), why)
        elif loop and len(transmit) > 1:
            own = queue.name == f"tx-{config.port.queue}"
            why = "the loop sends on a queue of its own" if own else "the loop's queue is left to the loop"
            mask = format_mask(loop if own else others, queue.cpus)
            wishes.want(f"{nic.name}/queues/{queue.name}/xps_cpus", mask, why)


def _nic_irqs(
    inventory: Inventory,
    nic: Interface,
    config: Config,
    loop: tuple[int, ...],
    others: tuple[int, ...],
    wishes: _Wishes,
) -> None:
    if not loop:
        wishes.notes.append("No CPU is chosen for the loop (loop.cpu or host.loop_cpus): interrupts stay as they are.")
        return
    node = inventory.node(nic.node)
    beside = {sibling for cpu in inventory.cpus if cpu.cpu in loop for sibling in cpu.siblings}
    near = tuple(cpu for cpu in others if cpu not in beside and (node is None or cpu in node.cpus))
    cpus = parse_list(config.host.irq_cpus) or near or others
    names = irq_names(inventory)
    for place, irq in enumerate(inventory.irqs_of(nic)):
        why = "one CPU of the NIC's node, not the loop's"
        wishes.want(names[irq.number], str(cpus[place % len(cpus)]), why)


def _other_irqs(
    inventory: Inventory, interface: str, loop: tuple[int, ...], others: tuple[int, ...], wishes: _Wishes
) -> None:
    nic = inventory.interface(interface) if interface else None
    own = nic.irqs if nic else ()
    names = irq_names(inventory)
    for irq in inventory.irqs:
        allowed = parse_list(irq.cpus)
        if irq.number in own or not set(allowed) & set(loop):
            continue
        rest = tuple(cpu for cpu in allowed if cpu not in loop) or others
        wishes.want(names[irq.number], format_list(rest), "keeps off the loop's CPUs")


def _machine(inventory: Inventory, config: Config, interface: str, wishes: _Wishes) -> None:
    host = config.host
    for cpu in inventory.cpus:
        if host.governor and cpu.governor is not None:
            if cpu.governors and host.governor not in cpu.governors:
                raise PlanError(f"host.governor {host.governor!r} is none of {', '.join(cpu.governors)}.")
            wishes.want(f"cpu{cpu.cpu}/governor", host.governor, "the clock rate does not fall while waiting")
    if host.thp:
        wishes.want("thp/enabled", host.thp, "pages are joined only where a program asks for it")
    if host.hugepages_2m != LEAVE:
        nic = inventory.interface(interface) if interface else None
        node = max(nic.node, 0) if nic else 0
        wishes.want(f"node{node}/hugepages-2048kB", str(host.hugepages_2m), "frame buffers in huge pages")


def render(plan: Plan) -> str:
    """The plan as a diff, a reason above the changes that it is for."""
    lines: list[str] = []
    why = ""
    for change in plan.changes:
        if change.why != why:
            why = change.why
            lines.append(f"  # {why}")
        if change.found is not None:
            lines.append(f"- {change.key} = {value_text(change, change.found)}")
        if change.wanted is not None:
            lines.append(f"+ {change.key} = {value_text(change, change.wanted)}")
    lines += [f"! {note}" for note in plan.notes]
    return "\n".join(lines)


def value_text(change: Change, value: Value) -> str:
    """`value` of this change for people."""
    if isinstance(value, str) and "/rules/" in change.key:
        return rule_text(value)
    return _text(value)


def _text(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if value == "":
        return '""'
    return str(value)
