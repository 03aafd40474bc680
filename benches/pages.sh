# How long each page of the desk takes: every GET route of the table of routes, at SIZE people with three campaigns of the past
# for each of them and a thousand small ones. Sourced by benches/run; SQLite, and PostgreSQL where PAGES_POSTGRES names an empty one.

# Campaigns beside the large ones, and how often each page is asked for.
SMALL_CAMPAIGNS=${SMALL_CAMPAIGNS:-1000}
ASKED=${ASKED:-7}

# pages: a table of pages with the median, the slowest, and the CPU time of the server, in ms.
pages() {
  local size=${SIZE:-300000}
  need sqlite3 sqlite3 && need curl curl || return 0
  scale_installation "$size"
  small_campaigns | sqlite3 "$INSTALLATION/sendoff.db" >/dev/null
  ours segment save bench 'city = "Kazan" and age >= 30 and not opened(any, 90 days)' >"$WORK/log" 2>&1
  measure_pages "SQLite, $size people"
  [ -n "${PAGES_POSTGRES:-}" ] || return 0
  say "moving to PostgreSQL"
  ours store migrate --to "$PAGES_POSTGRES" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
  measure_pages "PostgreSQL, $size people"
}

small_campaigns() {
  cat <<SQL
pragma synchronous = off;
with recursive number (n) as (select 1 union all select n + 1 from number where n < $SMALL_CAMPAIGNS)
insert into campaign (id, workspace_id, name, format, list_id, state, created_at, launched_at, finished_at)
  select 1000 + n, (select id from workspace), 'small ' || n, 'md', (select id from list where name = 'Other'), 'finished', 0,
    unixepoch() * 1000 - n * 3600000, unixepoch() * 1000 - n * 3600000 from number;
insert into campaign_content (campaign_id, source)
  select id, (select source from campaign_content where length(source) > 0 limit 1) from campaign where id > 1000 and id <= 1000 + $SMALL_CAMPAIGNS;
insert into delivery_count (campaign_id, node, state, count)
  select k.id, 1, s.state, 100 from campaign k, (select 'planned' as state union all select 'accepted') s
   where k.id > 1000 and k.id <= 1000 + $SMALL_CAMPAIGNS;
SQL
}

# The paths of the table of routes, with keys of the installation in place of their parameters.
page_paths() {
  local list contact
  list=$(curl -s "$1/lists" | grep -o 'lists/[0-9]*' | head -1 | cut -d/ -f2)
  contact=$(curl -s "$1/people" | grep -o 'people/[0-9]*' | head -1 | cut -d/ -f2)
  tr -d '\n' <src/web/desk/routes.rs | grep -o 'route( *"[^"]*"' | cut -d'"' -f2 |
    sed -e "s|^/lists/{id}|/lists/$list|" -e "s|^/people/{id}|/people/$contact|" -e "s|^/campaigns/{id}|/campaigns/1|" \
      -e 's|{page}|start|' -e '/{/d' -e 's|^/segments/edit|&?name=bench|' -e 's|^/segments/remove|&?name=bench|' \
      -e 's|^/settings/fields/edit|&?name=city|'
  cat <<'PATHS'
/people?sort=-address
/people?list=News
/people?list=News&sort=address
/people?list=News&state=bounced
/people?segment=bench
/segments/edit?q=on("News") and (vip_unknown = 1)
/segments/edit?q=not clicked(any, 30 days)
/campaigns/1/recipients?state=opened
/campaigns/1/recipients?state=rejected
/reports/compare?c=past 1&c=past 2
PATHS
}

# measure_pages TITLE: prints the table.
measure_pages() {
  local path base times before cpu status desk
  desk=$(free_port)
  "$SENDOFF" --data "$INSTALLATION" serve --listen "127.0.0.1:$(free_port)" --desk "127.0.0.1:$desk" >"$WORK/serve.log" 2>&1 & SERVERS+=($!)
  SERVING=$!
  await_port "$desk"
  base="http://127.0.0.1:$desk/w/main"
  printf '\n%s\n%-52s %8s %8s %8s\n' "$1" page median slowest CPU
  while read -r path; do
    path=${path// /%20}; path=${path//\"/%22}
    status=$(curl -s -o /dev/null -w '%{http_code}' "$base$path")
    case $status in 200 | 422) ;; *) continue ;; esac
    before=$(ticks "$SERVING")
    times=$(for _ in $(seq "$ASKED"); do curl -s -o /dev/null -w '%{time_total}\n' "$base$path"; done)
    cpu=$(calc "($(ticks "$SERVING") - $before) * 1000 / $(getconf CLK_TCK) / $ASKED")
    sort -g <<<"$times" | awk -v path="$path" -v cpu="$cpu" \
      '{ v[NR] = $1 * 1000 } END { printf "%-52s %8.1f %8.1f %8.1f\n", path, v[int((NR + 1) / 2)], v[NR], cpu }'
  done < <(page_paths "$base" | sort -u) | tee -a "$WORK/pages"
  kill "$SERVING"; wait "$SERVING" 2>/dev/null || true
}
