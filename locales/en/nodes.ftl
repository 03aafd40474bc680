# Uncertain deliveries.
uncertain-none = No delivery is uncertain.
uncertain-answer-lost = the connection failed before the relay replied
uncertain-mailer-died = the mailer ended before the relay replied
uncertain-held = held manually
settled-accepted = { $count ->
    [one] 1 message was
   *[other] { $count } messages were
} accepted according to the log of the relay.
settled-rejected = { $count ->
    [one] 1 message was
   *[other] { $count } messages were
} bounced by the relay and { $count ->
    [one] counts
   *[other] count
} as rejected.
settled-resent = { $count ->
    [one] 1 message is
   *[other] { $count } messages are
} sent again, with the same bytes and Message-ID.
settled-held = { $count ->
    [one] 1 message stays
   *[other] { $count } messages stay
} uncertain and will not be sent again.
settled-missing = { $count ->
    [one] 1 message is
   *[other] { $count } messages are
} not in the log, which covers the time. If every message went to this relay, repeat with --resend-missing.
settled-outside = { $count ->
    [one] 1 message is
   *[other] { $count } messages are
} outside the period of the log. Name the older and newer files too.
settled-uncertain = Uncertain now: { $count }.
maillog-none = { $files } has no line of Postfix. Name the file that `postconf maillog_file` or your syslog writes, uncompressed. Nothing was changed.
maillog-foreign = { $files } has no message of this installation: it is the log of another host. Name the log of the relay that `sendoff relay show` prints. Nothing was changed.
maillog-span = { $files } covers { $first } to { $last } and has none of the uncertain messages. It would have to cover { $from } to { $to }; name the older or newer files too. Nothing was changed.
# Leases and restored databases.
setting-lease-term = seconds after which a mailer that does not renew its lease counts as dead, { $least } to { $most }
setting-erasure-hours = PostgreSQL: hours after an erasure within which the bytes leave the files of the database, { $least } (at once) to { $most }; “sendoff serve” does it
lease-lost = The lease of this mailer expired: it was suspended, or cut off from the database, for longer than `lease-term`. Other mailers may have recovered its deliveries, so it wrote nothing more. Start it again.
paused-restored = The database is older than what was sent from this data folder: a backup was restored, or a replica without the latest changes took over. Messages may have been sent that the database does not contain. Compare with the log of the relay, then resume or cancel the campaign.
paused-stray = A delivery of this campaign has the state “{ $word }”, which does not exist: the database was changed by hand or is damaged. The other messages were sent. Restore a backup, or set the state of that row to uncertain, then resume the campaign.
restore-awaited = An older copy of the database was put back. Nothing is sent until these machines have repeated the erasures of their logs: { $machines }. Start Sendoff there; for a machine that does not come back: sendoff machine forget NAME
machine-row = { $name } ({ $id })
machine-awaited = { $name } ({ $id }): its erasure log is awaited, nothing is sent until then
machine-none = No machine has used this database together with others.
machine-unknown = There is no machine “{ $name }”. There are: { $known }. See: sendoff machine ls
machine-forgotten = “{ $name }” is forgotten; sending does not wait for it. Erasures that only this machine knew are not repeated.
