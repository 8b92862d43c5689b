/* bench/bench_drift.c - what drift costs: a prediction through the monitor, a full status.
 *     bench_drift FOLDER
 * FOLDER is new; it gets a baseline and the monitor's state. */
#include <stdio.h>

#include "base/mem.h"
#include "drift/synthetic.h"
#include "service/baselines.h"
#include "service/drift_monitor.h"

#define UPDATES 500000
#define READS   2000

static struct drift_sample sample_of(double p, int64_t time_us)
{
    struct drift_sample sample = {
        .time_us = time_us,
        .probability = p,
        /* any 16 numbers that are not all alike: what counts is that they are there */
        .embedding = (uint64_t)(1 + time_us / 1728000) * UINT64_C(0x9e3779b97f4a7c15) | 1,
    };
    const struct drift_photo photo = {p, 640, 480, 60000, 0};

    drift_features(sample.features, &photo);
    return sample;
}

static enum status make_baseline(const char *folder, const struct drift_synthetic *synthetic,
                                 struct rng *rng, struct err *err)
{
    struct drift_collector *collector = drift_collector_open("bench", "bench", 0.5);
    struct drift_baseline baseline = {0};

    for (int64_t i = 0; i < 200000; i++) {
        double p = drift_synthetic_next(synthetic, NULL, 0, rng).probability;
        struct drift_sample sample = sample_of(p, i * 1728000);
        (void)drift_collector_add(collector, &sample);
    }
    enum status st = drift_collector_finish(&baseline, collector, 1, err);
    if (st == ST_OK)
        st = baselines_save(&baseline, folder, err);
    drift_baseline_close(&baseline);
    drift_collector_close(collector);
    return st;
}

static void measure(struct drift_monitor *monitor, const struct drift_synthetic *synthetic,
                    struct rng *rng)
{
    struct drift_diagnosis diagnosis;
    struct drift_status status;
    double sum = 0;

    int64_t start_us = clock_thread_cpu_us();
    for (int64_t i = 0; i < UPDATES; i++)
        sum += drift_synthetic_next(synthetic, NULL, 0, rng).probability;
    int64_t drawn_us = clock_thread_cpu_us();
    for (int64_t i = 0; i < UPDATES; i++) {
        double p = drift_synthetic_next(synthetic, NULL, 0, rng).probability;
        const struct drift_prediction prediction = {
            .sample = sample_of(p, i * 1728000), .model_hash = "bench", .request_id = "0123456789"};
        drift_monitor_add(monitor, &prediction);
    }
    int64_t added_us = clock_thread_cpu_us();
    for (int i = 0; i < READS; i++) {
        drift_monitor_read(&status, monitor);
        REQUIRE(drift_monitor_diagnose(&diagnosis, monitor));
    }
    int64_t read_us = clock_thread_cpu_us();
    printf("{\"update_us\": %.3f, \"status_us\": %.1f, \"window\": %zu, \"mean_drawn\": %.3f}\n",
           (double)(added_us - drawn_us - (drawn_us - start_us)) / UPDATES,
           (double)(read_us - added_us) / READS, status.window.count, sum / UPDATES);
}

int main(int argc, char **argv)
{
    const struct drift_model model = {"bench", "bench", 0.5};
    struct drift_monitor_options options;
    struct drift_monitor *monitor = NULL;
    struct drift_synthetic synthetic;
    struct rng rng = rng_seed(1);
    char baselines[1024];
    struct err err;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench_drift FOLDER\n");
        return 64;
    }
    (void)snprintf(baselines, sizeof baselines, "%s/baselines", argv[1]);
    drift_synthetic_open(&synthetic, 100000, rng_seed(2));
    if (make_baseline(baselines, &synthetic, &rng, &err) != ST_OK) {
        (void)fprintf(stderr, "bench_drift: %s\n", err.msg);
        return 74;
    }
    drift_monitor_defaults(&options);
    options.folder = argv[1];
    drift_monitor_open(&monitor, &options, &model);
    drift_monitor_tick(monitor);
    measure(monitor, &synthetic, &rng);
    drift_monitor_close(monitor);
    drift_synthetic_close(&synthetic);
    return 0;
}
