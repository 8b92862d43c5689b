/* image/probe.c - what kind of file this is and what its header says, by content alone.
 * Owns nothing, decodes nothing.  Must not know the codec libraries: their view of the header
 * is compared with this one before they decode.  Thread-safe. */
#include "image/image_internal.h"

#include <string.h>

static uint16_t read_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t read_le16(const uint8_t *at)
{
    return (uint16_t)(at[1] << 8 | at[0]);
}

static uint32_t read_be32(const uint8_t *at)
{
    return (uint32_t)read_be16(at) << 16 | read_be16(at + 2);
}

static uint32_t read_le24(const uint8_t *at)
{
    return (uint32_t)at[2] << 16 | read_le16(at);
}

static uint32_t read_le32(const uint8_t *at)
{
    return (uint32_t)read_le16(at + 2) << 16 | read_le16(at);
}

static bool starts_with(struct bytes file, size_t offset, const char *text, size_t len)
{
    return file.len >= offset + len && memcmp(file.at + offset, text, len) == 0;
}
#define STARTS_WITH(file, offset, literal)                                                         \
    starts_with((file), (offset), (literal), sizeof(literal) - 1)

static enum status truncated(const char *what, struct bytes file, struct err *err)
{
    return err_set(err, ST_INVALID, "%s header is cut off: the file ends after %zu bytes", what,
                   file.len);
}

/* ---- JPEG ---- */

#define QUANT_SIZE   64
#define QUANT_TABLES 4

struct jpeg_head {
    uint16_t quant[QUANT_TABLES][QUANT_SIZE]; /* zigzag order; all 0 when absent */
    uint16_t width, height;
    uint8_t components, luma_table, orientation;
    bool seen_frame, progressive, seen_exif;
};

/* The luminance table of ITU-T T.81 annex K, in zigzag order. */
static const uint8_t luma_base[QUANT_SIZE] = {
    16, 11, 12,  14,  12,  10, 16, 14,  13,  14,  18,  17,  16, 19,  24,  40,
    26, 24, 22,  22,  24,  49, 35, 37,  29,  40,  58,  51,  61, 60,  57,  51,
    56, 55, 64,  72,  92,  78, 64, 68,  87,  69,  55,  56,  80, 109, 81,  87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
};

/* The quality whose scaled base table is nearest: exact for what IJG encoders write. */
static uint8_t estimate_quality(const uint16_t table[QUANT_SIZE])
{
    uint64_t best_distance = UINT64_MAX;
    uint8_t best = 1;

    for (unsigned quality = 1; quality <= 100; quality++) {
        unsigned scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
        uint64_t distance = 0;

        for (size_t i = 0; i < QUANT_SIZE; i++) {
            int wanted = (int)CLAMP((luma_base[i] * scale + 50) / 100, 1u, 255u);
            int off = (int)table[i] - wanted;
            distance += (uint64_t)(off < 0 ? -off : off);
        }
        if (distance <= best_distance) {
            best_distance = distance;
            best = (uint8_t)quality;
        }
    }
    return best;
}

/* Orientation of an APP1 payload; 1 unless it is EXIF with a sound value in its first directory. */
static uint8_t read_exif_orientation(struct bytes payload)
{
    if (payload.len < 14 || memcmp(payload.at, "Exif\0\0", 6) != 0)
        return 1;

    struct bytes tiff = {.at = payload.at + 6, .len = payload.len - 6};
    bool big = memcmp(tiff.at, "MM\0*", 4) == 0;
    if (!big && memcmp(tiff.at, "II*\0", 4) != 0)
        return 1;

    size_t directory = big ? read_be32(tiff.at + 4) : read_le32(tiff.at + 4);
    if (directory > tiff.len - 2)
        return 1;
    size_t count = big ? read_be16(tiff.at + directory) : read_le16(tiff.at + directory);
    size_t room = (tiff.len - directory - 2) / 12;
    for (size_t i = 0; i < MIN_OF(count, room); i++) {
        const uint8_t *entry = tiff.at + directory + 2 + 12 * i;
        uint16_t tag = big ? read_be16(entry) : read_le16(entry);
        uint16_t type = big ? read_be16(entry + 2) : read_le16(entry + 2);
        uint16_t value = big ? read_be16(entry + 8) : read_le16(entry + 8);

        if (tag == 0x0112)
            return type == 3 && value >= 1 && value <= 8 ? (uint8_t)value : 1;
    }
    return 1;
}

