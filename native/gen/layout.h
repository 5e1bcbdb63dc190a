/* Made by native/gen_header.py from native/layout.py, limits.py and codes.py. Do not edit. */
#ifndef PITWIRE_LAYOUT_H
#define PITWIRE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* native/limits.py */
#define FRAME_BYTES_MAX (1536)
#define DATAGRAM_PAYLOAD_BYTES_MAX (1400)
#define RX_BURST_MAX (32)
#define TX_BURST_MAX (32)
#define OUTBOX_SLOTS_MAX (1024)
#define EVENTS_MAX (256)
#define OUTBOX_SLOTS_A_STEP_MAX (576)
#define SESSIONS_MAX (1024)
#define INSTRUMENTS_MAX (4096)
#define ORDERS_MAX (1048576)
#define LEVELS_MAX (262144)
#define ORDER_SLOT_BITS (24)
#define QTY_LOTS_MAX (2147483647)
#define JOURNAL_HEADER_BYTES (4096)
#define FEED_HEADER_BYTES (4096)
#define CONTROL_SLOTS_MAX (64)
#define CONTROL_COMMANDS_A_TURN_MAX (2)

/* native/codes.py */
#define ERROR_INVALID_ARGUMENT (-1)
#define ERROR_NOT_SUPPORTED (-2)
#define ERROR_PERMISSION (-3)
#define ERROR_NO_MEMORY (-4)
#define ERROR_IO (-5)
#define ERROR_FORMAT (-6)
#define ERROR_BUSY (-7)
#define ERROR_NOT_FOUND (-8)
#define ERROR_CLOSED (-9)
#define ERROR_END_OF_INPUT (-10)
#define REJECT_UNKNOWN_SYMBOL (1)
#define REJECT_EXCHANGE_CLOSED (2)
#define REJECT_EXCEEDS_LIMIT (3)
#define REJECT_UNKNOWN_ORDER (5)
#define REJECT_DUPLICATE_ORDER (6)
#define REJECT_UNSUPPORTED_ORDER (11)
#define REJECT_INCORRECT_QUANTITY (13)
#define REJECT_UNKNOWN_ACCOUNT (15)
#define REJECT_PRICE_OUT_OF_BAND (16)
#define REJECT_INVALID_PRICE_INCREMENT (18)
#define REJECT_INVALID_SIDE (9001)
#define REJECT_BOOK_FULL (9002)
#define REJECT_ORDER_MISMATCH (9003)
#define RESTATEMENT_NONE (0)
#define RESTATEMENT_IOC_REMAINDER (9101)
#define RESTATEMENT_FOK_KILLED (9102)
#define RESTATEMENT_REPLACED_TO_NOTHING (9103)

/* native/layout.py */
#define PKT_CLOCK_NONE (0)
#define PKT_CLOCK_MONOTONIC (1)
#define PKT_CLOCK_REALTIME (2)
#define PKT_CLOCK_FILE (3)
#define PKT_CLOCK_MASK (3)
#define PKT_UDP_CHECKSUM_COMPLETE (4)
#define PORT_MEMORY (1)
#define PORT_PCAP (2)
#define PORT_UDP (3)
#define PORT_PACKET (4)
#define PORT_XDP (5)
#define PORT_DPDK (6)
#define KIND_NEW_ORDER (1)
#define KIND_CANCEL (2)
#define KIND_REPLACE (3)
#define KIND_SESSION_PEER (16)
#define KIND_TRADING_STATUS (17)
#define KIND_CONTEXT (18)
#define TRADING_STATUS_OPEN (1)
#define TRADING_STATUS_CLOSED (4)
#define COMMAND_FIRST_OF_BURST (1)
#define COMMAND_UNKNOWN_SECURITY (2)
#define COMMAND_PRICE_OFF_TICK (4)
#define COMMAND_QTY_OUT_OF_RANGE (8)
#define VLAN_NONE UINT64_C(0xFFFFFFFF)
#define JOURNAL_MAGIC UINT64_C(0x4C4E524A57544950)
#define JOURNAL_FORMAT_VERSION (1)
#define FEED_MAGIC UINT64_C(0x4445454657544950)
#define FEED_FORMAT_VERSION (1)
#define EVENT_ACCEPTED (1)
#define EVENT_TRADE (2)
#define EVENT_RESTED (3)
#define EVENT_CANCELED (4)
#define EVENT_REPLACED (5)
#define EVENT_REJECTED (6)
#define EVENT_TRADING_STATUS (7)
#define EVENT_FLAG_WAS_RESTING (1)
#define EVENT_FLAG_PRIORITY_RETAINED (2)
#define EVENT_FLAG_REPLACED_TO_NOTHING (4)
#define NO_INDEX UINT64_C(0xFFFFFFFF)
#define LADDER_LEVEL_BIT UINT64_C(0x80000000)
#define PENDING_NOTHING (0)
#define PENDING_SWEEP (1)
#define PENDING_KILL (2)
#define CONTROL_STOP (1)
#define CONTROL_TRADING_STATUS (2)

