# host
. /cases/lib

start bashreadline
# Slowly: readline reads from a terminal, and takes what it has when it is ready.
(sleep 1; echo 'echo tw-typed'; sleep 1; echo exit; sleep 1) | script -q -c 'bash --norc --noprofile -i' /dev/null >/dev/null 2>&1
stop
expect '^[0-9:]+ +[0-9]+ +echo tw-typed$'
