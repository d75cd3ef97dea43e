# host
. /cases/lib
take_disk

start biosnoop
dd if=/dev/zero of=/dev/$disk bs=4096 count=4 seek=10 oflag=direct 2>/dev/null
dd if=/dev/$disk of=/dev/null bs=8192 count=1 skip=100 iflag=direct 2>/dev/null
stop
expect '^TIME\(s\) +COMM +PID +DISK +T +SECTOR +BYTES +LAT\(ms\)$'
expect '^ *[0-9]+\.[0-9]{6} [^ ]+ +[0-9]+ +'$disk' +W 80 +4096 +[0-9]+\.[0-9]{3}$'
expect '^ *[0-9]+\.[0-9]{6} dd +[0-9]+ +'$disk' +R 1600 +8192 +[0-9]+\.[0-9]{3}$'

start biosnoop -Q -d $disk
dd if=/dev/$disk of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null
stop
expect ' '$disk' +R 0 +4096 +[0-9]+\.[0-9]{3} +[0-9]+\.[0-9]{3}$'

start biosnoop -d none
dd if=/dev/$disk of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null
stop
refuse $disk
