/* store/store.h - one interface to two databases: SQLite in a file, PostgreSQL by URL.  Statements
 * with typed values, rows by callback, transactions, migrations.  Must not know what the tables
 * mean; callers must not know which database it is.
 * A store is one connection and belongs to one thread at a time. */
#pragma once

#include "base/base.h"
#include "base/clock.h"

#define STORE_URL_MAX     1024        /* bytes of a URL with its NUL */
#define STORE_SQL_MAX     16384       /* bytes of a statement */
#define STORE_VALUES_MAX  64          /* of a statement, and columns of a row */
#define STORE_TEXT_MAX    (16u << 20) /* bytes of one value */
#define STORE_ROWS_MAX    10000000u   /* that one query visits */
#define STORE_BATCH_MAX   10000u      /* rows of store_run_many */
#define STORE_RETRIES_MAX 5           /* of a transaction that others got in the way of */

struct store;

enum store_kind { STORE_SQLITE, STORE_POSTGRES };

struct store_options {
    unsigned busy_ms;      /* wait for another writer; 0: 5 s */
    unsigned statement_ms; /* a statement at most, PostgreSQL only; 0: 60 s */
    bool relaxed;          /* a commit survives a crash of the program, not of the machine */
};

/* `url`: "postgresql://..." (or "postgres://..."), "sqlite:PATH", or a path.  A file is created
 * with the folders it needs, for its owner's eyes only.  Runs no migration. ST_UNAVAILABLE: the
 * database is away. */
enum status store_open(struct store **out, const char *url, const struct store_options *options,
                       struct err *err) MUST_USE;
void store_close(struct store *store); /* NULL is fine; rolls back what is open */
enum store_kind store_kind(const struct store *store);
const char *store_kind_name(const struct store *store); /* "sqlite", "postgresql" */

/* ---- values ---- */

enum store_type { STORE_NULL, STORE_INT, STORE_REAL, STORE_TEXT, STORE_BYTES };

struct store_value {
    enum store_type type;
    union {
        int64_t integer;
        double real;
        struct str text; /* no NUL bytes */
        struct bytes bytes;
    } as;
};

static inline struct store_value store_null(void)
{
    return (struct store_value){.type = STORE_NULL};
}
static inline struct store_value store_int(int64_t integer)
{
    return (struct store_value){.type = STORE_INT, .as.integer = integer};
}
static inline struct store_value store_real(double real)
{
    return (struct store_value){.type = STORE_REAL, .as.real = real};
}
static inline struct store_value store_text(const char *text) /* borrowed */
{
    return (struct store_value){.type = STORE_TEXT, .as.text = str_of(text)};
}
static inline struct store_value store_bytes(struct bytes bytes) /* borrowed */
{
    return (struct store_value){.type = STORE_BYTES, .as.bytes = bytes};
}

/* ---- statements ----
 * SQL that both databases read, with values as $1, $2, ...  Column types: BIGINT, DOUBLE PRECISION,
 * TEXT, BYTEA.  Where they differ these words stand:
 *     {identity}     type of a column that numbers its rows
 *     {skip_locked}  ends the SELECT of a queue: rows that another worker holds are passed over
 * A text is prepared once for each connection and kept, so texts are constants: values never go
 * into them.  Out of reach of a lock or a changed snapshot: ST_BUSY.  A broken constraint:
 * ST_CONFLICT.  A lost connection: ST_UNAVAILABLE, and the next call outside of a transaction tries
 * to connect again.  Anything else the database refuses: ST_IO, a malformed statement ST_INVALID.
 */

/* *changed (may be NULL): rows inserted, updated or deleted. */
enum status store_run(struct store *store, const char *sql, const struct store_value *values,
                      size_t count, uint64_t *changed, struct err *err) MUST_USE;

/* The same statement for each of `rows` rows of `count` values, in one go; rows <= STORE_BATCH_MAX.
 * Only inside of a transaction: it is all or nothing there. */
enum status store_run_many(struct store *store, const char *sql, const struct store_value *values,
                           size_t count, size_t rows, uint64_t *changed, struct err *err) MUST_USE;

struct store_row;
/* Calls visit(payload, row) for each row, until it returns something else than ST_OK, which is
 * then returned (it sets *err).  More than rows_max rows: ST_LIMIT after as many.  No other call
 * on this store from within `visit`. */
enum status store_query(struct store *store, const char *sql, const struct store_value *values,
                        size_t count, size_t rows_max,
                        enum status (*visit)(void *payload, const struct store_row *row,
                                             struct err *err),
                        void *payload, struct err *err) MUST_USE;

/* A query of one row and one number.  ST_NOT_FOUND: no row. */
enum status store_query_int(int64_t *out, struct store *store, const char *sql,
                            const struct store_value *values, size_t count,
                            struct err *err) MUST_USE;

/* Columns of the row under `visit`, borrowed until it returns.  A NULL reads as 0 and as empty. */
size_t store_column_count(const struct store_row *row);
bool store_column_is_null(const struct store_row *row, size_t column);
int64_t store_column_int(const struct store_row *row, size_t column);
double store_column_real(const struct store_row *row, size_t column);
struct str store_column_text(const struct store_row *row, size_t column);
struct bytes store_column_bytes(const struct store_row *row, size_t column);

/* ---- transactions ---- */

/* Calls work(store, payload) between BEGIN and COMMIT; rolls back when it fails.  ST_BUSY is tried
 * again from the start, STORE_RETRIES_MAX times, with a growing pause: `work` must not mind.  There
 * are no transactions within transactions.  ST_UNAVAILABLE from the COMMIT itself may mean that it
 * happened: make the work repeatable. */
enum status store_transaction(struct store *store,
                              enum status (*work)(struct store *store, void *payload,
                                                  struct err *err),
                              void *payload, struct err *err) MUST_USE;

/* ---- migrations: store/migrations.c ---- */

struct store_migration {
    unsigned version; /* 1, 2, 3, ... */
    const char *name;
    const char *sql; /* statements, with the words above */
};
extern const struct store_migration store_migrations[];
extern const size_t store_migration_count;

struct store_schema {
    unsigned version; /* of the database; 0: empty */
    unsigned known;   /* newest that this program knows */
};
/* ST_CONFLICT: the database is newer than the program. */
enum status store_read_schema(struct store_schema *out, struct store *store,
                              struct err *err) MUST_USE;
/* Each in a transaction of its own, one program at a time.  *applied (may be NULL): how many.
 * ST_CONFLICT: as above. */
enum status store_migrate(struct store *store, const struct clock *clock, unsigned *applied,
                          struct err *err) MUST_USE;
/* The same with another list, for tests. */
enum status store_migrate_list(struct store *store, const struct store_migration *list,
                               size_t count, const struct clock *clock, unsigned *applied,
                               struct err *err) MUST_USE;
