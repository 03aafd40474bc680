# What an erasure costs on SQLite at a size of the database, as a table: benches/run erasure, with PEOPLE=1000000. Needs scale.sh.

erasure() {
  need python3 python3 && need sqlite3 sqlite3 && need curl curl || return 0
  local people=${PEOPLE:-1000000} desk
  scale_installation "$people"
  scale_copy "$people"
  sqlite3 "$INSTALLATION/sendoff.db" "select address from contact where id % 997 = 0 order by id desc limit 200" >"$WORK/addresses"
  WEB=$(free_port); desk=$(free_port)
  "$SENDOFF" --data "$INSTALLATION" serve --listen "127.0.0.1:$WEB" --desk "127.0.0.1:$desk" >"$WORK/serve.log" 2>&1 &
  SERVING=$!; SERVERS+=("$SERVING")
  await_port "$WEB"
  say "$people people, $(stat -c %s "$INSTALLATION/sendoff.db" | awk '{ printf "%.1f", $1 / 1e9 }') GB"
  python3 benches/erasure.py "$SENDOFF" "$INSTALLATION" "$WEB" "$WORK/addresses" | tee -a "$WORK/table"
  stop_serve
}
