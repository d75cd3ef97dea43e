# host
. /cases/lib

start execsnoop
/bin/true one 'two words'
sh -c 'exec /bin/echo tw-hello' >/dev/null
/nonexistent/tw-missing 2>/dev/null
stop
expect '^PCOMM +PID +PPID +RET ARGS$'
expect '^sh +[0-9]+ +[0-9]+ +0 /bin/true one two words$'
expect '^sh +[0-9]+ +[0-9]+ +0 /bin/echo tw-hello$'
refuse tw-missing

start execsnoop -U -u 7 -T
/bin/true nobody
cause as 7 /bin/true seven
stop
expect '^TIME +UID +PCOMM +PID +PPID +RET ARGS$'
expect '^[0-9]{2}:[0-9]{2}:[0-9]{2} 7 +sh +[0-9]+ +[0-9]+ +0 /bin/true seven$'
refuse nobody

start execsnoop -x -t
cause as 0 /nonexistent/tw-missing
/bin/true tw-fine
stop
expect '^ *[0-9]+\.[0-9]{3} .* -2 /nonexistent/tw-missing$'
expect ' 0 /bin/true tw-fine$'

start execsnoop -n nobody-of-that-name
/bin/true tw-hidden
stop
refuse tw-hidden

start execsnoop -n tru
/bin/true tw-shown
/bin/echo tw-hidden >/dev/null
stop
expect ' 0 /bin/true tw-shown$'
refuse tw-hidden
