"""The configuration: one TOML file, checked whole before anything starts.

Every key has a default, so that an empty file is the demonstration venue: 64 instruments and 16 sessions whose UUIDs
anyone can compute. Unknown keys are errors. `load` reports every fault at once, each as `file: table.key -> why`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import re
import tomllib
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.config_accounts import (
    AccountTables,
    AssetTables,
    Clearing,
    FirmTables,
    Funds,
    InstrumentLimits,
    check_accounts,
    facts_of_accounts,
)
from appliance.config_gateway import Admission, DropCopyKey, Gateway, check_drop_copies
from appliance.distributor_config import CHANNELS, Distributor
from appliance.recovery_config import Recovery
from native.layout import (
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PHASE_VOLATILITY_AUCTION,
)
from native.limits import INSTRUMENTS_MAX, LEVELS_MAX, ORDERS_MAX, QTY_LOTS_MAX, SESSIONS_MAX, TICK_ROWS_MAX

DEMO_SESSIONS_COUNT = 16
DEMO_INSTRUMENTS_COUNT = 64
DEMO_TICK_NANOS = 1_000_000

_PRICE_NANOS_MAX = 1 << 62
_SCHEDULE_ROWS_MAX = 64
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")
PHASES = {
    "pre_open": PHASE_PRE_OPEN,
    "continuous": PHASE_CONTINUOUS,
    "halt": PHASE_HALT,
    "volatility_auction": PHASE_VOLATILITY_AUCTION,
    "closed": PHASE_CLOSED,
    "opening_auction": PHASE_OPENING_AUCTION,
    "closing_auction": PHASE_CLOSING_AUCTION,
}
"""Names of the phases (docs/MATCHING.md, section 2)."""

PortKind = Literal["xdp", "packet", "udp", "dpdk", "pcap", "memory"]
UdpPort = Annotated[int, Field(ge=1, le=65535)]


class ConfigError(Exception):
    """The configuration cannot be used; the message says where and why, a line a fault."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Port(_Table):
    """[port]: where order packets come from and where answers go."""

    kind: PortKind = "udp"
    interface: str = ""
    """Network interface of the xdp and packet ports."""
    queue: Annotated[int, Field(ge=0, le=1023)] = 0
    xdp_mode: Literal["auto", "native", "generic"] = "auto"
    zero_copy: Literal["auto", "never"] = "auto"
    frames: Annotated[int, Field(ge=256, le=1 << 20)] = 4096
    """Frame buffers of the port (xdp: of the UMEM)."""
    device: str = ""
    """dpdk: PCI address or virtual device, with its arguments; empty: the one device of eal_args."""
    eal_args: str = ""
    """dpdk: arguments of DPDK's EAL, parted by spaces; what is not given is filled in."""
    queue_count: Annotated[int, Field(ge=1, le=64)] = 1
    """dpdk: queues that the device is set up with; the loop polls `queue`."""
    tx_queue: Annotated[int, Field(ge=-1, le=63)] = -1
    """dpdk: the transmit queue; -1: of the same number as `queue`."""
    steering: Literal["auto", "flow", "rss"] = "auto"
    """dpdk with several queues: how orders come to `queue` (rte_flow rules, the RSS table, what the driver does)."""
    offloads: Literal["auto", "off"] = "auto"
    """dpdk: UDP checksums and receive timestamps by the device, where it has them."""
    verify_udp_checksum: bool = True
    """Verify UDP checksums where the port can tell that they are complete (captures; never on veth)."""


class OrderEntry(_Table):
    """[order_entry]: the UDP port of the order-entry datagrams (FIXP Context + SBE)."""

    ip: str = "127.0.0.1"
    udp_port: UdpPort = 26400
    session_ids_remembered: Annotated[int, Field(ge=16, le=1 << 20)] = 4096
    """SessionIds that ended today and cannot be negotiated again, at most; with one more all of them are forgotten."""
    handshakes_a_second: Annotated[int, Field(ge=0, le=10**6)] = 1000
    """Datagrams of strangers that the gateway gets to verify; what is above it is dropped. 0: all of them."""
    handshakes_at_once: Annotated[int, Field(ge=1, le=10**6)] = 64
    """Of those, how many may come at once."""


