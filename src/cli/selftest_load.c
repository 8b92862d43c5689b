#include "cli/selftest.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "http/client.h"
#include "image/image.h"

#define CLIENT_COUNT 4
#define PAUSE_MS     40
#define TIMEOUT_MS   15000
#define SIDE_PX      160
#define ARENA_BYTES  ((size_t)4 << 20)

struct selftest_requests {
    unsigned port;
    struct arena *arena;
    struct bytes photo;
    _Atomic int load;
    _Atomic bool ended;
    pthread_t threads[CLIENT_COUNT];
    size_t thread_count;
};

static void ask(struct selftest_requests *requests, struct http_client *client,
                enum selftest_load load)
{
    static const char *const paths[] = {"", "predict", "predict/batch", "predict/explain"};
    const struct http_client_part part = {load == SELFTEST_BATCH ? "files" : "file", "photo.jpg",
                                          requests->photo};
    struct http_client_answer answer;
    struct err ignored;
    char url[128];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", requests->port, paths[load]);
    /* Whatever it answers: the alerts tell. */
    (void)(http_client_post_form(&answer, client, url, &part, 1, &ignored) == ST_OK);
}

static void *run(void *payload)
{
    struct selftest_requests *requests = payload;
    const struct http_client_options options = {.timeout_ms = TIMEOUT_MS};
    struct http_client *client = NULL;
    struct err ignored;

    if (http_client_open(&client, &options, &ignored) != ST_OK)
        return NULL;
    while (!atomic_load(&requests->ended)) {
        enum selftest_load load = (enum selftest_load)atomic_load(&requests->load);
        if (load != SELFTEST_QUIET)
            ask(requests, client, load);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    http_client_close(client);
    return NULL;
}

/* A photo of noise: nothing is read from disk. */
static enum status make_photo(struct selftest_requests *requests, struct err *err)
{
    struct rng rng = rng_seed(7);
    struct image image = {.width = SIDE_PX, .height = SIDE_PX};

    enum status st = arena_open(&requests->arena, ARENA_BYTES, err);
    if (st != ST_OK)
        return st;
    size_t size = (size_t)SIDE_PX * SIDE_PX * 3;
    uint8_t *pixels = ARENA_NEW(requests->arena, uint8_t, size);
    REQUIRE(pixels != NULL);
    for (size_t i = 0; i < size; i++)
        pixels[i] = (uint8_t)rng_u64(&rng);
    image.rgb = pixels;
    return image_encode_jpeg(&requests->photo, &image, 90, IMAGE_SUBSAMPLING_444, requests->arena,
                             err);
}

enum status selftest_requests_open(struct selftest_requests **out, unsigned port, struct err *err)
{
    struct selftest_requests *requests = mem_alloc(1, sizeof *requests);

    requests->port = port;
    enum status st = make_photo(requests, err);
    for (; st == ST_OK && requests->thread_count < CLIENT_COUNT; requests->thread_count++)
        if (pthread_create(&requests->threads[requests->thread_count], NULL, run, requests) != 0) {
            st = err_set(err, ST_IO, "cannot start a client");
            break;
        }
    if (st == ST_OK)
        *out = requests;
    else
        selftest_requests_close(requests);
    return st;
}

void selftest_requests_set(struct selftest_requests *requests, enum selftest_load load)
{
    atomic_store(&requests->load, (int)load);
}

void selftest_requests_close(struct selftest_requests *requests)
{
    if (!requests)
        return;
    atomic_store(&requests->ended, true);
    for (; requests->thread_count > 0; requests->thread_count--)
        (void)pthread_join(requests->threads[requests->thread_count - 1], NULL);
    arena_close(requests->arena);
    mem_free(requests);
}
