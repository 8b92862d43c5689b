/* store/migrations.c - the schema, step by step: one list for every database.
 * A step that was released is never changed; the next one is added below it, numbered. */
#include "store/store.h"

const struct store_migration store_migrations[] = {
    {1, "predictions",
     "CREATE TABLE predictions ("
     " run BIGINT NOT NULL,"         /* of the program: random */
     " sequence BIGINT NOT NULL,"    /* 1, 2, ... in the run: the pair makes writing repeatable */
     " time_us BIGINT NOT NULL,"     /* since 1970-01-01 UTC */
     " request_id TEXT NOT NULL,"    /* as answered in X-Request-ID */
     " photo_sha256 TEXT NOT NULL,"  /* of the encoded photo, lower-case hexadecimal */
     " photo_bytes BIGINT NOT NULL," /* of the encoded photo */
     " width BIGINT NOT NULL,"       /* upright, pixels */
     " height BIGINT NOT NULL,"
     " probability DOUBLE PRECISION NOT NULL,"
     " ai_generated BIGINT NOT NULL," /* 0, 1 */
     " confidence BIGINT NOT NULL,"   /* 0 low, 1 medium, 2 high */
     " threshold DOUBLE PRECISION NOT NULL,"
     " model_version TEXT NOT NULL,"
     " model_hash TEXT NOT NULL,"
     " queue_us BIGINT NOT NULL,"
     " inference_us BIGINT NOT NULL,"
     " key_id TEXT NOT NULL,"     /* of the client; empty: none */
     " evidence BIGINT NOT NULL," /* a set of quality flags */
     " PRIMARY KEY (run, sequence));"
     "CREATE INDEX predictions_time ON predictions (time_us);"
     "CREATE INDEX predictions_photo ON predictions (photo_sha256);"
     "CREATE INDEX predictions_request ON predictions (request_id)"},
    {2, "predictions: kept for review", /* with this probability; 0: the photo was not kept */
     "ALTER TABLE predictions ADD COLUMN sample_rate DOUBLE PRECISION NOT NULL DEFAULT 0"},
    {3,
     "predictions: three decisions", /* 0 real, 1 unsure, 2 ai_generated; -1: not recorded then */
     "ALTER TABLE predictions ADD COLUMN decision BIGINT NOT NULL DEFAULT -1"},
    {4, "predictions: embeddings", /* 16 numbers of 4 bits; 0: none */
     "ALTER TABLE predictions ADD COLUMN embedding BIGINT NOT NULL DEFAULT 0"},
    {5, "predictions: senders", /* 0: not known */
     "ALTER TABLE predictions ADD COLUMN sender BIGINT NOT NULL DEFAULT 0"},
};
const size_t store_migration_count = ARRAY_LEN(store_migrations);
