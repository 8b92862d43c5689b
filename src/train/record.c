#include "train/record.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define BYTES_MAX (16u << 20)

void train_record_add(struct train_record *record, const struct train_epoch *epoch)
{
    struct json *line = json_new_object();

    json_set_int(line, "epoch", epoch->number);
    json_set_number(line, "loss", epoch->loss);
    json_set_number(line, "family_loss", epoch->family_loss);
    json_set_number(line, "accuracy", epoch->accuracy);
    json_set_number(line, "validation_auc", epoch->validation_auc);
    json_set_number(line, "seconds", epoch->seconds);
    json_append(record->curve, line);
}

static struct json *config_json(const struct train_config *config)
{
    struct json *object = json_new_object();

    for (size_t i = 0; i < train_config_table.count; i++) {
        char value[TRAIN_PATH_SIZE];
        config_get_text(value, sizeof value, config, &train_config_table.fields[i]);
        json_set_str(object, train_config_table.fields[i].name, value);
    }
    return object;
}

static void set_data(struct json *object, const struct train_record *record)
{
    const struct train_dataset *dataset = record->dataset;

    json_set_str(object, "data_sha256", train_dataset_manifest(dataset)->sha256);
    json_set_int(object, "training_photos", (int64_t)train_dataset_training_count(dataset));
    json_set_int(object, "validation_photos", (int64_t)train_dataset_validation_count(dataset));
    json_set_int(object, "damaged_photos", (int64_t)train_dataset_damaged_count(dataset));
    if (record->pairs) {
        json_set_str(object, "twins_sha256", train_pairs_sha256(record->pairs));
        json_set_int(object, "twins", (int64_t)train_pairs_count(record->pairs));
    }
}

enum status train_record_save(struct train_record *record, const char *path, struct err *err)
{
    char written[CLOCK_TEXT_SIZE];
    struct json *object = json_new_object();
    struct buf text;

    buf_init(&text, BYTES_MAX);
    json_set_str(object, "version", record->config->version);
    json_set_str(object, "revision", record->revision);
    json_set_str(object, "written", clock_format_utc(written, clock_utc_us(record->clock)));
    json_set_int(object, "seed", record->config->seed);
    json_set_int(object, "workers", record->workers);
    set_data(object, record);
    json_set_str(object, "network", record->network);
    json_set(object, "config", config_json(record->config));
    json_set_int(object, "best_epoch", record->best_epoch);
    json_set_number(object, "best_validation_auc", record->best_auc);
    json_set(object, "curve", record->curve);
    json_write(&text, object, 2);
    enum status st = buf_check(&text, "run.json", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&text), err);
    record->curve = json_take(object, "curve"); /* it was lent to the object */
    json_free(object);
    buf_fini(&text);
    return st;
}

void train_record_restore(struct train_record *record, const char *path)
{
    struct json *earlier = NULL;
    struct bytes text;
    struct err ignored;

    if (fs_read(&text, path, BYTES_MAX, &ignored) != ST_OK)
        return; /* the checkpoint is what counts */
    if (json_parse(&earlier, text, &ignored) == ST_OK &&
        json_count(json_get(earlier, "curve")) > 0) {
        json_free(record->curve);
        record->curve = json_take(earlier, "curve");
    }
    json_free(earlier);
    mem_free((void *)(uintptr_t)text.at);
}