typedef struct {
    uint64_t data;
    uint32_t len;
    uint16_t port;
    uint16_t flags;
    uint64_t ts_ns;
    uint64_t cookie;
} pkt_t;
_Static_assert(sizeof(pkt_t) == 32, "PKT");
_Static_assert(offsetof(pkt_t, data) == 0, "PKT.data");
_Static_assert(offsetof(pkt_t, len) == 8, "PKT.len");
_Static_assert(offsetof(pkt_t, port) == 12, "PKT.port");
_Static_assert(offsetof(pkt_t, flags) == 14, "PKT.flags");
_Static_assert(offsetof(pkt_t, ts_ns) == 16, "PKT.ts_ns");
_Static_assert(offsetof(pkt_t, cookie) == 24, "PKT.cookie");

typedef struct {
    uint64_t rx_frames;
    uint64_t rx_bytes;
    uint64_t rx_dropped;
    uint64_t rx_too_long;
    uint64_t rx_format_errors;
    uint64_t rx_skipped;
    uint64_t rx_ring_full;
    uint64_t rx_fill_empty;
    uint64_t rx_invalid;
    uint64_t rx_unstamped;
    uint64_t tx_frames;
    uint64_t tx_bytes;
    uint64_t tx_invalid;
    uint64_t tx_failed;
    uint64_t tx_kicks;
    uint64_t bad_descriptors;
    uint64_t rx_held;
    uint64_t tx_free;
    uint64_t end_of_input;
    uint64_t link_up;
} port_stats_t;
_Static_assert(sizeof(port_stats_t) == 160, "PORT_STATS");
_Static_assert(offsetof(port_stats_t, rx_frames) == 0, "PORT_STATS.rx_frames");
_Static_assert(offsetof(port_stats_t, rx_bytes) == 8, "PORT_STATS.rx_bytes");
_Static_assert(offsetof(port_stats_t, rx_dropped) == 16, "PORT_STATS.rx_dropped");
_Static_assert(offsetof(port_stats_t, rx_too_long) == 24, "PORT_STATS.rx_too_long");
_Static_assert(offsetof(port_stats_t, rx_format_errors) == 32, "PORT_STATS.rx_format_errors");
_Static_assert(offsetof(port_stats_t, rx_skipped) == 40, "PORT_STATS.rx_skipped");
_Static_assert(offsetof(port_stats_t, rx_ring_full) == 48, "PORT_STATS.rx_ring_full");
_Static_assert(offsetof(port_stats_t, rx_fill_empty) == 56, "PORT_STATS.rx_fill_empty");
_Static_assert(offsetof(port_stats_t, rx_invalid) == 64, "PORT_STATS.rx_invalid");
_Static_assert(offsetof(port_stats_t, rx_unstamped) == 72, "PORT_STATS.rx_unstamped");
_Static_assert(offsetof(port_stats_t, tx_frames) == 80, "PORT_STATS.tx_frames");
_Static_assert(offsetof(port_stats_t, tx_bytes) == 88, "PORT_STATS.tx_bytes");
_Static_assert(offsetof(port_stats_t, tx_invalid) == 96, "PORT_STATS.tx_invalid");
_Static_assert(offsetof(port_stats_t, tx_failed) == 104, "PORT_STATS.tx_failed");
_Static_assert(offsetof(port_stats_t, tx_kicks) == 112, "PORT_STATS.tx_kicks");
_Static_assert(offsetof(port_stats_t, bad_descriptors) == 120, "PORT_STATS.bad_descriptors");
_Static_assert(offsetof(port_stats_t, rx_held) == 128, "PORT_STATS.rx_held");
_Static_assert(offsetof(port_stats_t, tx_free) == 136, "PORT_STATS.tx_free");
_Static_assert(offsetof(port_stats_t, end_of_input) == 144, "PORT_STATS.end_of_input");
_Static_assert(offsetof(port_stats_t, link_up) == 152, "PORT_STATS.link_up");

