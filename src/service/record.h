/* service/record.h - one finished prediction as it is kept: in the database, in the spool and in
 * exports.  Never bytes of a photo.  Owns nothing; thread-safe. */
#pragma once

#include "base/buf.h"
#include "store/store.h"

#define SERVICE_RECORD_TEXT_SIZE  72
#define SERVICE_RECORD_COLUMNS    22
#define SERVICE_RECORD_LINE_BYTES 4096 /* of a spooled record at most */

struct service_record {
    int64_t run, sequence; /* together its key: writing it twice keeps one */
    int64_t time_us;       /* since 1970-01-01 UTC */
    char request_id[SERVICE_RECORD_TEXT_SIZE];
    char photo_sha256[SERVICE_RECORD_TEXT_SIZE];
    int64_t photo_bytes, width, height;
    double probability;
    int64_t ai_generated, confidence; /* 0, 1; 0 low to 2 high */
    double threshold;
    char model_version[SERVICE_RECORD_TEXT_SIZE];
    char model_hash[SERVICE_RECORD_TEXT_SIZE];
    int64_t queue_us, inference_us;
    char key_id[SERVICE_RECORD_TEXT_SIZE]; /* empty: no key */
    int64_t evidence;                      /* a set of bits, see service_quality_name */
    double sample_rate; /* the photo was kept for review with this probability; 0: it was not */
    int64_t decision;   /* 0 real, 1 unsure, 2 ai_generated; -1: of a version that knew two */
    int64_t sender;     /* whom the photo is from, see access/sender.h; 0: not known */
    int64_t embedding;  /* the bits of detect_result's; 0: none */
};

/* Copies what fits; anything but printable ASCII becomes '?', so that every database takes it. */
void service_record_set_text(char out[SERVICE_RECORD_TEXT_SIZE], const char *text);

/* The columns of the table, in the order of the struct; `out` borrows the record's texts. */
void service_record_values(struct store_value out[SERVICE_RECORD_COLUMNS],
                           const struct service_record *record);
#define SERVICE_RECORD_SELECT                                                                      \
    "SELECT run, sequence, time_us, request_id, photo_sha256, photo_bytes, width, height, "        \
    "probability, ai_generated, confidence, threshold, model_version, model_hash, queue_us, "      \
    "inference_us, key_id, evidence, sample_rate, decision, embedding, sender FROM predictions "
void service_record_read_row(struct service_record *out, const struct store_row *row);
/* All of them or none, those that are already there are left out. */
enum status service_record_insert(struct store *store, const struct service_record *records,
                                  size_t count, struct err *err) MUST_USE;

/* A line of JSON with its line end, and back.  ST_INVALID: no such line. */
void service_record_write_line(struct buf *out, const struct service_record *record);
enum status service_record_read_line(struct service_record *out, struct bytes line,
                                     struct err *err) MUST_USE;
