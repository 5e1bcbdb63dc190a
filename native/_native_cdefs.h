/* What Python sees of the C library, for cffi; the headers say what each does. */

int64_t clock_realtime_ns(void);
int64_t clock_monotonic_ns(void);
int32_t clock_idle(int64_t sleep_ns);

int64_t crc32c(uint64_t address, int64_t length_bytes, int64_t crc);
int64_t crc32c_software(uint64_t address, int64_t length_bytes, int64_t crc);

typedef struct {
    uint64_t segment;
    uint64_t next_sequence;
    uint32_t next_block;
    uint32_t chain_crc32c;
    uint8_t instance_id[16];
    uint64_t stop_sequence;
    uint64_t group_sequence;
    uint32_t group_chain_crc32c;
    uint32_t group_end_block;
    uint64_t closed;
} journal_cursor;

int64_t journal_load_acquire(uint64_t address);
void journal_store_release(uint64_t address, int64_t value);
int64_t journal_wait(uint64_t address, int64_t value, int64_t spin_ns);
int64_t journal_commit(uint64_t address, int64_t sequence, int64_t time_ns, int32_t kind, int32_t first_of_burst,
                       int64_t chain_crc32c);
int64_t journal_seal(uint64_t records, int64_t count, journal_cursor *cursor);
int64_t journal_count_whole(uint64_t records, int64_t count, journal_cursor *cursor);
int64_t journal_fill_blocks(uint64_t blocks, uint64_t records, int64_t count, uint16_t flags, journal_cursor *cursor);
int64_t journal_read_blocks(uint64_t blocks, int64_t count, uint64_t records, int64_t *records_count,
                            journal_cursor *cursor);
int32_t journal_block_is_ours(uint64_t block_address, uint32_t block, const journal_cursor *cursor);

typedef struct {
    int32_t kind;
    uint16_t port_id;
    uint16_t udp_port_count;
    uint16_t udp_ports[8];
    int32_t rx_frames;
    int32_t tx_frames;
    int32_t tx_pending_max;
    int32_t udp_checksum_complete;
    const char *interface_name;
    uint32_t local_ip;
    int32_t multicast_ttl;
    int32_t queue;
    int32_t xdp_mode;
    int32_t zero_copy;
    const char *in_path;
    const char *out_path;
    const char *device;
    const char *eal_args;
    int32_t queue_count;
    int32_t tx_queue;
    int32_t steering;
    int32_t offloads_off;
    const uint32_t *sources;
    int32_t source_count;
    int32_t datagrams_a_second;
    int32_t datagrams_burst;
    int32_t handshakes_a_second;
    int32_t handshakes_burst;
} port_config;

typedef struct {
    uint64_t mac;
    uint32_t ip;
    uint16_t udp_port;
    uint16_t reserved;
} port_identity_t;

typedef struct {
    uint64_t data;
    uint32_t len;
    uint16_t port;
    uint16_t flags;
    uint64_t ts_ns;
    uint64_t cookie;
} pkt_t;

int32_t port_open(const port_config *config, uint64_t *port, char *problem, int32_t problem_bytes);
int32_t port_close(uint64_t port);
int32_t port_describe(uint64_t port, char *text, int32_t text_bytes);
int32_t port_identity(uint64_t port, port_identity_t *identity);
int32_t port_rx_burst(uint64_t port, uint64_t descs, int32_t max);
int32_t port_rx_release(uint64_t port, uint64_t descs, int32_t n);
int32_t port_tx_alloc(uint64_t port, uint64_t descs, int32_t n);
int32_t port_tx_burst(uint64_t port, uint64_t descs, int32_t n);
int32_t port_tx_flush(uint64_t port);
int32_t port_service(uint64_t port, int32_t budget);
int32_t port_stats(uint64_t port, uint64_t out);
int32_t port_memory_inject(uint64_t port, const void *frame, int32_t frame_bytes, uint64_t ts_ns, uint16_t flags);
int32_t port_memory_collect(uint64_t port, void *frame, int32_t room_bytes, pkt_t *desc);
int32_t port_has_xdp(void);
int32_t port_dpdk_missing(char *problem, int32_t problem_bytes);
