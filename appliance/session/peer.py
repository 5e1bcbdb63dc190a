"""Where a session's replies go: to the address that its newest message came from, as a sequenced fact."""

from __future__ import annotations

import numpy as np

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
    peer = peers[index]
    row = tables.sessions[np.int64(peer["session"])]
    row["peer_mac"] = np.int64(peer["peer_mac"])
    row["local_mac"] = np.int64(peer["local_mac"])
    row["peer_ip"] = np.int64(peer["peer_ip"])
    row["local_ip"] = np.int64(peer["local_ip"])
    row["peer_udp_port"] = np.int64(peer["peer_udp_port"])
    row["local_udp_port"] = np.int64(peer["local_udp_port"])
    row["vlan_tci"] = np.int64(peer["vlan_tci"])
    row["bound_at_sequence"] = np.int64(peer["sequence"])
    return 0
