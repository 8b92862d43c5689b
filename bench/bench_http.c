/* bench/bench_http.c - a load client for POST /predict over loopback:
 *     bench_http PORT CLIENTS REQUESTS RATE PHOTO...
 * CLIENTS keep-alive connections, a thread each, send REQUESTS in all, the photos in turn.  With
 * RATE 0 each sends its next when the last is answered.  Else requests arrive by chance, RATE a
 * second on average, as from many users who know nothing of each other, and wait for a connection
 * when all are busy; latency counts from their arrival.  Prints JSON: requests a second, latency
 * percentiles, and the overhead of a request: its latency less the inference_time_ms of its answer.
 * Whole requests are built before the clock starts. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

#define CLIENTS_MAX  256
#define REQUESTS_MAX 1000000
#define FILES_MAX    4096
#define FILE_MAX     ((size_t)10 << 20)
#define ANSWER_SIZE  (16u << 10)
#define BOUNDARY     "aidetect-bench-5d41402abc4b2a76"

struct sample {
    int64_t arrival_us; /* since the start; 0: when a connection is free */
    double latency_ms, inference_ms;
    bool good; /* 200 with an inference time */
};

struct load {
    int port;
    struct buf *requests; /* one a photo */
    int request_count;
    struct sample *samples;
    int64_t total;
    int64_t started_us;
    _Atomic int64_t next; /* samples handed out */
};

static void build_request(struct buf *out, struct bytes photo)
{
    static const char head[] = "--" BOUNDARY "\r\n"
                               "Content-Disposition: form-data; name=\"file\"; "
                               "filename=\"photo\"\r\n"
                               "Content-Type: application/octet-stream\r\n\r\n";
    static const char tail[] = "\r\n--" BOUNDARY "--\r\n";

    buf_init(out, FILE_MAX + 4096);
    buf_printf(out,
               "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               "Content-Type: multipart/form-data; boundary=" BOUNDARY "\r\n"
               "Content-Length: %zu\r\n\r\n",
               strlen(head) + photo.len + strlen(tail));
    buf_add_str(out, head);
    buf_add(out, photo.at, photo.len);
    buf_add_str(out, tail);
}

