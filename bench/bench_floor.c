/* bench/bench_floor.c - what a request costs before anybody does anything: the least server there
 * can be, for the client of bench_http and for GET:
 *     bench_floor WORK_MS
 * One thread: epoll, recv until head and body are there, WORK_MS of work that empties the caches as
 * a network does, one send.  Prints its port, and at SIGTERM JSON: requests, and the CPU time of
 * each outside the work.  Its overhead is the kernel's and the client's; ours less this is ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CHUNK        (16u << 10)
#define REQUEST_MAX  (11u << 20)
#define MEMORY_WORDS ((size_t)1 << 20) /* 8 MiB */
#define EVENTS       64

static volatile sig_atomic_t stopping;

struct floor_server {
    int64_t work_us;
    int64_t worked_us; /* CPU time */
    int64_t requests;
    uint64_t *memory;
};

struct connection {
    int fd;
    size_t have, want; /* bytes of the request; want 0: not known yet */
    char *request;
};

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void work(struct floor_server *server)
{
    int64_t cpu_us = clock_thread_cpu_us();
    int64_t end_us = clock_monotonic_us(&clock_system) + server->work_us;

    for (size_t i = 0; clock_monotonic_us(&clock_system) < end_us; i = (i + 4096) % MEMORY_WORDS)
        for (size_t k = 0; k < 4096; k++)
            server->memory[i + k] = server->memory[i + k] * 3 + 1;
    server->worked_us += clock_thread_cpu_us() - cpu_us;
}

static bool answer(struct floor_server *server, int fd)
{
    char body[128];
    char text[640];

    int64_t started_us = clock_monotonic_us(&clock_system);
    if (server->work_us)
        work(server);
    double took_ms = (double)(clock_monotonic_us(&clock_system) - started_us) / 1e3;
    (void)snprintf(body, sizeof body, "{\"inference_time_ms\":%.3f}%60s", took_ms, "");
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Padding: %0220d\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       0, strlen(body), body);
    server->requests++;
    return send(fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

/* Length of head and body; 0: the head is not whole yet, or cannot be read. */
static size_t wanted(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *field = strstr(request, "Content-Length: ");
    int64_t length = 0;

    if (!end)
        return 0;
    if (field) {
        field += strlen("Content-Length: ");
        if (!str_to_int(&length, (struct str){field, strcspn(field, "\r")}, 0, REQUEST_MAX / 2))
            return 0;
    }
    return (size_t)(end - request) + 4 + (size_t)length;
}

/* Reads what is there and answers; false when the connection is over. */
static bool serve(struct floor_server *server, struct connection *connection)
{
    ssize_t got;

    while ((got = recv(connection->fd, connection->request + connection->have, CHUNK,
                       MSG_DONTWAIT)) > 0) {
        connection->have += (size_t)got;
        connection->request[connection->have] = '\0';
        if (!connection->want)
            connection->want = wanted(connection->request);
        if (connection->have + CHUNK + 1 > REQUEST_MAX)
            return false;
        if (!connection->want || connection->have < connection->want)
            continue;
        connection->have = connection->want = 0;
        if (!answer(server, connection->fd))
            return false;
        if (got < CHUNK)
            return true;
    }
    return got < 0 && errno == EAGAIN;
}

static void take_in(int listen_fd, int poll_fd)
{
    const int on = 1;
    int fd = accept(listen_fd, NULL, NULL);

    if (fd < 0)
        return;
    struct connection *connection = mem_alloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    connection->fd = fd;
    connection->request = mem_alloc(REQUEST_MAX, 1);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    REQUIRE(epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void let_go(struct connection *connection)
{
    (void)close(connection->fd);
    mem_free(connection->request);
    mem_free(connection);
}

static void serve_all(struct floor_server *server, int listen_fd, int poll_fd)
{
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN}}; /* of no connection: the listener */

    REQUIRE(epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &events[0]) == 0);
    while (!stopping) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection)
                take_in(listen_fd, poll_fd);
            else if (!serve(server, connection))
                let_go(connection);
        }
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)(const void *)&address, len) != 0 ||
        listen(fd, EVENTS) != 0 || getsockname(fd, (struct sockaddr *)(void *)&address, &len) != 0)
        return -1;
    (void)printf("listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct floor_server server = {0};
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waiting ends */

    if (argc != 2 || !str_to_int(&server.work_us, str_of(argv[1]), 0, 10000)) {
        (void)fprintf(stderr, "usage: bench_floor WORK_MS\n");
        return 64;
    }
    server.work_us *= 1000;
    server.memory = mem_alloc(MEMORY_WORDS, sizeof *server.memory);
    (void)sigaction(SIGTERM, &action, NULL);
    int listen_fd = listen_anywhere();
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listen_fd >= 0 && poll_fd >= 0)
        serve_all(&server, listen_fd, poll_fd);
    int64_t outside_us = clock_thread_cpu_us() - server.worked_us;
    (void)printf("{\"requests\":%lld,\"cpu_us\":%.1f}\n", (long long)server.requests,
                 (double)outside_us / (double)MAX_OF(server.requests, (int64_t)1));
    mem_free(server.memory);
    return 0;
}
