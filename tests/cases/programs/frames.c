/* Calls without frame pointers: only .eh_frame tells who called. */
#pragma GCC optimize("O2", "omit-frame-pointer", "no-optimize-sibling-calls", "no-ipa-cp", "no-ipa-icf")
#include <signal.h>
#include <stdlib.h>

#define PROBED __attribute__((noinline, noclone, used))

volatile int sink;

PROBED int leaf(int n)
{
	sink = n;
	return n + 1;
}

/* Frames of several sizes, with values kept in registers and on the stack. */
PROBED int descend(int n, const int *before)
{
	int own[5] = {n, n + 1, *before, 3, sink};
	int below;

	if (!n)
		return leaf(own[2]) + 1;
	below = descend(n - 1, own);
	sink += own[4];
	return below + own[2];
}

PROBED int compare(const void *a, const void *b)
{
	return leaf(*(const int *)a) - leaf(*(const int *)b);
}

PROBED int sorted(void)
{
	int numbers[2] = {2, 1};

	qsort(numbers, 2, sizeof(*numbers), compare);
	return numbers[0];
}

PROBED void in_handler(int n)
{
	sink = n + 1;
}

PROBED void handler(int n)
{
	in_handler(n);
	sink += n;
}

/* With a frame pointer of its own. */
PROBED int sized(int n)
{
	volatile char room[n];

	room[0] = 1;
	return descend(2, &n) + room[0];
}

PROBED int raised(void)
{
	int result = raise(SIGUSR1);

	return result + sink;
}

int main(void)
{
	int first = 5;

	signal(SIGUSR1, handler);
	first += descend(5, &first);
	first += sized(64);
	first += sorted();
	first += raised();
	return first == 0;
}
