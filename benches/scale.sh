# How costs grow with the number of people: each figure at every size of SIZES, the largest against its limit, and the power
# of the size by which it grows from the smallest to the largest. Sourced by benches/run; SQLite.

SIZES=${SIZES:-"30000 100000 300000 1000000"}
# Campaigns of the past, each with a delivery and an open for every person.
HISTORY=3

# People in random order of addresses; ROUND changes the values of a seventh of them.
scale_people() {
  awk -v n="$1" -v round="${2:-0}" 'BEGIN { split("Paris Berlin Kazan Moscow London Madrid Rome Oslo", city, " "); split("Free Pro Team", plan, " ")
    print "email,name,city,age,plan,score"
    for (i = 1; i <= n; i++) { changed = i % 7 == 0 ? round : 0
      printf "%08x.p%d@mail%d.example.org,Name %d,%s,%d,%s,%d\n", (i * 2654435761.0) % 4294967296, i, i % 50, i,
        city[1 + (i + changed) % 8], 18 + (i + changed) % 50, plan[1 + (i + changed) % 3], i % 1000 } }'
}

# scale_installation SIZE: people with five fields, and campaigns of the past; sets INSTALLATION.
scale_installation() {
  INSTALLATION=$WORK/scale.$1
  [ ! -d "$INSTALLATION" ] || return 0
  say "an installation with $1 people"
  scale_people "$1" >"$WORK/people.$1.csv"; scale_people "$1" 1 >"$WORK/changed.$1.csv"
  {
    ours init
    local field
    for field in "name text" "city text" "age number" "plan choice:Free,Pro,Team" "score number"; do
      # shellcheck disable=SC2086
      ours field add $field
    done
    ours list add News; ours list add Other
    scale_import "people.$1.csv"
    ours brand set --name Shop --address "1 Main Street, Springfield"
    ours settings set public-url https://news.example.org
    email 5 5 | sed "s/^name = .*/name = \"bench\"/" >"$WORK/email.md"; ours campaign add "$WORK/email.md"
  } >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
  scale_history | sqlite3 "$INSTALLATION/sendoff.db" >/dev/null
  # What the commands above have left to do in the background is done.
  ours trace search --clean nobody@example.org >/dev/null 2>&1 || true
}
ours() { "$SENDOFF" --data "$INSTALLATION" "$@"; }
scale_import() { ours import "$WORK/$1" --list News --source bench --basis consent --proof bench --date 2026-01-01; }
scale_history() {
  local campaign
  echo "pragma synchronous = off; pragma cache_size = -500000; create temp table person as select row_number() over (order by id) as n, id from contact;"
  for campaign in $(seq "$HISTORY"); do
    cat <<SQL
insert into campaign (id, workspace_id, name, format, list_id, state, created_at, launched_at, finished_at, first_delivery, last_delivery)
  select $campaign, (select id from workspace), 'past $campaign', 'md', (select id from list where name = 'News'), 'finished', 0, 1, 1,
    $campaign * 100000000 * 1024, ($campaign * 100000000 + (select count(*) from person)) * 1024;
insert into campaign_content (campaign_id, source) values ($campaign, '');
insert into link (campaign_id, position, destination, personal) values ($campaign, 0, 'https://shop.example.org/', 0);
insert into delivery (id, workspace_id, campaign_id, contact_id, lane, state, attempts, due_at, changed_at, code, reply)
  select ($campaign * 100000000 + n) * 1024, (select id from workspace), $campaign, id, 'rest', 'accepted', 1, 0, 0, 250, '2.0.0 ok' from person;
insert into delivery_count (campaign_id, node, state, count)
  select $campaign, 1, state, (select count(*) from person) from (select 'planned' as state union all select 'accepted');
insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at)
  select ($campaign * 100000000 + n) * 1024, (select id from workspace), $campaign, ($campaign * 100000000 + n) * 1024, id,
    case when n % 5 = 0 then 'click' else 'open' end, 0, unixepoch() * 1000 - (n * 7919 % 365) * 86400000 from person;
SQL
  done
  cat <<SQL
update contact set opened_at = (select max(at) from event where contact_id = contact.id and kind = 'open'),
  clicked_at = (select max(at) from event where contact_id = contact.id and kind = 'click');
SQL
}

# scale_copy: the installation of this size, fresh, as $WORK/copy; sets INSTALLATION to it.
scale_copy() { rm -rf "$WORK/copy"; cp -a "$WORK/scale.$1" "$WORK/copy"; sync; INSTALLATION=$WORK/copy; }
# keep NAME VALUE: remembers a figure of this size.
keep() { printf '%s\t%s\t%s\n' "$1" "$SIZE" "$2" >>"$WORK/scale.figures"; }
# once NAME COMMAND…: seconds and peak MB of a command of ours.
once() {
  local name=$1; shift
  timed "$WORK/once.time" "$SENDOFF" --data "$INSTALLATION" "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
  keep "$name, s" "$(awk '{ print $1 }' "$WORK/once.time")"
  keep "$name, peak MB" "$(awk '{ print $4 / 1024 }' "$WORK/once.time")"
}
# looked URL: seconds until the whole page has arrived.
looked() { curl -s -m 60 -o /dev/null -w '%{time_total}' "$1"; }

