# host
. /cases/lib

start pidpersec 1 3
for n in 1 2 3 4 5 6 7 8 9 10; do
	/bin/true
done
finish
expect '^[0-9:]{8} PIDs/sec: @: [0-9]+$'
sum=$(sed -n 's/.*PIDs\/sec: @: //p' /tmp/out | awk '{ sum += $1 } END { print sum }')
[ "$sum" -ge 10 ] || fail "$sum processes counted"
