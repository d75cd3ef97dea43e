. /cases/lib

start opensnoop
cat /etc/passwd >/dev/null
cat /nonexistent/tw-missing 2>/dev/null
stop
expect '^PID +COMM +FD ERR PATH$'
expect '^[0-9]+ +cat +[0-9]+ +0 /etc/passwd$'
expect '^[0-9]+ +cat +-1 +2 /nonexistent/tw-missing$'

start opensnoop --errname
cat /nonexistent/tw-missing 2>/dev/null
stop
expect ' -1 No such file or directory: /nonexistent/tw-missing$'
