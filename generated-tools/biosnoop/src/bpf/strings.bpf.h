/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Strings: bytes up to the first NUL, zero behind it. Bounds are constants, so that the verifier sees the end of loops. */
#ifndef TRACEWRIGHT_STRINGS_BPF_H
#define TRACEWRIGHT_STRINGS_BPF_H

/* Whether two strings are the same in their first max bytes. */
static __always_inline bool tw_str_equal(const char *a, const char *b, __u32 max)
{
	__u32 i;

	for (i = 0; i < max; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			return true;
	}
	return true;
}

static __always_inline __u32 tw_str_len(const char *s, __u32 capacity)
{
	__u32 i;

	for (i = 0; i < capacity; i++)
		if (!s[i])
			break;
	return i;
}

static __always_inline bool tw_bytes_equal(const __u8 *a, const __u8 *b, __u32 size)
{
	__u32 i;

	for (i = 0; i < size; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/*
 * Bytes that a *_str helper put down, without the NUL; 0 when it failed. Failures, and nothing at all, are great numbers
 * without a sign: one comparison tells the verifier of 5.10 and 6.1 both bounds, where two signed ones do not.
 */
static __always_inline __u64 tw_str_put(long result, __u64 capacity)
{
	__u64 put = result - 1;

	tw_opaque(put);
	if (put >= capacity)
		return 0;
	return put;
}

/* Where needle first is in haystack; what the kernel's bpf_strstr() says (-ENOENT) when it is not. */
#define TW_NOT_FOUND (-2)

static __always_inline __s64 tw_str_find(const char *haystack, __u32 haystack_size, const char *needle,
					 __u32 needle_size)
{
	__u32 i, j;

	for (i = 0; i < haystack_size; i++) {
		for (j = 0; j < needle_size; j++) {
			if (!needle[j])
				return i;
			if (i + j >= haystack_size || haystack[i + j] != needle[j])
				break;
		}
		if (!haystack[i])
			break;
	}
	return TW_NOT_FOUND;
}

/*
 * The same for a needle of 1 to 64 bytes that is known, without branches for each of its bytes: bit j of matched says
 * that the last j + 1 bytes of the haystack are the first of the needle.
 */
static __always_inline __s64 tw_str_search(const char *haystack, __u32 haystack_size, const char *needle, __u32 length)
{
	__u64 matched = 0, same;
	__u32 i, j;

	for (i = 0; i < haystack_size; i++) {
		same = 0;
		for (j = 0; j < length; j++)
			same |= (((__u64)(__u8)(haystack[i] ^ needle[j]) - 1) >> 63) << j;
		matched = ((matched << 1) | 1) & same;
		if (matched >> (length - 1))
			return (__s64)i - length + 1;
		if (!haystack[i])
			break;
	}
	return TW_NOT_FOUND;
}

/* As memcmp: looks at n bytes, max at most. */
static __always_inline __s32 tw_memory_compare(const void *a, const void *b, __u64 n, __u32 max)
{
	const __u8 *x = a, *y = b;
	__u32 i;

	for (i = 0; i < max; i++) {
		if (i >= n)
			break;
		if (x[i] != y[i])
			return (__s32)x[i] - (__s32)y[i];
	}
	return 0;
}

#endif
