/* Functions whose arguments are not one integer register each. */
#define PROBED __attribute__((noinline, used))

struct large { long a, b, c; };
struct small { int a; long b; };

PROBED int past_floats(double d, float f, int k) { return d + f > k; }
PROBED int past_large(struct large l, int k) { return l.a + k; }
PROBED int past_small(struct small s, int k) { return s.a + k; }

int main(void)
{
	struct large l = { 1, 2, 3 };
	struct small s = { 4, 5 };

	past_floats(1.5, 2.5, 6);
	past_large(l, 7);
	past_small(s, 8);
	return 0;
}
