# Seen from outside: health, logs, watching.
health-database-away = The database does not answer. Requests to leave are kept on disk; nothing is sent. See that it runs and can be reached from here.
health-database-newer = A newer Sendoff has changed the tables. Start that version here, too.
health-lease-lost = This mailer holds no lease and sends nothing. It tries again every second; if this lasts, look at the database and at the clock.
health-mailer-ended = Sending has ended ({ $cause }) and is tried again at growing distances, at least once a minute. The log says what was the matter.
health-disk-away = The data folder does not answer. Look at its disk.
health-disk-full = { $mib } MiB are left on the disk of the data folder. Make room: requests to leave may soon be refused.
health-disk-scarce = { $mib } MiB are left on the disk of the data folder. Make room before it is full.
health-goodbyes-waiting = { $count ->
    [one] { $count } request to leave waits
   *[other] { $count } requests to leave wait
} for the database; nothing is sent before that is done.
health-events-waiting = { $count ->
    [one] { $count } open or click waits
   *[other] { $count } opens and clicks wait
} on disk for the database.
health-events-lost = { $count ->
    [one] { $count } open or click was
   *[other] { $count } opens and clicks were
} lost since the start: the database was away and the disk full.
health-campaigns-halted = { $count ->
    [one] { $count } campaign stands
   *[other] { $count } campaigns stand
} still ({ $causes }). The reason in full: sendoff campaign ls
health-mailers-away = Letters are due and no mailer is alive. Start one: sendoff serve --role mail
serve-metrics = Metrics and health: http://{ $address }/metrics
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
