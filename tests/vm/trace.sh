. /cases/lib

start trace 'do_sys_openat2 "%s", arg2'
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^PID +TID +COMM +PROBE +-$'
expect '^[0-9]+ +[0-9]+ +cat +kprobe:do_sys_openat2 +/nonexistent/tw-missing$'

# Parameters by the names that the kernel's types tell, a filter, the time.
start trace -T 'p::vfs_write (count == 321) "%d bytes to %s", count, file->f_path.dentry->d_name.name'
dd if=/dev/zero of=/tmp/tw-file bs=321 count=2 2>/dev/null
dd if=/dev/zero of=/tmp/tw-file bs=320 count=2 2>/dev/null
stop
expect '^[0-9:]{8} [0-9]+ +[0-9]+ +dd +kprobe:vfs_write +321 bytes to tw-file$'
[ "$(grep -c bytes /tmp/out)" -eq 2 ] || fail "not two lines"

# Arguments of a system call, which its function has in memory.
start trace 'sys_read (arg3 > 20000) "read %d bytes", arg3'
dd if=/dev/zero of=/dev/null bs=20001 count=1 2>/dev/null
dd if=/dev/zero of=/dev/null bs=19999 count=1 2>/dev/null
stop
expect ' dd +kprobe:__(x64|arm64)_sys_read +read 20001 bytes$'
refuse 19999

start trace 'r::do_sys_openat2 "ret: %d", retval'
cat /nonexistent/tw-missing 2>/dev/null
stop
expect ' cat +kretprobe:do_sys_openat2 +ret: -2$'

start trace -K -M 1 'do_nanosleep(struct hrtimer_sleeper *t, enum hrtimer_mode mode) "task: %llx mode: %d", t->task, mode'
sleep 0.1
stop
expect ' sleep +kprobe:do_nanosleep +task: ff[0-9a-f]{14} mode: [0-9]+$'
expect '^ +do_nanosleep\+'

start trace -U 'p:c:nanosleep(struct timespec *req) "%d sec %d nsec", req->tv_sec, req->tv_nsec'
cause nap 0 30000000
stop
expect ' cause +uprobe:.*libc.*:nanosleep +0 sec 30000000 nsec$'
expect '^ +(0x[0-9a-f]+|nanosleep\+[0-9]+)$'

start trace 't:syscalls:sys_enter_kill (args->sig == 10) "%d to %d", args->sig, args->pid'
cause kill 2147483647 10
cause kill 2147483647 12
stop
expect ' cause +tracepoint:syscalls:sys_enter_kill +10 to 2147483647$'
refuse '12 to'

start trace 't:sched:sched_process_exec "%s %d", args->filename, args->pid'
/bin/true
stop
expect ' tracepoint:sched:sched_process_exec +/bin/true [0-9]+$'

# What cannot be done is said.
trace 'do_nanosleep "%d", nothing' >/tmp/out 2>/tmp/err && fail "an unknown name is taken"
grep -q 'there is no "nothing" at this probe' /tmp/err || fail "what it says of an unknown name"

start trace -t -n sleep -M 1 do_nanosleep
sleep 0.1
stop
expect '^ *[0-9]+\.[0-9]{6} [0-9]+ +[0-9]+ +sleep +kprobe:do_nanosleep +0x'

start trace -a 0 -d 1 t:sched:sched_process_fork
/bin/true
finish
expect ' tracepoint:sched:sched_process_fork$'

start trace 'p::do_sys_openat2(int dfd, char *path) (STRCMP("/nonexistent/tw-missing", path)) "%s", path'
cat /nonexistent/tw-missing /nonexistent/tw-missing2 /nonexistent/tw-missin 2>/dev/null
stop
[ "$(grep -c nonexistent /tmp/out)" -eq 1 ] || fail "not one line"
expect ' /nonexistent/tw-missing$'
