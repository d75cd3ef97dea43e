. /cases/lib

start tcpconnect
cause tcp 127.0.0.1 7771 10
cause connect ::1 7772 0
stop
expect '^[0-9:]+ [0-9]+ +cause +127\.0\.0\.1 +[0-9]+ +127\.0\.0\.1 +7771 *$'
expect '^[0-9:]+ [0-9]+ +cause +::1 +[0-9]+ +::1 +7772 *$'

start tcpconnect -U -P 7773
cause connect 127.0.0.1 7772 0
cause connect 127.0.0.1 7773 0
stop
expect '^0 +[0-9:]+ [0-9]+ +cause +.* 7773 *$'
refuse 7772
