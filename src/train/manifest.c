/* train/manifest.c - parses the manifest: one arena sized by a first pass, names interned.
 * The text is the user's own, yet every line is checked: a wrong label is worse than no label. */
#include "train/manifest.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

enum column {
    COLUMN_FILE,
    COLUMN_LABEL,
    COLUMN_FAMILY,
    COLUMN_SOURCE,
    COLUMN_ROLE,
    COLUMN_GENERATION,
    COLUMN_WIDTH,
    COLUMN_HEIGHT,
    COLUMN_ORIGINAL_WIDTH,
    COLUMN_ORIGINAL_HEIGHT,
    COLUMN_REAL,
    COLUMN_REAL_X,
    COLUMN_REAL_Y,
    COLUMN_COUNT,
    COLUMN_REQUIRED_COUNT = COLUMN_GENERATION
};

static const char *const column_names[COLUMN_COUNT] = {
    "file",   "label",          "family",          "source", "role",   "generation", "width",
    "height", "original_width", "original_height", "real",   "real_x", "real_y",
};

/* Different strings, numbered in the order of their first use; open addressing. */
struct names {
    const char **at; /* in the arena */
    size_t count;
    size_t max;
    uint32_t *slots; /* index + 1; 0: free */
    size_t slot_mask;
    const char *what;
};

struct reader {
    struct arena *arena;
    struct str folder;
    struct str header[TRAIN_MANIFEST_COLUMNS_MAX];
    size_t header_count;
    int field_of[COLUMN_COUNT]; /* position in a line; -1: the column is absent */
    struct names sources, families, roles, generations, files;
    struct train_manifest_row *rows;
    size_t row_count;
    size_t repeated_count;
    uint32_t line; /* the current one, from 1 */
};

/* What is freed together: the public view first, so that the pointers are the same. */
struct owner {
    struct train_manifest manifest;
    struct arena *arena;
};

const char *train_label_name(enum train_label label)
{
    static const char *const names[TRAIN_LABEL_COUNT] = {"real", "ai"};

    REQUIRE(label < TRAIN_LABEL_COUNT);
    return names[label];
}

static uint64_t hash_of(struct str text)
{
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.at[i]) * 1099511628211ull;
    return hash ^ (hash >> 29);
}

static enum status names_init(struct names *names, const char *what, size_t max,
                              struct arena *arena, struct err *err)
{
    size_t slots = 16;

    while (slots < 2 * max)
        slots *= 2;
    *names = (struct names){.max = max, .slot_mask = slots - 1, .what = what};
    names->at = ARENA_NEW(arena, const char *, max);
    names->slots = mem_try_alloc(slots, sizeof *names->slots);
    if (!names->at || !names->slots)
        return err_set(err, ST_NOMEM, "no room for the names of %zu %ss", max, what);
    return ST_OK;
}

static char *copy_text(struct arena *arena, struct str head, struct str tail)
{
    char *copy = ARENA_NEW(arena, char, head.len + tail.len + 1);

    if (!copy)
        return NULL;
    if (head.len)
        memcpy(copy, head.at, head.len);
    if (tail.len)
        memcpy(copy + head.len, tail.at, tail.len);
    copy[head.len + tail.len] = '\0';
    return copy;
}

/* Finds or adds.  *added says which. */
static enum status names_intern(uint32_t *index, bool *added, struct names *names, struct str text,
                                struct arena *arena, struct err *err)
{
    size_t slot = hash_of(text) & names->slot_mask;

    for (; names->slots[slot]; slot = (slot + 1) & names->slot_mask) {
        uint32_t i = names->slots[slot] - 1;
        if (str_equal(text, names->at[i])) {
            *index = i, *added = false;
            return ST_OK;
        }
    }
    if (names->count == names->max)
        return err_set(err, ST_LIMIT, "more than %zu different %ss", names->max, names->what);

