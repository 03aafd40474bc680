# Seen from outside: health, logs, watching.
health-database-unreachable = The database does not answer. Unsubscribe requests are kept on disk; nothing is sent. Check that it runs and can be reached from here.
health-database-newer = A newer Sendoff has changed the tables. Start that version here, too.
health-lease-lost = This mailer holds no lease and sends nothing. It tries again every second; if this lasts, look at the database and at the clock.
health-mailer-exited = Sending has stopped ({ $cause }) and is retried with back-off, at least once a minute. The log has the reason.
health-disk-unreachable = The data folder does not answer. Check its disk.
health-disk-full = { $mib } MiB are free on the disk of the data folder. Free some space: unsubscribe requests may soon fail.
health-disk-scarce = { $mib } MiB are free on the disk of the data folder. Free some space before it is full.
health-unsubscribes-pending = { $count ->
    [one] { $count } unsubscribe request is pending
   *[other] { $count } unsubscribe requests are pending
} on disk; nothing is sent before they are carried out.
health-events-pending = { $count ->
    [one] { $count } open or click waits
   *[other] { $count } opens and clicks wait
} on disk for the database.
health-events-lost = { $count ->
    [one] { $count } open or click was
   *[other] { $count } opens and clicks were
} lost since the start: the database was away and the disk full.
health-campaigns-halted = { $count ->
    [one] { $count } campaign is
   *[other] { $count } campaigns are
} paused by an error ({ $causes }). The full reason: sendoff campaign ls
health-no-mailer = Messages are due and no mailer is running. Start one: sendoff serve --role mail
serve-metrics = Metrics and health: { $url }
workspace-unknown = There is no workspace “{ $name }”. There are: { $known }. Check --workspace and SENDOFF_WORKSPACE, or make one: sendoff workspace add NAME
workspace-taken = There is a workspace “{ $name }” already. Choose another name, or use it: --workspace { $name }
workspace-added = The workspace “{ $name }” is there. Work in it: sendoff --workspace { $name } …
watch-left = The watching has ended; the campaign goes on.
watch-numbers = accepted { $accepted } · rejected { $rejected } · on the wire { $sending } · to be tried again { $deferred }
watch-uncertain = { $count ->
    [one] { $count } letter is
   *[other] { $count } letters are
} uncertain: the relay alone knows.
watch-rate = { $rate } letters a second
watch-ends = { $rate } letters a second, through at about { $time }
watch-again = What is left was refused for now; the next try is at { $time }.
