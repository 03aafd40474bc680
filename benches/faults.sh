# What the durable mark costs, and how soon sending goes on after a kill. Read by benches/run.
# The program is the one with fail points: only that one can be given a bug, and it is
# compared with itself, its marks written and not synced (`skip-sync`).

faults() {
  local SENDOFF=$SENDOFF; SENDOFF=$(with_fail_points) || return 1
  sink
  started 30 15 "$RECIPIENTS"
  local store
  for store in SQLite PostgreSQL; do
    [ "$store" = SQLite ] || second_store || continue
    marked "$store" 1 skip-sync "nothing synced"
    marked "$store" "$AHEAD" skip-sync "nothing synced"
    revived "$store"
  done
}

# The release program with fail points, beside the one that is shipped: the path of a copy. One that SENDOFF
# names is taken for such a program.
with_fail_points() {
  [ "$SENDOFF" = target/release/sendoff ] || { echo "$SENDOFF"; return; }
  cargo build --locked --release --quiet --features failpoints --bin sendoff && cp target/release/sendoff "$WORK/fail-points" &&
    cargo build --locked --release --quiet && echo "$WORK/fail-points"
}

# The same people and letters in a PostgreSQL; its folder stands beside.
second_store() {
  start_postgres || return 1
  sql "create database model"
  local first=$HOUSE WORK_OF=$WORK STORE=postgres://postgres@127.0.0.1:$PG_PORT/model
  WORK=$WORK/pghouse; mkdir -p "$WORK"; started 30 15 "$RECIPIENTS"; WORK=$WORK_OF
  SECOND=$HOUSE HOUSE=$first
}

# fresh STORE AHEAD: $WORK/copy is an installation with its campaign ahead of it; sets OF, the words that name it.
fresh() {
  rm -rf "$WORK/copy"
  OF=(--data "$WORK/copy")
  if [ "$1" = SQLite ]; then
    cp -a "$HOUSE" "$WORK/copy"
  else
    sql "drop database if exists run with (force)"; sql "create database run template model"
    cp -a "$SECOND" "$WORK/copy"
    OF+=(--database "postgres://postgres@127.0.0.1:$PG_PORT/run")
  fi
  "$SENDOFF" "${OF[@]}" relay set smtp "smtp://127.0.0.1:$SINK" --connections "$CONNECTIONS" --ahead "$2" >/dev/null
  ask XRESET >/dev/null
}

# marked STORE AHEAD BUG WORDS: letters a second with the mark on disk first, and with that bug in the program.
marked() {
  local ours=() theirs=() ratios=() broken
  for _ in $(seq "$PAIRS"); do
    for broken in "" "$3"; do
      fresh "$1" "$2"
      SENDOFF_BUG=$broken "$SENDOFF" "${OF[@]}" mail --until-idle >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
      if [ -z "$broken" ]; then ours+=("$(seen "$RECIPIENTS")"); else theirs+=("$(seen "$RECIPIENTS")"); fi
    done
    ratios+=("$(calc "${ours[-1]} / ${theirs[-1]}")")
  done
  row "$1, ahead $2, letters/s; $4" "$(show "$(median "${ours[@]}")")" "$(show "$(median "${theirs[@]}")")" "$(median "${ratios[@]}")" -
}

# revived STORE: seconds from the start after a kill to the first letter, beside those of a start without one.
revived() {
  local killed=() clean=() ratios=() mailer
  for _ in $(seq "$PAIRS"); do
    fresh "$1" "$AHEAD"
    "$SENDOFF" "${OF[@]}" mail >/dev/null 2>&1 & mailer=$!
    clean+=("$(first_letter)")
    await_letters $((RECIPIENTS / 10 + RANDOM % (RECIPIENTS / 3)))
    kill -9 "$mailer"; wait "$mailer" 2>/dev/null || true
    # What the dead one had handed to the system has arrived by then.
    sleep 0.3; ask XRESET >/dev/null
    "$SENDOFF" "${OF[@]}" mail >/dev/null 2>&1 & mailer=$!
    killed+=("$(first_letter)")
    kill -9 "$mailer"; wait "$mailer" 2>/dev/null || true
    ratios+=("$(calc "${killed[-1]} / ${clean[-1]}")")
  done
  row "$1, s from start to letter; after a kill, clean" "$(show "$(median "${killed[@]}")")" "$(show "$(median "${clean[@]}")")" "$(median "${ratios[@]}")" -
}
# Seconds from now to the first letter that the sink sees.
first_letter() {
  local began; began=$(date +%s%6N)
  await_letters 1
  ask XCOUNT | awk -v began="$began" '{ printf "%.3f", ($3 - began) / 1e6 }'
}
await_letters() {
  for _ in $(seq 6000); do
    [ "$(ask XCOUNT | cut -d' ' -f2)" -lt "$1" ] || return 0
    sleep 0.01
  done
  say "no letters come"; return 1
}
