. /cases/lib

start tcpconnlat
cause tcp 127.0.0.1 7791 10
cause tcp ::1 7792 10
stop
expect '^PID +COMM +IP SADDR +DADDR +DPORT LAT\(ms\)$'
expect '^[0-9]+ +cause +4 +127\.0\.0\.1 +127\.0\.0\.1 +7791 +[0-9]+\.[0-9]{2}$'
expect '^[0-9]+ +cause +6 +::1 +::1 +7792 +[0-9]+\.[0-9]{2}$'

start tcpconnlat 10000
cause tcp 127.0.0.1 7791 10
stop
refuse 7791
