/* cli/commands.c - the table of commands and their options, and of exit statuses.
 * Options are declared here and in *_options.c, nowhere else; everything printed about it comes
 * from here. */
#include "cli/cli.h"

#include <string.h>

#include "cli/drift_simulate.h"
#include "cli/options.h"

static const struct cli_option scan_options[] = {
    {.name = "format",
     .short_name = 'f',
     .type = CLI_CHOICE,
     .value_name = "table|json|jsonl|csv",
     .initial = "table",
     .help = "how results are printed"},
    MODEL_OPTION,
    THRESHOLD_OPTION,
    PRECISION_OPTION,
    WORKERS_OPTION,
    {.name = "timings", .type = CLI_FLAG, .help = "add milliseconds of decoding, crops, network"},
    {.name = "quiet", .short_name = 'q', .type = CLI_FLAG, .help = "no progress, no summary line"},
};

static const struct cli_option explain_options[] = {
    {.name = "output",
     .short_name = 'o',
     .type = CLI_TEXT,
     .value_name = "FILE",
     .help = "write the overlay to this PNG file"},
    TABLE_FORMAT_OPTION("how the verdict and its regions are printed"),
    {.name = "side",
     .type = CLI_INT,
     .value_name = "PX",
     .low = 64,
     .top = 1600,
     .initial = "1024",
     .help = "longer side of the overlay at most"},
    MODEL_OPTION,
    THRESHOLD_OPTION,
    PRECISION_OPTION,
};

static const struct cli_option client_options[] = {
    TABLE_FORMAT_OPTION("how results are printed"),
    {.name = "batch", .short_name = 'b', .type = CLI_FLAG, .help = "ten photos in one request"},
    {.name = "explain",
     .short_name = 'e',
     .type = CLI_FLAG,
     .help = "ask what the verdict rests on as well"},
    {.name = "output",
     .short_name = 'o',
     .type = CLI_TEXT,
     .value_name = "FILE",
     .help = "with --explain: write the overlay to this PNG file"},
    API_KEY_OPTION("key of the service; without it $AIDETECT_API_KEY"),
    {.name = "sender",
     .type = CLI_TEXT,
     .value_name = "NAME",
     .help = "whom the photos are from: a seller's photos of a minute count as one for drift"},
    {.name = "retries",
     .type = CLI_INT,
     .value_name = "N",
     .low = 0,
     .top = 20,
     .initial = "4",
     .help = "how often to ask again when the service has no time (429, 503)"},
    TIMEOUT_OPTION("seconds for one request"),
};

#define SET_OPTION                                                                                 \
    {                                                                                              \
        .name = "set", .short_name = 's', .type = CLI_TEXT, .repeatable = true,                    \
        .value_name = "NAME=VALUE",                                                                \
        .help = "one setting over those of file and environment; may be repeated"                  \
    }

#define CONFIG_OPTION                                                                              \
    {                                                                                              \
        .name = "config", .short_name = 'c', .type = CLI_TEXT, .value_name = "FILE",               \
        .help = "settings; without it $AIDETECT_CONFIG, configs/aidetect.yaml, "                   \
                "/etc/aidetect/aidetect.yaml, whichever exists"                                    \
    }
#define DATA_OPTION                                                                                \
    {                                                                                              \
        .name = "data", .short_name = 'd', .type = CLI_TEXT, .value_name = "DIR",                  \
        .setting = "data"                                                                          \
    }

static const struct cli_option keys_options[] = {
    {.name = "role",
     .short_name = 'r',
     .type = CLI_CHOICE,
     .value_name = "predict|operator|admin",
     .initial = "predict",
     .help = "of create: what the key may do; each role may do what those before it may"},
    {.name = "expires-days",
     .type = CLI_INT,
     .value_name = "N",
     .low = 0,
     .top = 3650,
     .initial = "0",
     .help = "of create: days for which the key is good; 0: until it is revoked"},
    {.name = "limit-factor",
     .type = CLI_DOUBLE,
     .value_name = "X",
     .low = 0.001,
     .top = 10000,
     .initial = "1",
     .help = "of create: rate limits of this key, in multiples of the configured ones"},
    {.name = "grace-hours",
     .type = CLI_INT,
     .value_name = "N",
     .low = 0,
     .top = 2160,
     .initial = "24",
     .help = "of rotate: hours for which the old key stays good beside the new one"},
    TABLE_FORMAT_OPTION("of list: how keys are printed"),
    DATA_OPTION,
    CONFIG_OPTION,
    SET_OPTION,
};

