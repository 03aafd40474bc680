# Files, the database, settings.
people = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
database-away = The database does not answer. Check that it runs and that the address is right, then repeat the command; nothing was lost.
database-url = The database address must begin with postgres:// or sqlite://.
database-full = The disk that holds the database is full. Free some space and repeat; everything confirmed so far is safe.
database-readonly = The database cannot be written to. Check the permissions of the data folder, then repeat.
database-busy = Another process is writing to the database and did not finish in 30 seconds. Repeat in a moment.
database-damaged = The database file is damaged or is not a database. Restore it from a backup.
database-unopenable = The database file cannot be opened. Check that the data folder exists and that you may write to it.
database-login = The database server does not let this user in. Check the user and password in --database.
database-missing = The database server has no such database. Create it there first, or correct the name in --database.
database-disk = The disk of the database cannot be written to: it is full, disconnected or damaged. Check it and repeat; everything confirmed so far is safe.
database-refused = The database refused the request; nothing was changed. The log on standard error says why (--log-level debug). Mend the cause and repeat.
database-value = The database refused a value, or holds one that cannot be read; nothing was changed. See the log.
value-unreadable = The database holds a value in column { $column } that cannot be read: it is missing or of another type. Nothing was changed; the log names the row where it is known.
ids-used-up = No row numbers are left: the database has refused new ones for some time. Repeat this when it can be written again.
database-newer = This database was written by a newer Sendoff. Install that version or a later one; nothing was changed.
database-altered = Migration { $version } of this database differs from the one in this program. Use the program that created the database.
database-migration = The tables could not be changed to those of this version; nothing was changed. The log on standard error says why. Mend the cause and start again, or start the former version.
io-not-found = { $what } does not exist. Check the path.
io-denied = You may not open { $what }. Check its permissions.
io-readonly = { $what } is on a read-only disk. Choose another place.
io-full = No space is left for { $what }. Free some space and repeat.
io-address-in-use = The address { $what } is used by another program. Choose another with --listen.
io-is-directory = { $what } is a folder, not a file.
io-failed = { $what } cannot be used: { $why }. Check the path and the disk, then repeat.
key-open-to-others = Other users of this machine can read the key file { $file }, and with it forge links of messages. Take that right away, then repeat: chmod 600 { $file }
key-damaged = The key file { $file } is damaged. Restore it from a backup: without it links in old messages and tombstones are lost.
unknown-word = “{ $word }” is not one of: { $known }.
setting-unknown = There is no setting “{ $name }”. There are: { $known }.
setting-value = “{ $value }” is not a value for { $name }, which is { $wanted }. Set it: sendoff settings set { $name } VALUE
