. /cases/lib

start dcsnoop
ls /tw-nothing 2>/dev/null
stop
expect '^[0-9]+ +[0-9]+ +ls +M tw-nothing$'

start dcsnoop -a
cat /etc/passwd >/dev/null
stop
expect '^[0-9]+ +[0-9]+ +cat +R (etc/)?passwd$'
