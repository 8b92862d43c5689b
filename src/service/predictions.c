#include "service/predictions.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "service/service.h"

static const char *const verdicts[] = {"real", "ai_generated"};
static const char *const confidences[] = {"low", "medium", "high"};
static const char *const decisions[] = {"real", "unsure", "ai_generated"};

/* ---- queries ---- */

#define FILTER                                                                                     \
    "WHERE time_us >= CAST($1 AS BIGINT) AND time_us < CAST($2 AS BIGINT) "                        \
    "AND ($3 = '' OR model_version = $3 OR substr(model_hash, 1, length($3)) = $3) "               \
    "AND ($4 = '' OR request_id = $4) AND ($5 = '' OR photo_sha256 = $5) "                         \
    "AND ($6 = '' OR key_id = $6) "                                                                \
    "AND (CAST($7 AS BIGINT) < 0 OR ai_generated = CAST($7 AS BIGINT)) "                           \
    "AND (CAST($8 AS BIGINT) < 0 OR decision = CAST($8 AS BIGINT)) "
#define FILTER_VALUES 8

/* The place of `word`, -1 without one.  ST_INVALID: it is none of them. */
static enum status place_of(int64_t *out, const char *what, const char *word,
                            const char *const *words, size_t count, struct err *err)
{
    *out = -1;
    for (size_t i = 0; word && i < count; i++)
        if (strcmp(word, words[i]) == 0)
            *out = (int64_t)i;
    if (!word || *out >= 0)
        return ST_OK;
    return err_set(err, ST_INVALID, "the %s '%.40s' is none of real, %sai_generated", what, word,
                   count > 2 ? "unsure, " : "");
}

