# host
. /cases/lib

start naptime
sleep 0.4
stop
expect '^TIME +PPID +PCOMM +PID +COMM +SECONDS$'
expect '^[0-9:]+ +[0-9]+ +sh +[0-9]+ +sleep +0\.400$'
