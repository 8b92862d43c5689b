#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum status http_listen_split(struct str *host, struct str *port, const char *address,
                              struct err *err)
{
    struct str text = str_of(address);
    size_t colon = text.len;
    int64_t number = 0;

    while (colon > 0 && text.at[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return err_set(err, ST_INVALID, "'%.100s' is not ADDRESS:PORT", address);
    struct str left = {text.at, colon - 1};
    struct str right = {text.at + colon, text.len - colon};
    if (!str_to_int(&number, right, 0, 65535))
        return err_set(err, ST_INVALID, "'%.100s' does not end in a port from 0 to 65535", address);
    bool bracketed = left.len >= 2 && left.at[0] == '[' && left.at[left.len - 1] == ']';
    if (bracketed)
        left = (struct str){left.at + 1, left.len - 2};
    if (!bracketed && left.len && memchr(left.at, ':', left.len))
        return err_set(err, ST_INVALID, "write the IPv6 address of '%.100s' in brackets", address);
    *host = left;
    *port = right;
    return ST_OK;
}

static enum status resolve(struct addrinfo **out, const char *address, struct err *err)
{
    struct str host = {0};
    struct str port = {0};
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    if (http_listen_split(&host, &port, address, err) != ST_OK)
        return ST_INVALID;
    char *host_text = mem_copy_str(host);
    char *port_text = mem_copy_str(port);
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    int result = getaddrinfo(host.len ? host_text : NULL, port_text, &hints, out);
    mem_free(host_text);
    mem_free(port_text);
    if (result != 0)
        return err_set(err, ST_INVALID, "cannot listen on '%.100s': %s", address,
                       gai_strerror(result));
    return ST_OK;
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.v6 = {0}};
    socklen_t len = sizeof name;

    if (getsockname(fd, &name.any, &len) != 0)
        return 0;
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

/* A listening socket on one address, or -1 with errno set. */
static int listen_on(const struct addrinfo *info)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, HTTP_LISTEN_BACKLOG) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

enum status http_listen(int *fd, unsigned *port, const char *address, struct err *err)
{
    struct addrinfo *infos = NULL;
    int found = -1;
    int error = 0;

    if (resolve(&infos, address, err) != ST_OK)
        return ST_INVALID;
    for (struct addrinfo *info = infos; info && found < 0; info = info->ai_next) {
        found = listen_on(info);
        error = errno;
    }
    freeaddrinfo(infos);
    if (found < 0)
        return err_set(err, ST_IO, "cannot listen on '%.100s': %s", address, strerror(error));
    *fd = found;
    *port = port_of(found);
    return ST_OK;
}

enum status http_listen_adopt(int fd, unsigned *port, struct err *err)
{
    int listening = 0;
    socklen_t len = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening)
        return err_set(err, ST_INVALID, "descriptor %d is not a listening socket", fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return err_set(err, ST_IO, "cannot use descriptor %d: %s", fd, strerror(errno));
    *port = port_of(fd);
    return ST_OK;
}

bool http_listen_is_loopback(int fd)
{
    struct sockaddr_storage address;
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    socklen_t len = sizeof address;

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return false;
    memcpy(&four, &address, sizeof four);
    memcpy(&six, &address, sizeof six);
    if (address.ss_family == AF_INET)
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}
