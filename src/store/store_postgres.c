/* store/store_postgres.c - PostgreSQL by libpq (libpq-fe.h stays in here).
 * Numbers travel as text, texts and bytes as they are; many rows travel in pipelines.
 * One connection, one thread at a time. */
#include "store/backend.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PIPELINE_ROWS   256u /* between two synchronisations: their answers fit the socket */
#define CONNECT_TIMEOUT "5"  /* seconds, unless the URL says otherwise */
#define NUMBER_SIZE     32

struct connection {
    PGconn *pg;
    struct store_cache cache;
    unsigned name_count; /* statements are called s1, s2, ... */
};

/* What libpq wants to see of values. */
struct parameters {
    const char *values[STORE_VALUES_MAX];
    int lengths[STORE_VALUES_MAX];
    int formats[STORE_VALUES_MAX];
    char numbers[STORE_VALUES_MAX][NUMBER_SIZE];
};

static const struct store_backend postgres_backend;

/* ---- errors ---- */

static enum status status_of(const PGconn *pg, const char *state)
{
    static const struct {
        const char *start;
        enum status status;
    } kinds[] = {
        {"08", ST_UNAVAILABLE},  /* connection */
        {"57P", ST_UNAVAILABLE}, /* shutting down, starting */
        {"53", ST_UNAVAILABLE},  /* no connections, memory or disk left */
        {"40", ST_BUSY},         /* serialisation, deadlock */
        {"55P03", ST_BUSY},      /* lock not available */
        {"57014", ST_BUSY},      /* statement timeout */
        {"23", ST_CONFLICT},     /* constraint */
        {"22", ST_INVALID},      /* data */
        {"42", ST_INVALID},      /* syntax, names, rights */
        {"XX", ST_CORRUPT},
    };

    if (PQstatus(pg) != CONNECTION_OK)
        return ST_UNAVAILABLE;
    for (size_t i = 0; state && i < ARRAY_LEN(kinds); i++)
        if (strncmp(state, kinds[i].start, strlen(kinds[i].start)) == 0)
            return kinds[i].status;
    return ST_IO;
}

/* libpq's messages have line ends. */
static enum status set_message(struct err *err, enum status st, const char *message)
{
    char line[180];
    size_t len = 0;

    for (; *message && len + 1 < sizeof line; message++)
        line[len++] = *message;
    while (len && (line[len - 1] == '\n' || line[len - 1] == ' '))
        len--;
    line[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    return err_set(err, st, "postgresql: %s", line);
}

static enum status failed(const struct connection *connection, const PGresult *result,
                          struct err *err)
{
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

