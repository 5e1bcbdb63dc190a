/* The dpdk port is a library of its own beside this one, loaded the first time that somebody asks for it: a host
 * without DPDK never looks for its libraries. */
#define _GNU_SOURCE
#include "port_kinds.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "_port_dpdk.so"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct dpdk_library *library;

static int32_t find_library(char *path, size_t path_bytes, struct problem *problem) {
    Dl_info us;
    const char *name = dladdr((void *)find_library, &us) && us.dli_fname ? us.dli_fname : "";
    const char *slash = strrchr(name, '/');
    int folder_bytes = slash ? (int)(slash + 1 - name) : 0;
    if ((size_t)snprintf(path, path_bytes, "%.*s" LIBRARY, folder_bytes, name) >= path_bytes ||
        access(path, R_OK) < 0)
        return problem_set(problem, ERROR_NOT_SUPPORTED,
                           "This build has no dpdk port: install libdpdk-dev (Debian), then build again.");
    return 0;
}

static int32_t load(struct problem *problem) {
    char path[PATH_MAX];
    int32_t code = find_library(path, sizeof path, problem);
    if (code < 0) return code;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return problem_set(problem, ERROR_NOT_SUPPORTED,
                           "The libraries of DPDK that the dpdk port was built with are not here (%.300s): install "
                           "dpdk (Debian), or build again.",
                           dlerror());
    const struct dpdk_library *found = dlsym(handle, "pitwire_dpdk_library");
    if (!found || found->port_bytes != sizeof(struct port) || found->config_bytes != sizeof(port_config)) {
        dlclose(handle);
        return problem_set(problem, ERROR_NOT_SUPPORTED, "The dpdk port is of another build: build again.");
    }
    library = found; /* for good: DPDK cannot be unloaded */
    return 0;
}

int32_t dpdk_library_load(const struct dpdk_library **found, struct problem *problem) {
    pthread_mutex_lock(&lock);
    int32_t code = library ? 0 : load(problem);
    *found = library;
    pthread_mutex_unlock(&lock);
    return code;
}

int32_t port_dpdk_missing(char *problem_text, int32_t problem_bytes) {
    const struct dpdk_library *found;
    return dpdk_library_load(&found, &(struct problem){problem_text, problem_bytes});
}
