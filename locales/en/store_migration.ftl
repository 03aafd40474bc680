# Moving an installation to another store.
store-moving = The data of this installation is being copied to { $place }. Until that is finished nothing is sent, imported or changed; unsubscribing works. Wait for the move to finish, resume it if it was interrupted (sendoff move --to …), or cancel it: sendoff move --cancel
store-moved = The data that was here is now in { $place }. Start this command again without --database and SENDOFF_DATABASE; if the move was interrupted in its last step, repeat it first: sendoff move --to …
store-arriving = Data from { $place } is still being copied into this database, so it is incomplete. Let that move finish first.
store-wiped = The tables of this database are gone: its data has moved to another store and the old store was wiped. Start this command again without --database and SENDOFF_DATABASE.
store-elsewhere = The data of this installation is now in { $place }. Leave out --database and SENDOFF_DATABASE, or correct them. To use another database on purpose, remove the file { $file }.
store-other-folder = The data of this folder has moved to { $place }. Use that folder: --data { $place }
store-file = The file { $file } cannot be read. It must have a line “now postgres://…” or “now here” that names the store.
copy-nul = The column { $column } of the table { $table } holds a character (U+0000) that PostgreSQL cannot store. Correct that value in the old store, then repeat the move.
table-kind = The column { $column } of the table { $table } has a type that Sendoff does not know. Remove the column if you added it.
table-key = The table { $table } has no primary key, so its rows cannot be copied. Remove the table if you added it.
move-to = “{ $given }” is neither an address that begins with postgres:// nor a folder. If it is a folder, write ./ or its full path before the name.
move-no-target = Name the target: sendoff move --to postgres://user:password@host/name, or a folder. To remove an old store that was kept: sendoff move --old wipe
move-locked = Another process is moving this installation, or copying into that store. Let it finish.
move-elsewhere = A move to { $place } has started and is not finished. Resume it: sendoff move --to … with that address. Or cancel it first: sendoff move --cancel
move-occupied = { $place } is not empty. The target must be an empty database or a folder without one; nothing was changed.
move-partial = { $place } holds the data of another unfinished move, from { $from }. Let that move finish, or cancel it with: sendoff move --cancel --to … Nothing was changed.
move-previous = { $place } holds data that has moved to another store and was kept. Remove it first: sendoff move --old wipe
move-target-away = { $place } does not answer. Check that the server runs and that the address is right; nothing was changed.
move-target-login = The server refuses the login to { $place }. Check the user and password; nothing was changed.
move-target-missing = The server has no database { $place }. Create it first; nothing was changed.
move-schema = { $place } does not have the same tables as this installation. Use the same version of Sendoff for both.
move-progress = The progress of the table { $table } in the target cannot be read. Cancel the move and start again: sendoff move --cancel --to …
move-mailers = A mailer did not stop within { $seconds } seconds. Stop every `sendoff serve` and `sendoff mail` of this database, and repeat.
move-differs = Source and target still differ after rows were copied again. Another program writes to one of them: stop it and repeat.
move-not-started = No move has been started.
move-old-in-use = Process { $pid } still uses this installation: { $file } is locked. Nothing was removed. Stop that process, and repeat the command.
move-no-previous = There is no old store to wipe.
move-previous-in-use = The old store is in use again, or was replaced. Nothing was removed.
move-not-partial = { $place } does not hold the data of this move. Nothing was removed.
move-interrupted = { $why }
    The move is interrupted: unsubscribing works, nothing is sent or imported. Remove the cause and repeat the same command; it resumes there. Or cancel it: sendoff move --cancel
move-cancelled = The move is cancelled; this store is in use again. The data already copied to { $place } is still there, and it is personal data: drop that database or remove sendoff.db in that folder.
move-cancelled-wiped = The move is cancelled; this store is in use again. The data already copied to { $place } is removed.
move-waiting = Waiting for mailers
move-copying = Copying
move-comparing = Comparing
move-compared = Counted and compared in both stores (table, rows, beginning of SHA-256):
move-erased = { $count ->
    [one] { $count } erasure happened while rows were copied; it was repeated in the new store.
   *[other] { $count } erasures happened while rows were copied; they were repeated in the new store.
}
move-done = The data is now in { $place }. Start sendoff serve again; leave out --database and SENDOFF_DATABASE.
move-already-there = The data is in { $place }.
move-kept = The old store is closed and kept. It holds personal data, and contacts erased from now on stay in it: remove it soon with: sendoff move --old wipe
move-wiped = The old store is removed: { $place }.
