/* train/additions.c - rows of folders and of other manifests behind those of a manifest. */
#include "train/additions.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image/image.h"

#define NAME_SIZE      256
#define HEAD_BYTES_MAX (64u << 20) /* of a file whose first bytes are looked at */

struct writer {
    struct buf *out;
    const char *role;
    struct train_additions_report *report;
};

void train_manifest_write_head(struct buf *out)
{
    buf_add_str(out,
                "file\tlabel\tfamily\tgeneration\tsource\trole\twidth\theight\toriginal_width\t"
                "original_height\n");
}

/* Links stay what they are: two of them to one photo are two photos of the manifest. */
static enum status absolute(char out[PATH_MAX], const char *path, struct err *err)
{
    char folder[PATH_MAX] = "";

    if (path[0] != '/' && !getcwd(folder, sizeof folder))
        return err_set(err, ST_IO, "cannot tell the working folder");
    if (strlen(folder) + 1 + strlen(path) >= PATH_MAX)
        return err_set(err, ST_LIMIT, "the path of '%.80s' is over %d bytes", path, PATH_MAX - 1);
    (void)snprintf(out, PATH_MAX, "%s%s%s", folder, folder[0] ? "/" : "", path);
    return ST_OK;
}

static enum status check_name(const char *text, struct err *err)
{
    return text[0] && !strpbrk(text, "\t\r\n")
               ? ST_OK
               : err_set(err, ST_INVALID, "'%.80s' is no name that a manifest can hold", text);
}

/* "-" stands for what is not stated. */
static void add_side(struct buf *out, uint32_t side, char end)
{
    if (side)
        buf_printf(out, "%u%c", side, end);
    else
        buf_printf(out, "-%c", end);
}

enum status train_manifest_write_row(struct buf *out, const struct train_manifest *manifest,
                                     const struct train_manifest_row *row, const char *role,
                                     const char *generation, struct err *err)
{
    char path[PATH_MAX];
    enum status st = absolute(path, row->path, err);

    if (st == ST_OK)
        st = check_name(path, err);
    if (st != ST_OK)
        return st;
    generation = generation ? generation : row->generation;
    buf_printf(out, "%s\t%s\t%s\t%s\t%s\t%s\t", path, train_label_name(row->label),
               manifest->family_names[row->family], generation[0] ? generation : "-",
               manifest->source_names[row->source], role ? role : row->role);
    add_side(out, row->width, '\t');
    add_side(out, row->height, '\t');
    add_side(out, row->original_width, '\t');
    add_side(out, row->original_height, '\n');
    return ST_OK;
}

/* Each fifth of a class and group is held out; of three at least one.  *count: how many of its
 * photos came before, wherever they stood. */
static const char *role_of(struct writer *writer, size_t *count)
{
    if ((*count)++ % TRAIN_ADDED_HELD_OUT != TRAIN_ADDED_HELD_OUT / 2) {
        writer->report->added++;
        return writer->role;
    }
    writer->report->held++;
    return TRAIN_ADDED_ROLE;
}

/* Manifests --------------------------------------------------------------------------------- */

static enum status keep_manifest(struct writer *writer, const char *path, struct err *err)
{
    struct train_manifest *manifest = NULL;
    enum status st = train_manifest_open(&manifest, path, err);

    for (size_t i = 0; st == ST_OK && i < manifest->count; i++)
        st = train_manifest_write_row(writer->out, manifest, &manifest->rows[i], NULL, NULL, err);
    if (st == ST_OK)
        writer->report->kept = manifest->count;
    train_manifest_close(manifest);
    return st;
}

static enum status add_manifest(struct writer *writer, const char *path, struct err *err)
{
    struct train_manifest *manifest = NULL;
    enum status st = train_manifest_open(&manifest, path, err);

    if (st != ST_OK)
        return st;
    size_t *real_counts = mem_alloc(manifest->source_count + 1, sizeof *real_counts);
    size_t *ai_counts = mem_alloc(manifest->family_count + 1, sizeof *ai_counts);
    for (size_t i = 0; st == ST_OK && i < manifest->count; i++) {
        const struct train_manifest_row *row = &manifest->rows[i];
        size_t *count =
            row->label == TRAIN_LABEL_AI ? &ai_counts[row->family] : &real_counts[row->source];
        st = train_manifest_write_row(writer->out, manifest, row, role_of(writer, count),
                                      TRAIN_ADDED_GENERATION, err);
    }
    mem_free(real_counts);
    mem_free(ai_counts);
    train_manifest_close(manifest);
    return st;
}

