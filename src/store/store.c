/* store/store.c - what is the same for every database: which one a URL names, transactions and
 * their retries, the words that differ, limits.
 * Must not know a database's library. */
#include "store/store.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "store/backend.h"

#define BUSY_MS_DEFAULT      5000u
#define STATEMENT_MS_DEFAULT 60000u
#define RETRY_PAUSE_MS       10 /* twice as long each time */

struct store {
    enum store_kind kind;
    const struct store_backend *backend;
    void *connection;
    bool in_transaction;
    bool is_visiting;
};

/* ---- life ---- */

static bool starts(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

enum status store_open(struct store **out, const char *url, const struct store_options *options,
                       struct err *err)
{
    struct store_options own = options ? *options : (struct store_options){0};
    const struct store_backend *backend = NULL;
    void *connection = NULL;
    enum store_kind kind = STORE_SQLITE;
    enum status st;

    own.busy_ms = own.busy_ms ? own.busy_ms : BUSY_MS_DEFAULT;
    own.statement_ms = own.statement_ms ? own.statement_ms : STATEMENT_MS_DEFAULT;
    if (strlen(url) >= STORE_URL_MAX)
        return err_set(err, ST_LIMIT, "the store's URL is over %d bytes", STORE_URL_MAX - 1);
    if (starts(url, "postgresql://") || starts(url, "postgres://")) {
        kind = STORE_POSTGRES;
        st = store_postgres_open(&connection, &backend, url, &own, err);
    } else if (strstr(url, "://")) {
        return err_set(err, ST_UNSUPPORTED,
                       "the store's URL is neither postgresql://... nor a file's path");
    } else {
        const char *path = starts(url, "sqlite:") ? url + strlen("sqlite:") : url;
        st = store_sqlite_open(&connection, &backend, path, &own, err);
    }
    if (st != ST_OK)
        return st;
    struct store *store = mem_alloc(1, sizeof *store);
    *store = (struct store){.kind = kind, .backend = backend, .connection = connection};
    *out = store;
    return ST_OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store->backend->close(store->connection);
    mem_free(store);
}

enum store_kind store_kind(const struct store *store)
{
    return store->kind;
}

const char *store_kind_name(const struct store *store)
{
    return store->backend->name;
}

/* ---- text of statements ---- */

enum status store_expand(char out[STORE_SQL_MAX], const struct store_backend *backend,
                         const char *sql, struct err *err)
{
    const struct {
        const char *word, *text;
    } words[] = {{"{identity}", backend->identity}, {"{skip_locked}", backend->skip_locked}};
    size_t len = 0;

    while (*sql) {
        const char *piece = sql;
        size_t piece_len = 1, word_len = 1;
        for (size_t i = 0; *sql == '{' && i < ARRAY_LEN(words); i++) {
            if (strncmp(sql, words[i].word, strlen(words[i].word)) != 0)
                continue;
            piece = words[i].text;
            piece_len = strlen(piece);
            word_len = strlen(words[i].word);
        }
        if (len + piece_len >= STORE_SQL_MAX)
            return err_set(err, ST_LIMIT, "a statement is over %d bytes", STORE_SQL_MAX - 1);
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        sql += word_len;
    }
    out[len] = '\0';
    return ST_OK;
}

struct store_prepared *store_cache_find(struct store_cache *cache, const char *sql)
{
    struct store_prepared *oldest = &cache->entries[0];

    cache->uses++;
    for (size_t i = 0; i < STORE_PREPARED_MAX; i++) {
        struct store_prepared *entry = &cache->entries[i];
        if (entry->sql && strcmp(entry->sql, sql) == 0) {
            entry->used = cache->uses;
            return entry;
        }
        if (!entry->sql || (oldest->sql && entry->used < oldest->used))
            oldest = oldest->sql ? entry : oldest;
    }
    oldest->used = cache->uses;
    return oldest;
}

/* ---- statements ---- */

static enum status check_values(const struct store_value *values, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct store_value *value = &values[i];
        bool is_text = value->type == STORE_TEXT;
        size_t len = is_text                      ? value->as.text.len
                     : value->type == STORE_BYTES ? value->as.bytes.len
                                                  : 0;
        if (len > STORE_TEXT_MAX)
            return err_set(err, ST_LIMIT, "a value of %zu bytes is over %u", len, STORE_TEXT_MAX);
        if (is_text && len && memchr(value->as.text.at, '\0', len))
            return err_set(err, ST_INVALID, "a text to be stored holds a NUL byte");
    }
    return ST_OK;
}