    char *copy = copy_text(arena, (struct str){0}, text);
    if (!copy)
        return err_set(err, ST_NOMEM, "no room for a %s name", names->what);
    names->at[names->count++] = copy;
    names->slots[slot] = (uint32_t)names->count;
    *index = (uint32_t)names->count - 1, *added = true;
    return ST_OK;
}

/* Next line without its end; false when the text is over. */
static bool next_line(struct str *line, struct str *rest)
{
    if (!rest->len)
        return false;
    *line = str_split(rest, '\n');
    if (line->len && line->at[line->len - 1] == '\r')
        line->len--;
    return true;
}

static enum status check_line(struct str line, struct err *err)
{
    if (line.len > TRAIN_MANIFEST_LINE_MAX)
        return err_set(err, ST_LIMIT, "%zu bytes are over the limit of %u a line", line.len,
                       TRAIN_MANIFEST_LINE_MAX);
    if (line.len && memchr(line.at, '\0', line.len))
        return err_set(err, ST_INVALID, "a zero byte in a text file");
    return ST_OK;
}

/* Splits at tabs.  A line that is empty has one empty field. */
static enum status split_fields(struct str fields[TRAIN_MANIFEST_COLUMNS_MAX], size_t *count,
                                struct str line, struct err *err)
{
    size_t n = 0;

    for (const char *end = line.at + line.len; line.at <= end; n++) {
        const char *tab = memchr(line.at, '\t', (size_t)(end - line.at));
        const char *stop = tab ? tab : end;
        if (n == TRAIN_MANIFEST_COLUMNS_MAX)
            return err_set(err, ST_LIMIT, "more than %u columns", TRAIN_MANIFEST_COLUMNS_MAX);
        fields[n] = (struct str){line.at, (size_t)(stop - line.at)};
        line.at = stop + 1;
    }
    *count = n;
    return ST_OK;
}

static enum status read_header(struct reader *reader, struct str line, struct err *err)
{
    enum status st = check_line(line, err);

    if (st == ST_OK)
        st = split_fields(reader->header, &reader->header_count, line, err);
    if (st != ST_OK)
        return st;
    for (int column = 0; column < COLUMN_COUNT; column++) {
        reader->field_of[column] = -1;
        for (size_t i = 0; i < reader->header_count; i++) {
            if (!str_equal(reader->header[i], column_names[column]))
                continue;
            if (reader->field_of[column] >= 0)
                return err_set(err, ST_INVALID, "column '%s' stands twice in the header",
                               column_names[column]);
            reader->field_of[column] = (int)i;
        }
        if (column < COLUMN_REQUIRED_COUNT && reader->field_of[column] < 0)
            return err_set(err, ST_INVALID, "the header has no column '%s'", column_names[column]);
    }
    return ST_OK;
}

static bool is_stated(struct str text)
{
    return text.len && !str_equal(text, "-");
}

/* "" for a column that the file does not have. */
static struct str field(const struct reader *reader, const struct str *fields, enum column column)
{
    int i = reader->field_of[column];

    return i < 0 ? (struct str){"", 0} : fields[i];
}

/* A side, or with a `least` of 0 a place; 0 when it is not stated. */
static enum status read_pixels(uint32_t *out, const struct reader *reader, const struct str *fields,
                               enum column column, int64_t least, struct err *err)
{
    struct str text = field(reader, fields, column);
    int64_t pixels = 0;

    if (is_stated(text) && !str_to_int(&pixels, text, least, TRAIN_MANIFEST_SIDE_MAX))
        return err_set(err, ST_INVALID, "column '%s': '%.*s' is no %s of %lld to %d px",
                       column_names[column], (int)MIN_OF(text.len, 32), text.at,
                       least ? "side" : "place", (long long)least, TRAIN_MANIFEST_SIDE_MAX);
    *out = (uint32_t)pixels;
    return ST_OK;
}

