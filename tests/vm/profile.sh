# host
. /cases/lib

start profile
cause burn 8 &
sleep 1
stop
expect '^@\[$'
expect '^ +burn\+[0-9]+'
expect '^, cause\]: [0-9]+$'

start profile -U 1
finish
wait
expect '^@user\[$'
expect '^ +burn\+[0-9]+'