class Throttle(_Table):
    """[throttle]: how many requests a session may send in a window; 0: no limit."""

    window_ms: Annotated[int, Field(ge=8, le=3_600_000)] = 3000
    """It moves by an eighth of itself."""
    messages_reject: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    """New orders, replaces and queries above it are rejected."""
    messages_logout: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    """With one above it the session is terminated."""
    cancels_reject: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    """Cancels and mass actions, which are counted apart."""
    cancels_logout: Annotated[int, Field(ge=0, le=1 << 40)] = 0

    @model_validator(mode="after")
    def _rejects_before_it_ends(self) -> Throttle:
        for reject, logout, name in (
            (self.messages_reject, self.messages_logout, "messages"),
            (self.cancels_reject, self.cancels_logout, "cancels"),
        ):
            if 0 < logout < reject:
                raise ValueError(f"{name}_logout is below {name}_reject: nothing would ever be rejected")
        return self

    @property
    def is_on(self) -> bool:
        """Whether anything is counted."""
        return any((self.messages_reject, self.messages_logout, self.cancels_reject, self.cancels_logout))


class Feed(_Table):
    """[feed]: the L3 market data channel."""

    group: str = "239.192.26.1"
    udp_port: UdpPort = 26401
    interface_ip: str = "127.0.0.1"
    """Address of the interface that the multicast leaves by."""
    ttl: Annotated[int, Field(ge=0, le=255)] = 1
    channel_id: Annotated[int, Field(ge=0, le=65535)] = 1
    heartbeat_ms: Annotated[int, Field(ge=10, le=60_000)] = 1000
    store_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 256
    """Room for a day's published packets in shared memory."""


class Reports(_Table):
    """[reports]: the log of what sessions were told, from which they get it again."""

    store_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    """Room for a day's reports in shared memory, about 5000 a MiB. What finds no room cannot be had again."""


class Journal(_Table):
    """[journal]: the log of the sequenced inputs, and what makes it durable."""

    mode: Literal["memory", "disk"] = "memory"
    """What an input must be in before anything is said of it: shared memory, which survives the process, or a disk,
    which survives the machine."""
    records: Annotated[int, Field(ge=1024, le=1 << 36)] = 1 << 28
    """Records that the log may ever have: addresses are reserved for all of them, memory comes with the segments."""
    segment_records: Annotated[int, Field(ge=1024, le=1 << 24, multiple_of=32)] = 1 << 18
    """Records in a segment of shared memory; 128 bytes each."""
    segments_kept: Annotated[int, Field(ge=1, le=1 << 20)] = 4
    """Segments that stay in shared memory though all their records are durable or archived."""
    directory: str = ""
    """mode disk: the folder of the log. A log that is there is carried on."""
    disk_segment_mib: Annotated[int, Field(ge=2, le=1 << 16)] = 64
    """Size of a segment on disk, which is written full of zeros ahead of its use."""
    hold_mib: Annotated[int, Field(ge=4, le=1 << 16)] = 64
    """mode disk: room for what waits to be said."""
    writer_cpu: Annotated[int, Field(ge=-1, le=1023)] = -1
    """mode disk: CPU of the process that writes; -1: not pinned."""
    writer_idle: Literal["spin", "yield", "sleep"] = "sleep"
    """mode disk: what that process does when there is nothing to write: spin needs a CPU of its own."""
    archive: str = ""
    """Folder to which finished segments go, compressed; empty: none."""
    archives_kept: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """Newest archived segments that stay; 0: all."""
    snapshots: str = ""
    """Folder of the snapshots of the state, from which a start takes the newest that it can use; empty: none."""
    snapshot_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """A replica, a process beside the loop, writes one so often, as long as there are inputs; 0: no replica."""
    snapshots_kept: Annotated[int, Field(ge=1, le=1 << 20)] = 3
    """Newest snapshots that stay."""

    @model_validator(mode="after")
    def _has_its_folders(self) -> Journal:
        if self.mode == "disk" and not self.directory:
            raise ValueError("directory must name a folder when mode is disk")
        if self.snapshot_seconds > 0 and not self.snapshots:
            raise ValueError("snapshots must name a folder when snapshot_seconds is above 0")
        return self


class Limits(_Table):
    """[limits]: the sizes of the tables, allocated at start."""

    orders: Annotated[int, Field(ge=16, le=ORDERS_MAX)] = 1 << 18
    levels: Annotated[int, Field(ge=16, le=LEVELS_MAX)] = 1 << 16