static void read_jpeg_tables(struct jpeg_head *head, struct bytes payload)
{
    while (payload.len) {
        size_t item = payload.at[0] >> 4 ? 2 : 1; /* bytes an entry */
        size_t slot = payload.at[0] & 15;
        size_t size = 1 + item * QUANT_SIZE;

        if (size > payload.len || slot >= QUANT_TABLES)
            return; /* the decoder will refuse it */
        for (size_t i = 0; i < QUANT_SIZE; i++)
            head->quant[slot][i] =
                item == 2 ? read_be16(payload.at + 1 + 2 * i) : payload.at[1 + i];
        payload = (struct bytes){.at = payload.at + size, .len = payload.len - size};
    }
}

static const char *jpeg_coding_name(uint8_t marker)
{
    if (marker == 0xC3)
        return "lossless";
    return marker < 0xC9 ? "hierarchical" : "arithmetic-coded";
}

static enum status read_jpeg_frame(struct jpeg_head *head, uint8_t marker, struct bytes payload,
                                   struct err *err)
{
    if (marker > 0xC2)
        return err_set(err, ST_UNSUPPORTED, "%s JPEG is not supported (frame type %u)",
                       jpeg_coding_name(marker), marker - 0xC0u);
    if (head->seen_frame || payload.len < 6 || payload.len != 6u + 3u * payload.at[5])
        return err_set(err, ST_INVALID, "JPEG frame header is malformed");
    if (payload.at[0] != 8)
        return err_set(err, ST_UNSUPPORTED, "JPEG with %u bits a sample is not supported",
                       payload.at[0]);
    head->seen_frame = true;
    head->progressive = marker == 0xC2;
    head->height = read_be16(payload.at + 1);
    head->width = read_be16(payload.at + 3);
    head->components = payload.at[5];
    if (head->components != 1 && head->components != 3 && head->components != 4)
        return err_set(err, ST_UNSUPPORTED, "JPEG with %u components is not supported",
                       head->components);
    head->luma_table = payload.at[8];
    return ST_OK;
}

static bool is_frame_marker(uint8_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* The marker code at or after *at, as libjpeg finds it; 0 when the file ends first. */
static uint8_t next_jpeg_marker(struct bytes file, size_t *at)
{
    while (*at < file.len) {
        const uint8_t *found = memchr(file.at + *at, 0xFF, file.len - *at);
        if (!found)
            return 0;
        *at = (size_t)(found - file.at);
        while (*at < file.len && file.at[*at] == 0xFF)
            ++*at;
        if (*at < file.len && file.at[(*at)++])
            return file.at[*at - 1];
    }
    return 0;
}

static enum status read_jpeg_segment(struct jpeg_head *head, uint8_t marker, struct bytes payload,
                                     struct err *err)
{
    if (is_frame_marker(marker))
        return read_jpeg_frame(head, marker, payload, err);
    if (marker == 0xDB)
        read_jpeg_tables(head, payload);
    if (marker == 0xE1 && !head->seen_exif && payload.len >= 6 &&
        memcmp(payload.at, "Exif\0\0", 6) == 0) {
        head->seen_exif = true;
        head->orientation = read_exif_orientation(payload);
    }
    return ST_OK;
}

/* Walks the segments up to the first scan. */
static enum status walk_jpeg(struct jpeg_head *head, struct bytes file, struct err *err)
{
    size_t at = 2;

    for (;;) {
        uint8_t marker = next_jpeg_marker(file, &at);

        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7))
            continue; /* stands alone */
        if (marker == 0xD8 || marker == 0xD9)
            return err_set(err, ST_INVALID, "JPEG without an image in it");
        if (!marker || file.len - at < 2)
            return truncated("JPEG", file, err);

        size_t len = read_be16(file.at + at);
        if (len < 2)
            return err_set(err, ST_INVALID, "JPEG segment of %zu bytes: at least 2 needed", len);
        if (len > file.len - at)
            return truncated("JPEG", file, err);
        if (marker == 0xDA)
            return head->seen_frame
                       ? ST_OK
                       : err_set(err, ST_INVALID, "JPEG scan comes before its frame header");

        struct bytes payload = {.at = file.at + at + 2, .len = len - 2};
        enum status st = read_jpeg_segment(head, marker, payload, err);
        if (st)
            return st;
        at += len;
    }
}

