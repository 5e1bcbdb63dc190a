/* Made by native/gen_header.py from native/layout.py, the other tables beside it, limits.py and codes.py.
   Do not edit. */
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
#define SOURCES_MAX (1024)
#define TICK_ROWS_MAX (32)
#define BREAKER_PARTS (16)
#define ICEBERG_PARTS_MAX (1024)
#define STEP_EVENTS_MAX (4)
#define ORDER_SLOT_BITS (24)
#define QTY_LOTS_MAX (2147483647)
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
#define ERROR_LOG_FULL (-11)
#define ERROR_NOT_CLOSED (-12)
#define ERROR_DAY_IS_OVER (-13)
#define ERROR_FEED_FRAME (-40)
#define ERROR_FEED_GAP (-41)
#define ERROR_FEED_EPOCH (-42)
#define ERROR_FEED_SEQUENCE (-43)
#define ERROR_FEED_ORDER (-44)
#define ERROR_FEED_UNKNOWN_ORDER (-45)
#define ERROR_FEED_ORDERS_FULL (-46)
#define ERROR_FEED_LEVELS_FULL (-47)
#define ERROR_FEED_INSTRUMENTS_FULL (-48)
#define ERROR_DISTRIBUTOR_DIFFERS (-50)
#define REJECT_UNKNOWN_SYMBOL (1)
#define REJECT_EXCHANGE_CLOSED (2)
#define REJECT_EXCEEDS_LIMIT (3)
#define REJECT_TOO_LATE (4)
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
#define REJECT_HALTED (9004)
#define REJECT_NOT_IN_THIS_PHASE (9005)
#define REJECT_FROZEN (9006)
#define REJECT_WOULD_TRADE (9007)
#define REJECT_PRICE_MISSING (9008)
#define REJECT_STOP_PRICE_MISSING (9009)
#define REJECT_REDUCE_ONLY (9010)
#define REJECT_EXPIRE_TIME (9011)
#define REJECT_MASS_ACTION_UNSUPPORTED (9012)
#define REJECT_MASS_ACTION_INCOMPLETE (9013)
#define REJECT_ACCOUNT_PENDING (9020)
#define REJECT_ACCOUNT_SUSPENDED (9021)
#define REJECT_ACCOUNT_CLOSED (9022)
#define REJECT_NOT_ENTITLED (9023)
#define REJECT_RESTRICTED (9024)
#define REJECT_ACCOUNT_KILLED (9025)
#define REJECT_FIRM_KILLED (9026)
#define REJECT_PRICE_COLLAR (9027)
#define REJECT_ORDER_LOTS (9028)
#define REJECT_ORDER_VALUE (9029)
#define REJECT_TRADED_LOTS (9030)
#define REJECT_NET_POSITION (9031)
#define REJECT_GROSS_POSITION (9032)
#define REJECT_OPEN_ORDERS (9033)
#define REJECT_OPEN_POSITIONS (9034)
#define REJECT_DAILY_LOSS (9035)
#define REJECT_ORDER_RATE (9036)
#define REJECT_DUPLICATE_IN_WINDOW (9037)
#define REJECT_INSUFFICIENT_FUNDS (9038)
#define REJECT_INSUFFICIENT_UNITS (9039)
#define REJECT_SESSION_KILLED (9040)
#define REFUSAL_UNKNOWN_ACTION (-301)
#define REFUSAL_NO_ACCOUNTS (-302)
#define REFUSAL_UNKNOWN_ACCOUNT (-303)
#define REFUSAL_UNKNOWN_FIRM (-304)
#define REFUSAL_UNKNOWN_INSTRUMENT (-305)
#define REFUSAL_UNKNOWN_ASSET (-306)
#define REFUSAL_WRONG_SCOPE (-307)
#define REFUSAL_OUT_OF_RANGE (-308)
#define REFUSAL_NO_FUNDS (-309)
#define REFUSAL_NOT_AVAILABLE (-310)
#define REFUSAL_NOT_EMPTY (-311)
#define REFUSAL_SUPPLY_FULL (-312)
#define REFUSAL_STATUS (-313)
#define REFUSAL_UNKNOWN_SESSION (-314)
#define REJECT_SESSION_BLOCKED (9050)
#define RESTATEMENT_NONE (0)
#define RESTATEMENT_IOC_REMAINDER (9101)
#define RESTATEMENT_FOK_KILLED (9102)
#define RESTATEMENT_REPLACED_TO_NOTHING (9103)
#define RESTATEMENT_ICEBERG_REFRESH (9104)
#define RESTATEMENT_STP_DECREMENT (9105)
#define RESTATEMENT_SLIDE (9106)
#define RESTATEMENT_REDUCE_ONLY (9107)
#define RESTATEMENT_MARKET_REMAINDER (9108)
#define RESTATEMENT_NO_LIQUIDITY (9109)
#define RESTATEMENT_MIN_QTY (9110)
#define RESTATEMENT_VOLATILITY (9111)
#define RESTATEMENT_AUCTION_REMAINDER (9112)
#define RESTATEMENT_MARKET_TO_LIMIT (9113)
#define RESTATEMENT_BOOK_FULL (9114)
#define RESTATEMENT_EXPIRED (9115)
#define RESTATEMENT_TRIGGERED (9116)
#define RESTATEMENT_JOINED_AUCTION (9117)
#define RESTATEMENT_DISCONNECTED (100)
#define RESTATEMENT_TERMINATED (101)
#define RESTATEMENT_KILLED (106)
#define RESTATEMENT_STP_RESTING (103)
#define RESTATEMENT_STP_AGGRESSOR (107)
#define RESTATEMENT_MASS_ACTION (202)

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
#define KIND_MASS_CANCEL (4)
#define KIND_PHASE (5)
#define KIND_TIMER (6)
#define KIND_OF_THE_BOOK_MAX (6)
#define KIND_SESSION_PEER (16)
#define KIND_NEW_DAY (17)
#define KIND_CONTEXT (18)
#define KIND_DAY_END (19)
#define KIND_ESTABLISH (20)
#define KIND_TERMINATE (21)
#define KIND_SESSION_LOST (22)
#define KIND_RETRANSMIT_REQUEST (23)
#define KIND_FINISHED (24)
#define KIND_STATUS_QUERY (25)
#define KIND_NEGOTIATE (26)
#define KIND_ADMIN (32)
#define PHASE_PRE_OPEN (0)
#define PHASE_CONTINUOUS (1)
#define PHASE_HALT (2)
#define PHASE_VOLATILITY_AUCTION (3)
#define PHASE_CLOSED (4)
#define PHASE_FREEZE (5)
#define PHASE_OPENING_AUCTION (7)
#define PHASE_CLOSING_AUCTION (8)
#define COMMAND_FIRST_OF_BURST (1)
#define COMMAND_UNKNOWN_SECURITY (2)
#define COMMAND_PRICE_OFF_TICK (4)
#define COMMAND_QTY_OUT_OF_RANGE (8)
#define COMMAND_PRICE_MISSING (16)
#define COMMAND_STOP_PRICE_MISSING (32)
#define COMMAND_STOP_PRICE_OFF_TICK (64)
#define COMMAND_ANY_SESSION (128)
#define COMMAND_BY_VENUE (256)
#define COMMAND_SPARES_STAYING (512)
#define COMMAND_SPARES_GTC (1024)
#define VLAN_NONE UINT64_C(0xFFFFFFFF)
#define FEED_MAGIC UINT64_C(0x4445454657544950)
#define FEED_FORMAT_VERSION (1)
#define EVENT_ACCEPTED (1)
#define EVENT_TRADE (2)
#define EVENT_RESTED (3)
#define EVENT_CANCELED (4)
#define EVENT_REPLACED (5)
#define EVENT_REJECTED (6)
#define EVENT_PHASE (7)
#define EVENT_TRIGGERED (8)
#define EVENT_RESTATED (9)
#define EVENT_AUCTION (10)
#define EVENT_MASS_CANCELED (11)
#define EVENT_FLAG_WAS_RESTING (1)
#define EVENT_FLAG_PRIORITY_RETAINED (2)
#define EVENT_FLAG_REPLACED_TO_NOTHING (4)
#define EVENT_FLAG_HIDDEN (8)
#define EVENT_FLAG_MAKER_HIDDEN (16)
#define EVENT_FLAG_AGGRESSOR (32)
#define EVENT_FLAG_AUCTION (64)
#define EVENT_FLAG_FIRST (128)
#define EVENT_FLAG_LAST (256)
#define EVENT_FLAG_PRICE (512)
#define EVENT_FLAG_HELD (1024)
#define EVENT_FLAG_FROZEN (2048)
#define NO_INDEX UINT64_C(0xFFFFFFFF)
#define TRAIT_TERMS (128)
#define PLACE_BOOK (0)
#define PLACE_WAITING (1)
#define PLACE_PARKED (2)
#define NEVER_NS UINT64_C(0x7FFFFFFFFFFFFFFF)
#define PENDING_COUNT (1)
#define PENDING_SWEEP (2)
#define PENDING_END (4)
#define PENDING_PHASE (8)
#define PENDING_CASCADE (16)
#define PENDING_MASS (32)
#define PENDING_EXPIRY (64)
#define PENDING_PRICE (128)
#define PENDING_TIMER (256)
#define CONTROL_STOP (1)
#define CONTROL_SEQUENCE (2)

/* native/log_layout.py */
#define JOURNAL_MAGIC UINT64_C(0x4C4E524A57544950)
#define JOURNAL_FORMAT_VERSION (2)
#define JOURNAL_FORM_MEMORY (1)
#define JOURNAL_FORM_DISK (2)
#define JOURNAL_FORM_ARCHIVE (3)
#define JOURNAL_BLOCK_CLOSED (1)
#define JOURNAL_BLOCK_BYTES (4096)
#define JOURNAL_BLOCK_RECORDS (31)
#define JOURNAL_CONTROL_MAGIC UINT64_C(0x4C52544357544950)
#define JOURNAL_WRITER_NONE (0)
#define JOURNAL_WRITER_RUNS (1)
#define JOURNAL_WRITER_WAITS (2)
#define JOURNAL_WRITER_FAILED (3)
#define JOURNAL_WRITER_ENDED (4)

/* native/gateway_layout.py */
#define GATEWAY_RING_MAGIC UINT64_C(0x4554414757544950)
#define GATEWAY_RING_VERSION (1)
#define GATEWAY_ENTRY_BYTES (128)
#define GATEWAY_PAYLOAD_BYTES_MAX (1408)
#define GATEWAY_FILLER (0)
#define GATEWAY_OUT_HANDSHAKE (1)
#define GATEWAY_OUT_REPLY (2)
#define GATEWAY_OUT_CLOSE (3)
#define GATEWAY_IN_HANDSHAKE (17)
#define GATEWAY_IN_DATAGRAM (18)
#define GATEWAY_IN_LOST (19)
#define GATEWAY_IN_ANSWER (20)
#define GATEWAY_IN_STARTED (21)
#define TRANSPORT_UDP (0)
#define TRANSPORT_TCP (1)
#define VERDICT_GOOD (0)
#define VERDICT_MALFORMED (1)
#define VERDICT_UNKNOWN_KEY (2)
#define VERDICT_FORGED (3)
#define VERDICT_KEY_NOT_VALID_NOW (4)
#define VERDICT_STALE (5)
#define VERDICT_REPLAYED (6)
#define GATEWAY_REASON_NONE (0)
#define GATEWAY_REASON_CLIENT_CLOSED (1)
#define GATEWAY_REASON_PROTOCOL (2)
#define GATEWAY_REASON_SLOW (3)
#define GATEWAY_REASON_IDLE (4)
#define GATEWAY_REASON_STOPPED (5)

