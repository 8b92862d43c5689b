/* service/fault.h - faults on purpose, so that alerts and people can be tested: slow and failing
 * predictions, memory, descriptors and processors that are taken, a model that seems unloaded.
 * Owns what it takes.  Must not know why.  Thread-safe. */
#pragma once

#include "service/service.h"

struct fault;

void fault_open(struct fault **out);
void fault_close(struct fault *fault); /* gives everything back; NULL is fine */

/* All faults at once: what is not asked for ends.  ST_LIMIT names a value out of range, ST_NOMEM,
 * ST_IO; after a failure none is left. */
enum status fault_set(struct fault *fault, const struct service_faults *faults,
                      struct err *err) MUST_USE;
void fault_read(struct service_faults *out, struct fault *fault); /* NULL: none */

/* Before a photo is judged: waits, or fails with ST_IO.  NULL: neither. */
enum status fault_strike(struct fault *fault, struct err *err) MUST_USE;
