. /cases/lib

mount_ext4
start ext4dist
dd if=/dev/zero of=/mnt/tw-file bs=4096 count=50 conv=fsync 2>/dev/null
dd if=/mnt/tw-file of=/dev/null bs=4096 2>/dev/null
stop
umount /mnt
expect '^@us\[ext4_file_read_iter\]:'
expect '^@us\[ext4_file_open\]:'
expect '^@us\[ext4_sync_file\]:'
[ "$(total 'ext4_file_write_iter')" -eq 50 ] || fail "$(total ext4_file_write_iter) writes counted"
