. /cases/lib

start capable
cause setuid 1
stop
expect '^[0-9:]+ +0 +[0-9]+ +cause +7 +CAP_SETUID +1$'

start capable -a -K
cause setuid 1
stop
expect ' CAP_SETUID +1$'
expect 'cap_capable\+'

start capable -U --unique
cause setuid 1
stop
[ "$(grep -c ' CAP_SETUID ' /tmp/out)" -eq 1 ] || fail "more than one line of CAP_SETUID"
expect '^ +(0x[0-9a-f]+|[a-z_0-9]+\+[0-9]+)$'