static enum status fill_filter(struct store_value out[FILTER_VALUES],
                               const struct service_predictions_filter *filter, struct err *err)
{
    const char *const texts[] = {filter->model, filter->request, filter->photo, filter->key};
    int64_t verdict, decision;

    enum status st =
        place_of(&verdict, "verdict", filter->verdict, verdicts, ARRAY_LEN(verdicts), err);
    if (st == ST_OK)
        st =
            place_of(&decision, "decision", filter->decision, decisions, ARRAY_LEN(decisions), err);
    if (st != ST_OK)
        return st;
    out[0] = store_int(filter->since_us);
    out[1] = store_int(filter->until_us ? filter->until_us : INT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        out[2 + i] = store_text(texts[i] ? texts[i] : "");
    out[2 + ARRAY_LEN(texts)] = store_int(verdict);
    out[3 + ARRAY_LEN(texts)] = store_int(decision);
    return ST_OK;
}

struct each {
    enum status (*visit)(void *payload, const struct service_record *record, struct err *err);
    void *payload;
};

static enum status on_row(void *payload, const struct store_row *row, struct err *err)
{
    const struct each *each = payload;
    struct service_record record;

    service_record_read_row(&record, row);
    return each->visit(each->payload, &record, err);
}

enum status service_predictions_each(
    struct store *store, const struct service_predictions_filter *filter,
    enum status (*visit)(void *payload, const struct service_record *record, struct err *err),
    void *payload, struct err *err)
{
    static const char up[] =
        SERVICE_RECORD_SELECT FILTER "ORDER BY time_us, run, sequence LIMIT CAST($9 AS BIGINT)";
    static const char down[] = SERVICE_RECORD_SELECT FILTER
        "ORDER BY time_us DESC, run DESC, sequence DESC LIMIT CAST($9 AS BIGINT)";
    struct store_value values[FILTER_VALUES + 1];
    struct each each = {visit, payload};

    enum status st = fill_filter(values, filter, err);
    if (st != ST_OK)
        return st;
    values[FILTER_VALUES] =
        store_int(filter->limit ? (int64_t)MIN_OF(filter->limit, INT64_MAX) : INT64_MAX);
    return store_query(store, filter->newest_first ? down : up, values, ARRAY_LEN(values),
                       STORE_ROWS_MAX, on_row, &each, err);
}

struct groups {
    enum service_predictions_by by;
    void (*visit)(void *payload, const struct service_predictions_group *group);
    void *payload;
};

static enum status on_group(void *payload, const struct store_row *row, struct err *err)
{
    const struct groups *groups = payload;
    struct str name = store_column_text(row, 0);
    char day[CLOCK_TEXT_SIZE];
    struct service_predictions_group group = {
        .count = store_column_int(row, 1),
        .ai_generated = store_column_int(row, 2),
        .low_confidence = store_column_int(row, 3),
        .unsure = store_column_int(row, 4),
        .mean_probability = store_column_real(row, 5),
        .mean_inference_us = store_column_real(row, 6),
        .first_us = store_column_int(row, 7),
        .last_us = store_column_int(row, 8),
    };

    (void)err;
    if (groups->by == SERVICE_BY_DAY)
        (void)snprintf(group.name, sizeof group.name, "%.10s",
                       clock_format_utc(day, store_column_int(row, 0) * 86400000000));
    else
        (void)snprintf(group.name, sizeof group.name, "%.*s", (int)name.len, name.at);
    groups->visit(groups->payload, &group);
    return ST_OK;
}

#define GROUP_COLUMNS                                                                              \
    "count(*), sum(ai_generated), sum(CASE confidence WHEN 0 THEN 1 ELSE 0 END), "                 \
    "sum(CASE decision WHEN 1 THEN 1 ELSE 0 END), avg(probability), avg(inference_us), "           \
    "min(time_us), max(time_us) FROM predictions " FILTER

enum status service_predictions_stats(struct store *store,
                                      const struct service_predictions_filter *filter,
                                      enum service_predictions_by by,
                                      void (*visit)(void *payload,
                                                    const struct service_predictions_group *group),
                                      void *payload, struct err *err)
{
    static const char *const texts[] = {
        [SERVICE_BY_MODEL] =
            "SELECT model_version, " GROUP_COLUMNS "GROUP BY model_version ORDER BY min(time_us)",
        [SERVICE_BY_DAY] = "SELECT time_us / 86400000000, " GROUP_COLUMNS "GROUP BY 1 ORDER BY 1",
        [SERVICE_BY_KEY] = "SELECT key_id, " GROUP_COLUMNS "GROUP BY key_id ORDER BY 2 DESC",
    };
    struct store_value values[FILTER_VALUES];
    struct groups groups = {by, visit, payload};

    enum status st = fill_filter(values, filter, err);
    return st == ST_OK ? store_query(store, texts[by], values, ARRAY_LEN(values), 100000, on_group,
                                     &groups, err)
                       : st;
}

/* ---- exports ---- */

/* Columns of an export in their order; types as Parquet names them. */
static const struct {
    const char *name, *type, *meaning;
} columns[] = {
    {"time", "TIMESTAMP(MICROS, UTC)", "when it was judged, ISO 8601 with microseconds"},
    {"time_us", "INT64", "the same in microseconds since 1970-01-01 UTC"},
    {"request_id", "STRING", "X-Request-ID of the answer"},
    {"photo_sha256", "STRING", "of the encoded photo, lower-case hexadecimal"},
    {"photo_bytes", "INT64", "size of the encoded photo"},
    {"width", "INT32", "of the upright photo, pixels"},
    {"height", "INT32", "of the upright photo, pixels"},
    {"prediction", "STRING", "real or ai_generated"},
    {"probability", "DOUBLE", "that the photo is AI-generated, 0 to 1"},
    {"confidence", "STRING", "low, medium or high"},
    {"threshold", "DOUBLE", "what the probability was compared with"},
    {"model_version", "STRING", "of the model"},
    {"model_sha256", "STRING", "of the model's weights file"},
    {"queue_us", "INT64", "waited for a worker, microseconds"},
    {"inference_us", "INT64", "decoding, crops and network, microseconds"},
    {"key_id", "STRING", "id of the client's API key, empty without one"},
    {"evidence", "STRING", "quality flags, separated by |"},
    {"run", "INT64", "with sequence the record's key: of the program's run"},
    {"sequence", "INT64", "1, 2, ... within the run"},
    {"sample_rate", "DOUBLE", "the photo was kept for review with this probability; 0: not kept"},
    {"decision", "STRING", "real, unsure or ai_generated; unknown: logged before there were three"},
    {"embedding", "STRING",
     "what it looks like: 16 hexadecimal digits, the last one first; or empty"},
    {"sender", "STRING", "equal for photos of one sender: 16 hexadecimal digits; empty: not known"},
};

void service_predictions_write_head(struct buf *out, enum service_predictions_format format)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (format == SERVICE_PREDICTIONS_CSV)
            buf_printf(out, "%s%s", i ? "," : "", columns[i].name);
        else if (format == SERVICE_PREDICTIONS_COLUMNS)
            buf_printf(out, "%-14s %-24s %s\n", columns[i].name, columns[i].type,
                       columns[i].meaning);
    }
    if (format == SERVICE_PREDICTIONS_CSV)
        buf_add_str(out, "\n");
}

#define TIME_SIZE     48
#define EVIDENCE_SIZE 256
#define DIGITS_SIZE   20

static const char *time_text(char out[TIME_SIZE], int64_t time_us)
{
    char seconds[CLOCK_TEXT_SIZE];

    (void)clock_format_utc(seconds, time_us);
    seconds[strcspn(seconds, "Z")] = '\0';
    (void)snprintf(out, TIME_SIZE, "%s.%06" PRId64 "Z", seconds, time_us % 1000000);
    return out;
}

