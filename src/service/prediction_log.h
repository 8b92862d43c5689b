/* service/prediction_log.h - keeps a record of every finished prediction without slowing one down:
 * workers put records into a ring of one batch, one writer thread takes them to the database, or to
 * the spool while that is away; it also forgets old records.  When the ring is full, because the
 * database is slow, who adds a record writes it to the spool: a process that is killed loses no
 * more than one batch.  What prediction_log_add took is written by the next flush or close.
 * Thread-safe, but for open and close. */
#pragma once

#include "base/clock.h"
#include "service/record.h"

struct prediction_log;
struct service_review;

struct prediction_log_options {
    const char *url;    /* of the store */
    const char *folder; /* of the spool; borrowed until it is open */
    size_t spool_bytes_max;
    unsigned batch_rows;           /* in memory at most; half of them start a transaction; 0: 256 */
    unsigned interval_ms;          /* a record waits for others at most; 0: 500 */
    unsigned retention_days;       /* 0: for ever */
    uint64_t retention_rows;       /* 0: any number */
    struct service_review *review; /* forgets with the log; borrowed, NULL: no photos are kept */
    unsigned retry_ms;             /* between two tries to reach the database; 0: 1000 */
    const struct clock *clock;
};

#define PREDICTION_LOG_BATCH_MAX      4096u
#define PREDICTION_LOG_FORGET_ROWS    1000u /* deleted at once */
#define PREDICTION_LOG_FORGET_EVERY_S 60

/* A database that is away is no error: records are spooled until it is there.  One whose schema is
 * newer is (ST_CONFLICT), and so is a malformed URL. */
enum status prediction_log_open(struct prediction_log **out,
                                const struct prediction_log_options *options,
                                struct err *err) MUST_USE;
/* Writes what is left; NULL is fine. */
void prediction_log_close(struct prediction_log *log);

/* Copies `record`, numbers the copy; never waits for the database.  A full ring sends it to the
 * spool, a full spool drops it. */
void prediction_log_add(struct prediction_log *log, const struct service_record *record);
/* Counts a record as dropped, and takes none: for trials of what happens then. */
void prediction_log_lose(struct prediction_log *log);
/* Returns when everything added before is in the database or the spool, or counted as dropped. */
void prediction_log_flush(struct prediction_log *log);

struct prediction_log_state {
    uint64_t written; /* records that are in the database, those from the spool included */
    uint64_t spooled;
    uint64_t dropped;   /* the spool had no room */
    uint64_t broken;    /* lines of the spool that were no record */
    uint64_t forgotten; /* by retention */
    size_t waiting;     /* in memory only */
    size_t spool_bytes;
    double lag_s; /* age of the oldest record that is not in the database; 0: none */
    bool is_up;   /* the database took the last batch */
};
void prediction_log_read(struct prediction_log_state *out, struct prediction_log *log);
