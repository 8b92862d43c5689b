/* The log on SQLite and on a PostgreSQL server, with the database away and back, and a spool that
 * a crash left behind.  No sleeps: flush returns when everything is kept somewhere. */
#include "support/unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "service/prediction_log.h"
#include "service/spool.h"
#include "support/postgres.h"

struct fixture {
    struct temp_folder folder;
    struct postgres server; /* pid 0: SQLite */
    char url[TEMP_PATH_SIZE];
    int64_t now_us;
    struct clock clock;
};

static struct service_record record_of(const struct fixture *fixture, int64_t number)
{
    struct service_record record = {
        .time_us = fixture->now_us + number,
        .photo_bytes = 1000,
        .width = 640,
        .height = 480,
        .probability = 0.25,
        .confidence = 1,
        .threshold = 0.5,
        .queue_us = 7,
        .inference_us = 9,
        .evidence = 5,
        .decision = 2,
        .sender = 77,
        .embedding = INT64_C(-0x123456789abcdef),
    };

    service_record_set_text(record.request_id, "req\xff");
    service_record_set_text(record.photo_sha256, "abc");
    service_record_set_text(record.model_version, "1.2.3");
    return record;
}

static struct prediction_log *open_log(struct fixture *fixture,
                                       const struct prediction_log_options *wanted)
{
    struct prediction_log_options options = *wanted;
    struct prediction_log *log = NULL;
    struct err err;

    options.url = fixture->url;
    options.folder = fixture->folder.path;
    options.clock = &fixture->clock;
    options.spool_bytes_max = options.spool_bytes_max ? options.spool_bytes_max : 1u << 20;
    if (prediction_log_open(&log, &options, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return log;
}

static void add(struct prediction_log *log, const struct fixture *fixture, int64_t from,
                int64_t count)
{
    for (int64_t i = from; i < from + count; i++) {
        struct service_record record = record_of(fixture, i);
        prediction_log_add(log, &record);
    }
}

static int64_t ask(const struct fixture *fixture, const char *sql)
{
    struct store *store = NULL;
    int64_t value = -1;
    struct err err = {0};

    if (store_open(&store, fixture->url, NULL, &err) != ST_OK ||
        store_query_int(&value, store, sql, NULL, 0, &err) != ST_OK)
        fail_msg("%s: %s", sql, err.msg);
    store_close(store);
    return value;
}

static struct prediction_log_state state_of(struct prediction_log *log)
{
    struct prediction_log_state state;

    prediction_log_read(&state, log);
    return state;
}

/* ---- cases of both databases ---- */

static void test_closing_writes_everything(void **state)
{
    struct fixture *fixture = *state;
    /* As many records as fit into the ring: none takes the way by the spool. */
    struct prediction_log *log = open_log(
        fixture, &(struct prediction_log_options){.batch_rows = 100, .interval_ms = 60000});

    add(log, fixture, 0, 100);
    prediction_log_flush(log);
    struct prediction_log_state now = state_of(log);
    assert_int_equal(now.written, 100);
    assert_int_equal(now.waiting, 0);
    assert_true(now.is_up && now.lag_s == 0);
    add(log, fixture, 100, 17);
    prediction_log_close(log);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 117);
    assert_int_equal(ask(fixture, "SELECT count(DISTINCT sequence) FROM predictions"), 117);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions WHERE request_id = 'req?' AND "
                                  "evidence = 5 AND probability = 0.25 AND decision = 2 AND "
                                  "embedding = -81985529216486895 AND sender = 77"),
                     117);
}

static void test_a_line_of_an_earlier_version_is_read(void **state)
{
    static const char without[] = ",\"decision\":2";
    struct service_record record = record_of(*state, 1);
    struct service_record read;
    struct buf line;
    struct err err;

    buf_init(&line, SERVICE_RECORD_LINE_BYTES);
    service_record_write_line(&line, &record);
    assert_int_equal(service_record_read_line(&read, buf_bytes(&line), &err), ST_OK);
    assert_int_equal(read.decision, 2);
    char *at = strstr((char *)line.at, without);
    assert_non_null(at);
    memmove(at, at + strlen(without), strlen(at + strlen(without)) + 1);
    line.len -= strlen(without);
    assert_int_equal(service_record_read_line(&read, buf_bytes(&line), &err), ST_OK);
    assert_int_equal(read.decision, -1);
    assert_int_equal(read.width, 640);
    buf_fini(&line);
}

