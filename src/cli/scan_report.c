/* cli/scan_report.c - results of a scan as table, JSON, JSON lines or CSV; progress and summary.
 * Prints each result as it comes and keeps only counts.  One thread. */
#include "cli/scan.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

#define LINE_MAX_BYTES   (64u << 10)
#define PROGRESS_FROM_US 1000000 /* shorter runs draw nothing */
#define PROGRESS_STEP_US 100000

static const char *const escape_real = "\033[32m";
static const char *const escape_ai = "\033[1;31m";
static const char *const escape_end = "\033[0m";

/* Progress ---------------------------------------------------------------------------------- */

static void erase_progress(struct cli_scan_report *report)
{
    if (report->drawn)
        fputs("\r\033[K", report->log);
    report->drawn = false;
}

static void draw_progress(struct cli_scan_report *report)
{
    int64_t now = clock_monotonic_us(report->clock);
    size_t done =
        report->real_count + report->ai_count + report->failed_count + report->skipped_count;
    double elapsed = (double)(now - report->started_us) / 1e6;

    if (!report->live || report->quiet || now - report->started_us < PROGRESS_FROM_US ||
        now - report->drawn_us < PROGRESS_STEP_US || done >= report->total)
        return;
    fprintf(report->log, "\r%zu of %zu  %.1f img/s  %.0f s left\033[K", done, report->total,
            (double)done / elapsed, elapsed / (double)done * (double)(report->total - done));
    fflush(report->log);
    report->drawn_us = now;
    report->drawn = true;
}

/* Table --------------------------------------------------------------------------------------- */

/* Control characters must not reach a terminal. */
static void add_printable(struct buf *line, const char *text)
{
    for (; *text; text++) {
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f;
        buf_add(line, control ? "?" : text, 1);
    }
}

static void add_quality(struct buf *line, unsigned quality, const char *none)
{
    bool first = true;

    for (unsigned i = 0; i < DETECT_QUALITY_FLAG_COUNT; i++) {
        if (!(quality >> i & 1u))
            continue;
        if (!first)
            buf_add_str(line, ",");
        buf_add_str(line, detect_quality_name(i));
        first = false;
    }
    if (first)
        buf_add_str(line, none);
}

static void print_table_head(struct cli_scan_report *report)
{
    fprintf(report->out, "%-13s%-14s%-13s%-12s%-18s", "VERDICT", "DECISION", "PROBABILITY",
            "CONFIDENCE", "QUALITY");
    if (report->timings)
        fprintf(report->out, "%10s%10s%12s  ", "DECODE ms", "CROPS ms", "NETWORK ms");
    fputs("PATH\n", report->out);
}

static void add_table_row(struct cli_scan_report *report, const char *path,
                          const struct detect_result *verdict)
{
    struct buf *line = &report->line;
    size_t start;

    if (report->color)
        buf_add_str(line, verdict->verdict == DETECT_REAL ? escape_real : escape_ai);
    buf_printf(line, "%-13s", detect_verdict_name(verdict->verdict));
    if (report->color)
        buf_add_str(line, escape_end);
    buf_printf(line, "%-14s%-13.3f%-12s", detect_decision_name(verdict->decision),
               verdict->probability, detect_confidence_name(verdict->confidence));
    start = line->len;
    add_quality(line, verdict->quality, "-");
    buf_printf(line, "%*s", (int)MAX_OF(18 - (int64_t)(line->len - start), 1), "");
    if (report->timings)
        buf_printf(line, "%10.2f%10.2f%12.2f  ", verdict->decode_ms, verdict->crops_ms,
                   verdict->network_ms);
    add_printable(line, path);
    buf_add_str(line, "\n");
}

/* Failures stand beside the table, on standard error. */
static void print_table_failure(struct cli_scan_report *report, const char *path,
                                const struct err *err)
{
    struct buf *line = &report->line;
    const char *named = strstr(err->msg, path);

    fflush(report->out);
    buf_add_str(line, "aidetect scan: ");
    if (!named || named == err->msg || named[-1] != '\'') { /* not "cannot open 'PATH'" */
        add_printable(line, path);
        buf_add_str(line, ": ");
    }
    add_printable(line, err->msg);
    buf_add_str(line, "\n");
    fwrite(line->at, 1, line->len, report->log);
    buf_reset(line);
}

/* JSON ---------------------------------------------------------------------------------------- */

static void set_verdict(struct json *record, const struct cli_scan_report *report,
                        const struct detect_result *verdict)
{
    struct json *quality = json_new_array();

    json_set_str(record, "prediction", detect_verdict_name(verdict->verdict));
    json_set_str(record, "decision", detect_decision_name(verdict->decision));
    json_set_number(record, "probability", verdict->probability);
    json_set_str(record, "confidence", detect_confidence_name(verdict->confidence));
    json_set_number(record, "threshold", verdict->threshold);
    for (unsigned i = 0; i < DETECT_QUALITY_FLAG_COUNT; i++)
        if (verdict->quality >> i & 1u)
            json_append_str(quality, detect_quality_name(i));
    json_set(record, "quality", quality);
    json_set_str(record, "format", verdict->format);
    json_set_int(record, "width", verdict->width);
    json_set_int(record, "height", verdict->height);
    json_set_str(record, "model_version", report->model_version);
    if (report->timings) {
        struct json *timings = json_new_object();
        json_set_number(timings, "decode", verdict->decode_ms);
        json_set_number(timings, "crops", verdict->crops_ms);
        json_set_number(timings, "network", verdict->network_ms);
        json_set(record, "timings_ms", timings);
    }
}

