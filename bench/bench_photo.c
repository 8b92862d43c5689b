/* bench/bench_photo.c - whole photos through the detector on one core:
 *     bench_photo MODEL COUNT PHOTO...
 * Classifies COUNT photos, the files again and again, and prints JSON: photos a second of CPU time
 * and how that time is shared between decoding, crops and network.  One thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "detect/detect.h"

#define FILES_MAX 4096
#define FILE_MAX  ((size_t)10 << 20)
#define WARM      20 /* photos before the clock starts: caches, pages, clock rate */

struct tally {
    int64_t photos, failed;
    double megapixels, seconds;
    double decode_ms, crops_ms, network_ms;
};

static void classify(struct tally *tally, struct detect_session *session, struct bytes file)
{
    struct detect_result result;
    struct err err;
    int64_t started = clock_thread_cpu_us();

    if (detect_photo(&result, session, file, &err) != ST_OK) {
        tally->failed++;
        return;
    }
    tally->seconds += (double)(clock_thread_cpu_us() - started) / 1e6;
    tally->photos++;
    tally->megapixels += (double)result.width * result.height / 1e6;
    tally->decode_ms += result.decode_ms;
    tally->crops_ms += result.crops_ms;
    tally->network_ms += result.network_ms;
}

static void print_tally(const struct tally *tally)
{
    struct json *root = json_new_object();
    struct cpu_process_stats stats;
    struct buf text;
    double all = tally->decode_ms + tally->crops_ms + tally->network_ms;

    cpu_process_stats(&stats);
    json_set_int(root, "photos", tally->photos);
    json_set_int(root, "failed", tally->failed);
    json_set_number(root, "megapixels", tally->megapixels);
    json_set_number(root, "images_per_s", (double)tally->photos / tally->seconds);
    json_set_number(root, "decode_share", tally->decode_ms / all);
    json_set_number(root, "crops_share", tally->crops_ms / all);
    json_set_number(root, "network_share", tally->network_ms / all);
    json_set_number(root, "rss_mb", (double)stats.resident_bytes / 1e6);
    buf_init(&text, 4096);
    json_write(&text, root, 0);
    (void)printf("%s\n", buf_str(&text).at);
    buf_fini(&text);
    json_free(root);
}

static enum status run(struct detect_session *session, int64_t count, char **paths, int path_count,
                       struct err *err)
{
    struct bytes *files = mem_alloc((size_t)path_count, sizeof *files);
    struct tally warm = {0};
    struct tally tally = {0};
    enum status st = ST_OK;

    for (int i = 0; i < path_count && st == ST_OK; i++)
        st = fs_read(&files[i], paths[i], FILE_MAX, err);
    for (int i = 0; i < WARM && st == ST_OK; i++)
        classify(&warm, session, files[i % path_count]);
    for (int64_t i = 0; i < count && st == ST_OK; i++)
        classify(&tally, session, files[i % path_count]);
    if (st == ST_OK && !tally.photos)
        st = err_set(err, ST_INVALID, "none of the photos could be read");
    if (st == ST_OK)
        print_tally(&tally);
    for (int i = 0; i < path_count; i++)
        mem_free((void *)(uintptr_t)files[i].at);
    mem_free(files);
    return st;
}

int main(int argc, char **argv)
{
    struct detect_model *model = NULL;
    struct detect_session *session = NULL;
    struct err err = {0};
    int64_t count = 0;

    if (argc < 4 || argc > FILES_MAX || !str_to_int(&count, str_of(argv[2]), 1, 10000000)) {
        (void)fprintf(stderr, "usage: bench_photo MODEL COUNT PHOTO...\n");
        return 64;
    }
    enum status st = detect_model_open(&model, argv[1], NULL, &err);
    if (st == ST_OK)
        st = detect_session_open(&session, model, &err);
    if (st == ST_OK)
        st = run(session, count, argv + 3, argc - 3, &err);
    if (st != ST_OK)
        (void)fprintf(stderr, "bench_photo: %s\n", err.msg);
    detect_session_close(session);
    detect_model_close(model);
    return st == ST_OK ? 0 : 70;
}
