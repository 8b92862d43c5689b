/* train/manifest.h - the list of labelled photos, read from a tab-separated file with a header.
 * Owns every string it hands out.  Must not know pixels, networks or what the rows are used for.
 * A manifest is immutable after opening and shared by all threads. */
#pragma once

#include "base/base.h"
#include "base/hash.h"

#define TRAIN_MANIFEST_ROWS_MAX     10000000u
#define TRAIN_MANIFEST_LINE_MAX     65536u       /* bytes of one line */
#define TRAIN_MANIFEST_BYTES_MAX    (4ull << 30) /* of the whole file */
#define TRAIN_MANIFEST_COLUMNS_MAX  64u
#define TRAIN_MANIFEST_SOURCES_MAX  65536u
#define TRAIN_MANIFEST_FAMILIES_MAX 4096u
#define TRAIN_MANIFEST_KINDS_MAX    256u /* different roles, different generations */
#define TRAIN_MANIFEST_SIDE_MAX     1000000

enum train_label { TRAIN_LABEL_REAL, TRAIN_LABEL_AI, TRAIN_LABEL_COUNT };
const char *train_label_name(enum train_label label); /* "real", "ai" */

struct train_manifest_row {
    const char *file; /* as listed */
    const char *path; /* joined to the manifest's folder unless it is absolute */
    const char *role;
    const char *generation; /* "" when the column is absent */
    enum train_label label;
    uint32_t source;        /* index into source_names */
    uint32_t family;        /* index into family_names: generator, or category of a real photo */
    uint32_t line;          /* in the manifest, from 1 */
    uint32_t width, height; /* of the stored file; 0 when not stated */
    uint32_t original_width, original_height; /* before it was cropped; 0 when not stated */
    const char *real;        /* of a twin: path of its photo, joined as `path` is; else "" */
    uint32_t real_x, real_y; /* where in the photo the twin begins, pixels */
};

/* Everything is read only. */
struct train_manifest {
    const struct train_manifest_row *rows;
    size_t count;
    const char *const *source_names;
    size_t source_count;
    const char *const *family_names;
    size_t family_count;
    const char *const *role_names;
    size_t role_count;
    size_t repeated_count;      /* rows dropped because they list a file again */
    char sha256[HASH_HEX_SIZE]; /* of the manifest file: the data hash of a run */
};

/* Columns by name, in any order: file, label (real or ai), family, source, role are required;
 * generation, width, height, original_width, original_height, real, real_x, real_y are used when
 * present ("-" or nothing: not stated); others are ignored.  A file listed again is kept once; with
 * another label or role it is refused, since it would stand on both sides of a split. Errors:
 * ST_NOT_FOUND, ST_INVALID (names line and column), ST_LIMIT, ST_NOMEM. */
enum status train_manifest_open(struct train_manifest **out, const char *path,
                                struct err *err) MUST_USE;
/* The same from memory; relative files are joined to `folder`. */
enum status train_manifest_parse(struct train_manifest **out, struct bytes text, const char *folder,
                                 struct err *err) MUST_USE;
void train_manifest_close(struct train_manifest *manifest); /* NULL is fine */

/* Indices of the rows with this role (NULL: any) and one of these labels, in file order.
 * labels: a set of bits 1u << label; 0: any.  Out: *out is the caller's (mem_free), NULL when
 * *count is 0. */
enum status train_manifest_select(uint32_t **out, size_t *count,
                                  const struct train_manifest *manifest, const char *role,
                                  unsigned labels, struct err *err) MUST_USE;