typedef struct {
    uint32_t crc32c;
    uint32_t prev_crc32c;
    uint64_t sequence;
    uint32_t epoch;
    uint16_t length;
    uint16_t kind;
    uint64_t time_ns;
    uint64_t receive_time_ns;
    uint64_t session_seq;
    uint64_t cl_ord_id;
    uint64_t orig_cl_ord_id;
    uint64_t order_id;
    int64_t price_ticks;
    int64_t stop_price_ticks;
    int64_t qty_lots;
    int64_t display_qty_lots;
    uint32_t instrument;
    uint32_t account;
    uint32_t self_match_prevention_id;
    uint32_t session;
    uint8_t side;
    uint8_t ord_type;
    uint8_t time_in_force;
    uint8_t stp_instruction;
    uint16_t exec_inst;
    uint16_t flags;
} sequenced_t;
_Static_assert(sizeof(sequenced_t) == 128, "SEQUENCED");
_Static_assert(offsetof(sequenced_t, crc32c) == 0, "SEQUENCED.crc32c");
_Static_assert(offsetof(sequenced_t, prev_crc32c) == 4, "SEQUENCED.prev_crc32c");
_Static_assert(offsetof(sequenced_t, sequence) == 8, "SEQUENCED.sequence");
_Static_assert(offsetof(sequenced_t, epoch) == 16, "SEQUENCED.epoch");
_Static_assert(offsetof(sequenced_t, length) == 20, "SEQUENCED.length");
_Static_assert(offsetof(sequenced_t, kind) == 22, "SEQUENCED.kind");
_Static_assert(offsetof(sequenced_t, time_ns) == 24, "SEQUENCED.time_ns");
_Static_assert(offsetof(sequenced_t, receive_time_ns) == 32, "SEQUENCED.receive_time_ns");
_Static_assert(offsetof(sequenced_t, session_seq) == 40, "SEQUENCED.session_seq");
_Static_assert(offsetof(sequenced_t, cl_ord_id) == 48, "SEQUENCED.cl_ord_id");
_Static_assert(offsetof(sequenced_t, orig_cl_ord_id) == 56, "SEQUENCED.orig_cl_ord_id");
_Static_assert(offsetof(sequenced_t, order_id) == 64, "SEQUENCED.order_id");
_Static_assert(offsetof(sequenced_t, price_ticks) == 72, "SEQUENCED.price_ticks");
_Static_assert(offsetof(sequenced_t, stop_price_ticks) == 80, "SEQUENCED.stop_price_ticks");
_Static_assert(offsetof(sequenced_t, qty_lots) == 88, "SEQUENCED.qty_lots");
_Static_assert(offsetof(sequenced_t, display_qty_lots) == 96, "SEQUENCED.display_qty_lots");
_Static_assert(offsetof(sequenced_t, instrument) == 104, "SEQUENCED.instrument");
_Static_assert(offsetof(sequenced_t, account) == 108, "SEQUENCED.account");
_Static_assert(offsetof(sequenced_t, self_match_prevention_id) == 112, "SEQUENCED.self_match_prevention_id");
_Static_assert(offsetof(sequenced_t, session) == 116, "SEQUENCED.session");
_Static_assert(offsetof(sequenced_t, side) == 120, "SEQUENCED.side");
_Static_assert(offsetof(sequenced_t, ord_type) == 121, "SEQUENCED.ord_type");
_Static_assert(offsetof(sequenced_t, time_in_force) == 122, "SEQUENCED.time_in_force");
_Static_assert(offsetof(sequenced_t, stp_instruction) == 123, "SEQUENCED.stp_instruction");
_Static_assert(offsetof(sequenced_t, exec_inst) == 124, "SEQUENCED.exec_inst");
_Static_assert(offsetof(sequenced_t, flags) == 126, "SEQUENCED.flags");