static enum status insert_twice(struct store *store, const struct service_record *records,
                                size_t count)
{
    struct err err;
    enum status st = service_record_insert(store, records, count, &err);

    return st == ST_OK ? service_record_insert(store, records, count, &err) : st;
}

static void test_a_record_is_kept_once(void **state)
{
    struct fixture *fixture = *state;
    struct service_record records[2] = {record_of(fixture, 1), record_of(fixture, 2)};
    struct store *store = NULL;

    prediction_log_close(open_log(fixture, &(struct prediction_log_options){0}));
    records[0].sequence = 1;
    records[1].sequence = 2;
    assert_int_equal(store_open(&store, fixture->url, NULL, NULL), ST_OK);
    assert_int_equal(insert_twice(store, records, 2), ST_OK);
    store_close(store);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 2);
}

/* A crash after the database took a batch and before the spool knew: nothing comes twice. */
static void test_what_a_crash_left_behind_is_replayed(void **state)
{
    struct fixture *fixture = *state;
    struct service_spool *spool = NULL;
    struct service_record records[3];
    struct store *store = NULL;
    char path[TEMP_PATH_SIZE];
    struct err err;

    for (int64_t i = 0; i < 3; i++) {
        records[i] = record_of(fixture, i);
        records[i].run = 7;
        records[i].sequence = i + 1;
    }
    prediction_log_close(open_log(fixture, &(struct prediction_log_options){0}));
    assert_int_equal(store_open(&store, fixture->url, NULL, NULL), ST_OK);
    assert_int_equal(service_record_insert(store, records, 1, &err), ST_OK);
    store_close(store);
    assert_int_equal(service_spool_open(&spool, fixture->folder.path, 1u << 20, &err), ST_OK);
    assert_int_equal(service_spool_add(spool, records, 3, SERVICE_SPOOL_SYNCED, &err), ST_OK);
    service_spool_close(spool);
    FILE *file = fopen(temp_path(path, &fixture->folder, "spool-0.jsonl"), "ab");
    assert_non_null(file);
    (void)fputs("{\"run\":7,\"sequ", file); /* the fourth was cut off */
    (void)fclose(file);

    struct prediction_log *log = open_log(fixture, &(struct prediction_log_options){0});
    add(log, fixture, 10, 1);
    prediction_log_flush(log);
    prediction_log_close(log);
    log = open_log(fixture, &(struct prediction_log_options){0});
    assert_int_equal(state_of(log).spool_bytes, 0);
    prediction_log_close(log);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions WHERE run = 7"), 3);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 4);
}

static void test_old_records_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct prediction_log *log = open_log(fixture, &(struct prediction_log_options){0});

    add(log, fixture, -10 * 86400000000, 1500); /* ten days old, two batches */
    add(log, fixture, 0, 20);
    prediction_log_flush(log);
    prediction_log_close(log);
    log = open_log(fixture, &(struct prediction_log_options){.retention_days = 9});
    while (state_of(log).forgotten < 1500)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    prediction_log_close(log);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 20);
    log = open_log(fixture, &(struct prediction_log_options){.retention_rows = 8});
    while (state_of(log).forgotten < 12)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    prediction_log_close(log);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 8);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions WHERE time_us >= "
                                  "(SELECT max(time_us) FROM predictions) - 7"),
                     8);
}

static void test_a_newer_schema_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct prediction_log *log = open_log(fixture, &(struct prediction_log_options){0});
    struct prediction_log_options options = {.url = fixture->url,
                                             .folder = fixture->folder.path,
                                             .clock = &fixture->clock,
                                             .spool_bytes_max = 65536};
    struct store *store = NULL;
    struct err err;

    prediction_log_close(log);
    assert_int_equal(store_open(&store, fixture->url, NULL, NULL), ST_OK);
    assert_int_equal(
        store_run(store, "INSERT INTO schema_migrations VALUES (900, 'x', 0)", NULL, 0, NULL, NULL),
        ST_OK);
    store_close(store);
    assert_int_equal(prediction_log_open(&log, &options, &err), ST_CONFLICT);
}

/* ---- the database away ---- */

static size_t lines_of(int fd, const char *event)
{
    char text[8192];
    ssize_t got = read(fd, text, sizeof text - 1);
    size_t lines = 0;

    text[got > 0 ? got : 0] = '\0';
    for (const char *at = text; (at = strstr(at, event)); at++)
        lines++;
    return lines;
}

