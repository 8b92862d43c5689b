/* train/twins_manifest.h - the list of twins beside them; inside twins*.c only. */
#pragma once

#include "base/buf.h"

#define TRAIN_TWINS_MANIFEST_BYTES_MAX (1u << 30)

struct train_twins_row {
    char file[96]; /* below the folder; "" when there is no twin */
    const char *vae;
    const char *source;
    char *real; /* absolute path of the photo */
    uint32_t x, y, width, height;
    uint32_t original_width, original_height;
    double mix;
    char photo_sha256[65];
};

/* Writes folder/manifest.tsv: rows of an earlier list that are not among `rows` and whose files are
 * there, then `rows` by the order of their files.  ST_CONFLICT: there is a manifest of another
 * kind. */
enum status train_twins_manifest_write(const char *folder, const struct train_twins_row *rows,
                                       size_t count, struct err *err) MUST_USE;

/* Whether a text can stand in a field. */
bool train_twins_manifest_fits(const char *text);
