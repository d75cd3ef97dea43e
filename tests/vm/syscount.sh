. /cases/lib

start syscount
dd if=/dev/zero of=/dev/null bs=1 count=3000 2>/dev/null
stop
expect '^Top 10 syscalls:$'
expect '^@syscall\[tracepoint:syscalls:sys_enter_read\]: 3[0-9]{3,}$'
expect '^@process\[dd\]: [6-9][0-9]{3,}$'