typedef sequenced_t command_t;

typedef struct {
    uint32_t crc32c;
    uint32_t prev_crc32c;
    uint64_t sequence;
    uint32_t epoch;
    uint16_t length;
    uint16_t kind;
    uint64_t time_ns;
    uint32_t session;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint64_t peer_mac;
    uint64_t local_mac;
    uint32_t vlan_tci;
    uint8_t reserved[58];
    uint16_t flags;
} session_peer_t;
_Static_assert(sizeof(session_peer_t) == 128, "SESSION_PEER");
_Static_assert(offsetof(session_peer_t, crc32c) == 0, "SESSION_PEER.crc32c");
_Static_assert(offsetof(session_peer_t, prev_crc32c) == 4, "SESSION_PEER.prev_crc32c");
_Static_assert(offsetof(session_peer_t, sequence) == 8, "SESSION_PEER.sequence");
_Static_assert(offsetof(session_peer_t, epoch) == 16, "SESSION_PEER.epoch");
_Static_assert(offsetof(session_peer_t, length) == 20, "SESSION_PEER.length");
_Static_assert(offsetof(session_peer_t, kind) == 22, "SESSION_PEER.kind");
_Static_assert(offsetof(session_peer_t, time_ns) == 24, "SESSION_PEER.time_ns");
_Static_assert(offsetof(session_peer_t, session) == 32, "SESSION_PEER.session");
_Static_assert(offsetof(session_peer_t, peer_ip) == 36, "SESSION_PEER.peer_ip");
_Static_assert(offsetof(session_peer_t, local_ip) == 40, "SESSION_PEER.local_ip");
_Static_assert(offsetof(session_peer_t, peer_udp_port) == 44, "SESSION_PEER.peer_udp_port");
_Static_assert(offsetof(session_peer_t, local_udp_port) == 46, "SESSION_PEER.local_udp_port");
_Static_assert(offsetof(session_peer_t, peer_mac) == 48, "SESSION_PEER.peer_mac");
_Static_assert(offsetof(session_peer_t, local_mac) == 56, "SESSION_PEER.local_mac");
_Static_assert(offsetof(session_peer_t, vlan_tci) == 64, "SESSION_PEER.vlan_tci");
_Static_assert(offsetof(session_peer_t, reserved) == 68, "SESSION_PEER.reserved");
_Static_assert(offsetof(session_peer_t, flags) == 126, "SESSION_PEER.flags");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t record_bytes;
    uint64_t capacity_records;
    uint64_t committed_records;
    uint32_t epoch;
    uint32_t closed;
    uint8_t instance_id[16];
    uint8_t schema_digest[32];
    uint8_t config_digest[32];
    uint8_t reserved[3976];
} journal_header_t;
_Static_assert(sizeof(journal_header_t) == 4096, "JOURNAL_HEADER");
_Static_assert(offsetof(journal_header_t, magic) == 0, "JOURNAL_HEADER.magic");
_Static_assert(offsetof(journal_header_t, format_version) == 8, "JOURNAL_HEADER.format_version");
_Static_assert(offsetof(journal_header_t, record_bytes) == 12, "JOURNAL_HEADER.record_bytes");
_Static_assert(offsetof(journal_header_t, capacity_records) == 16, "JOURNAL_HEADER.capacity_records");
_Static_assert(offsetof(journal_header_t, committed_records) == 24, "JOURNAL_HEADER.committed_records");
_Static_assert(offsetof(journal_header_t, epoch) == 32, "JOURNAL_HEADER.epoch");
_Static_assert(offsetof(journal_header_t, closed) == 36, "JOURNAL_HEADER.closed");
_Static_assert(offsetof(journal_header_t, instance_id) == 40, "JOURNAL_HEADER.instance_id");
_Static_assert(offsetof(journal_header_t, schema_digest) == 56, "JOURNAL_HEADER.schema_digest");
_Static_assert(offsetof(journal_header_t, config_digest) == 88, "JOURNAL_HEADER.config_digest");
_Static_assert(offsetof(journal_header_t, reserved) == 120, "JOURNAL_HEADER.reserved");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t epoch;
    uint64_t capacity_bytes;
    uint64_t committed_bytes;
    uint64_t next_sequence;
    uint32_t channel_id;
    uint32_t closed;
    uint8_t topic_session_id[16];
    uint8_t reserved[4032];
} feed_header_t;
_Static_assert(sizeof(feed_header_t) == 4096, "FEED_HEADER");
_Static_assert(offsetof(feed_header_t, magic) == 0, "FEED_HEADER.magic");
_Static_assert(offsetof(feed_header_t, format_version) == 8, "FEED_HEADER.format_version");
_Static_assert(offsetof(feed_header_t, epoch) == 12, "FEED_HEADER.epoch");
_Static_assert(offsetof(feed_header_t, capacity_bytes) == 16, "FEED_HEADER.capacity_bytes");
_Static_assert(offsetof(feed_header_t, committed_bytes) == 24, "FEED_HEADER.committed_bytes");
_Static_assert(offsetof(feed_header_t, next_sequence) == 32, "FEED_HEADER.next_sequence");
_Static_assert(offsetof(feed_header_t, channel_id) == 40, "FEED_HEADER.channel_id");
_Static_assert(offsetof(feed_header_t, closed) == 44, "FEED_HEADER.closed");
_Static_assert(offsetof(feed_header_t, topic_session_id) == 48, "FEED_HEADER.topic_session_id");
_Static_assert(offsetof(feed_header_t, reserved) == 64, "FEED_HEADER.reserved");

