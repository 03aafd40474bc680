# Letters whose fate the relay alone knows.
uncertain-none = No letter is uncertain.
uncertain-answer-lost = the connection broke before the relay answered
uncertain-mailer-died = the mailer ended before the relay answered
uncertain-held = held by hand
settled-accepted = { $count ->
    [one] 1 letter was
   *[other] { $count } letters were
} accepted: the log of the relay says so.
settled-rejected = { $count ->
    [one] 1 letter was
   *[other] { $count } letters were
} given up by the relay and { $count ->
    [one] counts
   *[other] count
} as rejected.
settled-resent = { $count ->
    [one] 1 letter is
   *[other] { $count } letters are
} sent again, with the bytes and the Message-ID it had.
settled-held = { $count ->
    [one] 1 letter stays
   *[other] { $count } letters stay
} uncertain and will not be sent again.
settled-missing = { $count ->
    [one] 1 letter is
   *[other] { $count } letters are
} not in the log, which covers the time. If every letter went to this relay, repeat with --resend-missing.
settled-outside = { $count ->
    [one] 1 letter lies
   *[other] { $count } letters lie
} outside the time of the log. Name the older and newer files too.
settled-uncertain = Uncertain now: { $count }.
maillog-none = No line of Postfix is in { $files }. Name the file that `postconf maillog_file` or your syslog writes, unpacked. Nothing was changed.
maillog-foreign = No letter of this installation is in { $files }: it is the log of another host. Name the log of the relay that `sendoff relay show` prints. Nothing was changed.
maillog-span = { $files } covers { $first } to { $last } and names none of the uncertain letters. It would have to reach from { $from } to { $to }; name the older or newer files too. Nothing was changed.
# Several machines, stopped machines, restored databases.
setting-lease-term = seconds after which a mailer that does not report is taken for dead, 2 to 600
lease-lost = The lease of this mailer ran out: it was stopped, or cut off from the database, for longer than `lease-term`. Others may have settled what it held, so it wrote nothing more. Start it again.
paused-restored = The database is older than what was sent from this folder: a backup was put back, or a replica took over that lacks the last moments. Some letters may be out that the database does not know of. Compare with the log of the relay, then resume or cancel the campaign.
paused-stray = A delivery of this campaign has the state “{ $word }”, which does not exist: the database was changed by hand or is damaged. The other letters are out. Put a backup back, or set the state of that row to uncertain, then resume the campaign.