static const struct cli_option audit_options[] = {
    {.name = "limit",
     .short_name = 'n',
     .type = CLI_INT,
     .value_name = "N",
     .low = 0,
     .top = 100000000,
     .initial = "50",
     .help = "of list: the last N acts; 0: all"},
    TABLE_FORMAT_OPTION("of list: a table, or one JSON object a line"),
    DATA_OPTION,
    CONFIG_OPTION,
    SET_OPTION,
};

static const struct cli_option serve_options[] = {
    CONFIG_OPTION,
    SET_OPTION,
    {.name = "print-config",
     .type = CLI_FLAG,
     .help = "print every setting and where it came from, then exit"},
    {.name = "listen",
     .short_name = 'l',
     .type = CLI_TEXT,
     .value_name = "ADDR:PORT",
     .setting = "listen"},
    {.name = "model",
     .short_name = 'm',
     .type = CLI_TEXT,
     .value_name = "FILE",
     .setting = "model"},
    {.name = "workers",
     .short_name = 'w',
     .type = CLI_TEXT,
     .value_name = "N",
     .setting = "workers"},
    {.name = "threshold",
     .short_name = 't',
     .type = CLI_TEXT,
     .value_name = "P",
     .setting = "threshold"},
    {.name = "precision", .type = CLI_TEXT, .value_name = "WORD", .setting = "precision"},
    {.name = "shadow", .type = CLI_TEXT, .value_name = "FILE", .setting = "shadow"},
    {.name = "queue", .type = CLI_TEXT, .value_name = "N", .setting = "queue.max"},
};

static const struct cli_option model_options[] = {
    {.name = "output",
     .short_name = 'o',
     .type = CLI_TEXT,
     .value_name = "FILE",
     .help = "of export: the ONNX file to write"},
    {.name = "url",
     .short_name = 'u',
     .type = CLI_TEXT,
     .value_name = "URL",
     .initial = "http://127.0.0.1:8080",
     .help = "of use: the service"},
    API_KEY_OPTION("of use: a key of the role admin; without it $AIDETECT_API_KEY"),
};

static const struct cli_option config_options[] = {
    {.name = "format",
     .short_name = 'f',
     .type = CLI_CHOICE,
     .value_name = "yaml|example|markdown",
     .initial = "yaml",
     .help = "of print: the values in use, the example file, the reference"},
    SET_OPTION,
};

#define CONFIG_FILE_OPTION                                                                         \
    {                                                                                              \
        .name = "config", .short_name = 'c', .type = CLI_TEXT, .value_name = "FILE",               \
        .help = "settings; without it as serve finds them"                                         \
    }
static const struct cli_option store_options[] = {CONFIG_FILE_OPTION, SET_OPTION};

static const struct cli_option predictions_options[] = {
    {.name = "format",
     .short_name = 'f',
     .type = CLI_CHOICE,
     .value_name = "csv|jsonl|columns",
     .initial = "csv",
     .help = "of export; columns prints names and types instead"},
    {.name = "since",
     .type = CLI_TEXT,
     .value_name = "TIME",
     .help = "only from then on: 2026-01-31, 2026-01-31T09:05:00Z, 7d, 12h, 30m"},
    {.name = "until", .type = CLI_TEXT, .value_name = "TIME", .help = "only before that"},
    {.name = "model",
     .short_name = 'm',
     .type = CLI_TEXT,
     .value_name = "VERSION",
     .help = "only of this model: its version, or the start of its SHA-256"},
    {.name = "verdict",
     .type = CLI_CHOICE,
     .value_name = "real|ai_generated",
     .help = "only photos that were called so"},
    {.name = "decision",
     .type = CLI_CHOICE,
     .value_name = "real|unsure|ai_generated",
     .help = "only photos of this decision: unsure are those that people should look at"},
    {.name = "request", .type = CLI_TEXT, .value_name = "ID", .help = "only this request"},
    {.name = "photo", .type = CLI_TEXT, .value_name = "SHA256", .help = "only this photo"},
    {.name = "key", .type = CLI_TEXT, .value_name = "ID", .help = "only of this API key"},
    {.name = "limit",
     .short_name = 'n',
     .type = CLI_INT,
     .value_name = "N",
     .low = 0,
     .top = 10000000,
     .initial = "0",
     .help = "records at most; 0: all of an export, 20 of a list"},
    {.name = "by",
     .type = CLI_CHOICE,
     .value_name = "model|day|key",
     .initial = "model",
     .help = "of stats: what is counted together"},
    CONFIG_FILE_OPTION,
    SET_OPTION,
};