typedef struct {
    uint64_t first_sequence;
    uint32_t message_count;
    uint32_t payload_bytes;
} feed_entry_t;
_Static_assert(sizeof(feed_entry_t) == 16, "FEED_ENTRY");
_Static_assert(offsetof(feed_entry_t, first_sequence) == 0, "FEED_ENTRY.first_sequence");
_Static_assert(offsetof(feed_entry_t, message_count) == 8, "FEED_ENTRY.message_count");
_Static_assert(offsetof(feed_entry_t, payload_bytes) == 12, "FEED_ENTRY.payload_bytes");

typedef struct {
    uint8_t kind;
    uint8_t side;
    uint8_t time_in_force;
    uint8_t ord_type;
    uint16_t reason;
    uint16_t exec_inst;
    uint32_t instrument;
    uint32_t session;
    uint32_t account;
    uint16_t request_kind;
    uint16_t flags;
    uint64_t cl_ord_id;
    uint64_t orig_cl_ord_id;
    uint64_t order_id;
    int64_t price_ticks;
    int64_t qty_lots;
    int64_t leaves_lots;
    int64_t cum_lots;
    uint64_t priority;
    uint64_t trade_id;
    int64_t limit_value;
    uint64_t maker_order_id;
    uint64_t maker_cl_ord_id;
    int64_t maker_leaves_lots;
    int64_t maker_cum_lots;
    uint64_t maker_priority;
    uint32_t maker_session;
    uint32_t maker_account;
    uint64_t reserved;
} event_t;
_Static_assert(sizeof(event_t) == 160, "EVENT");
_Static_assert(offsetof(event_t, kind) == 0, "EVENT.kind");
_Static_assert(offsetof(event_t, side) == 1, "EVENT.side");
_Static_assert(offsetof(event_t, time_in_force) == 2, "EVENT.time_in_force");
_Static_assert(offsetof(event_t, ord_type) == 3, "EVENT.ord_type");
_Static_assert(offsetof(event_t, reason) == 4, "EVENT.reason");
_Static_assert(offsetof(event_t, exec_inst) == 6, "EVENT.exec_inst");
_Static_assert(offsetof(event_t, instrument) == 8, "EVENT.instrument");
_Static_assert(offsetof(event_t, session) == 12, "EVENT.session");
_Static_assert(offsetof(event_t, account) == 16, "EVENT.account");
_Static_assert(offsetof(event_t, request_kind) == 20, "EVENT.request_kind");
_Static_assert(offsetof(event_t, flags) == 22, "EVENT.flags");
_Static_assert(offsetof(event_t, cl_ord_id) == 24, "EVENT.cl_ord_id");
_Static_assert(offsetof(event_t, orig_cl_ord_id) == 32, "EVENT.orig_cl_ord_id");
_Static_assert(offsetof(event_t, order_id) == 40, "EVENT.order_id");
_Static_assert(offsetof(event_t, price_ticks) == 48, "EVENT.price_ticks");
_Static_assert(offsetof(event_t, qty_lots) == 56, "EVENT.qty_lots");
_Static_assert(offsetof(event_t, leaves_lots) == 64, "EVENT.leaves_lots");
_Static_assert(offsetof(event_t, cum_lots) == 72, "EVENT.cum_lots");
_Static_assert(offsetof(event_t, priority) == 80, "EVENT.priority");
_Static_assert(offsetof(event_t, trade_id) == 88, "EVENT.trade_id");
_Static_assert(offsetof(event_t, limit_value) == 96, "EVENT.limit_value");
_Static_assert(offsetof(event_t, maker_order_id) == 104, "EVENT.maker_order_id");
_Static_assert(offsetof(event_t, maker_cl_ord_id) == 112, "EVENT.maker_cl_ord_id");
_Static_assert(offsetof(event_t, maker_leaves_lots) == 120, "EVENT.maker_leaves_lots");
_Static_assert(offsetof(event_t, maker_cum_lots) == 128, "EVENT.maker_cum_lots");
_Static_assert(offsetof(event_t, maker_priority) == 136, "EVENT.maker_priority");
_Static_assert(offsetof(event_t, maker_session) == 144, "EVENT.maker_session");
_Static_assert(offsetof(event_t, maker_account) == 148, "EVENT.maker_account");
_Static_assert(offsetof(event_t, reserved) == 152, "EVENT.reserved");

