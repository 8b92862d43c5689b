/* base/mem.h - the only door to the heap, and arenas.
 * Sizes we chose: mem_alloc aborts.  Sizes the outside chose: mem_try_alloc and arena_try
 * return NULL.  Counters are atomic; an arena belongs to one thread at a time. */
#pragma once

#include "base/base.h"

/* Zeroed memory for `count` items of `size` bytes; aborts when there is none. */
void *mem_alloc(size_t count, size_t size) __attribute__((returns_nonnull)) MUST_USE;
/* The same, NULL when there is none or count * size overflows. */
void *mem_try_alloc(size_t count, size_t size) MUST_USE;
/* Grows or shrinks; new bytes are not zeroed.  NULL leaves the old block as it was. */
void *mem_try_resize(void *block, size_t count, size_t size) MUST_USE;
void mem_free(void *block);                                                    /* NULL is fine */
char *mem_copy_str(struct str text) __attribute__((returns_nonnull)) MUST_USE; /* NUL-ended */

/* From here on, blocks of 128 KiB and more go back to the system when they are freed, instead of
 * staying in a heap that grew once.  For processes that live long. */
void mem_return_large_blocks(void);

/* Calls of the functions above and of arena_open since the start: steady state adds none. */
uint64_t mem_allocation_count(void);

/* What the heap holds now: bytes handed out, and bytes kept for the next ones. */
struct mem_heap {
    uint64_t used_bytes;
    uint64_t free_bytes;
};
struct mem_heap mem_heap(void);
/* Address space of all open arenas; pages are resident once they were touched. */
uint64_t mem_arena_bytes(void);

/* A bump allocator over one mapping, 2 MiB aligned, huge pages advised, touched by use only.
 * What it hands out is 64-byte aligned and zeroed only on request.  Poisoned under ASan. */
struct arena;

/* At most `capacity` bytes will ever be handed out between two resets. */
enum status arena_open(struct arena **out, size_t capacity, struct err *err) MUST_USE;
void arena_close(struct arena *arena); /* NULL is fine */
void arena_reset(struct arena *arena); /* everything handed out is gone; keeps the pages */
/* Writes one byte a page, so that no later use takes a page fault. */
void arena_touch(struct arena *arena, size_t bytes);

/* Gives pages beyond `keep` bytes back to the system, if more were ever used since the last trim.
 * The arena must be empty. */
void arena_trim(struct arena *arena, size_t keep);

/* Not zeroed.  NULL when the arena is full or count * size overflows. */
void *arena_try(struct arena *arena, size_t count, size_t size) MUST_USE;
#define ARENA_NEW(arena, type, count) ((type *)arena_try((arena), (count), sizeof(type)))

/* A mark to return to: scratch memory of a function that leaves nothing behind. */
size_t arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, size_t mark);
size_t arena_used(const struct arena *arena);
size_t arena_high_water(const struct arena *arena); /* most bytes ever used at once */
