/* A disk that needs SLOW_US microseconds more for each sync: preloaded into PostgreSQL by bench/accept.py. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void rest(void) {
    const char *us = getenv("SLOW_US");
    if (us) usleep((useconds_t)atoi(us));
}

int fsync(int fd) {
    int done = (int)syscall(SYS_fsync, fd);
    rest();
    return done;
}

int fdatasync(int fd) {
    int done = (int)syscall(SYS_fdatasync, fd);
    rest();
    return done;
}