typedef struct {
    uint64_t order_id;
    uint64_t cl_ord_id;
    uint64_t priority;
    int64_t price_ticks;
    uint32_t leaves_lots;
    uint32_t cum_lots;
    uint32_t next;
    uint32_t prev;
    uint32_t level;
    uint32_t account;
    uint16_t session;
    uint16_t instrument;
    uint8_t side;
    uint8_t ord_type;
    uint8_t time_in_force;
    uint8_t exec_inst;
} order_t;
_Static_assert(sizeof(order_t) == 64, "ORDER");
_Static_assert(offsetof(order_t, order_id) == 0, "ORDER.order_id");
_Static_assert(offsetof(order_t, cl_ord_id) == 8, "ORDER.cl_ord_id");
_Static_assert(offsetof(order_t, priority) == 16, "ORDER.priority");
_Static_assert(offsetof(order_t, price_ticks) == 24, "ORDER.price_ticks");
_Static_assert(offsetof(order_t, leaves_lots) == 32, "ORDER.leaves_lots");
_Static_assert(offsetof(order_t, cum_lots) == 36, "ORDER.cum_lots");
_Static_assert(offsetof(order_t, next) == 40, "ORDER.next");
_Static_assert(offsetof(order_t, prev) == 44, "ORDER.prev");
_Static_assert(offsetof(order_t, level) == 48, "ORDER.level");
_Static_assert(offsetof(order_t, account) == 52, "ORDER.account");
_Static_assert(offsetof(order_t, session) == 56, "ORDER.session");
_Static_assert(offsetof(order_t, instrument) == 58, "ORDER.instrument");
_Static_assert(offsetof(order_t, side) == 60, "ORDER.side");
_Static_assert(offsetof(order_t, ord_type) == 61, "ORDER.ord_type");
_Static_assert(offsetof(order_t, time_in_force) == 62, "ORDER.time_in_force");
_Static_assert(offsetof(order_t, exec_inst) == 63, "ORDER.exec_inst");

