/* api/accept.h - which of two media types a client would rather have (RFC 9110, 12.5.1).
 * Must not know what they are for.  Thread-safe. */
#pragma once

#include "base/base.h"

/* Whether the Accept field says that OpenMetrics 1.0 is welcome, at least as much as plain text. */
bool api_accepts_openmetrics(struct str accept);
