# host
. /cases/lib

start softirqs
sleep 1
stop
expect '^@usecs\[(timer|sched|rcu)\]:'
[ "$(total)" -ge 10 ] || fail "$(total) interrupts counted"

start softirqs -C 1 1
finish
expect '^@count\[(timer|sched|rcu)\]: [0-9]+$'
