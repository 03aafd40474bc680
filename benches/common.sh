# Shared by all figures: tools, servers, installations with contacts, the table.
# Sourced by benches/run; every path is below $WORK, every process in $SERVERS is ended at exit.

WORK=$(mktemp -d "${TMPDIR:-/tmp}/sendoff-bench.XXXXXX")
chmod 711 "$WORK"
SERVERS=()
SENDOFF=${SENDOFF:-target/release/sendoff}
PAIRS=${PAIRS:-5}
RECIPIENTS=${RECIPIENTS:-50000}
CONNECTIONS=20
# Marked deliveries that a connection may hold, unless it is 1.
AHEAD=${AHEAD:-20}
# Messages of the two runs whose difference is counted.
FEW=1000
MORE=${MORE:-10000}
PG=

tidy() {
  for server in "${SERVERS[@]}"; do kill "$server" 2>/dev/null || true; done
  [ -z "$PG" ] || as_postgres "$PG/pg_ctl -D $WORK/pg/data -m immediate stop" >/dev/null 2>&1 || true
  wait 2>/dev/null || true
  rm -rf "$WORK"
}
trap tidy EXIT
trap 'exit 130' INT TERM

say() { printf '\n── %s\n' "$*" >&2; }
calc() { awk "BEGIN { printf \"%.6g\", $1 }"; }
median() { printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# need COMMAND PACKAGE: installs a Debian package where its command is missing, or leaves the figure out.
need() {
  PATH=$PATH:/usr/sbin
  command -v "$1" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing $2"
    [ -e "$WORK/updated" ] || { apt-get update -qq && touch "$WORK/updated"; } >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1 || true
  fi
  command -v "$1" >/dev/null 2>&1 && return
  say "$1 is missing: install the package $2 for these figures"
  return 1
}

# row NAME OURS YARD RATIO GOAL: the goal is like ">= 2" or "<= 0.6" of
# the ratio, or "-" for a figure without a goal.
head_row() { printf '%-46s %12s %12s %9s  %-9s %s\n' figure ours yardstick ratio goal pass; }
row() {
  local pass=-
  [ "$5" = - ] || pass=$(awk "BEGIN { print ($4 $5) ? \"yes\" : \"NO\" }")
  printf '%-46s %12s %12s %9.3f  %-9s %s\n' "$1" "$2" "$3" "$4" "$5" "$pass" | tee -a "$WORK/table"
}
# Three significant digits, or whole numbers from 100.
show() { awk -v x="$1" 'BEGIN { printf (x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : "%.3f"), x }'; }

free_port() {
  local port=$((20000 + RANDOM % 20000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
await_port() {
  for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.05; done
  say "nothing listens on port $1"; return 1
}

# built ARGUMENTS of cargo…: the path of the helper that this builds.
built() {
  cargo "$@" --locked --message-format=json 2>/dev/null | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1
}

# sink [DELAY]: starts the fast sink and sets SINK, its port. It is always optimized: a relay that is slower than the program
# makes commits smaller, and then more statements a message are counted.
sink() {
  : "${SINK_BIN:=$(built build --release --package sink)}"
  SINK=$(free_port)
  "$SINK_BIN" "127.0.0.1:$SINK" "${1:-0}" >/dev/null &
  SERVERS+=($!)
  await_port "$SINK"
}
# sink_command WORD: what the sink says to it.
sink_command() {
  local line
  exec 4<>"/dev/tcp/127.0.0.1/$SINK"
  read -r line <&4; printf '%s\r\n' "$1" >&4; read -r line <&4
  exec 4>&-
  printf '%s\n' "${line//$'\r'/}"
}
# sink_rate COUNT: messages a second by the sink's clock; fails unless it received COUNT.
sink_rate() {
  local code texts first last
  read -r code texts first last <<<"$(sink_command XCOUNT)"
  [ "$texts" = "$1" ] || { say "the sink has $texts messages of $1 ($code)"; return 1; }
  calc "($texts - 1) * 1e6 / ($last - $first)"
}

# email KB LINKS: a campaign file of about that size; with EMAIL_LANGUAGE=ru in Russian, and then KB is the size of the file.
email() {
  LC_ALL=C awk -v kb="$1" -v links="$2" -v language="${EMAIL_LANGUAGE:-en}" 'BEGIN {
    print "+++\nname = \"bench\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\""
    print "subject = \"The autumn collection\"\nlayout = \"newsletter\"\ntracking = \"individual\"\n+++"
    print "Dear {{ name | default(\"friend\") }},\n\nit is autumn in {{ city | default(\"town\") }}.\n"
    words = "The autumn collection has arrived, and with it come warm coats, soft scarves and boots for the rain. "
    # The text occurs in the HTML part and in the text part.
    each = int((kb * 1024 - 3000) / links / length(words) / 2)
    if (language == "ru") {
      words = "Осенняя коллекция уже в магазине: тёплые пальто, мягкие шарфы и сапоги для дождливых дней. "
      each = int((kb * 1024 - 1500) / links / length(words))
    }
    for (i = 1; i <= links; i++) {
      printf "## Part %d\n\n", i
      for (j = 0; j < each; j++) printf "%s", words
      printf "\n\n[See part %d](https://shop.example.org/part/%d?utm_source=news)\n\n", i, i
    }
    print "Yours, {{ name | default(\"friend\") }}"
  }'
}

# people COUNT: a CSV file of contacts.
people() {
  awk -v n="$1" 'BEGIN { split("Paris Berlin Kazan Moscow London Madrid Rome Oslo", city, " "); print "email,name,city"
    for (i = 1; i <= n; i++) printf "reader%d@mail%d.example.org,Name %d,%s\n", i, i % 97, i, city[1 + i % 8] }'
}

# installation KB LINKS PEOPLE: an installation whose campaign has not been started; sets INSTALLATION,
# beside which stands the size of a message. Made once.
installation() {
  INSTALLATION=$WORK/installation.$1.$3${EMAIL_LANGUAGE:+.$EMAIL_LANGUAGE}
  [ -d "$INSTALLATION" ] && return
  say "an installation with $3 people"
  local our=("$SENDOFF" --data "$INSTALLATION" ${STORE:+--database "$STORE"})
  {
    "${our[@]}" init
    "${our[@]}" field add name text
    "${our[@]}" field add city text
    "${our[@]}" list add News
    people "$3" >"$WORK/people.csv"
    "${our[@]}" import "$WORK/people.csv" --list News --source bench --basis consent --proof bench --date 2026-01-01
    "${our[@]}" brand set --name Shop --address "1 Main Street, Springfield"
    "${our[@]}" settings set public-url https://news.example.org
    email "$1" "$2" >"$WORK/email.md"
    "${our[@]}" campaign add "$WORK/email.md"
    "${our[@]}" campaign preflight bench --json | grep -o '"bytes": *[0-9]*' | grep -o '[0-9]*' | sort -n | tail -1 >"$INSTALLATION.size"
  } >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
}
# started KB LINKS PEOPLE: the same with its campaign frozen.
started() {
  installation "$@"
  [ -e "$INSTALLATION.started" ] || "$SENDOFF" --data "$INSTALLATION" ${STORE:+--database "$STORE"} campaign start bench >"$WORK/log" 2>&1 ||
    { cat "$WORK/log" >&2; return 1; }
  touch "$INSTALLATION.started"
}
# set_relay FOLDER AHEAD PORT: points the installation at a relay.
set_relay() {
  "$SENDOFF" --data "$1" ${STORE:+--database "$STORE"} relay set smtp "smtp://127.0.0.1:$3" --connections "$CONNECTIONS" \
    --ahead "$2" >/dev/null
}

# timed FILE COMMAND…: runs it; FILE gets "seconds user system peak-KB".
timed() { local file=$1; shift; need time time && /usr/bin/time -f '%e %U %S %M' -o "$file" "$@"; }
# CPU microseconds a message of a file that `timed` wrote.
cpu() { awk -v n="$2" '{ print ($2 + $3) * 1e6 / n }' "$1"; }

# engine AHEAD PEOPLE PORT: sends a copy of $INSTALLATION; leaves $WORK/engine.time.
engine() {
  rm -rf "$WORK/copy"; cp -a "$INSTALLATION" "$WORK/copy"
  set_relay "$WORK/copy" "$1" "$3"
  timed "$WORK/engine.time" "$SENDOFF" --data "$WORK/copy" mail --until-idle >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
}
# source_of PEOPLE PORT BYTES: the yardstick of the same load; leaves $WORK/source.time.
source_of() { timed "$WORK/source.time" smtp-source -d -s "$CONNECTIONS" -m "$1" -l "$3" "127.0.0.1:$2"; }
# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }
start_postgres() {
  [ -z "$PG" ] || return 0
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql || return 1
  PG=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  PG_PORT=$(free_port)
  mkdir -p "$WORK/pg"
  [ "$(id -u)" != 0 ] || chown postgres "$WORK/pg"
  as_postgres "$PG/initdb -D $WORK/pg/data -A trust -U postgres -E UTF8 --locale=C" >/dev/null
  printf "port = %s\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nshared_buffers = 512MB\nmax_wal_size = 4GB\n" \
    "$PG_PORT" "$WORK/pg" | as_postgres "cat >> $WORK/pg/data/postgresql.conf"
  as_postgres "$PG/pg_ctl -D $WORK/pg/data -l $WORK/pg/log -w start" >/dev/null
}
sql() { "$PG/psql" -qAt "postgres://postgres@127.0.0.1:$PG_PORT/${2:-postgres}" -c "$1"; }
