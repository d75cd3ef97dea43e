. /cases/lib

start vfsstat
dd if=/dev/zero of=/tmp/tw-file bs=1 count=2000 2>/dev/null
sleep 1.5
stop
expect '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]$'
expect '^@\[vfs_read\]: [0-9]+$'
expect '^@\[vfs_write\]: ([2-9][0-9]{3}|[0-9]{5,})$'
expect '^@\[vfs_open\]: [0-9]+$'
