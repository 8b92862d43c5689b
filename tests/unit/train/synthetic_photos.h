/* tests/unit/train/synthetic_photos.h - a manifest and small photos made from formulas: "real" ones
 * have noise in blocks of 2x2 pixels, single ones at half scale, "ai" ones in blocks of 8x8.  One
 * thread. */
#pragma once

#include "base/buf.h"
#include "base/fs.h"
#include "base/rng.h"
#include "image/image.h"
#include "support/temp_folder.h"

#define SYNTHETIC_HEADER "file\tlabel\tfamily\tsource\trole\n"

static inline struct bytes synthetic_photo(bool ai, uint32_t width, uint32_t height, uint64_t seed,
                                           struct arena *arena)
{
    struct rng rng = rng_seed(seed);
    struct image image = {width, height, ARENA_NEW(arena, uint8_t, (size_t)3 * width * height)};
    uint32_t grain = ai ? 8 : 2;
    struct bytes file = {0};

    REQUIRE(image.rgb != NULL);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *at = image.rgb + 3 * ((size_t)y * width + x);
            uint8_t value = (uint8_t)(90 + rng_below(&rng, 64) + x % 40);
            if (y % grain)
                value = *(at - 3 * (size_t)width);
            if (x % grain)
                value = *(at - 3);
            at[0] = at[1] = at[2] = value;
        }
    REQUIRE(image_encode_png(&file, &image, arena, NULL) == ST_OK);
    return file;
}

/* `each` photos of each of `sources` sources a class, and manifest.tsv that lists them. */
static inline void synthetic_set(const struct temp_folder *folder, int sources, int each,
                                 uint32_t side)
{
    char path[TEMP_PATH_SIZE];
    char name[64];
    struct arena *arena = NULL;
    struct buf manifest;

    REQUIRE(arena_open(&arena, (size_t)64 << 20, NULL) == ST_OK);
    buf_init(&manifest, 1u << 20);
    buf_add_str(&manifest, SYNTHETIC_HEADER);
    for (int i = 0; i < 2 * sources * each; i++) {
        bool ai = i % 2;
        int source = i / 2 % sources;
        (void)snprintf(name, sizeof name, "%d.png", i);
        REQUIRE(fs_write(temp_path(path, folder, name),
                         synthetic_photo(ai, side, side, (uint64_t)i, arena), NULL) == ST_OK);
        buf_printf(&manifest, "%s\t%s\t%s%d\t%s-%d\ttrain\n", name, ai ? "ai" : "real",
                   ai ? "generator" : "shoes", ai ? source % 3 : 0, ai ? "gen" : "shop", source);
        arena_reset(arena);
    }
    REQUIRE(fs_write(temp_path(path, folder, "manifest.tsv"), buf_bytes(&manifest), NULL) == ST_OK);
    buf_fini(&manifest);
    arena_close(arena);
}
