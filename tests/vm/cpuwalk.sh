# host
. /cases/lib

start cpuwalk 1
cause burn 2
finish
expect '^@cpu:'
expect '^\[[01]\] +[0-9]+ \|'