static enum status probe_jpeg(struct image_info *out, struct bytes file, struct err *err)
{
    struct jpeg_head head = {.orientation = 1};

    enum status st = walk_jpeg(&head, file, err);
    if (st)
        return st;

    bool swap = image_orientation_transposes(head.orientation);
    bool have_table = head.luma_table < QUANT_TABLES && head.quant[head.luma_table][0];
    *out = (struct image_info){
        .format = IMAGE_JPEG,
        .width = swap ? head.height : head.width,
        .height = swap ? head.width : head.height,
        .orientation = head.orientation,
        .components = head.components,
        .progressive = head.progressive,
        .jpeg_quality = have_table ? estimate_quality(head.quant[head.luma_table]) : 0,
    };
    return ST_OK;
}

/* ---- PNG ---- */

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

static bool png_depth_is_valid(uint8_t color, uint8_t depth)
{
    switch (color) {
    case 0:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case 3:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case 2:
    case 4:
    case 6:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static enum status probe_png(struct image_info *out, struct bytes file, struct err *err)
{
    size_t at = sizeof PNG_SIGNATURE - 1;

    if (file.len < at + 25)
        return truncated("PNG", file, err);
    if (!STARTS_WITH(file, at, "\0\0\0\x0dIHDR"))
        return err_set(err, ST_INVALID, "PNG does not begin with its header chunk");

    uint8_t depth = file.at[at + 16], color = file.at[at + 17];
    if (!png_depth_is_valid(color, depth))
        return err_set(err, ST_INVALID, "PNG colour type %u with %u bits does not exist", color,
                       depth);
    struct image_info info = {
        .format = IMAGE_PNG,
        .width = read_be32(file.at + at + 8),
        .height = read_be32(file.at + at + 12),
        .orientation = 1,
        .components = color == 4 || color == 6 ? 4 : 3,
    };
    for (at += 25;;) {
        if (file.len - at < 8)
            return truncated("PNG", file, err);
        size_t len = read_be32(file.at + at);
        if (STARTS_WITH(file, at + 4, "IDAT"))
            break;
        if (STARTS_WITH(file, at + 4, "IEND"))
            return err_set(err, ST_INVALID, "PNG without pixel data");
        if (STARTS_WITH(file, at + 4, "acTL"))
            info.animated = true;
        if (STARTS_WITH(file, at + 4, "tRNS"))
            info.components = 4;
        if (file.len - at < 12 || len > file.len - at - 12)
            return truncated("PNG", file, err);
        at += 12 + len;
    }
    *out = info;
    return ST_OK;
}

/* ---- WebP ---- */

static enum status probe_webp_lossy(struct image_info *out, const uint8_t *at, struct err *err)
{
    if (at[0] & 1 || memcmp(at + 3, "\x9d\x01\x2a", 3) != 0)
        return err_set(err, ST_INVALID, "WebP does not begin with a key frame");
    out->width = read_le16(at + 6) & 0x3FFFu;
    out->height = read_le16(at + 8) & 0x3FFFu;
    return ST_OK;
}

static enum status probe_webp_lossless(struct image_info *out, const uint8_t *at, struct err *err)
{
    uint32_t bits = read_le32(at + 1);

    if (at[0] != 0x2F || bits >> 29)
        return err_set(err, ST_INVALID, "WebP lossless header is malformed");
    out->width = (bits & 0x3FFFu) + 1;
    out->height = (bits >> 14 & 0x3FFFu) + 1;
    out->components = bits >> 28 & 1 ? 4 : 3;
    return ST_OK;
}

static void probe_webp_extended(struct image_info *out, const uint8_t *at)
{
    out->components = at[0] & 0x10 ? 4 : 3;
    out->animated = at[0] & 0x02;
    out->width = read_le24(at + 4) + 1;
    out->height = read_le24(at + 7) + 1;
}

static enum status probe_webp(struct image_info *out, struct bytes file, struct err *err)
{
    struct image_info info = {.format = IMAGE_WEBP, .orientation = 1, .components = 3};
    const size_t head = 20; /* RIFF header and the first chunk's own header */
    enum status st = ST_OK;

    if (file.len < head + 10)
        return truncated("WebP", file, err);
    if (read_le32(file.at + 4) > file.len - 8)
        return err_set(err, ST_INVALID, "WebP is cut off: %u bytes promised, %zu present",
                       read_le32(file.at + 4), file.len - 8);
    if (STARTS_WITH(file, 12, "VP8 "))
        st = probe_webp_lossy(&info, file.at + head, err);
    else if (STARTS_WITH(file, 12, "VP8L"))
        st = probe_webp_lossless(&info, file.at + head, err);
    else if (STARTS_WITH(file, 12, "VP8X"))
        probe_webp_extended(&info, file.at + head);
    else
        return err_set(err, ST_INVALID, "WebP does not begin with an image chunk");
    if (!st)
        *out = info;
    return st;
}

/* ---- which of them ---- */

struct signature {
    const char *name; /* for the message */
    const char *at;
    uint8_t len, offset;
};
#define SIGNATURE(name_, offset_, literal)                                                         \
    {                                                                                              \
        .name = (name_), .at = (literal), .len = sizeof(literal) - 1, .offset = (offset_)          \
    }

/* Kinds that people upload and that are not for us; the first that fits names the file. */
static const struct signature foreign[] = {
    SIGNATURE("GIF", 0, "GIF87a"),
    SIGNATURE("GIF", 0, "GIF89a"),
    SIGNATURE("AVIF", 4, "ftypavif"),
    SIGNATURE("AVIF", 4, "ftypavis"),
    SIGNATURE("HEIC", 4, "ftyphei"),
    SIGNATURE("HEIC", 4, "ftyphev"),
    SIGNATURE("HEIC", 4, "ftypmif1"),
    SIGNATURE("HEIC", 4, "ftypmsf1"),
    SIGNATURE("QuickTime video", 4, "ftypqt"),
    SIGNATURE("MP4 video", 4, "ftyp"),
    SIGNATURE("TIFF", 0, "II*\0"),
    SIGNATURE("TIFF", 0, "MM\0*"),
    SIGNATURE("TIFF", 0, "II+\0"),
    SIGNATURE("TIFF", 0, "MM\0+"),
    SIGNATURE("PDF", 0, "%PDF-"),
    SIGNATURE("Photoshop", 0, "8BPS"),
    SIGNATURE("JPEG XL", 0, "\xFF\x0A"),
    SIGNATURE("JPEG XL", 0, "\0\0\0\x0CJXL "),
    SIGNATURE("JPEG 2000", 0, "\0\0\0\x0CjP  "),
    SIGNATURE("JPEG 2000", 0, "\xFF\x4F\xFF\x51"),
    SIGNATURE("Windows icon", 0, "\0\0\1\0"),
    SIGNATURE("Matroska or WebM video", 0, "\x1A\x45\xDF\xA3"),
    SIGNATURE("AVI video", 8, "AVI "),
    SIGNATURE("WAVE audio", 8, "WAVE"),
    SIGNATURE("ZIP archive", 0, "PK\3\4"),
    SIGNATURE("gzip archive", 0, "\x1F\x8B"),
};

/* Text that begins, after a byte order mark and blanks, with a tag. */
static const char *name_markup(struct bytes file)
{
    size_t at = STARTS_WITH(file, 0, "\xEF\xBB\xBF") ? 3 : 0;

    while (at < file.len && (file.at[at] == ' ' || (file.at[at] >= '\t' && file.at[at] <= '\r')))
        at++;
    if (STARTS_WITH(file, at, "<svg") || STARTS_WITH(file, at, "<?xml"))
        return "SVG or XML";
    if (STARTS_WITH(file, at, "<!") || STARTS_WITH(file, at, "<html"))
        return "HTML";
    return NULL;
}

static const char *name_foreign(struct bytes file)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (starts_with(file, foreign[i].offset, foreign[i].at, foreign[i].len))
            return foreign[i].name;
    /* "BM" alone is too little: the two reserved fields must be 0 as well. */
    if (STARTS_WITH(file, 0, "BM") && STARTS_WITH(file, 6, "\0\0\0\0"))
        return "BMP";
    return name_markup(file);
}

enum image_format image_format_of(struct bytes file)
{
    if (STARTS_WITH(file, 0, "\xFF\xD8\xFF"))
        return IMAGE_JPEG;
    if (STARTS_WITH(file, 0, PNG_SIGNATURE))
        return IMAGE_PNG;
    if (STARTS_WITH(file, 0, "RIFF") && STARTS_WITH(file, 8, "WEBP"))
        return IMAGE_WEBP;
    return IMAGE_FORMAT_UNKNOWN;
}

static enum status probe_any(struct image_info *out, struct bytes file, struct err *err)
{
    const char *name;

    switch (image_format_of(file)) {
    case IMAGE_JPEG:
        return probe_jpeg(out, file, err);
    case IMAGE_PNG:
        return probe_png(out, file, err);
    case IMAGE_WEBP:
        return probe_webp(out, file, err);
    default:
        break;
    }
    name = name_foreign(file);
    if (name)
        return err_set(err, ST_UNSUPPORTED, "this is a %s file: only JPEG, PNG and WebP are read",
                       name);
    return err_set(err, ST_UNSUPPORTED, "not an image of a known type: JPEG, PNG or WebP needed");
}

enum status image_probe(struct image_info *out, struct bytes file,
                        const struct image_limits *limits, struct err *err)
{
    struct image_info info = {0};

    if (!file.len)
        return err_set(err, ST_INVALID, "the file is empty (0 bytes)");
    if (file.len > limits->bytes_max)
        return err_set(err, ST_LIMIT, "a file of %zu bytes is over the limit of %zu bytes",
                       file.len, limits->bytes_max);

    enum status st = probe_any(&info, file, err);
    if (st)
        return st;
    if (!info.width || !info.height)
        return err_set(err, ST_INVALID, "an image of %ux%u pixels has no pixels", info.width,
                       info.height);
    if (MAX_OF(info.width, info.height) > limits->side_max_px)
        return err_set(err, ST_LIMIT, "an image of %ux%u pixels is over the limit of %u a side",
                       info.width, info.height, limits->side_max_px);
    if ((uint64_t)info.width * info.height > limits->pixels_max)
        return err_set(err, ST_LIMIT, "an image of %ux%u pixels is over the limit of %llu pixels",
                       info.width, info.height, (unsigned long long)limits->pixels_max);
    *out = info;
    return ST_OK;
}
