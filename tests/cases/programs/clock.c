/* Spends its time in the vDSO. */
#pragma GCC optimize("O2", "omit-frame-pointer", "no-optimize-sibling-calls")
#include <time.h>

volatile long sink;

__attribute__((noinline, noclone)) int watch_clock(int seconds)
{
	struct timespec first, now;

	clock_gettime(CLOCK_MONOTONIC, &first);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		sink += now.tv_nsec;
	} while (now.tv_sec < first.tv_sec + seconds);
	return sink == 0;
}

int main(void)
{
	return watch_clock(2) + (sink == 1);
}
