#include "api/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/access.h"
#include "base/hash.h"
#include "base/log.h"

#define TRACE_TEXT_SIZE 128

/* " trace=... span=... parent=...", or nothing. */
static const char *trace_text(char out[TRACE_TEXT_SIZE], const struct api_client *client)
{
    out[0] = '\0';
    if (client->is_traced)
        (void)snprintf(out, TRACE_TEXT_SIZE, " trace=%s span=%s parent=%s", client->trace.trace_id,
                       client->trace.span_id, client->trace.parent_id);
    return out;
}

/* The quiet ones are those that machines ask all day. */
void api_log_request(const struct http_done *done)
{
    static const struct access_address none = {{0}};
    const struct api_client *client = done->context;
    const struct api_route *route = done->route < api_route_count ? &api_routes[done->route] : NULL;
    bool quiet = done->status == 200 && route && route->body_max == 0;
    bool judged = memcmp(&client->address, &none, sizeof none) != 0;
    char trace[TRACE_TEXT_SIZE];
    char address[ACCESS_ADDRESS_TEXT_SIZE];
    struct access_address peer;

    /* A head that the gate refused was never judged: all there is is the socket. */
    memcpy(peer.bytes, done->peer, sizeof peer.bytes);
    log_write(quiet ? LOG_DEBUG : LOG_INFO, "http.request",
              "request=%s method=%.*s endpoint=%s status=%u us=%" PRId64 " bytes_in=%" PRIu64
              " bytes_out=%" PRIu64 " key=%s peer=%s%s",
              done->request_id, (int)done->method.len, done->method.at,
              route ? route->path : "other", done->status, done->duration_us, done->body_len,
              done->answer_len, client->has_key ? client->identity.id : "-",
              access_address_text(address, judged ? &client->address : &peer),
              trace_text(trace, client));
}

void api_log_prediction(struct http_request *request, const struct service_job *job)
{
    const struct api_client *client = http_request_context(request, sizeof *client);
    const struct service_prediction *prediction = &job->prediction;
    char trace[TRACE_TEXT_SIZE];
    char hash[HASH_HEX_SIZE];

    if (!client->log_low_confidence || job->status != ST_OK ||
        strcmp(prediction->confidence, "low") != 0)
        return;
    log_info("prediction.low_confidence",
             "request=%s prediction=%s probability=%.6f inference_ms=%.3f model=%s bytes=%zu "
             "sha256=%s key=%s%s",
             http_request_id(request), prediction->prediction, prediction->probability,
             prediction->inference_time_ms, prediction->model_version, job->photo.len,
             hash_sha256_hex(hash, job->photo), client->has_key ? client->identity.id : "-",
             trace_text(trace, client));
}

void api_sign_job(struct service_job *job, struct http_request *request)
{
    const struct api_client *client = http_request_context(request, sizeof *client);

    job->request_id = http_request_id(request);
    job->trace_id = client->is_traced ? client->trace.trace_id : NULL;
    job->key_id = client->has_key ? client->identity.id : NULL;
    job->sender = client->sender;
}
