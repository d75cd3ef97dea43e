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

(while :; do sleep 0.2; done) &
one=$!
start offcputime -t $one
sleep 1
stop
kill $one
expect '^, sh\]: [0-9]{6,}$'
refuse '^, (sleep|cause|swapper)'

start offcputime -U -M 10 1
sleep 0.5
finish
refuse 'sleep\]: [0-9]{5,}$'
