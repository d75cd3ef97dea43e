/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* skboutput(): packets as the kernel copies them, fragments and all. */
#ifndef TRACEWRIGHT_SKB_BPF_H
#define TRACEWRIGHT_SKB_BPF_H

/* What a perf buffer takes in one piece, less the record's head. */
#define TW_MAX_PACKET (0xffff - 128)

#define TW_CURRENT_CPU 0xffffffffULL

struct sk_buff___packet {
	__u32 len;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} tw_packets SEC(".maps");

/* Bytes to take for len bytes from offset on. Where len is beyond the packet it stays, for the kernel to refuse. */
static __always_inline __u64 tw_packet_bytes(void *skb, __u64 len, __u64 offset)
{
	__u64 whole = BPF_CORE_READ((struct sk_buff___packet *)skb, len);
	__u64 bytes = len;

	if (len <= whole)
		bytes = offset < whole - len ? len + offset : whole;
	return bytes < TW_MAX_PACKET ? bytes : TW_MAX_PACKET;
}

/* Sends a record and the packet's first bytes behind it; 0, or a negative error. */
static __always_inline __s64 tw_send_packet(void *skb, __u64 bytes, void *record, __u64 size)
{
	return bpf_skb_output(skb, &tw_packets, bytes << 32 | TW_CURRENT_CPU, record, size);
}

#endif
