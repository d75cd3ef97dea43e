. /cases/lib

start argdist -a 2 vfs_write
dd if=/dev/zero of=/tmp/tw-file bs=321 count=30 2>/dev/null
stop
expect '^@values\[321\]: 30$'

start argdist -S -a 1 do_sys_openat2
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^@strings\[/nonexistent/tw-missing\]: 1$'

start argdist -H 'r::vfs_write()'
dd if=/dev/zero of=/tmp/tw-file bs=300 count=30 2>/dev/null
stop
expect '^\[256, 512\) +3[0-9] \|'

start argdist -C 'p::tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size):u32:size'
cause tcp 127.0.0.1 7841 777
stop
expect '^@values\[777\]: 1$'

start argdist -H 'p::tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size):u32:size:size > 700'
cause tcp 127.0.0.1 7841 777
cause tcp 127.0.0.1 7841 77
stop
expect '^\[512, 1K\) +1 \|'
[ "$(total)" -eq 1 ] || fail "$(total) counted"

start argdist -C 'p:c:write(int fd):int:fd'
cause write 1 200 >/dev/null
stop
expect '^@values\[1\]: 200$'

start argdist -C 't:raw_syscalls:sys_enter():int:args->id' -i 5 -n 1
dd if=/dev/zero of=/dev/null bs=1 count=500 2>/dev/null
finish
expect '^@values\[[0-9]+\]: ([5-9][0-9]{2}|[0-9]{4,})$'

# The time since the entry, and an argument there.
start argdist -C 'r::do_nanosleep():u32:$PID:$latency > 100000000'
sleep 0.2 &
one=$!
cause nap 0 1000000 &
other=$!
wait $one
kill -INT $tool
finish
expect "^@values\[$one\]: 1$"
refuse "^@values\[$other\]"

start argdist -C 'r::vfs_write(void *file, void *buf, size_t count):u64,int:$entry(count),$retval:$entry(count) == 333'
dd if=/dev/zero of=/tmp/tw-file bs=333 count=7 2>/dev/null
stop
expect '^@pairs\[333, 333\]: 7$'

start argdist -C 'p::do_sys_openat2(int dfd, char *path):char*:path' -d 1 --timestamp -c
cat /nonexistent/tw-missing 2>/dev/null
finish
expect '^@strings\[/nonexistent/tw-missing\]: 1$'

start argdist -C -i 5 -n 1 -T 1 'p::vfs_write(void *file, void *buf, size_t count):u64:count:count == 321 || count == 322'
dd if=/dev/zero of=/tmp/tw-file bs=321 count=30 2>/dev/null
dd if=/dev/zero of=/tmp/tw-file bs=322 count=20 2>/dev/null
finish
expect '^@values\[321\]: 30$'
refuse '^@values\[322\]'