/* native/session_layout.py */
#define SESSION_FREE (0)
#define SESSION_NEGOTIATED (1)
#define SESSION_ESTABLISHED (2)
#define SESSION_TRAIT_KEYED (1)
#define SESSION_TRAIT_INCREASING (2)
#define CANCEL_ON_NOTHING (0)
#define CANCEL_ON_LOSS (1)
#define CANCEL_ON_TERMINATE (2)
#define CANCEL_ON_LOSS_OR_TERMINATE (3)
#define CANCEL_SPARES_GTC (4)
#define CANCEL_TYPE_MAX (7)
#define SESSION_LOST_SILENT (1)
#define SESSION_LOST_CONNECTION (2)
#define FINISHED_SENDING (0)
#define FINISHED_RECEIVING (1)
#define FINISHED_SERVER (2)
#define REPORT_MAGIC UINT64_C(0x5450455257544950)
#define REPORT_FORMAT_VERSION (1)
#define REPORT_INDEX_STRIDE (64)

/* native/account_layout.py */
#define ADMIN_SET_LIMIT (1)
#define ADMIN_SET_STATUS (2)
#define ADMIN_ENTITLE (3)
#define ADMIN_RESTRICT (4)
#define ADMIN_KILL (5)
#define ADMIN_RESET (6)
#define ADMIN_DEPOSIT (7)
#define ADMIN_WITHDRAW (8)
#define ADMIN_SETTLE (9)
#define LIMIT_ORDER_LOTS (1)
#define LIMIT_ORDER_VALUE (2)
#define LIMIT_TRADED_LOTS (3)
#define LIMIT_NET_LOTS (4)
#define LIMIT_COLLAR_TICKS (5)
#define LIMIT_GROSS_POSITION (6)
#define LIMIT_OPEN_ORDERS (7)
#define LIMIT_OPEN_POSITIONS (8)
#define LIMIT_DAILY_LOSS (9)
#define LIMIT_ORDER_RATE (10)
#define LIMIT_DUPLICATES (11)
#define LIMIT_NONE (-1)
#define STATUS_PENDING_KYC (0)
#define STATUS_ACTIVE (1)
#define STATUS_SUSPENDED (2)
#define STATUS_CLOSED (3)
#define KILL_NONE (0)
#define KILL_BUT_REDUCING (1)
#define KILL_ALL (2)
#define HOLDING_ENTITLED (1)
#define HOLDING_RESTRICTED (2)
#define HOLDING_RESTRICTED_FIRM (4)
#define HOLDING_ALL_FLAGS (7)
#define LOTS_MAX UINT64_C(0x10000000000)
#define TRADED_LOTS_MAX UINT64_C(0x4000000000000)
#define GROSS_POSITION_MAX UINT64_C(0x4000000000000)
#define ACCOUNTS_MAX (4096)
#define FIRMS_MAX (1024)
#define ASSETS_MAX (64)
#define HOLDINGS_MAX (2097152)
#define ORDER_VALUE_MAX UINT64_C(0x3FFFFFFFFFFFF)
#define FUNDS_MAX UINT64_C(0x3FFFFFFFFFFFFFFF)
#define RESULT_MAX UINT64_C(0x3FFFFFFFFFFFFFFF)
#define POSITION_WEIGHT_MAX (1024)
#define ORDER_RATE_MAX (1024)
#define SERIES_PLACES (4096)
#define MILLION (1000000)

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
    uint64_t rx_refused_source;
    uint64_t rx_refused_rate;
    uint64_t rx_refused_message;
    uint64_t rx_refused_handshakes;
} port_stats_t;
_Static_assert(sizeof(port_stats_t) == 192, "PORT_STATS");
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
_Static_assert(offsetof(port_stats_t, rx_refused_source) == 160, "PORT_STATS.rx_refused_source");
_Static_assert(offsetof(port_stats_t, rx_refused_rate) == 168, "PORT_STATS.rx_refused_rate");
_Static_assert(offsetof(port_stats_t, rx_refused_message) == 176, "PORT_STATS.rx_refused_message");
_Static_assert(offsetof(port_stats_t, rx_refused_handshakes) == 184, "PORT_STATS.rx_refused_handshakes");

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    uint64_t receive_time_ns;
    uint64_t session_seq;
    uint64_t cl_ord_id;
    uint64_t orig_cl_ord_id;
    uint64_t order_id;
    int64_t price_ticks;
    int64_t stop_price_ticks;
    uint64_t expire_time_ns;
    int32_t qty_lots;
    int32_t display_qty_lots;
    int32_t min_qty_lots;
    uint32_t instrument;
    uint32_t account;
    uint32_t self_match_prevention_id;
    uint32_t session;
    uint16_t cancel_group;
    uint16_t risk_group;
    uint8_t side;
    uint8_t ord_type;
    uint8_t time_in_force;
    uint8_t stp_instruction;
    uint16_t exec_inst;
    uint16_t flags;
} sequenced_t;
_Static_assert(sizeof(sequenced_t) == 128, "SEQUENCED");
_Static_assert(offsetof(sequenced_t, crc32c) == 0, "SEQUENCED.crc32c");
_Static_assert(offsetof(sequenced_t, length) == 4, "SEQUENCED.length");
_Static_assert(offsetof(sequenced_t, kind) == 6, "SEQUENCED.kind");
_Static_assert(offsetof(sequenced_t, sequence) == 8, "SEQUENCED.sequence");
_Static_assert(offsetof(sequenced_t, time_ns) == 16, "SEQUENCED.time_ns");
_Static_assert(offsetof(sequenced_t, receive_time_ns) == 24, "SEQUENCED.receive_time_ns");
_Static_assert(offsetof(sequenced_t, session_seq) == 32, "SEQUENCED.session_seq");
_Static_assert(offsetof(sequenced_t, cl_ord_id) == 40, "SEQUENCED.cl_ord_id");
_Static_assert(offsetof(sequenced_t, orig_cl_ord_id) == 48, "SEQUENCED.orig_cl_ord_id");
_Static_assert(offsetof(sequenced_t, order_id) == 56, "SEQUENCED.order_id");
_Static_assert(offsetof(sequenced_t, price_ticks) == 64, "SEQUENCED.price_ticks");
_Static_assert(offsetof(sequenced_t, stop_price_ticks) == 72, "SEQUENCED.stop_price_ticks");
_Static_assert(offsetof(sequenced_t, expire_time_ns) == 80, "SEQUENCED.expire_time_ns");
_Static_assert(offsetof(sequenced_t, qty_lots) == 88, "SEQUENCED.qty_lots");
_Static_assert(offsetof(sequenced_t, display_qty_lots) == 92, "SEQUENCED.display_qty_lots");
_Static_assert(offsetof(sequenced_t, min_qty_lots) == 96, "SEQUENCED.min_qty_lots");
_Static_assert(offsetof(sequenced_t, instrument) == 100, "SEQUENCED.instrument");
_Static_assert(offsetof(sequenced_t, account) == 104, "SEQUENCED.account");
_Static_assert(offsetof(sequenced_t, self_match_prevention_id) == 108, "SEQUENCED.self_match_prevention_id");
_Static_assert(offsetof(sequenced_t, session) == 112, "SEQUENCED.session");
_Static_assert(offsetof(sequenced_t, cancel_group) == 116, "SEQUENCED.cancel_group");
_Static_assert(offsetof(sequenced_t, risk_group) == 118, "SEQUENCED.risk_group");
_Static_assert(offsetof(sequenced_t, side) == 120, "SEQUENCED.side");
_Static_assert(offsetof(sequenced_t, ord_type) == 121, "SEQUENCED.ord_type");
_Static_assert(offsetof(sequenced_t, time_in_force) == 122, "SEQUENCED.time_in_force");
_Static_assert(offsetof(sequenced_t, stp_instruction) == 123, "SEQUENCED.stp_instruction");
_Static_assert(offsetof(sequenced_t, exec_inst) == 124, "SEQUENCED.exec_inst");
_Static_assert(offsetof(sequenced_t, flags) == 126, "SEQUENCED.flags");

typedef sequenced_t command_t;

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    uint32_t session;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint64_t peer_mac;
    uint64_t local_mac;
    uint32_t vlan_tci;
    uint8_t reserved[66];
    uint16_t flags;
} session_peer_t;
_Static_assert(sizeof(session_peer_t) == 128, "SESSION_PEER");
_Static_assert(offsetof(session_peer_t, crc32c) == 0, "SESSION_PEER.crc32c");
_Static_assert(offsetof(session_peer_t, length) == 4, "SESSION_PEER.length");
_Static_assert(offsetof(session_peer_t, kind) == 6, "SESSION_PEER.kind");
_Static_assert(offsetof(session_peer_t, sequence) == 8, "SESSION_PEER.sequence");
_Static_assert(offsetof(session_peer_t, time_ns) == 16, "SESSION_PEER.time_ns");
_Static_assert(offsetof(session_peer_t, session) == 24, "SESSION_PEER.session");
_Static_assert(offsetof(session_peer_t, peer_ip) == 28, "SESSION_PEER.peer_ip");
_Static_assert(offsetof(session_peer_t, local_ip) == 32, "SESSION_PEER.local_ip");
_Static_assert(offsetof(session_peer_t, peer_udp_port) == 36, "SESSION_PEER.peer_udp_port");
_Static_assert(offsetof(session_peer_t, local_udp_port) == 38, "SESSION_PEER.local_udp_port");
_Static_assert(offsetof(session_peer_t, peer_mac) == 40, "SESSION_PEER.peer_mac");
_Static_assert(offsetof(session_peer_t, local_mac) == 48, "SESSION_PEER.local_mac");
_Static_assert(offsetof(session_peer_t, vlan_tci) == 56, "SESSION_PEER.vlan_tci");
_Static_assert(offsetof(session_peer_t, reserved) == 60, "SESSION_PEER.reserved");
_Static_assert(offsetof(session_peer_t, flags) == 126, "SESSION_PEER.flags");

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
    uint64_t first_sequence;
    uint8_t reserved[4024];
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
_Static_assert(offsetof(feed_header_t, first_sequence) == 64, "FEED_HEADER.first_sequence");
_Static_assert(offsetof(feed_header_t, reserved) == 72, "FEED_HEADER.reserved");

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
    uint8_t ord_type;
    uint8_t time_in_force;
    uint16_t reason;
    uint16_t flags;
    uint32_t instrument;
    uint32_t account;
    uint64_t order_id;
    uint64_t cl_ord_id;
    int64_t price_ticks;
    int32_t qty_lots;
    int32_t leaves_lots;
    int32_t cum_lots;
    int32_t display_lots;
    uint64_t priority;
    uint16_t session;
    uint8_t request_kind;
    uint8_t exec_inst;
    uint16_t maker_session;
    uint16_t reserved;
    uint32_t maker_account;
    int32_t maker_leaves_lots;
    int32_t maker_cum_lots;
    int32_t maker_display_lots;
    uint64_t maker_order_id;
    uint64_t maker_cl_ord_id;
    uint64_t maker_priority;
    uint64_t trade_id;
    int64_t limit_value;
} event_t;
_Static_assert(sizeof(event_t) == 128, "EVENT");
_Static_assert(offsetof(event_t, kind) == 0, "EVENT.kind");
_Static_assert(offsetof(event_t, side) == 1, "EVENT.side");
_Static_assert(offsetof(event_t, ord_type) == 2, "EVENT.ord_type");
_Static_assert(offsetof(event_t, time_in_force) == 3, "EVENT.time_in_force");
_Static_assert(offsetof(event_t, reason) == 4, "EVENT.reason");
_Static_assert(offsetof(event_t, flags) == 6, "EVENT.flags");
_Static_assert(offsetof(event_t, instrument) == 8, "EVENT.instrument");
_Static_assert(offsetof(event_t, account) == 12, "EVENT.account");
_Static_assert(offsetof(event_t, order_id) == 16, "EVENT.order_id");
_Static_assert(offsetof(event_t, cl_ord_id) == 24, "EVENT.cl_ord_id");
_Static_assert(offsetof(event_t, price_ticks) == 32, "EVENT.price_ticks");
_Static_assert(offsetof(event_t, qty_lots) == 40, "EVENT.qty_lots");
_Static_assert(offsetof(event_t, leaves_lots) == 44, "EVENT.leaves_lots");
_Static_assert(offsetof(event_t, cum_lots) == 48, "EVENT.cum_lots");
_Static_assert(offsetof(event_t, display_lots) == 52, "EVENT.display_lots");
_Static_assert(offsetof(event_t, priority) == 56, "EVENT.priority");
_Static_assert(offsetof(event_t, session) == 64, "EVENT.session");
_Static_assert(offsetof(event_t, request_kind) == 66, "EVENT.request_kind");
_Static_assert(offsetof(event_t, exec_inst) == 67, "EVENT.exec_inst");
_Static_assert(offsetof(event_t, maker_session) == 68, "EVENT.maker_session");
_Static_assert(offsetof(event_t, reserved) == 70, "EVENT.reserved");
_Static_assert(offsetof(event_t, maker_account) == 72, "EVENT.maker_account");
_Static_assert(offsetof(event_t, maker_leaves_lots) == 76, "EVENT.maker_leaves_lots");
_Static_assert(offsetof(event_t, maker_cum_lots) == 80, "EVENT.maker_cum_lots");
_Static_assert(offsetof(event_t, maker_display_lots) == 84, "EVENT.maker_display_lots");
_Static_assert(offsetof(event_t, maker_order_id) == 88, "EVENT.maker_order_id");
_Static_assert(offsetof(event_t, maker_cl_ord_id) == 96, "EVENT.maker_cl_ord_id");
_Static_assert(offsetof(event_t, maker_priority) == 104, "EVENT.maker_priority");
_Static_assert(offsetof(event_t, trade_id) == 112, "EVENT.trade_id");
_Static_assert(offsetof(event_t, limit_value) == 120, "EVENT.limit_value");

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
    uint8_t traits;
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
_Static_assert(offsetof(order_t, traits) == 63, "ORDER.traits");

