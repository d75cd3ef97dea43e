. /cases/lib

# A device that swallows everything: the SYN is sent again after a second.
ip link add tw0 type dummy || skip "no dummy device"
ip addr add 10.99.0.1/24 dev tw0
ip -6 addr add fd99::1/64 dev tw0
ip link set tw0 up
start tcpretrans
cause connect fd99::2 7822 1.6 &
cause connect 10.99.0.2 7821 1.6
wait $!
stop
expect '^TIME +PID +IP LADDR:LPORT +T> RADDR:RPORT +STATE$'
expect '^[0-9:]+ +[0-9]+ +4 +10\.99\.0\.1:[0-9]+ +R> +10\.99\.0\.2:7821 +SYN_SENT$'
expect '^[0-9:]+ +[0-9]+ +6 +fd99::1:[0-9]+ +R> +fd99::2:7822 +SYN_SENT$'

start tcpretrans -c
cause connect 10.99.0.2 7821 1.6
stop
ip link del tw0
expect '^@retransmits\[10\.99\.0\.1, [0-9]+, 10\.99\.0\.2, 7821\]: [1-9]$'
refuse 'R>'
