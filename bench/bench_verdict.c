/* bench/bench_verdict.c - one photo from bytes to verdict, a process that waits for orders:
 *     bench_verdict MODEL PHOTO
 * "run decode|fp32|bf16|int8 N" on standard input is answered with seconds of thread CPU for N
 * photos: decoded only, or judged with the network in that precision.  A precision that the
 * processor lacks is answered with "absent".  One thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "image/image.h"

#define FILE_MAX    ((size_t)10 << 20)
#define ARENA_BYTES ((size_t)512 << 20)

struct bench {
    struct bytes file;
    struct arena *arena;
    struct detect_model *models[DETECT_PRECISION_COUNT]; /* NULL: absent */
    struct detect_session *sessions[DETECT_PRECISION_COUNT];
};

static enum status open_sessions(struct bench *bench, const char *path, struct err *err)
{
    enum status st = ST_OK;

    for (int i = 0; i < DETECT_AUTO && st == ST_OK; i++) {
        const struct detect_options options = {.precision = (enum detect_precision)i};
        st = detect_model_open(&bench->models[i], path, &options, err);
        if (st == ST_UNSUPPORTED) {
            st = ST_OK;
            continue;
        }
        if (st == ST_OK)
            st = detect_session_open(&bench->sessions[i], bench->models[i], err);
    }
    return st;
}

static bool decode(struct bench *bench)
{
    struct image photo;
    struct err err;
    bool decoded =
        image_decode(&photo, NULL, bench->file, &image_limits_default, bench->arena, &err) == ST_OK;

    arena_reset(bench->arena);
    return decoded;
}

static bool judge(struct detect_session *session, struct bytes file)
{
    struct detect_result result;
    struct err err;

    return detect_photo(&result, session, file, &err) == ST_OK;
}

/* Answers one order; false on one that it does not know, or when a photo could not be judged. */
static bool answer(struct bench *bench, struct str line)
{
    struct str verb = str_split(&line, ' ');
    struct str task = str_split(&line, ' ');
    struct detect_session *session = NULL;
    enum detect_precision precision;
    char word[16];
    int64_t count = 0;

    (void)snprintf(word, sizeof word, "%.*s", (int)task.len, task.at);
    if (!str_equal(verb, "run") || !str_to_int(&count, line, 1, 1000000))
        return false;
    if (detect_precision_read(&precision, word))
        session = bench->sessions[precision];
    else if (strcmp(word, "decode") != 0)
        return false;
    if (!session && strcmp(word, "decode") != 0)
        return printf("absent\n") > 0;
    int64_t started = clock_thread_cpu_us();
    for (int64_t i = 0; i < count; i++)
        if (!(session ? judge(session, bench->file) : decode(bench)))
            return false;
    return printf("%.6f\n", (double)(clock_thread_cpu_us() - started) / 1e6) > 0;
}

static bool serve(struct bench *bench)
{
    char line[128];

    (void)printf("ready\n");
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin))
        if (!answer(bench, str_trim(str_of(line))))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct err err = {0};
    int code = 70;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_verdict MODEL PHOTO\n");
        return 64;
    }
    enum status st = fs_read(&bench.file, argv[2], FILE_MAX, &err);
    if (st == ST_OK)
        st = arena_open(&bench.arena, ARENA_BYTES, &err);
    if (st == ST_OK)
        st = open_sessions(&bench, argv[1], &err);
    if (st == ST_OK)
        code = serve(&bench) ? 0 : 64;
    else
        (void)fprintf(stderr, "bench_verdict: %s\n", err.msg);
    for (int i = 0; i < DETECT_PRECISION_COUNT; i++) {
        detect_session_close(bench.sessions[i]);
        detect_model_close(bench.models[i]);
    }
    arena_close(bench.arena);
    mem_free((void *)(uintptr_t)bench.file.at);
    return code;
}