typedef struct {
    int64_t stop_price_ticks;
    int64_t expire_time_ns;
    uint32_t display_qty_lots;
    uint32_t displayed_lots;
    uint32_t min_qty_lots;
    uint32_t self_match_prevention_id;
    uint32_t expiry_next;
    uint32_t expiry_prev;
    uint32_t expiry_level;
    uint16_t cancel_group;
    uint16_t risk_group;
    uint8_t stp_instruction;
    uint8_t place;
    uint16_t reserved;
    uint32_t firm;
    uint8_t reserved_end[8];
} terms_t;
_Static_assert(sizeof(terms_t) == 64, "TERMS");
_Static_assert(offsetof(terms_t, stop_price_ticks) == 0, "TERMS.stop_price_ticks");
_Static_assert(offsetof(terms_t, expire_time_ns) == 8, "TERMS.expire_time_ns");
_Static_assert(offsetof(terms_t, display_qty_lots) == 16, "TERMS.display_qty_lots");
_Static_assert(offsetof(terms_t, displayed_lots) == 20, "TERMS.displayed_lots");
_Static_assert(offsetof(terms_t, min_qty_lots) == 24, "TERMS.min_qty_lots");
_Static_assert(offsetof(terms_t, self_match_prevention_id) == 28, "TERMS.self_match_prevention_id");
_Static_assert(offsetof(terms_t, expiry_next) == 32, "TERMS.expiry_next");
_Static_assert(offsetof(terms_t, expiry_prev) == 36, "TERMS.expiry_prev");
_Static_assert(offsetof(terms_t, expiry_level) == 40, "TERMS.expiry_level");
_Static_assert(offsetof(terms_t, cancel_group) == 44, "TERMS.cancel_group");
_Static_assert(offsetof(terms_t, risk_group) == 46, "TERMS.risk_group");
_Static_assert(offsetof(terms_t, stp_instruction) == 48, "TERMS.stp_instruction");
_Static_assert(offsetof(terms_t, place) == 49, "TERMS.place");
_Static_assert(offsetof(terms_t, reserved) == 50, "TERMS.reserved");
_Static_assert(offsetof(terms_t, firm) == 52, "TERMS.firm");
_Static_assert(offsetof(terms_t, reserved_end) == 56, "TERMS.reserved_end");

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
    int64_t hidden_lots;
    uint32_t head;
    uint32_t tail;
} level_hidden_t;
_Static_assert(sizeof(level_hidden_t) == 16, "LEVEL_HIDDEN");
_Static_assert(offsetof(level_hidden_t, hidden_lots) == 0, "LEVEL_HIDDEN.hidden_lots");
_Static_assert(offsetof(level_hidden_t, head) == 8, "LEVEL_HIDDEN.head");
_Static_assert(offsetof(level_hidden_t, tail) == 12, "LEVEL_HIDDEN.tail");

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
    int64_t price_ticks_min;
    int64_t price_ticks_max;
    int64_t last_ticks;
    uint32_t qty_lots_min;
    uint32_t qty_lots_max;
    uint32_t qty_step_lots;
    uint32_t tick_table;
    uint32_t waiting_orders;
    uint32_t reduce_only_orders;
    uint8_t phase;
    uint8_t frozen;
    uint8_t has_last;
    uint8_t has_static_reference;
    uint8_t has_trade_range;
    uint8_t is_touched;
    uint8_t auction_changed;
    uint8_t schedule_runs;
    uint32_t auction_only_orders;
    uint32_t extension_number;
    int64_t static_reference_ticks;
    int64_t static_band_ticks;
    int64_t dynamic_band_ticks;
    int64_t breaker_ticks;
    int64_t breaker_window_ns;
    int64_t market_protection_ticks;
    int64_t auction_band_ticks;
    int64_t touched_low_ticks;
    int64_t touched_high_ticks;
    int64_t volatility_auction_ns;
    int64_t extension_ns;
    int64_t halt_ns;
    int64_t freeze_ns;
    int64_t phase_due_ns;
    int64_t freeze_due_ns;
    int64_t schedule_due_ns;
    uint32_t schedule_first;
    uint32_t schedule_count;
    uint32_t schedule_next;
    uint32_t extensions_max;
    uint32_t next_phase;
    uint8_t reserved[44];
} book_instrument_t;
_Static_assert(sizeof(book_instrument_t) == 256, "BOOK_INSTRUMENT");
_Static_assert(offsetof(book_instrument_t, price_ticks_min) == 0, "BOOK_INSTRUMENT.price_ticks_min");
_Static_assert(offsetof(book_instrument_t, price_ticks_max) == 8, "BOOK_INSTRUMENT.price_ticks_max");
_Static_assert(offsetof(book_instrument_t, last_ticks) == 16, "BOOK_INSTRUMENT.last_ticks");
_Static_assert(offsetof(book_instrument_t, qty_lots_min) == 24, "BOOK_INSTRUMENT.qty_lots_min");
_Static_assert(offsetof(book_instrument_t, qty_lots_max) == 28, "BOOK_INSTRUMENT.qty_lots_max");
_Static_assert(offsetof(book_instrument_t, qty_step_lots) == 32, "BOOK_INSTRUMENT.qty_step_lots");
_Static_assert(offsetof(book_instrument_t, tick_table) == 36, "BOOK_INSTRUMENT.tick_table");
_Static_assert(offsetof(book_instrument_t, waiting_orders) == 40, "BOOK_INSTRUMENT.waiting_orders");
_Static_assert(offsetof(book_instrument_t, reduce_only_orders) == 44, "BOOK_INSTRUMENT.reduce_only_orders");
_Static_assert(offsetof(book_instrument_t, phase) == 48, "BOOK_INSTRUMENT.phase");
_Static_assert(offsetof(book_instrument_t, frozen) == 49, "BOOK_INSTRUMENT.frozen");
_Static_assert(offsetof(book_instrument_t, has_last) == 50, "BOOK_INSTRUMENT.has_last");
_Static_assert(offsetof(book_instrument_t, has_static_reference) == 51, "BOOK_INSTRUMENT.has_static_reference");
_Static_assert(offsetof(book_instrument_t, has_trade_range) == 52, "BOOK_INSTRUMENT.has_trade_range");
_Static_assert(offsetof(book_instrument_t, is_touched) == 53, "BOOK_INSTRUMENT.is_touched");
_Static_assert(offsetof(book_instrument_t, auction_changed) == 54, "BOOK_INSTRUMENT.auction_changed");
_Static_assert(offsetof(book_instrument_t, schedule_runs) == 55, "BOOK_INSTRUMENT.schedule_runs");
_Static_assert(offsetof(book_instrument_t, auction_only_orders) == 56, "BOOK_INSTRUMENT.auction_only_orders");
_Static_assert(offsetof(book_instrument_t, extension_number) == 60, "BOOK_INSTRUMENT.extension_number");
_Static_assert(offsetof(book_instrument_t, static_reference_ticks) == 64, "BOOK_INSTRUMENT.static_reference_ticks");
_Static_assert(offsetof(book_instrument_t, static_band_ticks) == 72, "BOOK_INSTRUMENT.static_band_ticks");
_Static_assert(offsetof(book_instrument_t, dynamic_band_ticks) == 80, "BOOK_INSTRUMENT.dynamic_band_ticks");
_Static_assert(offsetof(book_instrument_t, breaker_ticks) == 88, "BOOK_INSTRUMENT.breaker_ticks");
_Static_assert(offsetof(book_instrument_t, breaker_window_ns) == 96, "BOOK_INSTRUMENT.breaker_window_ns");
_Static_assert(offsetof(book_instrument_t, market_protection_ticks) == 104, "BOOK_INSTRUMENT.market_protection_ticks");
_Static_assert(offsetof(book_instrument_t, auction_band_ticks) == 112, "BOOK_INSTRUMENT.auction_band_ticks");
_Static_assert(offsetof(book_instrument_t, touched_low_ticks) == 120, "BOOK_INSTRUMENT.touched_low_ticks");
_Static_assert(offsetof(book_instrument_t, touched_high_ticks) == 128, "BOOK_INSTRUMENT.touched_high_ticks");
_Static_assert(offsetof(book_instrument_t, volatility_auction_ns) == 136, "BOOK_INSTRUMENT.volatility_auction_ns");
_Static_assert(offsetof(book_instrument_t, extension_ns) == 144, "BOOK_INSTRUMENT.extension_ns");
_Static_assert(offsetof(book_instrument_t, halt_ns) == 152, "BOOK_INSTRUMENT.halt_ns");
_Static_assert(offsetof(book_instrument_t, freeze_ns) == 160, "BOOK_INSTRUMENT.freeze_ns");
_Static_assert(offsetof(book_instrument_t, phase_due_ns) == 168, "BOOK_INSTRUMENT.phase_due_ns");
_Static_assert(offsetof(book_instrument_t, freeze_due_ns) == 176, "BOOK_INSTRUMENT.freeze_due_ns");
_Static_assert(offsetof(book_instrument_t, schedule_due_ns) == 184, "BOOK_INSTRUMENT.schedule_due_ns");
_Static_assert(offsetof(book_instrument_t, schedule_first) == 192, "BOOK_INSTRUMENT.schedule_first");
_Static_assert(offsetof(book_instrument_t, schedule_count) == 196, "BOOK_INSTRUMENT.schedule_count");
_Static_assert(offsetof(book_instrument_t, schedule_next) == 200, "BOOK_INSTRUMENT.schedule_next");
_Static_assert(offsetof(book_instrument_t, extensions_max) == 204, "BOOK_INSTRUMENT.extensions_max");
_Static_assert(offsetof(book_instrument_t, next_phase) == 208, "BOOK_INSTRUMENT.next_phase");
_Static_assert(offsetof(book_instrument_t, reserved) == 212, "BOOK_INSTRUMENT.reserved");