class Loop(_Table):
    """[loop]: the one thread that does the work."""

    cpu: Annotated[int, Field(ge=-1, le=1023)] = -1
    """CPU to pin the loop to; -1: not pinned."""
    idle: Literal["spin", "yield", "sleep"] = "spin"
    """What an empty turn does: spin (lowest latency, a whole core), yield the CPU, or sleep 50 us."""


class Host(_Table):
    """[host]: how `pitwire nic apply` prepares the machine. Numbers: -1 leaves a setting as it is."""

    interface: str = ""
    """The interface to prepare; empty: port.interface."""
    loop_cpus: str = ""
    """CPUs that are kept free of interrupts, as a list (`2-3`); empty: loop.cpu."""
    irq_cpus: str = ""
    """CPUs that take the interface's interrupts, one each in turn; empty: the others of its NUMA node."""
    channels: Annotated[int, Field(ge=-1, le=1024)] = 0
    """Queues of the interface; 0: one where no receive rule can bring orders to the port's queue, else as many as XDP
    allows."""
    mtu: Annotated[int, Field(ge=-1, le=9216)] = 1500
    """Of the interface of an xdp port, whose buffers hold one frame each; other ports leave it."""
    rx_ring: Annotated[int, Field(ge=-1, le=1 << 16)] = 2048
    """Receive descriptors, at most what the driver has."""
    tx_ring: Annotated[int, Field(ge=-1, le=1 << 16)] = 1024
    """Transmit descriptors, at most what the driver has."""
    rx_usecs: Annotated[int, Field(ge=-1, le=10_000)] = 0
    """Microseconds that a receive interrupt waits; not -1 also turns adaptive coalescing off."""
    tx_usecs: Annotated[int, Field(ge=-1, le=10_000)] = 0
    """Microseconds that a transmit interrupt waits."""
    offloads_off: tuple[str, ...] = ("rx-gro", "rx-gro-hw", "rx-lro")
    """Offloads to turn off, by the kernel's names (`rx-gro`), which `pitwire nic plan` shows."""
    receive_rule: bool = True
    """Bring UDP to order_entry.udp_port into port.queue by a rule (ntuple), where the driver has rules."""
    rule_location: Annotated[int, Field(ge=0, le=4095)] = 0
    """Place of that rule in the driver's table."""
    napi_defer_hard_irqs: Annotated[int, Field(ge=-1, le=1000)] = 2
    """Empty polls before interrupts are turned on again; with gro_flush_timeout_ns what busy polling needs."""
    gro_flush_timeout_ns: Annotated[int, Field(ge=-1, le=10**9)] = 200_000
    """Nanoseconds after which the kernel polls by itself when nobody else does."""
    governor: str = "performance"
    """Frequency governor of all CPUs; empty: as it is."""
    thp: Literal["always", "madvise", "never", ""] = "madvise"
    """Transparent huge pages; empty: as it is. numpy asks for them for its large arrays."""
    hugepages_2m: Annotated[int, Field(ge=-1, le=1 << 20)] = -1
    """Huge pages of 2 MiB on the interface's NUMA node."""
    dpdk_devices: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")], ...] = ()
    """PCI addresses to take from the kernel for the dpdk port. One that carries a route is not taken."""
    dpdk_driver: str = "vfio-pci"
    """The driver that they get."""
    vfio_no_iommu: bool = False
    """Let vfio work without an IOMMU, as on most EC2 instances: the device can then reach all memory."""
    leave: tuple[str, ...] = ()
    """Settings that are not touched: beginnings of their names as `pitwire nic plan` prints them (`irq/`, `thp/`)."""

    @model_validator(mode="after")
    def _cpus_are_lists(self) -> Host:
        for key, text in (("loop_cpus", self.loop_cpus), ("irq_cpus", self.irq_cpus)):
            ranges = re.fullmatch(r"(\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*)?", text)
            if not ranges or any(int(low) > int(high) for low, high in re.findall(r"(\d+)-(\d+)", text)):
                raise ValueError(f"{key} {text!r} is not a list of CPUs such as 2-3,8")
        return self


