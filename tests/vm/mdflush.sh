. /cases/lib

[ -e /sys/module/md_mod ] || skip "no md module"
# An array without metadata, over sysfs: no mdadm is needed.
dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null
loop=$(losetup -f)
losetup $loop /tmp/disk || skip "no loop device for an array"
echo md_tw >/sys/module/md_mod/parameters/new_array || fail "no array"
md=/sys/block/md_tw/md
echo none >$md/metadata_version
echo raid1 >$md/level
echo 2 >$md/raid_disks
echo 4096 >$md/component_size
cat /sys/block/${loop#/dev/}/dev >$md/new_dev || fail "no disk in the array"
echo 0 >$md/dev-${loop#/dev/}/slot
echo active >$md/array_state || fail "the array does not start"
start mdflush
dd if=/dev/zero of=/dev/md_tw bs=4096 count=4 conv=fsync 2>/dev/null
stop
expect '^[0-9:]+ +[0-9]+ +dd +md_tw$'
