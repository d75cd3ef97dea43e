# host
. /cases/lib

start runqlen
for n in 1 2 3 4; do
	cause burn 4 &
done
sleep 1.5
stop
expect '^@runqlen:'
expect '^\[[1-9], [0-9]+\) +[0-9]+ \||^\[[1-9]\] +[0-9]+ \|'

start runqlen -C 1 1
finish
wait
expect '^@cpu\[0\]:'
refuse '^@runqlen'