/* The operator reads of it once; the counters go on. */
static void test_a_full_spool_drops(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    int kept = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)snprintf(fixture->url, sizeof fixture->url, "postgresql:///x?host=/nowhere");
    struct prediction_log *log = open_log(
        fixture,
        &(struct prediction_log_options){
            .batch_rows = 10, .interval_ms = 1, .retry_ms = 60000, .spool_bytes_max = 8192});
    for (unsigned i = 0; i < 10; i++) {
        add(log, fixture, i * 10, 10);
        prediction_log_flush(log);
    }
    struct prediction_log_state now = state_of(log);
    assert_false(now.is_up);
    assert_int_equal(now.written, 0);
    assert_int_equal(now.spooled + now.dropped, 100);
    assert_true(now.spooled >= 10 && now.dropped >= 10);
    assert_in_range(now.spool_bytes, 1000, 8192);
    prediction_log_close(log);
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    (void)close(ends[1]);
    assert_int_equal(lines_of(ends[0], "event=prediction_log.dropped "), 1);
    (void)close(ends[0]);
}

/* ---- the database slow ---- */

#define SLOW_BATCH   10
#define SLOW_RECORDS 100

struct slow {
    struct fixture *fixture;
    struct prediction_log *log;
    bool kill;
};

/* As long as this goes on nobody else writes to the database. */
static enum status add_meanwhile(struct store *store, void *payload, struct err *err)
{
    struct slow *slow = payload;
    enum status st = store_run(store, "DELETE FROM predictions WHERE run = -1", NULL, 0, NULL, err);

    if (st != ST_OK)
        return st;
    add(slow->log, slow->fixture, 0, SLOW_RECORDS);
    struct prediction_log_state now = state_of(slow->log);
    assert_int_equal(now.waiting, SLOW_BATCH);
    assert_int_equal(now.spooled, SLOW_RECORDS - SLOW_BATCH);
    assert_int_equal(now.written + now.dropped, 0);
    if (slow->kill)
        (void)kill(getpid(), SIGKILL);
    return ST_OK;
}

static void add_to_slow_database(struct fixture *fixture, struct prediction_log *log, bool killed)
{
    struct slow slow = {fixture, log, killed};
    struct store *store = NULL;
    struct err err;

    assert_int_equal(store_open(&store, fixture->url, NULL, &err), ST_OK);
    assert_int_equal(store_transaction(store, add_meanwhile, &slow, &err), ST_OK);
    store_close(store);
}

static const struct prediction_log_options slow_options = {.batch_rows = SLOW_BATCH,
                                                           .interval_ms = 60000};

static void test_a_slow_database_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct prediction_log *log = open_log(fixture, &slow_options);

    add_to_slow_database(fixture, log, false);
    prediction_log_flush(log);
    assert_int_equal(state_of(log).dropped, 0);
    prediction_log_close(log);
    prediction_log_close(open_log(fixture, &slow_options)); /* what was left in the spool */
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), SLOW_RECORDS);
    assert_int_equal(ask(fixture, "SELECT max(sequence) FROM predictions"), SLOW_RECORDS);
}

/* However slow the database was. */
static void test_a_kill_takes_one_batch_at_most(void **state)
{
    struct fixture *fixture = *state;
    int status = 0;

    prediction_log_close(open_log(fixture, &slow_options)); /* the schema is there */
    pid_t child = fork();
    if (child == 0) {
        add_to_slow_database(fixture, open_log(fixture, &slow_options), true);
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct prediction_log *log = open_log(fixture, &slow_options);
    prediction_log_flush(log);
    prediction_log_close(log);
    prediction_log_close(open_log(fixture, &slow_options));
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), SLOW_RECORDS - SLOW_BATCH);
}

/* While the server is down records are spooled; back again, they come in their order, once. */
static void test_a_server_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct prediction_log *log = open_log(
        fixture,
        &(struct prediction_log_options){.batch_rows = 10, .interval_ms = 1, .retry_ms = 1});

    add(log, fixture, 0, 5);
    prediction_log_flush(log);
    postgres_stop(&fixture->server);
    for (unsigned i = 0; i < 5; i++) {
        add(log, fixture, 5 + i * 5, 5);
        prediction_log_flush(log);
    }
    struct prediction_log_state now = state_of(log);
    assert_int_equal(now.spooled, 25);
    assert_int_equal(now.dropped, 0);
    assert_false(now.is_up);
    fixture->now_us += 3000000;
    assert_true(state_of(log).lag_s > 2.9);
    assert_true(postgres_start(&fixture->server));
    while (state_of(log).written < 30) /* it finds out by itself */
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    prediction_log_flush(log);
    assert_true(state_of(log).is_up);
    prediction_log_close(log);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM predictions"), 30);
    assert_int_equal(ask(fixture, "SELECT max(sequence) FROM predictions"), 30);
}

