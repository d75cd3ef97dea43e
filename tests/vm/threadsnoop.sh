# host
. /cases/lib

start threadsnoop
cause thread
stop
expect '^TIME\(ms\) +PID +COMM +FUNC$'
expect '^[0-9]+ +[0-9]+ +cause +in_thread'
