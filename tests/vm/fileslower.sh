. /cases/lib

start fileslower 0
dd if=/dev/zero of=/tmp/tw-slow bs=1000 count=1 2>/dev/null
dd if=/tmp/tw-slow of=/dev/null bs=4096 2>/dev/null
stop
expect '^Tracing sync read/writes slower than 0 ms$'
expect '^ *[0-9]+\.[0-9]{3} dd +[0-9]+ +W 1000 +[0-9]+\.[0-9]{2} tw-slow$'
expect '^ *[0-9]+\.[0-9]{3} dd +[0-9]+ +R 4096 +[0-9]+\.[0-9]{2} tw-slow$'

start fileslower 5000
dd if=/dev/zero of=/tmp/tw-slow bs=1000 count=1 2>/dev/null
stop
refuse tw-slow

start fileslower -a 0
dd if=/dev/zero of=/dev/null bs=1000 count=1 2>/dev/null
stop
expect ' dd +[0-9]+ +W 1000 +[0-9]+\.[0-9]{2} null$'