/* ---- the spool alone ---- */

static void test_two_processes_have_two_spools(void **state)
{
    struct fixture *fixture = *state;
    struct service_spool *first = NULL, *second = NULL;
    struct service_record record = record_of(fixture, 1);
    struct service_record read[4];
    size_t count = 0, broken = 0;
    struct err err;

    assert_int_equal(service_spool_open(&first, fixture->folder.path, 65536, &err), ST_OK);
    assert_int_equal(service_spool_open(&second, fixture->folder.path, 65536, &err), ST_OK);
    assert_int_equal(service_spool_add(second, &record, 1, SERVICE_SPOOL_WRITTEN, &err), ST_OK);
    assert_true(service_spool_is_empty(first));
    service_spool_close(first);
    service_spool_close(second);
    /* The next one takes over what the second left behind. */
    assert_int_equal(service_spool_open(&first, fixture->folder.path, 65536, &err), ST_OK);
    assert_int_equal(service_spool_read(read, &count, 4, &broken, first, &err), ST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(broken, 0);
    assert_memory_equal(&read[0], &record, sizeof record);
    assert_int_equal(service_spool_done(first, &err), ST_OK);
    assert_true(service_spool_is_empty(first));
    service_spool_close(first);
}

/* ---- fixtures ---- */

static struct fixture *new_fixture(void)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->now_us = 1700000000000000;
    fixture->clock.manual_us = &fixture->now_us;
    temp_folder_open(&fixture->folder);
    return fixture;
}

static int open_sqlite(void **state)
{
    struct fixture *fixture = new_fixture();

    (void)temp_path(fixture->url, &fixture->folder, "aidetect.db");
    *state = fixture;
    return 0;
}

static int close_sqlite(void **state)
{
    struct fixture *fixture = *state;

    temp_folder_close(&fixture->folder);
    free(fixture);
    return 0;
}

static int open_server(void **state)
{
    struct fixture *fixture = new_fixture();

    *state = fixture;
    if (!postgres_open(&fixture->server))
        return -1;
    (void)snprintf(fixture->url, sizeof fixture->url, "%s", fixture->server.url);
    return 0;
}

static int close_server(void **state)
{
    postgres_close(&((struct fixture *)*state)->server);
    return close_sqlite(state);
}

/* Tables and spool of the case before are gone. */
static int clear_server(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = NULL;

    if (store_open(&store, fixture->url, NULL, NULL) != ST_OK)
        return -1;
    enum status st = store_run(store, "DROP SCHEMA public CASCADE", NULL, 0, NULL, NULL);
    if (st == ST_OK)
        st = store_run(store, "CREATE SCHEMA public", NULL, 0, NULL, NULL);
    store_close(store);
    return st == ST_OK ? 0 : -1;
}

#define SQLITE(test) cmocka_unit_test_setup_teardown(test, open_sqlite, close_sqlite)
#define PG(test)     cmocka_unit_test_setup(test, clear_server)
#define SHARED(ROW)                                                                                \
    ROW(test_closing_writes_everything), ROW(test_a_line_of_an_earlier_version_is_read),           \
        ROW(test_a_record_is_kept_once), ROW(test_what_a_crash_left_behind_is_replayed),           \
        ROW(test_old_records_are_forgotten), ROW(test_a_newer_schema_is_refused)

int main(void)
{
    const struct CMUnitTest on_sqlite[] = {
        SHARED(SQLITE),
        SQLITE(test_a_full_spool_drops),
        SQLITE(test_a_slow_database_loses_nothing),
        SQLITE(test_a_kill_takes_one_batch_at_most),
        SQLITE(test_two_processes_have_two_spools),
    };
    const struct CMUnitTest on_postgres[] = {SHARED(PG), PG(test_a_server_that_comes_back)};
    int failed = cmocka_run_group_tests_name("sqlite", on_sqlite, NULL, NULL);

    if (postgres_binaries()[0] && (getuid() != 0 || getpwnam("postgres")))
        failed += cmocka_run_group_tests_name("postgresql", on_postgres, open_server, close_server);
    else
        (void)fprintf(stderr, "no PostgreSQL server here: its cases were not run\n");
    return failed;
}
