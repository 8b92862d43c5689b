/* store/store_sqlite.c - SQLite in WAL mode (sqlite3.h stays in here).
 * One connection, one thread at a time; other connections and programs may share the file. */
#include "store/backend.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"

struct connection {
    sqlite3 *db;
    struct store_cache cache;
};

/* What stands in the cache: SQLite numbers $1, $2 by their first appearance. */
struct statement {
    sqlite3_stmt *stmt;
    int parameter_count;
    unsigned char order[STORE_VALUES_MAX]; /* order[i]: the value of SQLite's parameter i + 1 */
};

static const struct store_backend sqlite_backend;

static enum status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ST_BUSY;
    case SQLITE_CONSTRAINT:
        return ST_CONFLICT;
    case SQLITE_NOMEM:
        return ST_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ST_CORRUPT;
    case SQLITE_TOOBIG:
        return ST_LIMIT;
    case SQLITE_ERROR:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
        return ST_INVALID;
    case SQLITE_CANTOPEN:
        return ST_UNAVAILABLE;
    default:
        return ST_IO;
    }
}

static enum status failed(const struct connection *connection, struct err *err)
{
    return err_set(err, status_of(sqlite3_extended_errcode(connection->db)), "sqlite: %.160s",
                   sqlite3_errmsg(connection->db));
}

/* ---- prepared statements ---- */

static void forget(struct store_prepared *entry)
{
    struct statement *statement = entry->statement;

    if (statement)
        (void)sqlite3_finalize(statement->stmt);
    mem_free(statement);
    mem_free(entry->sql);
    entry->sql = NULL;
    entry->statement = NULL;
}

/* $12 is value 11. */
static enum status order_parameters(struct statement *statement, size_t count, struct err *err)
{
    statement->parameter_count = sqlite3_bind_parameter_count(statement->stmt);
    for (int i = 0; i < statement->parameter_count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement->stmt, i + 1);
        int64_t number = 0;
        if (!name || name[0] != '$' || !str_to_int(&number, str_of(name + 1), 1, (int64_t)count))
            return err_set(err, ST_INVALID, "a statement of %zu values asks for '%.20s'", count,
                           name ? name : "?");
        statement->order[i] = (unsigned char)(number - 1);
    }
    return ST_OK;
}

static enum status prepare(struct statement **out, struct connection *connection, const char *sql,
                           size_t count, struct err *err)
{
    struct store_prepared *entry = store_cache_find(&connection->cache, sql);
    char text[STORE_SQL_MAX];

    if (entry->sql && strcmp(entry->sql, sql) == 0) {
        *out = entry->statement;
        return ST_OK;
    }
    enum status st = store_expand(text, &sqlite_backend, sql, err);
    if (st != ST_OK)
        return st;
    forget(entry);
    struct statement *statement = mem_alloc(1, sizeof *statement);
    entry->statement = statement;
    if (sqlite3_prepare_v3(connection->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement->stmt,
                           NULL) != SQLITE_OK)
        st = failed(connection, err);
    else
        st = order_parameters(statement, count, err);
    if (st != ST_OK) {
        forget(entry);
        return st;
    }
    entry->sql = mem_copy_str(str_of(sql));
    *out = statement;
    return ST_OK;
}

static int bind_one(sqlite3_stmt *stmt, int parameter, const struct store_value *value)
{
    switch (value->type) {
    case STORE_INT:
        return sqlite3_bind_int64(stmt, parameter, value->as.integer);
    case STORE_REAL:
        return sqlite3_bind_double(stmt, parameter, value->as.real);
    case STORE_TEXT:
        return sqlite3_bind_text(stmt, parameter, value->as.text.len ? value->as.text.at : "",
                                 (int)value->as.text.len, SQLITE_STATIC);
    case STORE_BYTES:
        return sqlite3_bind_blob(stmt, parameter,
                                 value->as.bytes.len ? (const void *)value->as.bytes.at : "",
                                 (int)value->as.bytes.len, SQLITE_STATIC);
    case STORE_NULL:
    default:
        return sqlite3_bind_null(stmt, parameter);
    }
}

static enum status bind(struct connection *connection, const struct statement *statement,
                        const struct store_value *values, struct err *err)
{
    for (int i = 0; i < statement->parameter_count; i++)
        if (bind_one(statement->stmt, i + 1, &values[statement->order[i]]) != SQLITE_OK)
            return failed(connection, err);
    return ST_OK;
}

/* ---- the backend ---- */

static enum status run(void *payload, const char *sql, const struct store_value *values,
                       size_t count, size_t rows, uint64_t *changed, struct err *err)
{
    struct connection *connection = payload;
    struct statement *statement = NULL;
    uint64_t sum = 0;

    enum status st = prepare(&statement, connection, sql, count, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; st == ST_OK && i < rows; i++) {
        st = bind(connection, statement, values + i * count, err);
        if (st != ST_OK)
            break;
        int code = SQLITE_ROW;
        while (code == SQLITE_ROW) /* rows of RETURNING are dropped */
            code = sqlite3_step(statement->stmt);
        if (code == SQLITE_DONE && !sqlite3_stmt_readonly(statement->stmt))
            sum += (uint64_t)sqlite3_changes64(connection->db);
        else if (code != SQLITE_DONE)
            st = failed(connection, err);
        (void)sqlite3_reset(statement->stmt);
    }
    (void)sqlite3_clear_bindings(statement->stmt);
    if (st == ST_OK && changed)
        *changed = sum;
    return st;
}

