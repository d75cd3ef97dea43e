. /cases/lib

start tcpsynbl
cause tcp 127.0.0.1 7831 10
cause tcp ::1 7832 10
stop
expect '^@backlog\[8\]:'
[ "$(total)" -eq 2 ] || fail "$(total) connections counted"
