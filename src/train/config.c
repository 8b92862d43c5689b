#include "train/config.h"

#include "base/fs.h"
#include "base/mem.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define AT(member)       offsetof(struct train_config, member)
#define SHARE(name, member, initial, help)                                                         \
    {                                                                                              \
        name, CONFIG_DOUBLE, AT(member), 0, 1, initial, help                                       \
    }

/* clang-format off */
static const struct config_field fields[] = {
    {"data.manifest", CONFIG_TEXT, AT(manifest), 0, TRAIN_PATH_SIZE, "", "labelled photos, see docs/FORMATS.md"},
    {"data.role", CONFIG_TEXT, AT(role), 0, TRAIN_TEXT_SIZE, "train", "rows with this role are used, no others"},
    {"data.validation", CONFIG_TEXT, AT(validation), 0, TRAIN_PATH_SIZE, "", "file that names the sources and generators held out for validation"},
    SHARE("data.validation_share", validation_share, "0.15", "without such a file: photos of whole sources held out"),
    {"data.cache_mb", CONFIG_INT, AT(cache_mb), 0, 1e6, "4096", "decoded photos kept in memory, MiB"},
    {"model.network", CONFIG_TEXT, AT(network), 0, TRAIN_PATH_SIZE, "configs/network.txt", "network description"},
    {"model.from", CONFIG_TEXT, AT(from), 0, TRAIN_PATH_SIZE, "", "model file to start from; empty: from nothing"},
    {"model.version", CONFIG_TEXT, AT(version), 0, TRAIN_TEXT_SIZE, "aidetect-1", "name in answers and metrics"},
    {"model.output", CONFIG_TEXT, AT(output), 0, TRAIN_PATH_SIZE, "runs/aidetect-1", "folder of the run"},
    {"model.crop_side", CONFIG_INT, AT(crop_side), 32, 256, "96", "pixels, a multiple of 8"},
    {"model.crop_count", CONFIG_INT, AT(crop_count), 1, 16, "8", "crops a photo when it is classified"},
    {"run.seed", CONFIG_INT, AT(seed), 0, 1e15, "1", "same seed, same weights on one worker"},
    {"run.workers", CONFIG_INT, AT(workers), 0, 64, "0", "threads; 0: one a processor"},
    {"run.batch", CONFIG_INT, AT(batch), 2, 1024, "16", "crops a step and worker"},
    {"run.epoch_crops", CONFIG_INT, AT(epoch_crops), 1, 1e9, "20000", "crops an epoch, all workers"},
    {"run.epochs", CONFIG_INT, AT(epochs), 0, 1e6, "20", "epochs at most; the rate falls over all of them; 0: keep the network of model.from, without one the statistics judge alone"},
    {"run.patience", CONFIG_INT, AT(patience), 1, 1e6, "1000", "epochs without a better validation AUC before stopping"},
    {"optimizer.kind", CONFIG_TEXT, AT(optimizer), 0, TRAIN_TEXT_SIZE, "adamw", "adamw or sgd"},
    {"optimizer.rate", CONFIG_DOUBLE, AT(rate), 1e-8, 10, "0.002", "peak learning rate"},
    SHARE("optimizer.rate_floor", rate_floor, "0.01", "last rate, as a share of the peak"),
    SHARE("optimizer.warmup", warmup, "0.05", "share of all steps with a rising rate"),
    {"optimizer.weight_decay", CONFIG_DOUBLE, AT(weight_decay), 0, 10, "0.02", "decoupled, of weights only"},
    SHARE("optimizer.momentum", momentum, "0.9", "sgd only"),
    SHARE("optimizer.average_decay", average_decay, "0.998", "moving average of weights, a step; 0: none"),
    {"optimizer.clip", CONFIG_DOUBLE, AT(clip), 0, 1e6, "5", "largest norm of the gradient; 0: none"},
    SHARE("loss.label_smoothing", label_smoothing, "0.05", "targets are s/2 and 1-s/2"),
    {"loss.family_weight", CONFIG_DOUBLE, AT(family_weight), 0, 10, "0.2", "of naming the generator of AI crops"},
    {"calibration.coverage", CONFIG_DOUBLE, AT(coverage), 0.5, 1, "0.82", "share of the validation photos that is not left undecided, at least"},
    SHARE("sampling.source_power", source_power, "0.5", "0: every source alike, 1: every photo alike"),
    SHARE("sampling.family_power", family_power, "0.5", "the same among generators"),
    {"sampling.old_weight", CONFIG_DOUBLE, AT(old_weight), 0, 100, "1", "of generators of generation `old` and `gan`"},
    SHARE("sampling.added_share", added_share, "0.5", "crops of added photos (`train --data`), the others replay what is known"),
    {"twins.manifest", CONFIG_TEXT, AT(twins.manifest), 0, TRAIN_PATH_SIZE, "", "twins of the photos (`aidetect twins`); empty: none"},
    SHARE("twins.share", twins.share, "0.2", "crops that come in pairs: a real photo's, and the same of its twin"),
    SHARE("twins.mix_chance", twins.mix_chance, "0.2", "each pixel of the twin mixed with the photo's"),
    SHARE("twins.mix_most", twins.mix_most, "0.8", "largest share of the twin in such a mix"),
    SHARE("twins.own_jpeg_chance", twins.own_jpeg_chance, "0.5", "twin compressed with the quality of the photo's own file"),
    SHARE("augment.resize_chance", augment.resize_chance, "0.4", ""),
    {"augment.resize_low", CONFIG_DOUBLE, AT(augment.resize_low), 0.1, 4, "0.5", "smallest factor"},
    {"augment.resize_high", CONFIG_DOUBLE, AT(augment.resize_high), 0.1, 4, "1.25", "largest factor"},
    SHARE("augment.first_jpeg_chance", augment.first_jpeg_chance, "0.3", "compressed once before, at any grid phase"),
    {"augment.first_jpeg_low", CONFIG_DOUBLE, AT(augment.first_jpeg_low), 1, 100, "70", "quality"},
    {"augment.first_jpeg_high", CONFIG_DOUBLE, AT(augment.first_jpeg_high), 1, 100, "98", "quality"},
    {"augment.last_jpeg_low", CONFIG_DOUBLE, AT(augment.last_jpeg_low), 1, 100, "60", "quality"},
    {"augment.last_jpeg_high", CONFIG_DOUBLE, AT(augment.last_jpeg_high), 1, 100, "97", "quality"},
    SHARE("augment.last_jpeg_fixed_chance", augment.last_jpeg_fixed_chance, "0.3", "use the fixed quality instead"),
    {"augment.last_jpeg_fixed", CONFIG_DOUBLE, AT(augment.last_jpeg_fixed), 1, 100, "80", "quality"},
    SHARE("augment.webp_chance", augment.webp_chance, "0.05", "WebP instead of the last JPEG"),
    SHARE("augment.lossless_chance", augment.lossless_chance, "0.03", "no last compression"),
    SHARE("augment.subsample_chance", augment.subsample_chance, "0.85", "4:2:0 chroma, else 4:4:4"),
    SHARE("augment.blur_chance", augment.blur_chance, "0.08", ""),
    {"augment.blur_sigma", CONFIG_DOUBLE, AT(augment.blur_sigma), 0, 5, "1", "largest, pixels"},
    SHARE("augment.noise_chance", augment.noise_chance, "0.08", ""),
    {"augment.noise_sigma", CONFIG_DOUBLE, AT(augment.noise_sigma), 0, 50, "4", "largest, 8-bit values"},
    SHARE("augment.colour_chance", augment.colour_chance, "0.3", ""),
    SHARE("augment.colour_strength", augment.colour_strength, "0.15", "gain and offset"),
    SHARE("augment.grey_chance", augment.grey_chance, "0.02", ""),
    {"augment.texture_tries", CONFIG_INT, AT(augment.texture_tries), 1, 16, "3", "random places, the most textured is used"},
};
/* clang-format on */

const struct config_table train_config_table = {.fields = fields, .count = ARRAY_LEN(fields)};

enum status train_config_load(struct train_config *out, const char *path, struct err *err)
{
    struct train_config config = {0};
    struct bytes file;
    enum status st = fs_read(&file, path, CONFIG_BYTES_MAX, err);

    if (st != ST_OK)
        return st;
    config_defaults(&config, &train_config_table);
    st = config_parse(&config, &train_config_table, file, path, err);
    mem_free((void *)(uintptr_t)file.at);
    if (st == ST_OK)
        *out = config;
    return st;
}
