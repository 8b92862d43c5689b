/* cli/help.c - what is printed about the table of commands: overview, --help, manual page, bash
 * completion.  Knows the table only. */
#include "cli/cli.h"

#include <string.h>

#include "revision.h"

#define LINE_WIDTH  88
#define HELP_COLUMN 28

/* Prints `text` wrapped to LINE_WIDTH, every line after the first indented. */
static void print_wrapped(FILE *out, struct str text, int indent, int column)
{
    struct str rest = text;

    while (rest.len > 0) {
        struct str word = str_split(&rest, ' ');
        if (column > indent && column + 1 + (int)word.len > LINE_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out), column++;
        }
        fwrite(word.at, 1, word.len, out);
        column += (int)word.len;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option)
{
    int column;

    if (option->short_name)
        column = fprintf(out, "  -%c, --%s", option->short_name, option->name);
    else
        column = fprintf(out, "      --%s", option->name);
    if (option->value_name)
        column += fprintf(out, " %s", option->value_name);
    if (column >= HELP_COLUMN - 1)
        fputc('\n', out), column = 0;
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    const char *initial = cli_option_initial(option);
    if (!initial) {
        print_wrapped(out, str_of(cli_option_help(option)), HELP_COLUMN, HELP_COLUMN);
        return;
    }
    char help[512];
    int len = snprintf(help, sizeof(help), "%s (default %s)", cli_option_help(option), initial);
    print_wrapped(out, (struct str){help, (size_t)len}, HELP_COLUMN, HELP_COLUMN);
}

static void print_paragraphs(FILE *out, const char *text)
{
    struct str rest = str_of(text);

    while (rest.len > 0) {
        struct str paragraph = str_split(&rest, '\n');
        print_wrapped(out, paragraph, 0, 0);
    }
}

void cli_print_overview(FILE *out)
{
    fprintf(out, "Usage: aidetect COMMAND [OPTION...]\n\n"
                 "Tells AI-generated product photos from camera photos.\n\nCommands:\n");
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, "  %-12s%s\n", cli_commands[i].name, cli_commands[i].summary);
    fprintf(out, "\n'aidetect COMMAND --help' tells more about a command.\n");
}

void cli_print_help(FILE *out, const struct cli_command *command)
{
    fprintf(out, "Usage: aidetect %s [OPTION...]%s%s\n\n", command->name,
            command->operands ? " " : "", command->operands ? command->operands : "");
    print_paragraphs(out, command->description);
    fprintf(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++)
        print_option(out, &command->options[i]);
    print_option(out, &(struct cli_option){.name = "help", .short_name = 'h', .help = "this text"});
    fprintf(out, "\nExamples:\n");
    for (struct str rest = str_of(command->examples); rest.len > 0;) {
        struct str line = str_split(&rest, '\n');
        fprintf(out, "  %.*s\n", (int)line.len, line.at);
    }
}

/* troff: backslashes and dashes escaped, no line starts with a dot or a quote. */
static void print_troff(FILE *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool line_start = i == 0 || text.at[i - 1] == '\n';
        if (line_start && (text.at[i] == '.' || text.at[i] == '\''))
            fputs("\\&", out);
        if (text.at[i] == '-' || text.at[i] == '\\')
            fputc('\\', out);
        fputc(text.at[i], out);
        if (text.at[i] == '\\')
            fputc('e', out);
    }
}

static void print_manual_option(FILE *out, const struct cli_option *option)
{
    fputs(".TP\n", out);
    if (option->short_name)
        fprintf(out, "\\fB\\-%c\\fR, ", option->short_name);
    fputs("\\fB\\-\\-", out);
    print_troff(out, str_of(option->name));
    fputs("\\fR", out);
    if (option->value_name)
        fprintf(out, " \\fI%s\\fR", option->value_name);
    fputc('\n', out);
    print_troff(out, str_of(cli_option_help(option)));
    if (cli_option_initial(option)) {
        fputs(" (default ", out);
        print_troff(out, str_of(cli_option_initial(option)));
        fputc(')', out);
    }
    fputs(".\n", out);
}

