/* Calls functions with arrays of known content. */
#define PROBED __attribute__((noinline, used))

PROBED int ints(int *v) { return v[0]; }
PROBED int longs(unsigned long *v) { return v[0]; }
PROBED int text(char (*lines)[8]) { return lines[0][0]; }
PROBED int pointers(int **v) { return *v[0]; }

int main(void)
{
	int numbers[4] = { 11, -22, 33, -44 };
	unsigned long wide[3] = { 1, 0xdeadbeefcafe, ~0UL };
	char lines[2][8] = { "first", "second" };
	int *refs[2] = { &numbers[2], &numbers[0] };

	ints(numbers);
	longs(wide);
	text(lines);
	pointers(refs);
	return 0;
}