static enum status read_label(enum train_label *out, struct str text, struct err *err)
{
    for (enum train_label label = 0; label < TRAIN_LABEL_COUNT; label++) {
        if (str_equal(text, train_label_name(label))) {
            *out = label;
            return ST_OK;
        }
    }
    return err_set(err, ST_INVALID, "column 'label': '%.*s' is neither 'real' nor 'ai'",
                   (int)MIN_OF(text.len, 32), text.at);
}

static enum status read_name(uint32_t *index, struct reader *reader, struct names *names,
                             const struct str *fields, enum column column, struct err *err)
{
    struct str text = field(reader, fields, column);
    bool added = false;

    if (!text.len && column < COLUMN_REQUIRED_COUNT)
        return err_set(err, ST_INVALID, "column '%s' is empty", column_names[column]);
    return names_intern(index, &added, names, text, reader->arena, err);
}

/* The same photo again is dropped; with another label or role it would spoil a measurement. */
static enum status check_repeat(const struct train_manifest_row *first,
                                const struct train_manifest_row *again, struct err *err)
{
    if (first->label != again->label)
        return err_set(err, ST_INVALID, "column 'label': the same file is '%s' in line %u",
                       train_label_name(first->label), first->line);
    if (first->role != again->role) /* interned: one pointer for one name */
        return err_set(err, ST_INVALID, "column 'role': the same file is '%.64s' in line %u",
                       first->role, first->line);
    return ST_OK;
}

/* A relative path is one from the manifest's folder.  NULL: no room. */
static const char *path_of(const struct reader *reader, struct str text)
{
    struct str before = text.at[0] == '/' ? (struct str){"", 0} : reader->folder;

    return copy_text(reader->arena, before, text);
}

static enum status read_file(struct train_manifest_row *row, bool *repeated, struct reader *reader,
                             const struct str *fields, struct err *err)
{
    struct str text = field(reader, fields, COLUMN_FILE);
    uint32_t index = 0;
    bool added = false;

    if (!text.len)
        return err_set(err, ST_INVALID, "column 'file' is empty");
    enum status st = names_intern(&index, &added, &reader->files, text, reader->arena, err);
    if (st != ST_OK)
        return st;
    *repeated = !added;
    if (!added)
        return check_repeat(&reader->rows[index], row, err);
    row->file = reader->files.at[index];
    row->path = text.at[0] == '/' ? row->file : path_of(reader, text);
    return row->path ? ST_OK : err_set(err, ST_NOMEM, "no room for a path");
}

static enum status read_kinds(struct train_manifest_row *row, struct reader *reader,
                              const struct str *fields, struct err *err)
{
    uint32_t role = 0;
    uint32_t generation = 0;
    enum status st = read_name(&row->family, reader, &reader->families, fields, COLUMN_FAMILY, err);

    if (st == ST_OK)
        st = read_name(&row->source, reader, &reader->sources, fields, COLUMN_SOURCE, err);
    if (st == ST_OK)
        st = read_name(&role, reader, &reader->roles, fields, COLUMN_ROLE, err);
    if (st == ST_OK)
        st = read_name(&generation, reader, &reader->generations, fields, COLUMN_GENERATION, err);
    if (st != ST_OK)
        return st;
    row->role = reader->roles.at[role];
    row->generation = reader->generations.at[generation];
    return ST_OK;
}

static enum status read_sides(struct train_manifest_row *row, const struct reader *reader,
                              const struct str *fields, struct err *err)
{
    enum status st = read_pixels(&row->width, reader, fields, COLUMN_WIDTH, 1, err);

    if (st == ST_OK)
        st = read_pixels(&row->height, reader, fields, COLUMN_HEIGHT, 1, err);
    if (st == ST_OK)
        st = read_pixels(&row->original_width, reader, fields, COLUMN_ORIGINAL_WIDTH, 1, err);
    if (st == ST_OK)
        st = read_pixels(&row->original_height, reader, fields, COLUMN_ORIGINAL_HEIGHT, 1, err);
    return st;
}

