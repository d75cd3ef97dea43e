. /cases/lib

start stackcount submit_bio
dd if=/dev/zero of=/dev/vda bs=4096 count=16 oflag=direct 2>/dev/null
stop
expect '^@kernel\[$'
expect '^ +submit_bio\+'
expect '^\]: (1[6-9]|[2-9][0-9]|[0-9]{3,})$'

start stackcount -P t:sched:sched_switch
sleep 0.2
stop
expect '^, sleep, [0-9]+\]: [0-9]+$'
