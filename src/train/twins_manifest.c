#include "train/twins_manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

#define PATH_SIZE 4096

static const char header[] =
    "file\tlabel\tfamily\tgeneration\tsource\trole\twidth\theight\toriginal_width\t"
    "original_height\treal\treal_x\treal_y\tnotes\n";

bool train_twins_manifest_fits(const char *text)
{
    return text[0] && !strpbrk(text, "\t\r\n");
}

static void add_row(struct buf *out, const struct train_twins_row *row)
{
    buf_printf(out, "%s\tai\ttwin-%s\t-\t%s\ttrain\t%u\t%u\t%u\t%u\t", row->file, row->vae,
               row->source, row->width, row->height, row->original_width, row->original_height);
    buf_printf(out, "%s\t%u\t%u\tvae %s; mix %.4f; photo %.16s\n", row->real, row->x, row->y,
               row->vae, row->mix, row->photo_sha256);
}

static int compare_rows(const void *a, const void *b)
{
    const struct train_twins_row *const *left = a;
    const struct train_twins_row *const *right = b;

    return strcmp((*left)->file, (*right)->file);
}

/* Visits the rows that have a file, sorted; the same twin only once. */
static const struct train_twins_row **sort_rows(size_t *kept, const struct train_twins_row *rows,
                                                size_t count)
{
    const struct train_twins_row **sorted = mem_alloc(count + 1, sizeof(struct train_twins_row *));
    size_t present = 0;

    for (size_t i = 0; i < count; i++)
        if (rows[i].file[0])
            sorted[present++] = &rows[i];
    qsort(sorted, present, sizeof(struct train_twins_row *), compare_rows);
    *kept = 0;
    for (size_t i = 0; i < present; i++)
        if (*kept == 0 || strcmp(sorted[*kept - 1]->file, sorted[i]->file) != 0)
            sorted[(*kept)++] = sorted[i];
    return sorted;
}

static bool is_listed(const struct train_twins_row *const *sorted, size_t count, struct str file)
{
    struct train_twins_row key = {.file = ""};
    const struct train_twins_row *pointer = &key;

    if (file.len >= sizeof key.file)
        return false;
    memcpy(key.file, file.at, file.len);
    return bsearch(&pointer, sorted, count, sizeof(struct train_twins_row *), compare_rows) != NULL;
}

/* Lines of the earlier list that stay. */
static enum status add_earlier(struct buf *out, const char *folder, struct str text,
                               const struct train_twins_row *const *sorted, size_t count,
                               struct err *err)
{
    char path[PATH_SIZE];
    struct str first = str_split(&text, '\n');

    if (first.len != strlen(header) - 1 || memcmp(first.at, header, first.len) != 0)
        return err_set(err, ST_CONFLICT,
                       "'%.80s/manifest.tsv' lists something other than twins: choose another "
                       "folder",
                       folder);
    while (text.len) {
        struct str line = str_split(&text, '\n');
        struct str rest = line;
        struct str file = str_split(&rest, '\t');
        if (!file.len || is_listed(sorted, count, file))
            continue;
        (void)snprintf(path, sizeof path, "%s/%.*s", folder, (int)MIN_OF(file.len, 1024u), file.at);
        if (!fs_exists(path))
            continue;
        buf_add(out, line.at, line.len);
        buf_add_str(out, "\n");
    }
    return ST_OK;
}

enum status train_twins_manifest_write(const char *folder, const struct train_twins_row *rows,
                                       size_t count, struct err *err)
{
    char path[PATH_SIZE];
    struct bytes earlier = {0};
    struct buf text;
    size_t kept = 0;
    const struct train_twins_row **sorted = sort_rows(&kept, rows, count);
    enum status st = ST_OK;

    buf_init(&text, TRAIN_TWINS_MANIFEST_BYTES_MAX);
    buf_add_str(&text, header);
    (void)snprintf(path, sizeof path, "%s/manifest.tsv", folder);
    if (fs_exists(path))
        st = fs_read(&earlier, path, TRAIN_TWINS_MANIFEST_BYTES_MAX, err);
    if (st == ST_OK && earlier.at)
        st = add_earlier(&text, folder, (struct str){(const char *)earlier.at, earlier.len}, sorted,
                         kept, err);
    for (size_t i = 0; i < kept; i++)
        add_row(&text, sorted[i]);
    if (st == ST_OK)
        st = buf_check(&text, "the manifest", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    buf_fini(&text);
    mem_free((void *)(uintptr_t)earlier.at);
    mem_free(sorted);
    return st;
}
