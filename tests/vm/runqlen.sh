. /cases/lib

for n in 1 2 3 4; do
	while :; do :; done &
	busy="$busy $!"
done
start runqlen
sleep 1
stop
kill $busy
expect '^@runqlen:'
expect '^\[[1-9]\] +[0-9]+ \|'
