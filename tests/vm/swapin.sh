. /cases/lib

[ -e /sys/block/zram0 ] || skip "no zram module"
echo 64M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 || skip "no swap"
start swapin 1 3
cause swap 8
finish
swapoff /dev/zram0
expect '^[0-9:]{8}$'
expect '^@\[cause, [0-9]+\]: [0-9]+$'