/* The photo that a twin was made of. */
static enum status read_real(struct train_manifest_row *row, const struct reader *reader,
                             const struct str *fields, struct err *err)
{
    struct str text = field(reader, fields, COLUMN_REAL);

    row->real = is_stated(text) ? path_of(reader, text) : "";
    if (!row->real)
        return err_set(err, ST_NOMEM, "no room for a path");
    enum status st = read_pixels(&row->real_x, reader, fields, COLUMN_REAL_X, 0, err);
    return st == ST_OK ? read_pixels(&row->real_y, reader, fields, COLUMN_REAL_Y, 0, err) : st;
}

static enum status read_row(struct reader *reader, struct str line, struct err *err)
{
    struct str fields[TRAIN_MANIFEST_COLUMNS_MAX];
    size_t count = 0;
    bool repeated = false;
    struct train_manifest_row row = {.line = reader->line};
    enum status st = check_line(line, err);

    if (st == ST_OK)
        st = split_fields(fields, &count, line, err);
    if (st != ST_OK)
        return st;
    if (count != reader->header_count)
        return err_set(err, ST_INVALID, "%zu columns, the header has %zu", count,
                       reader->header_count);
    st = read_label(&row.label, field(reader, fields, COLUMN_LABEL), err);
    if (st == ST_OK)
        st = read_kinds(&row, reader, fields, err);
    if (st == ST_OK)
        st = read_sides(&row, reader, fields, err);
    if (st == ST_OK)
        st = read_real(&row, reader, fields, err);
    if (st == ST_OK)
        st = read_file(&row, &repeated, reader, fields, err);
    if (st != ST_OK)
        return st;
    if (repeated)
        reader->repeated_count++;
    else
        reader->rows[reader->row_count++] = row;
    return st;
}

static enum status read_lines(struct reader *reader, struct str text, struct err *err)
{
    struct str line = {0};

    reader->line = 1;
    if (!next_line(&line, &text))
        return err_set(err, ST_INVALID, "empty: not even a header");

    enum status st = read_header(reader, line, err);
    while (st == ST_OK && next_line(&line, &text)) {
        reader->line++;
        if (line.len)
            st = read_row(reader, line, err);
    }
    if (st != ST_OK)
        err_prefix(err, "line %u", reader->line);
    if (st != ST_OK)
        return st;
    if (!reader->row_count)
        return err_set(err, ST_INVALID, "a header without any row");
    return ST_OK;
}

static size_t count_lines(struct str text)
{
    struct str line = {0};
    size_t count = 0;

    while (next_line(&line, &text))
        count++;
    return count;
}

/* Upper bound: each string at most once more than in the text, both paths once more again; every
 * block rounded up to 64 bytes. */
static size_t arena_size(size_t rows, size_t text_len, size_t folder_len)
{
    size_t names_max = TRAIN_MANIFEST_SOURCES_MAX + TRAIN_MANIFEST_FAMILIES_MAX +
                       2 * TRAIN_MANIFEST_KINDS_MAX + rows;

    return rows * (sizeof(struct train_manifest_row) + 2 * folder_len + 7 * 64) + 3 * text_len +
           names_max * sizeof(char *) + 16 * 64;
}

static enum status reader_open(struct reader *reader, struct bytes text, const char *folder,
                               struct err *err)
{
    size_t rows = count_lines((struct str){(const char *)text.at, text.len});

    if (rows > TRAIN_MANIFEST_ROWS_MAX + 1u)
        return err_set(err, ST_LIMIT, "%zu rows are over %u", rows - 1, TRAIN_MANIFEST_ROWS_MAX);
    rows = MAX_OF(rows, 1);

