/* DPDK's environment (EAL): one a process, started by the first dpdk port with its arguments and never stopped.
 *
 * What DPDK prints is kept, not shown, unless the arguments ask for a log level: our sentence quotes the line that says
 * why. Its usage text and getopt's complaints go through stdout and stderr, which point to the same place meanwhile.
 */
#define _GNU_SOURCE
#include "dpdk.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 96
#define ARGUMENTS_BYTES_MAX 2048
#define LOWEST_MEMORY_MIB "256" /* without hugepages the EAL takes 64 MiB, too little for two ports */

static int is_started;
static int uses_hugepages;
static char *started_with;

/* --- what DPDK says --- */

static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;
static char words[8192]; /* the first that was said since eal_forget_words; the rest is let go */
static size_t words_bytes;

static ssize_t keep_words(void *cookie, const char *text, size_t text_bytes) {
    (void)cookie;
    pthread_mutex_lock(&words_lock);
    size_t room = sizeof words - 1 - words_bytes;
    size_t taken = text_bytes < room ? text_bytes : room;
    memcpy(words + words_bytes, text, taken);
    words_bytes += taken;
    pthread_mutex_unlock(&words_lock);
    return (ssize_t)text_bytes;
}

void eal_forget_words(void) {
    pthread_mutex_lock(&words_lock);
    words_bytes = 0;
    pthread_mutex_unlock(&words_lock);
}

/* Lines that come before the one that matters. */
static int is_noise(const char *line) {
    static const char *const noise[] = {"Failed to register mp action", "No free ", "Usage:", "Detected ",
                                        "DPDK is running on a NUMA",    "WARNING",  0};
    for (int i = 0; noise[i]; i++)
        if (strstr(line, noise[i])) return 1;
    return 0;
}

const char *eal_words(char *line, size_t line_bytes) {
    pthread_mutex_lock(&words_lock);
    words[words_bytes] = 0;
    line[0] = 0;
    for (const char *at = words; *at;) {
        size_t length = strcspn(at, "\n");
        snprintf(line, line_bytes, "%.*s", (int)length, at);
        at += length + (at[length] == '\n');
        if (*line && !is_noise(line)) break;
        line[0] = 0;
    }
    pthread_mutex_unlock(&words_lock);
    /* "function(): " and "EAL: " say who spoke, not what happened */
    char *colon = strstr(line, ": ");
    size_t speaker = colon ? strcspn(line, " ") : 0;
    if (colon && speaker == (size_t)(colon - line) + 1) memmove(line, colon + 2, strlen(colon + 2) + 1);
    for (size_t end = strlen(line); end && (isspace((unsigned char)line[end - 1]) || line[end - 1] == '.');)
        line[--end] = 0;
    return line;
}

/* --- the arguments --- */

struct arguments {
    char text[ARGUMENTS_BYTES_MAX];
    char *words[ARGUMENTS_MAX + 1];
    int count;
    char cpus[1024];
    char prefix[64];
};

static int32_t split(struct arguments *arguments, const char *text, struct problem *problem) {
    if ((size_t)snprintf(arguments->text, sizeof arguments->text, "%s", text) >= sizeof arguments->text)
        return problem_set(problem, ERROR_INVALID_ARGUMENT, "eal_args holds at most %d bytes.",
                           ARGUMENTS_BYTES_MAX - 1);
    char *rest = arguments->text;
    char *word;
    arguments->words[arguments->count++] = "pitwire";
    while ((word = strtok_r(rest, " \t\n", &rest)) != 0) {
        if (arguments->count == ARGUMENTS_MAX - 16)
            return problem_set(problem, ERROR_INVALID_ARGUMENT, "eal_args holds at most %d words.", ARGUMENTS_MAX - 17);
        arguments->words[arguments->count++] = word;
    }
    return 0;
}

/* Is one of these options (parted by |, each "-x" or "--long") given? */
static int has(const struct arguments *arguments, const char *options) {
    for (const char *option = options; *option;) {
        size_t length = strcspn(option, "|");
        int is_long = length > 2;
        for (int i = 1; i < arguments->count; i++) {
            const char *word = arguments->words[i];
            if (strncmp(word, option, length) == 0 && (!is_long || word[length] == 0 || word[length] == '=')) return 1;
        }
        option += length + (option[length] == '|');
    }
    return 0;
}

static void add(struct arguments *arguments, char *word) { arguments->words[arguments->count++] = word; }

/* One lcore over every CPU that this thread may use: our loops pin themselves, and DPDK's own threads stay off them
   where the caller left them a CPU. */
static char *lcores(struct arguments *arguments) {
    cpu_set_t allowed;
    char *at = arguments->cpus;
    char *end = at + sizeof arguments->cpus - 16;
    at += sprintf(at, "--lcores=0@(");
    if (pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed) != 0) CPU_ZERO(&allowed);
    const char *comma = "";
    for (int cpu = 0; cpu < CPU_SETSIZE && at < end; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            at += sprintf(at, "%s%d", comma, cpu);
            comma = ",";
        }
    sprintf(at, ")");
    return arguments->cpus;
}

static int is_pci_address(const char *device) {
    size_t digits = strspn(device, "0123456789abcdefABCDEF:.");
    return digits >= 7 && (device[digits] == 0 || device[digits] == ',') && strchr(device, ':') &&
           memchr(device, '.', digits);
}

