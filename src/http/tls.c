#include "http/tls.h"

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

#define LOOK_US         1000000
#define RETIRED_KEPT_US (600 * INT64_C(1000000)) /* far longer than a handshake may take */

struct credential {
    gnutls_certificate_credentials_t handle;
    int64_t retired_us;
    struct credential *next;
};

struct http_tls {
    char *certificate_path;
    char *key_path;
    bool only_1_3;
    const struct clock *clock;
    struct bytes certificate; /* of the start */
    struct bytes key;
    pthread_mutex_t lock; /* guards what follows */
    int64_t looked_us;
    struct fs_stamp certificate_stamp; /* of the last attempt to read */
    struct fs_stamp key_stamp;
    struct credential *current;
    struct credential *retired; /* newest first */
};

static void free_credential(struct credential *credential)
{
    gnutls_certificate_free_credentials(credential->handle);
    mem_free(credential);
}

static enum status make_credential(struct credential **out, struct bytes certificate,
                                   struct bytes key, struct err *err)
{
    gnutls_certificate_credentials_t handle = NULL;
    const gnutls_datum_t certificate_text = {(unsigned char *)(uintptr_t)certificate.at,
                                             (unsigned)certificate.len};
    const gnutls_datum_t key_text = {(unsigned char *)(uintptr_t)key.at, (unsigned)key.len};

    if (gnutls_certificate_allocate_credentials(&handle) != GNUTLS_E_SUCCESS)
        return err_set(err, ST_NOMEM, "no room for TLS credentials");
    int result = gnutls_certificate_set_x509_key_mem(handle, &certificate_text, &key_text,
                                                     GNUTLS_X509_FMT_PEM);
    if (result != GNUTLS_E_SUCCESS) {
        gnutls_certificate_free_credentials(handle);
        return err_set(err, ST_INVALID, "%s", gnutls_strerror(result));
    }
    struct credential *credential = mem_alloc(1, sizeof *credential);
    credential->handle = handle;
    *out = credential;
    return ST_OK;
}

/* A private key's memory is not left behind. */
static void forget(struct bytes text)
{
    if (text.at)
        gnutls_memset((void *)(uintptr_t)text.at, 0, text.len);
    mem_free((void *)(uintptr_t)text.at);
}

static enum status read_files(struct bytes *certificate, struct bytes *key,
                              const struct http_tls *tls, struct err *err)
{
    struct bytes first = {0};
    enum status st = fs_read(&first, tls->certificate_path, HTTP_TLS_FILE_MAX, err);

    if (st != ST_OK)
        return st;
    st = fs_read(key, tls->key_path, HTTP_TLS_FILE_MAX, err);
    if (st != ST_OK) {
        forget(first);
        return st;
    }
    *certificate = first;
    return ST_OK;
}

static enum status load(struct http_tls *tls, struct credential **credential,
                        struct bytes *certificate, struct bytes *key, struct err *err)
{
    enum status st = read_files(certificate, key, tls, err);

    if (st != ST_OK)
        return st;
    st = make_credential(credential, *certificate, *key, err);
    if (st != ST_OK) {
        err_prefix(err, "'%.80s' and '%.80s'", tls->certificate_path, tls->key_path);
        forget(*certificate);
        forget(*key);
    }
    return st;
}

enum status http_tls_open(struct http_tls **out, const struct http_tls_options *options,
                          const struct clock *clock, struct err *err)
{
    struct http_tls *tls = mem_alloc(1, sizeof *tls);
    struct bytes certificate = {0};
    struct bytes key = {0};

    tls->certificate_path = mem_copy_str(str_of(options->certificate));
    tls->key_path = mem_copy_str(str_of(options->key ? options->key : options->certificate));
    tls->only_1_3 = options->only_1_3;
    tls->clock = clock;
    (void)pthread_mutex_init(&tls->lock, NULL);
    tls->looked_us = clock_monotonic_us(clock);
    tls->certificate_stamp = fs_stamp(tls->certificate_path);
    tls->key_stamp = fs_stamp(tls->key_path);
    enum status st = load(tls, &tls->current, &certificate, &key, err);
    if (st != ST_OK) {
        http_tls_close(tls);
        return st;
    }
    tls->certificate = certificate;
    tls->key = key;
    *out = tls;
    return ST_OK;
}

void http_tls_close(struct http_tls *tls)
{
    if (!tls)
        return;
    while (tls->retired) {
        struct credential *next = tls->retired->next;
        free_credential(tls->retired);
        tls->retired = next;
    }
    if (tls->current)
        free_credential(tls->current);
    forget(tls->certificate);
    forget(tls->key);
    mem_free(tls->certificate_path);
    mem_free(tls->key_path);
    (void)pthread_mutex_destroy(&tls->lock);
    mem_free(tls);
}

/* Frees what no handshake can use any more. */
static void free_old(struct http_tls *tls, int64_t now_us)
{
    struct credential **link = &tls->retired;

    while (*link) {
        struct credential *credential = *link;
        if (now_us - credential->retired_us < RETIRED_KEPT_US) {
            link = &credential->next;
            continue;
        }
        *link = credential->next;
        free_credential(credential);
    }
}

enum status http_tls_reload(struct http_tls *tls, struct err *err)
{
    struct credential *fresh = NULL;
    struct bytes certificate = {0};
    struct bytes key = {0};
    enum status st = load(tls, &fresh, &certificate, &key, err);

    if (st != ST_OK)
        return st;
    forget(certificate);
    forget(key);
    int64_t now_us = clock_monotonic_us(tls->clock);
    (void)pthread_mutex_lock(&tls->lock);
    free_old(tls, now_us);
    tls->current->retired_us = now_us;
    tls->current->next = tls->retired;
    tls->retired = tls->current;
    tls->current = fresh;
    (void)pthread_mutex_unlock(&tls->lock);
    return ST_OK;
}

/* True for one caller after each change. */
static bool claim_change(struct http_tls *tls)
{
    int64_t now_us = clock_monotonic_us(tls->clock);
    bool changed = false;

    (void)pthread_mutex_lock(&tls->lock);
    if (now_us - tls->looked_us >= LOOK_US) {
        struct fs_stamp certificate = fs_stamp(tls->certificate_path);
        struct fs_stamp key = fs_stamp(tls->key_path);
        changed = !fs_same_stamp(&certificate, &tls->certificate_stamp) ||
                  !fs_same_stamp(&key, &tls->key_stamp);
        tls->looked_us = now_us;
        tls->certificate_stamp = certificate;
        tls->key_stamp = key;
    }
    (void)pthread_mutex_unlock(&tls->lock);
    return changed;
}

enum status http_tls_follow(struct http_tls *tls, bool *changed, struct err *err)
{
    *changed = claim_change(tls);
    return *changed ? http_tls_reload(tls, err) : ST_OK;
}

const char *http_tls_certificate(const struct http_tls *tls)
{
    return tls ? (const char *)tls->certificate.at : NULL;
}

const char *http_tls_key(const struct http_tls *tls)
{
    return tls ? (const char *)tls->key.at : NULL;
}

const char *http_tls_priorities(const struct http_tls *tls)
{
    if (!tls)
        return NULL;
    return tls->only_1_3 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3"
                         : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";
}

void http_tls_enter(struct http_tls *tls, void *session)
{
    (void)pthread_mutex_lock(&tls->lock);
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->current->handle);
    (void)pthread_mutex_unlock(&tls->lock);
}