static void print_manual_command(FILE *out, const struct cli_command *command)
{
    fprintf(out, ".SS aidetect %s [OPTION...]%s%s\n", command->name, command->operands ? " " : "",
            command->operands ? command->operands : "");
    for (struct str rest = str_of(command->description); rest.len > 0;) {
        struct str paragraph = str_split(&rest, '\n');
        print_troff(out, paragraph);
        fputs(paragraph.len > 0 ? "\n" : ".PP\n", out);
    }
    for (size_t i = 0; i < command->option_count; i++)
        print_manual_option(out, &command->options[i]);
    fputs(".PP\nExamples:\n.PP\n.nf\n", out);
    print_troff(out, str_of(command->examples));
    fputs("\n.fi\n", out);
}

void cli_print_manual(FILE *out)
{
    fprintf(out,
            ".TH AIDETECT 1 \"\" \"aidetect %s\" \"User Commands\"\n.SH NAME\n"
            "aidetect \\- tells AI\\-generated product photos from camera photos\n"
            ".SH SYNOPSIS\n.B aidetect\n.I COMMAND\n[\\fIOPTION\\fR...]\n.SH COMMANDS\n",
            AIDETECT_VERSION);
    for (size_t i = 0; i < cli_command_count; i++)
        print_manual_command(out, &cli_commands[i]);
    fputs(".SH EXIT STATUS\n"
          ".TP\n.B 0\nAll is well; scan: every photo is judged real.\n"
          ".TP\n.B 1\nA finding; scan: a photo is judged AI\\-generated; evaluate: a gate was not "
          "met.\n"
          ".TP\n.B 2\nSome input failed.\n"
          ".TP\n.B 64\nUnknown command, option or value.\n"
          ".TP\n.B 70\nInternal error.\n"
          ".TP\n.B 74\nA file, a socket or the model could not be used.\n"
          ".TP\n.B 78\nAn error in the configuration.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B AIDETECT_MODEL\nWeights file to use without \\-\\-model.\n"
          ".TP\n.B AIDETECT_CONFIG\nSettings that serve reads without \\-\\-config.\n"
          ".TP\n.B AIDETECT_\\fISETTING\\fR\nA setting of serve: AIDETECT_QUEUE_MAX is queue.max.\n"
          ".TP\n.B NO_COLOR\nWhen set, no colour on a terminal.\n",
          out);
}

static void print_completion_case(FILE *out, const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->type == CLI_FLAG)
            continue;
        fprintf(out, "        %s:--%s", command->name, option->name);
        if (option->short_name)
            fprintf(out, "|%s:-%c", command->name, option->short_name);
        fputs(") ", out);
        if (option->type == CLI_CHOICE) {
            fputs("words='", out);
            for (const char *p = option->value_name; *p; p++)
                fputc(*p == '|' ? ' ' : *p, out);
            fputs("' ;;\n", out);
        } else if (strcmp(option->value_name, "DIR") == 0) {
            fputs("folders=1 ;;\n", out);
        } else if (strcmp(option->value_name, "FILE") == 0) {
            fputs("files=1 ;;\n", out);
        } else {
            fputs("return ;;\n", out);
        }
    }
}

void cli_print_completion(FILE *out)
{
    fputs("# bash completion for aidetect; made from its table of commands.\n"
          "_aidetect()\n{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} words='' files='' folders=''\n"
          "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='",
          out);
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, "%s ", cli_commands[i].name);
    fputs("--help --version'\n    else\n    case $command:$previous in\n", out);
    for (size_t i = 0; i < cli_command_count; i++)
        print_completion_case(out, &cli_commands[i]);
    fputs("        *) case $command in\n", out);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        fprintf(out, "            %s) words='", command->name);
        for (size_t k = 0; k < command->option_count; k++)
            fprintf(out, "--%s ", command->options[k].name);
        fprintf(out, "--help'%s ;;\n", command->operands ? " files=1" : "");
    }
    fputs(
        "            esac ;;\n    esac\n    fi\n"
        "    [ -n \"$words\" ] && mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
        "    [ -n \"$files\" ] && mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- "
        "\"$current\")\n"
        "    [ -n \"$folders\" ] && mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
        "    return 0\n}\ncomplete -o filenames -F _aidetect aidetect\n",
        out);
}