static int open_connection(int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char steady[] =
        "reno"; /* others pace what they send by guesses about the network */
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, steady, sizeof steady - 1);
    if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, struct bytes data)
{
    while (data.len) {
        ssize_t put = send(fd, data.at, data.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        data.at += put, data.len -= (size_t)put;
    }
    return true;
}

/* The number after "Content-Length:" in a head, whatever its case; -1 when there is none. */
static int64_t content_length(struct str head)
{
    static const char name[] = "\ncontent-length:";
    int64_t length = -1;

    for (size_t i = 0; i + sizeof name - 1 < head.len; i++) {
        if (strncasecmp(head.at + i, name, sizeof name - 1) != 0)
            continue;
        struct str rest = {.at = head.at + i + sizeof name - 1,
                           .len = head.len - i - (sizeof name - 1)};
        if (str_to_int(&length, str_trim(str_split(&rest, '\n')), 0, ANSWER_SIZE))
            return length;
    }
    return -1;
}

/* Reads one answer; its body is a view into `answer`.  False when the connection broke. */
static bool receive(struct bytes *body, int *status, int fd, char answer[ANSWER_SIZE])
{
    size_t len = 0;

    while (len < ANSWER_SIZE - 1) {
        ssize_t got = recv(fd, answer + len, ANSWER_SIZE - 1 - len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        len += (size_t)got;
        answer[len] = '\0';
        const char *end = strstr(answer, "\r\n\r\n");
        if (!end)
            continue;
        size_t head = (size_t)(end - answer) + 4;
        int64_t length = content_length((struct str){.at = answer, .len = head});
        if (length < 0 || head + (size_t)length > ANSWER_SIZE - 1)
            return false;
        if (len < head + (size_t)length)
            continue;
        int64_t code = 0;
        if (len > 12 && str_to_int(&code, (struct str){.at = answer + 9, .len = 3}, 100, 599))
            *status = (int)code;
        *body = (struct bytes){.at = (const uint8_t *)answer + head, .len = (size_t)length};
        return true;
    }
    return false;
}

static void wait_until(int64_t at_us)
{
    int64_t now_us = clock_monotonic_us(&clock_system);

    if (at_us > now_us)
        (void)usleep((useconds_t)(at_us - now_us));
}

static bool one_request(struct sample *sample, int64_t started, int fd, const struct buf *request,
                        char answer[ANSWER_SIZE])
{
    struct bytes body;
    struct json *root = NULL;
    struct err err;
    int status = 0;

    if (!send_all(fd, buf_bytes(request)) || !receive(&body, &status, fd, answer))
        return false;
    sample->latency_ms = (double)(clock_monotonic_us(&clock_system) - started) / 1e3;
    if (status == 200 && json_parse(&root, body, &err) == ST_OK)
        sample->good = json_get_number(&sample->inference_ms, root, "inference_time_ms");
    json_free(root);
    return true;
}

static void *run_client(void *payload)
{
    struct load *load = payload;
    char *answer = mem_alloc(ANSWER_SIZE, 1);
    int fd = open_connection(load->port);

    for (;;) {
        int64_t index = atomic_fetch_add(&load->next, 1);
        if (index >= load->total)
            break;
        struct sample *sample = &load->samples[index];
        wait_until(load->started_us + sample->arrival_us);
        int64_t started = sample->arrival_us ? load->started_us + sample->arrival_us
                                             : clock_monotonic_us(&clock_system);
        const struct buf *request = &load->requests[index % load->request_count];
        if (fd >= 0 && one_request(sample, started, fd, request, answer))
            continue;
        if (fd >= 0) /* the server may close what has long been idle */
            (void)close(fd);
        fd = open_connection(load->port);
        if (fd >= 0 && !one_request(sample, started, fd, request, answer)) {
            (void)close(fd); /* the sample stays a failure */
            fd = -1;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    mem_free(answer);
    return NULL;
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

static double percentile(double *values, size_t count, double p)
{
    if (!count)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    return values[(size_t)(p * (double)(count - 1) + 0.5)];
}

static void print_figures(const struct load *load, double seconds)
{
    struct json *root = json_new_object();
    double *latencies = mem_alloc((size_t)load->total, sizeof *latencies);
    double *overheads = mem_alloc((size_t)load->total, sizeof *overheads);
    size_t good = 0;
    struct buf text;

    for (int64_t i = 0; i < load->total; i++) {
        if (!load->samples[i].good)
            continue;
        latencies[good] = load->samples[i].latency_ms;
        overheads[good++] = (load->samples[i].latency_ms - load->samples[i].inference_ms) * 1e3;
    }
    json_set_int(root, "requests", (int64_t)good);
    json_set_int(root, "failed", load->total - (int64_t)good);
    json_set_number(root, "requests_per_s", (double)good / seconds);
    json_set_number(root, "latency_p50_ms", percentile(latencies, good, 0.5));
    json_set_number(root, "latency_p99_ms", percentile(latencies, good, 0.99));
    json_set_number(root, "overhead_p50_us", percentile(overheads, good, 0.5));
    json_set_number(root, "overhead_p99_us", percentile(overheads, good, 0.99));
    buf_init(&text, 4096);
    json_write(&text, root, 0);
    (void)printf("%s\n", buf_str(&text).at);
    buf_fini(&text);
    json_free(root);
    mem_free(latencies);
    mem_free(overheads);
}

/* Gaps of independent arrivals; the same in every run. */
static void draw_arrivals(struct load *load, double rate)
{
    struct rng rng = rng_seed(1);
    double at_s = 0;

    for (int64_t i = 0; i < load->total && rate > 0; i++) {
        at_s -= log(1 - rng_unit(&rng)) / rate;
        load->samples[i].arrival_us = MAX_OF((int64_t)(1e6 * at_s), 1);
    }
}

static void run(struct load *load, int clients)
{
    pthread_t threads[CLIENTS_MAX];

    load->started_us = clock_monotonic_us(&clock_system);
    for (int i = 0; i < clients; i++)
        REQUIRE(pthread_create(&threads[i], NULL, run_client, load) == 0);
    for (int i = 0; i < clients; i++)
        (void)pthread_join(threads[i], NULL);
    print_figures(load, (double)(clock_monotonic_us(&clock_system) - load->started_us) / 1e6);
}

int main(int argc, char **argv)
{
    static struct load load;
    struct err err = {0};
    int64_t port = 0;
    int64_t clients = 0;
    double rate = 0;

    if (argc < 6 || argc > FILES_MAX || !str_to_int(&port, str_of(argv[1]), 1, 65535) ||
        !str_to_int(&clients, str_of(argv[2]), 1, CLIENTS_MAX) ||
        !str_to_int(&load.total, str_of(argv[3]), 1, REQUESTS_MAX) ||
        !str_to_double(&rate, str_of(argv[4]), 0, 1e6)) {
        (void)fprintf(stderr, "usage: bench_http PORT CLIENTS REQUESTS RATE PHOTO...\n");
        return 64;
    }
    load.port = (int)port;
    load.request_count = argc - 5;
    load.requests = mem_alloc((size_t)load.request_count, sizeof *load.requests);
    load.samples = mem_alloc((size_t)load.total, sizeof *load.samples);
    for (int i = 0; i < load.request_count; i++) {
        struct bytes photo;
        if (fs_read(&photo, argv[5 + i], FILE_MAX, &err) != ST_OK) {
            (void)fprintf(stderr, "bench_http: %s\n", err.msg);
            return 74;
        }
        build_request(&load.requests[i], photo);
        mem_free((void *)(uintptr_t)photo.at);
    }
    draw_arrivals(&load, rate);
    run(&load, (int)clients);
    return 0;
}
