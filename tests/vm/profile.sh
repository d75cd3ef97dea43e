# host
. /cases/lib

start profile
cause burn 100 &
first=$!
sleep 1
stop
expect '^Sampling at 49 Hertz of all threads by user \+ kernel stack\.\.\. '
expect '^@\[$'
expect '^ +burn\+[0-9]+'
expect '^, cause, [0-9]+\]: [0-9]+$'

start profile -U 1
finish
kill $first
expect '^@user\[$'
expect '^ +burn\+[0-9]+'
refuse '^@\['

# A busy process is seen more often when that is asked for.
cause burn 100 &
busy=$!
seen() {
	sed -n "s/^, cause, $busy\]: //p" /tmp/out | awk '{ sum += $1 } END { print sum + 0 }'
}
start profile -F 19 -p $busy 2
finish
expect '^Sampling at 19 Hertz '
seldom=$(seen)
start profile -F 199 -p $busy 2
finish
expect '^Sampling at 199 Hertz '
[ "$(seen)" -gt $((seldom * 2)) ] || fail "seen $(seen) times at 199 Hertz, $seldom at 19"
refuse '^, (sh|sleep|swapper)'

start profile -L $busy -F 99 1
finish
expect "^, cause, $busy\]: [0-9]+\$"
refuse '^, (sh|sleep|swapper)'

start profile -K -I -C 0 1
finish
expect '^@kernel\[$'
refuse '^@user|^@\['
kill $busy || true
