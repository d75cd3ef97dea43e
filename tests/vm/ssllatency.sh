# host
. /cases/lib

[ -x /bin/openssl ] || skip "no openssl program"
printf '[req]\ndistinguished_name=dn\n[dn]\n' >/tmp/ssl.cnf
export OPENSSL_CONF=/tmp/ssl.cnf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=tw -keyout /tmp/key -out /tmp/cert 2>/tmp/err ||
	fail "no certificate"
start ssllatency
sleep 8 | openssl s_server -quiet -accept 7443 -key /tmp/key -cert /tmp/cert >/tmp/served 2>&1 &
server=$!
sleep 2
(echo tw-secret; sleep 1) | openssl s_client -quiet -connect 127.0.0.1:7443 >/dev/null 2>&1
kill $server
stop
expect '^@hist\[SSL_write\]:'
expect '^@stat\[SSL_write\]: \{ \.count = [0-9]+, \.average = [0-9]+, \.total = [0-9]+ \}$'
