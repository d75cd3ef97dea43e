. /cases/lib

group=/sys/fs/cgroup/tw-oom
echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir $group || skip "no memory cgroup"
echo 16M >$group/memory.max
start oomkill
sh -c "echo \$\$ >$group/cgroup.procs; exec cause memory 64"
stop
rmdir $group
expect '^[0-9:]+ Triggered by PID [0-9]+ \("cause"\), OOM kill of PID [0-9]+ \("cause"\), [0-9]+ pages, loadavg: [0-9.]+ [0-9.]+ '
