/* Deadlines of connections, on a clock moved by hand and pairs of sockets. */
#include "support/unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "http/watch.h"

static int64_t now_us = 1000000;
static const struct clock manual_clock = {.manual_us = &now_us};

struct fixture {
    struct http_watchlist list;
    struct http_watch *watch;
    int server, client;
};

/* No thread of its own: the test sweeps. */
static void open_fixture(struct fixture *fixture)
{
    int pair[2];

    *fixture = (struct fixture){.list = {.clock = &manual_clock}};
    assert_int_equal(pthread_mutex_init(&fixture->list.lock, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fixture->server = pair[0];
    fixture->client = pair[1];
    fixture->watch = http_watch_add(&fixture->list, fixture->server);
}

static void close_fixture(struct fixture *fixture)
{
    http_watch_remove(&fixture->list, fixture->watch);
    assert_null(fixture->list.first);
    (void)close(fixture->server);
    (void)close(fixture->client);
    (void)pthread_mutex_destroy(&fixture->list.lock);
}

/* What the client can read now; -1 when the connection is open and silent. */
static ssize_t client_reads(const struct fixture *fixture, char out[512])
{
    ssize_t got = recv(fixture->client, out, 511, MSG_DONTWAIT);

    out[MAX_OF(got, 0)] = '\0';
    return got;
}

static void test_slow_request_gets_408(void **state)
{
    struct fixture fixture;
    char text[512];

    (void)state;
    open_fixture(&fixture);
    http_watch_arm(&fixture.list, fixture.watch, 100, true);
    now_us += 99999;
    http_watch_sweep(&fixture.list);
    assert_int_equal(client_reads(&fixture, text), -1);
    assert_false(http_watch_expired(&fixture.list, fixture.watch));
    now_us += 1;
    http_watch_sweep(&fixture.list);
    assert_true(client_reads(&fixture, text) > 0);
    assert_non_null(strstr(text, "HTTP/1.1 408 "));
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_non_null(strstr(text, "Content-Length: 134\r\n"));
    assert_int_equal(strlen(body + 4), 134);
    assert_int_equal(client_reads(&fixture, text), 0);
    assert_true(http_watch_expired(&fixture.list, fixture.watch));
    close_fixture(&fixture);
}

static void test_an_encrypted_connection_gets_no_plain_text(void **state)
{
    struct fixture fixture;
    char text[512];

    (void)state;
    open_fixture(&fixture);
    fixture.list.silent = true;
    http_watch_arm(&fixture.list, fixture.watch, 100, true);
    now_us += 100000;
    http_watch_sweep(&fixture.list);
    assert_int_equal(client_reads(&fixture, text), 0);
    close_fixture(&fixture);
}

static void test_idle_connection_is_closed_without_a_word(void **state)
{
    struct fixture fixture;
    char text[512];

    (void)state;
    open_fixture(&fixture);
    http_watch_arm(&fixture.list, fixture.watch, 100, false);
    now_us += 100000;
    http_watch_sweep(&fixture.list);
    assert_int_equal(client_reads(&fixture, text), 0);
    close_fixture(&fixture);
}

static void test_no_deadline_no_end(void **state)
{
    struct fixture fixture;
    char text[512];

    (void)state;
    open_fixture(&fixture);
    http_watch_arm(&fixture.list, fixture.watch, 100, true);
    http_watch_arm(&fixture.list, fixture.watch, 0, false);
    now_us += 1000000000;
    http_watch_sweep(&fixture.list);
    assert_int_equal(client_reads(&fixture, text), -1);
    close_fixture(&fixture);
}

static void test_client_that_left_is_noticed(void **state)
{
    struct fixture fixture;
    char byte;

    (void)state;
    open_fixture(&fixture);
    http_watch_arm(&fixture.list, fixture.watch, 100, true);
    assert_int_equal(send(fixture.client, "x", 1, 0), 1);
    assert_int_equal(shutdown(fixture.client, SHUT_WR), 0);
    http_watch_sweep(&fixture.list); /* one byte is unread: not yet */
    assert_int_equal(send(fixture.server, "y", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(fixture.server, &byte, 1, 0), 1);
    http_watch_sweep(&fixture.list);
    assert_int_equal(send(fixture.server, "y", 1, MSG_NOSIGNAL), -1); /* shut down */
    assert_false(http_watch_expired(&fixture.list, fixture.watch));
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_request_gets_408),
        cmocka_unit_test(test_an_encrypted_connection_gets_no_plain_text),
        cmocka_unit_test(test_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(test_no_deadline_no_end),
        cmocka_unit_test(test_client_that_left_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
