/* bench/bench_floor.c - what a request costs before anybody does anything: the least server there
 * can be, for the client of bench_http:
 *     bench_floor WORK_MS
 * One thread: epoll, recv until Content-Length is there, WORK_MS of work that empties the caches as
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

static volatile sig_atomic_t stopping;

struct floor_server {
    int64_t work_us;
    int64_t worked_us; /* CPU time */
    int64_t requests;
    uint64_t *memory;
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

/* Length of head and body; 0: the head is not whole yet. */
static size_t wanted(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *field = strstr(request, "Content-Length: ");
    int64_t length = 0;

    if (!end || !field)
        return 0;
    field += strlen("Content-Length: ");
    if (!str_to_int(&length, (struct str){field, strcspn(field, "\r")}, 0, REQUEST_MAX / 2))
        return 0;
    return (size_t)(end - request) + 4 + (size_t)length;
}

static void serve(struct floor_server *server, int fd, int poll_fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    size_t have = 0;
    size_t want = 0;
    bool open = epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;

    while (open && !stopping) {
        if (epoll_wait(poll_fd, &event, 1, -1) < 0)
            continue;
        ssize_t got = 1;
        while (open && (got = recv(fd, server->request + have, CHUNK, MSG_DONTWAIT)) > 0) {
            have += (size_t)got;
            server->request[have] = '\0';
            want = want ? want : wanted(server->request);
            if (have + CHUNK + 1 > REQUEST_MAX)
                open = false;
            if (!want || have < want)
                continue;
            have = want = 0;
            open = answer(server, fd);
        }
        open = open && got != 0 && (got > 0 || errno == EAGAIN);
    }
    (void)close(fd);
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)(const void *)&address, len) != 0 ||
        listen(fd, 8) != 0 || getsockname(fd, (struct sockaddr *)(void *)&address, &len) != 0)
        return -1;
    (void)printf("listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct floor_server server = {0};
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: accept ends */
    const int on = 1;

    if (argc != 2 || !str_to_int(&server.work_us, str_of(argv[1]), 0, 10000)) {
        (void)fprintf(stderr, "usage: bench_floor WORK_MS\n");
        return 64;
    }
    server.work_us *= 1000;
    server.memory = mem_alloc(MEMORY_WORDS, sizeof *server.memory);
    server.request = mem_alloc(REQUEST_MAX, 1);
    (void)sigaction(SIGTERM, &action, NULL);
    int listen_fd = listen_anywhere();
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    while (listen_fd >= 0 && poll_fd >= 0 && !stopping) {
        int fd = accept(listen_fd, NULL, NULL);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        serve(&server, fd, poll_fd);
    }
    int64_t outside_us = clock_thread_cpu_us() - server.worked_us;
    (void)printf("{\"requests\":%lld,\"cpu_us\":%.1f}\n", (long long)server.requests,
                 (double)outside_us / (double)MAX_OF(server.requests, (int64_t)1));
    mem_free(server.memory);
    mem_free(server.request);
    return 0;
}