    return set_message(err, status_of(connection->pg, state),
                       message ? message : PQerrorMessage(connection->pg));
}

static bool is_fine(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* Takes `result`. */
static enum status settle(struct connection *connection, PGresult *result, struct err *err)
{
    enum status st = is_fine(result) ? ST_OK : failed(connection, result, err);

    PQclear(result);
    return st;
}

/* ---- prepared statements ---- */

static void forget(struct store_prepared *entry)
{
    mem_free(entry->sql);
    mem_free(entry->statement);
    entry->sql = NULL;
    entry->statement = NULL;
}

static void forget_all(struct connection *connection)
{
    for (size_t i = 0; i < STORE_PREPARED_MAX; i++)
        forget(&connection->cache.entries[i]);
}

static enum status script(void *payload, const char *sql, struct err *err)
{
    struct connection *connection = payload;

    return settle(connection, PQexec(connection->pg, sql), err);
}

static enum status prepare(const char **out, struct connection *connection, const char *sql,
                           size_t count, struct err *err)
{
    struct store_prepared *entry = store_cache_find(&connection->cache, sql);
    char text[STORE_SQL_MAX];
    char name[NUMBER_SIZE];
    enum status st = ST_OK;

    if (entry->sql && strcmp(entry->sql, sql) == 0) {
        *out = entry->statement;
        return ST_OK;
    }
    if (entry->sql) {
        (void)snprintf(text, sizeof text, "DEALLOCATE %s", (const char *)entry->statement);
        st = script(connection, text, err);
        forget(entry);
    }
    if (st == ST_OK)
        st = store_expand(text, &postgres_backend, sql, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(name, sizeof name, "s%u", ++connection->name_count);
    st = settle(connection, PQprepare(connection->pg, name, text, 0, NULL), err);
    if (st != ST_OK)
        return st;
    entry->sql = mem_copy_str(str_of(sql));
    entry->statement = mem_copy_str(str_of(name));
    *out = entry->statement;
    (void)count; /* the server checks how many a statement wants */
    return ST_OK;
}

static void set_parameters(struct parameters *out, const struct store_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct store_value *value = &values[i];
        struct bytes raw = {NULL, 0};
        out->lengths[i] = 0;
        out->formats[i] = 0;
        out->values[i] = NULL;
        if (value->type == STORE_INT) {
            (void)snprintf(out->numbers[i], NUMBER_SIZE, "%" PRId64, value->as.integer);
            out->values[i] = out->numbers[i];
        } else if (value->type == STORE_REAL) {
            (void)snprintf(out->numbers[i], NUMBER_SIZE, "%.17g", value->as.real);
            out->values[i] = out->numbers[i];
        } else if (value->type == STORE_TEXT) {
            raw = (struct bytes){(const uint8_t *)value->as.text.at, value->as.text.len};
        } else if (value->type == STORE_BYTES) {
            raw = value->as.bytes;
        }
        if (value->type == STORE_TEXT || value->type == STORE_BYTES) {
            out->values[i] = raw.len ? (const char *)raw.at : "";
            out->lengths[i] = (int)raw.len;
            out->formats[i] = 1;
        }
    }
}

/* ---- running ---- */

static uint64_t changed_by(PGresult *result)
{
    int64_t rows = 0;

    return str_to_int(&rows, str_of(PQcmdTuples(result)), 0, INT64_MAX) ? (uint64_t)rows : 0;
}

/* Reads up to and including the synchronisation; the first error counts. */
static enum status read_pipeline(struct connection *connection, uint64_t *sum, struct err *err)
{
    enum status st = ST_OK;
    unsigned empty = 0;

    for (;;) {
        PGresult *result = PQgetResult(connection->pg);
        if (!result) {
            /* One NULL ends a statement; two in a row: the connection is gone. */
            if (++empty > 1 || PQstatus(connection->pg) != CONNECTION_OK)
                return st != ST_OK ? st : failed(connection, NULL, err);
            continue;
        }
        empty = 0;
        ExecStatusType status = PQresultStatus(result);
        if (is_fine(result))
            *sum += changed_by(result);
        else if (status != PGRES_PIPELINE_SYNC && status != PGRES_PIPELINE_ABORTED && st == ST_OK)
            st = failed(connection, result, err);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            return st;
    }
}

static enum status run_pipeline(struct connection *connection, const char *name,
                                const struct store_value *values, size_t count, size_t rows,
                                uint64_t *sum, struct err *err)
{
    struct parameters parameters;

    if (!PQenterPipelineMode(connection->pg))
        return failed(connection, NULL, err);
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < rows;) {
        for (size_t end = MIN_OF(rows, i + PIPELINE_ROWS); i < end && st == ST_OK; i++) {
            set_parameters(&parameters, values + i * count, count);
            if (!PQsendQueryPrepared(connection->pg, name, (int)count, parameters.values,
                                     parameters.lengths, parameters.formats, 0))
                st = failed(connection, NULL, err);
        }
        if (st == ST_OK && !PQpipelineSync(connection->pg))
            st = failed(connection, NULL, err);
        if (st == ST_OK)
            st = read_pipeline(connection, sum, err);
    }
    if (PQstatus(connection->pg) == CONNECTION_OK)
        (void)PQexitPipelineMode(connection->pg);
    return st;
}

static enum status run_one(struct connection *connection, const char *name,
                           const struct store_value *values, size_t count, uint64_t *sum,
                           struct err *err)
{
    struct parameters parameters;

