/* Processors and the process's own figures, compared with what the test makes happen. */
#define _GNU_SOURCE /* sched_getcpu */
#include "support/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"

static void test_count_and_name(void **state)
{
    (void)state;
    const char *name = cpu_vector_name();

    assert_true(cpu_count() >= 1 && cpu_count() <= 4096);
    assert_true(strcmp(name, "AVX-512") == 0 || strcmp(name, "AVX2") == 0 ||
                strcmp(name, "baseline") == 0);
}

static void *pin(void *payload)
{
    unsigned index = *(unsigned *)payload;
    cpu_set_t mine;

    cpu_pin_thread(index);
    CPU_ZERO(&mine);
    REQUIRE(sched_getaffinity(0, sizeof mine, &mine) == 0);
    REQUIRE(CPU_COUNT(&mine) == 1 && CPU_ISSET(sched_getcpu(), &mine));
    *(unsigned *)payload = (unsigned)sched_getcpu();
    return NULL;
}

static void test_pinning(void **state)
{
    (void)state;
    unsigned count = cpu_count();

    for (unsigned i = 0; i < 2 * count && i < 8; i++) {
        unsigned cpu = i;
        unsigned again = i + count; /* modulo their number */
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, pin, &cpu), 0);
        pthread_join(thread, NULL);
        assert_int_equal(pthread_create(&thread, NULL, pin, &again), 0);
        pthread_join(thread, NULL);
        assert_int_equal(cpu, again);
    }
    assert_int_equal(cpu_count(), count); /* only the threads were pinned */
}

static void test_memory_figures(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    struct cpu_process_stats before;
    struct cpu_process_stats after;

    cpu_process_stats(&before);
    assert_true(before.resident_bytes > 1u << 20 && before.resident_bytes < (uint64_t)4 << 30);
    assert_true(before.virtual_bytes >= before.resident_bytes);
    uint8_t *block = malloc(BYTES);
    assert_non_null(block);
    memset(block, 1, BYTES);
    cpu_process_stats(&after);
    assert_true(block[BYTES / 2] == 1);
    free(block);
    assert_true(after.resident_bytes >= before.resident_bytes + BYTES * 3 / 4);
    assert_true(after.virtual_bytes >= before.virtual_bytes + BYTES);
    assert_true(after.minor_faults > before.minor_faults);
}

static void test_time_figures(void **state)
{
    (void)state;
    struct cpu_process_stats before;
    struct cpu_process_stats after;
    volatile double sum = 0;

    cpu_process_stats(&before);
    int64_t start = clock_thread_cpu_us();
    while (clock_thread_cpu_us() - start < 50000)
        sum = sum + 1;
    cpu_process_stats(&after);
    assert_true(after.cpu_seconds > before.cpu_seconds + 0.04);
    double now = (double)clock_utc_us(&clock_system) / 1e6;
    assert_true(before.start_time_seconds > now - 120 && before.start_time_seconds < now + 2);
}

static void test_file_figures(void **state)
{
    (void)state;
    struct cpu_process_stats before;
    struct cpu_process_stats after;
    int files[5];

    cpu_process_stats(&before);
    for (int i = 0; i < 5; i++)
        files[i] = open("/dev/null", O_RDONLY);
    cpu_process_stats(&after);
    for (int i = 0; i < 5; i++)
        close(files[i]);
    assert_int_equal(after.open_fds, before.open_fds + 5);
    assert_true(after.max_fds > after.open_fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_and_name), cmocka_unit_test(test_pinning),
        cmocka_unit_test(test_memory_figures), cmocka_unit_test(test_time_figures),
        cmocka_unit_test(test_file_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
