"""What a host is made of, as facts. Everything is JSON: an inventory made on one machine can be judged on another."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

UNLIMITED = -1
"""A limit that is not one."""


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdleState(_Fact):
    """A C-state."""

    name: str
    latency_us: int
    """Time to wake up from it."""
    enabled: bool


class Cpu(_Fact):
    """A CPU that is online."""

    cpu: int
    node: int = 0
    package: int = 0
    siblings: tuple[int, ...] = ()
    """Hardware threads of the same core, itself included."""
    governor: str | None = None
    """Of frequency scaling; None: none to be seen."""
    governors: tuple[str, ...] = ()
    """That can be chosen."""
    idle_states: tuple[IdleState, ...] = ()


class Hugepages(_Fact):
    """A pool of huge pages of one node."""

    size_kib: int
    total: int
    free: int


class Node(_Fact):
    """A NUMA node."""

    node: int
    cpus: tuple[int, ...] = ()
    hugepages: tuple[Hugepages, ...] = ()


class Irq(_Fact):
    """An interrupt that a driver has asked for."""

    number: int
    name: str
    """Of the action; the number where it has none."""
    cpus: str
    """smp_affinity_list."""
    effective: str | None = None


class PciDevice(_Fact):
    """A network controller on PCI."""

    address: str
    driver: str | None = None
    driver_override: str | None = None
    vendor_device: str = ""
    """`1d0f:ec20`."""
    iommu_group: str | None = None
    node: int = -1
    interfaces: tuple[str, ...] = ()


class Rings(_Fact):
    """`ethtool -g`, descriptors."""

    rx: int
    rx_max: int
    tx: int
    tx_max: int


class Channels(_Fact):
    """`ethtool -l`."""

    rx: int = 0
    rx_max: int = 0
    tx: int = 0
    tx_max: int = 0
    combined: int = 0
    combined_max: int = 0


class Coalesce(_Fact):
    """`ethtool -c`."""

    adaptive_rx: int = 0
    adaptive_tx: int = 0
    rx_usecs: int = 0
    rx_frames: int = 0
    tx_usecs: int = 0
    tx_frames: int = 0


class Feature(_Fact):
    """A row of `ethtool -k`."""

    on: bool
    changeable: bool


class Timestamping(_Fact):
    """`ethtool -T`."""

    hardware_rx: bool = False
    hardware_tx: bool = False
    software: bool = False
    phc: int | None = None
    """N of /dev/ptpN."""


class Xdp(_Fact):
    """What the driver says in the netdev family of generic netlink (Linux 6.3 and later)."""

    native: bool = False
    redirect: bool = False
    zero_copy: bool = False
    multi_buffer: bool = False
    rx_timestamp: bool = False


class Rule(_Fact):
    """A receive rule (`ethtool -n`)."""

    location: int
    queue: int
    protocol: str
    """udp4, tcp4, ... or the number of another kind."""
    dst_port: int | None = None
    raw: str = ""
    """The kernel's own record in hexadecimal, to put it back as it was."""


class Ethtool(_Fact):
    """What a driver says about an interface. None: it has no such thing, or the kernel does not tell."""

    driver: str | None = None
    version: str | None = None
    firmware: str | None = None
    rings: Rings | None = None
    channels: Channels | None = None
    coalesce: Coalesce | None = None
    features: dict[str, Feature] = {}
    timestamping: Timestamping | None = None
    xdp: Xdp | None = None
    rules: tuple[Rule, ...] | None = None
    statistics: dict[str, int] = {}
    """Only those that a check reads."""


class Queue(_Fact):
    """A queue in sysfs: `rx-0` with its rps_cpus, `tx-0` with its xps_cpus (None: the kernel has no mask for it)."""

    name: str
    cpus: str | None = None


class Interface(_Fact):
    """A network interface."""

    name: str
    pci: str | None = None
    """Address of the device on PCI."""
    virtual: bool = False
    """Made by software: veth, bridge, loopback."""
    node: int = -1
    """NUMA node of the device; -1: it does not say."""
    mtu: int = 0
    state: str = "unknown"
    speed_mbps: int | None = None
    mac: str = ""
    queues: tuple[Queue, ...] = ()
    irqs: tuple[int, ...] = ()
    napi_defer_hard_irqs: int | None = None
    gro_flush_timeout_ns: int | None = None
    threaded: int | None = None
    routes: int = 0
    """IPv4 routes that lead through it; a device with any is not taken from the kernel."""
    has_default_route: bool = False
    ethtool: Ethtool = Ethtool()


class Limits(_Fact):
    """Of the process that looked."""

    memlock_bytes: int = UNLIMITED
    open_files: int = UNLIMITED
    realtime_priority: int = UNLIMITED
    capabilities: int = 0
    """CapEff, a bit each."""


class Kernel(_Fact):
    """The kernel and what it was told."""

    release: str = ""
    boot: dict[str, str] = {}
    """Of the words of the boot line those that matter to latency; without `=` the value is empty."""
    config: dict[str, str] | None = None
    """CONFIG_ options that a check reads, without the prefix; what is not set is absent. None: unreadable."""
    isolated: tuple[int, ...] = ()
    nohz_full: tuple[int, ...] = ()
    sysctls: dict[str, str] = {}
    boot_id: str = ""


class Machine(_Fact):
    """The hardware, or what plays it."""

    cpu_model: str = ""
    is_virtual: bool = False
    vendor: str = ""
    product: str = ""
    has_invariant_tsc: bool = False
    smt: str = ""
    """/sys/devices/system/cpu/smt/control."""
    idle_driver: str | None = None
    clocksource: str = ""
    clocksources: tuple[str, ...] = ()
    thp: str | None = None
    thp_defrag: str | None = None
    steal_ticks: int = 0
    """Hundredths of a second of all CPUs since boot, taken by the hypervisor."""
    total_ticks: int = 0
    ptp_clocks: tuple[str, ...] = ()
    daemons: tuple[str, ...] = ()
    """Of the running processes, those that a check knows."""
    irqbalance_banned: str = ""
    """What /etc/default/irqbalance keeps it away from."""
    vfio: bool = False
    """Is vfio-pci there?"""
    vfio_no_iommu: str | None = None
    """Y or N; None: no such parameter."""


class Inventory(_Fact):
    """A host."""

    machine: Machine = Machine()
    kernel: Kernel = Kernel()
    limits: Limits = Limits()
    cpus: tuple[Cpu, ...] = ()
    nodes: tuple[Node, ...] = ()
    irqs: tuple[Irq, ...] = ()
    pci: tuple[PciDevice, ...] = ()
    interfaces: tuple[Interface, ...] = ()

    def interface(self, name: str) -> Interface | None:
        """The interface of that name."""
        return next((found for found in self.interfaces if found.name == name), None)

    def cpu(self, number: int) -> Cpu | None:
        """The CPU of that number, where it is online."""
        return next((found for found in self.cpus if found.cpu == number), None)

    def node(self, number: int) -> Node | None:
        """The NUMA node of that number."""
        return next((found for found in self.nodes if found.node == number), None)

    def irqs_of(self, interface: Interface) -> tuple[Irq, ...]:
        """The interrupts of its device."""
        return tuple(irq for irq in self.irqs if irq.number in interface.irqs)

    @property
    def online(self) -> tuple[int, ...]:
        """Numbers of all CPUs."""
        return tuple(cpu.cpu for cpu in self.cpus)