    set_parameters(&parameters, values, count);
    PGresult *result = PQexecPrepared(connection->pg, name, (int)count, parameters.values,
                                      parameters.lengths, parameters.formats, 0);
    if (is_fine(result))
        *sum = changed_by(result);
    return settle(connection, result, err);
}

static enum status run(void *payload, const char *sql, const struct store_value *values,
                       size_t count, size_t rows, uint64_t *changed, struct err *err)
{
    struct connection *connection = payload;
    const char *name = NULL;
    uint64_t sum = 0;

    enum status st = prepare(&name, connection, sql, count, err);
    if (st == ST_OK)
        st = rows == 1 ? run_one(connection, name, values, count, &sum, err)
                       : run_pipeline(connection, name, values, count, rows, &sum, err);
    if (st == ST_OK && changed)
        *changed = sum;
    return st;
}

/* ---- queries ---- */

/* A row under a visitor. */
struct row_context {
    PGresult *result;
    struct {
        unsigned char *bytes;
        size_t len;
    } * decoded; /* a slot a column, NULL until it is asked for */
};

static bool column_is_null(const void *context, size_t column)
{
    return PQgetisnull(((const struct row_context *)context)->result, 0, (int)column);
}

static struct str column_text(const void *context, size_t column)
{
    const struct row_context *row = context;

    return (struct str){PQgetvalue(row->result, 0, (int)column),
                        (size_t)PQgetlength(row->result, 0, (int)column)};
}

static double column_real(const void *context, size_t column)
{
    struct str text = column_text(context, column);
    double value = 0;

    if (str_equal(text, "t"))
        return 1;
    return str_to_double(&value, text, -1e308, 1e308) ? value : 0;
}

static int64_t column_int(const void *context, size_t column)
{
    struct str text = column_text(context, column);
    int64_t value = 0;

    if (str_to_int(&value, text, INT64_MIN, INT64_MAX))
        return value;
    double real = column_real(context, column); /* cut, as SQLite does */
    return real > -9e18 && real < 9e18 ? (int64_t)real : 0;
}

static struct bytes column_bytes(const void *context, size_t column)
{
    const struct row_context *row = context;
    struct str text = column_text(context, column);

    if (column_is_null(context, column))
        return (struct bytes){NULL, 0};
    if (PQftype(row->result, (int)column) != 17) /* BYTEA; anything else is its text */
        return (struct bytes){(const uint8_t *)text.at, text.len};
    if (!row->decoded[column].bytes)
        row->decoded[column].bytes =
            PQunescapeBytea((const unsigned char *)text.at, &row->decoded[column].len);
    return (struct bytes){row->decoded[column].bytes, row->decoded[column].len};
}

static enum status visit_row(PGresult *result, store_visit *visit, void *visitor, struct err *err)
{
    size_t count = (size_t)PQnfields(result);
    struct row_context context = {.result = result};