/* Folders ----------------------------------------------------------------------------------- */

static bool is_photo(const char *path)
{
    struct bytes file;
    struct err ignored;

    if (fs_map(&file, path, HEAD_BYTES_MAX, &ignored) != ST_OK)
        return false;
    bool photo = image_format_of(file) != IMAGE_FORMAT_UNKNOWN;
    fs_unmap(file);
    return photo;
}

/* The folder right below `folder` in which `path` lies; else `otherwise`, and false. */
static bool group_of(char out[NAME_SIZE], const char *path, const char *folder,
                     const char *otherwise)
{
    const char *rest = path + strlen(folder);

    rest += strspn(rest, "/");
    const char *slash = strchr(rest, '/');
    if (slash)
        (void)snprintf(out, NAME_SIZE, "%.*s", (int)MIN_OF(slash - rest, NAME_SIZE - 1), rest);
    else
        (void)snprintf(out, NAME_SIZE, "%s", otherwise);
    return slash != NULL;
}

static enum status add_photo(struct writer *writer, const char *path, enum train_label label,
                             const char *group, size_t *count, struct err *err)
{
    char whole[PATH_MAX];
    enum status st = absolute(whole, path, err);

    if (st == ST_OK)
        st = check_name(whole, err);
    if (st == ST_OK)
        st = check_name(group, err);
    if (st != ST_OK)
        return st;
    buf_printf(writer->out, "%s\t%s\t%s\t" TRAIN_ADDED_GENERATION "\t%s\t%s\t-\t-\t-\t-\n", whole,
               train_label_name(label), label == TRAIN_LABEL_AI ? group : "added", group,
               role_of(writer, count));
    return ST_OK;
}

static enum status add_label(struct writer *writer, const char *folder, enum train_label label,
                             const char *name, struct err *err)
{
    char path[PATH_MAX];
    char group[NAME_SIZE];
    char last[NAME_SIZE] = "";
    size_t beside = 0; /* photos that lie in no folder of a group */
    size_t inside = 0; /* in that of the last one: files come by path */
    struct fs_list files = {0};
    enum status st = ST_OK;

    if (snprintf(path, sizeof path, "%s/%s", folder, train_label_name(label)) >= (int)sizeof path)
        return err_set(err, ST_LIMIT, "the path of '%.80s' is too long", folder);
    if (!fs_is_folder(path))
        return ST_OK;
    st = fs_list_files(&files, path, TRAIN_ADDED_FILES_MAX, err);
    for (size_t i = 0; st == ST_OK && i < files.count; i++) {
        if (!is_photo(files.paths[i]))
            continue;
        bool in_folder = group_of(group, files.paths[i], path, name);
        if (in_folder && strcmp(group, last) != 0) {
            memcpy(last, group, sizeof last);
            inside = 0;
        }
        st = add_photo(writer, files.paths[i], label, group, in_folder ? &inside : &beside, err);
    }
    fs_list_free(&files);
    return st;
}

static enum status add_folder(struct writer *writer, const char *folder, struct err *err)
{
    size_t before = writer->report->added + writer->report->held;
    char whole[PATH_MAX];
    enum status st = ST_OK;

    if (!realpath(folder, whole))
        return err_set(err, ST_NOT_FOUND, "cannot find '%.200s'", folder);
    const char *name = strrchr(whole, '/');
    name = name && name[1] ? name + 1 : "added";
    for (int label = 0; st == ST_OK && label < TRAIN_LABEL_COUNT; label++)
        st = add_label(writer, whole, (enum train_label)label, name, err);
    if (st == ST_OK && writer->report->added + writer->report->held == before)
        st = err_set(err, ST_INVALID, "'%.200s' has no photo in a folder 'real' or 'ai'", folder);
    return st;
}

enum status train_additions_write(struct buf *out, struct train_additions_report *report,
                                  const char *manifest_path, const char *const *paths,
                                  size_t path_count, const char *role, struct err *err)
{
    struct train_additions_report counted = {0};
    struct writer writer = {.out = out, .role = role, .report = &counted};

    train_manifest_write_head(out);
    enum status st = keep_manifest(&writer, manifest_path, err);
    for (size_t i = 0; st == ST_OK && i < path_count; i++)
        st = fs_is_folder(paths[i]) ? add_folder(&writer, paths[i], err)
                                    : add_manifest(&writer, paths[i], err);
    if (st == ST_OK)
        st = buf_check(out, "the manifest of old and added photos", err);
    if (st == ST_OK)
        *report = counted;
    return st;
}
