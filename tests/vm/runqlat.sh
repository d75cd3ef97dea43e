# host
. /cases/lib

for n in 1 2 3 4; do
	cause burn 3 &
done
start runqlat
sleep 1
stop
wait
expect '^@usecs:'
[ "$(total)" -ge 10 ] || fail "$(total) waits counted"
refuse '^@msecs'

for n in 1 2 3 4; do
	cause burn 60 &
	busy="$busy $!"
done
start runqlat -P -T 1 1
finish
kill $busy
expect '^[0-9:]{8}$'
expect '^@thread_usecs\[cause, [0-9]+\]:'
