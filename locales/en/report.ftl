# Reports and exports.
export-bar = Exporting
export-done = { $rows ->
    [0] There was nothing to export; { $file } has the header only.
    [one] { $rows } row is in { $file }.
   *[other] { $rows } rows are in { $file }.
}
export-remainder = { $rows ->
    [one] { $rows } further row counts
   *[other] { $rows } further rows count
} people who were erased or are restricted, without naming them, so that the rows add up to the summary.
export-next = For only what is new next time: --since { $since }
export-since = “{ $text }” is no time for --since. Give the time that the last export printed, such as 2026-12-01T09:30:00.000Z.
export-since-kind = --since is not possible for { $kind }. It is for: { $kinds }. Export { $kind } whole.
export-parquet = This build of sendoff has no Parquet: it needs the feature “parquet” (cargo build --release --features parquet). CSV and NDJSON have the same rows.
export-excel-format = --excel is for CSV, not for { $format }. Leave out --excel, or use --format csv.
# What Excel puts between the cells of a CSV file in this language: a semicolon where decimals have a comma.
excel-separator = ,
rate-decimal-sign = .
rate-percent = { $number }%
rate-accepted = accepted, of those planned
rate-rejected = rejected (bounce rate), of accepted and rejected
rate-opens = opened at least once, of those accepted
rate-clicks = clicked at least once, of those accepted
rate-clicks-of-opens = clicked at least once, of those opened
rate-unsubscribed = unsubscribed, of those accepted
compare-launched = launched (day, UTC)
