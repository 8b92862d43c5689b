/* Sizes that overflow, and arenas: full, aligned, poisoned, marked, trimmed. */
#include "support/unit.h"

#include <sys/mman.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define ALLOCATOR_REFUSES 0 /* AddressSanitizer ends the program at such sizes */
#else
#define ALLOCATOR_REFUSES 1
#endif

#define MIB ((size_t)1 << 20)

/* A heap that has once held large blocks would keep them for the next ones: small blocks among them
 * keep it from shrinking.  Twice, because a moving threshold moves when the first block is freed.
 */
static void test_large_blocks_go_back(void **state)
{
    enum { COUNT = 64, LARGE = 200000 };
    void *large[COUNT];
    void *small[COUNT];

    (void)state;
    mem_return_large_blocks();
    uint64_t before = mem_heap().free_bytes;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            large[i] = mem_alloc(LARGE, 1);
            small[i] = mem_alloc(100, 1);
        }
        for (int i = 0; i < COUNT; i++)
            mem_free(large[i]);
        assert_true(mem_heap().free_bytes < before + COUNT * LARGE / 4);
        for (int i = 0; i < COUNT; i++)
            mem_free(small[i]);
    }
}

static struct arena *open_arena(size_t capacity)
{
    struct arena *arena = NULL;
    struct err err = {0};