static const char *evidence_text(char out[EVIDENCE_SIZE], int64_t evidence)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < service_quality_count(); i++)
        if (evidence >> i & 1 && len < EVIDENCE_SIZE)
            len += (size_t)snprintf(out + len, EVIDENCE_SIZE - len, "%s%s", len ? "|" : "",
                                    service_quality_name(i));
    return out;
}

static const char *digits_of(char out[DIGITS_SIZE], int64_t number)
{
    out[0] = '\0';
    if (number)
        (void)snprintf(out, DIGITS_SIZE, "%016" PRIx64, (uint64_t)number);
    return out;
}

static const char *word_of(const char *const *words, size_t count, int64_t index)
{
    return index >= 0 && index < (int64_t)count ? words[index] : "unknown";
}

/* Quotes only where it must; a text that a spreadsheet would compute is made plain by a quote. */
static void add_csv_text(struct buf *out, const char *text)
{
    bool formula = text[0] && strchr("=+-@", text[0]);

    if (!formula && !strpbrk(text, ",\"")) {
        buf_add_str(out, text);
        return;
    }
    buf_add_str(out, formula ? "\"'" : "\"");
    for (; *text; text++)
        buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    buf_add_str(out, "\"");
}

static void write_csv(struct buf *out, const struct service_record *r)
{
    char time[TIME_SIZE];
    char evidence[EVIDENCE_SIZE];
    char embedding[DIGITS_SIZE], sender[DIGITS_SIZE];

    buf_printf(out, "%s,%" PRId64 ",", time_text(time, r->time_us), r->time_us);
    add_csv_text(out, r->request_id);
    buf_printf(out, ",%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%s,%.10g,%s,%.10g,", r->photo_sha256,
               r->photo_bytes, r->width, r->height,
               word_of(verdicts, ARRAY_LEN(verdicts), r->ai_generated), r->probability,
               word_of(confidences, ARRAY_LEN(confidences), r->confidence), r->threshold);
    add_csv_text(out, r->model_version);
    buf_printf(out, ",%s,%" PRId64 ",%" PRId64 ",%s,%s,%" PRId64 ",%" PRId64 ",%.10g,%s,%s,%s\n",
               r->model_hash, r->queue_us, r->inference_us, r->key_id,
               evidence_text(evidence, r->evidence), r->run, r->sequence, r->sample_rate,
               word_of(decisions, ARRAY_LEN(decisions), r->decision),
               digits_of(embedding, r->embedding), digits_of(sender, r->sender));
}

static void write_json(struct buf *out, const struct service_record *r)
{
    char text[MAX_OF(TIME_SIZE, EVIDENCE_SIZE)];
    struct json *value = json_new_object();

    json_set_str(value, "time", time_text(text, r->time_us));
    json_set_int(value, "time_us", r->time_us);
    json_set_str(value, "request_id", r->request_id);
    json_set_str(value, "photo_sha256", r->photo_sha256);
    json_set_int(value, "photo_bytes", r->photo_bytes);
    json_set_int(value, "width", r->width);
    json_set_int(value, "height", r->height);
    json_set_str(value, "prediction", word_of(verdicts, ARRAY_LEN(verdicts), r->ai_generated));
    json_set_number(value, "probability", r->probability);
    json_set_str(value, "confidence", word_of(confidences, ARRAY_LEN(confidences), r->confidence));
    json_set_number(value, "threshold", r->threshold);
    json_set_str(value, "model_version", r->model_version);
    json_set_str(value, "model_sha256", r->model_hash);
    json_set_int(value, "queue_us", r->queue_us);
    json_set_int(value, "inference_us", r->inference_us);
    json_set_str(value, "key_id", r->key_id);
    json_set_str(value, "evidence", evidence_text(text, r->evidence));
    json_set_int(value, "run", r->run);
    json_set_int(value, "sequence", r->sequence);
    json_set_number(value, "sample_rate", r->sample_rate);
    json_set_str(value, "decision", word_of(decisions, ARRAY_LEN(decisions), r->decision));
    json_set_str(value, "embedding", digits_of(text, r->embedding));
    json_set_str(value, "sender", digits_of(text, r->sender));
    json_write(out, value, 0);
    buf_add_str(out, "\n");
    json_free(value);
}

void service_predictions_write(struct buf *out, enum service_predictions_format format,
                               const struct service_record *record)
{
    if (format == SERVICE_PREDICTIONS_CSV)
        write_csv(out, record);
    else if (format == SERVICE_PREDICTIONS_JSONL)
        write_json(out, record);
}
