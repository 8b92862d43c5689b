/* api/log.h - what the API logs: one line a request, and predictions of low confidence on demand.
 * Never bytes of a photo, never a key: a key's id, a photo's hash.  Thread-safe. */
#pragma once

#include "api/routes.h"

/* Who asked, and under which id: for the prediction log. */
void api_sign_job(struct service_job *job, struct http_request *request);
void api_log_request(const struct http_done *done);
/* While the photo is still there; nothing unless it is switched on and the confidence is low. */
void api_log_prediction(struct http_request *request, const struct service_job *job);
