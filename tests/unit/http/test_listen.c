/* Whether a listening socket is for this machine only: what keys and limits depend on. */
#include "support/unit.h"

#include <unistd.h>

#include "http/listen.h"

static void test_loopback_sockets(void **state)
{
    static const struct {
        const char *listen;
        bool loopback;
    } cases[] = {{"127.0.0.1:0", true}, {"127.9.9.9:0", true}, {"0.0.0.0:0", false}, {":0", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = -1;
        unsigned port = 0;
        struct err err;
        assert_int_equal(http_listen(&fd, &port, cases[i].listen, &err), ST_OK);
        assert_int_equal(http_listen_is_loopback(fd), cases[i].loopback);
        (void)close(fd);
    }
    assert_false(http_listen_is_loopback(-1));
    assert_false(http_listen_is_loopback(STDIN_FILENO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loopback_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
