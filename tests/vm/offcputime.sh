# host
. /cases/lib

start offcputime
sleep 0.5
stop
expect '^@us\[$'
expect 'schedule'
expect '^, sleep\]: [0-9]{6,}$'

start offcputime -K -m 100000 1
sleep 0.5
finish
expect 'sleep\]: [0-9]{6,}$'
