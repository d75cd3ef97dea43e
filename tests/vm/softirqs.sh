# host
. /cases/lib

start softirqs
sleep 1
stop
expect '^@total_usecs\[(timer|sched|rcu)\]: [0-9]+$'
refuse '\|@'

start softirqs -d
sleep 1
stop
expect '^@usecs\[(timer|sched|rcu)\]:'
[ "$(total)" -ge 10 ] || fail "$(total) interrupts counted"

start softirqs -N -T 1 1
finish
expect '^[0-9:]{8}$'
expect '^@total_nsecs\[(timer|sched|rcu)\]: [0-9]{4,}$'

start softirqs -C 1 1
finish
expect '^@count\[(timer|sched|rcu)\]: [0-9]+$'
