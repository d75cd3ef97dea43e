. /cases/lib

start filelife
echo hello >/tmp/tw-brief
sleep 0.5
rm /tmp/tw-brief
stop
expect '^[0-9:]+ +[0-9]+ +rm +[0-9]\.[0-9]{2} +tw-brief$'
