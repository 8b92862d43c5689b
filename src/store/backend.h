/* store/backend.h - what a database must be able to do; store.c does the rest.
 * Included by src/store only. */
#pragma once

#include "store/store.h"

typedef enum status store_visit(void *payload, const struct store_row *row, struct err *err);

struct store_backend {
    const char *name;
    const char *identity;    /* replaces {identity} */
    const char *skip_locked; /* replaces {skip_locked} */
    const char *begin;
    const char *schema_lock; /* statement that lets one program migrate at a time, in a transaction;
                                NULL: `begin` does */
    void (*close)(void *connection);
    /* Connected?  Outside of transactions a lost connection is made again. */
    enum status (*ensure)(void *connection, struct err *err);
    /* Statements without values, several at once; results are dropped. */
    enum status (*script)(void *connection, const char *sql, struct err *err);
    enum status (*run)(void *connection, const char *sql, const struct store_value *values,
                       size_t count, size_t rows, uint64_t *changed, struct err *err);
    enum status (*query)(void *connection, const char *sql, const struct store_value *values,
                         size_t count, size_t rows_max, store_visit *visit, void *payload,
                         struct err *err);
};

enum status store_sqlite_open(void **out, const struct store_backend **backend, const char *path,
                              const struct store_options *options, struct err *err) MUST_USE;
enum status store_postgres_open(void **out, const struct store_backend **backend, const char *url,
                                const struct store_options *options, struct err *err) MUST_USE;

/* A row as a backend shows it. */
struct store_row {
    const void *context;
    size_t count;
    bool (*is_null)(const void *context, size_t column);
    int64_t (*integer)(const void *context, size_t column);
    double (*real)(const void *context, size_t column);
    struct str (*text)(const void *context, size_t column);
    struct bytes (*bytes)(const void *context, size_t column);
};

/* A text of SQL with the words of `backend` in it.  ST_LIMIT: over STORE_SQL_MAX. */
enum status store_expand(char out[STORE_SQL_MAX], const struct store_backend *backend,
                         const char *sql, struct err *err) MUST_USE;

/* Statements that were prepared, found again by their text. */
#define STORE_PREPARED_MAX 64

struct store_prepared {
    char *sql; /* as the caller wrote it; NULL: free */
    void *statement;
    uint64_t used; /* the least recently used one makes room */
};
struct store_cache {
    struct store_prepared entries[STORE_PREPARED_MAX];
    uint64_t uses;
};
/* The entry of `sql`, or the one to use for it, whose `sql` is not that text. */
struct store_prepared *store_cache_find(struct store_cache *cache, const char *sql);