    if (arena_open(&arena, capacity, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return arena;
}

static void test_heap_is_zeroed_and_counted(void **state)
{
    (void)state;
    uint64_t before = mem_allocation_count();
    uint8_t *block = mem_alloc(100, 3);

    for (int i = 0; i < 300; i++)
        assert_int_equal(block[i], 0);
    block[299] = 9;
    uint8_t *grown = mem_try_resize(block, 600, 1);
    assert_non_null(grown);
    assert_int_equal(grown[299], 9);
    assert_int_equal(mem_allocation_count(), before + 2);
    mem_free(grown);
    mem_free(NULL);
    mem_free(mem_alloc(0, 0)); /* nothing is still a block of its own */
    assert_int_equal(mem_allocation_count(), before + 3);
}

static void test_sizes_that_overflow(void **state)
{
    (void)state;
    void *kept = mem_alloc(1, 1);

    assert_null(mem_try_resize(kept, SIZE_MAX / 2 + 1, 2));
    if (ALLOCATOR_REFUSES) {
        assert_null(mem_try_alloc(SIZE_MAX / 2 + 1, 2));
        assert_null(mem_try_alloc(SIZE_MAX / 4, 1));
    }
    mem_free(kept); /* a failed resize leaves the block */
}

static void test_copy_str(void **state)
{
    (void)state;
    char *copy = mem_copy_str((struct str){"abc", 2});

    assert_string_equal(copy, "ab");
    mem_free(copy);
    copy = mem_copy_str((struct str){NULL, 0});
    assert_string_equal(copy, "");
    mem_free(copy);
}

static void test_arena_full(void **state)
{
    (void)state;
    struct arena *arena = open_arena(2 * MIB);

    assert_null(arena_try(arena, SIZE_MAX, 2));
    assert_null(arena_try(arena, SIZE_MAX / 2 + 1, 2)); /* 0 after wrapping round */
    assert_null(arena_try(arena, 2 * MIB + 1, 1));
    uint8_t *all = arena_try(arena, 2 * MIB, 1);
    assert_non_null(all);
    all[0] = all[2 * MIB - 1] = 1;
    assert_int_equal(arena_used(arena), 2 * MIB);
    assert_null(arena_try(arena, 1, 1));
    arena_reset(arena);
    assert_ptr_equal(arena_try(arena, 1, 1), all);
    assert_int_equal(arena_high_water(arena), 2 * MIB);
    arena_close(arena);
    arena_close(NULL);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct arena *arena = NULL;
    struct err err = {0};

    assert_int_equal(arena_open(&arena, ((size_t)64 << 30) + 1, &err), ST_LIMIT);
    assert_null(arena);
    assert_non_null(strstr(err.msg, "68719476736"));
    assert_int_equal(arena_open(&arena, SIZE_MAX, &err), ST_LIMIT);
}

static void test_arena_alignment_and_marks(void **state)
{
    (void)state;
    struct arena *arena = open_arena(2 * MIB);
    uint8_t *first = arena_try(arena, 3, 1);
    size_t mark = arena_mark(arena);

    assert_int_equal((uintptr_t)first % (2 * MIB), 0);
    for (size_t size = 1; size < 200; size += 13) {
        uint8_t *block = arena_try(arena, size, 1);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 0xff, size);
    }
    assert_true(arena_used(arena) > mark);
    arena_release(arena, mark);
    assert_int_equal(arena_used(arena), mark);
    assert_ptr_equal(arena_try(arena, 1, 1), first + 64);
    arena_release(arena, mark);
    assert_ptr_equal(arena_try(arena, 0, 8), first + 64); /* nothing, but a valid address */
    assert_int_equal(arena_used(arena), mark);
    arena_close(arena);
}

#if defined(__SANITIZE_ADDRESS__)
static void test_arena_poison(void **state)
{
    struct arena *arena = open_arena(2 * MIB);
    uint8_t *block = arena_try(arena, 10, 1);

    (void)state;
    assert_false(__asan_address_is_poisoned(block + 9));
    assert_true(__asan_address_is_poisoned(block + 10));
    assert_true(__asan_address_is_poisoned(block + 64));
    arena_reset(arena);
    assert_true(__asan_address_is_poisoned(block));
    arena_touch(arena, 4096);
    assert_true(__asan_address_is_poisoned(block));
    arena_close(arena);
}
#endif

/* Pages of [at, at + bytes) that are in memory. */
static size_t resident_pages(uint8_t *at, size_t bytes)
{
    unsigned char in_memory[4 * MIB / 4096];
    size_t count = 0;

    REQUIRE(bytes / 4096 <= sizeof in_memory);
    REQUIRE(mincore(at, bytes, in_memory) == 0);
    for (size_t i = 0; i < bytes / 4096; i++)
        count += in_memory[i] & 1;
    return count;
}

static void test_arena_trim_gives_pages_back(void **state)
{
    (void)state;
    struct arena *arena = open_arena(6 * MIB);
    uint8_t *base = arena_try(arena, 6 * MIB, 1);

    memset(base, 1, 6 * MIB);
    assert_int_equal(resident_pages(base + 2 * MIB, 4 * MIB), 4 * MIB / 4096);
    arena_reset(arena);
    arena_trim(arena, MIB); /* rounds up to a huge page */
    assert_int_equal(resident_pages(base, 2 * MIB), 2 * MIB / 4096);
    assert_int_equal(resident_pages(base + 2 * MIB, 4 * MIB), 0);
    assert_int_equal(arena_high_water(arena), 2 * MIB);
    base = arena_try(arena, 6 * MIB, 1); /* usable again */
    memset(base, 2, 6 * MIB);
    arena_close(arena);
}

static void test_arena_trim_keeps_what_it_may(void **state)
{
    (void)state;
    struct arena *arena = open_arena(4 * MIB);
    uint8_t *base = arena_try(arena, 100, 1);

    memset(base, 1, 100);
    arena_reset(arena);
    arena_trim(arena, 2 * MIB);
    assert_int_equal(arena_high_water(arena), 128); /* little was used: nothing to do */
    base = arena_try(arena, 1, 1);
    assert_int_equal(base[0], 1);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_is_zeroed_and_counted),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_copy_str),
        cmocka_unit_test(test_large_blocks_go_back),
        cmocka_unit_test(test_arena_full),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_arena_alignment_and_marks),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(test_arena_poison),
#endif
        cmocka_unit_test(test_arena_trim_gives_pages_back),
        cmocka_unit_test(test_arena_trim_keeps_what_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