typedef struct {
    int64_t time_of_day_ns;
    uint32_t phase;
    uint32_t reserved;
} schedule_entry_t;
_Static_assert(sizeof(schedule_entry_t) == 16, "SCHEDULE_ENTRY");
_Static_assert(offsetof(schedule_entry_t, time_of_day_ns) == 0, "SCHEDULE_ENTRY.time_of_day_ns");
_Static_assert(offsetof(schedule_entry_t, phase) == 8, "SCHEDULE_ENTRY.phase");
_Static_assert(offsetof(schedule_entry_t, reserved) == 12, "SCHEDULE_ENTRY.reserved");

typedef struct {
    int64_t from_ticks;
    int64_t step_ticks;
} tick_row_t;
_Static_assert(sizeof(tick_row_t) == 16, "TICK_ROW");
_Static_assert(offsetof(tick_row_t, from_ticks) == 0, "TICK_ROW.from_ticks");
_Static_assert(offsetof(tick_row_t, step_ticks) == 8, "TICK_ROW.step_ticks");

typedef struct {
    uint32_t account;
    uint32_t instrument;
    int64_t net_lots;
} position_t;
_Static_assert(sizeof(position_t) == 16, "POSITION");
_Static_assert(offsetof(position_t, account) == 0, "POSITION.account");
_Static_assert(offsetof(position_t, instrument) == 4, "POSITION.instrument");
_Static_assert(offsetof(position_t, net_lots) == 8, "POSITION.net_lots");

typedef struct {
    int64_t number;
    int64_t low_ticks;
    int64_t high_ticks;
} breaker_part_t;
_Static_assert(sizeof(breaker_part_t) == 24, "BREAKER_PART");
_Static_assert(offsetof(breaker_part_t, number) == 0, "BREAKER_PART.number");
_Static_assert(offsetof(breaker_part_t, low_ticks) == 8, "BREAKER_PART.low_ticks");
_Static_assert(offsetof(breaker_part_t, high_ticks) == 16, "BREAKER_PART.high_ticks");

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
    uint32_t pending_work;
    uint32_t positions_used;
    uint32_t positions_max;
    uint32_t visits_max;
    uint64_t index_factor;
    int64_t next_due_ns;
    int64_t instruments_due_ns;
    int64_t now_ns;
    uint32_t request_kind;
    uint32_t is_first_told;
    uint32_t is_held;
    uint32_t flight_slot;
    uint32_t flight_flags;
    uint32_t flight_reason;
    uint32_t flight_cursor;
    uint32_t flight_order;
    int64_t counted_lots;
    int64_t counted_behind_lots;
    int64_t range_low_ticks;
    int64_t range_high_ticks;
    int64_t breaker_low_ticks;
    int64_t breaker_high_ticks;
    uint32_t cascade_instrument;
    uint32_t cascade_heap;
    uint32_t cascade_falling;
    uint32_t cascade_rising;
    uint32_t phase_instrument;
    uint32_t phase_step;
    uint32_t phase_target;
    uint32_t phase_cause;
    uint32_t walk_instrument;
    uint32_t walk_place;
    uint32_t walk_level;
    uint32_t walk_order;
    uint32_t auction_instrument;
    uint32_t auction_has_price;
    int64_t auction_price_ticks;
    int64_t auction_surplus_lots;
    int64_t auction_lots;
    int64_t auction_traded_lots;
    uint32_t auction_buy;
    uint32_t auction_sell;
    int64_t auction_buy_lots;
    int64_t auction_sell_lots;
    int64_t auction_buy_ticks;
    int64_t auction_sell_ticks;
    int64_t auction_traded_ticks;
    uint32_t timer_instrument;
    uint32_t auction_is_stuck;
    int64_t timer_due_ns;
    int64_t reject_limit;
    uint32_t mass_canceled;
    uint32_t flight_breach;
    uint8_t reserved_end[40];
} book_state_t;
_Static_assert(sizeof(book_state_t) == 384, "BOOK_STATE");
_Static_assert(offsetof(book_state_t, orders_taken) == 0, "BOOK_STATE.orders_taken");
_Static_assert(offsetof(book_state_t, priorities_given) == 8, "BOOK_STATE.priorities_given");
_Static_assert(offsetof(book_state_t, trades) == 16, "BOOK_STATE.trades");
_Static_assert(offsetof(book_state_t, free_order) == 24, "BOOK_STATE.free_order");
_Static_assert(offsetof(book_state_t, free_level) == 28, "BOOK_STATE.free_level");
_Static_assert(offsetof(book_state_t, free_node) == 32, "BOOK_STATE.free_node");
_Static_assert(offsetof(book_state_t, open_orders) == 36, "BOOK_STATE.open_orders");
_Static_assert(offsetof(book_state_t, open_levels) == 40, "BOOK_STATE.open_levels");
_Static_assert(offsetof(book_state_t, open_nodes) == 44, "BOOK_STATE.open_nodes");
_Static_assert(offsetof(book_state_t, pending_work) == 48, "BOOK_STATE.pending_work");
_Static_assert(offsetof(book_state_t, positions_used) == 52, "BOOK_STATE.positions_used");
_Static_assert(offsetof(book_state_t, positions_max) == 56, "BOOK_STATE.positions_max");
_Static_assert(offsetof(book_state_t, visits_max) == 60, "BOOK_STATE.visits_max");
_Static_assert(offsetof(book_state_t, index_factor) == 64, "BOOK_STATE.index_factor");
_Static_assert(offsetof(book_state_t, next_due_ns) == 72, "BOOK_STATE.next_due_ns");
_Static_assert(offsetof(book_state_t, instruments_due_ns) == 80, "BOOK_STATE.instruments_due_ns");
_Static_assert(offsetof(book_state_t, now_ns) == 88, "BOOK_STATE.now_ns");
_Static_assert(offsetof(book_state_t, request_kind) == 96, "BOOK_STATE.request_kind");
_Static_assert(offsetof(book_state_t, is_first_told) == 100, "BOOK_STATE.is_first_told");
_Static_assert(offsetof(book_state_t, is_held) == 104, "BOOK_STATE.is_held");
_Static_assert(offsetof(book_state_t, flight_slot) == 108, "BOOK_STATE.flight_slot");
_Static_assert(offsetof(book_state_t, flight_flags) == 112, "BOOK_STATE.flight_flags");
_Static_assert(offsetof(book_state_t, flight_reason) == 116, "BOOK_STATE.flight_reason");
_Static_assert(offsetof(book_state_t, flight_cursor) == 120, "BOOK_STATE.flight_cursor");
_Static_assert(offsetof(book_state_t, flight_order) == 124, "BOOK_STATE.flight_order");
_Static_assert(offsetof(book_state_t, counted_lots) == 128, "BOOK_STATE.counted_lots");
_Static_assert(offsetof(book_state_t, counted_behind_lots) == 136, "BOOK_STATE.counted_behind_lots");
_Static_assert(offsetof(book_state_t, range_low_ticks) == 144, "BOOK_STATE.range_low_ticks");
_Static_assert(offsetof(book_state_t, range_high_ticks) == 152, "BOOK_STATE.range_high_ticks");
_Static_assert(offsetof(book_state_t, breaker_low_ticks) == 160, "BOOK_STATE.breaker_low_ticks");
_Static_assert(offsetof(book_state_t, breaker_high_ticks) == 168, "BOOK_STATE.breaker_high_ticks");
_Static_assert(offsetof(book_state_t, cascade_instrument) == 176, "BOOK_STATE.cascade_instrument");
_Static_assert(offsetof(book_state_t, cascade_heap) == 180, "BOOK_STATE.cascade_heap");
_Static_assert(offsetof(book_state_t, cascade_falling) == 184, "BOOK_STATE.cascade_falling");
_Static_assert(offsetof(book_state_t, cascade_rising) == 188, "BOOK_STATE.cascade_rising");
_Static_assert(offsetof(book_state_t, phase_instrument) == 192, "BOOK_STATE.phase_instrument");
_Static_assert(offsetof(book_state_t, phase_step) == 196, "BOOK_STATE.phase_step");
_Static_assert(offsetof(book_state_t, phase_target) == 200, "BOOK_STATE.phase_target");
_Static_assert(offsetof(book_state_t, phase_cause) == 204, "BOOK_STATE.phase_cause");
_Static_assert(offsetof(book_state_t, walk_instrument) == 208, "BOOK_STATE.walk_instrument");
_Static_assert(offsetof(book_state_t, walk_place) == 212, "BOOK_STATE.walk_place");
_Static_assert(offsetof(book_state_t, walk_level) == 216, "BOOK_STATE.walk_level");
_Static_assert(offsetof(book_state_t, walk_order) == 220, "BOOK_STATE.walk_order");
_Static_assert(offsetof(book_state_t, auction_instrument) == 224, "BOOK_STATE.auction_instrument");
_Static_assert(offsetof(book_state_t, auction_has_price) == 228, "BOOK_STATE.auction_has_price");
_Static_assert(offsetof(book_state_t, auction_price_ticks) == 232, "BOOK_STATE.auction_price_ticks");
_Static_assert(offsetof(book_state_t, auction_surplus_lots) == 240, "BOOK_STATE.auction_surplus_lots");
_Static_assert(offsetof(book_state_t, auction_lots) == 248, "BOOK_STATE.auction_lots");
_Static_assert(offsetof(book_state_t, auction_traded_lots) == 256, "BOOK_STATE.auction_traded_lots");
_Static_assert(offsetof(book_state_t, auction_buy) == 264, "BOOK_STATE.auction_buy");
_Static_assert(offsetof(book_state_t, auction_sell) == 268, "BOOK_STATE.auction_sell");
_Static_assert(offsetof(book_state_t, auction_buy_lots) == 272, "BOOK_STATE.auction_buy_lots");
_Static_assert(offsetof(book_state_t, auction_sell_lots) == 280, "BOOK_STATE.auction_sell_lots");
_Static_assert(offsetof(book_state_t, auction_buy_ticks) == 288, "BOOK_STATE.auction_buy_ticks");
_Static_assert(offsetof(book_state_t, auction_sell_ticks) == 296, "BOOK_STATE.auction_sell_ticks");
_Static_assert(offsetof(book_state_t, auction_traded_ticks) == 304, "BOOK_STATE.auction_traded_ticks");
_Static_assert(offsetof(book_state_t, timer_instrument) == 312, "BOOK_STATE.timer_instrument");
_Static_assert(offsetof(book_state_t, auction_is_stuck) == 316, "BOOK_STATE.auction_is_stuck");
_Static_assert(offsetof(book_state_t, timer_due_ns) == 320, "BOOK_STATE.timer_due_ns");
_Static_assert(offsetof(book_state_t, reject_limit) == 328, "BOOK_STATE.reject_limit");
_Static_assert(offsetof(book_state_t, mass_canceled) == 336, "BOOK_STATE.mass_canceled");
_Static_assert(offsetof(book_state_t, flight_breach) == 340, "BOOK_STATE.flight_breach");
_Static_assert(offsetof(book_state_t, reserved_end) == 344, "BOOK_STATE.reserved_end");