typedef struct {
    int64_t key;
    int64_t qty_lots;
    uint32_t head;
    uint32_t tail;
    uint32_t parent;
    uint32_t orders;
} level_t;
_Static_assert(sizeof(level_t) == 32, "LEVEL");
_Static_assert(offsetof(level_t, key) == 0, "LEVEL.key");
_Static_assert(offsetof(level_t, qty_lots) == 8, "LEVEL.qty_lots");
_Static_assert(offsetof(level_t, head) == 16, "LEVEL.head");
_Static_assert(offsetof(level_t, tail) == 20, "LEVEL.tail");
_Static_assert(offsetof(level_t, parent) == 24, "LEVEL.parent");
_Static_assert(offsetof(level_t, orders) == 28, "LEVEL.orders");

typedef struct {
    int64_t key;
    uint64_t occupied;
    uint32_t parent;
    uint32_t shift;
    uint64_t reserved;
} ladder_node_t;
_Static_assert(sizeof(ladder_node_t) == 32, "LADDER_NODE");
_Static_assert(offsetof(ladder_node_t, key) == 0, "LADDER_NODE.key");
_Static_assert(offsetof(ladder_node_t, occupied) == 8, "LADDER_NODE.occupied");
_Static_assert(offsetof(ladder_node_t, parent) == 16, "LADDER_NODE.parent");
_Static_assert(offsetof(ladder_node_t, shift) == 20, "LADDER_NODE.shift");
_Static_assert(offsetof(ladder_node_t, reserved) == 24, "LADDER_NODE.reserved");

typedef struct {
    int64_t best_key;
    uint32_t best;
    uint32_t root;
    uint32_t levels;
    uint32_t orders;
    uint64_t reserved;
} book_side_t;
_Static_assert(sizeof(book_side_t) == 32, "BOOK_SIDE");
_Static_assert(offsetof(book_side_t, best_key) == 0, "BOOK_SIDE.best_key");
_Static_assert(offsetof(book_side_t, best) == 8, "BOOK_SIDE.best");
_Static_assert(offsetof(book_side_t, root) == 12, "BOOK_SIDE.root");
_Static_assert(offsetof(book_side_t, levels) == 16, "BOOK_SIDE.levels");
_Static_assert(offsetof(book_side_t, orders) == 20, "BOOK_SIDE.orders");
_Static_assert(offsetof(book_side_t, reserved) == 24, "BOOK_SIDE.reserved");

typedef struct {
    uint64_t orders_taken;
    uint64_t priorities_given;
    uint64_t trades;
    uint32_t free_order;
    uint32_t free_level;
    uint32_t free_node;
    uint32_t open_orders;
    uint32_t open_levels;
    uint32_t open_nodes;
    uint32_t pending_stage;
    uint32_t pending_slot;
    uint32_t pending_request_kind;
    uint32_t pending_flags;
} book_state_t;
_Static_assert(sizeof(book_state_t) == 64, "BOOK_STATE");
_Static_assert(offsetof(book_state_t, orders_taken) == 0, "BOOK_STATE.orders_taken");
_Static_assert(offsetof(book_state_t, priorities_given) == 8, "BOOK_STATE.priorities_given");
_Static_assert(offsetof(book_state_t, trades) == 16, "BOOK_STATE.trades");
_Static_assert(offsetof(book_state_t, free_order) == 24, "BOOK_STATE.free_order");
_Static_assert(offsetof(book_state_t, free_level) == 28, "BOOK_STATE.free_level");
_Static_assert(offsetof(book_state_t, free_node) == 32, "BOOK_STATE.free_node");
_Static_assert(offsetof(book_state_t, open_orders) == 36, "BOOK_STATE.open_orders");
_Static_assert(offsetof(book_state_t, open_levels) == 40, "BOOK_STATE.open_levels");
_Static_assert(offsetof(book_state_t, open_nodes) == 44, "BOOK_STATE.open_nodes");
_Static_assert(offsetof(book_state_t, pending_stage) == 48, "BOOK_STATE.pending_stage");
_Static_assert(offsetof(book_state_t, pending_slot) == 52, "BOOK_STATE.pending_slot");
_Static_assert(offsetof(book_state_t, pending_request_kind) == 56, "BOOK_STATE.pending_request_kind");
_Static_assert(offsetof(book_state_t, pending_flags) == 60, "BOOK_STATE.pending_flags");

