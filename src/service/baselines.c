#include "service/baselines.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

#define PATH_SIZE 1024
#define ID_SIZE   17 /* of a model in a file's name */

/* "baseline-3f9a0c1d2e4b5a67-0.5000-0003.json": the start of the model's hash, or what of its name
 * may stand in a path. */
static void id_of(char out[ID_SIZE], const char *model_version, const char *model_hash)
{
    const char *text = model_hash[0] ? model_hash : model_version;
    size_t len = 0;

    for (; text[len] && len + 1 < ID_SIZE; len++) {
        char c = text[len];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        out[len] = plain ? c : '_';
    }
    out[len] = '\0';
}

struct name {
    struct str id;
    double threshold;
    int64_t version;
};

static bool read_name(struct name *out, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str text = str_of(slash ? slash + 1 : path);

    if (!str_equal(str_split(&text, '-'), "baseline"))
        return false;
    out->id = str_split(&text, '-');
    if (!str_to_double(&out->threshold, str_split(&text, '-'), 0, 1))
        return false;
    return str_to_int(&out->version, str_split(&text, '.'), 1, INT32_MAX) &&
           str_equal(text, "json");
}

static bool same_threshold(double a, double b)
{
    return fabs(a - b) < 5e-5; /* as far as names tell them apart */
}

static enum status list(struct fs_list *out, const char *folder, struct err *err)
{
    *out = (struct fs_list){0};
    return fs_is_folder(folder) ? fs_list_files(out, folder, BASELINES_FILES_MAX, err) : ST_OK;
}

static enum status read_file(struct drift_baseline *out, const char *path, struct err *err)
{
    struct bytes text;

    enum status st = fs_read(&text, path, DRIFT_BASELINE_BYTES, err);
    if (st != ST_OK)
        return st;
    st = drift_baseline_parse(out, text, err);
    mem_free((void *)(uintptr_t)text.at);
    if (st != ST_OK)
        err_prefix(err, "%.150s", path);
    return st;
}

/* The place of the best file for `key`; SIZE_MAX: none. */
static size_t best_of(const struct fs_list *files, const struct baselines_key *key)
{
    char id[ID_SIZE];
    size_t best = SIZE_MAX;
    struct name best_name = {0};

    id_of(id, key->model_version, key->model_hash);
    for (size_t i = 0; i < files->count; i++) {
        struct name name;
        if (!read_name(&name, files->paths[i]) || !str_equal(name.id, id))
            continue;
        bool exact = same_threshold(name.threshold, key->threshold);
        bool best_exact = best != SIZE_MAX && same_threshold(best_name.threshold, key->threshold);
        if (best != SIZE_MAX &&
            (exact != best_exact ? best_exact : name.version < best_name.version))
            continue;
        best = i;
        best_name = name;
    }
    return best;
}

enum status baselines_load(struct drift_baseline *out, const char *folder,
                           const struct baselines_key *key, struct err *err)
{
    struct drift_baseline baseline;
    struct fs_list files;

    enum status st = list(&files, folder, err);
    if (st != ST_OK)
        return st;
    size_t best = best_of(&files, key);
    if (best == SIZE_MAX)
        st = err_set(err, ST_NOT_FOUND, "there is no baseline of model %.60s", key->model_version);
    else
        st = read_file(&baseline, files.paths[best], err);
    fs_list_free(&files);
    if (st != ST_OK)
        return st;
    if (baseline.threshold != key->threshold)
        drift_baseline_rebase(&baseline, key->threshold);
    *out = baseline;
    return ST_OK;
}

static int64_t last_version(const struct fs_list *files, const struct drift_baseline *baseline)
{
    char id[ID_SIZE];
    int64_t last = 0;

    id_of(id, baseline->model_version, baseline->model_hash);
    for (size_t i = 0; i < files->count; i++) {
        struct name name;
        if (read_name(&name, files->paths[i]) && str_equal(name.id, id) &&
            same_threshold(name.threshold, baseline->threshold))
            last = MAX_OF(last, name.version);
    }
    return last;
}

enum status baselines_save(struct drift_baseline *baseline, const char *folder, struct err *err)
{
    char id[ID_SIZE], path[PATH_SIZE];
    struct fs_list files;
    struct buf text;

    enum status st = fs_make_folder(folder, err);
    if (st == ST_OK)
        st = list(&files, folder, err);
    if (st != ST_OK)
        return st;
    baseline->version = last_version(&files, baseline) + 1;
    baseline->saved_threshold = baseline->threshold;
    fs_list_free(&files);
    id_of(id, baseline->model_version, baseline->model_hash);
    (void)snprintf(path, sizeof path, "%s/baseline-%s-%.4f-%04" PRId64 ".json", folder, id,
                   baseline->threshold, baseline->version);
    buf_init(&text, DRIFT_BASELINE_BYTES);
    drift_baseline_write(&text, baseline);
    st = buf_check(&text, "the baseline", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    buf_fini(&text);
    return st;
}

enum status baselines_each(const char *folder,
                           void (*visit)(void *payload, const struct drift_baseline *baseline),
                           void *payload, size_t *broken, struct err *err)
{
    struct fs_list files;

    enum status st = list(&files, folder, err);
    if (st != ST_OK)
        return st;
    *broken = 0;
    for (size_t i = 0; i < files.count; i++) {
        struct drift_baseline baseline;
        struct name name;
        if (!read_name(&name, files.paths[i]))
            continue;
        if (read_file(&baseline, files.paths[i], NULL) != ST_OK) {
            ++*broken;
            continue;
        }
        visit(payload, &baseline);
        drift_baseline_close(&baseline);
    }
    fs_list_free(&files);
    return ST_OK;
}
