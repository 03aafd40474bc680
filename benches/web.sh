# Figures of the endpoints of recipients beside nginx and its empty_gif. Sourced by benches/run.

# Starts nginx with one worker that answers every request with a pixel; sets NGINX, its port.
nginx_pixel() {
  need nginx nginx-light && need wrk wrk || return 1
  NGINX=$(free_port)
  mkdir -p "$WORK/nginx"
  cat >"$WORK/nginx.conf" <<CONF
daemon off; master_process off; pid $WORK/nginx/pid; error_log $WORK/nginx/error.log;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path $WORK/nginx/body; proxy_temp_path $WORK/nginx/proxy; fastcgi_temp_path $WORK/nginx/fcgi;
  uwsgi_temp_path $WORK/nginx/uwsgi; scgi_temp_path $WORK/nginx/scgi; keepalive_requests 1000000;
  server { listen 127.0.0.1:$NGINX backlog=4096; location / { empty_gif; } } }
CONF
  nginx -e "$WORK/nginx/error.log" -c "$WORK/nginx.conf" & SERVERS+=($!)
  YARD=$!
  await_port "$NGINX"
}

# script METHOD BEFORE COLUMN AFTER: a wrk script that requests each token of $WORK/tokens in turn.
script() {
  cat <<LUA
local tokens, at = {}, 0
for line in io.lines("$WORK/tokens") do
  local word = {}
  for w in line:gmatch("%S+") do word[#word + 1] = w end
  tokens[#tokens + 1] = word[$3]
end
function request()
  at = at % #tokens + 1
  return wrk.format("$1", "$2" .. tokens[at] .. "$4", nil, "$1" == "POST" and "List-Unsubscribe=One-Click" or nil)
end
LUA
}

# load PORT PROCESS CONNECTIONS SECONDS: prints "requests-a-second p99-ms bad-answers CPU-µs-a-request".
load() {
  local before; before=$(ticks "$2"); set -- "$1" "$3" "$4" "$2"
  wrk -t1 -c"$2" -d"$3" --timeout 10s --latency -s "$WORK/load.lua" "http://127.0.0.1:$1" >"$WORK/wrk" 2>&1 || { cat "$WORK/wrk" >&2; return 1; }
  awk '/Requests\/sec/ { rps = $2 } $1 == "99%" { p = $2 + 0; if ($2 ~ /us$/) p /= 1000; else if ($2 !~ /ms$/) p *= 1000 }
    /Non-2xx/ { bad = $NF } / requests in / { n = $1 } END { print rps, p, bad + 0, used * 1e6 / n }' \
    used="$(calc "($(ticks "$4") - $before) / $(getconf CLK_TCK)")" "$WORK/wrk"
}
# CPU time of a process, in ticks.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# start_serve FOLDER: serves it; sets WEB, the port for recipients.
start_serve() {
  WEB=$(free_port)
  "$SENDOFF" --data "$1" serve --listen "127.0.0.1:$WEB" --desk "127.0.0.1:$(free_port)" >"$WORK/serve.log" 2>&1 & SERVERS+=($!)
  SERVING=$!
  await_port "$WEB"
}
stop_serve() { kill "$SERVING"; wait "$SERVING" 2>/dev/null || true; }

tokens() {
  : "${TOKENS_BIN:=$(built bench --no-run --bench tokens)}"
  "$TOKENS_BIN" "$1" "${2:-}" >"$WORK/tokens"
}

# against NAME CONNECTIONS GOAL P99-GOAL: the load of $WORK/load.lua on our server and on nginx in turn.
against() {
  local ours=() theirs=() ratios=() late=() yard=() lates=() costs=() dues=() rps p99 bad cost
  for _ in $(seq "$PAIRS"); do
    read -r rps p99 bad cost < <(load "$WEB" "$SERVING" "$2" "${SECONDS_EACH:-5}s")
    [ "$bad" = 0 ] || say "$1: $bad answers were neither 2xx nor 3xx"
    ours+=("$rps"); late+=("$p99"); costs+=("$cost")
    read -r rps p99 bad cost < <(load "$NGINX" "$YARD" "$2" "${SECONDS_EACH:-5}s")
    theirs+=("$rps"); yard+=("$p99"); dues+=("$cost")
    ratios+=("$(calc "${ours[-1]} / ${theirs[-1]}")"); lates+=("$(calc "${late[-1]} / ${yard[-1]}")")
  done
  row "$1, requests/s" "$(show "$(median "${ours[@]}")")" "$(show "$(median "${theirs[@]}")")" "$(median "${ratios[@]}")" "$3"
  row "$1, p99 ms" "$(show "$(median "${late[@]}")")" "$(show "$(median "${yard[@]}")")" "$(median "${lates[@]}")" "$4"
  row "$1, CPU µs" "$(show "$(median "${costs[@]}")")" "$(show "$(median "${dues[@]}")")" \
    "$(calc "$(median "${costs[@]}") / $(median "${dues[@]}")")" -
}

# The pixel and the redirect, with 2,000 messages' tokens.
web() {
  nginx_pixel || return 0
  started 5 5 2000
  rm -rf "$WORK/web"; cp -a "$INSTALLATION" "$WORK/web"
  tokens "$WORK/web"
  "$SENDOFF" --data "$WORK/web" campaign pause bench >/dev/null
  start_serve "$WORK/web"
  script GET /o/ 1 .gif >"$WORK/load.lua"; against "pixel, token checked, event durable" 64 ">= 0.85" "<= 1.5"
  script GET /c/ 2 /1 >"$WORK/load.lua"; against "click, redirect" 64 ">= 0.7" "-"
  stop_serve
  local kept; kept=$(sqlite3 "$WORK/web/sendoff.db" "select count(*) from event")
  say "$kept events are on disk"
}

# One-click unsubscribe requests while a campaign is sent; each recipient once.
unsubscribe() {
  nginx_pixel || return 0
  sink
  local n=$RECIPIENTS yard rps p99 bad cost nothing left
  started 5 5 "$n"
  rm -rf "$WORK/web"; cp -a "$INSTALLATION" "$WORK/web"
  # The last recipients unsubscribe first, so that the campaign has messages to send throughout.
  tokens "$WORK/web"; tac "$WORK/tokens" >"$WORK/turned"; mv "$WORK/turned" "$WORK/tokens"
  CONNECTIONS=4 set_relay "$WORK/web" 1 "$SINK"; sink_command XRESET >/dev/null
  start_serve "$WORK/web"
  script POST /u/ 3 "" >"$WORK/load.lua"
  sleep 0.5
  read -r rps p99 bad cost < <(load "$WEB" "$SERVING" 256 "${SECONDS_EACH:-5}s")
  read -r nothing left nothing < <(sink_command XCOUNT)
  stop_serve
  read -r yard nothing nothing < <(load "$NGINX" "$YARD" 256 "${SECONDS_EACH:-5}s")
  say "$left messages were sent meanwhile; $bad requests failed"
  row "one-click unsubscribe, c=256, requests/s" "$(show "$rps")" "$(show "$yard")" "$(calc "$rps / $yard")" ">= 0.3"
  row "one-click unsubscribe, CPU µs" "$(show "$cost")" - 1 -
  row "one-click unsubscribe, p99 ms against 50" "$(show "$p99")" 50 "$(calc "$p99 / 50")" "<= 1"
}