#define OUT_OPTION(folder)                                                                         \
    {                                                                                              \
        .name = "out", .short_name = 'o', .type = CLI_TEXT, .value_name = "DIR",                   \
        .initial = (folder), .help = "folder to write to"                                          \
    }
static const struct cli_option rules_options[] = {
    OUT_OPTION("deploy"),
    {.name = "target",
     .type = CLI_TEXT,
     .value_name = "HOST:PORT",
     .initial = "api:8080",
     .help = "where Prometheus finds the service"},
    {.name = "alertmanager",
     .type = CLI_TEXT,
     .value_name = "HOST:PORT",
     .initial = "alertmanager:9093",
     .help = "where Prometheus finds Alertmanager"},
    {.name = "webhook",
     .type = CLI_TEXT,
     .value_name = "URL",
     .initial = "http://incidents:8080/alerts",
     .help = "where Alertmanager sends notifications"},
    {.name = "grafana",
     .type = CLI_TEXT,
     .value_name = "URL",
     .initial = "http://localhost:3000",
     .help = "of the dashboards that alerts link to"},
    {.name = "runbooks",
     .type = CLI_TEXT,
     .value_name = "URL",
     .initial = "docs/runbooks",
     .help = "folder or address of the runbooks that alerts link to"},
    {.name = "set",
     .short_name = 's',
     .type = CLI_TEXT,
     .repeatable = true,
     .value_name = "ALERT.NAME=VALUE",
     .help = "another threshold or duration: HighLatency.threshold=3, HighLatency.for=10m; may be "
             "repeated"},
    {.name = "time-scale",
     .type = CLI_DOUBLE,
     .value_name = "X",
     .low = 0.0001,
     .top = 1,
     .initial = "1",
     .help = "every duration in multiples of the table's, for trials"},
};
static const struct cli_option selftest_options[] = {
    MODEL_OPTION,
    TIMEOUT_OPTION("seconds until a step is given up"),
    {.name = "keep", .type = CLI_FLAG, .help = "leave the folder of logs and files"},
};
static const struct cli_option dashboards_options[] = {OUT_OPTION("deploy")};
static const struct cli_option ownership_options[] = {OUT_OPTION("docs")};

static const struct cli_option version_options[] = {
    {.name = "format",
     .short_name = 'f',
     .type = CLI_CHOICE,
     .value_name = "text|json",
     .initial = "text",
     .help = "how it is printed"},
};

#define OPTIONS(table) .options = (table), .option_count = ARRAY_LEN(table)
_Static_assert(ARRAY_LEN(scan_options) <= CLI_OPTIONS_MAX, "raise CLI_OPTIONS_MAX");
_Static_assert(CLI_EVALUATE_OPTIONS <= CLI_OPTIONS_MAX, "raise CLI_OPTIONS_MAX");

