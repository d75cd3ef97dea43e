. /cases/lib

start hardirqs
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@total_usecs\[virtio.*\]: [1-9][0-9]*$'
refuse '\|@'

start hardirqs -d
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@usecs\[virtio.*\]:'
[ "$(total 'usecs.virtio')" -ge 1 ] || fail "no interrupt of the disk"

start hardirqs -d -N
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@nsecs\[virtio.*\]:'

start hardirqs -N -T 1 1
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
finish
expect '^[0-9:]{8}$'
expect '^@total_nsecs\[virtio.*\]: [0-9]{4,}$'

start hardirqs -C 1 1
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
finish
expect '^@count\[virtio.*\]: [0-9]+$'
refuse '^[0-9:]{8}$'
