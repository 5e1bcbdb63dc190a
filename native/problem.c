/* The one sentence of a port that cannot be opened, and the code that an errno means. */
#include "port_kinds.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int32_t problem_set(struct problem *problem, int32_t code, const char *format, ...) {
    if (problem->text && problem->text_bytes > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(problem->text, (size_t)problem->text_bytes, format, arguments);
        va_end(arguments);
    }
    return code;
}

int32_t code_of_errno(int error) {
    switch (error) {
    case EPERM:
    case EACCES:
        return ERROR_PERMISSION;
    case ENOMEM:
    case ENOBUFS:
        return ERROR_NO_MEMORY;
    case EADDRINUSE:
    case EBUSY:
    case EEXIST:
        return ERROR_BUSY;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EADDRNOTAVAIL:
        return ERROR_NOT_FOUND;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ENOSYS:
        return ERROR_NOT_SUPPORTED;
    default:
        return ERROR_IO;
    }
}
