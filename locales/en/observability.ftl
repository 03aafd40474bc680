# Health, metrics, workspaces, watching a campaign.
health-database-unreachable = The database does not answer. Unsubscribe requests are kept on disk; nothing is sent. Check that it runs and can be reached from here.
health-restore-awaited = An older copy of the database was put back; nothing is sent until these machines have repeated their erasures: { $machines }. For one that does not come back: sendoff machine forget NAME
health-database-newer = A newer Sendoff has changed the tables. Start that version here, too.
health-lease-lost = This mailer holds no lease and sends nothing. It tries again every second; if this lasts, look at the database and at the clock.
health-mailer-exited = Sending has stopped ({ $cause }) and is retried with back-off, at least once a minute. The log has the reason.
health-disk-unreachable = The data folder does not answer. Check its disk.
health-disk-full = { $mib } MiB are free on the disk of the data folder. Free some space: unsubscribe requests may soon fail.
health-disk-scarce = { $mib } MiB are free on the disk of the data folder. Free some space before it is full.
health-wal-long = The write-ahead log of the database has { $mib } MiB: a program that has been reading the database for long keeps it, or a large transaction has just been written. Until it is shorter, the cleaning of pages and the indexing of fields rest. If it does not become shorter, end that program.
health-erasure-overdue = Bytes of erased contacts should have left the files of the database by { $time }. The log of “sendoff serve” says what keeps them; docs/privacy.md lists the rights that the role needs.
health-pages-unavailable = SQLite was built without its table of pages (sqlite_dbpage): each erasure rewrites the whole database, and nothing else is written meanwhile. Build Sendoff with the settings of .cargo/config.toml.
health-unsubscribes-pending = { $count ->
    [one] { $count } unsubscribe request is pending
   *[other] { $count } unsubscribe requests are pending
} on disk; nothing is sent before they are carried out.
health-events-pending = { $count ->
    [one] { $count } open or click waits
   *[other] { $count } opens and clicks wait
} on disk: { $cause ->
    [away] the database does not answer. They are written when it does.
    [fast] they come faster than the database takes them. They are written as it catches up; reports lag until then.
   *[backlog] they are being written to the database.
}
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
} lost since the start: { $cause ->
    [slow] they came faster than the disk took them.
   *[disk] the database did not take them and the disk refused them. Check its space and its rights.
} The reports of their campaigns say by how much their numbers are low.
health-requests-set-aside = { $count ->
    [one] { $count } unsubscribe request
   *[other] { $count } unsubscribe requests
} could not be carried out and { $count ->
    [one] is
   *[other] are
} set aside; nothing is sent to these people. See the reasons with: sendoff set-aside ls. Then: sendoff set-aside retry
health-events-set-aside = { $count ->
    [one] { $count } open or click
   *[other] { $count } opens and clicks
} could not be written and { $count ->
    [one] is
   *[other] are
} set aside. See the reasons with: sendoff set-aside ls. Then: sendoff set-aside retry, or dismiss
summary-lost = { $count ->
    [one] { $count } open or click
   *[other] { $count } opens and clicks
} could not be stored: opens and clicks are low by up to this number.
summary-set-aside = { $count ->
    [one] { $count } open, click or request of the recipients is
   *[other] { $count } opens, clicks or requests of the recipients are
} set aside. See: sendoff set-aside ls
set-aside-none = Nothing is set aside.
set-aside-counts = { $events ->
    [one] { $events } open or click
   *[other] { $events } opens and clicks
} and { $requests ->
    [one] { $requests } request
   *[other] { $requests } requests
} of recipients are set aside.
set-aside-ended = processed: { $processed }, dismissed: { $dismissed }, failed again: { $failed }
set-aside-unknown = Nothing is set aside under the number { $id }. See: sendoff set-aside ls
set-aside-damaged = The line is damaged and was not kept, so it cannot be processed again. Remove it from the list: sendoff set-aside dismiss NUMBER
spool-line-long = The line is longer than any that Sendoff writes.
spool-line-cut = The line is cut off: it was being written when the process or the machine stopped.
spool-line-bytes = The line holds bytes that are no text.
spool-line-other = The line is none that Sendoff writes.
spool-line-kind = The line names a kind of event that this version does not know. Install the newer version that wrote it, then retry.
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
health-audit-unwritten = { $count } entries of the audit log could not be written since the start; see the log for the reason, usually a full disk or a read-only folder
