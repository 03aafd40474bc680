# Carrying an installation to another store.
store-moving = The data of this installation are being carried to { $place }. Until that is done nothing is sent, imported or changed; people can leave all the same. Wait for it to end, go on with it when it was cut off (sendoff move --to …), or give it up: sendoff move --cancel
store-moved = The data that were here are now in { $place }. Start this command again without --database and SENDOFF_DATABASE; if the move was cut off at its last step, repeat it first: sendoff move --to …
store-arriving = Data from { $place } are still arriving in this database; it is not whole yet. Let the move end there first.
store-gone = The tables of this database are gone: its data have moved elsewhere and the old store was wiped. Start this command again without --database and SENDOFF_DATABASE.
store-elsewhere = The data of this installation are now in { $place }. Leave --database and SENDOFF_DATABASE out, or correct them. To use another database on purpose, remove the file { $file }.
store-other-folder = The data of this folder have moved to { $place }. Use that one: --data { $place }
store-file = The file { $file } cannot be read. It must have a line “now postgres://…” or “now here” that says where the data are.
copy-nul = The column { $column } of the table { $table } holds a character (U+0000) that PostgreSQL cannot keep.
table-kind = The column { $column } of the table { $table } has a type that Sendoff does not know. Who added it must remove it first.
table-key = The table { $table } has no primary key, so its rows cannot be carried over. Who added it must remove it first.
move-to = “{ $given }” is neither an address that begins with postgres:// nor a folder.
move-nowhere = Say where to: sendoff move --to postgres://user:password@host/name, or a folder. To remove a store that was kept: sendoff move --old wipe
move-twice = Another process is moving this installation, or filling that place, at this moment. Let it end.
move-elsewhere = A move to { $place } was begun and is not done. Go on with it: sendoff move --to … with that address. Or give it up first: sendoff move --cancel
move-occupied = { $place } is not empty. A move fills an empty database or a folder without one; nothing was changed.
move-half = { $place } holds the half of another move, from { $from }. Let that one end, or give it up with: sendoff move --cancel --to … Nothing was changed.
move-old = { $place } holds data that have moved away from there and were kept. Remove them first: sendoff move --old wipe
move-target-away = { $place } does not answer. Check that the server runs and that the address is right; nothing was changed.
move-target-login = The server does not let this user into { $place }. Check the user and password; nothing was changed.
move-target-missing = The server has no database { $place }. Make it there first; nothing was changed.
move-schema = { $place } does not have the same tables as this installation. Use the same version of Sendoff on both sides.
move-progress = What { $table } had come to cannot be read in the target. Give the move up and begin again: sendoff move --cancel --to …
move-mailers = A mailer did not end within 90 seconds. Stop every `sendoff serve` and `sendoff mail` of this database, and repeat.
move-differs = The two sides still differ after rows were carried over again. Something else writes to one of them: stop it and repeat.
move-none = No move is under way.
move-no-old = There is no old store to wipe.
move-old-in-use = The old store is in use again, or was replaced. Nothing was removed.
move-not-half = { $place } does not hold what this move had brought there. Nothing was removed.
move-cut = { $why }
    The move stands still where it is: people can leave, and nothing is sent or imported. Mend it and repeat the same command; it goes on from there. Or give it up: sendoff move --cancel
move-cancelled = The move is given up; this store is in use again. What had come to { $place } is still there, and it holds people’s data: drop that database or remove that folder’s sendoff.db.
move-cancelled-wiped = The move is given up; this store is in use again. What had come to { $place } is removed.
move-waiting = Waiting for mailers
move-carrying = Carrying
move-comparing = Comparing
move-compared = Counted and compared on both sides (table, rows, beginning of SHA-256):
move-left = { $count ->
    [one] { $count } goodbye came while rows were carried; it was carried out on both sides.
   *[other] { $count } goodbyes came while rows were carried; they were carried out on both sides.
}
move-done = The data are now in { $place }. Start sendoff serve again; leave --database and SENDOFF_DATABASE out.
move-there = The data are in { $place }.
move-kept = The old store is closed and kept. It holds people’s data, and who leaves from now on stays in it: remove it soon with: sendoff move --old wipe
move-wiped = The old store is removed: { $place }.
