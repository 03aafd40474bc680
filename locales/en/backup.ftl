# Backups and their return.
backup-done = Backup written: { $file } ({ $people ->
    [one] { $people } person
   *[other] { $people } people
    }, { $bytes } bytes, encrypted). Keep the private key on another machine, and rehearse: sendoff restore --rehearse { $file } --identity KEYFILE
backup-deleted = { $count ->
    [one] { $count } older backup was deleted.
   *[other] { $count } older backups were deleted.
    }
backup-key-made = The private key is in { $file }. Move it to another machine: whoever has it reads every backup, and without it none can be read. Encrypt backups to its public key:
    sendoff backup --to FOLDER --recipient { $key }
backup-no-recipient = Give the public key that the backup is encrypted to: --recipient age1…. Make a key pair with: sendoff backup --new-key FILE
backup-recipient = “{ $key }” in --recipient is not a public key of the age format. Public keys begin with age1; a private key does not belong here.
backup-identity = { $file } has no private key of the age format (a line that begins with AGE-SECRET-KEY-1). Give the file that “sendoff backup --new-key” made.
backup-key-inside = { $file } lies in the data folder. A private key beside the data does not protect their backups; name a file elsewhere.
backup-keep = --keep-days deletes old backups of a folder, and { $to } is not a folder. Name one in --to.
backup-other-key = { $file } was encrypted to another key. Give the private key that belongs to it with --identity.
backup-damaged = { $file } is damaged or is not a backup of Sendoff. Nothing was changed. Take another copy of it.
backup-newer = { $file } was made by a newer version of Sendoff. Nothing was changed. Restore it with that version.
restore-occupied = { $data } holds an installation already. Nothing was changed. Name another folder with --data, or replace its database with --replace; its erasure log stays, and whoever was erased since stays erased.
restore-other = The backup was made of another installation than the one in { $data }. Nothing was changed. Name another folder with --data.
restore-other-journal = The erasure log in { $folder } belongs to another installation. Nothing was changed. Give the journal folder of the installation that the backup was made of.
restore-no-log = { $file } is missing or has no erasures. Nothing was changed. Give the journal folder of the installation that the backup was made of.
restore-database-used = { $place } holds data. Nothing was changed. Create an empty database and name it with --database.
restore-done = The backup of { $time } is restored: { $place }, { $people ->
    [one] { $people } person
   *[other] { $people } people
    }. { $erased ->
    [0] Nobody in it has been erased since, as far as is known.
    [one] { $erased } person who left since was erased again.
   *[other] { $erased } people who left since were erased again.
    } Sessions of the staff have ended.
restore-halted = { $count ->
    [one] { $count } campaign is paused or a draft again
   *[other] { $count } campaigns are paused or drafts again
    }. Whoever was mailed after the backup is pending in it: compare with the log of the relay before you resume.
restore-locked = Nothing is sent yet: who was erased after the backup is known only from the erasure log of the lost installation. If its journal folder is saved, give it: sendoff restore --journal DIR. If it is lost for good: sendoff machine forget lost-installation
restore-repeated = { $erased ->
    [0] Nobody had to be erased again.
    [one] { $erased } person was erased again.
   *[other] { $erased } people were erased again.
    } Sending is possible.
restore-rehearsed = The backup of { $time } can be restored: { $rows } rows were read, { $people ->
    [one] { $people } person
   *[other] { $people } people
    } would be there. { $erased ->
    [0] Nobody in it has been erased since.
    [one] { $erased } person who left since was erased from the copy.
   *[other] { $erased } people who left since were erased from the copy.
    } The copy is removed.