/* Before every use of the connection. */
static enum status prepare_use(struct store *store, size_t count, struct err *err)
{
    REQUIRE(count <= STORE_VALUES_MAX);
    REQUIRE(!store->is_visiting);
    return store->in_transaction ? ST_OK : store->backend->ensure(store->connection, err);
}

enum status store_run(struct store *store, const char *sql, const struct store_value *values,
                      size_t count, uint64_t *changed, struct err *err)
{
    enum status st = prepare_use(store, count, err);

    if (st == ST_OK)
        st = check_values(values, count, err);
    return st == ST_OK ? store->backend->run(store->connection, sql, values, count, 1, changed, err)
                       : st;
}

enum status store_run_many(struct store *store, const char *sql, const struct store_value *values,
                           size_t count, size_t rows, uint64_t *changed, struct err *err)
{
    REQUIRE(store->in_transaction);
    enum status st = prepare_use(store, count, err);
    if (st == ST_OK && rows > STORE_BATCH_MAX)
        st = err_set(err, ST_LIMIT, "%zu rows at once are over %u", rows, STORE_BATCH_MAX);
    if (st == ST_OK)
        st = check_values(values, count * rows, err);
    return st == ST_OK
               ? store->backend->run(store->connection, sql, values, count, rows, changed, err)
               : st;
}

enum status store_query(struct store *store, const char *sql, const struct store_value *values,
                        size_t count, size_t rows_max, store_visit *visit, void *payload,
                        struct err *err)
{
    enum status st = prepare_use(store, count, err);

    if (st == ST_OK)
        st = check_values(values, count, err);
    if (st != ST_OK)
        return st;
    store->is_visiting = true;
    st = store->backend->query(store->connection, sql, values, count,
                               MIN_OF(rows_max, STORE_ROWS_MAX), visit, payload, err);
    store->is_visiting = false;
    return st;
}

struct one_int {
    int64_t value;
    bool found;
};

static enum status visit_int(void *payload, const struct store_row *row, struct err *err)
{
    struct one_int *one = payload;

    (void)err;
    *one = (struct one_int){store_column_int(row, 0), true};
    return ST_OK;
}

enum status store_query_int(int64_t *out, struct store *store, const char *sql,
                            const struct store_value *values, size_t count, struct err *err)
{
    struct one_int one = {0, false};

    enum status st = store_query(store, sql, values, count, 1, visit_int, &one, err);
    if (st != ST_OK)
        return st;
    if (!one.found)
        return err_set(err, ST_NOT_FOUND, "the query has no row");
    *out = one.value;
    return ST_OK;
}

/* ---- columns ---- */

size_t store_column_count(const struct store_row *row)
{
    return row->count;
}

bool store_column_is_null(const struct store_row *row, size_t column)
{
    REQUIRE(column < row->count);
    return row->is_null(row->context, column);
}

int64_t store_column_int(const struct store_row *row, size_t column)
{
    REQUIRE(column < row->count);
    return row->integer(row->context, column);
}

double store_column_real(const struct store_row *row, size_t column)
{
    REQUIRE(column < row->count);
    return row->real(row->context, column);
}

struct str store_column_text(const struct store_row *row, size_t column)
{
    REQUIRE(column < row->count);
    return row->text(row->context, column);
}

struct bytes store_column_bytes(const struct store_row *row, size_t column)
{
    REQUIRE(column < row->count);
    return row->bytes(row->context, column);
}

/* ---- transactions ---- */

static enum status transact_once(struct store *store,
                                 enum status (*work)(struct store *store, void *payload,
                                                     struct err *err),
                                 void *payload, struct err *err)
{
    const struct store_backend *backend = store->backend;
    enum status st = prepare_use(store, 0, err);

    if (st == ST_OK)
        st = backend->script(store->connection, backend->begin, err);
    if (st != ST_OK)
        return st;
    store->in_transaction = true;
    st = work(store, payload, err);
    if (st == ST_OK)
        st = backend->script(store->connection, "COMMIT", err);
    /* A failed COMMIT leaves nothing, or what ROLLBACK ends. */
    if (st != ST_OK)
        (void)backend->script(store->connection, "ROLLBACK", NULL);
    store->in_transaction = false;
    return st;
}

