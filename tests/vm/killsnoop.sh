# host
. /cases/lib

start killsnoop
sleep 100 &
kill -USR1 $!
cause kill 2147483647 15
stop
expect "^[0-9:]+ +[0-9]+ +sh +10 +$! +0$"
expect '^[0-9:]+ +[0-9]+ +cause +15 +2147483647 -3$'

start killsnoop -x -s 3
cause kill 2147483647 3
cause kill 2147483647 15
stop
expect ' cause +3 +2147483647 -3$'
refuse ' 15 +2147483647'

start killsnoop -T 2147483646
cause kill 2147483647 12
cause kill 2147483646 12
stop
expect ' cause +12 +2147483646 -3$'
refuse ' 2147483647 '
