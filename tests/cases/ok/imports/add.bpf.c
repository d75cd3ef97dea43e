#include <linux/types.h>
#include <bpf/bpf_helpers.h>

__u64 add(__u64 a, __u64 b)
{
	return a + b;
}
