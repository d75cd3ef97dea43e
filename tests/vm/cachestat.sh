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
expect '^TIME +HITS +MISSES +DIRTIES +HITRATIO +CACHED_MB$'
expect '^[0-9:]{8} +[0-9]{3,} +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{2}% +[0-9]+$'
