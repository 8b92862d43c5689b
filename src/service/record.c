#include "service/record.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum kind { INT, REAL, TEXT };

/* The one list of columns. */
static const struct column {
    const char *name;
    enum kind kind;
    size_t offset;
    bool is_optional; /* lines of earlier versions lack it */
} columns[] = {
#define COLUMN(kind, name)                                                                         \
    {                                                                                              \
#name, kind, offsetof(struct service_record, name), false                                  \
    }
    COLUMN(INT, run),
    COLUMN(INT, sequence),
    COLUMN(INT, time_us),
    COLUMN(TEXT, request_id),
    COLUMN(TEXT, photo_sha256),
    COLUMN(INT, photo_bytes),
    COLUMN(INT, width),
    COLUMN(INT, height),
    COLUMN(REAL, probability),
    COLUMN(INT, ai_generated),
    COLUMN(INT, confidence),
    COLUMN(REAL, threshold),
    COLUMN(TEXT, model_version),
    COLUMN(TEXT, model_hash),
    COLUMN(INT, queue_us),
    COLUMN(INT, inference_us),
    COLUMN(TEXT, key_id),
    COLUMN(INT, evidence),
    {"sample_rate", REAL, offsetof(struct service_record, sample_rate), true},
    {"decision", INT, offsetof(struct service_record, decision), true},
    {"embedding", INT, offsetof(struct service_record, embedding), true},
    {"sender", INT, offsetof(struct service_record, sender), true},
#undef COLUMN
};
_Static_assert(ARRAY_LEN(columns) == SERVICE_RECORD_COLUMNS, "one row for each column");

static const void *at_of(const struct service_record *record, const struct column *column)
{
    return (const char *)record + column->offset;
}

static int64_t int_of(const struct service_record *record, const struct column *column)
{
    int64_t value;

    memcpy(&value, at_of(record, column), sizeof value);
    return value;
}

static double real_of(const struct service_record *record, const struct column *column)
{
    double value;

    memcpy(&value, at_of(record, column), sizeof value);
    return value;
}

static void set_text(char out[SERVICE_RECORD_TEXT_SIZE], struct str text)
{
    size_t len = MIN_OF(text.len, (size_t)SERVICE_RECORD_TEXT_SIZE - 1);

    for (size_t i = 0; i < len; i++)
        out[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
    memset(out + len, 0, SERVICE_RECORD_TEXT_SIZE - len);
}

void service_record_set_text(char out[SERVICE_RECORD_TEXT_SIZE], const char *text)
{
    set_text(out, str_of(text));
}

/* ---- database ---- */

void service_record_values(struct store_value out[SERVICE_RECORD_COLUMNS],
                           const struct service_record *record)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (columns[i].kind == INT)
            out[i] = store_int(int_of(record, &columns[i]));
        else if (columns[i].kind == REAL)
            out[i] = store_real(real_of(record, &columns[i]));
        else
            out[i] = store_text(at_of(record, &columns[i]));
    }
}

void service_record_read_row(struct service_record *out, const struct store_row *row)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        char *at = (char *)out + columns[i].offset;
        int64_t integer = 0;
        double real = 0;
        if (columns[i].kind == TEXT) {
            set_text(at, store_column_text(row, i));
        } else if (columns[i].kind == INT) {
            integer = store_column_int(row, i);
            memcpy(at, &integer, sizeof integer);
        } else {
            real = store_column_real(row, i);
            memcpy(at, &real, sizeof real);
        }
    }
}

struct insertion {
    const struct store_value *values;
    size_t rows;
};

static enum status insert(struct store *store, void *payload, struct err *err)
{
    static const char sql[] =
        "INSERT INTO predictions (run, sequence, time_us, request_id, photo_sha256, photo_bytes, "
        "width, height, probability, ai_generated, confidence, threshold, model_version, "
        "model_hash, queue_us, inference_us, key_id, evidence, sample_rate, decision, embedding, "
        "sender) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
        "$17, $18, "
        "$19, $20, $21, $22) "
        "ON CONFLICT (run, sequence) DO NOTHING";
    const struct insertion *insertion = payload;

    return store_run_many(store, sql, insertion->values, SERVICE_RECORD_COLUMNS, insertion->rows,
                          NULL, err);
}

enum status service_record_insert(struct store *store, const struct service_record *records,
                                  size_t count, struct err *err)
{
    struct store_value *values = mem_alloc(count * SERVICE_RECORD_COLUMNS + 1, sizeof *values);
    struct insertion insertion = {values, count};

    for (size_t i = 0; i < count; i++)
        service_record_values(values + i * SERVICE_RECORD_COLUMNS, &records[i]);
    enum status st = store_transaction(store, insert, &insertion, err);
    mem_free(values);
    return st;
}

/* ---- lines ---- */

void service_record_write_line(struct buf *out, const struct service_record *record)
{
    struct json *value = json_new_object();

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (columns[i].kind == INT)
            json_set_int(value, columns[i].name, int_of(record, &columns[i]));
        else if (columns[i].kind == REAL)
            json_set_number(value, columns[i].name, real_of(record, &columns[i]));
        else
            json_set_str(value, columns[i].name, at_of(record, &columns[i]));
    }
    json_write(out, value, 0);
    buf_add_str(out, "\n");
    json_free(value);
}

static bool read_member(struct service_record *out, const struct json *value,
                        const struct column *column)
{
    char *at = (char *)out + column->offset;
    const char *text = NULL;
    int64_t integer = 0;
    double real = 0;

    if (column->is_optional && !json_get(value, column->name))
        return true;
    if (column->kind == TEXT) {
        text = json_get_str(value, column->name);
        if (text)
            set_text(at, str_of(text));
        return text != NULL;
    }
    if (column->kind == INT) {
        bool found = json_get_int(&integer, value, column->name);
        memcpy(at, &integer, sizeof integer);
        return found;
    }
    bool found = json_get_number(&real, value, column->name) && isfinite(real);
    memcpy(at, &real, sizeof real);
    return found;
}

enum status service_record_read_line(struct service_record *out, struct bytes line, struct err *err)
{
    struct service_record record = {.decision = -1};
    struct json *value = NULL;

    if (line.len > SERVICE_RECORD_LINE_BYTES)
        return err_set(err, ST_LIMIT, "a record of %zu bytes is over %d", line.len,
                       SERVICE_RECORD_LINE_BYTES);
    if (json_parse(&value, line, err) != ST_OK)
        return ST_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (read_member(&record, value, &columns[i]))
            continue;
        json_free(value);
        return err_set(err, ST_INVALID, "the record has no '%s'", columns[i].name);
    }
    json_free(value);
    *out = record;
    return ST_OK;
}
