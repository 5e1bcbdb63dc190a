"""Where a session's replies go: to the address that its newest message came from, as a sequenced fact."""

from __future__ import annotations

import numpy as np

from appliance.state import REPORT_TTL
from native.jit import inner_kernel, kernel
from native.layout import SESSION_PEER
from native.lowlevel import bytes_at, load_word, word_of
from native.session_layout import SESSION
from wire.net import udp4

_PEER_BYTES = SESSION_PEER.itemsize
_IPS = word_of(SESSION, "local_ip", "peer_ip")
_PORTS_AND_VLAN = word_of(SESSION, "vlan_tci", "local_udp_port", "peer_udp_port")


@inner_kernel
def moved(tables, session, frame, at):
    """Whether the datagram whose payload is at `frame[at]` came from, or to, another address than the session's
    last."""
    sessions = tables.sessions
    row = sessions[session]
    return (
        (load_word(sessions, session, _IPS) != udp4.ips(frame, at))
        | (load_word(sessions, session, _PORTS_AND_VLAN) != udp4.ports_and_vlan(frame, at))
        | (row["peer_mac"] != udp4.source_mac(frame))
        | (row["local_mac"] != udp4.destination_mac(frame))
        | (row["bound_at_sequence"] == 0)
    )


@kernel
def fill(journal, index, session, fields):
    """The body of a SESSION_PEER record from the addresses of a datagram."""
    peers = journal.peers
    bytes_at(peers.ctypes.data + index * _PEER_BYTES, _PEER_BYTES)[:] = 0
    peer = peers[index]
    peer["session"] = session
    peer["peer_mac"] = fields[udp4.SOURCE_MAC]
    peer["local_mac"] = fields[udp4.DESTINATION_MAC]
    peer["peer_ip"] = fields[udp4.SOURCE_IP]
    peer["local_ip"] = fields[udp4.DESTINATION_IP]
    peer["peer_udp_port"] = fields[udp4.SOURCE_PORT]
    peer["local_udp_port"] = fields[udp4.DESTINATION_PORT]
    peer["vlan_tci"] = fields[udp4.VLAN_TCI]
    return 0


@kernel
def bind(tables, peers, index):
    """Replies of the session go from now on where the SESSION_PEER record `peers[index]` says."""
    set_address(tables, np.int64(peers[index]["session"]), peers[index])
    return 0


@inner_kernel
def set_address(tables, session, record):
    """The session is bound to the two ends that `record` (SESSION_PEER or ESTABLISHMENT) names. The headers between
    them are written here, once."""
    row = tables.sessions[session]
    row["peer_mac"] = np.int64(record["peer_mac"])
    row["local_mac"] = np.int64(record["local_mac"])
    row["peer_ip"] = np.int64(record["peer_ip"])
    row["local_ip"] = np.int64(record["local_ip"])
    row["peer_udp_port"] = np.int64(record["peer_udp_port"])
    row["local_udp_port"] = np.int64(record["local_udp_port"])
    row["vlan_tci"] = np.int64(record["vlan_tci"])
    row["bound_at_sequence"] = np.int64(record["sequence"])
    udp4.write_headers(
        tables.headers,
        (session + 1) * udp4.HEADERS_ROOM,
        np.int64(0),
        np.int64(record["local_mac"]),
        np.int64(record["peer_mac"]),
        np.int64(record["vlan_tci"]),
        np.int64(record["local_ip"]),
        np.int64(record["peer_ip"]),
        (np.int64(record["local_udp_port"]) << 16) | np.int64(record["peer_udp_port"]),
        np.int64(REPORT_TTL),
    )
    return 0
