/* bench/bench_vae.c - round trips of a tiny autoencoder, one thread, interleaved with the
 * processor's ceiling: bench_vae ENCODER DECODER [SIDE [ROUNDS]] Each round times the peak of fused
 * multiply-adds and one round trip of a SIDE x SIDE photo by the thread's processor time; the
 * medians are printed.  Operations are those of direct convolution: Winograd's do fewer, so that
 * the share can be over 100 %.  The second figure counts each 3x3 convolution of stride 1 as F(2x2,
 * 3x3) does it, 4 multiplications a pixel and pair of channels in place of 9. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fma.h"
#include "train/vae.h"

#define ROUNDS_MAX  101
#define PEAK_ROUNDS 20000

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* 10^9 floating-point operations a second of registers alone. */
static double measure_peak(void)
{
    int64_t started_us = clock_thread_cpu_us();
    double work = fma_run(PEAK_ROUNDS);

    return work / 1e3 / (double)(clock_thread_cpu_us() - started_us);
}

static enum status measure(const struct train_vae *vae, uint32_t side, int rounds, struct err *err)
{
    struct train_vae_session *session = NULL;
    struct image photo = {side, side, mem_alloc((size_t)side * side, 3)};
    float *made = mem_alloc((size_t)side * side, 3 * sizeof *made);
    double milliseconds[ROUNDS_MAX];
    double peaks[ROUNDS_MAX];
    enum status st = train_vae_session_open(&session, TRAIN_VAE_TILE_PX, err);

    for (size_t i = 0; i < (size_t)3 * side * side; i++)
        photo.rgb[i] = (uint8_t)(i * 7 + i / 97);
    if (st == ST_OK) /* compiles, touches memory */
        st = train_vae_round_trip(made, session, vae, &photo, err);
    for (int i = 0; i < rounds && st == ST_OK; i++) {
        peaks[i] = measure_peak();
        int64_t started_us = clock_thread_cpu_us();
        st = train_vae_round_trip(made, session, vae, &photo, err);
        milliseconds[i] = (double)(clock_thread_cpu_us() - started_us) / 1e3;
    }
    if (st == ST_OK) {
        double ms = median(milliseconds, rounds);
        double peak = median(peaks, rounds);
        double rate = 2e-6 * (double)train_vae_multiply_adds(vae, side, side) / ms;
        (void)printf("%s %ux%u: %.1f ms, %.1f GFLOP/s, peak %.1f GFLOP/s: %.0f %% of it (%.0f %% "
                     "if all were Winograd's)\n",
                     train_vae_name(vae), side, side, ms, rate, peak, 100 * rate / peak,
                     100 * rate / peak * 4 / 9);
    }
    train_vae_session_close(session);
    mem_free(photo.rgb);
    mem_free(made);
    return st;
}

int main(int argc, char **argv)
{
    struct train_vae *vae = NULL;
    struct err err = {0};
    int64_t side = 512;
    int64_t rounds = 5;

    if (argc < 3 || argc > 5 || (argc > 3 && !str_to_int(&side, str_of(argv[3]), 8, 4096)) ||
        (argc > 4 && !str_to_int(&rounds, str_of(argv[4]), 1, ROUNDS_MAX))) {
        (void)fprintf(stderr, "usage: bench_vae ENCODER DECODER [SIDE [ROUNDS]]\n");
        return 64;
    }
    enum status st = train_vae_open(&vae, "vae", argv[1], argv[2], &err);
    if (st == ST_OK)
        st = measure(vae, (uint32_t)side, (int)rounds, &err);
    train_vae_close(vae);
    if (st != ST_OK) {
        (void)fprintf(stderr, "bench_vae: %s\n", err.msg);
        return 70;
    }
    return 0;
}