enum status store_transaction(struct store *store,
                              enum status (*work)(struct store *store, void *payload,
                                                  struct err *err),
                              void *payload, struct err *err)
{
    struct timespec pause = {.tv_nsec = RETRY_PAUSE_MS * 1000000L};
    enum status st = ST_OK;

    REQUIRE(!store->in_transaction);
    for (unsigned i = 0; i <= STORE_RETRIES_MAX; i++) {
        st = transact_once(store, work, payload, err);
        if (st != ST_BUSY)
            return st;
        (void)nanosleep(&pause, NULL);
        pause.tv_nsec *= 2;
    }
    return st;
}

/* ---- migrations ---- */

static const char schema_table[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                   " version BIGINT PRIMARY KEY,"
                                   " name TEXT NOT NULL,"
                                   " applied_us BIGINT NOT NULL)";
static const char schema_version[] = "SELECT coalesce(max(version), 0) FROM schema_migrations";

struct step {
    const struct store_migration *list;
    size_t count;
    int64_t now_us;
    bool applied;
};

static enum status check_version(int64_t version, size_t known, struct err *err)
{
    if (version > (int64_t)known)
        return err_set(err, ST_CONFLICT,
                       "the database has schema %lld, this program knows up to %zu: "
                       "use a newer aidetect",
                       (long long)version, known);
    return ST_OK;
}

/* The first migration that is missing. */
static enum status apply_next(struct store *store, void *payload, struct err *err)
{
    const struct store_backend *backend = store->backend;
    struct step *step = payload;
    int64_t version = 0;
    char sql[STORE_SQL_MAX];
    enum status st = ST_OK;

    step->applied = false;
    if (backend->schema_lock)
        st = backend->script(store->connection, backend->schema_lock, err);
    if (st == ST_OK)
        st = backend->script(store->connection, schema_table, err);
    if (st == ST_OK)
        st = store_query_int(&version, store, schema_version, NULL, 0, err);
    if (st == ST_OK)
        st = check_version(version, step->count, err);
    if (st != ST_OK || version == (int64_t)step->count)
        return st;
    const struct store_migration *next = &step->list[version];
    REQUIRE(next->version == version + 1);
    const struct store_value values[] = {store_int(next->version), store_text(next->name),
                                         store_int(step->now_us)};
    st = store_expand(sql, backend, next->sql, err);
    if (st == ST_OK)
        st = backend->script(store->connection, sql, err);
    if (st == ST_OK)
        st = store_run(store, "INSERT INTO schema_migrations VALUES ($1, $2, $3)", values,
                       ARRAY_LEN(values), NULL, err);
    if (st != ST_OK)
        err_prefix(err, "migration %u (%s)", next->version, next->name);
    step->applied = st == ST_OK;
    return st;
}

enum status store_migrate_list(struct store *store, const struct store_migration *list,
                               size_t count, const struct clock *clock, unsigned *applied,
                               struct err *err)
{
    struct step step = {list, count, clock_utc_us(clock), true};
    unsigned done = 0;
    enum status st = ST_OK;

    while (st == ST_OK && step.applied) {
        st = store_transaction(store, apply_next, &step, err);
        done += st == ST_OK && step.applied;
    }
    if (applied)
        *applied = done;
    return st;
}

enum status store_migrate(struct store *store, const struct clock *clock, unsigned *applied,
                          struct err *err)
{
    return store_migrate_list(store, store_migrations, store_migration_count, clock, applied, err);
}

enum status store_read_schema(struct store_schema *out, struct store *store, struct err *err)
{
    static const char *const exists[] = {
        [STORE_SQLITE] = "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'",
        [STORE_POSTGRES] =
            "SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_migrations')",
    };
    int64_t found = 0;
    int64_t version = 0;

    enum status st = store_query_int(&found, store, exists[store->kind], NULL, 0, err);
    if (st == ST_OK && found)
        st = store_query_int(&version, store, schema_version, NULL, 0, err);
    if (st == ST_OK)
        st = check_version(version, store_migration_count, err);
    if (st == ST_OK)
        *out = (struct store_schema){(unsigned)version, (unsigned)store_migration_count};
    return st;
}