typedef struct {
    int64_t tick_nanos;
    int64_t tick_inverse;
    int64_t price_ticks_max;
    uint32_t security_id;
    uint32_t instr_seq;
} instrument_t;
_Static_assert(sizeof(instrument_t) == 32, "INSTRUMENT");
_Static_assert(offsetof(instrument_t, tick_nanos) == 0, "INSTRUMENT.tick_nanos");
_Static_assert(offsetof(instrument_t, tick_inverse) == 8, "INSTRUMENT.tick_inverse");
_Static_assert(offsetof(instrument_t, price_ticks_max) == 16, "INSTRUMENT.price_ticks_max");
_Static_assert(offsetof(instrument_t, security_id) == 24, "INSTRUMENT.security_id");
_Static_assert(offsetof(instrument_t, instr_seq) == 28, "INSTRUMENT.instr_seq");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t crc32c;
    uint32_t record_bytes;
    uint32_t form;
    uint64_t segment;
    uint64_t first_sequence;
    uint64_t capacity;
    uint32_t epoch;
    uint32_t chain_crc32c;
    uint64_t created_ns;
    uint8_t instance_id[16];
    uint8_t schema_digest[32];
    uint8_t config_digest[32];
    uint8_t reserved[3952];
} journal_segment_t;
_Static_assert(sizeof(journal_segment_t) == 4096, "JOURNAL_SEGMENT");
_Static_assert(offsetof(journal_segment_t, magic) == 0, "JOURNAL_SEGMENT.magic");
_Static_assert(offsetof(journal_segment_t, format_version) == 8, "JOURNAL_SEGMENT.format_version");
_Static_assert(offsetof(journal_segment_t, crc32c) == 12, "JOURNAL_SEGMENT.crc32c");
_Static_assert(offsetof(journal_segment_t, record_bytes) == 16, "JOURNAL_SEGMENT.record_bytes");
_Static_assert(offsetof(journal_segment_t, form) == 20, "JOURNAL_SEGMENT.form");
_Static_assert(offsetof(journal_segment_t, segment) == 24, "JOURNAL_SEGMENT.segment");
_Static_assert(offsetof(journal_segment_t, first_sequence) == 32, "JOURNAL_SEGMENT.first_sequence");
_Static_assert(offsetof(journal_segment_t, capacity) == 40, "JOURNAL_SEGMENT.capacity");
_Static_assert(offsetof(journal_segment_t, epoch) == 48, "JOURNAL_SEGMENT.epoch");
_Static_assert(offsetof(journal_segment_t, chain_crc32c) == 52, "JOURNAL_SEGMENT.chain_crc32c");
_Static_assert(offsetof(journal_segment_t, created_ns) == 56, "JOURNAL_SEGMENT.created_ns");
_Static_assert(offsetof(journal_segment_t, instance_id) == 64, "JOURNAL_SEGMENT.instance_id");
_Static_assert(offsetof(journal_segment_t, schema_digest) == 80, "JOURNAL_SEGMENT.schema_digest");
_Static_assert(offsetof(journal_segment_t, config_digest) == 112, "JOURNAL_SEGMENT.config_digest");
_Static_assert(offsetof(journal_segment_t, reserved) == 144, "JOURNAL_SEGMENT.reserved");

typedef struct {
    uint32_t crc32c;
    uint16_t record_count;
    uint16_t flags;
    uint64_t segment;
    uint64_t first_sequence;
    uint32_t block;
    uint32_t group_block;
    uint32_t group_blocks;
    uint32_t chain_crc32c;
    uint8_t instance_id[16];
    uint8_t reserved[72];
} journal_block_t;
_Static_assert(sizeof(journal_block_t) == 128, "JOURNAL_BLOCK");
_Static_assert(offsetof(journal_block_t, crc32c) == 0, "JOURNAL_BLOCK.crc32c");
_Static_assert(offsetof(journal_block_t, record_count) == 4, "JOURNAL_BLOCK.record_count");
_Static_assert(offsetof(journal_block_t, flags) == 6, "JOURNAL_BLOCK.flags");
_Static_assert(offsetof(journal_block_t, segment) == 8, "JOURNAL_BLOCK.segment");
_Static_assert(offsetof(journal_block_t, first_sequence) == 16, "JOURNAL_BLOCK.first_sequence");
_Static_assert(offsetof(journal_block_t, block) == 24, "JOURNAL_BLOCK.block");
_Static_assert(offsetof(journal_block_t, group_block) == 28, "JOURNAL_BLOCK.group_block");
_Static_assert(offsetof(journal_block_t, group_blocks) == 32, "JOURNAL_BLOCK.group_blocks");
_Static_assert(offsetof(journal_block_t, chain_crc32c) == 36, "JOURNAL_BLOCK.chain_crc32c");
_Static_assert(offsetof(journal_block_t, instance_id) == 40, "JOURNAL_BLOCK.instance_id");
_Static_assert(offsetof(journal_block_t, reserved) == 56, "JOURNAL_BLOCK.reserved");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t record_bytes;
    uint64_t segment_records;
    uint64_t records_max;
    uint64_t first_record;
    uint32_t epoch;
    uint32_t closed;
    uint8_t instance_id[16];
    uint64_t committed_records;
    uint8_t reserved_committed[56];
    uint64_t mapped_records;
    uint64_t removed_records;
    uint64_t archived_records;
    uint8_t reserved_mapped[40];
    uint64_t durable_records;
    uint32_t writer_state;
    uint32_t writer_pid;
    uint64_t groups_written;
    uint64_t group_records_max;
    uint64_t sync_ns_max;
    uint64_t no_room;
    uint8_t reserved_durable[16];
    uint8_t schema_digest[32];
    uint8_t config_digest[32];
    uint8_t reserved[3776];
} journal_control_t;
_Static_assert(sizeof(journal_control_t) == 4096, "JOURNAL_CONTROL");
_Static_assert(offsetof(journal_control_t, magic) == 0, "JOURNAL_CONTROL.magic");
_Static_assert(offsetof(journal_control_t, format_version) == 8, "JOURNAL_CONTROL.format_version");
_Static_assert(offsetof(journal_control_t, record_bytes) == 12, "JOURNAL_CONTROL.record_bytes");
_Static_assert(offsetof(journal_control_t, segment_records) == 16, "JOURNAL_CONTROL.segment_records");
_Static_assert(offsetof(journal_control_t, records_max) == 24, "JOURNAL_CONTROL.records_max");
_Static_assert(offsetof(journal_control_t, first_record) == 32, "JOURNAL_CONTROL.first_record");
_Static_assert(offsetof(journal_control_t, epoch) == 40, "JOURNAL_CONTROL.epoch");
_Static_assert(offsetof(journal_control_t, closed) == 44, "JOURNAL_CONTROL.closed");
_Static_assert(offsetof(journal_control_t, instance_id) == 48, "JOURNAL_CONTROL.instance_id");
_Static_assert(offsetof(journal_control_t, committed_records) == 64, "JOURNAL_CONTROL.committed_records");
_Static_assert(offsetof(journal_control_t, reserved_committed) == 72, "JOURNAL_CONTROL.reserved_committed");
_Static_assert(offsetof(journal_control_t, mapped_records) == 128, "JOURNAL_CONTROL.mapped_records");
_Static_assert(offsetof(journal_control_t, removed_records) == 136, "JOURNAL_CONTROL.removed_records");
_Static_assert(offsetof(journal_control_t, archived_records) == 144, "JOURNAL_CONTROL.archived_records");
_Static_assert(offsetof(journal_control_t, reserved_mapped) == 152, "JOURNAL_CONTROL.reserved_mapped");
_Static_assert(offsetof(journal_control_t, durable_records) == 192, "JOURNAL_CONTROL.durable_records");
_Static_assert(offsetof(journal_control_t, writer_state) == 200, "JOURNAL_CONTROL.writer_state");
_Static_assert(offsetof(journal_control_t, writer_pid) == 204, "JOURNAL_CONTROL.writer_pid");
_Static_assert(offsetof(journal_control_t, groups_written) == 208, "JOURNAL_CONTROL.groups_written");
_Static_assert(offsetof(journal_control_t, group_records_max) == 216, "JOURNAL_CONTROL.group_records_max");
_Static_assert(offsetof(journal_control_t, sync_ns_max) == 224, "JOURNAL_CONTROL.sync_ns_max");
_Static_assert(offsetof(journal_control_t, no_room) == 232, "JOURNAL_CONTROL.no_room");
_Static_assert(offsetof(journal_control_t, reserved_durable) == 240, "JOURNAL_CONTROL.reserved_durable");
_Static_assert(offsetof(journal_control_t, schema_digest) == 256, "JOURNAL_CONTROL.schema_digest");
_Static_assert(offsetof(journal_control_t, config_digest) == 288, "JOURNAL_CONTROL.config_digest");
_Static_assert(offsetof(journal_control_t, reserved) == 320, "JOURNAL_CONTROL.reserved");

typedef struct {
    uint64_t depends_on;
    uint32_t frame_bytes;
    uint32_t reserved;
    uint64_t store_bytes;
    uint64_t store_next;
} held_t;
_Static_assert(sizeof(held_t) == 32, "HELD");
_Static_assert(offsetof(held_t, depends_on) == 0, "HELD.depends_on");
_Static_assert(offsetof(held_t, frame_bytes) == 8, "HELD.frame_bytes");
_Static_assert(offsetof(held_t, reserved) == 12, "HELD.reserved");
_Static_assert(offsetof(held_t, store_bytes) == 16, "HELD.store_bytes");
_Static_assert(offsetof(held_t, store_next) == 24, "HELD.store_next");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t entry_header_bytes;
    uint64_t size_bytes;
    uint8_t reserved[104];
    uint64_t put_bytes;
    uint8_t reserved_put[120];
    uint64_t taken_bytes;
    uint8_t reserved_taken[120];
    uint8_t reserved_end[3712];
} gateway_ring_t;
_Static_assert(sizeof(gateway_ring_t) == 4096, "GATEWAY_RING");
_Static_assert(offsetof(gateway_ring_t, magic) == 0, "GATEWAY_RING.magic");
_Static_assert(offsetof(gateway_ring_t, format_version) == 8, "GATEWAY_RING.format_version");
_Static_assert(offsetof(gateway_ring_t, entry_header_bytes) == 12, "GATEWAY_RING.entry_header_bytes");
_Static_assert(offsetof(gateway_ring_t, size_bytes) == 16, "GATEWAY_RING.size_bytes");
_Static_assert(offsetof(gateway_ring_t, reserved) == 24, "GATEWAY_RING.reserved");
_Static_assert(offsetof(gateway_ring_t, put_bytes) == 128, "GATEWAY_RING.put_bytes");
_Static_assert(offsetof(gateway_ring_t, reserved_put) == 136, "GATEWAY_RING.reserved_put");
_Static_assert(offsetof(gateway_ring_t, taken_bytes) == 256, "GATEWAY_RING.taken_bytes");
_Static_assert(offsetof(gateway_ring_t, reserved_taken) == 264, "GATEWAY_RING.reserved_taken");
_Static_assert(offsetof(gateway_ring_t, reserved_end) == 384, "GATEWAY_RING.reserved_end");

