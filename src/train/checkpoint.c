#include "train/checkpoint.h"

#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define MAGIC     "aidetect checkpoint 1\n"
#define BYTES_MAX ((size_t)2 << 30)

/* magic, identity, progress, values, optimiser state, average, SHA-256 of all before it. */
enum status train_checkpoint_save(const char *path, const char identity[HASH_HEX_SIZE],
                                  const struct train_progress *progress,
                                  const struct nn_optimizer *optimizer, const float *values,
                                  struct err *err)
{
    const struct nn_graph *graph = optimizer->graph;
    char hash[HASH_HEX_SIZE];
    struct buf file;

    buf_init(&file, BYTES_MAX);
    buf_add(&file, MAGIC, sizeof MAGIC);
    buf_add(&file, identity, HASH_HEX_SIZE);
    buf_add(&file, progress, sizeof *progress);
    buf_add(&file, values, graph->float_count * sizeof *values);
    buf_add(&file, optimizer->state, 2 * graph->trained_count * sizeof *values);
    buf_add(&file, optimizer->average, graph->float_count * sizeof *values);
    buf_add(&file, hash_sha256_hex(hash, buf_bytes(&file)), HASH_HEX_SIZE);
    enum status st = buf_check(&file, "a checkpoint", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&file), err);
    buf_fini(&file);
    return st;
}

/* Copies `size` bytes out of the file and moves on; the total size was checked before. */
static void take(void *out, struct bytes *rest, size_t size)
{
    REQUIRE(rest->len >= size);
    memcpy(out, rest->at, size);
    rest->at += size;
    rest->len -= size;
}

static enum status check(struct bytes file, size_t expected, const char *path,
                         const char identity[HASH_HEX_SIZE], struct err *err)
{
    char hash[HASH_HEX_SIZE];

    if (file.len < sizeof MAGIC + HASH_HEX_SIZE || memcmp(file.at, MAGIC, sizeof MAGIC) != 0)
        return err_set(err, ST_CORRUPT, "'%s' is not a checkpoint", path);
    if (memcmp(file.at + sizeof MAGIC, identity, HASH_HEX_SIZE) != 0)
        return err_set(err, ST_CONFLICT,
                       "'%s' belongs to a run with another network, data or settings", path);
    if (file.len != expected)
        return err_set(err, ST_CORRUPT, "'%s' has %zu bytes, not %zu", path, file.len, expected);
    struct bytes covered = {.at = file.at, .len = file.len - HASH_HEX_SIZE};
    if (memcmp(hash_sha256_hex(hash, covered), file.at + covered.len, HASH_HEX_SIZE) != 0)
        return err_set(err, ST_CORRUPT, "'%s' is damaged: its checksum differs", path);
    return ST_OK;
}

enum status train_checkpoint_load(struct train_progress *progress, struct nn_optimizer *optimizer,
                                  float *values, const char *path,
                                  const char identity[HASH_HEX_SIZE], struct err *err)
{
    const struct nn_graph *graph = optimizer->graph;
    size_t floats = 2 * graph->float_count + 2 * graph->trained_count;
    size_t expected =
        sizeof MAGIC + HASH_HEX_SIZE + sizeof *progress + floats * sizeof *values + HASH_HEX_SIZE;
    struct bytes file;
    enum status st = fs_read(&file, path, BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    st = check(file, expected, path, identity, err);
    if (st == ST_OK) {
        struct bytes rest = {.at = file.at + sizeof MAGIC + HASH_HEX_SIZE,
                             .len = file.len - sizeof MAGIC - HASH_HEX_SIZE};
        take(progress, &rest, sizeof *progress);
        take(values, &rest, graph->float_count * sizeof *values);
        take(optimizer->state, &rest, 2 * graph->trained_count * sizeof *values);
        take(optimizer->average, &rest, graph->float_count * sizeof *values);
    }
    mem_free((void *)(uintptr_t)file.at);
    return st;
}
