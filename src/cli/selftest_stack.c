#define _GNU_SOURCE /* nftw */
#include "cli/selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#define LOG_BYTES_MAX (1u << 20)
#define STEP_MS       50
#define STOP_MS       10000
#define REMOVE_FDS    16

extern char **environ;

static void log_path(char out[SELFTEST_PATH_SIZE], const char *folder, const char *name)
{
    (void)snprintf(out, SELFTEST_PATH_SIZE, "%.400s/%s.log", folder, name);
}

enum status selftest_start(struct selftest_process *out, const char *folder, const char *name,
                           const char *const *arguments, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char path[SELFTEST_PATH_SIZE];
    sigset_t none;
    pid_t pid = 0;

    log_path(path, folder, name);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path,
                                           O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    /* posix_spawn takes char *const[] and writes to none of them. */
    int error = posix_spawnp(&pid, arguments[0], &actions, &attributes,
                             (char *const *)(uintptr_t)arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (error != 0)
        return err_set(err, ST_NOT_FOUND, "cannot start %s: %s", arguments[0], strerror(error));
    *out = (struct selftest_process){.name = name, .pid = pid};
    return ST_OK;
}

/* The last line of its log: why it ended. */
static enum status tell_end(const char *folder, const char *name, struct err *err)
{
    char path[SELFTEST_PATH_SIZE];
    struct bytes text;
    struct err ignored;

    log_path(path, folder, name);
    if (fs_read(&text, path, LOG_BYTES_MAX, &ignored) != ST_OK)
        return err_set(err, ST_CONFLICT, "%s ended at once", name);
    struct str line = str_trim((struct str){(const char *)text.at, text.len});
    for (size_t i = line.len; i > 0; i--) {
        if (line.at[i - 1] == '\n') {
            line = (struct str){line.at + i, line.len - i};
            break;
        }
    }
    enum status st =
        err_set(err, ST_CONFLICT, "%s ended: %.*s", name, (int)MIN_OF(line.len, 150), line.at);
    mem_free((void *)(uintptr_t)text.at);
    return st;
}

static bool accepts(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return yes;
}

enum status selftest_wait(struct selftest_process *process, const char *folder, unsigned port,
                          unsigned timeout_ms, struct err *err)
{
    int64_t end_us = clock_monotonic_us(&clock_system) + (int64_t)timeout_ms * 1000;

    while (!accepts(port)) {
        int ignored = 0;
        if (waitpid(process->pid, &ignored, WNOHANG) == process->pid) {
            process->pid = 0;
            return tell_end(folder, process->name, err);
        }
        if (clock_monotonic_us(&clock_system) > end_us)
            return err_set(err, ST_CONFLICT, "%s does not listen after %u ms", process->name,
                           timeout_ms);
        (void)poll(NULL, 0, STEP_MS);
    }
    return ST_OK;
}

/* By its pid, and by nothing else; harder when it does not listen. */
void selftest_stop(struct selftest_process *process)
{
    int ignored = 0;

    if (process->pid <= 0)
        return;
    (void)kill(process->pid, SIGTERM);
    for (int waited_ms = 0; waited_ms < STOP_MS; waited_ms += STEP_MS) {
        if (waitpid(process->pid, &ignored, WNOHANG) == process->pid) {
            process->pid = 0;
            return;
        }
        (void)poll(NULL, 0, STEP_MS);
    }
    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, &ignored, 0);
    process->pid = 0;
}

enum status selftest_free_port(unsigned *out, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_set(err, ST_IO, "no socket: %s", strerror(errno));
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    (void)close(fd);
    if (!bound)
        return err_set(err, ST_IO, "no free port: %s", strerror(errno));
    *out = ntohs(address.sin_port);
    return ST_OK;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void selftest_remove(const char *folder)
{
    (void)nftw(folder, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
}
