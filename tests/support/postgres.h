/* tests/support/postgres.h - a PostgreSQL server of a test's own: in a temporary folder, on a Unix
 * socket only, as an unprivileged user, stopped by its pid. */
#pragma once

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "support/temp_folder.h"

struct postgres {
    struct temp_folder folder;
    char url[512];
    pid_t pid; /* 0: not running */
};

/* The newest of Debian's, or "" without one. */
static inline const char *postgres_binaries(void)
{
    static char path[TEMP_PATH_SIZE];
    DIR *dir = opendir("/usr/lib/postgresql");
    int64_t newest = 0, version = 0;

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (str_to_int(&version, str_of(entry->d_name), 1, 1000))
            newest = MAX_OF(newest, version);
    if (dir)
        (void)closedir(dir);
    (void)snprintf(path, sizeof path, "/usr/lib/postgresql/%d/bin", (int)newest);
    return newest ? path : "";
}

/* A child that is not root, with its output in the folder's `log`. */
static inline pid_t postgres_spawn(const struct postgres *server, char *const arguments[])
{
    char log[TEMP_PATH_SIZE];
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    pid_t pid = fork();

    REQUIRE(pid >= 0);
    if (pid > 0)
        return pid;
    if (getuid() == 0 && (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 ||
                          setuid(user->pw_uid) != 0))
        _exit(127);
    if (!freopen(temp_path(log, &server->folder, "log"), "a", stdout) || dup2(1, 2) < 0)
        _exit(127);
    (void)execv(arguments[0], arguments);
    _exit(127);
}

/* Waits until it answers; false when it ended instead. */
static inline bool postgres_start(struct postgres *server)
{
    char program[TEMP_PATH_SIZE + 16], data[TEMP_PATH_SIZE];
    struct store *store = NULL;

    (void)snprintf(program, sizeof program, "%s/postgres", postgres_binaries());
    char *const arguments[] = {program,
                               (char[]){"-D"},
                               data,
                               (char[]){"-k"},
                               server->folder.path,
                               (char[]){"-c"},
                               (char[]){"listen_addresses="},
                               (char[]){"-c"},
                               (char[]){"autovacuum=off"},
                               NULL};
    (void)temp_path(data, &server->folder, "data");
    server->pid = postgres_spawn(server, arguments);
    while (store_open(&store, server->url, NULL, NULL) != ST_OK) {
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    store_close(store);
    return true;
}

static inline void postgres_stop(struct postgres *server)
{
    if (!server->pid)
        return;
    (void)kill(server->pid, SIGINT); /* "fast": sessions are ended */
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

/* False: there is no PostgreSQL here, or no user for it. */
static inline bool postgres_open(struct postgres *server)
{
    char program[TEMP_PATH_SIZE + 16], data[TEMP_PATH_SIZE];
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    int state = 0;

    memset(server, 0, sizeof *server);
    if (!postgres_binaries()[0] || (getuid() == 0 && !user))
        return false;
    temp_folder_open(&server->folder);
    if (user)
        REQUIRE(chown(server->folder.path, user->pw_uid, user->pw_gid) == 0);
    (void)snprintf(program, sizeof program, "%s/initdb", postgres_binaries());
    char *const arguments[] = {program,
                               (char[]){"-D"},
                               data,
                               (char[]){"-U"},
                               (char[]){"aidetect"},
                               (char[]){"-A"},
                               (char[]){"trust"},
                               (char[]){"-E"},
                               (char[]){"UTF8"},
                               (char[]){"--no-sync"},
                               NULL};
    (void)temp_path(data, &server->folder, "data");
    REQUIRE(waitpid(postgres_spawn(server, arguments), &state, 0) > 0);
    (void)snprintf(server->url, sizeof server->url,
                   "postgresql://aidetect@/postgres?host=%s&connect_timeout=2",
                   server->folder.path);
    return WIFEXITED(state) && WEXITSTATUS(state) == 0 && postgres_start(server);
}

static inline void postgres_close(struct postgres *server)
{
    postgres_stop(server);
    if (server->folder.path[0])
        temp_folder_close(&server->folder);
}
