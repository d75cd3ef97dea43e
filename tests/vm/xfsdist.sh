. /cases/lib

[ -x /bin/mkfs.xfs ] || skip "no mkfs.xfs"
mkfs.xfs -q -f /dev/vda && mount -t xfs /dev/vda /mnt || skip "no xfs"
start xfsdist
dd if=/dev/zero of=/mnt/tw-file bs=4096 count=50 conv=fsync 2>/dev/null
dd if=/mnt/tw-file of=/dev/null bs=4096 2>/dev/null
stop
umount /mnt
expect '^@us\[xfs_file_read_iter\]:'
expect '^@us\[xfs_file_fsync\]:'
[ "$(total 'xfs_file_write_iter')" -eq 50 ] || fail "$(total xfs_file_write_iter) writes counted"
