# host
. /cases/lib

for n in 1 2 3 4; do
	cause burn 600 &
	one=$!
	busy="$busy $one"
done
start runqlat
sleep 1
stop
expect '^Tracing run queue latency'
expect '^@usecs:'
[ "$(total)" -ge 10 ] || fail "$(total) waits counted"
refuse '^@msecs'

start runqlat -P -T 1 1
finish
expect '^[0-9:]{8}$'
expect "^@process_usecs\[cause, $one\]:"

start runqlat -L -m 1 1
finish
expect "^@process_msecs\[cause, $one\]:"
refuse '^@process_usecs'

start runqlat -p $one -P 1 1
finish
expect "^@process_usecs\[cause, $one\]:"
[ "$(grep -c '^@' /tmp/out)" -eq 1 ] || fail "other processes than $one"

start runqlat -m 1 2
finish
kill $busy || true
[ "$(grep -c '^@msecs:' /tmp/out)" -ge 1 ] || fail "no histogram of milliseconds"
refuse '^@usecs'
