/* bench/bench_decode.c - decoding speed by format, in milliseconds of thread CPU per megapixel.
 *     bench_decode [--json PATH] [FILE...]
 * Without files it makes one synthetic photo and encodes it in every format.  One thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"
#include "image/image.h"

#define ARENA_SIZE  ((size_t)512 << 20)
#define ROUNDS      9     /* the median of these is a file's time */
#define SIDE_X      1600u /* synthetic photo */
#define SIDE_Y      1200u
#define NOISE       3.0 /* standard deviation: what a sensor at base sensitivity leaves */
#define QUALITY     85
#define JSON_MAX    4096u
#define FILE_MAX    ((size_t)64 << 20)
#define WARM_ROUNDS 2 /* the first ones fault the pages in */

enum kind { KIND_JPEG, KIND_PROGRESSIVE, KIND_PNG, KIND_WEBP, KIND_COUNT };
static const char *const kind_names[] = {"jpeg", "jpeg_progressive", "png", "webp"};

struct tally {
    unsigned files;
    double megapixels, bytes, ms;
};

static double thread_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum kind kind_of(const struct image_info *info)
{
    if (info->format == IMAGE_JPEG)
        return info->progressive ? KIND_PROGRESSIVE : KIND_JPEG;
    return info->format == IMAGE_PNG ? KIND_PNG : KIND_WEBP;
}

static enum status measure(struct tally tallies[KIND_COUNT], struct bytes file, struct arena *arena,
                           struct err *err)
{
    struct image_limits limits = image_limits_default;
    double times[ROUNDS];
    struct image_info info;
    struct image image;
    size_t mark = arena_mark(arena);

    limits.bytes_max = FILE_MAX;
    for (int round = -WARM_ROUNDS; round < ROUNDS; round++) {
        double start = thread_ms();
        enum status st = image_decode(&image, &info, file, &limits, arena, err);
        double spent = thread_ms() - start;

        if (st)
            return st;
        arena_release(arena, mark);
        if (round >= 0)
            times[round] = spent;
    }
    qsort(times, ROUNDS, sizeof times[0], compare_doubles);

    struct tally *tally = &tallies[kind_of(&info)];
    tally->files++;
    tally->megapixels += (double)info.width * info.height / 1e6;
    tally->bytes += (double)file.len;
    tally->ms += times[ROUNDS / 2];
    return ST_OK;
}

/* Large soft shapes, edges, fine texture in places, and noise everywhere. */
static struct image make_photo(struct arena *arena)
{
    struct rng rng = rng_seed(20);
    struct image photo = {.width = SIDE_X, .height = SIDE_Y};

    photo.rgb = arena_try(arena, (size_t)SIDE_X * SIDE_Y, 3);
    for (uint32_t y = 0; photo.rgb && y < SIDE_Y; y++)
        for (uint32_t x = 0; x < SIDE_X; x++) {
            double shape = 60.0 * sin(x * 0.004 + 1.0) * cos(y * 0.006);
            double edge = hypot(x - 800.0, y - 600.0) < 380.0 ? 45.0 : 0.0;
            double cloth = (x / 300 + y / 300) % 3 == 0 ? 14.0 * sin(x * 0.9) * sin(y * 0.8) : 0.0;
            double noise = NOISE * rng_normal(&rng);

            for (uint32_t c = 0; c < 3; c++) {
                double value = 105.0 + shape * (1.0 - 0.3 * c) + edge + cloth + noise;
                photo.rgb[3 * ((size_t)y * SIDE_X + x) + c] = (uint8_t)CLAMP(value, 0.0, 255.0);
            }
        }
    return photo;
}

/* Our encoder writes baseline files only. */
static struct bytes encode_progressive(const struct image *in)
{
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    unsigned char *at = NULL;
    unsigned long len = 0;

    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &at, &len);
    codec.image_width = in->width;
    codec.image_height = in->height;
    codec.input_components = 3;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, QUALITY, TRUE);
    jpeg_simple_progression(&codec);
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
        JSAMPROW row = in->rgb + (size_t)3 * in->width * codec.next_scanline;
        (void)jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    return (struct bytes){at, len};
}