static void add_json(struct cli_scan_report *report, const char *path,
                     const struct cli_scan_result *result)
{
    struct json *record = json_new_object();

    json_set_str(record, "path", path);
    if (result->state == CLI_SCAN_JUDGED) {
        json_set_str(record, "status", "success");
        set_verdict(record, report, &result->verdict);
    } else {
        json_set_str(record, "status", "error");
        json_set_str(record, "error", result->err.msg);
        json_set_str(record, "error_class", status_name(result->err.code));
    }
    json_write(&report->line, record, 0);
    json_free(record);
}

/* CSV (RFC 4180) ------------------------------------------------------------------------------ */

static void add_csv_text(struct buf *line, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_add_str(line, text);
        return;
    }
    buf_add_str(line, "\"");
    for (; *text; text++)
        buf_add(line, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    buf_add_str(line, "\"");
}

static void add_csv(struct cli_scan_report *report, const char *path,
                    const struct cli_scan_result *result)
{
    const struct detect_result *verdict = &result->verdict;
    struct buf *line = &report->line;

    add_csv_text(line, path);
    if (result->state == CLI_SCAN_JUDGED) {
        buf_printf(line, ",success,%s,%.6f,%s,%.4f,", detect_verdict_name(verdict->verdict),
                   verdict->probability, detect_confidence_name(verdict->confidence),
                   verdict->threshold);
        struct buf quality;
        buf_init(&quality, 256);
        add_quality(&quality, verdict->quality, "");
        buf_add(&quality, "", 1);
        add_csv_text(line, (const char *)quality.at);
        buf_fini(&quality);
        buf_printf(line, ",%s,%u,%u,,%s", verdict->format, verdict->width, verdict->height,
                   detect_decision_name(verdict->decision));
        if (report->timings)
            buf_printf(line, ",%.3f,%.3f,%.3f", verdict->decode_ms, verdict->crops_ms,
                       verdict->network_ms);
    } else {
        buf_add_str(line, ",error,,,,,,,,,");
        add_csv_text(line, result->err.msg);
        buf_add_str(line, ",");
        if (report->timings)
            buf_add_str(line, ",,,");
    }
    buf_add_str(line, "\r\n");
}

/* All of them --------------------------------------------------------------------------------- */

void cli_scan_report_begin(struct cli_scan_report *report)
{
    buf_init(&report->line, LINE_MAX_BYTES);
    report->started_us = clock_monotonic_us(report->clock);
    if (report->format == CLI_SCAN_TABLE)
        print_table_head(report);
    if (report->format == CLI_SCAN_CSV)
        fprintf(report->out,
                "path,status,prediction,probability,confidence,threshold,quality,format,width,"
                "height,error,decision%s\r\n",
                report->timings ? ",decode_ms,crops_ms,network_ms" : "");
}

static void count(struct cli_scan_report *report, const struct cli_scan_result *result)
{
    if (result->state == CLI_SCAN_FAILED)
        report->failed_count++;
    else if (result->state == CLI_SCAN_SKIPPED)
        report->skipped_count++;
    else if (result->verdict.verdict == DETECT_REAL)
        report->real_count++;
    else
        report->ai_count++;
}

/* One document whose elements are written as they come: the list is not kept in memory. */
static void add_json_element(struct cli_scan_report *report, const char *path,
                             const struct cli_scan_result *result)
{
    bool first = report->real_count + report->ai_count + report->failed_count == 1;

    buf_add_str(&report->line, first ? "[\n" : ",\n");
    add_json(report, path, result);
}

static void add_record(struct cli_scan_report *report, const char *path,
                       const struct cli_scan_result *result)
{
    switch (report->format) {
    case CLI_SCAN_TABLE:
        if (result->state == CLI_SCAN_FAILED)
            print_table_failure(report, path, &result->err);
        else
            add_table_row(report, path, &result->verdict);
        break;
    case CLI_SCAN_JSON:
        add_json_element(report, path, result);
        break;
    case CLI_SCAN_JSONL:
        add_json(report, path, result);
        buf_add_str(&report->line, "\n");
        break;
    case CLI_SCAN_CSV:
        add_csv(report, path, result);
        break;
    }
}

void cli_scan_report_add(void *payload, const struct cli_scan_input *input,
                         const struct cli_scan_result *result)
{
    struct cli_scan_report *report = payload;

    count(report, result);
    if (result->state != CLI_SCAN_SKIPPED) {
        erase_progress(report);
        add_record(report, input->path, result);
        fwrite(report->line.at, 1, report->line.len, report->out);
        fflush(report->out); /* whoever reads the pipe sees it now */
        buf_reset(&report->line);
    }
    draw_progress(report);
}

void cli_scan_report_end(struct cli_scan_report *report)
{
    size_t photos = report->real_count + report->ai_count + report->failed_count;
    double seconds = (double)(clock_monotonic_us(report->clock) - report->started_us) / 1e6;

    erase_progress(report);
    if (report->format == CLI_SCAN_JSON)
        fputs(photos > 0 ? "\n]\n" : "[]\n", report->out);
    if (!report->quiet) {
        fprintf(report->log, "%zu photo%s: %zu real, %zu AI-generated, %zu failed", photos,
                photos == 1 ? "" : "s", report->real_count, report->ai_count, report->failed_count);
        if (report->skipped_count > 0)
            fprintf(report->log, "; %zu other file%s skipped", report->skipped_count,
                    report->skipped_count == 1 ? "" : "s");
        fprintf(report->log, " (%.1f s, %.1f img/s)\n", seconds,
                seconds > 0 ? (double)photos / seconds : 0.0);
    }
    buf_fini(&report->line);
}
