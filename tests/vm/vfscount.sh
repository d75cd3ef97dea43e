. /cases/lib

start vfscount
dd if=/dev/zero of=/tmp/tw-file bs=1 count=2000 2>/dev/null
stop
expect '^@\[vfs_read\]: ([2-9][0-9]{3}|[0-9]{5,})$'
expect '^@\[vfs_write\]: ([2-9][0-9]{3}|[0-9]{5,})$'
