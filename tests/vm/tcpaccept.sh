. /cases/lib

start tcpaccept
cause tcp 127.0.0.1 7781 10
cause tcp ::1 7782 10
stop
expect '^[0-9:]+ [0-9]+ +cause +127\.0\.0\.1 +[0-9]+ +127\.0\.0\.1 +7781 +0/8$'
expect '^[0-9:]+ [0-9]+ +cause +::1 +[0-9]+ +::1 +7782 +0/8$'

start tcpaccept -P 7783
cause tcp 127.0.0.1 7781 10
cause tcp 127.0.0.1 7783 10
stop
expect ' 7783 +0/8$'
refuse ' 7781 '