Ticks = Annotated[int, Field(ge=0, le=1 << 62)]
"""A distance between prices; 0: the rule is off."""
Milliseconds = Annotated[int, Field(ge=0, le=7 * 86_400_000)]
"""0: the rule is off, or lasts until told."""
Lots = Annotated[int, Field(ge=1, le=QTY_LOTS_MAX)]
AnyTicks = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]


class TickRow(_Table):
    """A row of `tick_table`: from this price up (the first row: below it, too), prices are multiples of the step."""

    from_ticks: AnyTicks
    step_ticks: Annotated[int, Field(ge=1, le=1 << 62)]


class ScheduleRow(_Table):
    """A row of `schedule`: at this time of the day, UTC, the instrument goes into the phase."""

    time: str
    """HH:MM:SS, with up to nine decimal places."""
    phase: Literal[
        "pre_open", "opening_auction", "continuous", "volatility_auction", "halt", "closing_auction", "closed"
    ]

    @model_validator(mode="after")
    def _time_is_one(self) -> ScheduleRow:
        if _TIME_OF_DAY.fullmatch(self.time) is None:
            raise ValueError(f"time {self.time!r} is not a time of the day such as 09:00:00")
        return self

    @property
    def time_of_day_ns(self) -> int:
        """Nanoseconds since midnight UTC."""
        match = _TIME_OF_DAY.fullmatch(self.time)
        assert match is not None
        hours, minutes, seconds = (int(match[n]) for n in (1, 2, 3))
        return ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int((match[4] or "").ljust(9, "0"))


