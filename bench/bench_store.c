/* bench/bench_store.c - records a second into a store, and what a prediction pays for its record.
 *     bench_store FOLDER [URL]
 * Without URL a new SQLite file in FOLDER, which also holds the spool. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "service/prediction_log.h"

#define ROWS      20000u
#define PHOTO_LEN 200000u

static struct service_record sample(void)
{
    struct service_record record = {.time_us = clock_utc_us(&clock_system),
                                    .photo_bytes = 200000,
                                    .width = 1200,
                                    .height = 900,
                                    .probability = 0.731,
                                    .ai_generated = 1,
                                    .confidence = 1,
                                    .threshold = 0.5,
                                    .queue_us = 120,
                                    .inference_us = 21000};

    service_record_set_text(record.request_id, "0123456789abcdef0123456789abcdef");
    service_record_set_text(record.photo_sha256,
                            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    service_record_set_text(record.model_version, "0.1.0");
    service_record_set_text(record.model_hash,
                            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    return record;
}

static enum status bench_batches(const char *url, unsigned batch, struct err *err)
{
    unsigned rows = batch == 1 ? 1000 : ROWS;
    struct service_record *records = mem_alloc(batch, sizeof *records);
    struct store *store = NULL;
    int64_t run = clock_utc_us(&clock_system);

    enum status st = store_open(&store, url, NULL, err);
    if (st == ST_OK)
        st = store_migrate(store, &clock_system, NULL, err);
    int64_t start_us = clock_monotonic_us(&clock_system);
    for (unsigned done = 0; st == ST_OK && done < rows; done += batch) {
        for (unsigned i = 0; i < batch; i++) {
            records[i] = sample();
            records[i].run = run;
            records[i].sequence = done + i + 1;
        }
        st = service_record_insert(store, records, batch, err);
    }
    double seconds = (double)(clock_monotonic_us(&clock_system) - start_us) / 1e6;
    if (st == ST_OK)
        printf("%s,batch=%u,%.0f rows/s\n", store_kind_name(store), batch, rows / seconds);
    store_close(store);
    mem_free(records);
    return st;
}

static enum status bench_hot_path(const char *url, const char *folder, struct err *err)
{
    const struct prediction_log_options options = {.url = url,
                                                   .folder = folder,
                                                   .spool_bytes_max = 256u << 20,
                                                   .batch_rows = 4096,
                                                   .clock = &clock_system};
    struct prediction_log *log = NULL;
    struct service_record record = sample();
    uint8_t *photo = mem_alloc(PHOTO_LEN, 1);
    char hash[HASH_HEX_SIZE];

    enum status st = prediction_log_open(&log, &options, err);
    if (st != ST_OK)
        return st;
    int64_t start_us = clock_monotonic_us(&clock_system);
    for (unsigned i = 0; i < ROWS; i++)
        prediction_log_add(log, &record);
    int64_t added_us = clock_monotonic_us(&clock_system);
    for (unsigned i = 0; i < 1000; i++)
        (void)hash_sha256_hex(hash, (struct bytes){photo, PHOTO_LEN});
    int64_t hashed_us = clock_monotonic_us(&clock_system);
    prediction_log_close(log);
    printf("hot path: add %.0f ns, SHA-256 of %u bytes %.0f ns\n",
           (double)(added_us - start_us) * 1e3 / ROWS, PHOTO_LEN, (double)(hashed_us - added_us));
    mem_free(photo);
    return ST_OK;
}

int main(int argc, char **argv)
{
    static const unsigned batches[] = {1, 100, 256, 1000};
    char url[STORE_URL_MAX];
    struct err err = {0};
    enum status st = ST_OK;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_store FOLDER [URL]\n");
        return 64;
    }
    if (argc > 2)
        (void)snprintf(url, sizeof url, "%s", argv[2]);
    else
        (void)snprintf(url, sizeof url, "%s/bench.db", argv[1]);
    for (size_t i = 0; st == ST_OK && i < ARRAY_LEN(batches); i++)
        st = bench_batches(url, batches[i], &err);
    if (st == ST_OK)
        st = bench_hot_path(url, argv[1], &err);
    if (st != ST_OK)
        (void)fprintf(stderr, "bench_store: %s\n", err.msg);
    return st != ST_OK;
}
