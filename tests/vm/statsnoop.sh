# host
. /cases/lib

start statsnoop
cause stat /etc/passwd
cause stat /tw-missing
stop
[ "$(grep -Ec '^[0-9]+ +cause +0 /etc/passwd$' /tmp/out)" -eq 5 ] || fail "not five calls"
[ "$(grep -Ec '^[0-9]+ +cause +2 /tw-missing$' /tmp/out)" -eq 5 ] || fail "not five failed calls"

start statsnoop -x -t
cause stat /etc/passwd
cause stat /tw-missing
stop
expect '^ *[0-9]+\.[0-9]{6} +[0-9]+ +cause +2 /tw-missing$'
refuse /etc/passwd
