. /cases/lib

mount_ext4
start writeback
dd if=/dev/zero of=/mnt/tw-file bs=4096 count=100 2>/dev/null
sync
stop
umount /mnt
expect '^TIME +DEVICE +PAGES +REASON +ms$'
expect '^[0-9:]+ +[0-9]+:[0-9]+ +[0-9]+ +sync +[0-9]+\.[0-9]{3}$'
