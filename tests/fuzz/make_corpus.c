/* Writes the seed files of the image fuzz targets: tiny synthetic pictures of our own.
 * Run from the repository's root when a kind is added; the results are committed.
 *     build/release/tests/fuzz/make_corpus tests/fuzz/corpus */
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define SIDE     24
#define FILE_MAX 65536u

static uint8_t samples[SIDE * SIDE * 8]; /* enough for 16-bit RGBA */

/* To corpus/<target>/<name>; the probe gets a copy of all of them. */
static void save(const char *corpus, const char *target, const char *name, struct bytes file)
{
    const char *const targets[] = {target, "probe"};
    struct err err;
    char path[512];

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", corpus, targets[i]);
        if (fs_make_folder(path, &err))
            (void)fprintf(stderr, "%s\n", err.msg);
        (void)snprintf(path, sizeof path, "%s/%s/%s", corpus, targets[i], name);
        if (fs_write(path, file, &err))
            (void)fprintf(stderr, "%s\n", err.msg);
    }
}

static void fill_samples(void)
{
    for (size_t i = 0; i < sizeof samples; i++)
        samples[i] = (uint8_t)(i * 5 + i * i / 97);
}

struct jpeg_kind {
    const char *name;
    int components;
    J_COLOR_SPACE in, out;
    int sampling;
    bool progressive, exif;
    unsigned restart;
};

static void make_jpeg(const char *corpus, const struct jpeg_kind *kind)
{
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0";
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    unsigned char *at = NULL;
    unsigned long len = 0;

    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &at, &len);
    codec.image_width = codec.image_height = SIDE;
    codec.input_components = kind->components;
    codec.in_color_space = kind->in;
    jpeg_set_defaults(&codec);
    jpeg_set_colorspace(&codec, kind->out);
    jpeg_set_quality(&codec, 50, TRUE);
    codec.comp_info[0].h_samp_factor = codec.comp_info[0].v_samp_factor = kind->sampling;
    if (kind->progressive)
        jpeg_simple_progression(&codec);
    codec.restart_interval = kind->restart;
    jpeg_start_compress(&codec, TRUE);
    if (kind->exif)
        jpeg_write_marker(&codec, JPEG_APP0 + 1, exif, sizeof exif);
    while (codec.next_scanline < SIDE) {
        JSAMPROW row = samples + (size_t)codec.next_scanline * SIDE * (size_t)kind->components;
        (void)jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    save(corpus, "jpeg", kind->name, (struct bytes){at, len});
    mem_free(at);
}

static void make_jpegs(const char *corpus)
{
    static const struct jpeg_kind kinds[] = {
        {"grey", 1, JCS_GRAYSCALE, JCS_GRAYSCALE, 1, false, false, 0},
        {"ycc_444", 3, JCS_RGB, JCS_YCbCr, 1, false, false, 0},
        {"ycc_420", 3, JCS_RGB, JCS_YCbCr, 2, false, false, 0},
        {"rgb", 3, JCS_RGB, JCS_RGB, 1, false, false, 0},
        {"cmyk", 4, JCS_CMYK, JCS_CMYK, 1, false, false, 0},
        {"ycck", 4, JCS_CMYK, JCS_YCCK, 1, false, false, 0},
        {"progressive", 3, JCS_RGB, JCS_YCbCr, 2, true, false, 0},
        {"restart", 3, JCS_RGB, JCS_YCbCr, 2, false, false, 1},
        {"turned", 3, JCS_RGB, JCS_YCbCr, 2, false, true, 0},
        {"turned_cmyk", 4, JCS_CMYK, JCS_CMYK, 1, false, true, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        make_jpeg(corpus, &kinds[i]);
}

static void on_png(png_structp codec, png_bytep at, size_t len)
{
    buf_add(png_get_io_ptr(codec), at, len);
}

static void on_flush(png_structp codec)
{
    (void)codec;
}

static void make_png(const char *corpus, int color, int depth, bool interlaced, bool keyed)
{
    static const png_color palette[2] = {{.red = 200, .green = 100}, {.blue = 250}};
    static const png_byte alpha[2] = {0, 128};
    static const png_color_16 key = {.gray = 1, .red = 1};
    const size_t channels[] = {1, 0, 3, 1, 2, 0, 4};
    struct buf file;
    char name[64];

    buf_init(&file, FILE_MAX);
    png_structp codec = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop header = png_create_info_struct(codec);
    png_set_write_fn(codec, &file, on_png, on_flush);
    png_set_IHDR(codec, header, SIDE, SIDE, depth, color,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(codec, header, palette, 2);
    if (keyed)
        png_set_tRNS(codec, header, alpha, color == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &key);
    png_write_info(codec, header);
    size_t stride = (SIDE * channels[color] * (size_t)depth + 7) / 8;
    for (int pass = png_set_interlace_handling(codec); pass > 0; pass--)
        for (size_t row = 0; row < SIDE; row++)
            png_write_row(codec, samples + stride * row);
    png_write_end(codec, NULL);
    png_destroy_write_struct(&codec, &header);
    (void)snprintf(name, sizeof name, "type%d_%dbit%s%s", color, depth,
                   interlaced ? "_interlaced" : "", keyed ? "_keyed" : "");
    save(corpus, "png", name, buf_bytes(&file));
    buf_fini(&file);
}

static void make_pngs(const char *corpus)
{
    static const int kinds[][2] = {{0, 1}, {0, 4}, {0, 8},  {0, 16}, {2, 8}, {2, 16},
                                   {3, 1}, {4, 8}, {4, 16}, {6, 8},  {6, 16}};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        make_png(corpus, kinds[i][0], kinds[i][1], i % 2, false);
        if (!(kinds[i][0] & PNG_COLOR_MASK_ALPHA))
            make_png(corpus, kinds[i][0], kinds[i][1], i % 2 == 0, true);
    }
}

static int on_webp(const uint8_t *at, size_t len, const WebPPicture *picture)
{
    buf_add(picture->custom_ptr, at, len);
    return 1;
}

static void make_still(struct buf *file, bool lossless, bool transparent)
{
    WebPConfig config;
    WebPPicture picture;
    uint8_t rgba[SIDE * SIDE * 4];

    memcpy(rgba, samples, sizeof rgba);
    for (size_t i = 3; i < sizeof rgba && !transparent; i += 4)
        rgba[i] = 255;
    buf_init(file, FILE_MAX);
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        return;
    config.lossless = lossless;
    picture.use_argb = lossless;
    picture.width = picture.height = SIDE;
    picture.writer = on_webp;
    picture.custom_ptr = file;
    if (!WebPPictureImportRGBA(&picture, rgba, SIDE * 4) || !WebPEncode(&config, &picture))
        (void)fprintf(stderr, "WebP encoder failed\n");
    WebPPictureFree(&picture);
}

static void add_le(struct buf *file, size_t bytes, size_t value)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        buf_add(file, &byte, 1);
    }
}

