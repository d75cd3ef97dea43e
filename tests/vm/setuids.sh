# host
. /cases/lib

start setuids
cause setuid 1
stop
expect '^[0-9:]+ +[0-9]+ +cause +0 +setfsuid +uid=1 \(prevuid=0\)$'
expect '^[0-9:]+ +[0-9]+ +cause +0 +setreuid +ruid=-1 euid=1 \(0\)$'
expect '^[0-9:]+ +[0-9]+ +cause +0 +setresuid ruid=-1 euid=1 suid=-1 \(0\)$'
expect '^[0-9:]+ +[0-9]+ +cause +0 +setuid +uid=1 \(0\)$'
