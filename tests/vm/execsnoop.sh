. /cases/lib

start execsnoop
/bin/true one 'two words'
sh -c 'exec /bin/echo tw-hello' >/dev/null
stop
expect '^[0-9:.]+ +[0-9]+ +[0-9]+ +/bin/true one two words$'
expect "^[0-9:.]+ +[0-9]+ +[0-9]+ +/bin/echo tw-hello$"
