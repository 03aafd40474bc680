# Health, metrics, workspaces, watching a campaign.
health-database-unreachable = The database does not answer. Unsubscribe requests are kept on disk; nothing is sent. Check that it runs and can be reached from here.
health-database-newer = A newer Sendoff has changed the tables. Start that version here, too.
health-lease-lost = This mailer holds no lease and sends nothing. It tries again every second; if this lasts, look at the database and at the clock.
health-mailer-exited = Sending has stopped ({ $cause }) and is retried with back-off, at least once a minute. The log has the reason.
health-disk-unreachable = The data folder does not answer. Check its disk.
health-disk-full = { $mib } MiB are free on the disk of the data folder. Free some space: unsubscribe requests may soon fail.
health-disk-scarce = { $mib } MiB are free on the disk of the data folder. Free some space before it is full.
health-pages-unavailable = SQLite was built without its table of pages (sqlite_dbpage): each erasure rewrites the whole database, and nothing else is written meanwhile. Build Sendoff with the settings of .cargo/config.toml.
health-unsubscribes-pending = { $count ->
    [one] { $count } unsubscribe request is pending
   *[other] { $count } unsubscribe requests are pending
} on disk; nothing is sent before they are carried out.
health-events-pending = { $count ->
    [one] { $count } open or click waits
   *[other] { $count } opens and clicks wait
} on disk for the database.
panicked = This failed because of a bug in Sendoff. The log says where; everything else goes on. Please report it.
health-panics = A bug in Sendoff was contained: { $count ->
    [one] { $count } failure
   *[other] { $count } failures
} since the start, the last in { $part ->
    [composer] composing a message
    [connection] a connection to a relay
    [round] the sending of a workspace
    [scheduler] the scheduler
    [start] the start of a campaign
   *[page] a page
    [journal] the execution of unsubscribe requests
    [recorder] the recording of opens and clicks
    [eraser] the erasure of files
}. What it met has a reason of its own, the rest goes on; the log says where.
health-events-lost = { $count ->
    [one] { $count } open or click was
   *[other] { $count } opens and clicks were
} lost since the start: the database did not answer and the disk was full.
health-campaigns-halted = { $count ->
    [one] { $count } campaign is
   *[other] { $count } campaigns are
} paused by an error ({ $causes }). The full reason: sendoff campaign ls
health-no-mailer = Messages are due and no mailer is running. Start one: sendoff serve --role mail
serve-metrics = Metrics and health: { $url }
workspace-unknown = There is no workspace “{ $name }”. There are: { $known }. Check --workspace and SENDOFF_WORKSPACE, or add one: sendoff workspace add NAME
workspace-taken = There is a workspace “{ $name }” already. Choose another name, or use it: --workspace { $name }
workspace-added = The workspace “{ $name }” was added. Work in it: sendoff --workspace { $name } …
watch-left = The display has ended; the campaign continues.
watch-numbers = accepted { $accepted } · rejected { $rejected } · in flight { $sending } · to be retried { $deferred }
watch-uncertain = { $count ->
    [one] { $count } message is
   *[other] { $count } messages are
} uncertain: only the relay knows.
watch-rate = { $rate } messages a second
watch-ends = { $rate } messages a second, finished at about { $time }
watch-again = The rest was deferred; the next retry is at { $time }.
