/* What a network interface is: index, MTU, MAC, IPv4 address, state. Of the caller's network namespace. */
#define _GNU_SOURCE
#include "port_kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(int fd, const char *name, unsigned long request, struct ifreq *answer) {
    memset(answer, 0, sizeof *answer);
    strncpy(answer->ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, request, answer);
}

int32_t interface_look(const char *name, struct interface *interface, struct problem *problem) {
    *interface = (struct interface){0};
    if (!name || !*name) return problem_set(problem, ERROR_INVALID_ARGUMENT, "Name the interface to open.");
    if (strlen(name) >= IFNAMSIZ)
        return problem_set(problem, ERROR_NOT_FOUND, "There is no interface %.32s: names have at most %d bytes.", name,
                           IFNAMSIZ - 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return problem_set(problem, code_of_errno(errno), "No socket could be had: %s.", strerror(errno));
    struct ifreq answer;
    int32_t code = 0;
    if (ask(fd, name, SIOCGIFINDEX, &answer) < 0) {
        code = problem_set(problem, ERROR_NOT_FOUND,
                           "There is no interface %s in this network namespace; `ip link` lists those that are there.",
                           name);
        goto done;
    }
    interface->index = answer.ifr_ifindex;
    if (ask(fd, name, SIOCGIFFLAGS, &answer) == 0 && !(answer.ifr_flags & IFF_UP)) {
        code = problem_set(problem, ERROR_IO, "The interface %s is down: `ip link set %s up`.", name, name);
        goto done;
    }
    if (ask(fd, name, SIOCGIFMTU, &answer) == 0) interface->mtu = answer.ifr_mtu;
    if (ask(fd, name, SIOCGIFHWADDR, &answer) == 0)
        for (int i = 0; i < 6; i++) interface->mac = interface->mac << 8 | (uint8_t)answer.ifr_hwaddr.sa_data[i];
    if (ask(fd, name, SIOCGIFADDR, &answer) == 0) {
        struct sockaddr_in address;
        memcpy(&address, &answer.ifr_addr, sizeof address);
        interface->ip = ntohl(address.sin_addr.s_addr);
    }
done:
    close(fd);
    return code;
}

int interface_is_up(const char *name) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    struct ifreq answer;
    int up = ask(fd, name, SIOCGIFFLAGS, &answer) == 0 && (answer.ifr_flags & IFF_UP) &&
             (answer.ifr_flags & IFF_RUNNING);
    close(fd);
    return up;
}