typedef struct {
    uint32_t entry_bytes;
    uint32_t payload_bytes;
    uint16_t kind;
    uint16_t transport;
    uint32_t verdict;
    uint32_t session;
    uint32_t reason;
    uint64_t connection;
    uint64_t receive_time_ns;
    uint64_t peer_mac;
    uint64_t local_mac;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint32_t vlan_tci;
    uint8_t proof[32];
    uint64_t depends_on;
    uint8_t reserved[16];
} gateway_entry_t;
_Static_assert(sizeof(gateway_entry_t) == 128, "GATEWAY_ENTRY");
_Static_assert(offsetof(gateway_entry_t, entry_bytes) == 0, "GATEWAY_ENTRY.entry_bytes");
_Static_assert(offsetof(gateway_entry_t, payload_bytes) == 4, "GATEWAY_ENTRY.payload_bytes");
_Static_assert(offsetof(gateway_entry_t, kind) == 8, "GATEWAY_ENTRY.kind");
_Static_assert(offsetof(gateway_entry_t, transport) == 10, "GATEWAY_ENTRY.transport");
_Static_assert(offsetof(gateway_entry_t, verdict) == 12, "GATEWAY_ENTRY.verdict");
_Static_assert(offsetof(gateway_entry_t, session) == 16, "GATEWAY_ENTRY.session");
_Static_assert(offsetof(gateway_entry_t, reason) == 20, "GATEWAY_ENTRY.reason");
_Static_assert(offsetof(gateway_entry_t, connection) == 24, "GATEWAY_ENTRY.connection");
_Static_assert(offsetof(gateway_entry_t, receive_time_ns) == 32, "GATEWAY_ENTRY.receive_time_ns");
_Static_assert(offsetof(gateway_entry_t, peer_mac) == 40, "GATEWAY_ENTRY.peer_mac");
_Static_assert(offsetof(gateway_entry_t, local_mac) == 48, "GATEWAY_ENTRY.local_mac");
_Static_assert(offsetof(gateway_entry_t, peer_ip) == 56, "GATEWAY_ENTRY.peer_ip");
_Static_assert(offsetof(gateway_entry_t, local_ip) == 60, "GATEWAY_ENTRY.local_ip");
_Static_assert(offsetof(gateway_entry_t, peer_udp_port) == 64, "GATEWAY_ENTRY.peer_udp_port");
_Static_assert(offsetof(gateway_entry_t, local_udp_port) == 66, "GATEWAY_ENTRY.local_udp_port");
_Static_assert(offsetof(gateway_entry_t, vlan_tci) == 68, "GATEWAY_ENTRY.vlan_tci");
_Static_assert(offsetof(gateway_entry_t, proof) == 72, "GATEWAY_ENTRY.proof");
_Static_assert(offsetof(gateway_entry_t, depends_on) == 104, "GATEWAY_ENTRY.depends_on");
_Static_assert(offsetof(gateway_entry_t, reserved) == 112, "GATEWAY_ENTRY.reserved");

typedef struct {
    int64_t uuid_low;
    int64_t uuid_high;
    int64_t expected_seq;
    int64_t next_out_seq;
    uint64_t cl_ord_id;
    uint32_t generation;
    uint32_t firm;
    uint64_t connection;
    uint32_t account;
    uint8_t state;
    uint8_t traits;
    uint8_t kill;
    uint8_t client_finished;
    int64_t peer_mac;
    int64_t local_mac;
    int64_t bound_at_sequence;
    uint32_t local_ip;
    uint32_t peer_ip;
    uint32_t vlan_tci;
    uint16_t local_udp_port;
    uint16_t peer_udp_port;
    uint32_t keepalive_ms;
    uint32_t cancel_window_ms;
    int64_t cancel_due_ns;
    uint64_t handshake_ns;
    uint64_t retransmit_ns;
    int64_t retransmit_turn;
    uint16_t cancel_reason;
    uint8_t cancel_type;
    uint8_t handshake_kind;
    uint8_t was_established;
    uint8_t server_finished;
    uint8_t reserved_end[42];
} session_t;
_Static_assert(sizeof(session_t) == 192, "SESSION");
_Static_assert(offsetof(session_t, uuid_low) == 0, "SESSION.uuid_low");
_Static_assert(offsetof(session_t, uuid_high) == 8, "SESSION.uuid_high");
_Static_assert(offsetof(session_t, expected_seq) == 16, "SESSION.expected_seq");
_Static_assert(offsetof(session_t, next_out_seq) == 24, "SESSION.next_out_seq");
_Static_assert(offsetof(session_t, cl_ord_id) == 32, "SESSION.cl_ord_id");
_Static_assert(offsetof(session_t, generation) == 40, "SESSION.generation");
_Static_assert(offsetof(session_t, firm) == 44, "SESSION.firm");
_Static_assert(offsetof(session_t, connection) == 48, "SESSION.connection");
_Static_assert(offsetof(session_t, account) == 56, "SESSION.account");
_Static_assert(offsetof(session_t, state) == 60, "SESSION.state");
_Static_assert(offsetof(session_t, traits) == 61, "SESSION.traits");
_Static_assert(offsetof(session_t, kill) == 62, "SESSION.kill");
_Static_assert(offsetof(session_t, client_finished) == 63, "SESSION.client_finished");
_Static_assert(offsetof(session_t, peer_mac) == 64, "SESSION.peer_mac");
_Static_assert(offsetof(session_t, local_mac) == 72, "SESSION.local_mac");
_Static_assert(offsetof(session_t, bound_at_sequence) == 80, "SESSION.bound_at_sequence");
_Static_assert(offsetof(session_t, local_ip) == 88, "SESSION.local_ip");
_Static_assert(offsetof(session_t, peer_ip) == 92, "SESSION.peer_ip");
_Static_assert(offsetof(session_t, vlan_tci) == 96, "SESSION.vlan_tci");
_Static_assert(offsetof(session_t, local_udp_port) == 100, "SESSION.local_udp_port");
_Static_assert(offsetof(session_t, peer_udp_port) == 102, "SESSION.peer_udp_port");
_Static_assert(offsetof(session_t, keepalive_ms) == 104, "SESSION.keepalive_ms");
_Static_assert(offsetof(session_t, cancel_window_ms) == 108, "SESSION.cancel_window_ms");
_Static_assert(offsetof(session_t, cancel_due_ns) == 112, "SESSION.cancel_due_ns");
_Static_assert(offsetof(session_t, handshake_ns) == 120, "SESSION.handshake_ns");
_Static_assert(offsetof(session_t, retransmit_ns) == 128, "SESSION.retransmit_ns");
_Static_assert(offsetof(session_t, retransmit_turn) == 136, "SESSION.retransmit_turn");
_Static_assert(offsetof(session_t, cancel_reason) == 144, "SESSION.cancel_reason");
_Static_assert(offsetof(session_t, cancel_type) == 146, "SESSION.cancel_type");
_Static_assert(offsetof(session_t, handshake_kind) == 147, "SESSION.handshake_kind");
_Static_assert(offsetof(session_t, was_established) == 148, "SESSION.was_established");
_Static_assert(offsetof(session_t, server_finished) == 149, "SESSION.server_finished");
_Static_assert(offsetof(session_t, reserved_end) == 150, "SESSION.reserved_end");

