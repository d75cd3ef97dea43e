. /cases/lib

mount_ext4
dd if=/dev/zero of=/mnt/tw-file bs=4096 count=500 2>/dev/null
start cachestat -T 1 3
dd if=/dev/zero of=/mnt/tw-other bs=4096 count=300 2>/dev/null
for n in 1 2 3 4 5 6; do
	cat /mnt/tw-file >/dev/null
	sleep 0.3
done
finish
umount /mnt
expect '^TIME +HITS +MISSES +DIRTIES +HITRATIO +BUFFERS_MB +CACHED_MB$'
expect '^[0-9:]{8} +[0-9]{3,} +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{2}% +[0-9]+ +[0-9]+$'

# Pages of a block device itself are buffers.
exec 9</dev/vda
dd if=/dev/vda of=/dev/null bs=1M count=12 2>/dev/null
start cachestat 1 1
finish
buffers=$(awk '/%/ { print $5 }' /tmp/out)
known=$(awk '/^Buffers:/ { print int($2 / 1024) }' /proc/meminfo)
[ "$known" -ge 12 ] || fail "no buffers: $known MB"
[ "$buffers" -ge $((known - 1)) ] && [ "$buffers" -le $((known + 1)) ] || fail "$buffers MB of buffers, not $known"