scale_size() {
  SIZE=$1
  scale_installation "$SIZE"
  local name expression
  scale_copy "$SIZE"
  once "segment save of two fields" segment save two 'city = "Paris" and age > 40'
  once "segment save of a further field" segment save plan 'plan = "Pro" and score < 100'
  once "segment save with contains" segment save contains 'name contains "77"'
  while IFS='|' read -r name expression; do
    ours segment save "$name" "$expression" >"$WORK/log" 2>&1
    once "count by $name" segment count "$name"
    once "estimate by $name" segment count "$name" --estimate
  done <<'END'
on|on("News")
contains|name contains "77"
starts with|email starts with "0a"
clicked|clicked("past 1")
END
  scale_copy "$SIZE"
  local desk; desk=$(free_port); WEB=$(free_port)
  "$SENDOFF" --data "$INSTALLATION" serve --listen "127.0.0.1:$WEB" --desk "127.0.0.1:$desk" >"$WORK/serve.log" 2>&1 &
  SERVING=$!; SERVERS+=("$SERVING")
  await_port "$desk"
  keep "overview, first look, s" "$(looked "http://127.0.0.1:$desk/")"
  keep "overview, second look, s" "$(looked "http://127.0.0.1:$desk/")"
  stop_serve
  once "import that changes a seventh" import "$WORK/changed.$SIZE.csv" --list News --source bench --basis consent --proof bench --date 2026-01-01
  set_relay "$INSTALLATION" "$AHEAD" "$(free_port)"
  once "campaign start" campaign start bench
  once "campaign cancel" campaign cancel bench
  scale_restart
  rm -rf "$WORK/copy" "$WORK/scale.$SIZE"
}

# A process is killed while it sends; seconds until another is ready.
scale_restart() {
  scale_copy "$SIZE"
  sink; set_relay "$INSTALLATION" "$AHEAD" "$SINK"
  ours campaign start bench >"$WORK/log" 2>&1
  WEB=$(free_port)
  serve_again
  await 120 "20,000 messages from the process that is to be killed" sends_some || return 1
  kill -9 "$SERVING"; wait "$SERVING" 2>/dev/null || true
  local began; began=$(date +%s.%N)
  serve_again
  await 60 "a healthy answer after the kill" is_healthy || return 1
  keep "restart after a kill, s" "$(calc "$(date +%s.%N) - $began")"
  kill -9 "$SERVING"; wait "$SERVING" 2>/dev/null || true
}
serve_again() {
  "$SENDOFF" --data "$INSTALLATION" serve --listen "127.0.0.1:$WEB" --desk "127.0.0.1:$(free_port)" >"$WORK/serve.log" 2>&1 &
  SERVING=$!; SERVERS+=("$SERVING")
}

sends_some() { [ "$(sink_command XCOUNT | cut -d' ' -f2)" -gt $((SIZE < 40000 ? SIZE / 2 : 20000)) ]; }
is_healthy() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$WEB/healthz")" = 200 ]; }
# await SECONDS WHAT COMMAND…: repeats the command until it succeeds; says what is missing and how the log of `serve` ends when
# it does not.
await() {
  local limit=$1 what=$2 deadline; deadline=$(($(date +%s) + $1)); shift 2
  until "$@"; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      say "waited $limit s in vain for $what ($SIZE people); the log of serve ends with:"
      tail -5 "$WORK/serve.log" >&2
      return 1
    fi
    sleep 0.02
  done
}

# The limits at a million people; at another size the figure is given without one.
scale_limit() {
  case $1 in
    "segment save"*", s") echo 10 ;;
    "count by"*", s") echo 0.3 ;;
    "estimate by"*", s") echo 0.3 ;;
    "campaign start, peak MB" | "campaign cancel, peak MB") echo 40 ;;
    "overview, first look, s") echo 0.1 ;;
    "import that changes a seventh, s") echo 20 ;;
    "restart after a kill, s") echo 2 ;;
    *) echo - ;;
  esac
}

scale() {
  need sqlite3 sqlite3 && need curl curl || return 0
  : >"$WORK/scale.figures"
  local size name limit
  for size in $SIZES; do scale_size "$size"; done
  printf '%-42s' "people"; for size in $SIZES; do printf '%12s' "$size"; done; printf '%10s %8s\n' "power" "limit"
  cut -f1 "$WORK/scale.figures" | awk '!seen[$0]++' | while read -r name; do
    limit=$(scale_limit "$name")
    awk -F'\t' -v name="$name" -v limit="$limit" '$1 == name { value[++n] = $3; size[n] = $2 } END {
      printf "%-42s", name
      for (i = 1; i <= n; i++) printf "%12.3f", value[i]
      power = n > 1 && value[1] > 0 && value[n] > 0 ? log(value[n] / value[1]) / log(size[n] / size[1]) : 0
      printf "%10.2f %8s%s\n", power, limit, limit == "-" || size[n] < 1000000 ? "" : value[n] <= limit ? " yes" : " NO" }' "$WORK/scale.figures"
  done | tee -a "$WORK/table"
}