typedef struct {
    int64_t uuid_low;
    int64_t uuid_high;
    uint32_t session;
    uint32_t generation;
} session_name_t;
_Static_assert(sizeof(session_name_t) == 24, "SESSION_NAME");
_Static_assert(offsetof(session_name_t, uuid_low) == 0, "SESSION_NAME.uuid_low");
_Static_assert(offsetof(session_name_t, uuid_high) == 8, "SESSION_NAME.uuid_high");
_Static_assert(offsetof(session_name_t, session) == 16, "SESSION_NAME.session");
_Static_assert(offsetof(session_name_t, generation) == 20, "SESSION_NAME.generation");

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    int64_t uuid_low;
    int64_t uuid_high;
    uint64_t timestamp_ns;
    uint64_t connection;
    uint64_t peer_mac;
    uint64_t local_mac;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint32_t vlan_tci;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint32_t session;
    uint8_t client_flow;
    uint8_t reserved;
    uint8_t proof[32];
    uint16_t flags;
} negotiate_t;
_Static_assert(sizeof(negotiate_t) == 128, "NEGOTIATE");
_Static_assert(offsetof(negotiate_t, crc32c) == 0, "NEGOTIATE.crc32c");
_Static_assert(offsetof(negotiate_t, length) == 4, "NEGOTIATE.length");
_Static_assert(offsetof(negotiate_t, kind) == 6, "NEGOTIATE.kind");
_Static_assert(offsetof(negotiate_t, sequence) == 8, "NEGOTIATE.sequence");
_Static_assert(offsetof(negotiate_t, time_ns) == 16, "NEGOTIATE.time_ns");
_Static_assert(offsetof(negotiate_t, uuid_low) == 24, "NEGOTIATE.uuid_low");
_Static_assert(offsetof(negotiate_t, uuid_high) == 32, "NEGOTIATE.uuid_high");
_Static_assert(offsetof(negotiate_t, timestamp_ns) == 40, "NEGOTIATE.timestamp_ns");
_Static_assert(offsetof(negotiate_t, connection) == 48, "NEGOTIATE.connection");
_Static_assert(offsetof(negotiate_t, peer_mac) == 56, "NEGOTIATE.peer_mac");
_Static_assert(offsetof(negotiate_t, local_mac) == 64, "NEGOTIATE.local_mac");
_Static_assert(offsetof(negotiate_t, peer_ip) == 72, "NEGOTIATE.peer_ip");
_Static_assert(offsetof(negotiate_t, local_ip) == 76, "NEGOTIATE.local_ip");
_Static_assert(offsetof(negotiate_t, vlan_tci) == 80, "NEGOTIATE.vlan_tci");
_Static_assert(offsetof(negotiate_t, peer_udp_port) == 84, "NEGOTIATE.peer_udp_port");
_Static_assert(offsetof(negotiate_t, local_udp_port) == 86, "NEGOTIATE.local_udp_port");
_Static_assert(offsetof(negotiate_t, session) == 88, "NEGOTIATE.session");
_Static_assert(offsetof(negotiate_t, client_flow) == 92, "NEGOTIATE.client_flow");
_Static_assert(offsetof(negotiate_t, reserved) == 93, "NEGOTIATE.reserved");
_Static_assert(offsetof(negotiate_t, proof) == 94, "NEGOTIATE.proof");
_Static_assert(offsetof(negotiate_t, flags) == 126, "NEGOTIATE.flags");

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    int64_t uuid_low;
    int64_t uuid_high;
    uint64_t timestamp_ns;
    uint64_t connection;
    uint64_t peer_mac;
    uint64_t local_mac;
    uint32_t peer_ip;
    uint32_t local_ip;
    uint32_t vlan_tci;
    uint16_t peer_udp_port;
    uint16_t local_udp_port;
    uint32_t session;
    uint32_t keepalive_ms;
    uint64_t next_seq;
    uint32_t cancel_window_ms;
    uint8_t cancel_type;
    uint8_t has_next_seq;
    uint8_t reserved[16];
    uint16_t flags;
} establish_t;
_Static_assert(sizeof(establish_t) == 128, "ESTABLISH");
_Static_assert(offsetof(establish_t, crc32c) == 0, "ESTABLISH.crc32c");
_Static_assert(offsetof(establish_t, length) == 4, "ESTABLISH.length");
_Static_assert(offsetof(establish_t, kind) == 6, "ESTABLISH.kind");
_Static_assert(offsetof(establish_t, sequence) == 8, "ESTABLISH.sequence");
_Static_assert(offsetof(establish_t, time_ns) == 16, "ESTABLISH.time_ns");
_Static_assert(offsetof(establish_t, uuid_low) == 24, "ESTABLISH.uuid_low");
_Static_assert(offsetof(establish_t, uuid_high) == 32, "ESTABLISH.uuid_high");
_Static_assert(offsetof(establish_t, timestamp_ns) == 40, "ESTABLISH.timestamp_ns");
_Static_assert(offsetof(establish_t, connection) == 48, "ESTABLISH.connection");
_Static_assert(offsetof(establish_t, peer_mac) == 56, "ESTABLISH.peer_mac");
_Static_assert(offsetof(establish_t, local_mac) == 64, "ESTABLISH.local_mac");
_Static_assert(offsetof(establish_t, peer_ip) == 72, "ESTABLISH.peer_ip");
_Static_assert(offsetof(establish_t, local_ip) == 76, "ESTABLISH.local_ip");
_Static_assert(offsetof(establish_t, vlan_tci) == 80, "ESTABLISH.vlan_tci");
_Static_assert(offsetof(establish_t, peer_udp_port) == 84, "ESTABLISH.peer_udp_port");
_Static_assert(offsetof(establish_t, local_udp_port) == 86, "ESTABLISH.local_udp_port");
_Static_assert(offsetof(establish_t, session) == 88, "ESTABLISH.session");
_Static_assert(offsetof(establish_t, keepalive_ms) == 92, "ESTABLISH.keepalive_ms");
_Static_assert(offsetof(establish_t, next_seq) == 96, "ESTABLISH.next_seq");
_Static_assert(offsetof(establish_t, cancel_window_ms) == 104, "ESTABLISH.cancel_window_ms");
_Static_assert(offsetof(establish_t, cancel_type) == 108, "ESTABLISH.cancel_type");
_Static_assert(offsetof(establish_t, has_next_seq) == 109, "ESTABLISH.has_next_seq");
_Static_assert(offsetof(establish_t, reserved) == 110, "ESTABLISH.reserved");
_Static_assert(offsetof(establish_t, flags) == 126, "ESTABLISH.flags");

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    uint64_t receive_time_ns;
    uint64_t timestamp_ns;
    uint64_t number;
    uint64_t count;
    uint32_t session;
    uint32_t generation;
    uint32_t code;
    uint8_t reserved[58];
    uint16_t flags;
} session_input_t;
_Static_assert(sizeof(session_input_t) == 128, "SESSION_INPUT");
_Static_assert(offsetof(session_input_t, crc32c) == 0, "SESSION_INPUT.crc32c");
_Static_assert(offsetof(session_input_t, length) == 4, "SESSION_INPUT.length");
_Static_assert(offsetof(session_input_t, kind) == 6, "SESSION_INPUT.kind");
_Static_assert(offsetof(session_input_t, sequence) == 8, "SESSION_INPUT.sequence");
_Static_assert(offsetof(session_input_t, time_ns) == 16, "SESSION_INPUT.time_ns");
_Static_assert(offsetof(session_input_t, receive_time_ns) == 24, "SESSION_INPUT.receive_time_ns");
_Static_assert(offsetof(session_input_t, timestamp_ns) == 32, "SESSION_INPUT.timestamp_ns");
_Static_assert(offsetof(session_input_t, number) == 40, "SESSION_INPUT.number");
_Static_assert(offsetof(session_input_t, count) == 48, "SESSION_INPUT.count");
_Static_assert(offsetof(session_input_t, session) == 56, "SESSION_INPUT.session");
_Static_assert(offsetof(session_input_t, generation) == 60, "SESSION_INPUT.generation");
_Static_assert(offsetof(session_input_t, code) == 64, "SESSION_INPUT.code");
_Static_assert(offsetof(session_input_t, reserved) == 68, "SESSION_INPUT.reserved");
_Static_assert(offsetof(session_input_t, flags) == 126, "SESSION_INPUT.flags");

typedef struct {
    uint64_t magic;
    uint32_t format_version;
    uint32_t entry_header_bytes;
    uint64_t capacity_bytes;
    uint64_t committed_bytes;
    uint8_t reserved[4064];
} report_header_t;
_Static_assert(sizeof(report_header_t) == 4096, "REPORT_HEADER");
_Static_assert(offsetof(report_header_t, magic) == 0, "REPORT_HEADER.magic");
_Static_assert(offsetof(report_header_t, format_version) == 8, "REPORT_HEADER.format_version");
_Static_assert(offsetof(report_header_t, entry_header_bytes) == 12, "REPORT_HEADER.entry_header_bytes");
_Static_assert(offsetof(report_header_t, capacity_bytes) == 16, "REPORT_HEADER.capacity_bytes");
_Static_assert(offsetof(report_header_t, committed_bytes) == 24, "REPORT_HEADER.committed_bytes");
_Static_assert(offsetof(report_header_t, reserved) == 32, "REPORT_HEADER.reserved");

typedef struct {
    uint64_t sequence;
    uint64_t number;
    uint64_t firm_number;
    int64_t previous;
    int64_t jump;
    int64_t index_before;
    uint32_t session;
    uint32_t generation;
    uint32_t firm;
    uint32_t message_bytes;
} report_entry_t;
_Static_assert(sizeof(report_entry_t) == 64, "REPORT_ENTRY");
_Static_assert(offsetof(report_entry_t, sequence) == 0, "REPORT_ENTRY.sequence");
_Static_assert(offsetof(report_entry_t, number) == 8, "REPORT_ENTRY.number");
_Static_assert(offsetof(report_entry_t, firm_number) == 16, "REPORT_ENTRY.firm_number");
_Static_assert(offsetof(report_entry_t, previous) == 24, "REPORT_ENTRY.previous");
_Static_assert(offsetof(report_entry_t, jump) == 32, "REPORT_ENTRY.jump");
_Static_assert(offsetof(report_entry_t, index_before) == 40, "REPORT_ENTRY.index_before");
_Static_assert(offsetof(report_entry_t, session) == 48, "REPORT_ENTRY.session");
_Static_assert(offsetof(report_entry_t, generation) == 52, "REPORT_ENTRY.generation");
_Static_assert(offsetof(report_entry_t, firm) == 56, "REPORT_ENTRY.firm");
_Static_assert(offsetof(report_entry_t, message_bytes) == 60, "REPORT_ENTRY.message_bytes");

typedef struct {
    uint32_t crc32c;
    uint16_t length;
    uint16_t kind;
    uint64_t sequence;
    uint64_t time_ns;
    uint64_t receive_time_ns;
    uint8_t operator[16];
    uint64_t request;
    int64_t value;
    int64_t value2;
    uint32_t action;
    uint32_t limit;
    uint32_t firm;
    uint32_t account;
    uint32_t instrument;
    uint32_t asset;
    uint32_t session;
    uint8_t reserved[26];
    uint16_t flags;
} admin_t;
_Static_assert(sizeof(admin_t) == 128, "ADMIN");
_Static_assert(offsetof(admin_t, crc32c) == 0, "ADMIN.crc32c");
_Static_assert(offsetof(admin_t, length) == 4, "ADMIN.length");
_Static_assert(offsetof(admin_t, kind) == 6, "ADMIN.kind");
_Static_assert(offsetof(admin_t, sequence) == 8, "ADMIN.sequence");
_Static_assert(offsetof(admin_t, time_ns) == 16, "ADMIN.time_ns");
_Static_assert(offsetof(admin_t, receive_time_ns) == 24, "ADMIN.receive_time_ns");
_Static_assert(offsetof(admin_t, operator) == 32, "ADMIN.operator");
_Static_assert(offsetof(admin_t, request) == 48, "ADMIN.request");
_Static_assert(offsetof(admin_t, value) == 56, "ADMIN.value");
_Static_assert(offsetof(admin_t, value2) == 64, "ADMIN.value2");
_Static_assert(offsetof(admin_t, action) == 72, "ADMIN.action");
_Static_assert(offsetof(admin_t, limit) == 76, "ADMIN.limit");
_Static_assert(offsetof(admin_t, firm) == 80, "ADMIN.firm");
_Static_assert(offsetof(admin_t, account) == 84, "ADMIN.account");
_Static_assert(offsetof(admin_t, instrument) == 88, "ADMIN.instrument");
_Static_assert(offsetof(admin_t, asset) == 92, "ADMIN.asset");
_Static_assert(offsetof(admin_t, session) == 96, "ADMIN.session");
_Static_assert(offsetof(admin_t, reserved) == 100, "ADMIN.reserved");
_Static_assert(offsetof(admin_t, flags) == 126, "ADMIN.flags");

typedef struct {
    uint32_t account_id;
    uint32_t firm;
    uint8_t status;
    uint8_t kill;
    uint16_t reserved;
    uint32_t rate_max;
    int64_t order_lots_max;
    int64_t order_value_max;
    uint32_t open_orders;
    uint32_t open_orders_max;
    uint32_t open_positions;
    uint32_t open_positions_max;
    int64_t gross_position;
    int64_t gross_position_max;
    int64_t day_result;
    int64_t daily_loss_max;
    int64_t rate_window_ns;
    int64_t rate_requests;
    int64_t duplicate_window_ns;
    uint32_t duplicates_max;
    uint8_t reserved_end[20];
} account_t;
_Static_assert(sizeof(account_t) == 128, "ACCOUNT");
_Static_assert(offsetof(account_t, account_id) == 0, "ACCOUNT.account_id");
_Static_assert(offsetof(account_t, firm) == 4, "ACCOUNT.firm");
_Static_assert(offsetof(account_t, status) == 8, "ACCOUNT.status");
_Static_assert(offsetof(account_t, kill) == 9, "ACCOUNT.kill");
_Static_assert(offsetof(account_t, reserved) == 10, "ACCOUNT.reserved");
_Static_assert(offsetof(account_t, rate_max) == 12, "ACCOUNT.rate_max");
_Static_assert(offsetof(account_t, order_lots_max) == 16, "ACCOUNT.order_lots_max");
_Static_assert(offsetof(account_t, order_value_max) == 24, "ACCOUNT.order_value_max");
_Static_assert(offsetof(account_t, open_orders) == 32, "ACCOUNT.open_orders");
_Static_assert(offsetof(account_t, open_orders_max) == 36, "ACCOUNT.open_orders_max");
_Static_assert(offsetof(account_t, open_positions) == 40, "ACCOUNT.open_positions");
_Static_assert(offsetof(account_t, open_positions_max) == 44, "ACCOUNT.open_positions_max");
_Static_assert(offsetof(account_t, gross_position) == 48, "ACCOUNT.gross_position");
_Static_assert(offsetof(account_t, gross_position_max) == 56, "ACCOUNT.gross_position_max");
_Static_assert(offsetof(account_t, day_result) == 64, "ACCOUNT.day_result");
_Static_assert(offsetof(account_t, daily_loss_max) == 72, "ACCOUNT.daily_loss_max");
_Static_assert(offsetof(account_t, rate_window_ns) == 80, "ACCOUNT.rate_window_ns");
_Static_assert(offsetof(account_t, rate_requests) == 88, "ACCOUNT.rate_requests");
_Static_assert(offsetof(account_t, duplicate_window_ns) == 96, "ACCOUNT.duplicate_window_ns");
_Static_assert(offsetof(account_t, duplicates_max) == 104, "ACCOUNT.duplicates_max");
_Static_assert(offsetof(account_t, reserved_end) == 108, "ACCOUNT.reserved_end");