/* sqlite3 wants no const: reading a column may convert it. */
static sqlite3_stmt *stmt_of(const void *context)
{
    return ((const struct statement *)context)->stmt;
}

static bool column_is_null(const void *context, size_t column)
{
    return sqlite3_column_type(stmt_of(context), (int)column) == SQLITE_NULL;
}

static int64_t column_int(const void *context, size_t column)
{
    return sqlite3_column_int64(stmt_of(context), (int)column);
}

static double column_real(const void *context, size_t column)
{
    return sqlite3_column_double(stmt_of(context), (int)column);
}

static struct str column_text(const void *context, size_t column)
{
    const void *text = sqlite3_column_text(stmt_of(context), (int)column);

    return (struct str){text ? text : "",
                        (size_t)sqlite3_column_bytes(stmt_of(context), (int)column)};
}

static struct bytes column_bytes(const void *context, size_t column)
{
    const void *blob = sqlite3_column_blob(stmt_of(context), (int)column);

    return (struct bytes){blob, (size_t)sqlite3_column_bytes(stmt_of(context), (int)column)};
}

static enum status visit_rows(struct connection *connection, struct statement *statement,
                              size_t rows_max, store_visit *visit, void *payload, struct err *err)
{
    const struct store_row row = {
        .context = statement,
        .count = (size_t)sqlite3_column_count(statement->stmt),
        .is_null = column_is_null,
        .integer = column_int,
        .real = column_real,
        .text = column_text,
        .bytes = column_bytes,
    };
    enum status st = ST_OK;

    for (size_t rows = 0; st == ST_OK; rows++) {
        int code = sqlite3_step(statement->stmt);
        if (code == SQLITE_DONE)
            return ST_OK;
        if (code != SQLITE_ROW)
            return failed(connection, err);
        if (rows == rows_max)
            return err_set(err, ST_LIMIT, "the query has more than %zu rows", rows_max);
        st = visit(payload, &row, err);
    }
    return st;
}

static enum status query(void *payload, const char *sql, const struct store_value *values,
                         size_t count, size_t rows_max, store_visit *visit, void *visitor,
                         struct err *err)
{
    struct connection *connection = payload;
    struct statement *statement = NULL;

    enum status st = prepare(&statement, connection, sql, count, err);
    if (st != ST_OK)
        return st;
    st = bind(connection, statement, values, err);
    if (st == ST_OK)
        st = visit_rows(connection, statement, rows_max, visit, visitor, err);
    (void)sqlite3_reset(statement->stmt);
    (void)sqlite3_clear_bindings(statement->stmt);
    return st;
}

static enum status script(void *payload, const char *sql, struct err *err)
{
    struct connection *connection = payload;

    if (sqlite3_exec(connection->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(connection, err);
    return ST_OK;
}

static enum status ensure(void *payload, struct err *err)
{
    (void)payload;
    (void)err;
    return ST_OK;
}

static void close_connection(void *payload)
{
    struct connection *connection = payload;

    for (size_t i = 0; i < STORE_PREPARED_MAX; i++)
        forget(&connection->cache.entries[i]);
    (void)sqlite3_close(connection->db);
    mem_free(connection);
}

static const struct store_backend sqlite_backend = {
    .name = "sqlite",
    .identity = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .skip_locked = "", /* BEGIN IMMEDIATE leaves one writer */
    .begin = "BEGIN IMMEDIATE",
    .schema_lock = NULL,
    .close = close_connection,
    .ensure = ensure,
    .script = script,
    .run = run,
    .query = query,
};

/* ---- opening ---- */

static enum status make_folder_of(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[STORE_URL_MAX];

    if (!slash || slash == path)
        return ST_OK;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return fs_make_folder(folder, err);
}

/* Half of the cache that SQLite takes by itself: the kernel keeps a log's pages as well. */
#define SETTINGS                                                                                   \
    "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 16777216; "  \
    "PRAGMA cache_size = -1024; PRAGMA synchronous = "

static enum status set_up(struct connection *connection, const struct store_options *options,
                          struct err *err)
{
    (void)sqlite3_extended_result_codes(connection->db, 1);
    (void)sqlite3_busy_timeout(connection->db, (int)options->busy_ms);
    (void)sqlite3_limit(connection->db, SQLITE_LIMIT_LENGTH, (int)STORE_TEXT_MAX * 2);
    (void)sqlite3_limit(connection->db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(connection->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return script(connection, options->relaxed ? SETTINGS "NORMAL" : SETTINGS "FULL", err);
}

enum status store_sqlite_open(void **out, const struct store_backend **backend, const char *path,
                              const struct store_options *options, struct err *err)
{
    enum status st = make_folder_of(path, err);

    if (st != ST_OK)
        return st;
    bool is_new = !fs_exists(path);
    struct connection *connection = mem_alloc(1, sizeof *connection);
    int code =
        sqlite3_open_v2(path, &connection->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    /* The log and the shared memory beside it take the same rights. */
    if (code == SQLITE_OK && is_new)
        (void)chmod(path, S_IRUSR | S_IWUSR);
    st = code == SQLITE_OK ? set_up(connection, options, err) : failed(connection, err);
    if (st != ST_OK) {
        err_prefix(err, "'%.100s'", path);
        close_connection(connection);
        return st;
    }
    *out = connection;
    *backend = &sqlite_backend;
    return ST_OK;
}
