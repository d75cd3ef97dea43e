#include <linux/types.h>

_Bool is_odd(int x)
{
	return x & 1;
}

__u8 next(__u8 x)
{
	return x + 1;
}

int read_int(int *p)
{
	return p ? *p : -1;
}
