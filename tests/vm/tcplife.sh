. /cases/lib

start tcplife
cause tcp 127.0.0.1 7811 20480
cause tcp ::1 7812 10
stop
expect '^PID +COMM +LADDR +LPORT RADDR +RPORT TX_KB RX_KB MS$'
expect '^[0-9]+ +cause +127\.0\.0\.1 +[0-9]+ +127\.0\.0\.1 +7811 +20 +0 [0-9]+$'
expect '^[0-9]+ +cause +127\.0\.0\.1 +7811 +127\.0\.0\.1 +[0-9]+ +0 +20 [0-9]+$'
expect '^[0-9]+ +cause +::1 +[0-9]+ +::1 +7812 +0 +0 [0-9]+$'

start tcplife -T -D 7811
cause tcp 127.0.0.1 7811 10
cause tcp 127.0.0.1 7813 10
stop
expect '^[0-9:]+ [0-9]+ +cause +127\.0\.0\.1 +[0-9]+ +127\.0\.0\.1 +7811 '
refuse 7813

start tcplife -t -L 7811
cause tcp 127.0.0.1 7811 10
cause tcp 127.0.0.1 7813 10
stop
expect '^TIME\(s\) +PID '
expect '^ *[0-9]+\.[0-9]{6} [0-9]+ +cause +127\.0\.0\.1 +7811 '
refuse 7813
