# host
. /cases/lib

echo '127.0.0.1 tw-host' >/etc/hosts
start gethostlatency
cause resolve tw-host
stop
expect '^[0-9:]+ +[0-9]+ +cause +[0-9]+\.[0-9]{2} tw-host$'