/* Two frames of one still picture on a canvas that is 4 pixels larger. */
static void make_animation(const char *corpus, const char *name, const struct buf *still)
{
    size_t skip = memcmp(still->at + 12, "VP8X", 4) == 0 ? 30 : 12;
    size_t frame = 16 + still->len - skip;
    struct buf file;

    buf_init(&file, FILE_MAX);
    buf_add(&file, "RIFF", 4);
    add_le(&file, 4, 4 + 18 + 14 + 2 * (8 + frame));
    buf_add(&file, "WEBPVP8X\x0A\0\0\0\x12\0\0\0", 16);
    add_le(&file, 3, SIDE + 3);
    add_le(&file, 3, SIDE + 3);
    buf_add(&file, "ANIM\6\0\0\0\0\0\0\0\0\0", 14);
    for (size_t i = 0; i < 2; i++) {
        buf_add(&file, "ANMF", 4);
        add_le(&file, 4, frame);
        add_le(&file, 3, i); /* in steps of two pixels */
        add_le(&file, 3, i);
        add_le(&file, 3, SIDE - 1);
        add_le(&file, 3, SIDE - 1);
        add_le(&file, 4, 100);
        buf_add(&file, still->at + skip, still->len - skip);
    }
    save(corpus, "webp", name, buf_bytes(&file));
    buf_fini(&file);
}

static void make_webps(const char *corpus)
{
    static const char *const names[] = {"lossy", "lossless", "lossy_alpha", "lossless_alpha"};
    static const char *const moving[] = {"animated_lossy", "animated_lossless",
                                         "animated_lossy_alpha", "animated_lossless_alpha"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf file;

        make_still(&file, i & 1, i & 2);
        save(corpus, "webp", names[i], buf_bytes(&file));
        make_animation(corpus, moving[i], &file);
        buf_fini(&file);
    }
}

static void make_others(const char *corpus)
{
    static const char *const heads[] = {"GIF89a", "%PDF-1.7",         "<?xml version='1.0'?><svg/>",
                                        "BM",     "\xFF\xD8\xFF\xE1", "II*"};
    char name[32];

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        (void)snprintf(name, sizeof name, "other%zu", i);
        save(corpus, "probe", name,
             (struct bytes){(const uint8_t *)heads[i], strlen(heads[i]) + 1});
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_corpus FOLDER\n");
        return 64;
    }
    fill_samples();
    make_jpegs(argv[1]);
    make_pngs(argv[1]);
    make_webps(argv[1]);
    make_others(argv[1]);
    return 0;
}
