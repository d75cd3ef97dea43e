. /cases/lib

start hardirqs
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@usecs\[virtio'
expect '^\[[0-9K]+, [0-9K]+\) +[0-9]+ \|'

start hardirqs -C 1 1
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
finish
expect '^@count\[virtio.*\]: [0-9]+$'
