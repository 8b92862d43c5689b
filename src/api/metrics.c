/* api/metrics.c - GET /metrics, in the format that the client asks for.
 * Threads: HTTP threads; never waits. */
#include "api/accept.h"
#include "api/routes.h"

#define TEXT_TYPE        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

void api_handle_metrics(void *payload, struct http_request *request)
{
    struct buf *text = http_request_buffer(request);
    struct str accept;
    bool openmetrics =
        http_request_header(&accept, request, "Accept") && api_accepts_openmetrics(accept);

    service_write_metrics(text, ((struct api *)payload)->options.service, openmetrics);
    http_answer_field(request, "Vary", "Accept");
    const struct http_answer answer = {
        .status = 200,
        .content_type = openmetrics ? OPENMETRICS_TYPE : TEXT_TYPE,
        .body = buf_bytes(text),
    };
    http_answer(request, &answer);
}