    enum status st = arena_open(&reader->arena, arena_size(rows, text.len, strlen(folder)), err);
    if (st != ST_OK)
        return st;
    reader->folder = str_of(folder);
    reader->rows = ARENA_NEW(reader->arena, struct train_manifest_row, rows);
    if (!reader->rows)
        return err_set(err, ST_NOMEM, "no room for %zu rows", rows);
    const struct {
        struct names *names;
        const char *what;
        size_t max;
    } tables[] = {{&reader->sources, "source", TRAIN_MANIFEST_SOURCES_MAX},
                  {&reader->families, "family", TRAIN_MANIFEST_FAMILIES_MAX},
                  {&reader->roles, "role", TRAIN_MANIFEST_KINDS_MAX},
                  {&reader->generations, "generation", TRAIN_MANIFEST_KINDS_MAX},
                  {&reader->files, "file", rows}};
    for (size_t i = 0; st == ST_OK && i < ARRAY_LEN(tables); i++)
        st = names_init(tables[i].names, tables[i].what, tables[i].max, reader->arena, err);
    return st;
}

static void reader_close(struct reader *reader)
{
    struct names *all[] = {&reader->sources, &reader->families, &reader->roles,
                           &reader->generations, &reader->files};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        mem_free(all[i]->slots);
    arena_close(reader->arena);
}

enum status train_manifest_parse(struct train_manifest **out, struct bytes text, const char *folder,
                                 struct err *err)
{
    struct reader *reader = mem_alloc(1, sizeof *reader); /* large for a stack: header views */
    enum status st = reader_open(reader, text, folder, err);

    if (st == ST_OK)
        st = read_lines(reader, (struct str){(const char *)text.at, text.len}, err);
    if (st != ST_OK)
        goto out;

    struct owner *owner = mem_alloc(1, sizeof *owner);
    owner->manifest = (struct train_manifest){
        .rows = reader->rows,
        .count = reader->row_count,
        .source_names = reader->sources.at,
        .source_count = reader->sources.count,
        .family_names = reader->families.at,
        .family_count = reader->families.count,
        .role_names = reader->roles.at,
        .role_count = reader->roles.count,
        .repeated_count = reader->repeated_count,
    };
    (void)hash_sha256_hex(owner->manifest.sha256, text);
    owner->arena = reader->arena;
    reader->arena = NULL; /* handed over */
    *out = &owner->manifest;
out:
    reader_close(reader);
    mem_free(reader);
    return st;
}

enum status train_manifest_open(struct train_manifest **out, const char *path, struct err *err)
{
    struct bytes text = {0};
    enum status st = fs_map(&text, path, TRAIN_MANIFEST_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    const char *slash = strrchr(path, '/');
    char *folder = mem_copy_str((struct str){path, slash ? (size_t)(slash - path) + 1 : 0});
    st = train_manifest_parse(out, text, folder, err);
    if (st != ST_OK)
        err_prefix(err, "'%s'", path);
    mem_free(folder);
    fs_unmap(text);
    return st;
}

void train_manifest_close(struct train_manifest *manifest)
{
    struct owner *owner = (struct owner *)manifest;

    if (!owner)
        return;
    arena_close(owner->arena);
    mem_free(owner);
}

enum status train_manifest_select(uint32_t **out, size_t *count,
                                  const struct train_manifest *manifest, const char *role,
                                  unsigned labels, struct err *err)
{
    size_t n = 0;
    uint32_t *indices = NULL;

    for (int pass = 0; pass < 2; pass++) {
        if (pass && n) {
            indices = mem_try_alloc(n, sizeof *indices);
            if (!indices)
                return err_set(err, ST_NOMEM, "no room for %zu row indices", n);
        }
        n = 0;
        for (size_t i = 0; i < manifest->count; i++) {
            const struct train_manifest_row *row = &manifest->rows[i];
            if ((role && strcmp(row->role, role) != 0) ||
                (labels && !(labels & (1u << row->label))))
                continue;
            if (indices)
                indices[n] = (uint32_t)i;
            n++;
        }
    }
    *out = indices;
    *count = n;
    return ST_OK;
}
