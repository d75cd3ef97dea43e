. /cases/lib

start trace -s 1 do_sys_openat2
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^[0-9:.]+ +[0-9]+ +[0-9]+ +cat +kprobe:do_sys_openat2 "/nonexistent/tw-missing"$'

start trace r::do_sys_openat2
cat /nonexistent/tw-missing 2>/dev/null
stop
expect ' cat +kretprobe:do_sys_openat2 = -2$'

start trace -m 1 -K do_nanosleep
sleep 0.1
stop
expect ' sleep +kprobe:do_nanosleep 0x'
expect '^ +do_nanosleep\+'

start trace t:sched:sched_process_fork
/bin/true
stop
expect ' tracepoint:sched:sched_process_fork$'
