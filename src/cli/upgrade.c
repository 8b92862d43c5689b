#define _GNU_SOURCE /* pipe2 */
#include "cli/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#define LISTEN_VARIABLE "AIDETECT_INHERITED_LISTEN"
#define READY_VARIABLE  "AIDETECT_INHERITED_READY"
#define ARGUMENTS_MAX   (1u << 20) /* bytes of the command line */

extern char **environ;

void upgrade_init(struct upgrade *upgrade)
{
    *upgrade = (struct upgrade){.pid = 0};
    ssize_t len = readlink("/proc/self/exe", upgrade->program, sizeof upgrade->program - 1);
    upgrade->program[len > 0 ? len : 0] = '\0';
}

/* A NULL-ended list of pointers to the NUL-ended texts in `texts`; mem_free it. */
static char **list_of(struct bytes texts)
{
    size_t count = 0;
    size_t next = 0;

    for (size_t i = 0; i < texts.len; i++)
        count += texts.at[i] == '\0';
    char **list = mem_alloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = (char *)(uintptr_t)texts.at + next;
        next += strlen(list[i]) + 1;
    }
    return list;
}

/* Ours, without what is meant for this process alone, and with the two descriptors. */
static void fill_environment(struct buf *out, int listen_fd, int ready_fd)
{
    static const char *const own[] = {LISTEN_VARIABLE "=", READY_VARIABLE "=", "LISTEN_PID=",
                                      "LISTEN_FDS=",       "LISTEN_FDNAMES=",  "WATCHDOG_PID="};

    for (char **variable = environ; *variable; variable++) {
        bool skipped = false;
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
            skipped |= str_starts(str_of(*variable), own[i]);
        if (!skipped)
            buf_add(out, *variable, strlen(*variable) + 1);
    }
    buf_printf(out, LISTEN_VARIABLE "=%d%c" READY_VARIABLE "=%d%c", listen_fd, 0, ready_fd, 0);
}

static enum status spawn(struct upgrade *upgrade, char *const *arguments, char *const *environment,
                         int listen_fd, int ready_fd, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    /* Onto themselves: that takes close-on-exec away in the child only. */
    (void)posix_spawn_file_actions_adddup2(&actions, listen_fd, listen_fd);
    (void)posix_spawn_file_actions_adddup2(&actions, ready_fd, ready_fd);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error =
        posix_spawn(&upgrade->pid, upgrade->program, &actions, &attributes, arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (error == 0)
        return ST_OK;
    upgrade->pid = 0;
    return err_set(err, ST_IO, "cannot start '%.120s': %s", upgrade->program, strerror(error));
}

enum status upgrade_start(struct upgrade *upgrade, int listen_fd, struct err *err)
{
    struct bytes command_line = {0};
    struct buf variables;
    int ends[2];

    if (upgrade->pid)
        return err_set(err, ST_BUSY, "process %d is being started already", (int)upgrade->pid);
    enum status st = fs_read(&command_line, "/proc/self/cmdline", ARGUMENTS_MAX, err);
    if (st != ST_OK)
        return st;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        mem_free((void *)(uintptr_t)command_line.at);
        return err_set(err, ST_IO, "cannot make a pipe: %s", strerror(errno));
    }
    buf_init(&variables, ARGUMENTS_MAX);
    fill_environment(&variables, listen_fd, ends[1]);
    st = buf_check(&variables, "the environment", err);
    char **arguments = list_of(command_line);
    char **environment = list_of(buf_bytes(&variables));
    if (st == ST_OK)
        st = spawn(upgrade, arguments, environment, listen_fd, ends[1], err);
    (void)close(ends[1]); /* only the successor has it: its end is seen */
    if (st == ST_OK)
        upgrade->ready_fd = ends[0];
    else
        (void)close(ends[0]);
    mem_free(arguments);
    mem_free(environment);
    buf_fini(&variables);
    mem_free((void *)(uintptr_t)command_line.at);
    return st;
}

static void forget(struct upgrade *upgrade)
{
    (void)close(upgrade->ready_fd);
    upgrade->ready_fd = 0;
    upgrade->pid = 0;
}

enum status upgrade_finish(struct upgrade *upgrade, struct err *err)
{
    char byte = 0;
    int status = 0;
    ssize_t got;

    do
        got = read(upgrade->ready_fd, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        return ST_OK;
    pid_t pid = upgrade->pid;
    (void)kill(pid, SIGTERM); /* it closed its end: it is going anyway */
    (void)waitpid(pid, &status, 0);
    forget(upgrade);
    return err_set(err, ST_CONFLICT, "process %d ended with status %d before it was ready",
                   (int)pid, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void upgrade_abandon(struct upgrade *upgrade)
{
    int status = 0;

    (void)kill(upgrade->pid, SIGKILL);
    (void)waitpid(upgrade->pid, &status, 0);
    forget(upgrade);
}

static int take_descriptor(const char *variable)
{
    const char *text = getenv(variable);
    int64_t fd = 0;

    if (!text || !str_to_int(&fd, str_of(text), 3, 65535) ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
        fd = 0;
    (void)unsetenv(variable);
    return (int)fd;
}

void upgrade_inherit(struct upgrade_inheritance *out)
{
    out->listen_fd = take_descriptor(LISTEN_VARIABLE);
    out->ready_fd = take_descriptor(READY_VARIABLE);
}

void upgrade_tell_ready(struct upgrade_inheritance *inheritance)
{
    if (!inheritance->ready_fd)
        return;
    ssize_t written = write(inheritance->ready_fd, "1", 1);
    (void)written; /* a predecessor that is gone needs no telling */
    (void)close(inheritance->ready_fd);
    inheritance->ready_fd = 0;
}
