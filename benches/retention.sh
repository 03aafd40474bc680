# What a run of retention costs others at a size of the database, as a table: benches/run retention, with PEOPLE=1000000. SQLite.
# Needs scale.sh; the prober is that of erasure.py.

retention() {
  need python3 python3 && need sqlite3 sqlite3 && need curl curl || return 0
  local people=${PEOPLE:-1000000}
  scale_installation "$people"
  scale_copy "$people"
  cat >"$WORK/policy.toml" <<'POLICY'
jurisdiction = "eu"
[controller]
name = "Shop"
email = "privacy@shop.example"
[[edition]]
number = 1
dated = 2026-01-15
[edition.text]
en = "We mail news."
[[purpose]]
name = "marketing"
basis = "consent"
lists = ["News", "Other"]
fields = ["name", "city", "age", "plan", "score"]
text = { en = "I want news by e-mail." }
[measurement]
mode = "individual"
consent = "opt-out"
[retention]
events = 365
deliveries = 730
POLICY
  ours policy apply "$WORK/policy.toml" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; return 1; }
  WEB=$(free_port)
  serve_again
  await_port "$WEB"
  say "$people people, $(stat -c %s "$INSTALLATION/sendoff.db" | awk '{ printf "%.1f", $1 / 1e9 }') GB"
  python3 -B benches/retention.py "$SENDOFF" "$INSTALLATION" "$WEB" - | tee -a "$WORK/table"
  stop_serve
}
