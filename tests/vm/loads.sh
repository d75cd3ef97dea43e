# host
. /cases/lib

start loads 1 2
finish
# A kernel that hides the symbol has /proc/loadavg.
if grep -q ' avenrun$' /proc/kallsyms; then
	expect '^[0-9:]{8} load averages: [0-9]+\.[0-9]{3} [0-9]+\.[0-9]{3} [0-9]+\.[0-9]{3}$'
else
	expect '^[0-9:]{8} load averages: [0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+/[0-9]+ [0-9]+$'
fi
[ "$(grep -c averages: /tmp/out)" -eq 2 ] || fail "not two lines"
# The tool has read them at most a second ago.
read one rest </proc/loadavg
grep -q "averages: ${one%.*}\." /tmp/out || fail "the load was $one"
