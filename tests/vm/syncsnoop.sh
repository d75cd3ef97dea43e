# host
. /cases/lib

start syncsnoop
cause sync /tmp/tw-sync
stop
expect '^TIME +PID +COMM +EVENT$'
for call in sync syncfs fsync fdatasync sync_file_range msync; do
	expect "^[0-9:]+ +[0-9]+ +cause +tracepoint:syscalls:sys_enter_$call\$"
done