static void complete(struct arguments *arguments, const port_config *config) {
    const char *device = config->device ? config->device : "";
    uses_hugepages = !has(arguments, "--no-huge");
    if (!has(arguments, "--log-level")) rte_log_set_global_level(RTE_LOG_WARNING);
    if (!has(arguments, "--in-memory|--no-shconf|--file-prefix|--huge-dir|--proc-type|--legacy-mem")) {
        if (uses_hugepages) {
            add(arguments, "--in-memory");
        } else { /* the EAL takes --no-huge for legacy memory, which excludes --in-memory */
            add(arguments, "--no-shconf");
        }
        if (!has(arguments, "--single-file-segments")) add(arguments, "--single-file-segments");
    }
    if (!uses_hugepages && !has(arguments, "-m|--socket-mem")) {
        add(arguments, "-m");
        add(arguments, LOWEST_MEMORY_MIB);
    }
    if (!has(arguments, "-l|-c|--lcores|--main-lcore")) add(arguments, lcores(arguments));
    if (!has(arguments, "--telemetry|--no-telemetry")) add(arguments, "--no-telemetry");
    /* Without this the EAL takes every device that is bound to a driver for user space, or is a Mellanox. */
    if (!has(arguments, "-a|--allow|-b|--block|--no-pci")) {
        if (is_pci_address(device)) {
            add(arguments, "-a");
            add(arguments, (char *)(uintptr_t)device);
        } else {
            add(arguments, "--no-pci");
        }
    }
    arguments->words[arguments->count] = 0;
}

static int64_t free_hugepages(void) {
    DIR *folder = opendir("/sys/kernel/mm/hugepages");
    if (!folder) return 0;
    int64_t total = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        char path[512];
        snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/%s/free_hugepages", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? 0 : fopen(path, "re");
        long long count;
        if (!file) continue;
        if (fscanf(file, "%lld", &count) == 1) total += count;
        fclose(file);
    }
    closedir(folder);
    return total;
}

/* --- the start --- */

static int init(struct arguments *arguments) {
    static FILE *log_file; /* DPDK keeps it */
    if (!log_file) log_file = fopencookie(0, "w", (cookie_io_functions_t){.write = keep_words});
    if (log_file) setvbuf(log_file, 0, _IOLBF, 512);
    int is_quiet = log_file && !has(arguments, "--log-level");
    FILE *out = stdout, *error = stderr;
    cpu_set_t affinity;
    int has_affinity = pthread_getaffinity_np(pthread_self(), sizeof affinity, &affinity) == 0;
    eal_forget_words();
    if (is_quiet) {
        fflush(out);
        rte_openlog_stream(log_file);
        stdout = stderr = log_file;
    }
    int result = rte_eal_init(arguments->count, arguments->words);
    int reason = rte_errno;
    if (is_quiet) {
        fflush(log_file);
        stdout = out;
        stderr = error;
    }
    if (has_affinity) pthread_setaffinity_np(pthread_self(), sizeof affinity, &affinity);
    return result < 0 ? -reason : 0;
}

int32_t eal_start(const port_config *config, struct problem *problem) {
    const char *text = config->eal_args ? config->eal_args : "";
    if (is_started) {
        if (!*text || strcmp(text, started_with) == 0) return 0;
        return problem_set(problem, ERROR_BUSY,
                           "DPDK runs in this process already, with the arguments \"%.200s\", and cannot take others: "
                           "give the same, or use another process.",
                           started_with);
    }
    static struct arguments arguments; /* DPDK keeps pointers to the words */
    arguments.count = 0;
    int32_t code = split(&arguments, text, problem);
    if (code < 0) return code;
    complete(&arguments, config);
    if (uses_hugepages && free_hugepages() == 0)
        return problem_set(problem, ERROR_NO_MEMORY,
                           "There are no free hugepages: `sysctl -w vm.nr_hugepages=256`, or put --no-huge into "
                           "eal_args, which is slower.");
    char *kept = strdup(text);
    if (!kept) return problem_set(problem, ERROR_NO_MEMORY, "Memory for the port could not be had.");
    int error = init(&arguments);
    if (!error) {
        is_started = 1;
        started_with = kept;
        return 0;
    }
    free(kept);
    char line[256];
    eal_words(line, sizeof line);
    if (error == -EALREADY)
        return problem_set(problem, ERROR_BUSY,
                           "DPDK cannot be started in this process any more (something else did, or it failed to): "
                           "use a new process.");
    return problem_set(problem, error == -EINVAL ? ERROR_INVALID_ARGUMENT : code_of_errno(-error),
                       "DPDK did not start with the arguments \"%.160s\": %s.", text,
                       *line ? line : rte_strerror(-error));
}

int eal_uses_hugepages(void) { return uses_hugepages; }

/* --- threads --- */

static pthread_key_t leaving;
static pthread_once_t leaving_once = PTHREAD_ONCE_INIT;

static void forget_thread(void *known) {
    (void)known;
    rte_thread_unregister();
}

static void make_key(void) { pthread_key_create(&leaving, forget_thread); }

void eal_know_thread(void) {
    static __thread int has_tried;
    if (has_tried || rte_lcore_id() != LCORE_ID_ANY) return;
    has_tried = 1; /* a refusal costs the cache, nothing more */
    pthread_once(&leaving_once, make_key);
    if (rte_thread_register() == 0) pthread_setspecific(leaving, &leaving);
}
