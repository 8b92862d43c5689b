#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 10000
#define TIMEOUT_MS         60000
#define ANSWER_BYTES_MAX   (16u << 20)
#define DELAY_FIRST_MS     250u
#define DELAY_MAX_MS       8000u
#define RETRY_AFTER_MAX_S  60
#define DOUBLINGS_MAX      5u

struct http_client {
    struct http_client_options options;
    CURL *easy;
    struct curl_slist *fields;
    struct buf answer;
    struct rng rng;
    char message[CURL_ERROR_SIZE];
};

static void wait_really(void *payload, unsigned ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)payload;
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ; /* the rest of it */
}

static size_t on_answer(char *at, size_t size, size_t count, void *payload)
{
    struct buf *answer = payload;

    buf_add(answer, at, size * count);
    return answer->failed ? 0 : size * count; /* 0 ends the transfer */
}

static void add_field(struct http_client *client, const char *name, const char *value)
{
    struct buf line;

    buf_init(&line, 1024);
    buf_printf(&line, "%s: %s", name, value);
    buf_add(&line, "", 1);
    struct curl_slist *longer = curl_slist_append(client->fields, (const char *)line.at);
    if (longer)
        client->fields = longer;
    buf_fini(&line);
}

static void set_up(struct http_client *client)
{
    const struct http_client_options *options = &client->options;

    (void)curl_easy_setopt(client->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(client->easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(client->easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)options->connect_timeout_ms);
    (void)curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    (void)curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, client->message);
    (void)curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, &client->answer);
    (void)curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->fields);
    if (options->user_agent)
        (void)curl_easy_setopt(client->easy, CURLOPT_USERAGENT, options->user_agent);
}

enum status http_client_open(struct http_client **out, const struct http_client_options *options,
                             struct err *err)
{
    struct http_client *client = mem_alloc(1, sizeof *client);
    struct http_client_options *own = &client->options;

    *own = *options;
    own->connect_timeout_ms =
        own->connect_timeout_ms ? own->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    own->timeout_ms = own->timeout_ms ? own->timeout_ms : TIMEOUT_MS;
    own->wait = own->wait ? own->wait : wait_really;
    buf_init(&client->answer, own->answer_bytes_max ? own->answer_bytes_max : ANSWER_BYTES_MAX);
    client->rng = rng_seed(own->seed);
    client->easy = curl_easy_init();
    if (!client->easy) {
        http_client_close(client);
        return err_set(err, ST_IO, "libcurl does not start");
    }
    add_field(client, "Expect", ""); /* no waiting for 100: the answer to a form comes at once */
    if (own->api_key)
        add_field(client, "X-API-Key", own->api_key);
    if (own->sender)
        add_field(client, "X-Sender-ID", own->sender);
    set_up(client);
    *out = client;
    return ST_OK;
}

void http_client_close(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->easy);
    curl_slist_free_all(client->fields);
    buf_fini(&client->answer);
    mem_free(client);
}

unsigned http_client_delay_ms(unsigned retry, int64_t retry_after_s, struct rng *rng)
{
    if (retry_after_s >= 0)
        return (unsigned)MIN_OF(retry_after_s, RETRY_AFTER_MAX_S) * 1000;
    unsigned delay = MIN_OF(DELAY_FIRST_MS << MIN_OF(retry, DOUBLINGS_MAX), DELAY_MAX_MS);

    return (unsigned)(delay * rng_range(rng, 0.75, 1.25));
}

/* Sends what the handle was told; a transfer that ends without an answer is an error. */
static enum status perform(struct http_client *client, struct err *err)
{
    buf_reset(&client->answer);
    client->message[0] = '\0';
    CURLcode code = curl_easy_perform(client->easy);
    if (client->answer.failed)
        return err_set(err, ST_LIMIT, "the answer is over %zu bytes", client->answer.max);
    if (code != CURLE_OK)
        return err_set(err, ST_IO, "%s",
                       client->message[0] ? client->message : curl_easy_strerror(code));
    return ST_OK;
}

static enum status ask(struct http_client_answer *out, struct http_client *client, struct err *err)
{
    for (unsigned retry = 0;; retry++) {
        long status = 0;
        curl_off_t retry_after_s = 0;
        struct curl_header *field = NULL;
        enum status st = perform(client, err);
        if (st != ST_OK)
            return st;
        (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        bool busy = status == 429 || status == 503;
        if (!busy || retry == client->options.retries) {
            *out = (struct http_client_answer){
                .status = (unsigned)status,
                .body = buf_bytes(&client->answer),
                .attempts = retry + 1,
            };
            return ST_OK;
        }
        (void)curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        bool said =
            curl_easy_header(client->easy, "Retry-After", 0, CURLH_HEADER, -1, &field) == CURLHE_OK;
        client->options.wait(
            client->options.payload,
            http_client_delay_ms(retry, said ? (int64_t)retry_after_s : -1, &client->rng));
    }
}

/* curl_mime_data would copy the photo: it reads from the caller's memory instead. */
struct source {
    struct bytes data;
    size_t at;
};

static size_t on_read(char *to, size_t size, size_t count, void *payload)
{
    struct source *source = payload;
    size_t n = MIN_OF(size * count, source->data.len - source->at);

    for (size_t i = 0; i < n; i++)
        to[i] = (char)source->data.at[source->at + i];
    source->at += n;
    return n;
}

static int on_seek(void *payload, curl_off_t offset, int origin)
{
    struct source *source = payload;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > source->data.len)
        return CURL_SEEKFUNC_FAIL;
    source->at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool add_part(curl_mime *form, const struct http_client_part *part, struct source *source)
{
    curl_mimepart *added = curl_mime_addpart(form);

    *source = (struct source){.data = part->data};
    return added && curl_mime_name(added, part->name) == CURLE_OK &&
           curl_mime_filename(added, part->filename) == CURLE_OK &&
           curl_mime_type(added, "application/octet-stream") == CURLE_OK &&
           curl_mime_data_cb(added, (curl_off_t)part->data.len, on_read, on_seek, NULL, source) ==
               CURLE_OK;
}

enum status http_client_post_form(struct http_client_answer *out, struct http_client *client,
                                  const char *url, const struct http_client_part *parts,
                                  size_t count, struct err *err)
{
    struct source *sources = mem_alloc(count, sizeof *sources);
    curl_mime *form = curl_mime_init(client->easy);
    bool fine = form != NULL;

    for (size_t i = 0; fine && i < count; i++)
        fine = add_part(form, &parts[i], &sources[i]);
    fine = fine && curl_easy_setopt(client->easy, CURLOPT_MIMEPOST, form) == CURLE_OK &&
           curl_easy_setopt(client->easy, CURLOPT_URL, url) == CURLE_OK;
    enum status st = fine ? ask(out, client, err)
                          : err_set(err, ST_NOMEM, "no room for a form of %zu parts", count);
    (void)curl_easy_setopt(client->easy, CURLOPT_MIMEPOST, NULL);
    curl_mime_free(form);
    mem_free(sources);
    return st;
}

enum status http_client_get(struct http_client_answer *out, struct http_client *client,
                            const char *url, struct err *err)
{
    if (curl_easy_setopt(client->easy, CURLOPT_HTTPGET, 1L) != CURLE_OK ||
        curl_easy_setopt(client->easy, CURLOPT_URL, url) != CURLE_OK)
        return err_set(err, ST_NOMEM, "no room for an address of %zu bytes", strlen(url));
    return ask(out, client, err);
}
