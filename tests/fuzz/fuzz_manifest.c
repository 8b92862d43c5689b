/* Fuzz target: the list of photos a training or an evaluation reads.  What is accepted has whole
 * rows, whose numbers are within the limits and whose selections are complete; what is refused
 * says why. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "train/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct train_manifest *manifest, const struct train_manifest_row *row)
{
    REQUIRE(row->label < TRAIN_LABEL_COUNT);
    REQUIRE(row->source < manifest->source_count && row->family < manifest->family_count);
    REQUIRE(row->file[0] != '\0' && row->path[0] == '/');
    REQUIRE(row->real[0] == '\0' || row->real[0] == '/');
    REQUIRE(row->line >= 2);
    REQUIRE(row->width <= TRAIN_MANIFEST_SIDE_MAX && row->height <= TRAIN_MANIFEST_SIDE_MAX);
    REQUIRE(row->original_width <= TRAIN_MANIFEST_SIDE_MAX);
    REQUIRE(row->original_height <= TRAIN_MANIFEST_SIDE_MAX);
    REQUIRE(row->real_x <= TRAIN_MANIFEST_SIDE_MAX && row->real_y <= TRAIN_MANIFEST_SIDE_MAX);
}

/* Every row has one role and one label: by these all are found, each once. */
static void check_selections(const struct train_manifest *manifest)
{
    size_t all = 0;

    for (size_t i = 0; i < manifest->role_count; i++) {
        for (unsigned label = 0; label < TRAIN_LABEL_COUNT; label++) {
            uint32_t *rows = NULL;
            size_t count = 0;
            struct err err = {0};
            REQUIRE(train_manifest_select(&rows, &count, manifest, manifest->role_names[i],
                                          1u << label, &err) == ST_OK);
            for (size_t k = 0; k < count; k++)
                REQUIRE((unsigned)manifest->rows[rows[k]].label == label);
            all += count;
            mem_free(rows);
        }
    }
    REQUIRE(all == manifest->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train_manifest *manifest = NULL;
    struct err err = {0};

    if (train_manifest_parse(&manifest, (struct bytes){.at = data, .len = size}, "/photos", &err) !=
        ST_OK) {
        REQUIRE(err.msg[0] != '\0' && !manifest);
        return 0;
    }
    for (size_t i = 0; i < manifest->count; i++)
        check_row(manifest, &manifest->rows[i]);
    check_selections(manifest);
    train_manifest_close(manifest);
    return 0;
}