static enum status measure_synthetic(struct tally tallies[KIND_COUNT], struct arena *arena,
                                     struct err *err)
{
    struct image photo = make_photo(arena);
    struct bytes files[KIND_COUNT] = {{0}};
    enum status st = ST_OK;

    if (!photo.rgb)
        return err_set(err, ST_NOMEM, "no room for the synthetic photo");
    files[KIND_PROGRESSIVE] = encode_progressive(&photo);
    st = image_encode_jpeg(&files[KIND_JPEG], &photo, QUALITY, IMAGE_SUBSAMPLING_420, arena, err);
    if (!st)
        st = image_encode_png(&files[KIND_PNG], &photo, arena, err);
    if (!st)
        st = image_encode_webp(&files[KIND_WEBP], &photo, QUALITY, arena, err);
    for (size_t i = 0; i < KIND_COUNT && !st; i++)
        st = measure(tallies, files[i], arena, err);
    free((void *)(uintptr_t)files[KIND_PROGRESSIVE].at);
    return st;
}

static enum status measure_file(struct tally tallies[KIND_COUNT], const char *path,
                                struct arena *arena, struct err *err)
{
    struct bytes file;

    enum status st = fs_read(&file, path, FILE_MAX, err);
    if (st)
        return st;
    st = measure(tallies, file, arena, err);
    mem_free((void *)(uintptr_t)file.at);
    return st;
}

static void print_table(const struct tally tallies[KIND_COUNT])
{
    (void)printf("%-18s %6s %9s %9s %9s\n", "format", "files", "MP", "bits/px", "ms/MP");
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct tally *t = &tallies[i];

        if (t->files)
            (void)printf("%-18s %6u %9.2f %9.2f %9.2f\n", kind_names[i], t->files, t->megapixels,
                         t->bytes * 8.0 / (t->megapixels * 1e6), t->ms / t->megapixels);
    }
}

static enum status write_json(const struct tally tallies[KIND_COUNT], const char *path,
                              struct err *err)
{
    struct json *root = json_new_object(), *figures = json_new_object();
    struct buf text;

    for (size_t i = 0; i < KIND_COUNT; i++)
        if (tallies[i].files)
            json_set_number(figures, kind_names[i], tallies[i].ms / tallies[i].megapixels);
    json_set(root, "decode_ms_per_mp", figures);
    buf_init(&text, JSON_MAX);
    json_write(&text, root, 2);
    buf_add_str(&text, "\n");
    enum status st = buf_check(&text, "the figures", err);
    if (!st)
        st = fs_write(path, buf_bytes(&text), err);
    buf_fini(&text);
    json_free(root);
    return st;
}

int main(int argc, char **argv)
{
    struct tally tallies[KIND_COUNT] = {{0}};
    struct arena *arena = NULL;
    const char *json_path = NULL;
    struct err err = {0};
    unsigned files = 0, failed = 0;

    if (arena_open(&arena, ARENA_SIZE, &err)) {
        (void)fprintf(stderr, "bench_decode: %s\n", err.msg);
        return 70;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json_path = argv[++i];
            continue;
        }
        files++;
        if (measure_file(tallies, argv[i], arena, &err)) {
            (void)fprintf(stderr, "bench_decode: '%s': %s\n", argv[i], err.msg);
            failed++;
        }
    }
    enum status st = files ? ST_OK : measure_synthetic(tallies, arena, &err);
    if (!st) {
        print_table(tallies);
        if (json_path)
            st = write_json(tallies, json_path, &err);
    }
    if (st)
        (void)fprintf(stderr, "bench_decode: %s\n", err.msg);
    arena_close(arena);
    return st ? 70 : failed ? 2 : 0;
}