class Instrument(_Table):
    """[[instruments]]: prices in ticks, quantities in lots; docs/MATCHING.md says what each rule does."""

    security_id: Annotated[int, Field(ge=1, le=(1 << 31) - 1)]
    symbol: Annotated[str, Field(min_length=1, max_length=24)]
    tick_nanos: Annotated[int, Field(ge=1, le=10**15)] = DEMO_TICK_NANOS
    """Price of one tick in units of 1e-9."""
    price_ticks_min: int = 1
    price_ticks_max: int = Field(default_factory=lambda data: _PRICE_NANOS_MAX // data.get("tick_nanos", 1))
    """Without it: as far as the wire's 64 bits reach, with room to spare."""
    qty_lots_min: Lots = 1
    qty_lots_max: Lots = QTY_LOTS_MAX
    qty_step_lots: Lots = 1
    """Quantities are multiples of it."""
    tick_table: Annotated[tuple[TickRow, ...], Field(max_length=TICK_ROWS_MAX)] = ()
    """Coarser ticks from some prices up (MiFID II has such tables); empty: every tick is valid."""
    status: Literal["open", "closed"] = "open"
    """The phase at the day's first input where there is no schedule: continuous, or closed."""
    schedule: Annotated[tuple[ScheduleRow, ...], Field(max_length=_SCHEDULE_ROWS_MAX)] = ()
    """The phases of the day. The day's first input finds the instrument in the phase that the schedule has then."""
    static_reference_ticks: AnyTicks | None = None
    """Middle of the static band until an auction gives a price."""
    static_band_ticks: Ticks = 0
    dynamic_band_ticks: Ticks = 0
    volatility_auction_ms: Milliseconds = 0
    """How long the auction lasts that a price outside a band begins."""
    breaker_ticks: Ticks = 0
    breaker_window_ms: Milliseconds = 0
    halt_ms: Milliseconds = 0
    """How long the halt lasts that the circuit breaker begins."""
    market_protection_ticks: Ticks = 0
    auction_band_ticks: Ticks = 0
    extension_ms: Milliseconds = 0
    extensions_max: Annotated[int, Field(ge=0, le=255)] = 0
    freeze_ms: Milliseconds = 0
    """How long before its end an auction is frozen."""
    clearing: Clearing | None = None
    limits: InstrumentLimits | None = None

    @model_validator(mode="after")
    def _prices_fit_the_wire(self) -> Instrument:
        if self.price_ticks_min > self.price_ticks_max:
            raise ValueError("price_ticks_min is above price_ticks_max")
        if max(abs(self.price_ticks_min), abs(self.price_ticks_max)) * self.tick_nanos >= 1 << 63:
            raise ValueError("a limit price does not fit 64 bits at 1e-9 on the wire")
        if (self.price_ticks_max - self.price_ticks_min) * self.tick_nanos >= 1 << 63:
            raise ValueError("price_ticks_min and price_ticks_max are further apart than 64 bits hold at 1e-9")
        reference = self.static_reference_ticks
        if reference is not None and not self.price_ticks_min <= reference <= self.price_ticks_max:
            raise ValueError("static_reference_ticks is outside price_ticks_min to price_ticks_max")
        return self

    @model_validator(mode="after")
    def _rules_go_together(self) -> Instrument:
        if self.qty_lots_min > self.qty_lots_max:
            raise ValueError("qty_lots_min is above qty_lots_max")
        if self.qty_lots_max // self.qty_step_lots * self.qty_step_lots < self.qty_lots_min:
            raise ValueError("no multiple of qty_step_lots lies from qty_lots_min to qty_lots_max")
        if any(one.from_ticks >= other.from_ticks for one, other in itertools.pairwise(self.tick_table)):
            raise ValueError("tick_table: from_ticks must rise from row to row")
        if any(one.time_of_day_ns >= other.time_of_day_ns for one, other in itertools.pairwise(self.schedule)):
            raise ValueError("schedule: the times must rise from row to row")
        if self.schedule and self.status == "closed":
            raise ValueError("status and schedule: give one of them; the schedule says when the instrument is closed")
        for key, needed in (
            ("breaker_ticks", "breaker_window_ms"),
            ("breaker_window_ms", "breaker_ticks"),
            ("halt_ms", "breaker_ticks"),
            ("extension_ms", "extensions_max"),
            ("extensions_max", "auction_band_ticks"),
            ("auction_band_ticks", "extensions_max"),
        ):
            if getattr(self, key) and not getattr(self, needed):
                raise ValueError(f"{key} does nothing without {needed}")
        return self


class Session(_Table):
    """[[sessions]]: who may send. With a `uuid` the FIXP session is provisioned: it is there from the start. With a
    `key_id` whoever has that key negotiates it: docs/SESSIONS.md."""

    uuid: str = ""
    account: Annotated[int, Field(ge=0, le=(1 << 32) - 2)]
    name: str = ""
    accounts: tuple[Annotated[int, Field(ge=0, le=(1 << 32) - 2)], ...] = ()
    """Other accounts of its firm that it may trade for."""
    key_id: Annotated[str, Field(pattern=r"^[!-~]{0,20}$")] = ""
    """Which key of the keys file opens it."""
    cl_ord_id_rule: Literal["increasing", "unique_open"] | None = None
    """increasing: a request whose ClOrdID is not above all before it is ignored; unique_open: no two open orders may
    have the same. Without it: increasing where there is a `key_id`."""

    @model_validator(mode="after")
    def _uuid_is_one(self) -> Session:
        if bool(self.uuid) == bool(self.key_id):
            raise ValueError("give a uuid (provisioned) or a key_id (negotiated)")
        if self.uuid:
            uuid.UUID(self.uuid)
        return self

    @property
    def uuid_bytes(self) -> bytes:
        """The 16 octets as they stand on the wire; none where the session is negotiated."""
        return uuid.UUID(self.uuid).bytes if self.uuid else b""

    @property
    def ids_increase(self) -> bool:
        """Whether a ClOrdID must be above all before it."""
        return self.cl_ord_id_rule == "increasing" or (self.cl_ord_id_rule is None and self.key_id != "")


def demo_session_uuid(number: int) -> uuid.UUID:
    """UUID of demonstration session `number` (1, 2, ...): computable by anyone, so no secret of any kind."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"session-{number}.pitwire.example")


def _demo_instruments() -> tuple[Instrument, ...]:
    return tuple(Instrument(security_id=n, symbol=f"PW{n:03d}") for n in range(1, DEMO_INSTRUMENTS_COUNT + 1))


def _demo_sessions() -> tuple[Session, ...]:
    return tuple(
        Session(uuid=str(demo_session_uuid(n)), account=n, name=f"session-{n}")
        for n in range(1, DEMO_SESSIONS_COUNT + 1)
    )


class Config(_Table):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "pitwire"
    """Name of this instance; its shared memory lies in /dev/shm/pitwire-NAME."""
    epoch: Annotated[int, Field(ge=0, le=(1 << 31) - 1)] = 0
    """Rises with every restart of the publisher, so that a restart is never taken for a gap; 0: by itself
    (`appliance.venue_log`), kept where a log is carried on."""
    trading_session_date: Annotated[int, Field(ge=0, le=65535)] = 0
    """Days since 1970-01-01; 0: the day of the first input."""
    port: Port = Port()
    order_entry: OrderEntry = OrderEntry()
    feed: Feed = Feed()
    distributor: Distributor = Distributor()
    admission: Admission = Admission()
    gateway: Gateway = Gateway()
    drop_copies: Annotated[tuple[DropCopyKey, ...], Field(max_length=1024)] = ()
    recovery: Recovery = Recovery()
    reports: Reports = Reports()
    throttle: Throttle = Throttle()
    journal: Journal = Journal()
    limits: Limits = Limits()
    loop: Loop = Loop()
    host: Host = Host()
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1, max_length=INSTRUMENTS_MAX)] = Field(
        default_factory=_demo_instruments
    )
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, max_length=SESSIONS_MAX)] = Field(
        default_factory=_demo_sessions
    )
    firms: FirmTables = ()
    accounts: AccountTables = ()
    assets: AssetTables = ()
    funds: Funds = Funds()

    @model_validator(mode="after")
    def _whole(self) -> Config:
        for what, values in (
            ("security_id", [i.security_id for i in self.instruments]),
            ("uuid", [s.uuid_bytes for s in self.sessions if s.uuid]),
            ("name of a session", [s.name for s in self.sessions if s.name]),
            ("key_id", [s.key_id for s in self.sessions if s.key_id] + [copy.key_id for copy in self.drop_copies]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"two entries have the same {what}")
        for key, text in (
            ("order_entry.ip", self.order_entry.ip),
            ("feed.interface_ip", self.feed.interface_ip),
            ("gateway.ip", self.gateway.ip),
            ("recovery.ip", self.recovery.ip),
        ):
            _ipv4(key, text)
        if not _ipv4("feed.group", self.feed.group).is_multicast:
            raise ValueError(f"feed.group {self.feed.group} is not a multicast address")
        if self.feed.channel_id + len(CHANNELS) + len(self.distributor.tiers) > 1 << 16:
            raise ValueError("feed.channel_id leaves no ids for the channels that follow it")
        if self.port.kind in ("xdp", "packet") and not self.port.interface:
            raise ValueError(f"port.interface must name a network interface for the {self.port.kind} port")
        if self.admission.sources and self.port.kind in ("udp", "packet", "dpdk"):
            raise ValueError(f"admission.sources: the {self.port.kind} port admits everybody; use the host's firewall")
        if self.port.kind == "dpdk" and not self.port.device and not self.port.eal_args:
            raise ValueError("port.device must name a device for the dpdk port, or port.eal_args make one")
        check_accounts(self)
        check_drop_copies(self)
        return self

    def state_digest(self) -> bytes:
        """SHA-256 of everything that state and outputs depend on; a journal is replayed under the same digest only."""
        tables = {"epoch", "trading_session_date", "limits", "instruments", "sessions", "reports", "throttle"}
        if self.accounts:
            tables |= {"firms", "accounts", "assets", "funds"}
        facts = facts_of_accounts(self.model_dump(include=tables))
        facts["channel_id"] = self.feed.channel_id
        if any(session.key_id for session in self.sessions):
            facts["session_ids_remembered"] = self.order_entry.session_ids_remembered
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()

    def to_json(self) -> str:
        """The whole configuration as JSON text, defaults included."""
        return self.model_dump_json(indent=1)


def _ipv4(key: str, text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"{key} {text!r} is not an IPv4 address") from None


def parse(values: dict[str, Any], source: str = "configuration") -> Config:
    """A checked Config from plain values; ConfigError with every fault, a line each."""
    try:
        # lists of a TOML or JSON document become the tuples of the model
        return Config.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            where = ".".join(str(part) for part in fault["loc"]) or "whole file"
            got = f" (got {fault['input']!r})" if isinstance(fault["input"], (str, int, float, bool)) else ""
            lines.append(f"{source}: {where} -> {fault['msg'].removeprefix('Value error, ')}{got}")
        raise ConfigError("\n".join(lines)) from None


def load(path: str | Path | None) -> Config:
    """The configuration in the TOML file (or the JSON that `to_json` wrote); None: the demonstration venue."""
    if path is None:
        return Config()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        values = json.loads(text) if str(path).endswith(".json") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: is not a table of keys")
    return parse(values, str(path))