    if (count > STORE_VALUES_MAX)
        return err_set(err, ST_LIMIT, "a row of %zu columns is over %d", count, STORE_VALUES_MAX);
    context.decoded = mem_alloc(count + 1, sizeof *context.decoded);
    const struct store_row row = {
        .context = &context,
        .count = count,
        .is_null = column_is_null,
        .integer = column_int,
        .real = column_real,
        .text = column_text,
        .bytes = column_bytes,
    };
    enum status st = visit(visitor, &row, err);
    for (size_t i = 0; i < count; i++)
        PQfreemem(context.decoded[i].bytes);
    mem_free(context.decoded);
    return st;
}

/* What is left of a query nobody wants any more. */
static void abandon(struct connection *connection)
{
    char ignored[64];
    PGcancel *cancel = PQgetCancel(connection->pg);

    if (cancel)
        (void)PQcancel(cancel, ignored, sizeof ignored);
    PQfreeCancel(cancel);
    for (PGresult *result = PQgetResult(connection->pg); result;
         result = PQgetResult(connection->pg))
        PQclear(result);
}

static enum status visit_rows(struct connection *connection, size_t rows_max, store_visit *visit,
                              void *visitor, struct err *err)
{
    size_t rows = 0;
    enum status st = ST_OK;

    for (;;) {
        PGresult *result = PQgetResult(connection->pg);
        if (!result)
            return st;
        bool is_row = PQresultStatus(result) == PGRES_SINGLE_TUPLE;
        if (is_row && rows++ == rows_max)
            st = err_set(err, ST_LIMIT, "the query has more than %zu rows", rows_max);
        else if (is_row)
            st = visit_row(result, visit, visitor, err);
        else if (!is_fine(result) && st == ST_OK)
            st = failed(connection, result, err);
        PQclear(result);
        if (is_row && st != ST_OK) {
            abandon(connection);
            return st;
        }
    }
}

static enum status query(void *payload, const char *sql, const struct store_value *values,
                         size_t count, size_t rows_max, store_visit *visit, void *visitor,
                         struct err *err)
{
    struct connection *connection = payload;
    struct parameters parameters;
    const char *name = NULL;

    enum status st = prepare(&name, connection, sql, count, err);
    if (st != ST_OK)
        return st;
    set_parameters(&parameters, values, count);
    if (!PQsendQueryPrepared(connection->pg, name, (int)count, parameters.values,
                             parameters.lengths, parameters.formats, 0))
        return failed(connection, NULL, err);
    (void)PQsetSingleRowMode(connection->pg);
    return visit_rows(connection, rows_max, visit, visitor, err);
}

/* ---- life ---- */

static void ignore_notice(void *payload, const char *message)
{
    (void)payload;
    (void)message;
}

static enum status ensure(void *payload, struct err *err)
{
    struct connection *connection = payload;

    if (PQstatus(connection->pg) == CONNECTION_OK)
        return ST_OK;
    forget_all(connection);
    PQreset(connection->pg);
    if (PQstatus(connection->pg) != CONNECTION_OK)
        return set_message(err, ST_UNAVAILABLE, PQerrorMessage(connection->pg));
    return ST_OK;
}

static void close_connection(void *payload)
{
    struct connection *connection = payload;

    forget_all(connection);
    PQfinish(connection->pg);
    mem_free(connection);
}

static const struct store_backend postgres_backend = {
    .name = "postgresql",
    .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .skip_locked = "FOR UPDATE SKIP LOCKED",
    .begin = "BEGIN",
    .schema_lock = "SELECT pg_advisory_xact_lock(4709208316113)",
    .close = close_connection,
    .ensure = ensure,
    .script = script,
    .run = run,
    .query = query,
};

enum status store_postgres_open(void **out, const struct store_backend **backend, const char *url,
                                const struct store_options *options, struct err *err)
{
    char settings[160];
    /* What stands before the URL gives way to it. */
    const char *const keys[] = {
        "connect_timeout",  "keepalives_idle", "tcp_user_timeout", "options",
        "application_name", "dbname",          "client_encoding",  NULL};
    const char *const values[] = {CONNECT_TIMEOUT, "10", "30000", settings,
                                  "aidetect",      url,  "UTF8",  NULL};

    (void)snprintf(settings, sizeof settings,
                   "-c statement_timeout=%u -c lock_timeout=%u -c synchronous_commit=%s",
                   options->statement_ms, options->busy_ms, options->relaxed ? "off" : "on");
    PGconn *pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(pg) != CONNECTION_OK) {
        enum status st = set_message(err, ST_UNAVAILABLE, pg ? PQerrorMessage(pg) : "no memory");
        PQfinish(pg);
        return st;
    }
    (void)PQsetNoticeProcessor(pg, ignore_notice, NULL);
    struct connection *connection = mem_alloc(1, sizeof *connection);
    connection->pg = pg;
    *out = connection;
    *backend = &postgres_backend;
    return ST_OK;
}
