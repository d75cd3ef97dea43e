/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* skboutput(): the linear part of a packet. */
#ifndef TRACEWRIGHT_SKB_BPF_H
#define TRACEWRIGHT_SKB_BPF_H

struct sk_buff___packet {
	__u32 len;
	__u32 data_len;
	unsigned char *data;
} __attribute__((preserve_access_index));

/* Copies at most size bytes from offset on; returns how many. */
static __always_inline __u64 tw_skb_bytes(char *dst, __u32 size, void *skb, __u64 len, __u64 offset)
{
	struct sk_buff___packet *packet = skb;
	__u64 linear = BPF_CORE_READ(packet, len) - BPF_CORE_READ(packet, data_len);

	if (offset >= linear)
		return 0;
	if (len > linear - offset)
		len = linear - offset;
	if (len > size)
		len = size;
	if (bpf_probe_read_kernel(dst, len, BPF_CORE_READ(packet, data) + offset))
		return 0;
	return len;
}

#endif