typedef struct {
    uint32_t kind;
    uint32_t argument;
    int64_t value;
} control_command_t;
_Static_assert(sizeof(control_command_t) == 16, "CONTROL_COMMAND");
_Static_assert(offsetof(control_command_t, kind) == 0, "CONTROL_COMMAND.kind");
_Static_assert(offsetof(control_command_t, argument) == 4, "CONTROL_COMMAND.argument");
_Static_assert(offsetof(control_command_t, value) == 8, "CONTROL_COMMAND.value");

typedef struct {
    int64_t uuid_low;
    int64_t uuid_high;
    int64_t expected_seq;
    int64_t next_out_seq;
    int64_t peer_mac;
    int64_t local_mac;
    int64_t bound_at_sequence;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint32_t vlan_tci;
    uint32_t account;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint32_t reserved;
} session_t;
_Static_assert(sizeof(session_t) == 80, "SESSION");
_Static_assert(offsetof(session_t, uuid_low) == 0, "SESSION.uuid_low");
_Static_assert(offsetof(session_t, uuid_high) == 8, "SESSION.uuid_high");
_Static_assert(offsetof(session_t, expected_seq) == 16, "SESSION.expected_seq");
_Static_assert(offsetof(session_t, next_out_seq) == 24, "SESSION.next_out_seq");
_Static_assert(offsetof(session_t, peer_mac) == 32, "SESSION.peer_mac");
_Static_assert(offsetof(session_t, local_mac) == 40, "SESSION.local_mac");
_Static_assert(offsetof(session_t, bound_at_sequence) == 48, "SESSION.bound_at_sequence");
_Static_assert(offsetof(session_t, peer_ip) == 56, "SESSION.peer_ip");
_Static_assert(offsetof(session_t, local_ip) == 60, "SESSION.local_ip");
_Static_assert(offsetof(session_t, vlan_tci) == 64, "SESSION.vlan_tci");
_Static_assert(offsetof(session_t, account) == 68, "SESSION.account");
_Static_assert(offsetof(session_t, peer_udp_port) == 72, "SESSION.peer_udp_port");
_Static_assert(offsetof(session_t, local_udp_port) == 74, "SESSION.local_udp_port");
_Static_assert(offsetof(session_t, reserved) == 76, "SESSION.reserved");

typedef struct {
    int64_t tick_nanos;
    int64_t price_ticks_min;
    int64_t price_ticks_max;
    int64_t qty_lots_max;
    uint32_t security_id;
    uint32_t instr_seq;
    uint32_t status;
    uint32_t reserved;
} instrument_t;
_Static_assert(sizeof(instrument_t) == 48, "INSTRUMENT");
_Static_assert(offsetof(instrument_t, tick_nanos) == 0, "INSTRUMENT.tick_nanos");
_Static_assert(offsetof(instrument_t, price_ticks_min) == 8, "INSTRUMENT.price_ticks_min");
_Static_assert(offsetof(instrument_t, price_ticks_max) == 16, "INSTRUMENT.price_ticks_max");
_Static_assert(offsetof(instrument_t, qty_lots_max) == 24, "INSTRUMENT.qty_lots_max");
_Static_assert(offsetof(instrument_t, security_id) == 32, "INSTRUMENT.security_id");
_Static_assert(offsetof(instrument_t, instr_seq) == 36, "INSTRUMENT.instr_seq");
_Static_assert(offsetof(instrument_t, status) == 40, "INSTRUMENT.status");
_Static_assert(offsetof(instrument_t, reserved) == 44, "INSTRUMENT.reserved");

#endif
