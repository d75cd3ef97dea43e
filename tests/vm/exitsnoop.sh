# host
. /cases/lib

start exitsnoop
sh -c 'exit 3'
sh -c 'kill -9 $$'
stop
expect '^PCOMM +PID +PPID +TID +AGE\(s\) +EXIT_CODE$'
expect '^sh +[0-9]+ +[0-9]+ +[0-9]+ +0\.[0-9]{2} +3$'
expect '^sh +[0-9]+ +[0-9]+ +[0-9]+ +0\.[0-9]{2} +signal 9 \(Killed\)$'

start exitsnoop -x -t
sh -c 'exit 4'
true
stop
expect '^[0-9:]+ +sh +.* 4$'
refuse ' 0$'
