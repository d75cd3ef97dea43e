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
