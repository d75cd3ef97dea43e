# host
. /cases/lib

start execsnoop
/bin/true one 'two words'
sh -c 'exec /bin/echo tw-hello' >/dev/null
stop
expect '^TIME +PID +PPID +ARGS$'
expect '^[0-9:.]+ +[0-9]+ +[0-9]+ +/bin/true one two words$'
expect "^[0-9:.]+ +[0-9]+ +[0-9]+ +/bin/echo tw-hello$"

start execsnoop -U -u 7
/bin/true nobody
cause as 7 /bin/true seven
stop
expect '^7 +[0-9:.]+ +[0-9]+ +[0-9]+ +/bin/true seven$'
refuse nobody
