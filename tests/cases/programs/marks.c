/* Static probes (USDT): without arguments, with constants, registers and memory, of all sizes. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "stapsdt.h"

STAPSDT_SEMAPHORE(gate, guarded);

#define PROBED __attribute__((noinline, used))

PROBED static void plain(void)
{
	STAPSDT_NOTE(demo, plain, "0", "");
}

PROBED static void numbers(int a, long b)
{
	STAPSDT_NOTE(demo, numbers, "0", "-4@%k0 -8@%1", "r"(a), "r"(b));
}

PROBED static void text(const char *words, int length)
{
	STAPSDT_NOTE(demo, text, "0", "8@%0 -4@%k1", "r"(words), "r"(length));
}

PROBED static void sizes(int8_t a, int16_t b, int32_t c, int64_t d)
{
	STAPSDT_NOTE(demo, signed_sizes, "0", "-1@%b0 -2@%w1 -4@%k2 -8@%3", "q"(a), "q"(b), "r"(c), "r"(d));
	STAPSDT_NOTE(demo, unsigned_sizes, "0", "1@%b0 2@%w1 4@%k2 8@%3", "q"(a), "q"(b), "r"(c), "r"(d));
}

PROBED static void constants(void)
{
	STAPSDT_NOTE(demo, constants, "0", "-4@$-5 4@$7 8@$81985529216486895");
}

PROBED static void memory(void)
{
	volatile int8_t small = -8;
	volatile int32_t number = -32;
	volatile uint16_t wide = 60000;
	struct { long before; int value; } local = { 1, 4242 };

	STAPSDT_NOTE(demo, memory, "0", "-1@%0 -4@%1 2@%2 -4@%3", "m"(small), "m"(number), "m"(wide),
		     "m"(local.value));
}

PROBED static void twelve(void)
{
	STAPSDT_NOTE(demo, twelve, "0",
		"-4@$1 -4@$2 -4@$3 -4@$4 -4@$5 -4@$6 -4@$7 -4@$8 -4@$9 -4@$10 -4@$11 -4@$12");
}

PROBED static void several(int where)
{
	if (where == 0)
		STAPSDT_NOTE(demo, several, "0", "-4@%k0", "r"(where));
	else
		STAPSDT_NOTE(demo, several, "0", "-4@%k0", "r"(where + 100));
}

PROBED static void other_provider(void)
{
	STAPSDT_NOTE(other, plain, "0", "");
	STAPSDT_NOTE(other, extra, "0", "-4@$9");
}

PROBED static void guarded(void)
{
	if (gate_guarded_semaphore) {
		STAPSDT_NOTE(gate, guarded, "gate_guarded_semaphore", "-4@$66");
	}
}

int main(void)
{
	const char *words = "probe text";

	/* A probe cannot fault pages in: read the words once so that they are there. */
	if (strlen(words) == 0)
		return 1;
	plain();
	numbers(-5, 123456789012L);
	text(words, 5);
	sizes(-1, -2, -3, -4);
	constants();
	memory();
	twelve();
	several(0);
	several(1);
	several(2);
	other_provider();
	guarded();
	return 0;
}
