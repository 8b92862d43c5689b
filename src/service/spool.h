/* service/spool.h - records that wait for the database: a bounded file of lines, in order.
 * A file belongs to one process at a time (flock); what another one left behind is taken over.
 * One thread at a time. */
#pragma once

#include "service/record.h"

struct service_spool;

/* DATA/spool-N.jsonl with the first N that no other process holds. */
enum status service_spool_open(struct service_spool **out, const char *folder, size_t bytes_max,
                               struct err *err) MUST_USE;
void service_spool_close(struct service_spool *spool); /* keeps the file; NULL is fine */

/* What an added record outlives: the process, or the machine as well. */
enum service_spool_sync { SERVICE_SPOOL_WRITTEN, SERVICE_SPOOL_SYNCED };
/* Appends; all of them or none.  ST_LIMIT: over bytes_max. */
enum status service_spool_add(struct service_spool *spool, const struct service_record *records,
                              size_t count, enum service_spool_sync sync, struct err *err) MUST_USE;
/* Up to `max` records from where the last service_spool_done left off.  Lines that are no record,
 * as a crash leaves them, are passed over and counted in *broken. */
enum status service_spool_read(struct service_record *out, size_t *count, size_t max,
                               size_t *broken, struct service_spool *spool,
                               struct err *err) MUST_USE;
/* What was read is safe elsewhere; the file is emptied once that is all of it. */
enum status service_spool_done(struct service_spool *spool, struct err *err) MUST_USE;
bool service_spool_is_empty(const struct service_spool *spool);
size_t service_spool_bytes(const struct service_spool *spool); /* that wait */
