/* cli/upgrade.h - a new program takes over without a refused connection: it is started with the
 * listening socket, says when it is ready, and only then the old one stops accepting.
 * Must not know what is served.  One thread. */
#pragma once

#include <sys/types.h>

#include "base/base.h"

struct upgrade {
    char program[4096]; /* path of the running program, as it was when it started */
    int ready_fd;       /* the successor writes a byte here; 0: there is none */
    pid_t pid;          /* of the successor */
};

/* What a predecessor left for this process. */
struct upgrade_inheritance {
    int listen_fd; /* 0: there is no predecessor */
    int ready_fd;
};

/* Remembers which program this is: later its file may be another. */
void upgrade_init(struct upgrade *upgrade);
/* Starts the successor with this process's arguments. */
enum status upgrade_start(struct upgrade *upgrade, int listen_fd, struct err *err) MUST_USE;
/* What became of the successor once ready_fd can be read: ST_OK when it is ready; otherwise it has
 * ended, and *upgrade is as before upgrade_start. */
enum status upgrade_finish(struct upgrade *upgrade, struct err *err) MUST_USE;
/* Ends a successor that takes too long. */
void upgrade_abandon(struct upgrade *upgrade);

/* Takes it from the environment: no other process inherits it. */
void upgrade_inherit(struct upgrade_inheritance *out);
/* The predecessor may stop accepting now.  Nothing without one. */
void upgrade_tell_ready(struct upgrade_inheritance *inheritance);
