/* The wall clock of a process, off by CRASHLAB_SKEW seconds; monotonic clocks stay as they are. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long skew(void) {
    static long known;
    static int asked;
    if (!asked) {
        const char *said = getenv("CRASHLAB_SKEW");
        known = said ? atol(said) : 0;
        asked = 1;
    }
    return known;
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    int result = (int)syscall(SYS_clock_gettime, clock, found);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        found->tv_sec += skew();
    return result;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    struct timespec here;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &here);
    found->tv_sec = here.tv_sec;
    found->tv_usec = here.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *found) {
    struct timespec here;
    clock_gettime(CLOCK_REALTIME, &here);
    if (found)
        *found = here.tv_sec;
    return here.tv_sec;
}
