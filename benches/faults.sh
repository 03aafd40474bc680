# Cost of the durable mark, and the time until sending continues after a kill. Sourced by benches/run.
# Uses the program with fail points: a build with the bug `skip-sync` (marks written, not synced)
# is compared with the same build without it.

faults() {
  local SENDOFF=$SENDOFF; SENDOFF=$(with_fail_points) || return 1
  sink
  started 30 15 "$RECIPIENTS"
  local store
  for store in SQLite PostgreSQL; do
    [ "$store" = SQLite ] || second_store || continue
    marked "$store" 1 skip-sync "nothing synced"
    marked "$store" "$AHEAD" skip-sync "nothing synced"
    restart_time "$store"
  done
}

# Prints the path of a release build with fail points; a program that SENDOFF names is assumed to be one.
with_fail_points() {
  [ "$SENDOFF" = target/release/sendoff ] || { echo "$SENDOFF"; return; }
  cargo build --locked --release --quiet --features failpoints --bin sendoff && cp target/release/sendoff "$WORK/fail-points" &&
    cargo build --locked --release --quiet && echo "$WORK/fail-points"
}

# The same contacts and campaign in a PostgreSQL, with a data folder of its own.
second_store() {
  start_postgres || return 1
  sql "create database model"
  local first=$INSTALLATION WORK_OF=$WORK STORE=postgres://postgres@127.0.0.1:$PG_PORT/model
  WORK=$WORK/pginstallation; mkdir -p "$WORK"; started 30 15 "$RECIPIENTS"; WORK=$WORK_OF
  SECOND=$INSTALLATION INSTALLATION=$first
}

# fresh STORE AHEAD: $WORK/copy is an installation whose campaign is not sent yet; sets OF, its arguments.
fresh() {
  rm -rf "$WORK/copy"
  OF=(--data "$WORK/copy")
  if [ "$1" = SQLite ]; then
    cp -a "$INSTALLATION" "$WORK/copy"
  else
    sql "drop database if exists run with (force)"; sql "create database run template model"
    cp -a "$SECOND" "$WORK/copy"
    OF+=(--database "postgres://postgres@127.0.0.1:$PG_PORT/run")
  fi
  "$SENDOFF" "${OF[@]}" relay set smtp "smtp://127.0.0.1:$SINK" --connections "$CONNECTIONS" --ahead "$2" >/dev/null
  sink_command XRESET >/dev/null
}

# marked STORE AHEAD BUG WORDS: messages a second with the mark on disk first, and with that bug in the program.
marked() {
  local ours=() theirs=() ratios=() broken
  for _ in $(seq "$PAIRS"); do
    for broken in "" "$3"; do
      fresh "$1" "$2"
      SENDOFF_BUG=$broken "$SENDOFF" "${OF[@]}" mail --until-idle >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
      if [ -z "$broken" ]; then ours+=("$(sink_rate "$RECIPIENTS")"); else theirs+=("$(sink_rate "$RECIPIENTS")"); fi
    done
    ratios+=("$(calc "${ours[-1]} / ${theirs[-1]}")")
  done
  row "$1, ahead $2, messages/s; $4" "$(show "$(median "${ours[@]}")")" "$(show "$(median "${theirs[@]}")")" "$(median "${ratios[@]}")" -
}

# restart_time STORE: seconds from the start after a kill to the first message, beside those of a start without one.
restart_time() {
  local killed=() clean=() ratios=() mailer
  for _ in $(seq "$PAIRS"); do
    fresh "$1" "$AHEAD"
    "$SENDOFF" "${OF[@]}" mail >/dev/null 2>&1 & mailer=$!
    clean+=("$(first_message)")
    await_messages $((RECIPIENTS / 10 + RANDOM % (RECIPIENTS / 3)))
    kill -9 "$mailer"; wait "$mailer" 2>/dev/null || true
    # Bytes of the dead process still in socket buffers arrive by then.
    sleep 0.3; sink_command XRESET >/dev/null
    "$SENDOFF" "${OF[@]}" mail >/dev/null 2>&1 & mailer=$!
    killed+=("$(first_message)")
    kill -9 "$mailer"; wait "$mailer" 2>/dev/null || true
    ratios+=("$(calc "${killed[-1]} / ${clean[-1]}")")
  done
  row "$1, s from start to message; after a kill, clean" "$(show "$(median "${killed[@]}")")" "$(show "$(median "${clean[@]}")")" "$(median "${ratios[@]}")" -
}
# Seconds from now to the first message that the sink sees.
first_message() {
  local began; began=$(date +%s%6N)
  await_messages 1
  sink_command XCOUNT | awk -v began="$began" '{ printf "%.3f", ($3 - began) / 1e6 }'
}
await_messages() {
  for _ in $(seq 6000); do
    [ "$(sink_command XCOUNT | cut -d' ' -f2)" -lt "$1" ] || return 0
    sleep 0.01
  done
  say "no messages arrive"; return 1
}
