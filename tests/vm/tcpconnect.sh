. /cases/lib

nc -l -p 7771 >/dev/null &
start tcpconnect
echo hello | nc -w 1 127.0.0.1 7771
nc -w 1 ::1 7772 </dev/null 2>/dev/null
stop
expect '^[0-9:]+ [0-9]+ +nc +127\.0\.0\.1 +[0-9]+ +127\.0\.0\.1 +7771 *$'
expect '^[0-9:]+ [0-9]+ +nc +::1 +[0-9]+ +::1 +7772 *$'