typedef struct {
    uint32_t firm_id;
    uint8_t kill;
    uint8_t reserved[3];
    uint32_t open_orders;
    uint32_t open_orders_max;
    int64_t order_lots_max;
    int64_t order_value_max;
    int64_t day_result;
    int64_t daily_loss_max;
    int64_t gross_position;
    int64_t gross_position_max;
} firm_t;
_Static_assert(sizeof(firm_t) == 64, "FIRM");
_Static_assert(offsetof(firm_t, firm_id) == 0, "FIRM.firm_id");
_Static_assert(offsetof(firm_t, kill) == 4, "FIRM.kill");
_Static_assert(offsetof(firm_t, reserved) == 5, "FIRM.reserved");
_Static_assert(offsetof(firm_t, open_orders) == 8, "FIRM.open_orders");
_Static_assert(offsetof(firm_t, open_orders_max) == 12, "FIRM.open_orders_max");
_Static_assert(offsetof(firm_t, order_lots_max) == 16, "FIRM.order_lots_max");
_Static_assert(offsetof(firm_t, order_value_max) == 24, "FIRM.order_value_max");
_Static_assert(offsetof(firm_t, day_result) == 32, "FIRM.day_result");
_Static_assert(offsetof(firm_t, daily_loss_max) == 40, "FIRM.daily_loss_max");
_Static_assert(offsetof(firm_t, gross_position) == 48, "FIRM.gross_position");
_Static_assert(offsetof(firm_t, gross_position_max) == 56, "FIRM.gross_position_max");

typedef struct {
    int64_t net_lots;
    int64_t open_buy_lots;
    int64_t open_sell_lots;
    int64_t traded_lots;
    int64_t traded_lots_max;
    int64_t net_lots_max;
    int64_t order_value_max;
    uint32_t order_lots_max;
    uint32_t flags;
} holding_t;
_Static_assert(sizeof(holding_t) == 64, "HOLDING");
_Static_assert(offsetof(holding_t, net_lots) == 0, "HOLDING.net_lots");
_Static_assert(offsetof(holding_t, open_buy_lots) == 8, "HOLDING.open_buy_lots");
_Static_assert(offsetof(holding_t, open_sell_lots) == 16, "HOLDING.open_sell_lots");
_Static_assert(offsetof(holding_t, traded_lots) == 24, "HOLDING.traded_lots");
_Static_assert(offsetof(holding_t, traded_lots_max) == 32, "HOLDING.traded_lots_max");
_Static_assert(offsetof(holding_t, net_lots_max) == 40, "HOLDING.net_lots_max");
_Static_assert(offsetof(holding_t, order_value_max) == 48, "HOLDING.order_value_max");
_Static_assert(offsetof(holding_t, order_lots_max) == 56, "HOLDING.order_lots_max");
_Static_assert(offsetof(holding_t, flags) == 60, "HOLDING.flags");

typedef struct {
    int64_t price_ticks_min;
    int64_t price_ticks_max;
    int64_t tick_value;
    int64_t lot_units;
    uint32_t qty_lots_max;
    uint32_t order_lots_max;
    int64_t order_value_max;
    int64_t collar_ticks;
    int64_t reference_ticks;
    int64_t traded_lots_max;
    int64_t net_lots_max;
    int64_t position_weight;
    uint32_t base;
    uint32_t quote;
    uint32_t maker_millionths;
    uint32_t taker_millionths;
    uint8_t has_reference;
    uint8_t has_last;
    uint8_t is_restricted;
    uint8_t reserved[21];
} clearing_t;
_Static_assert(sizeof(clearing_t) == 128, "CLEARING");
_Static_assert(offsetof(clearing_t, price_ticks_min) == 0, "CLEARING.price_ticks_min");
_Static_assert(offsetof(clearing_t, price_ticks_max) == 8, "CLEARING.price_ticks_max");
_Static_assert(offsetof(clearing_t, tick_value) == 16, "CLEARING.tick_value");
_Static_assert(offsetof(clearing_t, lot_units) == 24, "CLEARING.lot_units");
_Static_assert(offsetof(clearing_t, qty_lots_max) == 32, "CLEARING.qty_lots_max");
_Static_assert(offsetof(clearing_t, order_lots_max) == 36, "CLEARING.order_lots_max");
_Static_assert(offsetof(clearing_t, order_value_max) == 40, "CLEARING.order_value_max");
_Static_assert(offsetof(clearing_t, collar_ticks) == 48, "CLEARING.collar_ticks");
_Static_assert(offsetof(clearing_t, reference_ticks) == 56, "CLEARING.reference_ticks");
_Static_assert(offsetof(clearing_t, traded_lots_max) == 64, "CLEARING.traded_lots_max");
_Static_assert(offsetof(clearing_t, net_lots_max) == 72, "CLEARING.net_lots_max");
_Static_assert(offsetof(clearing_t, position_weight) == 80, "CLEARING.position_weight");
_Static_assert(offsetof(clearing_t, base) == 88, "CLEARING.base");
_Static_assert(offsetof(clearing_t, quote) == 92, "CLEARING.quote");
_Static_assert(offsetof(clearing_t, maker_millionths) == 96, "CLEARING.maker_millionths");
_Static_assert(offsetof(clearing_t, taker_millionths) == 100, "CLEARING.taker_millionths");
_Static_assert(offsetof(clearing_t, has_reference) == 104, "CLEARING.has_reference");
_Static_assert(offsetof(clearing_t, has_last) == 105, "CLEARING.has_last");
_Static_assert(offsetof(clearing_t, is_restricted) == 106, "CLEARING.is_restricted");
_Static_assert(offsetof(clearing_t, reserved) == 107, "CLEARING.reserved");

typedef struct {
    int64_t available;
    int64_t reserved;
    int64_t pending_in;
    int64_t pending_out;
    int64_t settled;
    int64_t fees_paid;
    uint8_t unused[16];
} balance_t;
_Static_assert(sizeof(balance_t) == 64, "BALANCE");
_Static_assert(offsetof(balance_t, available) == 0, "BALANCE.available");
_Static_assert(offsetof(balance_t, reserved) == 8, "BALANCE.reserved");
_Static_assert(offsetof(balance_t, pending_in) == 16, "BALANCE.pending_in");
_Static_assert(offsetof(balance_t, pending_out) == 24, "BALANCE.pending_out");
_Static_assert(offsetof(balance_t, settled) == 32, "BALANCE.settled");
_Static_assert(offsetof(balance_t, fees_paid) == 40, "BALANCE.fees_paid");
_Static_assert(offsetof(balance_t, unused) == 48, "BALANCE.unused");

typedef struct {
    int64_t bound_ticks;
    uint32_t leaves_lots;
    uint32_t reserved;
} open_order_t;
_Static_assert(sizeof(open_order_t) == 16, "OPEN_ORDER");
_Static_assert(offsetof(open_order_t, bound_ticks) == 0, "OPEN_ORDER.bound_ticks");
_Static_assert(offsetof(open_order_t, leaves_lots) == 8, "OPEN_ORDER.leaves_lots");
_Static_assert(offsetof(open_order_t, reserved) == 12, "OPEN_ORDER.reserved");

typedef struct {
    int64_t price_ticks;
    int64_t stop_price_ticks;
    int64_t first_ns;
    uint32_t account;
    uint32_t instrument;
    uint32_t qty_lots;
    uint32_t orders;
    uint32_t terms;
    uint8_t unused[20];
} series_t;
_Static_assert(sizeof(series_t) == 64, "SERIES");
_Static_assert(offsetof(series_t, price_ticks) == 0, "SERIES.price_ticks");
_Static_assert(offsetof(series_t, stop_price_ticks) == 8, "SERIES.stop_price_ticks");
_Static_assert(offsetof(series_t, first_ns) == 16, "SERIES.first_ns");
_Static_assert(offsetof(series_t, account) == 24, "SERIES.account");
_Static_assert(offsetof(series_t, instrument) == 28, "SERIES.instrument");
_Static_assert(offsetof(series_t, qty_lots) == 32, "SERIES.qty_lots");
_Static_assert(offsetof(series_t, orders) == 36, "SERIES.orders");
_Static_assert(offsetof(series_t, terms) == 40, "SERIES.terms");
_Static_assert(offsetof(series_t, unused) == 44, "SERIES.unused");

typedef struct {
    uint32_t is_enabled;
    uint32_t has_funds;
    uint32_t accounts;
    uint32_t instruments;
    uint32_t assets;
    uint32_t fee_account;
    int64_t limit_value;
    int64_t bound_ticks;
    uint64_t request_account;
    int64_t old_bound_ticks;
    int64_t old_leaves_lots;
    int64_t refusal;
    uint64_t commands;
    uint64_t refused;
    int64_t request_more;
    int64_t request_leaves_lots;
    uint64_t is_held;
    uint8_t unused[16];
} accounts_state_t;
_Static_assert(sizeof(accounts_state_t) == 128, "ACCOUNTS_STATE");
_Static_assert(offsetof(accounts_state_t, is_enabled) == 0, "ACCOUNTS_STATE.is_enabled");
_Static_assert(offsetof(accounts_state_t, has_funds) == 4, "ACCOUNTS_STATE.has_funds");
_Static_assert(offsetof(accounts_state_t, accounts) == 8, "ACCOUNTS_STATE.accounts");
_Static_assert(offsetof(accounts_state_t, instruments) == 12, "ACCOUNTS_STATE.instruments");
_Static_assert(offsetof(accounts_state_t, assets) == 16, "ACCOUNTS_STATE.assets");
_Static_assert(offsetof(accounts_state_t, fee_account) == 20, "ACCOUNTS_STATE.fee_account");
_Static_assert(offsetof(accounts_state_t, limit_value) == 24, "ACCOUNTS_STATE.limit_value");
_Static_assert(offsetof(accounts_state_t, bound_ticks) == 32, "ACCOUNTS_STATE.bound_ticks");
_Static_assert(offsetof(accounts_state_t, request_account) == 40, "ACCOUNTS_STATE.request_account");
_Static_assert(offsetof(accounts_state_t, old_bound_ticks) == 48, "ACCOUNTS_STATE.old_bound_ticks");
_Static_assert(offsetof(accounts_state_t, old_leaves_lots) == 56, "ACCOUNTS_STATE.old_leaves_lots");
_Static_assert(offsetof(accounts_state_t, refusal) == 64, "ACCOUNTS_STATE.refusal");
_Static_assert(offsetof(accounts_state_t, commands) == 72, "ACCOUNTS_STATE.commands");
_Static_assert(offsetof(accounts_state_t, refused) == 80, "ACCOUNTS_STATE.refused");
_Static_assert(offsetof(accounts_state_t, request_more) == 88, "ACCOUNTS_STATE.request_more");
_Static_assert(offsetof(accounts_state_t, request_leaves_lots) == 96, "ACCOUNTS_STATE.request_leaves_lots");
_Static_assert(offsetof(accounts_state_t, is_held) == 104, "ACCOUNTS_STATE.is_held");
_Static_assert(offsetof(accounts_state_t, unused) == 112, "ACCOUNTS_STATE.unused");

#endif