const struct cli_command cli_commands[] = {
    {.name = "scan",
     .summary = "tell AI-generated photos from camera photos",
     .operands = "PATH...",
     .operands_min = 1,
     OPTIONS(scan_options),
     .description =
         "Each PATH is a photo (JPEG, PNG or WebP), a folder that is searched recursively, or - "
         "for "
         "a photo on standard input. The type is told by content, never by name. Results come in "
         "the order of the arguments, a folder's files in the byte order of their paths.\n\n"
         "A photo that cannot be read is reported and does not stop the run. In a folder, files "
         "that are no photos are skipped and counted; named on the command line they are "
         "errors.\n\n"
         "Exit status: 0 when every photo is judged real, 1 when one is judged AI-generated, 2 "
         "when "
         "a photo could not be judged.",
     .examples =
         "aidetect scan photo.jpg\n"
         "aidetect scan --format jsonl photos/ | jq -r 'select(.probability > 0.9) | .path'\n"
         "curl -s https://example.com/photo.webp | aidetect scan -",
     .run = cmd_scan},
    {.name = "explain",
     .summary = "show what a photo's verdict rests on",
     .operands = "PHOTO",
     .operands_min = 1,
     .operands_max = 1,
     OPTIONS(explain_options),
     .description =
         "Judges one photo (- for standard input) and draws it in grey, divided into at most 100 "
         "cells. A cell is coloured by what it adds to the score: the log-odds that are lost when "
         "it is not looked at, from dark blue (it speaks for real) to light yellow (AI-generated); "
         "what adds nothing stays grey. Prints the verdict and the cells that speak most for it, "
         "in pixels of the upright photo.\n\n"
         "Exit status: 0 when the photo is judged real, 1 when it is judged AI-generated, 2 when "
         "it "
         "could not be judged.",
     .examples = "aidetect explain photo.jpg -o overlay.png\n"
                 "aidetect explain --format json photo.jpg | jq '.regions[0]'",
     .run = cmd_explain},
    {.name = "client",
     .summary = "ask a running service about photos, or how it is",
     .operands = "predict URL PHOTO... | health URL",
     .operands_min = 2,
     OPTIONS(client_options),
     .description =
         "Sends each PHOTO (- for standard input) to the service at URL and prints its verdicts in "
         "the order of the arguments. When the service has no time it is asked again: after what "
         "Retry-After says, or after a quarter of a second, doubled each time. \"client health\" "
         "asks /health, for container engines and scripts.\n\n"
         "Exit status: 0 when every photo is judged real, or the service is healthy; 1 when a "
         "photo is judged AI-generated, or the service is not healthy (yet); 2 when a photo could "
         "not be judged, or the answer is none of ours; 74 when the service could not be reached.",
     .examples = "aidetect client health http://127.0.0.1:8080\n"
                 "aidetect client predict http://127.0.0.1:8080 photo.jpg\n"
                 "aidetect client predict --batch --format json https://detector.example photos/*\n"
                 "aidetect client predict http://127.0.0.1:8080 photo.jpg --explain -o overlay.png",
     .run = cmd_client},
    {.name = "serve",
     .summary = "answer POST /predict over HTTP",
     OPTIONS(serve_options),
     .description =
         "Answers POST /predict (multipart field \"file\"), GET /health, /healthz, /readyz and "
         "/metrics. SIGTERM and SIGINT stop accepting, finish what is under way and exit. SIGHUP "
         "reads settings and model again; a mistake in them changes nothing. SIGUSR2 starts the "
         "program anew, which takes over when it is ready.",
     .examples = "aidetect serve\n"
                 "aidetect serve --listen 0.0.0.0:8080 --workers 4\n"
                 "curl -F file=@photo.jpg http://127.0.0.1:8080/predict",
     .run = cmd_serve},
    {.name = "model",
     .summary = "list, show, export and use models",
     .operands = "list|show|export|use [DIR|FILE|NAME]",
     .operands_min = 1,
     .operands_max = 2,
     OPTIONS(model_options),
     .description =
         "list: the models below DIR (models). show: what FILE says about itself. export: FILE as "
         "ONNX, for other runtimes. use: has a running service change to the model NAME of its "
         "folder of models, without a pause; a model that does not load changes nothing. After a "
         "restart the configured model is used again.",
     .examples = "aidetect model list\n"
                 "aidetect model export models/aidetect-1.safetensors -o aidetect-1.onnx\n"
                 "aidetect model use aidetect-2 --api-key \"$KEY\"",
     .run = cmd_model},
    {.name = "config",
     .summary = "check or print the settings of the service",
     .operands = "check|print [FILE]",
     .operands_min = 1,
     .operands_max = 2,
     OPTIONS(config_options),
     .description =
         "Reads the settings as serve does - defaults, FILE, environment, --set - and says what is "
         "wrong with them (check), or every value and where it came from (print). Without FILE "
         "the one that serve would read.\n\n"
         "Exit status: 0 when the settings are sound, 78 when they are not.",
     .examples = "aidetect config check /etc/aidetect/aidetect.yaml\n"
                 "aidetect config print --set queue.max=16",
     .run = cmd_config},
    {.name = "keys",
     .summary = "make, list, rotate and revoke API keys",
     .operands = "create|list|rotate|revoke [NAME|ID]",
     .operands_min = 1,
     .operands_max = 2,
     OPTIONS(keys_options),
     .description =
         "A key is printed once, when it is made; the file keeps its SHA-256. A running server "
         "takes up changes within a second. Rotating makes a new key for the same id and leaves "
         "the old one good for a while, so that clients can change over. Every change is recorded "
         "(aidetect audit).\n\n"
         "The file is auth.keys of the settings, by default keys.json in the data folder, and "
         "must be readable by its owner only.",
     .examples = "aidetect keys create checkout --role predict --expires-days 365\n"
                 "aidetect keys list\n"
                 "aidetect keys rotate 3f9c01d2a4b7 --grace-hours 48\n"
                 "aidetect keys revoke 3f9c01d2a4b7",
     .run = cmd_keys},
    {.name = "audit",
     .summary = "show the record of administrative acts",
     .operands = "list|verify",
     .operands_min = 1,
     .operands_max = 1,
     OPTIONS(audit_options),
     .description =
         "Each line names who did what to what, from where and how it ended. Lines are only ever "
         "appended, and each is sealed with the hash of the one before: verify finds lines that "
         "were changed or removed, but not a record that was cut off at its end.\n\n"
         "Exit status of verify: 0 when every line is intact, 1 when one is not.",
     .examples = "aidetect audit list --limit 20\n"
                 "aidetect audit verify\n"
                 "aidetect audit list --limit 0 --format json | jq -r .actor | sort | uniq -c",
     .run = cmd_audit},
    {.name = "predictions",
     .summary = "list, count or export the predictions that were made",
     .operands = "list|stats|export",
     .operands_min = 1,
     .operands_max = 1,
     OPTIONS(predictions_options),
     .description =
         "The service keeps a record of every prediction: when, which photo (its SHA-256), the "
         "verdict, the model and how long it took. Never the photo itself.\n\n"
         "An export has fixed columns with fixed types (docs/FORMATS.md), oldest record first.",
     .examples = "aidetect predictions list --verdict ai_generated\n"
                 "aidetect predictions stats --by day --since 30d\n"
                 "aidetect predictions export --format jsonl --since 2026-01-01 > january.jsonl",
     .run = cmd_predictions},
    {.name = "drift",
     .summary = "show whether the world has moved, and keep what is normal",
     .operands = "status|baseline|history|simulate [save|show]",
     .operands_min = 1,
     .operands_max = 2,
     .options = cli_drift_options,
     .option_count = CLI_DRIFT_OPTIONS,
     .description =
         "baseline save makes a baseline of the prediction log: the last model's, or --model's, "
         "from --since to --until. It is kept for that model and threshold, numbered, and a "
         "running service takes it up within a second; for another threshold its figures are made "
         "anew. baseline show lists them.\n\n"
         "status replays what was predicted since then: indicators, detectors, alarms, what moved "
         "and in which photos. It ends with 1 when there is drift. With --url it prints what the "
         "service running there sees (GET /monitoring/drift).\n\n"
         "history lists alarms, levels and baselines. simulate tries the detectors on made-up "
         "traffic: false alarms without a change, then predictions until each share of a new "
         "generator is found (docs/DRIFT.md).",
     .examples = "aidetect drift baseline save --since 7d\n"
                 "aidetect drift status\n"
                 "aidetect drift status --url http://127.0.0.1:8080\n"
                 "aidetect drift simulate --share 0.05,0.25 --false-alarms 1",
     .run = cmd_drift},
    {.name = "store",
     .summary = "show or upgrade the schema of the database",
     .operands = "migrate|status",
     .operands_min = 1,
     .operands_max = 1,
     OPTIONS(store_options),
     .description = "The database is store.url of the settings: a file, or PostgreSQL. serve "
                    "migrates by itself when it starts. A database that a newer program has "
                    "migrated is refused.",
     .examples = "aidetect store status\n"
                 "aidetect store migrate --set store.url=postgresql://db.example/aidetect",
     .run = cmd_store},
    {.name = "rules",
     .summary = "write rules and routing for Prometheus and Alertmanager",
     OPTIONS(rules_options),
     .description =
         "Writes prometheus/prometheus.yml, the rules, a test of each alert for promtool, and "
         "alertmanager/alertmanager.yml, all from the program's own tables: an alert over a metric "
         "that does not exist cannot be written.",
     .examples = "aidetect rules --out deploy\n"
                 "aidetect rules --out /etc/aidetect/monitoring --target 10.0.0.5:8080 --set "
                 "HighLatency.threshold=3",
     .run = cmd_rules},
    {.name = "dashboards",
     .summary = "write Grafana's dashboards",
     OPTIONS(dashboards_options),
     .description = "Writes grafana/dashboards/ and what Grafana needs to find them, "
                    "grafana/provisioning/.",
     .examples = "aidetect dashboards --out deploy",
     .run = cmd_dashboards},
    {.name = "ownership",
     .summary = "write who owns which alert, and what is measured",
     OPTIONS(ownership_options),
     .description = "Writes ALERTS.md (severities, escalation, owners, runbooks) and METRICS.md.",
     .examples = "aidetect ownership --out docs",
     .run = cmd_ownership},
    {.name = "selftest",
     .summary = "make every alert fire, end to end",
     .operands = "alerts",
     .operands_min = 1,
     .operands_max = 1,
     OPTIONS(selftest_options),
     .description =
         "Starts a service of its own, Prometheus, Alertmanager and a receiver on free ports of "
         "127.0.0.1, makes the service fail in one way after another, and waits for each alert to "
         "arrive. Expressions and thresholds are those of production, durations are scaled down to "
         "1/200. Needs prometheus and alertmanager in PATH.\n\n"
         "Exit status: 0 when every alert arrived, 1 when one did not.",
     .examples = "aidetect selftest alerts\n"
                 "aidetect selftest alerts --timeout 120 --keep",
     .run = cmd_selftest},
    {.name = "train",
     .summary = "train a model on labelled photos",
     .options = cli_train_options,
     .option_count = CLI_TRAIN_OPTIONS,
     .description =
         "Trains on the rows of a manifest, validates after each epoch and stops early when it no "
         "longer improves. A run that was interrupted goes on with --resume and loses at most one "
         "epoch.\n\n"
         "--from MODEL --data PATH adds photos to a model. PATH is a manifest, or a folder with "
         "folders real and ai, in which a folder is a source or a generator. Half of the crops are "
         "of added photos (sampling.added_share), the others replay the manifest of the settings. "
         "A fifth of the added photos is held out; at the end both models are measured on these "
         "and on the rows of --measure, slice by slice.",
     .examples = "aidetect train --config configs/train_config.yaml\n"
                 "aidetect train --from models/aidetect-1.safetensors --data more/ --output "
                 "runs/more --set model.version=aidetect-2\n"
                 "aidetect train --set seed=7 --output runs/seed-7",
     .run = cmd_train},
    {.name = "drill",
     .summary = "rehearse an incident: new generators come, the model is retrained",
     .operands = "data-drift",
     .operands_min = 1,
     .operands_max = 1,
     .options = cli_drill_options,
     .option_count = CLI_DRILL_OPTIONS,
     .description =
         "data-drift: trains on real photos and old generators only, measures at T1 on old and on "
         "new ones, retrains with photos of new generators and measures again, all on whole "
         "sources that were never trained on. Says whether the indicators of drift would have "
         "raised an alarm, and what comes next. Rows of the settings' role with generation old or "
         "new are used; the mixture is calibrated within the photos that are trained on.\n\n"
         "The default settings train the statistics alone. Interrupted, the same command goes on.",
     .examples = "aidetect drill data-drift\n"
                 "aidetect drill data-drift --photos 1000 --epochs 5 --format json",
     .run = cmd_drill},
    {.name = "twins",
     .summary = "make fakes with the content of real photos, for training",
     .operands = "PHOTO|FOLDER|MANIFEST.tsv...",
     .operands_min = 1,
     .options = cli_twins_options,
     .option_count = CLI_TWINS_OPTIONS,
     .description =
         "Sends real photos through the tiny autoencoders of image generators (TAESD family: "
         "SD 1/2, SDXL, SD 3, FLUX.1, FLUX.2) and writes what comes out as PNG: same content, "
         "same size, the traces of a generator's decoder. A detector that is trained on both "
         "cannot tell them apart by what they show.\n\n"
         "manifest.tsv in the output lists them for training: label ai, family twin-NAME, the "
         "source and size of the photo, and the photo itself in the column real. A file's name is "
         "a hash of photo, autoencoder and settings: what is there is kept, and a run that was "
         "interrupted goes on where it was.\n\n"
         "Exit status: 0 when every twin is there, 2 when a photo failed, 74 when an autoencoder "
         "could not be loaded.",
     .examples = "aidetect twins --vae vae/ --output twins/ photos/manifest.tsv\n"
                 "aidetect twins --vae vae/ --pick all --mix 0.2-0.8 -o twins/ photo.jpg\n"
                 "aidetect twins --vae vae/ --crop 512 --workers 2 -o twins/ photos/",
     .run = cmd_twins},
    {.name = "evaluate",
     .summary = "measure a model on labelled photos",
     .options = cli_evaluate_options,
     .option_count = CLI_EVALUATE_OPTIONS,
     .description =
         "Re-encodes every photo of the chosen role in four tiers from light to heavy compression "
         "and reports, at one threshold, accuracy, ranking, calibration and error rates for each "
         "source and generator.\n\n"
         "Photos that cannot be judged are listed in the report and left out of its figures.\n\n"
         "--report makes one page that needs nothing but itself: figures, curves, every generator "
         "and source, and the worst mistakes as small pictures. It holds photos: mind who gets "
         "it.\n\n"
         "--gate asks at T1 for a balanced accuracy of 0.85, an F1 of 0.80 and, with --against, "
         "that "
         "no real source and no generator loses more than --gate-margin of its photos. Each check "
         "that fails is named on standard error, and all are in the JSON report.\n\n"
         "Exit status: 0 when the report was made, 1 when the gate was not met, 2 when a photo "
         "could not be judged.",
     .examples =
         "aidetect evaluate --data manifest.tsv\n"
         "aidetect evaluate --data manifest.tsv --report report\n"
         "aidetect evaluate --data manifest.tsv --controls --gate-accuracy 0.75\n"
         "aidetect evaluate --data manifest.tsv --gate --against models/aidetect-1.safetensors\n"
         "aidetect evaluate --data manifest.tsv --role test --format json | jq .tiers.T1.auc",
     .run = cmd_evaluate},
    {.name = "version",
     .summary = "print version, revision, processor and library versions",
     OPTIONS(version_options),
     .description = "What to put into a report about a fault.",
     .examples = "aidetect version --format json",
     .run = cmd_version},
};
const size_t cli_command_count = ARRAY_LEN(cli_commands);

const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

enum cli_exit cli_exit_of(enum status code)
{
    static const enum cli_exit exits[] = {
        [ST_OK] = CLI_FINE,       [ST_INVALID] = CLI_PARTIAL, [ST_UNSUPPORTED] = CLI_PARTIAL,
        [ST_LIMIT] = CLI_PARTIAL, [ST_NOT_FOUND] = CLI_IO,    [ST_CONFLICT] = CLI_INTERNAL,
        [ST_BUSY] = CLI_IO,       [ST_NOMEM] = CLI_INTERNAL,  [ST_IO] = CLI_IO,
        [ST_CORRUPT] = CLI_IO,    [ST_UNAVAILABLE] = CLI_IO,
    };
    _Static_assert(ARRAY_LEN(exits) == ST_COUNT, "every status has an exit code");
    return exits[code];
}
