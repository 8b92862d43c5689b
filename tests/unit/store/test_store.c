/* The same cases on SQLite and on a PostgreSQL server of their own. */
#include "support/unit.h"

#include "support/postgres.h"

struct fixture {
    struct temp_folder folder;
    struct postgres server;
    char url[TEMP_PATH_SIZE];
    struct store *store;
    int64_t now_us;
};

static const struct store_options impatient = {.busy_ms = 30};

static struct store *open_store(const struct fixture *fixture)
{
    struct store *store = NULL;
    struct err err;

    if (store_open(&store, fixture->url, &impatient, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return store;
}

static void must_run(struct store *store, const char *sql)
{
    struct err err;

    if (store_run(store, sql, NULL, 0, NULL, &err) != ST_OK)
        fail_msg("%s: %s", sql, err.msg);
}

static int64_t must_int(struct store *store, const char *sql)
{
    int64_t value = -1;
    struct err err;

    if (store_query_int(&value, store, sql, NULL, 0, &err) != ST_OK)
        fail_msg("%s: %s", sql, err.msg);
    return value;
}

/* ---- values ---- */

static const uint8_t every_byte[] = {0, 1, 2, 0xff, '\\', 'x', '\'', 0};

static enum status check_row(void *payload, const struct store_row *row, struct err *err)
{
    (void)err;
    ++*(unsigned *)payload;
    assert_int_equal(store_column_count(row), 8);
    assert_int_equal(store_column_int(row, 0), INT64_MIN);
    assert_true(store_column_real(row, 1) == 0.1); /* exactly */
    assert_true(str_equal(store_column_text(row, 2), "d\xc3\xa9j\xc3\xa0 'vu'"));
    struct bytes bytes = store_column_bytes(row, 3);
    assert_int_equal(bytes.len, sizeof every_byte);
    assert_memory_equal(bytes.at, every_byte, sizeof every_byte);
    assert_true(store_column_is_null(row, 4));
    assert_int_equal(store_column_int(row, 4), 0);
    assert_int_equal(store_column_text(row, 4).len, 0);
    assert_false(store_column_is_null(row, 5)); /* empty is not NULL */
    assert_int_equal(store_column_text(row, 5).len, 0);
    assert_false(store_column_is_null(row, 6));
    assert_int_equal(store_column_bytes(row, 6).len, 0);
    assert_int_equal(store_column_int(row, 7), INT64_MAX);
    return ST_OK;
}

static void test_values_come_back(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct store_value values[] = {
        store_int(INT64_MIN),
        store_real(0.1),
        store_text("d\xc3\xa9j\xc3\xa0 'vu'"),
        store_bytes((struct bytes){every_byte, sizeof every_byte}),
        store_null(),
        store_text(""),
        store_bytes((struct bytes){NULL, 0}),
        store_int(INT64_MAX),
    };
    unsigned rows = 0;

    must_run(store, "CREATE TABLE t (a BIGINT, b DOUBLE PRECISION, c TEXT, d BYTEA, e TEXT, f TEXT,"
                    " g BYTEA, h BIGINT)");
    /* Written in another order than numbered. */
    assert_int_equal(store_run(store,
                               "INSERT INTO t (h, g, f, e, d, c, b, a) VALUES "
                               "($8, $7, $6, $5, $4, $3, $2, $1)",
                               values, ARRAY_LEN(values), NULL, NULL),
                     ST_OK);
    assert_int_equal(store_query(store, "SELECT * FROM t", NULL, 0, 10, check_row, &rows, NULL),
                     ST_OK);
    assert_int_equal(rows, 1);
}

static void test_values_are_checked(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct store_value nul = {.type = STORE_TEXT, .as.text = {"a\0b", 3}};
    struct err err;

    must_run(store, "CREATE TABLE t (a TEXT)");
    assert_int_equal(store_run(store, "INSERT INTO t VALUES ($1)", &nul, 1, NULL, &err),
                     ST_INVALID);
    assert_int_equal(must_int(store, "SELECT count(*) FROM t"), 0);
}

/* ---- statements ---- */

static void test_errors_have_kinds(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct err err;

    must_run(store, "CREATE TABLE t (a BIGINT PRIMARY KEY)");
    must_run(store, "INSERT INTO t VALUES (1)");
    assert_int_equal(store_run(store, "INSERT INTO t VALUES (1)", NULL, 0, NULL, &err),
                     ST_CONFLICT);
    assert_int_equal(store_run(store, "SELEKT 1", NULL, 0, NULL, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "SELEKT"));
    assert_int_equal(store_run(store, "SELECT * FROM nowhere", NULL, 0, NULL, &err), ST_INVALID);
    int64_t value = 7;
    assert_int_equal(store_query_int(&value, store, "SELECT a FROM t WHERE a = 2", NULL, 0, &err),
                     ST_NOT_FOUND);
    assert_int_equal(value, 7);
}

static void test_changed_rows_are_counted(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    uint64_t changed = 99;

    must_run(store, "CREATE TABLE t (a BIGINT PRIMARY KEY)");
    must_run(store, "INSERT INTO t VALUES (1), (2), (3)");
    assert_int_equal(store_run(store, "DELETE FROM t WHERE a > 1", NULL, 0, &changed, NULL), ST_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(store_run(store, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", NULL, 0,
                               &changed, NULL),
                     ST_OK);
    assert_int_equal(changed, 0);
}

static enum status stop_at_two(void *payload, const struct store_row *row, struct err *err)
{
    unsigned *seen = payload;

    (void)row;
    return ++*seen == 2 ? err_set(err, ST_CONFLICT, "enough") : ST_OK;
}

static enum status count_rows(void *payload, const struct store_row *row, struct err *err)
{
    (void)row;
    (void)err;
    ++*(unsigned *)payload;
    return ST_OK;
}

static void test_queries_stop(void **state)
{
    static const char sql[] = "SELECT a FROM t ORDER BY a";
    struct store *store = ((struct fixture *)*state)->store;
    unsigned seen = 0;
    struct err err;

    must_run(store, "CREATE TABLE t (a BIGINT)");
    must_run(store, "INSERT INTO t VALUES (1), (2), (3)");
    assert_int_equal(store_query(store, sql, NULL, 0, 10, stop_at_two, &seen, &err), ST_CONFLICT);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(seen, 2);
    seen = 0;
    assert_int_equal(store_query(store, sql, NULL, 0, 2, count_rows, &seen, &err), ST_LIMIT);
    assert_int_equal(seen, 2);
    seen = 0;
    assert_int_equal(store_query(store, sql, NULL, 0, 3, count_rows, &seen, &err), ST_OK);
    assert_int_equal(seen, 3);
}

static void test_more_statements_than_are_kept(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    char sql[64];

    for (unsigned round = 0; round < 2; round++) {
        for (int i = 0; i < 150; i++) {
            (void)snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(must_int(store, sql), i);
        }
    }
}

/* ---- transactions ---- */

struct many {
    size_t rows;
    int64_t last; /* of the last row */
    uint64_t changed;
    unsigned calls;
};

static enum status insert_many(struct store *store, void *payload, struct err *err)
{
    struct many *many = payload;
    static struct store_value values[2000];

    many->calls++;
    for (size_t i = 0; i < many->rows; i++)
        values[i] = store_int((int64_t)i);
    values[many->rows - 1] = store_int(many->last);
    return store_run_many(store, "INSERT INTO t VALUES ($1)", values, 1, many->rows, &many->changed,
                          err);
}

static void test_many_rows_or_none(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct many broken = {.rows = 1000, .last = 3}; /* a second 3 */
    struct many fine = {.rows = 1000, .last = 5000};
    struct err err;

    must_run(store, "CREATE TABLE t (a BIGINT PRIMARY KEY)");
    assert_int_equal(store_transaction(store, insert_many, &broken, &err), ST_CONFLICT);
    assert_int_equal(broken.calls, 1);
    assert_int_equal(must_int(store, "SELECT count(*) FROM t"), 0);
    assert_int_equal(store_transaction(store, insert_many, &fine, &err), ST_OK);
    assert_int_equal(fine.changed, 1000);
    assert_int_equal(must_int(store, "SELECT max(a) FROM t"), 5000);
    assert_int_equal(must_int(store, "SELECT count(*) FROM t"), 1000);
}

struct busy {
    const struct fixture *fixture;
    unsigned calls;
};

static enum status hold(struct store *store, void *payload, struct err *err)
{
    return store_run(store, "UPDATE t SET a = a + 1", payload, 0, NULL, err);
}

/* The row is another's for good. */
static enum status update_twice(struct store *store, void *payload, struct err *err)
{
    struct busy *busy = payload;
    unsigned nothing = 0;

    enum status st = hold(store, NULL, err);
    if (st != ST_OK)
        return st;
    struct store *other = open_store(busy->fixture);
    busy->calls++;
    st = store_transaction(other, hold, &nothing, err);
    store_close(other);
    assert_int_equal(st, ST_BUSY);
    return ST_OK;
}

static void test_a_locked_row_is_busy(void **state)
{
    struct fixture *fixture = *state;
    struct busy busy = {fixture, 0};

    must_run(fixture->store, "CREATE TABLE t (a BIGINT)");
    must_run(fixture->store, "INSERT INTO t VALUES (1)");
    assert_int_equal(store_transaction(fixture->store, update_twice, &busy, NULL), ST_OK);
    assert_int_equal(busy.calls, 1);
    assert_int_equal(must_int(fixture->store, "SELECT a FROM t"), 2);
}

static enum status busy_twice(struct store *store, void *payload, struct err *err)
{
    unsigned *calls = payload;

    enum status st = store_run(store, "INSERT INTO t VALUES (1)", NULL, 0, NULL, err);
    return st == ST_OK && ++*calls < 3 ? err_set(err, ST_BUSY, "not yet") : st;
}

static void test_busy_transactions_are_repeated(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    unsigned calls = 0;

    must_run(store, "CREATE TABLE t (a BIGINT)");
    assert_int_equal(store_transaction(store, busy_twice, &calls, NULL), ST_OK);
    assert_int_equal(calls, 3);
    assert_int_equal(must_int(store, "SELECT count(*) FROM t"), 1); /* of the third try */
}

/* ---- migrations ---- */

static const struct store_migration two[] = {
    {1, "first", "CREATE TABLE m (id {identity}, a BIGINT); INSERT INTO m (a) VALUES (5), (6)"},
    {2, "second", "ALTER TABLE m ADD COLUMN b BIGINT"},
};
static const struct store_migration broken[] = {
    {1, "first", "CREATE TABLE m (id {identity}, a BIGINT); INSERT INTO m (a) VALUES (5), (6)"},
    {2, "broken", "CREATE TABLE half (a BIGINT); INSERT INTO nowhere VALUES (1)"},
};

static void test_migrations_run_once(void **state)
{
    struct fixture *fixture = *state;
    const struct clock clock = {&fixture->now_us};
    unsigned applied = 0;
    struct err err;

    assert_int_equal(store_migrate_list(fixture->store, two, 2, &clock, &applied, &err), ST_OK);
    assert_int_equal(applied, 2);
    assert_int_equal(must_int(fixture->store, "SELECT a FROM m WHERE id = 2"), 6);
    assert_int_equal(store_migrate_list(fixture->store, two, 2, &clock, &applied, &err), ST_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(must_int(fixture->store, "SELECT min(applied_us) FROM schema_migrations"),
                     fixture->now_us);
    /* A program that knows less refuses. */
    assert_int_equal(store_migrate_list(fixture->store, two, 1, &clock, &applied, &err),
                     ST_CONFLICT);
    assert_non_null(strstr(err.msg, "schema 2"));
}

static void test_a_failed_migration_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct clock clock = {&fixture->now_us};
    struct err err;

    assert_int_not_equal(store_migrate_list(fixture->store, broken, 2, &clock, NULL, &err), ST_OK);
    assert_non_null(strstr(err.msg, "migration 2 (broken)"));
    assert_int_equal(must_int(fixture->store, "SELECT max(version) FROM schema_migrations"), 1);
    must_run(fixture->store, "CREATE TABLE half (a BIGINT)"); /* is not there */
}

static void test_the_schema_is_read(void **state)
{
    struct fixture *fixture = *state;
    const struct clock clock = {&fixture->now_us};
    struct store_schema schema;
    struct err err;

    assert_int_equal(store_read_schema(&schema, fixture->store, &err), ST_OK);
    assert_int_equal(schema.version, 0);
    assert_int_equal(schema.known, store_migration_count);
    assert_int_equal(store_migrate(fixture->store, &clock, NULL, &err), ST_OK);
    assert_int_equal(store_read_schema(&schema, fixture->store, &err), ST_OK);
    assert_int_equal(schema.version, store_migration_count);
    must_run(fixture->store, "INSERT INTO schema_migrations VALUES (900, 'future', 0)");
    assert_int_equal(store_read_schema(&schema, fixture->store, &err), ST_CONFLICT);
    assert_int_equal(store_migrate(fixture->store, &clock, NULL, &err), ST_CONFLICT);
}

static enum status take_first(struct store *store, void *payload, struct err *err)
{
    return store_query_int(payload, store, "SELECT a FROM t ORDER BY a LIMIT 1 {skip_locked}", NULL,
                           0, err);
}

static void test_a_queue_can_be_read(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    int64_t value = 0;

    must_run(store, "CREATE TABLE t (a BIGINT)");
    must_run(store, "INSERT INTO t VALUES (8), (7)");
    assert_int_equal(store_transaction(store, take_first, &value, NULL), ST_OK);
    assert_int_equal(value, 7);
}

/* ---- one database only ---- */

static void test_urls_are_checked(void **state)
{
    struct store *store = NULL;
    struct err err;

    (void)state;
    assert_int_equal(store_open(&store, "mysql://x/y", NULL, &err), ST_UNSUPPORTED);
    assert_int_equal(store_open(&store, "postgresql:///x?host=/nowhere/at/all", NULL, &err),
                     ST_UNAVAILABLE);
    assert_int_not_equal(store_open(&store, "/proc/nowhere/x.db", NULL, &err), ST_OK);
    assert_null(store);
}

static void test_files_are_private(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;

    assert_int_equal(stat(fixture->url, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_a_file_that_is_no_database(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = NULL;
    char path[TEMP_PATH_SIZE];
    struct err err;

    FILE *file = fopen(temp_path(path, &fixture->folder, "text.db"), "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 200; i++)
        (void)fputs("this is no database\n", file);
    (void)fclose(file);
    assert_int_equal(store_open(&store, path, NULL, &err), ST_CORRUPT);
    assert_non_null(strstr(err.msg, path));
}

static void test_a_server_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct many fine = {.rows = 300, .last = 5000};
    struct err err;

    must_run(fixture->store, "CREATE TABLE t (a BIGINT PRIMARY KEY)");
    assert_int_equal(must_int(fixture->store, "SELECT count(*) FROM t"), 0);
    postgres_stop(&fixture->server);
    assert_int_equal(store_transaction(fixture->store, insert_many, &fine, &err), ST_UNAVAILABLE);
    assert_int_equal(store_run(fixture->store, "SELECT 1", NULL, 0, NULL, &err), ST_UNAVAILABLE);
    assert_true(postgres_start(&fixture->server));
    assert_int_equal(store_transaction(fixture->store, insert_many, &fine, &err), ST_OK);
    assert_int_equal(must_int(fixture->store, "SELECT count(*) FROM t"), 300);
}

/* ---- fixtures ---- */

static int open_sqlite(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->now_us = 1700000000000000;
    temp_folder_open(&fixture->folder);
    (void)temp_path(fixture->url, &fixture->folder, "deeper/aidetect.db");
    fixture->store = open_store(fixture);
    *state = fixture;
    return 0;
}

static int close_sqlite(void **state)
{
    struct fixture *fixture = *state;

    store_close(fixture->store);
    temp_folder_close(&fixture->folder);
    free(fixture);
    return 0;
}

static int open_server(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->now_us = 1700000000000000;
    *state = fixture;
    return postgres_open(&fixture->server) ? 0 : -1;
}

static int close_server(void **state)
{
    struct fixture *fixture = *state;

    postgres_close(&fixture->server);
    free(fixture);
    return 0;
}

/* A schema of its own for each case. */
static int open_schema(void **state)
{
    struct fixture *fixture = *state;
    static unsigned count;
    char sql[64];

    (void)snprintf(fixture->url, sizeof fixture->url, "%s", fixture->server.url);
    struct store *store = open_store(fixture);
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA case%u", ++count);
    must_run(store, sql);
    (void)snprintf(sql, sizeof sql, "ALTER ROLE aidetect SET search_path = case%u", count);
    must_run(store, sql);
    store_close(store);
    fixture->store = open_store(fixture);
    return 0;
}

static int close_schema(void **state)
{
    store_close(((struct fixture *)*state)->store);
    return 0;
}

#define SQLITE(test) cmocka_unit_test_setup_teardown(test, open_sqlite, close_sqlite)
#define PG(test)     cmocka_unit_test_setup_teardown(test, open_schema, close_schema)
/* The cases of both databases. */
#define SHARED(ROW)                                                                                \
    ROW(test_values_come_back), ROW(test_values_are_checked), ROW(test_errors_have_kinds),         \
        ROW(test_changed_rows_are_counted), ROW(test_queries_stop),                                \
        ROW(test_more_statements_than_are_kept), ROW(test_many_rows_or_none),                      \
        ROW(test_a_locked_row_is_busy), ROW(test_busy_transactions_are_repeated),                  \
        ROW(test_migrations_run_once), ROW(test_a_failed_migration_leaves_nothing),                \
        ROW(test_the_schema_is_read), ROW(test_a_queue_can_be_read)

int main(void)
{
    const struct CMUnitTest on_sqlite[] = {
        SHARED(SQLITE),
        SQLITE(test_files_are_private),
        SQLITE(test_a_file_that_is_no_database),
        cmocka_unit_test(test_urls_are_checked),
    };
    const struct CMUnitTest on_postgres[] = {SHARED(PG), PG(test_a_server_that_comes_back)};
    int failed = cmocka_run_group_tests_name("sqlite", on_sqlite, NULL, NULL);

    if (postgres_binaries()[0] && (getuid() != 0 || getpwnam("postgres")))
        failed += cmocka_run_group_tests_name("postgresql", on_postgres, open_server, close_server);
    else
        (void)fprintf(stderr, "no PostgreSQL server here: its cases were not run\n");
    return failed;
}
