#include "service/review.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#define NAME_SIZE   128
#define PATH_SIZE   4096
#define TIME_DIGITS 16 /* names sort by time, until the year 2286 */
#define DAY_US      INT64_C(86400000000)
#define UNFINISHED  ".tmp"

/* One file; the list is in order of time. */
struct kept {
    char name[NAME_SIZE];
    int64_t time_us;
    uint64_t bytes;
    struct kept *next;
};

struct service_review {
    struct service_review_options options;
    char folder[PATH_SIZE - NAME_SIZE];
    _Atomic uint64_t drawn;
    pthread_mutex_t lock; /* guards everything below */
    struct kept *first, *last;
    struct service_review_state state;
};

/* ---- files ---- */

static void path_of(char out[PATH_SIZE], const struct service_review *review, const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", review->folder, name);
}

static bool write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t wrote = write(fd, data.at, data.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        data.at += wrote;
        data.len -= (size_t)wrote;
    }
    return true;
}

/* Whole or not at all to whoever looks into the folder.  Not synced: a worker waits for it, and a
 * photo that a power failure takes is no loss. */
static enum status write_photo(const struct service_review *review, const char *name,
                               struct bytes photo, struct err *err)
{
    char path[PATH_SIZE];
    char unfinished[PATH_SIZE + sizeof UNFINISHED];
    enum status st = ST_OK;

    path_of(path, review, name);
    (void)snprintf(unfinished, sizeof unfinished, "%s" UNFINISHED, path);
    int fd =
        open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return err_set(err, ST_IO, "cannot open '%.100s': %s", unfinished, strerror(errno));
    if (!write_all(fd, photo))
        st = err_set(err, ST_IO, "cannot write '%.100s': %s", unfinished, strerror(errno));
    (void)close(fd);
    if (st == ST_OK && rename(unfinished, path) != 0)
        st = err_set(err, ST_IO, "cannot rename '%.100s': %s", unfinished, strerror(errno));
    if (st != ST_OK)
        (void)unlink(unfinished);
    return st;
}

/* ---- the list; all with the lock held ---- */

static void append(struct service_review *review, const char *name, int64_t time_us, uint64_t bytes)
{
    struct kept *kept = mem_alloc(1, sizeof *kept);

    (void)snprintf(kept->name, sizeof kept->name, "%s", name);
    kept->time_us = time_us;
    kept->bytes = bytes;
    if (review->last)
        review->last->next = kept;
    else
        review->first = kept;
    review->last = kept;
    review->state.photo_count++;
    review->state.bytes += bytes;
}

static void drop_first(struct service_review *review)
{
    struct kept *kept = review->first;

    review->first = kept->next;
    if (!review->first)
        review->last = NULL;
    review->state.photo_count--;
    review->state.bytes -= kept->bytes;
    mem_free(kept);
}

/* A file that somebody else has taken away is gone as well. */
static void delete_first(struct service_review *review)
{
    char path[PATH_SIZE];

    path_of(path, review, review->first->name);
    (void)unlink(path);
    drop_first(review);
}

static void make_room(struct service_review *review, uint64_t bytes)
{
    while (review->first && (review->state.bytes + bytes > review->options.bytes_max ||
                             review->state.photo_count >= SERVICE_REVIEW_PHOTOS_MAX))
        delete_first(review);
}

/* ---- life ---- */

/* The time of a file of ours; false: it is none. */
static bool read_name(int64_t *time_us, const char *name)
{
    size_t len = strlen(name);

    if (len < TIME_DIGITS + HASH_HEX_SIZE || len >= NAME_SIZE || name[TIME_DIGITS] != '-' ||
        strcmp(name + len - (sizeof UNFINISHED - 1), UNFINISHED) == 0)
        return false;
    return str_to_int(time_us, (struct str){name, TIME_DIGITS}, 0, INT64_MAX);
}

static enum status list_folder(struct service_review *review, struct err *err)
{
    struct fs_list list = {0};
    enum status st = fs_list_files(&list, review->folder, 2 * SERVICE_REVIEW_PHOTOS_MAX, err);

    for (size_t i = 0; st == ST_OK && i < list.count; i++) {
        const char *slash = strrchr(list.paths[i], '/');
        const char *name = slash ? slash + 1 : list.paths[i];
        struct fs_stamp stamp = fs_stamp(list.paths[i]);
        int64_t time_us = 0;
        if (read_name(&time_us, name))
            append(review, name, time_us, (uint64_t)stamp.size);
    }
    fs_list_free(&list);
    return st;
}

enum status service_review_open(struct service_review **out,
                                const struct service_review_options *options, struct err *err)
{
    struct service_review *review = mem_alloc(1, sizeof *review);

    review->options = *options;
    (void)pthread_mutex_init(&review->lock, NULL);
    (void)snprintf(review->folder, sizeof review->folder, "%s", options->folder);
    enum status st = fs_make_folder(review->folder, err);
    if (st == ST_OK && chmod(review->folder, S_IRWXU) != 0)
        st = err_set(err, ST_IO, "cannot close '%.100s' to others: %s", review->folder,
                     strerror(errno));
    if (st == ST_OK)
        st = list_folder(review, err);
    if (st != ST_OK) {
        service_review_close(review);
        return st;
    }
    make_room(review, 0);
    *out = review;
    return ST_OK;
}

void service_review_close(struct service_review *review)
{
    if (!review)
        return;
    while (review->first)
        drop_first(review);
    (void)pthread_mutex_destroy(&review->lock);
    mem_free(review);
}

/* ---- use ---- */

static void tell_failure(struct service_review *review, const struct err *err)
{
    char quoted[LOG_QUOTED_SIZE];

    (void)pthread_mutex_lock(&review->lock);
    bool first = review->state.failed++ == 0;
    (void)pthread_mutex_unlock(&review->lock);
    if (first) /* once a run: a full disk would say so with every photo */
        log_error("review.not_kept", "error=%s", log_quote(quoted, err->msg));
}

double service_review_keep(struct service_review *review, struct bytes photo, const char *sha256,
                           const char *format)
{
    uint64_t number = atomic_fetch_add(&review->drawn, 1);
    struct rng rng = rng_derive(review->options.seed, number);
    int64_t now_us = clock_utc_us(review->options.clock);
    char name[NAME_SIZE];
    struct err err;

    if (rng_unit(&rng) >= review->options.sample_rate || photo.len > review->options.bytes_max)
        return 0;
    (void)snprintf(name, sizeof name, "%016" PRId64 "-%.64s.%.8s", now_us, sha256,
                   format ? format : "bin");
    if (write_photo(review, name, photo, &err) != ST_OK) {
        tell_failure(review, &err);
        return 0;
    }
    (void)pthread_mutex_lock(&review->lock);
    make_room(review, photo.len);
    append(review, name, now_us, photo.len);
    (void)pthread_mutex_unlock(&review->lock);
    return review->options.sample_rate;
}

void service_review_forget(struct service_review *review, int64_t now_us)
{
    int64_t before_us = now_us - (int64_t)review->options.retention_days * DAY_US;

    (void)pthread_mutex_lock(&review->lock);
    while (review->options.retention_days && review->first && review->first->time_us < before_us)
        delete_first(review);
    (void)pthread_mutex_unlock(&review->lock);
}

void service_review_read(struct service_review_state *out, struct service_review *review)
{
    (void)pthread_mutex_lock(&review->lock);
    *out = review->state;
    (void)pthread_mutex_unlock(&review->lock);
}
