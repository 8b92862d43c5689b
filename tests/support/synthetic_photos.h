/* Synthetic labelled photos in a fresh folder, and a scorer without a network: helpers of the
 * tests of evaluate/. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "evaluate/evaluate.h"

#define PHOTO_FOLDER_SIZE 64

/* Noise of the given strength around grey: `ai` photos are smooth, real ones are not. */
static inline struct image photo_make(uint32_t width, uint32_t height, int noise, uint64_t seed,
                                      struct arena *arena)
{
    struct rng rng = rng_seed(seed);
    size_t size = (size_t)3 * width * height;
    struct image photo = {width, height, ARENA_NEW(arena, uint8_t, size)};

    REQUIRE(photo.rgb != NULL);
    for (size_t i = 0; i < size; i++) {
        size_t x = i / 3 % width;
        int value = 128 + (int)(60 * sin((double)x / 9)) +
                    (noise ? (int)rng_below(&rng, (uint32_t)(2 * noise + 1)) - noise : 0);
        photo.rgb[i] = (uint8_t)CLAMP(value, 0, 255);
    }
    return photo;
}

static inline void photo_write(const char *folder, const char *name, const struct image *photo,
                               struct arena *arena)
{
    char path[256];
    struct bytes file = {0};

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    REQUIRE(image_encode_png(&file, photo, arena, NULL) == ST_OK);
    REQUIRE(fs_write(path, file, NULL) == ST_OK);
}

static inline void photo_write_text(const char *folder, const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    REQUIRE(fs_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, NULL) == ST_OK);
}

/* Mean step between neighbouring pixels of the decoded upload decides: smooth means AI-generated.
 * One crop of 64 px at the corner. */
struct photo_judge {
    struct arena *arena;
};

static inline enum status judge_open(void **session, void *payload, struct err *err)
{
    struct photo_judge *judge = mem_alloc(1, sizeof *judge);
    enum status st = payload ? err_set(err, ST_CORRUPT, "%s", (const char *)payload)
                             : arena_open(&judge->arena, (size_t)64 << 20, err);

    if (st == ST_OK)
        *session = judge;
    else
        mem_free(judge);
    return st;
}

static inline enum status judge_score(struct detect_result *out, void *session, struct bytes photo,
                                      struct err *err)
{
    struct photo_judge *judge = session;
    struct image image;
    double steps = 0;

    arena_reset(judge->arena);
    enum status st = image_decode(&image, NULL, photo, &image_limits_default, judge->arena, err);
    if (st != ST_OK)
        return st;
    if (image.width == 77) /* lets a test see a failure of the scorer */
        return err_set(err, ST_UNSUPPORTED, "77 pixels wide");
    size_t size = (size_t)3 * image.width * image.height;
    for (size_t i = 3; i < size; i++)
        steps += fabs((double)image.rgb[i] - image.rgb[i - 3]) / (double)size;
    *out = (struct detect_result){.width = image.width, .height = image.height, .crop_count = 2};
    for (size_t i = 0; i < 2; i++)
        out->crops[i] =
            (struct detect_crop){.side_px = 64, .logit = (float)(8 - steps) + (i ? 1.0f : -1.0f)};
    out->probability = image.width == 78 ? (double)NAN : 1 / (1 + exp(steps - 8));
    return ST_OK;
}

static inline void judge_close(void *session)
{
    struct photo_judge *judge = session;

    arena_close(judge->arena);
    mem_free(judge);
}

static inline struct evaluate_scorer photo_scorer(const char *refusal)
{
    return (struct evaluate_scorer){.open = judge_open,
                                    .score = judge_score,
                                    .close = judge_close,
                                    .payload = (void *)(uintptr_t)refusal};
}

static inline void photo_folder_make(char folder[PHOTO_FOLDER_SIZE])
{
    (void)snprintf(folder, PHOTO_FOLDER_SIZE, "/tmp/evaluate-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
}

static inline void photo_folder_remove(const char *folder)
{
    struct fs_list list = {0};

    REQUIRE(fs_list_files(&list, folder, 1000, NULL) == ST_OK);
    for (size_t i = 0; i < list.count; i++)
        (void)unlink(list.paths[i]);
    fs_list_free(&list);
    (void)rmdir(folder);
}

/* 12 rows of role train and 12 of role dev, half of them AI-generated, from two sources a class and
 * role, of different sizes. */
static inline void photo_collection_make(const char *folder)
{
    struct arena *arena = NULL;
    struct buf manifest;

    REQUIRE(arena_open(&arena, (size_t)64 << 20, NULL) == ST_OK);
    buf_init(&manifest, 1 << 16);
    buf_add_str(&manifest, "file\tlabel\tfamily\tsource\trole\toriginal_width\toriginal_height\n");
    for (unsigned i = 0; i < 24; i++) {
        char name[32];
        bool ai = i % 2;
        const char *role = i < 12 ? "train" : "dev";
        struct image photo = photo_make(80 + 8 * (i % 5), 72 + 8 * (i % 3), ai ? 4 : 40, i, arena);
        (void)snprintf(name, sizeof name, "photo-%02u.png", i);
        photo_write(folder, name, &photo, arena);
        buf_printf(&manifest, "%s\t%s\t%s-%u\t%s-%s-%u\t%s\t1600\t1200\n", name, ai ? "ai" : "real",
                   ai ? "maker" : "shop", i / 2 % 3, role, ai ? "maker" : "shop", i / 2 % 2, role);
        arena_reset(arena);
    }
    buf_add(&manifest, "", 1);
    photo_write_text(folder, "manifest.tsv", (const char *)manifest.at);
    buf_fini(&manifest);
    arena_close(arena);
}

static inline struct train_manifest *photo_manifest_open(const char *folder)
{
    char path[256];
    struct train_manifest *manifest = NULL;

    (void)snprintf(path, sizeof path, "%s/manifest.tsv", folder);
    REQUIRE(train_manifest_open(&manifest, path, NULL) == ST_OK);
    return manifest;
}
