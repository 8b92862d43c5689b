#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define POISONING 1
#elif defined(__has_feature) /* clang */
#if __has_feature(address_sanitizer)
#define POISONING 1
#endif
#endif

#ifdef POISONING
#include <sanitizer/asan_interface.h>
#define POISON(at, size)   ASAN_POISON_MEMORY_REGION((at), (size))
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION((at), (size))
#else
#define POISON(at, size)   ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

#define ARENA_ALIGN    64u        /* one cache line, one AVX-512 register */
#define HUGE_PAGE_SIZE (2u << 20) /* x86-64 */
#define PAGE_SIZE_MIN  4096u
#define ARENA_MAX      (64ull << 30u) /* a sane ceiling: 64 GiB */

struct arena {
    uint8_t *base;      /* 2 MiB aligned, inside the mapping */
    size_t capacity;    /* usable bytes from base */
    size_t used;        /* multiple of ARENA_ALIGN */
    size_t high_water;  /* largest `used` so far */
    void *mapping;      /* what munmap gets back */
    size_t mapping_len; /* bytes */
};

static _Atomic uint64_t allocation_count;
static _Atomic uint64_t arena_bytes;

static void *count_and_return(void *block)
{
    atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    return block;
}

void mem_return_large_blocks(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* the default, but no longer a moving one */
}

uint64_t mem_allocation_count(void)
{
    return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}

struct mem_heap mem_heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return (struct mem_heap){.used_bytes = info.uordblks + info.hblkhd,
                             .free_bytes = info.fordblks};
}

uint64_t mem_arena_bytes(void)
{
    return atomic_load_explicit(&arena_bytes, memory_order_relaxed);
}

void *mem_try_alloc(size_t count, size_t size)
{
    return count_and_return(calloc(count ? count : 1, size ? size : 1));
}

void *mem_alloc(size_t count, size_t size)
{
    void *block = mem_try_alloc(count, size);

    REQUIRE(block != NULL);
    return block;
}

void *mem_try_resize(void *block, size_t count, size_t size)
{
    size_t total = 0;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return count_and_return(realloc(block, total ? total : 1));
}

void mem_free(void *block)
{
    free(block);
}

char *mem_copy_str(struct str text)
{
    char *copy = mem_alloc(text.len + 1, 1);

    if (text.len)
        memcpy(copy, text.at, text.len);
    return copy;
}

enum status arena_open(struct arena **out, size_t capacity, struct err *err)
{
    if (capacity > ARENA_MAX)
        return err_set(err, ST_LIMIT, "an arena of %zu bytes is over %llu", capacity, ARENA_MAX);

    size_t usable = (capacity + HUGE_PAGE_SIZE - 1) / HUGE_PAGE_SIZE * HUGE_PAGE_SIZE;
    size_t mapping_len = usable + HUGE_PAGE_SIZE;
    void *mapping = mmap(NULL, mapping_len, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return err_set(err, ST_NOMEM, "no room for an arena of %zu bytes", capacity);

    uintptr_t start = (uintptr_t)mapping;
    uintptr_t aligned = (start + HUGE_PAGE_SIZE - 1) / HUGE_PAGE_SIZE * HUGE_PAGE_SIZE;
    uint8_t *base = (uint8_t *)mapping + (aligned - start);
    (void)madvise(base, usable, MADV_HUGEPAGE); /* an advice: without it, only slower */

    struct arena *arena = mem_alloc(1, sizeof *arena);
    *arena = (struct arena){
        .base = base, .capacity = usable, .mapping = mapping, .mapping_len = mapping_len};
    POISON(arena->base, arena->capacity);
    atomic_fetch_add_explicit(&arena_bytes, usable, memory_order_relaxed);
    *out = arena;
    return ST_OK;
}

void arena_close(struct arena *arena)
{
    if (!arena)
        return;
    UNPOISON(arena->base, arena->capacity);
    atomic_fetch_sub_explicit(&arena_bytes, arena->capacity, memory_order_relaxed);
    (void)munmap(arena->mapping, arena->mapping_len);
    mem_free(arena);
}

void arena_touch(struct arena *arena, size_t bytes)
{
    size_t end = MIN_OF(bytes, arena->capacity);

    REQUIRE(arena->used == 0); /* touching writes zeros over what was handed out */
    UNPOISON(arena->base, end);
    for (size_t at = 0; at < end; at += PAGE_SIZE_MIN)
        ((volatile uint8_t *)arena->base)[at] = 0;
    POISON(arena->base, end);
}

void *arena_try(struct arena *arena, size_t count, size_t size)
{
    size_t total = 0;

    if (__builtin_mul_overflow(count, size, &total) || total > arena->capacity - arena->used)
        return NULL;

    uint8_t *block = arena->base + arena->used;
    size_t rounded = (total + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    UNPOISON(block, total);
    arena->used = MIN_OF(arena->used + rounded, arena->capacity);
    arena->high_water = MAX_OF(arena->high_water, arena->used);
    return block;
}

size_t arena_mark(const struct arena *arena)
{
    return arena->used;
}

void arena_release(struct arena *arena, size_t mark)
{
    REQUIRE(mark <= arena->used);
    POISON(arena->base + mark, arena->used - mark);
    arena->used = mark;
}

void arena_reset(struct arena *arena)
{
    arena_release(arena, 0);
}

void arena_trim(struct arena *arena, size_t keep)
{
    size_t from = (keep + HUGE_PAGE_SIZE - 1) / HUGE_PAGE_SIZE * HUGE_PAGE_SIZE;

    REQUIRE(arena->used == 0);
    if (arena->high_water <= from || from >= arena->capacity)
        return;
    (void)madvise(arena->base + from, arena->capacity - from, MADV_DONTNEED);
    arena->high_water = from;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

size_t arena_high_water(const struct arena *arena)
{
    return arena->high_water;
}
