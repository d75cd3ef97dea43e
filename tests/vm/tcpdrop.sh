. /cases/lib

start tcpdrop
cause drop 127.0.0.1 7801
cause connect ::1 7802 0
stop
expect '^[0-9:]+ +[0-9]+ +.* 127\.0\.0\.1:[0-9]+ +127\.0\.0\.1:[0-9]+ +[-A-Z_0-9]+ +'
expect '^ +[a-z_0-9]+\+[0-9]+$'
