/* Functions of many kinds for uprobes, each called a known number of times. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROBED __attribute__((noinline, used))

int global_int = 1234;
uint8_t global_byte = 77;
uint16_t global_short = 555;
uint64_t global_long = 0xfeedfacecafef00d;
char global_text[16] = "global text";
static int hidden_int = 4321;

PROBED int add(int a, int b) { return a + b; }
PROBED long six(long a, long b, long c, long d, long e, long f) { return a + b + c + d + e + f; }
PROBED long eight(long a, long b, long c, long d, long e, long f, long g, long h) { return a + g + h; }
PROBED int signs(int8_t a, int16_t b, int32_t c, int64_t d) { return a + b + c + (int)d; }
PROBED int unsigned_signs(uint8_t a, uint16_t b, uint32_t c, uint64_t d) { return a + b + c + (int)d; }
PROBED int negative(void) { return -3; }
PROBED void nothing(void) { __asm__ volatile(""); }
PROBED int step_one(void) { return 1; }
PROBED int step_two(void) { return 2; }
PROBED int step_three(void) { return 3; }
PROBED const char *name_of(int id) { return id == 1 ? "one" : "other"; }
PROBED int inner(int x) { nothing(); return x * 2; }
PROBED int middle(int x) { return inner(x) + 1; }
PROBED int outer(int x) { return middle(x) + 1; }
PROBED int write_here(char *into) { return into[0]; }
PROBED int twice(int (*f)(int), int x) { return f(x) + f(x + 1); }

static void *thread_main(void *arg)
{
	step_three();
	return arg;
}

int main(int argc, char **argv)
{
	char buffer[16] = "untouched";
	pthread_t thread;

	/* A probe cannot fault pages in: read the name once so that it is there. */
	if (name_of(1)[0] != 'o')
		return 1;
	add(2, 3);
	add(-7, 3);
	six(1, 2, 3, 4, 5, 6);
	eight(1, 2, 3, 4, 5, 6, 7, 8);
	signs(-1, -2, -3, -4);
	unsigned_signs(255, 65535, 4294967295U, 18446744073709551615UL);
	negative();
	nothing();
	step_one();
	step_two();
	step_two();
	name_of(1);
	outer(10);
	write_here(buffer);
	if (pthread_create(&thread, NULL, thread_main, NULL) == 0)
		pthread_join(thread, NULL);
	if (argc > 1)
		printf("%s %d\n", buffer, hidden_int);
	return argc > 2 ? atoi(argv[2]) : 0;
}
