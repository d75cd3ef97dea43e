# host
. /cases/lib

start opensnoop
cat /etc/passwd >/dev/null
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^PID +COMM +FD ERR PATH$'
expect '^[0-9]+ +cat +[0-9]+ +0 /etc/passwd$'
expect '^[0-9]+ +cat +-1 +2 /nonexistent/tw-missing$'

start opensnoop --errname -x -n ca
cat /nonexistent/tw-missing 2>/dev/null
cat /etc/passwd >/dev/null
stop
expect ' -1 No such file or directory: /nonexistent/tw-missing$'
refuse ' /etc/passwd'

start opensnoop -TUe -d 1
sleep 0.2
echo tw >/tmp/tw-flags
finish
expect '^ *TIME\(s\) +UID +PID +COMM +FD ERR FLAGS +PATH$'
expect '^ *[0-9]+\.[0-9]{6} +0 +[0-9]+ +sh +[0-9]+ +0 0+1101 /tmp/tw-flags$'
